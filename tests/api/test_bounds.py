"""What no row can have is refused with a word, whoever asks and however; and an id may hold whatever a key may."""

from collections.abc import Iterator
from typing import Any

import pytest

from procession.commands import instances
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from procession.errors import Invalid
from procession.sdk.client import Client
from procession.verbs import Caller, call
from procession.verbs.groups import sifted
from tests.api.served import Served, serving

HUGE = 10**23
TOML = """
[tasks.sum]
outside = true
group = "sar"
[tasks.scene]
on = "scene"
run = "./one.sh"
"""
PATHS = [
    ("GET", f"/tasks/sum/instances?before={HUGE}", None), ("GET", f"/deliveries?before={HUGE}", None),
    ("POST", f"/deliveries/{HUGE}/redeliver", {}), ("GET", f"/processings/{HUGE}/wait", None),
    ("GET", f"/processings/{HUGE}/result", None), ("GET", f"/processings/{HUGE}", None),
    ("POST", "/tasks/sum/submissions", {"instances_": [{"key": "p", "priority": "high"}]}),
    ("POST", "/tasks/sum/submissions", {"instances_": [1]}), ("GET", "/tasks/sum/instances?limit=-5", None),
    ("GET", "/deliveries?limit=0", None), ("GET", "/processings/1_0", None), ("GET", "/processings/+1", None),
    ("GET", "/processings/%201", None), ("GET", "/processings/1.0", None), ("GET", "/processings?limit=1_0", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("bounds"), TOML) as made:
        yield made


@pytest.mark.feature("P27")
@pytest.mark.parametrize(("method", "path", "body"), PATHS, ids=[path for _, path, _ in PATHS])
def test_what_no_row_can_have_is_refused_with_a_word(site: Served, method: str, path: str, body: Any) -> None:
    """B12, B19."""
    for token in (site.admin, site.token("read", "trigger", "operate", groups=["sar"])):
        got = site.ask(method, f"/api/v1{path}", body, token=token)
        assert got.status == 400 or (got.status == 403 and "deliveries" in path), got


@pytest.mark.feature("P27")
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("emit", {"event": 7}), ("emit", {"event": "scene", "params": {"a": HUGE}}),
        ("emit", {"event": "scene", "params": {"a": float("nan")}}), ("list", {"limit": "20"}), ("show", {"id": True}),
    ],
)  # fmt: skip
def test_whoever_asks_here_is_told_the_same_as_over_http(site: Served, name: str, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        call(site.project, Caller("ada", "python"), name, given)


@pytest.mark.feature("P27")
def test_what_is_nested_too_deeply_is_refused_here_as_well(site: Served) -> None:
    deep: Any = []
    for _ in range(60):
        deep = [deep]
    with pytest.raises(Invalid, match="deeper"):
        call(site.project, Caller("ada", "python"), "emit", {"event": "scene", "params": {"a": deep}})


@pytest.mark.feature("P27")
@pytest.mark.parametrize("key", ["a/b", "..", ".", "../../etc/passwd", "a%2Fb", "a b?#é"])
def test_an_instance_is_reached_whatever_its_key_is(site: Served, key: str) -> None:
    instances.submit(site.project, "sum", NewInstance(key), Asked("x"))
    with Client(f"http://{site.host}", token=site.admin) as client:
        assert client.status("sum", key)["key"] == key
        if key == "a/b":
            assert client.lock(key)["name"] == key


@pytest.mark.feature("M111", "P29")
def test_what_users_put_into_parameters_and_outputs_is_not_sifted(site: Served) -> None:
    said = {"params": {"scene": 1, "list": [{"task": "scene"}]}, "outputs": {"one": {"scene": 2}}, "children": []}
    found = sifted(site.project, frozenset({"sar"}), "/processings/{id}", said)
    assert found == said
    items = {"items": [{"task": "scene"}, {"task": "sum", "params": {"scene": 1}}]}
    assert sifted(site.project, frozenset({"sar"}), "/processings", items)["items"] == items["items"][1:]
    tasks = call(site.project, Caller("x", "http", groups=frozenset({"sar"})), "tasks", {})["items"]
    assert [each["name"] for each in tasks] == ["sum"]
