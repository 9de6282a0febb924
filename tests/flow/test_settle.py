"""Settle: what follows from the end of an attempt, and that only its own record can say how it ended."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from procession.commands import processings
from procession.executor import Ended
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'
CHAIN = '[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh", "./three.sh"]\n'


def retrying(**policy: object) -> str:
    inner = ", ".join(
        f"{name} = {str(value).lower() if value is True else repr(value)}" for name, value in policy.items()
    )
    return ONE + f"retry = {{ {inner} }}\n"


# ── codes ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("how", "outcome", "state"),
    [
        ({"code": 0}, "succeeded", "succeeded"),
        ({"code": 1}, "failed", "failed"),
        ({"code": 255}, "failed", "failed"),
        ({"code": 77}, "skipped", "skipped"),
        ({"how": "signalled", "signal": 11}, "failed", "failed"),
        ({"how": "not_started", "errno": 13, "reason": "not executable"}, "not_started", "failed"),
        ({"how": "cancelled", "signal": 15}, "cancelled", "cancelled"),
    ],
)
def test_every_end_has_its_outcome(drive: Drive, how: dict[str, int], outcome: str, state: str) -> None:
    """G11, G12, F17: exactly as recorded; a signal or a failed start is never a success."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.end(pid, **how)  # type: ignore[arg-type]
    assert d.outcomes(pid) == [outcome]
    assert d.state(pid) == state
    attempt = d.step(pid).attempts[0]
    assert attempt.exit_code == how.get("code")
    assert (attempt.signal, attempt.errno) == (how.get("signal"), how.get("errno"))


