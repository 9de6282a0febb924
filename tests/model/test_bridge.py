"""A message is data: it becomes an event, or is refused with a reason (B29, B30)."""

import json
import pickle
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.errors import Invalid
from procession.model.bridge import Address, BridgePlan, Cancel, Status, read_message, write_status
from procession.model.event import NewEvent

pytestmark = pytest.mark.feature("M52", "M53")

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def plan(**said: Any) -> BridgePlan:
    usual: dict[str, Any] = {"event": "reduction", "subscribe": ("/queue/in",), "key": "{instrument}-{run_number}"}
    return BridgePlan("isis", (Address("localhost", 61613),), **{**usual, **said})


def read(of: BridgePlan, said: Any) -> NewEvent | Cancel:
    return read_message(of, said if isinstance(said, bytes) else json.dumps(said).encode(), NOW)


def refused(of: BridgePlan, said: Any) -> str:
    with pytest.raises(Invalid) as found:
        read(of, said)
    assert "\n" not in str(found.value)
    return str(found.value)


GEM = {"instrument": "GEM", "run_number": 17}


def test_all_fields_become_parameters() -> None:
    found = read(plan(), {**GEM, "data": "/archive/gem17.nxs", "unknown": [1, {"a": None}]})
    assert isinstance(found, NewEvent)
    assert (found.name, found.key, found.source) == ("reduction", "GEM-17", "bridge:isis")
    assert found.params == {**GEM, "data": "/archive/gem17.nxs", "unknown": [1, {"a": None}]}


def test_fields_have_other_names_here_and_their_own_in_what_is_told() -> None:
    of = plan(key="{instrument}-{run}", fields=(("run_number", "run"), ("message", "error"), ("reduction_log", "log")))
    found = read(of, GEM)
    assert isinstance(found, NewEvent) and found.params == {"instrument": "GEM", "run": 17}
    said = json.loads(write_status(of, Status("failed", found.params, {"error": "no file", "log": "x", "host": None})))
    assert said == {**GEM, "status": "failed", "message": "no file", "reduction_log": "x"}


@pytest.mark.parametrize("name", ["script", "Script_Path", "argv", "ENV", "environment", "user", "run-as", "command"])
def test_a_field_that_would_say_what_is_executed_is_refused(name: str) -> None:
    assert name in refused(plan(accept_scripts=True), {**GEM, name: "x"})


def test_such_a_field_is_data_where_the_file_gives_it_another_name() -> None:
    found = read(plan(fields=(("user", "asked_by"),)), {**GEM, "user": "somebody"})
    assert isinstance(found, NewEvent) and found.params["asked_by"] == "somebody"


@pytest.mark.feature("M7")
def test_the_text_of_a_script_is_taken_only_where_the_file_says_so_and_is_never_sent_back() -> None:
    said = {**GEM, "reduction_script": "def main(input_file, output_dir): pass"}
    assert "accept_scripts" in refused(plan(), said)
    found = read(plan(accept_scripts=True), said)
    assert isinstance(found, NewEvent) and found.params["reduction_script"].startswith("def main")
    assert "reduction_script" not in json.loads(write_status(plan(), Status("started", found.params)))
    assert "text" in refused(plan(accept_scripts=True), {**GEM, "reduction_script": ["rm"]})


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "PYTHONPATH", "with space", ""])
def test_a_field_that_cannot_be_a_parameter_is_refused(name: str) -> None:
    assert "parameter" in refused(plan(), {**GEM, name: "x"})


BAD: list[bytes] = [
    b"", b"\0", b"hello", b"[1, 2]", b"17", b'{"instrument": "GEM", "run_number": NaN}',
    b'{"instrument": "GEM", "instrument": "HRPD", "run_number": 1}', b"[" * 100_000, b'{"a":' * 100_000,
    b'{"instrument": "G\xe9M", "run_number": 1}', '{"instrument": "GEM"}'.encode("utf-16"),
    pickle.dumps({"instrument": "GEM", "run_number": 1}), b"!!python/object/apply:os.system ['true']",
    b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap", b'{"instrument": "GEM", "run_number": 1e999}',
    b'{"instrument": "GEM", "run_number": ' + b"9" * 5_000 + b"}",
    b'{"instrument": "GE\\u0000M", "run_number": 1}', b'{"instrument": "\\ud800", "run_number": 1}',
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_what_is_no_object_of_json_is_refused_with_the_reason(body: bytes) -> None:
    assert refused(plan(), body)


def test_what_is_missing_is_said() -> None:
    assert "rb_number is missing" in refused(plan(required=("rb_number",)), GEM)
    assert "run_number" in refused(plan(), {"instrument": "GEM"})
    assert "rb" in refused(plan(one_at_a_time="rb:{rb_number}"), GEM)


@pytest.mark.feature("M84")
def test_retry_in_is_when_it_begins_and_no_parameter() -> None:
    found = read(plan(), {**GEM, "retry_in": 90})
    assert isinstance(found, NewEvent) and found.not_before == NOW + timedelta(seconds=90)
    assert "retry_in" not in found.params
    for wrong in ("soon", -1, True, 1e300):
        assert "retry_in" in refused(plan(), {**GEM, "retry_in": wrong})


@pytest.mark.feature("M16", "M50")
def test_priority_title_and_what_is_taken_alone_come_from_fields() -> None:
    of = plan(priority="urgency", title="{instrument} {what}", one_at_a_time="rb:{rb}")
    found = read(of, {**GEM, "urgency": 7, "what": "vanadium", "rb": 1820})
    assert isinstance(found, NewEvent)
    assert (found.priority, found.title, found.alone) == (7, "GEM vanadium", "rb:1820")
    without = read(of, {**GEM, "rb": 1820})
    assert isinstance(without, NewEvent) and (without.priority, without.title) == (None, "")
    assert "priority" in refused(of, {**GEM, "rb": 1, "urgency": "high"})


@pytest.mark.feature("M90")
def test_a_message_cancels_only_if_all_fields_are_as_the_file_says() -> None:
    of = plan(cancel_when=(("cancel", True), ("kind", "run")))
    assert read(of, {**GEM, "cancel": True, "kind": "run"}) == Cancel("reduction", "GEM-17")
    for other in ({"cancel": 1, "kind": "run"}, {"cancel": True}, {"cancel": "true", "kind": "run"}):
        assert isinstance(read(of, {**GEM, **other}), NewEvent)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_object_is_an_event_or_refused(said: dict[str, Any]) -> None:
    try:
        found = read(plan(), {**said, **GEM})
    except Invalid:
        return
    assert isinstance(found, NewEvent)
    json.loads(write_status(plan(), Status("started", found.params)))


def test_a_plan_survives_json() -> None:
    of = plan(fields=(("a", "b"),), publish=(("started", "/queue/x"),), cancel_when=(("cancel", True),), vhost="/")
    assert BridgePlan.from_raw(json.loads(json.dumps(asdict(of)))) == of
