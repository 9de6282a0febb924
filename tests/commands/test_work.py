"""Programs elsewhere: they claim, start, tell how it goes on and hand in; only the attempt that lives is heard."""

# ruff: noqa: F811  the fixture of both databases
from collections.abc import Callable
from typing import Any

import pytest

from procession.commands import claims, holds, instances, processings, registering, work
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from procession.commands.reasons import why
from procession.errors import Invalid, NotFound, Refused
from tests.commands.asking import ask, balanced
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

WHO = Asked("somebody")
Drive = Callable[..., Driven]
FILE = """
[limits]
ftp = 1
[tasks.Sum]
outside = true
timeout = "5 min"
retry = { attempts = 3, delay = 0 }
[tasks.slow]
outside = true
queue = "slow"
[tasks.ftp]
outside = true
uses = ["ftp"]
[tasks.single]
outside = true
at_once = 1
[tasks.chain]
on = "e"
steps = ["./one.sh"]
"""


def submit(d: Driven, *keys: str, task: str = "Sum", **what: Any) -> None:
    for key in keys:
        instances.submit(d.project, task, NewInstance(key, **what), WHO)


def keys(claimed: list[claims.Claim]) -> list[str | None]:
    return [each.key for each in claimed]


def claim(d: Driven, limit: int = 1, **how: Any) -> list[claims.Claim]:
    return claims.claim(d.project, "w1", limit=limit, **how)