@pytest.mark.feature("P22", "M22")
def test_what_an_attempt_used_is_kept_and_nobody_owns_it_any_more(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    d.clock.advance(7)
    d.end(pid)
    attempt = d.step(pid).attempts[0]
    assert (attempt.max_rss, attempt.cpu_seconds, attempt.log_bytes) == (8 << 20, 0.5, 0)
    assert (attempt.finished_at - attempt.started_at).total_seconds() == 7  # type: ignore[operator]
    assert d.rows("SELECT 1 FROM attempt WHERE outcome IS NULL") == []
    assert d.post.live == d.post.ended == {}
    assert d.executor.archived == {d.key(pid): d.project.var.attempt(pid, 1, "one", 1)}


def test_a_failure_ends_the_processing_and_the_rest_stays_as_it_was(drive: Drive) -> None:
    d = drive(CHAIN)
    pid = d.born()
    d.turn()
    d.end(pid)
    d.end(pid, 3, left={"log": "reading\nno band 4\n\n"})
    assert (d.state(pid), d.states(pid)) == ("failed", ["succeeded", "failed", "pending"])
    assert d.get(pid).reason == "two: exit code 3: no band 4"
    d.after(3600)
    assert d.executor.queue == []


def test_skip_ends_the_processing_and_skips_the_rest(drive: Drive) -> None:
    d = drive(CHAIN)
    pid = d.born()
    d.turn()
    d.end(pid)
    d.end(pid, 77, left={"log": "clouds only\n"})
    assert (d.state(pid), d.states(pid)) == ("skipped", ["succeeded", "skipped", "skipped"])
    assert d.get(pid).reason == "two: clouds only"


# ── trying again ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M83", "P10")
def test_soft_errors_are_tried_again_at_exactly_the_time_that_backoff_and_jitter_say(drive: Drive) -> None:
    """G15: full jitter, factor and cap; the due time is stored."""
    d = drive(retrying(soft_attempts=5, delay="100 s", factor=3.0, max_delay="500 s"))
    pid = d.born()
    d.turn()
    for number, span in enumerate((100, 300, 500, 500), 1):
        random.seed(number)
        expected = span * random.random()
        random.seed(number)
        d.end(pid, 75)
        assert d.seconds_until(pid) == pytest.approx(expected, abs=1e-5)
        assert d.states(pid) == ["ready"]
        d.after(expected - 0.001)
        assert d.executor.queue == []
        d.after(0.001)
        assert d.executor.queue == [d.key(pid, 1, number + 1)]
    assert d.outcomes(pid) == ["retry"] * 4 + [None]


@pytest.mark.feature("M83", "P10")
def test_the_delay_that_a_script_asks_for_is_kept_as_it_is(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    for asked, given in (("300", 300), (" 1.5\n", 1.5), ("-4", 0), ("1e12", 366 * 86_400)):
        d.end(pid, 75, left={"retry_after": asked, "log": "catalogue not updated\n"})
        if given:
            assert d.seconds_until(pid) == given
            assert d.step(pid).reason == "catalogue not updated"
        d.after(given)
    assert d.outcomes(pid) == ["retry"] * 4 + [None]


@pytest.mark.feature("M86", "P10")
def test_soft_errors_have_a_budget_and_then_fail_with_the_reason(drive: Drive) -> None:
    d = drive(retrying(soft_attempts=3, delay="1 s"))
    pid = d.born()
    d.turn()
    for _ in range(3):
        d.end(pid, 75, left={"log": "no file\n"})
        d.after(10)
    assert (d.state(pid), d.outcomes(pid)) == ("failed", ["retry"] * 3)
    assert d.get(pid).reason == "one: no file (soft error, 3 of 3 tries used)"


def test_soft_errors_are_tried_ten_times_if_nothing_else_is_said(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    for _ in range(10):
        assert d.state(pid) == "running"
        d.end(pid, 75)
        d.after(3600)
    assert (d.state(pid), len(d.outcomes(pid))) == ("failed", 10)


@pytest.mark.feature("M86", "M89")
def test_time_outs_have_a_budget_of_their_own(drive: Drive) -> None:
    d = drive(retrying(attempts=2, soft_attempts=9, delay="1 s"))
    pid = d.born()
    d.turn()
    d.end(pid, 75)
    d.after(10)
    d.end(pid, None, how="timeout", signal=15, reason="ended after 5 s")
    d.after(10)
    d.end(pid, 75)
    d.after(10)
    d.end(pid, None, how="timeout", signal=9, reason="ended after 5 s")
    assert (d.state(pid), d.outcomes(pid)) == ("failed", ["retry", "timeout", "retry", "timeout"])
    assert "2 of 2 tries used" in (d.get(pid).reason or "")


def test_failures_are_tried_again_only_if_the_file_says_so(drive: Drive) -> None:
    d = drive(retrying(attempts=2, delay="1 s", on=["failed"]))
    pid = d.born()
    d.turn()
    d.end(pid, 1)
    assert d.states(pid) == ["ready"]
    d.after(1)
    d.end(pid, 1)
    assert d.state(pid) == "failed"


@pytest.mark.parametrize(("errno", "attempts"), [(2, 1), (11, 3)])
def test_a_start_that_may_work_later_is_tried_again_and_one_that_never_will_is_not(
    drive: Drive, errno: int, attempts: int
) -> None:
    """F16; EAGAIN three times in a row is quarantined."""
    d = drive(retrying(attempts=9, delay="1 s"))
    pid = d.born()
    d.turn()
    for _ in range(attempts):
        assert d.state(pid) == "running"
        d.end(pid, None, how="not_started", errno=errno, reason="no")
        d.after(100)
    assert d.outcomes(pid) == ["not_started"] * attempts
    assert d.state(pid) == "failed"
    assert ("quarantined" in (d.get(pid).reason or "")) is (attempts == 3)


def test_a_retry_by_a_person_renews_the_budget_and_never_reuses_a_number(drive: Drive) -> None:
    """G10, I8."""
    d = drive(retrying(soft_attempts=2, delay="0 s"))
    pid = d.born()
    d.turn()
    for number in (1, 2):
        d.end(pid, 75)
        d.turn()
        assert len(d.outcomes(pid)) == min(number + 1, 2)
    assert d.state(pid) == "failed"
    processings.retry(d.project, pid)
    d.turn()
    assert d.executor.queue == [d.key(pid, 1, 3)]
    d.end(pid, 75)
    d.turn()
    d.end(pid, 0)
    assert (d.state(pid), d.outcomes(pid)) == ("succeeded", ["retry", "retry", "retry", "succeeded"])


# ── late, foreign and wrong records ────────────────────────────────────────────────────────────────


def test_a_late_result_of_an_old_attempt_changes_nothing_but_the_journal(drive: Drive) -> None:
    """G10, F50, I8."""
    d = drive(retrying(delay="1 s"))
    pid = d.born()
    d.turn()
    d.end(pid, 75)
    old = d.key(pid, 1, 1)
    d.after(10)
    d.begin()
    d.after(2)
    before = d.get(pid)
    d.executor.put(old, ended(d, d.latest(pid), key=old, code=0))
    d.post.ended[old] = None
    d.turn()
    assert d.get(pid) == before
    assert "attempt late" in d.verbs(pid)
    d.end(pid, 0)
    assert d.state(pid) == "succeeded"


def test_the_same_end_told_twice_counts_once(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    key = d.latest(pid)
    d.begin()
    d.executor.end(key, 0)
    sighting = d.executor.look(key)
    d.turn()
    d.executor.put(key, sighting)
    d.post.ended[key] = None
    d.turn()
    assert (d.state(pid), d.outcomes(pid)) == ("succeeded", ["succeeded"])
    assert d.executor.look(key) != sighting  # put away again


def test_a_record_of_another_incarnation_touches_no_row(drive: Drive) -> None:
    """G34, F57."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    key = d.latest(pid)
    d.begin()
    d.executor.put(key, ended(d, key, code=0, incarnation="before-the-restore"))
    d.post.ended[key] = None
    d.turn(3)
    assert d.outcomes(pid) == [None]


def test_keys_that_are_not_ours_are_ignored(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    for key in ("x", "other-1-1-1", d.key(pid) + "-1", d.key(999), d.key(pid, 7), d.key(pid, 1, 99)):
        d.post.ended[key] = None
    d.turn(2)
    assert d.outcomes(pid) == [None]
    assert d.post.ended == {}


def ended(d: Driven, like: str, **changes: object) -> Ended:
    """A record as the shim of this running attempt would leave it, but for these values."""
    running = d.executor.look(like)
    d.executor.end(like, tell=False)
    found = d.executor.look(like)
    assert isinstance(found, Ended)
    d.executor.put(like, running)
    return replace(found, exit=replace(found.exit, **changes))  # type: ignore[arg-type]


# ── what a script leaves ───────────────────────────────────────────────────────────────────────────

MAKER = ONE + '[tasks.u]\non = "made"\nrun = ["./two.sh", "{n}"]\n'


@pytest.mark.feature("M36", "P5")
def test_events_of_a_script_are_stored_with_its_success(drive: Drive) -> None:
    """G4."""
    d = drive(MAKER)
    pid = d.born()
    d.turn()
    d.end(pid, left={"events": '{"event": "made", "key": "k1", "title": "T", "params": {"n": 1}, "priority": 3}\n\n'})
    (event,) = d.rows("SELECT * FROM event WHERE name = 'made'")
    assert (event.key, event.title, event.source) == ("k1", "T", f"attempt:{d.key(pid)}")
    (made,) = d.rows("SELECT id, priority FROM processing WHERE task = 'u'")
    assert made.priority == 3
    assert d.claimed() == [made.id]  # born, claimed and sent in the turn in which its maker ended


@pytest.mark.parametrize("code", [1, 75, 77])
def test_events_of_an_attempt_that_did_not_succeed_are_not_stored(drive: Drive, code: int) -> None:
    d = drive(MAKER)
    pid = d.born()
    d.turn()
    d.end(pid, code, left={"events": '{"event": "made", "params": {"n": 1}}\n'})
    assert d.rows("SELECT 1 FROM event WHERE name = 'made'") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "line 2 of the events file is not JSON"),
        ("[1]", "line 2 of the events file is JSON, but not an object"),
        ("{}", "line 2 of the events file: it needs at least"),
        ('{"event": "made", "prams": {}}', "line 2 of the events file: unknown name 'prams'"),
        ('{"event": "a b"}', "line 2 of the events file: 'a b' cannot be an event name"),
        ('{"event": "made", "params": {"n": 1e999}}', "line 2 of the events file"),
        ('{"event": "made", "params": {"PATH": 1}}', "line 2 of the events file"),
        ('{"event": "made", "key": ""}', "line 2 of the events file"),
        ('{"event": "made", "priority": "high"}', "line 2 of the events file"),
        ('{"event": "made"}', "its events were not taken: task u, step two"),
    ],
)
def test_one_bad_line_fails_the_attempt_with_its_number_and_stores_nothing(drive: Drive, line: str, said: str) -> None:
    d = drive(MAKER)
    pid, other = d.born(), d.born()
    d.turn()
    d.begin()
    good = '{"event": "made", "params": {"n": 1}}'
    d.executor.end(d.key(other), left={"events": good})
    d.end(pid, 0, left={"events": f"{good}\n{line}\n{good}\n", "output": "a=1\n"})
    assert (d.state(pid), d.outcomes(pid)) == ("failed", ["failed"])
    assert said in (d.get(pid).reason or "")
    assert d.get(pid).outputs == {}
    assert d.step(pid).attempts[0].exit_code == 0  # the truth about the script is kept
    assert len(d.rows("SELECT 1 FROM event WHERE name = 'made'")) == 1  # of the other one
    assert d.state(other) == "succeeded"


def test_a_bad_output_line_fails_the_attempt_with_its_number(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.end(pid, left={"output": "a=1\nnonsense\n"})
    assert d.state(pid) == "failed"
    assert "line 2 of the output file" in (d.get(pid).reason or "")
    assert d.get(pid).outputs == {}


def test_the_same_key_with_other_parameters_is_a_counted_conflict_not_a_failure(drive: Drive) -> None:
    """G3, I2."""
    d = drive(MAKER)
    first = d.submit("made", "k", n=1)
    pid = d.born()
    d.turn()
    lines = ['{"event": "made", "key": "k", "params": {"n": 2}}', '{"event": "made", "key": "k", "params": {"n": 1}}']
    d.end(pid, left={"events": "\n".join(lines)})
    assert d.state(pid) == "succeeded"
    (event,) = d.rows("SELECT * FROM event WHERE name = 'made'")
    assert (event.id, event.params, event.repeats, event.conflicts) == (first.event_id, '{"n":1}', 2, 1)
    assert len(d.rows("SELECT 1 FROM processing WHERE task = 'u'")) == 1


def test_events_without_a_key_have_one_that_is_the_same_for_every_attempt_of_the_step(drive: Drive) -> None:
    """Accepted or tried again after its success was lost, a step never emits the same line twice."""
    d = drive(MAKER)
    pid = d.born()
    d.turn()
    lines = '{"event": "made", "params": {"n": 1}}\n\n{"event": "made", "params": {"n": 2}}\n'
    d.begin()
    d.executor.vanish(d.latest(pid))  # it may have emitted, nobody knows
    d.turn()
    d.after(3600)
    d.end(pid, left={"events": lines})
    keys = [row.key for row in d.rows("SELECT key FROM event WHERE name = 'made' ORDER BY id")]
    assert keys == [f"{pid}-1-1", f"{pid}-1-3"]
    assert d.outcomes(pid) == ["lost", "succeeded"]


def test_metrics_are_kept_and_a_bad_one_fails_nothing(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.end(pid, left={"metrics": "cloud=0.5\nbad=x\ninf=inf\nn=3\n"})
    assert d.step(pid).attempts[0].metrics == {"cloud": 0.5, "n": 3.0}


# ── one bad thing ──────────────────────────────────────────────────────────────────────────────────


def test_one_bad_ending_never_stops_a_batch(drive: Drive) -> None:
    """The database refuses one of three (its processing is in a state that cannot be): the others are settled."""
    d = drive(ONE)
    pids = [d.born() for _ in range(3)]
    d.turn()
    d.begin()
    set_state(d, pids[1], "cancelled")  # what no code of ours does: it has ended, and a step of it runs
    for pid in pids:
        d.executor.end(d.key(pid))
    d.turn()
    assert [d.state(pid) for pid in pids] == ["succeeded", "cancelled", "succeeded"]
    assert d.outcomes(pids[1]) == [None]
    set_state(d, pids[1], "running")
    d.turn(2)  # rescue finds it again
    assert d.state(pids[1]) == "succeeded"


def set_state(d: Driven, pid: int, state: str) -> None:
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE processing SET state = '{state}' WHERE id = {pid}")


def test_an_unreadable_directory_fails_its_attempt_alone(drive: Drive) -> None:
    """F28, B20: the file of outputs is a link; nobody follows it."""
    d = drive(ONE)
    bad, good = d.born(), d.born()
    d.turn()
    d.begin()
    (d.project.var.attempt(bad, 1, "one", 1) / "secret").write_text("a=secret\n")
    d.executor.end(d.key(bad), left={"output": ""})
    directory = d.project.var.attempt(bad, 1, "one", 1)
    (directory / "output").unlink()
    (directory / "output").symlink_to(directory / "secret")
    d.executor.end(d.key(good), left={"output": "a=1\n"})
    d.turn()
    assert (d.state(bad), d.state(good)) == ("failed", "succeeded")
    assert d.get(bad).outputs == {}
