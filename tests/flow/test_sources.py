"""Sources: made by their first event; one that is paused holds or skips what is new, and loses nothing."""

from collections.abc import Callable

import pytest

from procession.commands import bulk, processings, reasons, restarts, settings, sources
from procession.commands.asked import Asked
from procession.commands.settings import Scope
from procession.errors import Invalid, NotFound, Refused
from procession.store import sources as rows
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
WHO = Asked("ann", "the detector is warm")
TASK = """
[limits]
"rb:{rb}" = 1
[tasks.reduce]
on = "run"
run = "./one.sh"
source = "{instrument}"
experiment = "RB{rb}"
uses = ["rb:{rb}"]
"""
LRMECS = Scope(source="LRMECS")


def come(d: Driven, n: int, instrument: str = "LRMECS", rb: int = 1) -> int:
    return d.born("run", key=f"{instrument}-{n}", instrument=instrument, rb=rb)


@pytest.mark.feature("M58")
def test_unknown_sources_and_experiments_are_created_by_their_first_event(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    assert sources.listed(d.project) == []
    first = come(d, 1)
    d.clock.advance(60)
    come(d, 2)
    come(d, 1, "HRMECS", 7)
    other, lrmecs = sources.listed(d.project) if sources.listed(d.project)[0].known.name == "HRMECS" else reversed(
        sources.listed(d.project)
    )  # fmt: skip
    assert (lrmecs.known.name, lrmecs.known.processings, lrmecs.known.waiting, lrmecs.pause) == ("LRMECS", 2, 2, None)
    assert lrmecs.known.last_at is not None
    assert lrmecs.known.last_at - lrmecs.known.first_at == 60_000_000
    assert other.known.name == "HRMECS"
    found = {each.known.name: each.known.parent for each in sources.listed(d.project, kind="experiment")}
    assert found == {"RB1": "LRMECS", "RB7": "HRMECS"}
    assert (d.get(first).source, d.get(first).experiment) == ("LRMECS", "RB1")
    assert bulk.chosen(d.project, ["source:HR*"]) == [3]
    assert bulk.chosen(d.project, ["-source:HRMECS", "experiment:RB1"]) == [1, 2]
    d.turn()
    assert sorted(d.claimed()) == [1, 3], "it is active at once"


@pytest.mark.feature("M58")
def test_one_that_was_rolled_back_is_created_by_the_next(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    with pytest.raises(ZeroDivisionError), d.project.store.begin() as tx:
        sources.note(d.project, tx, [sources.Origin("LRMECS", "RB1")])
        assert rows.names(tx, "source") == ["LRMECS"]
        raise ZeroDivisionError
    come(d, 1)
    assert [each.known.name for each in sources.listed(d.project)] == ["LRMECS"]


@pytest.mark.feature("M58")
@pytest.mark.parametrize("name", ["", "   ", "x" * 129, "a\nb", "\x1b[2J"])
def test_an_unfit_name_refuses_the_event(drive: Drive, name: str) -> None:  # noqa: F811
    d = drive(TASK)
    with pytest.raises(Invalid, match="task reduce: "):
        d.submit("run", instrument=name, rb=1)
    with pytest.raises(Invalid, match="instrument"):
        d.submit("run", rb=1)
    assert sources.listed(d.project) == []


@pytest.mark.feature("M31")
def test_a_paused_source_holds_what_is_new_and_everything_else_goes_on(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    begun = come(d, 1)
    d.turn()
    settings.pause(d.project, LRMECS, "stop", WHO)
    held = [come(d, n, rb=n) for n in range(2, 200)]
    other = come(d, 1, "HRMECS", 1000)
    d.turn(3)
    assert d.claimed() == [begun, other], "a hundred that are held hide nothing"
    why = reasons.why(d.project, held[0])
    assert why.code == "paused"
    assert why.sentence == (
        "source LRMECS is paused by ann: the detector is warm; to go on: procession resume --source LRMECS"
    )
    d.end(begun)
    assert d.state(begun) == "succeeded", "what has begun goes on"
    (paused,) = [each.pause for each in sources.listed(d.project) if each.pause is not None]
    assert (paused.mode, paused.by, paused.scope) == ("hold", "ann", "source LRMECS")
    settings.resume(d.project, LRMECS, WHO)
    d.end(other)
    d.turn(2)
    assert d.claimed() == held[:4], "in their order"


@pytest.mark.feature("M31")
def test_what_is_retried_of_a_paused_source_waits_as_well(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    pid = come(d, 1)
    d.turn()
    d.end(pid, 1)
    settings.pause(d.project, LRMECS, "drain", WHO)
    processings.retry(d.project, pid)
    d.turn(2)
    assert (d.state(pid), reasons.why(d.project, pid).code) == ("waiting", "paused")
    settings.resume(d.project, LRMECS, WHO)
    d.turn()
    assert d.state(pid) == "running"


@pytest.mark.feature("M31")
def test_a_source_that_skips_has_its_data_submitted_later(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    come(d, 1)
    settings.pause(d.project, LRMECS, "skip", WHO)
    skipped = [come(d, n) for n in (2, 3)]
    assert [d.state(pid) for pid in skipped] == ["skipped", "skipped"]
    assert d.get(skipped[0]).reason == "source LRMECS is paused by ann: the detector is warm"
    assert come(d, 1, "HRMECS", 5) in d.claimed() or d.state(4) == "waiting"
    ids = bulk.chosen(d.project, ["source:LRMECS", "state:skipped"])
    assert ids == skipped
    refused = list(bulk.each(d.project, ids, restarts.restart_anew, WHO))
    assert all(isinstance(each.error, Refused) for each in refused), "they would be skipped again"
    settings.resume(d.project, LRMECS, WHO)
    again = list(bulk.each(d.project, ids, restarts.restart_anew, WHO))
    assert [d.state(each.done.id) for each in again if each.done] == ["waiting", "waiting"]
    assert bulk.chosen(d.project, ["source:LRMECS", "state:skipped", "version:1"]) == skipped


@pytest.mark.feature("M31")
def test_what_there_is_not_cannot_be_paused(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    come(d, 1)
    with pytest.raises(NotFound, match="did you mean 'LRMECS'"):
        settings.pause(d.project, Scope(source="LRMEC"), "stop", WHO)
    with pytest.raises(Refused, match="source LRMECS is not paused"):
        settings.resume(d.project, LRMECS, WHO)
    with pytest.raises(Invalid, match="no way to pause"):
        settings.pause(d.project, LRMECS, "freeze", WHO)
