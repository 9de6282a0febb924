"""A step asks a person: it holds nothing, waits through everything, and goes on with the answer."""

# ruff: noqa: F811  the fixture of both databases

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from procession.commands import bulk, holds, launchers, messages, processings, questions, reasons
from procession.commands.asked import asked
from procession.commands.restarts import restart_from
from procession.doctor import examine
from procession.errors import Invalid, Refused
from procession.flow.hear import hear
from procession.store import journal, queries, wishes
from procession.store import launchers as launchers_store
from procession.store import messages as messages_store
from procession.store import processings as processing_store
from procession.store import questions as store
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Crash, Driven
from tests.waiting import eventually

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("P28")

ASK = """
    [tasks.t]
    on = "e"
    at_once = {at_once}
    timeout = "1 s"
    steps = [
        "./one.sh",
        {{ name = "check", ask = "Is the picture of {{scene}} good?"{more} }},
        ["./two.sh", "{{check.value}}"],
    ]
"""
NUMBER = ', type = "number", min = 0, max = 5.5'


def asking(d: Driven, **params: Any) -> int:
    """A processing that waits for a person."""
    pid = d.born("e", **{"scene": "L8", **params})
    d.turn()
    d.end(pid)
    d.turn()
    assert d.states(pid) == ["succeeded", "running", "pending"]
    return pid


def reply(d: Driven, pid: int, value: Any, note: str | None = None, step: str | None = "check") -> None:
    questions.answer(d.project, pid, step, value, asked(note, "ann"))


def given(d: Driven, pid: int) -> list[str]:
    """What the step after the question is called with."""
    return d.executor.job(d.key(pid, 3, d.step(pid, 3).attempt)).argv[1:]


def made(drive: Drive, more: str = "", at_once: int = 0, **options: Any) -> Driven:
    return drive(ASK.format(more=more, at_once=at_once), **options)


def told(d: Driven) -> list[tuple[str, int, bool]]:
    """Messages about questions: text, count, does it still occur."""
    return [(m.text, m.n, m.ended_at is None) for m in messages.newest(d.project, ended=True) if m.kind == "question"]


def test_a_person_is_asked_and_the_answer_goes_to_the_next_step(drive: Drive) -> None:
    d = made(drive, cpus=1, at_once=1)
    pid = asking(d)
    said = reasons.why(d.project, pid)
    assert said.code == "person"
    assert said.sentence == (
        f"waits for a person: Is the picture of L8 good? (yes, no); answer with: procession answer {pid} check yes"
    )
    other = d.born("e", scene="S2")
    d.turn()
    assert d.claimed() == [other], "neither the processor nor its place in the task is taken"
    d.after(3600)
    assert d.states(pid)[1] == "running", "the timeout of the task is for scripts"
    reply(d, pid, "yes", "a bit dark")
    d.end(other)
    d.turn()
    assert given(d, pid) == ["yes"]
    d.end(pid)
    assert (d.get(pid).outputs or {})["check"] == {"value": "yes"}
    (one,) = d.step(pid, 2).attempts
    assert (one.answer, one.made_by, one.note, one.finished_at) == ("yes", "ann", "a bit dark", d.clock.now())
    with d.project.store.read() as tx:
        lines = [(e.verb, e.by, e.reason) for e in journal.of(tx, pid) if e.verb in ("ask", "answer")]
    assert lines == [("ask", "procession", "Is the picture of L8 good?"), ("answer", "ann", "yes: a bit dark")]


@pytest.mark.parametrize(
    ("more", "answer", "state", "reason"),
    [
        (', fail_on = ["no"]', "no", "failed", 'check: answered no to "Is the picture of L8 good?" by ann: clouds'),
        (', skip_on = ["no"]', "no", "skipped", 'check: answered no to "Is the picture of L8 good?" by ann: clouds'),
        (', choices = ["publish", "not yet"], fail_on = ["not yet"]', "publish", "running", None),
    ],
)
def test_an_answer_can_fail_the_step_or_skip_the_rest(
    drive: Drive, more: str, answer: str, state: str, reason: str | None
) -> None:
    d = made(drive, more)
    pid = asking(d)
    reply(d, pid, answer, "clouds")
    d.turn()
    assert (d.state(pid), d.get(pid).reason) == (state, reason)
    assert told(d)[0][2] is False
    with d.project.store.read() as tx:
        assert not messages_store.of_kind(tx, "failure"), "whoever answered knows it"


