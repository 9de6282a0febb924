"""Messages: what people should know, counted by cause; suspension; a command that tells a person."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.commands import deletions, messages, processings, restarts, steps
from procession.commands.asked import Asked
from procession.errors import NotFound
from procession.model.message import Message
from procession.store import messages as rows
from procession.store import settings
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.waiting import eventually

Drive = Callable[..., Driven]

TASK = """
[tasks.scene]
on = "scene"
steps = ["./one.sh", "./two.sh"]
"""


def ended(d: Driven, code: int = 0, **how: object) -> int:
    """A processing whose first step ends so."""
    processing_id = d.born("scene")
    d.turn()
    d.end(processing_id, code, **how)
    return processing_id


def found(d: Driven, **asked: bool) -> list[Message]:
    return messages.newest(d.project, **{"ended": True, **asked})


@pytest.mark.feature("M94")
def test_failures_of_one_cause_are_one_message_with_a_count_and_two_moments(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    for n in range(3):
        d.clock.advance(60)
        last = ended(d, 1, left={"log": f"cannot read /data/{n}.h5: line {n}"})
    (message,) = found(d)
    assert (message.kind, message.task, message.step, message.n) == ("failure", "scene", "one", 3)
    assert message.text == "exit code 1: cannot read /data/2.h5: line 2"
    assert message.processing_id == last
    assert message.last_at - message.first_at == 120_000_000
    assert message.needs_person_at == message.first_at


@pytest.mark.feature("M94")
def test_another_cause_is_another_message(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    ended(d, 1, left={"log": "no such band"})
    ended(d, 1, left={"log": "out of memory"})
    assert sorted(m.text for m in found(d)) == ["exit code 1: no such band", "exit code 1: out of memory"]


@pytest.mark.feature("M94")
def test_a_message_ends_when_nothing_has_failed_for_its_cause_any_more_and_a_new_occurrence_begins_one(
    drive: Drive,  # noqa: F811
) -> None:
    d = drive(TASK)
    one, two, three, four = (ended(d, 1, left={"log": "broken"}) for _ in range(4))
    first = ended(d)
    assert [(m.n, m.ended_at) for m in found(d)] == [(4, None)], "another one that succeeds mends nothing"
    d.end(first, 1, left={"log": "broken"})  # the second step: another place, so another message
    steps.accept(d.project, one, None, "by hand")
    with d.project.store.begin() as tx:
        restarts.restart_anew(d.project, tx, two, Asked("ann"), how=restarts.Anew())
        deletions.delete_one(d.project, tx, three, Asked("ann"))
    processings.retry(d.project, four)
    assert [m.step for m in found(d, ended=False)] == ["two"], "whoever looks at once sees it too"
    d.turn(2)
    assert [(m.step, m.ended_at) for m in found(d)] == [("two", None), ("one", d.project.now())]
    d.end(four, 1, left={"log": "broken"})
    assert [(m.step, m.n) for m in found(d, ended=False)] == [("one", 1), ("two", 1)]


@pytest.mark.feature("M94")
def test_a_message_goes_on_while_another_branch_of_what_failed_runs_and_while_it_is_tried_again_by_itself(
    drive: Drive,  # noqa: F811
) -> None:
    d = drive("""
        [tasks.scene]
        on = "scene"
        steps = [{ run = "./one.sh", needs = [] }, { run = "./two.sh", needs = [] }]
        [tasks.later]
        on = "later"
        run = "./two.sh"
    """)
    wide = d.born("scene")
    d.turn()
    d.begin()
    d.executor.end(d.key(wide, 1), 1, left={"log": "no band"})
    d.turn(2)
    later = d.born("later")
    d.turn()
    d.end(later, 75, left={"log": "not before noon", "retry_after": "7200"})
    d.turn(2)
    assert {m.task for m in found(d, ended=False)} == {"scene", "later"}
    assert d.state(wide) == "running"
    d.executor.end(d.key(wide, 2), 0)
    d.after(7201)
    d.turn()
    assert {m.task for m in found(d, ended=False)} == {"scene", "later"}
    d.end(later)
    d.turn()
    assert [m.task for m in found(d, ended=False)] == ["scene"]


@pytest.mark.feature("M94", "M44")
def test_recorded_errors_are_counted_and_end_when_a_success_no_longer_has_them(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    ended(d, 0, left={"errors": "band 3 is noisy\nband 4 is noisy\nno sun\n"})
    assert {(m.kind, m.n, m.needs_person_at) for m in found(d)} == {("error", 2, None), ("error", 1, None)}
    ended(d, 0, left={"errors": "band 7 is noisy\n"})
    assert {(m.text, m.n, m.ended_at is None) for m in found(d)} == {("band 7 is noisy", 3, True), ("no sun", 1, False)}
    ended(d)
    assert found(d, ended=False) == []


@pytest.mark.feature("M94")
def test_tries_that_are_repeated_are_no_failures(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    ended(d, 75)
    assert found(d) == []


@pytest.mark.feature("M94")
def test_rules_say_which_need_a_person_and_after_how_long(drive: Drive) -> None:  # noqa: F811
    d = drive("""
        [[rules]]
        kind = "failure"
        match = "not there yet"
        needs_person = true
        after = "1 h"
        [[rules]]
        kind = "failure"
        task = "scene"
        step = "two"
        needs_person = false
        [[rules]]
        kind = "error"
        needs_person = true
    """ + TASK)  # fmt: skip
    ended(d, 1, left={"log": "orbit not there yet"})
    d.end(ended(d), 1, left={"log": "broken"})
    ended(d, 0, left={"errors": "noise"})
    after = {m.text: None if m.needs_person_at is None else (m.needs_person_at - m.first_at) / 1e6 for m in found(d)}
    assert after == {"exit code 1: orbit not there yet": 3600.0, "exit code 1: broken": None, "noise": 0.0}


@pytest.mark.feature("M94")
def test_what_was_read_is_shown_but_no_longer_as_new(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    ended(d, 1, left={"log": "broken"})
    ended(d, 1, left={"log": "torn"})
    one = found(d)[0]
    with pytest.raises(NotFound, match="no message 99"):
        messages.read(d.project, [one.id, 99])
    assert len(found(d, unread=True)) == 2
    assert messages.read(d.project, [one.id]) == 1
    assert messages.read(d.project, [one.id]) == 0
    assert [m.id for m in found(d, unread=True)] != [one.id]
    assert messages.read(d.project, None) == 1
    assert found(d, unread=True) == []
    assert len(found(d)) == 2


# ── suspension ─────────────────────────────────────────────────────────────────────────────────────

THREE = """
[tasks.scene]
on = "scene"
run = "./one.sh"
max_failures = 3
"""


@pytest.mark.feature("M93")
def test_so_many_failures_in_a_row_suspend_a_task_until_a_person_resumes_it(drive: Drive) -> None:  # noqa: F811
    d = drive(THREE)
    for code in (1, 1, 0, 1, 1):
        d.clock.advance(1)
        ended(d, code)
    assert d.rows("SELECT name FROM setting") == []
    d.clock.advance(1)
    ended(d, 1)
    with d.project.store.read() as tx:
        pause = settings.all_of(tx).pause("scene", "")
    assert pause is not None
    assert (pause.mode, pause.by) == ("stop", "procession")
    assert "3 failures in a row" in pause.sentence
    assert [m.task for m in found(d) if m.kind == "suspended"] == ["scene"]
    waiting = d.born("scene")
    d.turn()
    assert d.state(waiting) == "waiting"
    d.clock.advance(1)
    with d.project.store.begin() as tx:
        settings.remove(tx, "pause:task:scene")
        messages.resumed(tx, "scene", d.project.now())
    assert [m.ended_at is None for m in found(d) if m.kind == "suspended"] == [False]
    d.turn()
    d.clock.advance(1)
    d.end(waiting, 1)
    assert d.rows("SELECT name FROM setting") == [], "failures before it was resumed count no more"
    for _ in range(2):
        d.clock.advance(1)
        ended(d, 1)
    assert len(d.rows("SELECT name FROM setting")) == 1


@pytest.mark.feature("M93")
def test_failures_are_counted_from_rows_also_over_a_crash(drive: Drive) -> None:  # noqa: F811
    d = drive(THREE)
    for _ in range(3):
        d.clock.advance(1)
        ended(d, 1)
        d.crash()
    assert len(d.rows("SELECT name FROM setting")) == 1


@pytest.mark.feature("M93")
def test_without_max_failures_nothing_is_suspended(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    for _ in range(12):
        ended(d, 1)
    assert d.rows("SELECT name FROM setting") == []


# ── the alert command ──────────────────────────────────────────────────────────────────────────────

ALERT = '''
[alerts]
command = ["sh", "-c", """
cat >> told
echo $PROCESSION_MESSAGE_KIND $PROCESSION_MESSAGE_STATE >> names
exit $(cat code)"""]
'''


def settle_alerts(d: Driven) -> None:
    """Wait until every command has ended, and take it in."""
    for _ in range(3):
        d.turn()
        eventually(lambda: not d.post.errands.under_way or d.post.errands.ended, what="the command has ended")
    d.turn()


def told(d: Driven) -> list[tuple[str, str]]:
    path = d.root / "told"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(m["text"].removeprefix("exit code 1: "), m["state"]) for m in map(json.loads, lines)]


@pytest.fixture
def quiet_code(tmp_path: Path) -> Callable[[Driven, int], None]:
    def write(d: Driven, code: int) -> None:
        (d.root / "code").write_text(f"{code}\n")

    return write


@pytest.mark.feature("M94", "N13")
def test_the_alert_command_is_run_once_for_a_message_and_once_for_its_end(
    drive: Drive,  # noqa: F811
    quiet_code: Callable[[Driven, int], None],
) -> None:
    d = drive(ALERT + TASK)
    quiet_code(d, 0)
    ended(d, 1, left={"log": "broken"})
    settle_alerts(d)
    assert told(d) == [("broken", "occurs")]
    ended(d, 1, left={"log": "broken"})
    d.crash()
    settle_alerts(d)
    assert told(d) == [("broken", "occurs")], "however often it occurs, and over a restart"
    d.clock.advance(1)
    ended(d)
    settle_alerts(d)
    assert told(d) == [("broken", "occurs")], "a success of another one mends nothing"
    for each in (1, 2):
        processings.retry(d.project, each)
    settle_alerts(d)
    d.after(60)
    settle_alerts(d)
    assert told(d) == [("broken", "occurs"), ("broken", "ended")]
    assert (d.root / "names").read_text() == "failure occurs\nfailure ended\n"


@pytest.mark.feature("M94")
def test_a_person_is_told_when_the_time_has_come_and_only_if_it_still_occurs(
    drive: Drive,  # noqa: F811
    quiet_code: Callable[[Driven, int], None],
) -> None:
    d = drive('[[rules]]\nneeds_person = true\nafter = "1 h"\n' + ALERT + TASK)
    quiet_code(d, 0)
    passing = ended(d, 1, left={"log": "passing"})
    d.clock.advance(1800)
    processings.retry(d.project, passing)
    d.turn()
    d.end(passing)
    ended(d, 1, left={"log": "lasting"})
    d.clock.advance(1801)
    settle_alerts(d)
    assert told(d) == []
    d.clock.advance(1800)
    settle_alerts(d)
    assert told(d) == [("lasting", "occurs")]


@pytest.mark.feature("M94")
def test_a_command_that_fails_is_tried_five_times_and_again_by_the_next_launcher(
    drive: Drive,  # noqa: F811
    quiet_code: Callable[[Driven, int], None],
) -> None:
    d = drive(ALERT + TASK)
    quiet_code(d, 3)
    ended(d, 1, left={"log": "broken"})
    for _ in range(8):
        settle_alerts(d)
        d.clock.advance(10_000)
    assert len(told(d)) == 5
    d.crash()
    quiet_code(d, 0)
    settle_alerts(d)
    assert len(told(d)) == 6
    d.clock.advance(10_000)
    settle_alerts(d)
    assert len(told(d)) == 6


@pytest.mark.feature("M94")
def test_what_was_not_committed_as_told_is_told_again_after_a_crash(
    drive: Drive,  # noqa: F811
    quiet_code: Callable[[Driven, int], None],
) -> None:
    """At least once."""
    d = drive(ALERT + TASK)
    quiet_code(d, 0)
    ended(d, 1, left={"log": "broken"})
    eventually(lambda: d.post.errands.ended, what="the command has ended")
    d.crash()  # before it was taken in
    settle_alerts(d)
    assert len(told(d)) == 2
    with d.project.store.read() as tx:
        assert rows.untold(tx, d.project.now()) == []
