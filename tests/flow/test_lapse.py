"""Workers that are not heard of any more: what they have claimed is taken back, and what they say later is ignored."""

from collections.abc import Callable

import pytest

from procession.commands import claims, instances, work
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from procession.errors import Refused
from tests.flow.driven import Driven

FILE = """
[tasks.Sum]
outside = true
timeout = "3 min"
retry = { attempts = 2, delay = 0 }
"""
Drive = Callable[..., Driven]


def claimed(d: Driven, key: str = "a") -> claims.Claim:
    d.turn()
    instances.submit(d.project, "Sum", NewInstance(key), Asked("somebody"))
    (found,) = claims.claim(d.project, "w1")
    return found


@pytest.mark.feature("M14", "M87")
def test_what_was_never_started_is_given_back_after_a_minute_uncounted(drive: Drive) -> None:
    d = drive(FILE)
    found = claimed(d)
    for _ in range(5):
        d.after(59)
        assert d.outcomes(found.processing_id)[-1] is None
        d.after(2)
        assert set(d.outcomes(found.processing_id)) == {"void"}
        (found,) = claims.claim(d.project, "w1")
    work.start(d.project, found.attempt)
    work.succeed(d.project, found.attempt)
    assert d.state(found.processing_id) == "succeeded"


@pytest.mark.feature("M87")
def test_who_is_silent_for_a_minute_is_lost_and_counted(drive: Drive) -> None:
    d = drive(FILE)
    first = claimed(d)
    work.start(d.project, first.attempt)
    d.after(50)
    work.heartbeat(d.project, first.attempt)
    d.after(50)
    assert d.outcomes(first.processing_id) == [None]
    d.after(11)
    assert d.outcomes(first.processing_id) == ["lost"]
    (second,) = claims.claim(d.project, "w2")
    work.start(d.project, second.attempt)
    with pytest.raises(Refused):
        work.succeed(d.project, first.attempt, "late")
    d.after(61)
    assert d.state(first.processing_id) == "failed", "it was tried as often as it may"
    assert "lost, 2 of 2 tries used" in str(d.get(first.processing_id).reason)


@pytest.mark.feature("M87", "M33")
def test_who_takes_too_long_is_timed_out_however_often_it_is_heard_of_or_pauses(drive: Drive) -> None:
    d = drive(FILE)
    found = claimed(d)
    d.clock.advance(30)
    work.start(d.project, found.attempt)
    work.pause(d.project, found.attempt)
    for _ in range(4):
        d.after(40)
        work.heartbeat(d.project, found.attempt)
    assert d.outcomes(found.processing_id) == [None]
    d.after(21)
    assert d.outcomes(found.processing_id) == ["timeout"]
    with pytest.raises(Refused):
        work.heartbeat(d.project, found.attempt)


@pytest.mark.feature("M15", "M87")
def test_what_is_taken_back_has_its_old_place(drive: Drive) -> None:
    d = drive(FILE)
    first = claimed(d, "1")
    instances.submit(d.project, "Sum", NewInstance("2"), Asked("somebody"))
    work.start(d.project, first.attempt)
    d.after(61)
    assert [each.key for each in claims.claim(d.project, "w1", limit=9)] == ["1", "2"]


def test_a_launcher_that_was_away_takes_it_back_when_it_comes(drive: Drive) -> None:
    d = drive(FILE)
    found = claimed(d)
    d.crash()
    d.after(61)
    assert d.outcomes(found.processing_id) == [None], "it has just come, and has heard nobody yet"
    d.after(59)
    assert d.outcomes(found.processing_id) == [None]
    d.after(2)
    assert d.outcomes(found.processing_id) == ["void"]


@pytest.mark.feature("M87")  # G26
@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_wall_clock_that_jumps_takes_nothing_back_and_keeps_nobody(drive: Drive, jump: int) -> None:
    d = drive(FILE)
    ready, beating, silent = (claimed(d, key) for key in "abc")
    for each in (beating, silent):
        work.start(d.project, each.attempt)
    d.after(20)
    d.clock.jump(jump)
    d.turn()
    work.heartbeat(d.project, beating.attempt)
    for _ in range(3):
        d.after(13)
        assert {tuple(d.outcomes(each.processing_id)) for each in (ready, beating, silent)} == {(None,)}
    work.heartbeat(d.project, beating.attempt)
    d.after(2)
    outcomes = [d.outcomes(each.processing_id) for each in (ready, beating, silent)]
    assert outcomes == [["void"], [None], ["lost"]]
    for _ in range(2):
        work.heartbeat(d.project, beating.attempt)
        d.after(55)
        assert d.outcomes(beating.processing_id) == [None]
    work.heartbeat(d.project, beating.attempt)
    d.after(11)
    assert d.outcomes(beating.processing_id) == ["timeout"]