@pytest.mark.parametrize(
    ("more", "bad", "says", "good", "comes"),
    [
        ("", "Yes", "must be one of yes, no, not Yes", "yes", ["yes"]),
        (NUMBER, "six", "must be a number from 0 to 5.5, not six", "3", ["3"]),
        (NUMBER, True, "must be a number from 0 to 5.5, not True", 2.5, ["2.5"]),
        (NUMBER, "6", "must be a number from 0 to 5.5, not 6", "-0", ["0"]),
        (', type = "number", max = 1', "1e400", "must be a number of at most 1, not 1e400", "-7", None),
        (', type = "text"', "  ", "must be a text, not nothing", "two words; $(x)", ["two words; $(x)"]),
        (', type = "text"', "x" * 10_001, "has 10001 characters", "{scene}", ["{scene}"]),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays(
    drive: Drive, more: str, bad: Any, says: str, good: Any, comes: list[str] | None
) -> None:
    d = made(drive, more)
    pid = asking(d)
    with pytest.raises(Invalid, match=says.replace("$", r"\$")):
        reply(d, pid, bad)
    d.turn()
    assert d.states(pid)[1] == "running"
    reply(d, pid, good)
    d.turn()
    if comes is None:  # a value that begins with a dash is refused as an argument, as any other
        assert d.get(pid).outputs == {"check": {"value": -7}}
    else:
        assert given(d, pid) == comes


def test_the_first_of_two_answers_counts_and_the_second_is_told_so(drive: Drive) -> None:
    d = made(drive)
    pid = asking(d)
    reply(d, pid, "yes", step=None)
    for _ in range(2):
        with pytest.raises(Refused, match=r"was answered yes by ann|asks nothing now"):
            reply(d, pid, "no")
        d.turn()
    assert given(d, pid) == ["yes"]


@pytest.mark.parametrize(("more", "state"), [("", "failed"), (', default = "no"', "running"),
                                             (', default = "no", fail_on = ["no"]', "failed")])  # fmt: skip
def test_when_its_time_is_over_the_default_counts_or_the_step_fails(drive: Drive, more: str, state: str) -> None:
    d = made(drive, f', timeout = "2 d"{more}')
    pid = asking(d)
    assert "at the latest at 2026-03-03 12:00:00 UTC" in reasons.why(d.project, pid).sentence
    d.after(2 * 86400 - 1)
    assert d.states(pid)[1] == "running"
    d.after(1)
    assert d.state(pid) == state
    if not more:
        assert d.get(pid).reason == "check: nobody answered within 2 days: Is the picture of L8 good? (yes, no)"
    elif state == "running":
        assert given(d, pid) == ["no"]
    else:
        assert d.get(pid).reason == "check: nobody answered in time, and the default counts: no"


def test_retry_and_restart_ask_again_and_the_answers_before_stay_as_history(drive: Drive) -> None:
    d = made(drive, ', fail_on = ["no"]')
    pid = asking(d)
    reply(d, pid, "no")
    d.turn()
    processings.retry(d.project, pid)
    d.turn()
    assert d.states(pid) == ["succeeded", "running", "pending"]
    assert reasons.why(d.project, pid).code == "person"
    reply(d, pid, "yes")
    d.turn()
    d.end(pid)
    assert d.state(pid) == "succeeded"
    d.project.store.change(lambda tx: restart_from(d.project, tx, pid, asked(None, "ann"), "check"))
    d.turn()
    reply(d, pid, "no")
    d.turn()
    assert [one.answer for one in d.step(pid, 2).attempts] == ["no", "yes", "no"]
    assert [(n, still) for _, n, still in told(d)] == [(1, False)] * 3


def test_it_is_cancelled_held_and_deleted_like_any_other(drive: Drive) -> None:
    d = made(drive)
    held, gone = asking(d), asking(d, scene="S2")
    d.project.store.change(lambda tx: holds.hold_one(d.project, tx, held, asked(None, "ann"), None))
    processings.cancel(d.project, gone)
    assert reasons.why(d.project, gone).code == "cancelling"
    d.turn()
    assert (d.state(gone), d.states(gone)[1]) == ("cancelled", "cancelled")
    with pytest.raises(Refused, match="asks nothing now"):
        reply(d, gone, "yes")
    reply(d, held, "yes")
    d.turn(2)
    assert d.states(held) == ["succeeded", "succeeded", "ready"]
    assert reasons.why(d.project, held).code == "held"
    d.project.store.change(lambda tx: holds.release_one(d.project, tx, held, asked(None, "ann"), None))
    d.turn()
    assert given(d, held) == ["yes"]
    assert told(d)[0][2] is False


def test_an_answer_while_nobody_serves_is_kept_also_over_its_time(drive: Drive) -> None:
    d = made(drive, ', timeout = "1 h"')
    pid = asking(d)
    d.leave()
    reply(d, pid, "no")
    said = reasons.why(d.project, pid)
    assert (said.code, "was answered no by ann; nobody serves" in said.sentence) == ("running", True)
    d.clock.advance(90_000)
    d.launch()
    d.turn()
    assert given(d, pid) == ["no"]


def test_after_a_cancel_an_answer_is_refused_and_one_given_before_counts(drive: Drive) -> None:
    d = made(drive)
    early, late = asking(d), asking(d, scene="S2")
    reply(d, early, "yes")
    processings.cancel(d.project, early)
    processings.cancel(d.project, late)
    with pytest.raises(Refused, match=f"the cancel of processing {late} was asked before this answer"):
        reply(d, late, "yes")
    d.turn()
    assert (d.state(early), d.states(early)[1], d.get(early).outputs) == (
        "cancelled", "succeeded", {"check": {"value": "yes"}}
    )  # fmt: skip
    assert (d.state(late), d.states(late)[1], d.get(late).outputs) == ("cancelled", "cancelled", {})


@pytest.mark.parametrize("act", ["answer", "cancel"])
def test_an_answer_or_cancel_committed_while_the_overdue_are_locked_counts(
    tables_url: str, tmp_path: Path, act: str
) -> None:
    d = Driven(tmp_path / "p", ASK.format(more=', timeout = "1 h", default = "no"', at_once=0), database=tables_url)
    try:
        pid = asking(d)
        d.clock.advance(3600)
        turn = threading.Thread(target=d.turn)
        with d.project.store.begin() as tx:
            (asking_now,) = store.of(tx, pid)
            processing_store.standings(tx, [pid])
            turn.start()
            eventually(lambda: d.rows("SELECT 1 FROM pg_locks WHERE NOT granted"), what="the turn waits")
            if act == "answer":
                assert store.answer(tx, asking_now.which, "yes", "ann", None, d.project.now())
            else:
                wishes.ask_cancel(tx, pid, d.project.now())
        turn.join()
        assert d.get(pid).outputs == ({"check": {"value": "yes"}} if act == "answer" else {})
        assert d.states(pid)[1] == ("succeeded" if act == "answer" else "cancelled")
    finally:
        d.close()


def test_answered_and_overdue_questions_of_another_launcher_neither_wake_this_one_nor_hide_its_own(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.flow.hear.BATCH", 2)
    d = made(drive, ', timeout = "1 h"')
    theirs = [asking(d) for _ in range(3)]
    d.clock.advance(1800)
    own = asking(d)
    with d.project.store.begin() as tx:
        other = launchers_store.add(
            tx, name="run", kind="run", host="elsewhere", place="elsewhere", pid=1, boot="b", cpus=1, at=d.project.now()
        )
        for pid in theirs:
            tx.connection.exec_driver_sql(f"UPDATE processing SET launcher_id = {other} WHERE id = {pid}")
    reply(d, theirs[0], "yes")
    processings.cancel(d.project, theirs[1])
    d.clock.advance(2000)
    with d.project.store.begin() as tx:
        moment = hear(d.project, tx)
    assert moment == d.step(own, 2).attempts[0].claimed_at + timedelta(hours=1)
    reply(d, own, "yes")
    with d.project.store.begin() as tx:
        assert hear(d.project, tx) is None
    assert [d.states(pid)[1] for pid in (own, *theirs)] == ["succeeded", *["running"] * 3]


def test_a_cancel_of_many_that_ask_ends_them_in_batches_without_a_pause(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.flow.hear.BATCH", 2)
    d = made(drive)
    pids = [asking(d) for _ in range(5)]
    for pid in pids:
        processings.cancel(d.project, pid)
    for left in (3, 1, 0):
        with d.project.store.begin() as tx:
            moment = hear(d.project, tx)
        assert [d.state(pid) for pid in pids].count("running") == left
        assert moment == (d.clock.now() if left else None)


@pytest.mark.parametrize("point", ["asked", "answered", "settled"])
def test_a_launcher_that_is_killed_asks_nobody_twice_and_loses_no_answer(
    drive: Drive, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    d = made(drive)
    pid = d.born("e", scene="L8")
    d.turn()
    if point == "asked":
        _die_in_commit(d, monkeypatch, lambda: d.end(pid))
        d.crash()
        d.turn(2)
        if d.states(pid)[0] == "running":  # what ended was not settled before: it is settled now
            d.end(pid)
    else:
        d.end(pid)
    d.turn()
    assert d.step(pid, 2).attempt == 1
    reply(d, pid, "yes")
    if point == "settled":
        _die_in_commit(d, monkeypatch, d.turn)
    d.crash()
    d.turn(2)
    assert [one.answer for one in d.step(pid, 2).attempts] == ["yes"]
    assert given(d, pid) == ["yes"]


def _die_in_commit(d: Driven, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """The launcher is gone right before its transaction is committed."""

    def die(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr("procession.flow.asking.moves.note" if d.claimed() else "procession.flow.hear.conclude", die)
        act()


@pytest.mark.feature("M94", "N2")
def test_people_are_told_once_for_all_questions_of_a_step_and_they_are_found(drive: Drive) -> None:
    d = made(drive)
    first, second = asking(d), asking(d, scene="S2")
    (said,) = told(d)
    assert said == (
        f"Is the picture of S2 good? (yes, no); answer with: procession answer {second} check yes", 2, True
    )  # fmt: skip
    assert launchers.status(d.project).asking == {"t": 2}
    with d.project.store.read() as tx:
        found = queries.find(tx, bulk.read_text(d.project, "state:asking"), before=None, limit=10)
        none = queries.find(tx, bulk.read_text(d.project, "-state:asking"), before=None, limit=10)
    assert ([p.id for p in found], none) == ([second, first], [])
    shown, following = questions.unanswered(d.project, limit=1)
    assert ([each.asking.processing_id for each in shown], following) == ([first], first)
    shown, following = questions.unanswered(d.project, after=first, limit=1)
    assert ([each.asking.text for each in shown], following) == (["Is the picture of S2 good?"], None)
    reply(d, first, "yes")
    d.turn()
    assert told(d)[0][2] is True
    reply(d, second, "no")
    d.turn()
    assert told(d)[0][2] is False
    assert not [f for f in examine(d.project, full=True) if f.level == "wrong"]


def test_a_question_whose_text_has_no_value_fails_its_step_and_asks_nobody(drive: Drive) -> None:
    d = drive(
        '[tasks.t]\non = "e"\nsteps = ["./one.sh", { name = "check", ask = "Is {one.best} the best?" }, "./two.sh"]\n'
    )
    pid = d.born()
    d.turn()
    d.end(pid)
    assert d.state(pid) == "failed"
    assert "step one left no output best" in (d.get(pid).reason or "")
    assert told(d) == []


def test_branches_ask_beside_each_other_and_the_step_is_named_then(drive: Drive) -> None:
    d = drive(
        '[tasks.t]\non = "e"\nsteps = [\n'
        '  { name = "left", ask = "Left?", needs = [] }, { name = "right", ask = "Right?", needs = [] },\n'
        '  { name = "join", run = ["./one.sh", "{left.value}", "{right.value}"], needs = ["left", "right"] }]\n'
    )
    pid = d.born()
    d.turn()
    assert d.states(pid) == ["running", "running", "pending"]
    with pytest.raises(Refused, match="several questions; say which step is meant: left, right"):
        reply(d, pid, "yes", step=None)
    shown, following = questions.unanswered(d.project, limit=1)
    assert ([each.asking.step for each in shown], following) == (["left", "right"], pid)
    reply(d, pid, "no", step="right")
    reply(d, pid, "yes", step=None)
    d.turn()
    assert d.executor.job(d.key(pid, 3)).argv[1:] == ["yes", "no"]


@pytest.mark.feature("P28", "N4")
def test_the_command_line_says_asking_apart_from_running(tmp_path: Path) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from procession.cli.main import group  # noqa: PLC0415

    d, told = Driven(tmp_path / "p", ASK.format(at_once=3, more="")), ("status", "tasks", "overview")
    try:
        pid = asking(d)
        said = {w: CliRunner().invoke(group, ["--project", str(d.root), w]).stdout for w in told}
        for word, text in said.items():
            head = next(line for line in text.splitlines() if line.startswith("task ") and "  asking" in line)
            row = next(line for line in text.splitlines() if line.startswith("t "))
            assert [row[head.index(of) :].split()[0] for of in ("running", "asking")] == ["–", "1"], word
        assert "0 running, 1 asking, " in said["overview"]
        assert re.search(rf"asking:\nid.*\n{pid}\s.*check asking", said["status"])
        assert "running:" not in said["status"]
        waits = d.born("e", scene="L9")
        for one in (pid, waits):
            why = CliRunner().invoke(group, ["--project", str(d.root), "why", str(one)]).stdout
            assert re.search(r"; since [-0-9: ]+Z \(for .+\)$", why), why
    finally:
        d.close()


@pytest.mark.feature("P28", "N5")
def test_who_is_asked_is_told_that_it_is_held_besides(drive: Drive) -> None:
    d = drive(ASK.format(at_once=3, more=""))
    pid = asking(d)
    assert reasons.why(d.project, pid).also == ()
    who = asked("the mirror is dirty", "ann")
    d.project.store.change(lambda tx: holds.hold_one(d.project, tx, pid, who, None))
    found = reasons.why(d.project, pid)
    assert found.code == "person"
    (held,) = found.also
    assert held.code == "held"
    assert re.fullmatch(rf"it is held by \S+: the mirror is dirty; .*: procession release {pid}", held.sentence)
    questions.answer(d.project, pid, "check", "yes", asked())
    d.turn()
    assert reasons.why(d.project, pid).code == "held"
