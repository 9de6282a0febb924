"""Verbs on events, sets and messages."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from procession.commands import messages
from procession.commands.messages import Notice
from procession.errors import Invalid, NotFound
from tests.commands.asking import balanced
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.verbs.calling import SOMEBODY, ask

Drive = Callable[..., Driven]
TOML = """
[tasks.t]
on = "e"
run = "./one.sh {path}"

[sets.slot]
pieces = { event = "piece", by = "{time}", piece = "{n}", wanted = ["1", "2"] }
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML)


@pytest.mark.feature("P27", "M8")
def test_an_event_is_submitted_once_for_its_key(d: Driven) -> None:
    first = ask(d, "emit", event="e", params={"path": "/a"}, key="k", title="A")
    again = ask(d, "emit", event="e", params={"path": "/b"}, key="k")
    assert (first["duplicate"], first["processings"], first["source"]) == (False, [1], "http:ada")
    assert (again["duplicate"], again["conflict"], again["id"], again["processings"]) == (True, True, first["id"], [1])
    assert ask(d, "event", id=first["id"])["repeats"] == 1
    with pytest.raises(NotFound):
        ask(d, "event", id=99)


@pytest.mark.feature("P27")
def test_many_events_are_one_transaction(d: Driven) -> None:
    some = [{"event": "e", "params": {"path": str(n)}} for n in range(5)]
    assert len(ask(d, "emit-many", events=some)["items"]) == 5
    with pytest.raises(Invalid, match=r"event 4 of 5: .*path.*; none of them was stored"):
        ask(d, "emit-many", events=[*some[:3], {"event": "e"}, {"event": "e"}])
    assert len(ask(d, "list")["items"]) == 5
    assert balanced(d)
    with pytest.raises(Invalid, match="too many at once"):
        ask(d, "emit-many", events=[{"event": "e"}] * 1001)


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": 1}, {"event": "e", "params": []}, {"event": "e", "key": 3}, {"event": "e", "priority": "high"},
        {"event": "e", "backfill": 1}, {"event": "e", "not_before": "soon"}, {"event": "e", "nmae": "x"}, {},
        {"event": "e", "priority": True}, {"event": "timetable:t"}, {"event": "e", "key": "\0"},
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_its_field(d: Driven, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        ask(d, "emit-many", events=[wrong])
    assert ask(d, "events")["items"] == []
    assert balanced(d)


@pytest.mark.feature("P27")
def test_events_are_paged_and_chosen(d: Driven) -> None:
    for n in range(3):
        ask(d, "emit", event="e", params={"path": str(n)})
    lone = ask(d, "emit", event="nobody")
    page = ask(d, "events", limit=2)
    assert [e["id"] for e in page["items"]] == [lone["id"], lone["id"] - 1]
    assert [e["id"] for e in ask(d, "events", cursor=page["next"])["items"]] == [2, 1]
    assert [e["id"] for e in ask(d, "events", unmatched=True)["items"]] == [lone["id"]]
    assert [e["name"] for e in ask(d, "events", name="nobody")["items"]] == ["nobody"]


@pytest.mark.feature("M101")
def test_what_an_attempt_emits_by_a_verb_is_a_child_of_its_processing(d: Driven) -> None:
    parent = d.born(path="/a")
    script = replace(SOMEBODY, via="attempt", attempt=(parent, 1, 1))
    ask(d, "emit", script, event="e", params={"path": "/b"})
    assert ask(d, "show", id=parent)["children"] == [{"id": parent + 1, "state": "waiting"}]


@pytest.mark.feature("P27")
def test_sets_show_what_is_missing(d: Driven) -> None:
    ask(d, "emit", event="piece", params={"time": "12", "n": "2"})
    (slot,) = ask(d, "sets", name="slot")["items"]
    assert (slot["key"], slot["missing"]) == ("12", ["1"])
    with pytest.raises(NotFound):
        ask(d, "sets", name="nothing")


@pytest.mark.feature("P27")
def test_messages_are_read_in_the_name_of_who_read_them(d: Driven) -> None:
    with d.project.store.begin() as tx:
        messages.note(d.project, tx, [Notice("error", "t", "it is noisy")])
    (found,) = ask(d, "messages", unread=True)["items"]
    with pytest.raises(Invalid):
        ask(d, "read")
    assert ask(d, "read", ids=[found["id"]]) == {"read": 1}
    assert ask(d, "messages")["items"][0]["read_by"] == "ada"
    assert ask(d, "read", everything=True) == {"read": 0}
