"""Sets: pieces come in any order, a complete slot is one event, a slot whose time is over says what is missing."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from procession.commands import keys, messages, sets
from procession.commands.asked import Asked
from procession.commands.events import submit, submit_all
from procession.errors import Invalid, NotFound
from procession.model.event import NewEvent
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("N9")

SLOT = """
[sets.slot]
[sets.slot.pieces]
event = "segment"
by = "{sat}-{time}"
piece = "{segment}"
wanted = 4
critical = ["prologue"]
timeout = "10 min"

[tasks.scene]
on = "slot"
run = "./one.sh {sat}"
"""
PIECES = ("1", "2", "3", "4", "prologue")


def bring(d: Driven, *names: str, slot: str = "1200", **params: Any) -> None:
    for name in names:
        given = {"sat": "L8", "time": slot, "segment": name, **params}
        submit(d.project, NewEvent("segment", given, f"{slot}-{name}", source="test"))


def became(d: Driven) -> list[dict[str, Any]]:
    """Parameters of the events that slots have become."""
    return [json.loads(row[0]) for row in d.rows("SELECT params FROM event WHERE name = 'slot' ORDER BY id")]


def test_a_complete_slot_is_one_event_at_once_whatever_the_order(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    names = list(PIECES)
    random.Random(1).shuffle(names)
    bring(d, *names[:-1])
    assert became(d) == []
    bring(d, names[-1])
    (params,) = became(d)
    assert params == {"sat": "L8", "time": "1200", "pieces": list(PIECES), "missing": [], "complete": True}
    assert d.rows("SELECT key FROM event WHERE name = 'slot'")[0][0] == "L8-1200"
    assert d.rows("SELECT count(*) FROM processing WHERE task = 'scene'")[0][0] == 1


@pytest.mark.feature("M90", "N9")
def test_what_was_cancelled_before_it_came_is_no_piece(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    assert keys.cancel(d.project, "segment", "1200-3", who=Asked("somebody")).state == "before"
    bring(d, *PIECES)
    assert became(d) == []
    d.after(601)
    d.turn()
    (params,) = became(d)
    assert params["pieces"] == ["1", "2", "4", "prologue"] and not params["complete"]


def test_slots_are_apart_and_a_batch_may_complete_several(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    batch = [
        NewEvent("segment", {"sat": "L8", "time": time, "segment": name}, f"{time}-{name}", source="test")
        for name in PIECES
        for time in ("1200", "1210", "1220")
    ]
    with d.project.store.begin() as tx:
        submit_all(d.project, tx, batch[:-1])
    assert sorted(params["time"] for params in became(d)) == ["1200", "1210"]
    with d.project.store.begin() as tx:
        submit_all(d.project, tx, batch)  # all but one are repeats
    assert len(became(d)) == 3


def test_the_paths_of_the_pieces_come_in_their_order(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT.replace("wanted = 4", "wanted = 12").replace('critical = ["prologue"]', ""))
    for n in random.Random(2).sample(range(1, 13), 12):
        bring(d, str(n), path=f"/in/{n}.h5")
    assert became(d)[0]["paths"] == [f"/in/{n}.h5" for n in range(1, 13)]


def test_when_its_time_is_over_a_slot_with_all_critical_pieces_says_what_is_missing(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    bring(d, "1", "4", "prologue")
    d.after(599)
    assert became(d) == []
    d.crash()
    d.after(1)
    (params,) = became(d)
    assert params["missing"] == ["2", "3"]
    assert params["complete"] is False
    assert [m for m in messages.newest(d.project, ended=True) if m.kind == "incomplete"] == []


def test_without_a_critical_piece_it_is_given_up_and_told_until_a_slot_is_complete_again(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    bring(d, "1", "2", "3", "4")
    d.after(600)
    bring(d, "1", "2", "3", "4", slot="1210")
    d.after(600)
    assert became(d) == []
    (message,) = messages.newest(d.project)
    assert (message.kind, message.task, message.n) == ("incomplete", "slot", 2)
    assert "L8-1210 was given up: its time is over without prologue" in message.text
    assert message.needs_person_at is not None
    bring(d, *PIECES, slot="1220")
    assert messages.newest(d.project) == []


def test_late_pieces_are_counted_and_change_nothing(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    bring(d, "1", "prologue")
    d.after(600)
    bring(d, "2", "3")
    assert len(became(d)) == 1
    (standing,) = sets.newest(d.project, "slot", 10)
    assert standing.slot.late == 2
    assert standing.pieces == ("1", "2", "3", "prologue")


def test_late_pieces_become_events_where_the_file_says_so(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT.replace("[sets.slot]", '[sets.slot]\nlate = "emit"'))
    bring(d, "1", "prologue")
    d.after(600)
    bring(d, "2")
    bring(d, "3")
    assert [(p["missing"], p.get("late")) for p in became(d)] == [(["2", "3", "4"], None), (["3", "4"], 1), (["4"], 2)]
    keys = [row[0] for row in d.rows("SELECT key FROM event WHERE name = 'slot' ORDER BY id")]
    assert keys == ["L8-1200", "L8-1200+1", "L8-1200+2"]


def test_an_event_that_cannot_be_placed_is_refused_and_nothing_is_stored(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    with pytest.raises(Invalid, match=r"set slot, piece: \{segment\} has no value"):
        submit(d.project, NewEvent("segment", {"sat": "L8", "time": "1"}, source="test"))
    assert d.rows("SELECT count(*) FROM event")[0][0] == 0


def test_who_brings_the_last_piece_is_not_refused_for_what_the_slot_becomes(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT.replace('{sat}"\n', '{cloud}"\n'))
    bring(d, *PIECES)
    assert became(d) == []
    (message,) = messages.newest(d.project)
    assert "could not become an event" in message.text
    assert "{cloud} has no value" in message.text
    assert d.rows("SELECT count(*) FROM event")[0][0] == 5


def test_sets_of_sets_are_collected_too(drive: Drive) -> None:  # noqa: F811
    d = drive(
        SLOT
        + """
        [sets.day]
        pieces = { event = "slot", by = "{sat}", piece = "{time}", wanted = ["1200", "1210"] }
        """
    )
    bring(d, *PIECES)
    bring(d, *PIECES, slot="1210")
    assert [row[0] for row in d.rows("SELECT key FROM event WHERE name = 'day'")] == ["L8"]


def test_a_slot_keeps_the_plan_that_its_first_piece_found(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    bring(d, "1", "prologue")
    d.write(SLOT.replace("wanted = 4", "wanted = 2"))
    d.project.refresh()
    bring(d, "2")
    assert became(d) == []
    bring(d, "1", "2", "prologue", slot="1210")
    assert [params["time"] for params in became(d)] == ["1210"]


def test_a_set_that_nobody_knows_is_not_found(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    assert sets.newest(d.project, "slot", 10) == []
    with pytest.raises(NotFound, match="the sets are: slot"):
        sets.newest(d.project, "solt", 10)


def test_a_slot_does_not_run_out_of_time_while_the_disk_is_full_and_nothing_is_taken_in(drive: Drive) -> None:  # noqa: F811
    d = drive(SLOT)
    bring(d, "prologue")
    d.write("[work]\nreserve = 100000000000000000\n" + SLOT)
    d.project.refresh()
    d.after(700)
    assert became(d) == []
    d.write(SLOT)
    d.project.refresh()
    bring(d, "1", "2", "3", "4")
    d.after(10)
    assert [params["complete"] for params in became(d)] == [True]