@pytest.mark.feature("M11", "M13")
def test_the_common_queue_is_served_by_its_name_too(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a")
    assert keys(claim(d, queues=["general"])) == ["a"]


@pytest.mark.feature("M11", "M13")
def test_a_worker_gets_none_one_or_more_of_the_queues_and_tasks_that_it_names(drive: Drive) -> None:
    d = drive(FILE)
    assert claim(d, 9) == []
    submit(d, "a", "b", "c")
    submit(d, "s", task="slow")
    assert keys(claim(d, 2)) == ["a", "b"]
    assert keys(claim(d, 9, only=["slow"])) == []
    assert keys(claim(d, 9, queues=["slow"])) == ["s"]
    assert keys(claim(d, 9)) == ["c"]
    with pytest.raises(NotFound):
        claim(d, only=["nothing"])


@pytest.mark.parametrize("limit", [0, -1, True, 10**9, "3", 1.5])
def test_how_many_are_claimed_is_a_small_number(drive: Drive, limit: Any) -> None:
    d = drive(FILE)
    with pytest.raises(Invalid):
        claim(d, limit)


@pytest.mark.feature("M12", "M14")
def test_what_is_claimed_is_scheduled_then_runs_and_is_nobody_elses(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a")
    (claimed,) = claim(d)
    assert claim(d) == []
    d.turn(3)
    found = instances.status(d.project, "Sum", "a")
    assert (found.phase, found.live and found.live.worker) == ("scheduled", "w1")
    assert why(d.project, found.id).code == "scheduled"
    work.start(d.project, claimed.attempt)
    work.start(d.project, claimed.attempt)
    assert instances.status(d.project, "Sum", "a").phase == "running"
    assert d.verbs(found.id).count("attempt start") == 1
    assert d.claimed() == [], "no launcher takes it"


@pytest.mark.feature("M12")
def test_the_launcher_never_takes_what_is_for_programs_elsewhere_and_they_take_no_command(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, *map(str, range(40)))
    pid = d.born("e")
    d.turn()
    assert d.claimed() == [pid]
    assert len(claim(d, 100)) == 40
    assert why(d.project, pid).code == "running"


@pytest.mark.feature("M15")
def test_the_oldest_comes_first_across_tasks_also_after_it_was_given_back(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "1")
    submit(d, "2", task="single")
    submit(d, "3")
    first, _ = claim(d, 2)
    work.give_back(d.project, first.attempt)
    again = claim(d, 9)
    assert keys(again) == ["1", "3"]
    assert again[0].number == 2
    assert d.outcomes(again[0].processing_id) == ["void", None]


def test_limits_pauses_and_at_once_hold_for_them_too(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a", "b", task="ftp")
    submit(d, "c", "d", task="single")
    assert keys(claim(d, 9)) == ["a", "c"]
    assert claim(d, 9) == []
    ids = [instances.status(d.project, task, key).id for task, key in (("ftp", "b"), ("single", "d"))]
    assert [why(d.project, pid).code for pid in ids] == ["limit", "at_once"]
    submit(d, "e")
    assert why(d.project, instances.status(d.project, "Sum", "e").id).code == "outside"
    (claimed,) = claim(d)
    work.give_back(d.project, claimed.attempt)
    found = why(d.project, instances.status(d.project, "Sum", claimed.key).id)
    assert (found.code, found.sentence.partition(";")[0]) == ("outside", "it was given back by w1")


@pytest.mark.feature("M33")
def test_it_pauses_by_itself_or_is_asked_to_and_the_journal_says_so(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a")
    (claimed,) = claim(d)
    pid = claimed.processing_id
    with pytest.raises(Refused):
        work.pause(d.project, claimed.attempt)
    work.start(d.project, claimed.attempt)
    assert work.heartbeat(d.project, claimed.attempt).wanted is None
    ask(d, holds.hold_one, pid)
    assert work.heartbeat(d.project, claimed.attempt, 0.25, "a quarter").wanted == "pause"
    work.pause(d.project, claimed.attempt)
    assert instances.status(d.project, "Sum", "a").phase == "paused"
    assert why(d.project, pid).code == "pausing"
    ask(d, holds.release_one, pid)
    assert work.go_on(d.project, claimed.attempt).wanted is None
    found = instances.status(d.project, "Sum", "a")
    assert (found.phase, found.live and found.live.progress) == ("running", {"share": 0.25, "text": "a quarter"})
    said = [verb for verb in d.verbs(pid) if verb.startswith("attempt")]
    assert said == ["attempt start", "attempt pause", "attempt go_on"]


def test_a_cancel_is_told_to_the_worker_and_ends_at_once_what_it_has_not_started(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a", "b")
    one, other = claim(d, 2)
    work.start(d.project, one.attempt)
    for each in (one, other):
        assert processings.cancel(d.project, each.processing_id).accepted
    d.turn()
    assert d.state(other.processing_id) == "cancelled"
    assert work.heartbeat(d.project, one.attempt).wanted == "cancel"
    work.give_back(d.project, one.attempt)
    assert d.state(one.processing_id) == "cancelled"
    assert balanced(d)


@pytest.mark.feature("M87")  # G18
def test_what_was_cancelled_before_it_started_does_not_start_and_cannot_succeed(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a")
    (claimed,) = claim(d)
    assert processings.cancel(d.project, claimed.processing_id).accepted
    with pytest.raises(Refused):
        work.start(d.project, claimed.attempt)
    assert d.state(claimed.processing_id) == "cancelled"
    with pytest.raises(Refused):
        work.succeed(d.project, claimed.attempt, 1)
    assert d.outcomes(claimed.processing_id) == ["cancelled"]


@pytest.mark.feature("M87")  # G10, B49
def test_only_the_attempt_that_lives_is_heard(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a")
    (old,) = claim(d)
    work.start(d.project, old.attempt)
    work.give_back(d.project, old.attempt)
    (new,) = claim(d)
    for act in (work.succeed, work.give_back, work.start, work.heartbeat, work.pause):
        with pytest.raises(Refused, match="is over"):
            act(d.project, old.attempt)
    with pytest.raises(Refused, match="is over"):
        work.fail(d.project, old.attempt, "late")
    assert d.verbs(old.processing_id).count("attempt late") == 3
    work.succeed(d.project, new.attempt, {"by": "new"})
    with pytest.raises(Refused, match="is over"):
        work.succeed(d.project, new.attempt, {"by": "again"})
    assert instances.result(d.project, new.processing_id)[1] == b'{"by":"new"}'
    assert balanced(d)


# B49, B15
@pytest.mark.parametrize(
    "key",
    ["", "x", "x-1-1-1", "{own}-1-1-999", "{own}-999-1-1", "{own}-1-1-1-1", "{own}-" + "9" * 80 + "-1-1", 5, None],
)
def test_a_key_of_no_attempt_is_not_found(drive: Drive, key: Any) -> None:
    d = drive(FILE)
    submit(d, "a")
    claim(d)
    key = key.format(own=d.project.installation.key) if isinstance(key, str) else key
    with pytest.raises(NotFound):
        work.succeed(d.project, key, 1)


def test_what_a_launcher_runs_no_program_elsewhere_ends(drive: Drive) -> None:
    d = drive(FILE)
    pid = d.born("e")
    d.turn()
    with pytest.raises(Refused, match="not claimed by a program elsewhere"):
        work.succeed(d.project, d.latest(pid), 1)
    d.end(pid)


def test_a_soft_error_is_tried_again_when_it_asked_and_a_failure_is_one(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a", "b")
    one, other = claim(d, 2)
    work.fail(d.project, one.attempt, "not yet", retry_after=30)
    work.fail(d.project, other.attempt, "never")
    assert claim(d) == []
    assert (d.state(other.processing_id), d.get(other.processing_id).reason) == ("failed", "call: never")
    d.clock.advance(31)
    assert keys(claim(d)) == ["a"]


# B42
@pytest.mark.parametrize(
    ("asked", "seconds"), [(-1, 0), (10**18, 100 * 366 * 86400), (float("inf"), 100 * 366 * 86400)]
)
def test_a_moment_that_cannot_be_is_the_nearest_that_can(drive: Drive, asked: float, seconds: float) -> None:
    d = drive(FILE)
    submit(d, "a")
    (claimed,) = claim(d)
    work.fail(d.project, claimed.attempt, "later", retry_after=asked)
    assert d.seconds_until(claimed.processing_id) == seconds


@pytest.mark.parametrize("wrong", [{"progress": 2}, {"progress": "x"}, {"message": "a\0"}, {"text": "x" * 9999}])
def test_what_is_told_must_be_tellable(drive: Drive, wrong: dict[str, Any]) -> None:
    d = drive(FILE)
    submit(d, "a")
    (claimed,) = claim(d)
    with pytest.raises(Invalid):
        work.heartbeat(d.project, claimed.attempt, **wrong)


def test_outputs_and_events_come_with_the_success_or_not_at_all(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, "a", "b")
    one, other = claim(d, 2)
    work.succeed(d.project, one.attempt, outputs={"n": 3}, events=[{"event": "e", "key": "k"}])
    assert d.get(one.processing_id).outputs == {"call": {"n": 3}}
    assert len(d.rows("SELECT 1 FROM processing WHERE task = 'chain'")) == 1
    with pytest.raises(Invalid):
        work.succeed(d.project, other.attempt, events=[{"name": "e"}])
    assert d.state(other.processing_id) == "running"


def test_a_registered_handler_is_told_to_whoever_claims_it(drive: Drive) -> None:
    d = drive(FILE)
    registering.register(d.project, "Handled", "tools.demo.handler", WHO, timeout=60, options={"queue": "far"})
    submit(d, "a", task="Handled")
    (claimed,) = claim(d, queues=["far"])
    assert (claimed.handler, claimed.timeout) == ("tools.demo.handler", 60)
