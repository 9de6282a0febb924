"""What people ask of a processing: cancel, retry, why; on both databases."""

from collections.abc import Callable
from typing import Any

import pytest

from procession.commands import processings, reasons
from procession.commands.processings import find_step
from procession.errors import NotFound, Refused
from procession.model.states import State
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

CHAIN = """
[tasks.t]
on = "e"
steps = ["./one.sh", "./two.sh", "./three.sh"]
retry = { soft_attempts = 2, delay = "0 s" }
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(CHAIN)


def test_a_processing_is_got_with_everything_and_an_unknown_one_is_said_to_be_none(d: Driven) -> None:
    pid = d.born(key="k", x=1)
    found = processings.get(d.project, pid)
    assert (found.task, found.event, found.key, found.params, found.version) == ("t", "e", "k", {"x": 1}, 1)
    assert [step.name for step in found.steps] == ["one", "two", "three"]
    for ask in (processings.get, processings.cancel, processings.retry, reasons.why):
        with pytest.raises(NotFound, match="no processing 99"):
            ask(d.project, 99)


def test_a_step_is_found_by_name_by_number_or_because_it_is_the_one_that_matters(d: Driven) -> None:
    pid = d.born()

    def found(name: str | None = None) -> str:
        return find_step(d.get(pid), name).name

    assert found() == "one"
    assert (found("two"), found("3")) == ("two", "three")
    d.turn()
    d.end(pid)
    assert found() == "two"  # it runs
    d.end(pid, 1)
    assert found() == "two"  # it failed
    processings.retry(d.project, pid)
    d.turn()
    d.end(pid)
    d.end(pid)
    assert found() == "three"  # the latest
    with pytest.raises(NotFound, match="its steps are: one, two, three"):
        found("tow")


# ── retry ──────────────────────────────────────────────────────────────────────────────────────────


def test_retry_gives_the_failed_step_another_attempt_with_its_budget_renewed(d: Driven) -> None:
    pid = d.born()
    d.turn()
    d.end(pid)
    d.end(pid, 75)
    d.end(pid, 75)
    assert (d.state(pid), d.outcomes(pid, 2)) == ("failed", ["retry", "retry"])
    assert "step two" in processings.retry(d.project, pid).text
    assert (d.state(pid), d.states(pid)) == ("waiting", ["succeeded", "pending", "pending"])
    assert d.get(pid).finished_at is None
    assert d.get(pid).reason is None
    d.turn()
    d.end(pid, 75)
    d.end(pid, 0)
    d.end(pid, 0)
    assert d.state(pid) == "succeeded"
    assert d.outcomes(pid, 2) == ["retry", "retry", "retry", "succeeded"]
    assert [len(s.attempts) for s in d.get(pid).steps] == [1, 4, 1]


def test_retry_is_refused_where_nothing_failed_and_changes_nothing(d: Driven) -> None:
    pid = d.born()
    for expected in ("waiting", "running"):
        with pytest.raises(Refused, match=f"the processing is {expected}"):
            processings.retry(d.project, pid)
        d.turn()
    d.end(pid)
    d.end(pid, 1)
    before = d.get(pid)
    with pytest.raises(Refused, match="step one of processing 1 cannot be tried again: it is succeeded"):
        processings.retry(d.project, pid, "one")
    with pytest.raises(Refused, match="it is pending"):
        processings.retry(d.project, pid, "three")
    assert d.get(pid) == before
    processings.retry(d.project, pid)
    with pytest.raises(Refused):
        processings.retry(d.project, pid)


def test_retry_is_written_down_with_who_asked(d: Driven) -> None:
    pid = d.born()
    d.turn()
    d.end(pid, 1)
    processings.retry(d.project, pid)
    rows = d.rows("SELECT noun, verb, by FROM journal WHERE verb = 'retry' ORDER BY noun")
    assert [(row.noun, row.verb) for row in rows] == [("processing", "retry"), ("step", "retry")]
    assert all(row.by != "procession" for row in rows)


# ── cancel ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M92")
@pytest.mark.parametrize("moment", ["waiting", "claimed", "running", "retrying"])
def test_cancel_is_accepted_in_every_state_that_is_not_an_end(d: Driven, moment: str) -> None:
    """G18, F49."""
    pid = d.born()
    if moment != "waiting":
        d.turn()
    if moment == "running":
        d.begin()
    if moment == "retrying":
        d.end(pid, 75, left={"retry_after": "100"})
    answer = processings.cancel(d.project, pid)
    assert answer.accepted
    assert (answer.state is State.CANCELLED) is (moment in ("waiting", "retrying"))
    d.turn()
    if moment == "running":
        d.end(pid, None, how="cancelled", signal=15)
    assert (d.state(pid), d.states(pid)) == ("cancelled", ["cancelled"] * 3)
    again = processings.cancel(d.project, pid)
    assert (again.accepted, again.state) == (False, State.CANCELLED)
    assert any(row.reason == "too late" for row in d.rows("SELECT reason FROM journal WHERE verb = 'cancel'"))


# ── why ────────────────────────────────────────────────────────────────────────────────────────────

WHY: dict[str, Any] = {
    "at_once": '[tasks.t]\non = "e"\nrun = "./one.sh"\nat_once = 1\n',
    "cpus": '[tasks.t]\non = "e"\nrun = "./one.sh"\ncpus = 3\n',
}


@pytest.mark.parametrize("code", WHY)
def test_why_gives_the_answer_of_the_claim_itself(drive: Drive, code: str) -> None:  # noqa: F811
    d = drive(WHY[code], cpus=4)
    first, second = d.born(), d.born()
    d.turn()
    assert reasons.why(d.project, first).code == "running"
    assert reasons.why(d.project, second).code == code
    d.end(first)
    assert reasons.why(d.project, second).code == "running"


def test_why_is_never_empty_from_birth_to_end(d: Driven) -> None:
    pid, behind = d.born(), d.born()
    assert reasons.why(d.project, pid).code == "starting"
    d.leave()
    assert reasons.why(d.project, pid).code == "no_launcher"
    d.launch()
    d.turn()
    d.begin()
    d.clock.advance(90)
    found = reasons.why(d.project, pid)
    assert (found.code, "1 min 30 s" in found.sentence or "90 s" in found.sentence) == ("running", True)
    d.end(pid, 75, left={"retry_after": "300", "log": "not there yet\n"})
    found = reasons.why(d.project, pid)
    assert found.code == "retry_at"
    assert "5 min" in found.sentence
    assert "not there yet" in found.sentence
    d.after(300)
    d.end(pid, 1)
    assert reasons.why(d.project, pid).code == "failed"
    d.begin()
    processings.cancel(d.project, behind)
    assert reasons.why(d.project, behind).code == "cancelling"
    d.turn()
    d.end(behind, None, how="cancelled", signal=15)
    assert reasons.why(d.project, behind).code == "cancelled"
    processings.retry(d.project, pid)
    d.turn()
    for _ in range(3):
        d.end(pid)
    assert reasons.why(d.project, pid).sentence.startswith("it succeeded")


def test_why_a_processing_is_behind_others_of_its_task(drive: Drive) -> None:  # noqa: F811
    d = drive(WHY["at_once"])
    pids = [d.born() for _ in range(4)]
    d.turn()
    assert reasons.why(d.project, pids[3]).code in ("behind", "at_once")
    assert reasons.why(d.project, pids[3]).sentence
