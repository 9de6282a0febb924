"""The API is what it says of itself: every operation, driven by schemathesis against the real server."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from procession.verbs import instances, load
from tests.api.served import Served

EXAMPLES = 4
LEFT_OUT = frozenset({"stop", "clean"})
"""What would end or empty the project under test."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.allow_header_conformance,
]


@pytest.mark.feature("M102")
def test_the_description_names_every_verb(served: Served) -> None:
    document = served.ask("GET", "/api/v1/openapi.json").json
    described = {
        (method.upper(), path.removeprefix("/api/v1"), operation["operationId"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    by_hand = {("GET", "/stream", "stream"), ("GET", "/metrics", "metrics")}
    assert described == {(verb.method, verb.path, verb.name) for verb in load().values()} | by_hand
    assert document["openapi"].startswith("3.1")


@pytest.mark.feature("M102")
def test_the_description_says_what_is_answered(served: Served) -> None:
    """What is no JSON is not described as JSON, and what has a noun has its fields."""
    document = served.ask("GET", "/api/v1/openapi.json").json
    answers = {
        operation["operationId"]: next(o for status, o in operation["responses"].items() if status[0] == "2")["content"]
        for operations in document["paths"].values()
        for operation in operations.values()
    }
    raw = {name for name, content in answers.items() if "*/*" in content}
    assert raw == {"result", "instance-result"}
    assert set(answers["stream"]) == {"text/event-stream"}
    assert all(each["schema"] for name, content in answers.items() if name not in raw for each in content.values())
    nouns, born = document["components"]["schemas"], served.driven.born("echo")
    shown = served.ask("GET", f"/api/v1/processings/{born}").json
    assert set(nouns["Processing"]["required"]) <= shown.keys()
    event = served.ask("GET", f"/api/v1/events/{shown['event']}").json
    assert set(nouns["Event"]["required"]) <= event.keys()


def driving(served: Served, operation: Any, mode: GenerationMode) -> Callable[[], None]:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(mode))
    def drive(case: Any) -> None:
        case.call_and_validate(
            base_url=f"http://{served.host}", headers={"Authorization": f"Bearer {served.admin}"}, checks=CHECKS
        )

    return drive


@pytest.mark.feature("M102")
@pytest.mark.parametrize("name", sorted(load().keys() - LEFT_OUT))
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_every_operation_answers_as_it_says(
    served: Served, name: str, mode: GenerationMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B12, B15, B25, B26, B27, B33: whatever is sent, nothing fails inside; what is wrong is refused as a problem."""
    monkeypatch.setattr(instances, "LONGEST_WAIT", 0.1)  # who asks here has no minute
    document = served.ask("GET", "/api/v1/openapi.json").json
    for path, operations in document["paths"].items():
        document["paths"][path] = {m: o for m, o in operations.items() if o["operationId"] == name}
    document["paths"] = {path: operations for path, operations in document["paths"].items() if operations}
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not (operation.definition.raw["parameters"] or operation.body):
            continue  # nothing that could be wrong
        driving(served, operation, mode)()
