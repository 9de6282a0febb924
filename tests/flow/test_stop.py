"""Stop: a cancel reaches a processing in every state that is not an end, and wins over everything but the truth."""

from collections.abc import Callable

import pytest

from procession.commands import processings, reasons
from procession.commands.processings import Cancelled
from procession.flow.stop import ASK_AGAIN
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'
CHAIN = '[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh"]\n'


def test_waiting_is_cancelled_at_once(drive: Drive) -> None:
    """G18, F49, I4."""
    d = drive(CHAIN)
    pid = d.born()
    assert processings.cancel(d.project, pid) == Cancelled(True, d.get(pid).state)
    assert (d.state(pid), d.states(pid)) == ("cancelled", ["cancelled"] * 2)
    d.turn(2)
    assert d.executor.queue == []


def test_claimed_but_not_started_never_starts(drive: Drive) -> None:
    """G18, F49."""
    d = drive(CHAIN)
    pid = d.born()
    d.turn()
    assert processings.cancel(d.project, pid).accepted
    d.turn()
    assert (d.state(pid), d.outcomes(pid)) == ("cancelled", ["cancelled"])
    assert d.begin() == []


def test_claimed_and_not_yet_sent_never_starts(drive: Drive) -> None:
    d = drive(ONE)
    d.executor.room = 0
    pid = d.born()
    d.turn()
    assert processings.cancel(d.project, pid).accepted
    d.turn()
    assert d.state(pid) == "cancelled"
    d.executor.room = None
    d.turn()
    assert d.begin() == []


def test_running_is_asked_to_end_and_again_until_it_does(drive: Drive) -> None:
    """G18."""
    d = drive(CHAIN)
    pid = d.born()
    d.turn()
    d.begin()
    answer = processings.cancel(d.project, pid)
    assert answer.accepted
    assert d.states(pid) == ["running", "cancelled"]
    d.turn(3)
    assert d.executor.asked == [d.key(pid)]
    d.after(ASK_AGAIN)
    assert len(d.executor.asked) == 2
    assert reasons.why(d.project, pid).code == "cancelling"
    d.end(pid, None, how="cancelled", signal=15)
    assert (d.state(pid), d.outcomes(pid)) == ("cancelled", ["cancelled"])


def test_waiting_for_a_retry_is_cancelled_at_once(drive: Drive) -> None:
    """F49."""
    d = drive(CHAIN)
    pid = d.born()
    d.turn()
    d.end(pid, 75, left={"retry_after": "60"})
    assert processings.cancel(d.project, pid).accepted
    assert (d.state(pid), d.states(pid)) == ("cancelled", ["cancelled"] * 2)
    d.after(61)
    assert d.executor.queue == []


def test_between_two_steps_is_cancelled_at_once(drive: Drive) -> None:
    """The next step is ready and has no room."""
    d = drive(
        '[tasks.t]\non = "e"\nsteps = ["./one.sh", { run = "./two.sh", cpus = 4 }]\n'
        '[tasks.u]\non = "f"\nrun = "./three.sh"\n'
    )
    pid = d.born()
    d.born("f")
    d.turn()
    d.end(pid)
    assert d.states(pid) == ["succeeded", "ready"]
    assert processings.cancel(d.project, pid).accepted
    assert (d.state(pid), d.states(pid)) == ("cancelled", ["succeeded", "cancelled"])


@pytest.mark.parametrize("code", [0, 1, 75, 77])
def test_a_step_that_ends_by_itself_meanwhile_keeps_its_truth_and_nothing_follows(drive: Drive, code: int) -> None:
    d = drive(CHAIN)
    pid = d.born()
    d.turn()
    d.begin()
    assert processings.cancel(d.project, pid).accepted
    d.end(pid, code)
    assert d.outcomes(pid) == [{0: "succeeded", 1: "failed", 75: "retry", 77: "skipped"}[code]]
    assert d.state(pid) in ("cancelled", "skipped")
    assert d.states(pid)[1] in ("cancelled", "skipped")
    d.after(3600)
    assert d.executor.queue == []


def test_the_last_step_that_succeeds_meanwhile_has_succeeded(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    assert processings.cancel(d.project, pid).accepted
    d.end(pid, 0)
    assert d.state(pid) == "succeeded"


@pytest.mark.parametrize(("code", "state"), [(0, "succeeded"), (1, "failed"), (77, "skipped")])
def test_what_has_ended_cannot_be_cancelled_and_the_answer_says_how_it_ended(
    drive: Drive, code: int, state: str
) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.end(pid, code)
    answer = processings.cancel(d.project, pid)
    assert (answer.accepted, str(answer.state)) == (False, state)
    assert d.state(pid) == state


def test_cancelled_while_no_launcher_is_there_is_ended_by_the_next_one(drive: Drive) -> None:
    """F49."""
    d = drive(CHAIN)
    queued, running = d.born(), d.born()
    d.turn()
    d.executor.begin(d.key(running))
    d.leave()
    for pid in (queued, running):
        assert processings.cancel(d.project, pid).accepted
    d.crash()
    d.turn(2)
    assert (d.state(queued), d.outcomes(queued)) == ("cancelled", ["void"])
    assert d.executor.asked == [d.key(running)]
    d.end(running, None, how="cancelled", signal=15)
    assert d.state(running) == "cancelled"
    assert d.begin() == []


def test_a_lost_attempt_of_a_cancelled_processing_is_not_tried_again(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    assert processings.cancel(d.project, pid).accepted
    d.executor.vanish(d.key(pid))
    d.turn(2)
    assert (d.state(pid), d.outcomes(pid)) == ("cancelled", ["lost"])


def test_cancelling_twice_is_one_cancel(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    assert processings.cancel(d.project, pid).accepted
    first = d.get(pid).cancel_requested_at
    d.clock.advance(1)
    assert processings.cancel(d.project, pid).accepted
    assert d.get(pid).cancel_requested_at == first
    d.end(pid, None, how="cancelled", signal=15)
    assert not processings.cancel(d.project, pid).accepted


def test_a_cancelled_processing_can_be_tried_again(drive: Drive) -> None:
    d = drive(CHAIN)
    pid = d.born()
    d.turn()
    d.end(pid)
    d.begin()
    processings.cancel(d.project, pid)
    d.turn()
    d.end(pid, None, how="cancelled", signal=15)
    processings.retry(d.project, pid)
    d.turn()
    assert d.states(pid) == ["succeeded", "running"]
    d.end(pid)
    assert (d.state(pid), d.outcomes(pid, 2)) == ("succeeded", ["cancelled", "succeeded"])
