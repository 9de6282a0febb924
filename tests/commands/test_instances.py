"""Instances: registered, submitted, looked at, deleted; kept as long as told, and their keys unique until then."""

# ruff: noqa: F811  fixtures are imported by name

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from procession.commands import claims, instances, processings, registering, work
from procession.commands.asked import Asked
from procession.commands.instances import Born, NewInstance
from procession.errors import Duplicate, Invalid, NotFound, ProcessionError, QueueFull, Refused
from procession.project import Project
from tests.apart import APART
from tests.commands.asking import balanced
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

WHO = Asked("somebody")
FILE = """
[tasks.filed]
outside = true
[tasks.scene]
on = "e"
run = "./one.sh"
"""

Drive = Callable[..., Driven]


def register(d: Driven, name: str = "Sum", **how: Any) -> None:
    options = {key: how.pop(key) for key in ("queue", "max_waiting", "priority", "at_once", "uses") if key in how}
    registering.register(d.project, name, how.pop("handler", None), WHO, options=options, **how)


def submit(d: Driven, key: str | None = "T1", task: str = "Sum", **what: Any) -> Born:
    return instances.submit(d.project, task, NewInstance(key, **what), WHO)


def do(d: Driven, result: Any = None, **more: Any) -> int:
    """Let a worker do the next one."""
    (claimed,) = claims.claim(d.project, "w1")
    work.start(d.project, claimed.attempt)
    return work.succeed(d.project, claimed.attempt, result, **more)


# ── registering ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M1")
def test_registering_again_changes_what_is_submitted_from_then_on(drive: Drive) -> None:
    d = drive(FILE)
    register(d, timeout=60, attempts=3)
    register(d, timeout=60, attempts=3)
    assert len(d.rows("SELECT 1 FROM definition WHERE task = 'Sum'")) == 1
    assert len(d.rows("SELECT 1 FROM journal WHERE verb = 'register'")) == 1
    submit(d, "old")
    register(d, timeout=90)
    submit(d, "new")
    old, new = claims.claim(d.project, "w1", limit=2)
    assert (old.key, old.timeout, new.key, new.timeout) == ("old", 60, "new", 90)


@pytest.mark.feature("M1")  # B33
@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": -1}, {"timeout": 0}, {"timeout": 1e308}, {"timeout": 10**18}, {"timeout": float("nan")},
        {"timeout": "5"}, {"retention": "soon"}, {"attempts": 0}, {"attempts": "3"}, {"attempts": True},
        {"attempts": 10**18}, {"handler": "no dots"}, {"max_waiting": -1}, {"priority": 1e308}, {"at_once": -1},
        {"queue": "a b"}, {"uses": ["nowhere"]},
    ],
)  # fmt: skip
def test_what_no_file_may_say_no_program_may(tmp_path: Path, wrong: dict[str, Any]) -> None:
    d = Driven(tmp_path, FILE)
    with pytest.raises(Invalid):
        register(d, **wrong)
    assert not d.rows("SELECT 1 FROM task WHERE name = 'Sum'")
    d.close()


@pytest.mark.feature("M1")
def test_the_files_and_programs_do_not_take_each_others_tasks(drive: Drive) -> None:
    d = drive(FILE)
    with pytest.raises(Refused, match="defined in the files"):
        register(d, "filed")
    with pytest.raises(Refused, match="defined in the files"):
        registering.unregister(d.project, "filed", WHO)
    register(d)
    d.write(FILE + "[tasks.other]\noutside = true\n")
    d.crash()
    assert submit(d).task == "Sum", "reading files takes nothing away that was registered"
    d.write(FILE + "[tasks.Sum]\noutside = true\ntimeout = 5\n")
    d.crash()
    assert d.rows("SELECT 1 FROM journal WHERE verb = 'define'"), "and where they define it too, they say so"
    with pytest.raises(Refused, match="defined in the files"):
        register(d)


@pytest.mark.feature("M2")
def test_a_task_with_instances_is_unregistered_by_force_alone(drive: Drive) -> None:
    d = drive(FILE)
    assert registering.unregister(d.project, "Sum", WHO) == 0, "nothing to do is no error"
    register(d)
    for key in "abcd":
        submit(d, key)
    do(d)
    (claimed,) = claims.claim(d.project, "w1")
    work.start(d.project, claimed.attempt)
    with pytest.raises(Refused, match="4 instances"):
        registering.unregister(d.project, "Sum", WHO)
    assert registering.unregister(d.project, "Sum", WHO, force=True) == 4
    with pytest.raises(NotFound):
        submit(d)
    with pytest.raises(NotFound):
        work.succeed(d.project, claimed.attempt, 1)
    assert not d.rows("SELECT 1 FROM event_key WHERE name = 'call:Sum'")
    assert balanced(d)
    assert registering.unregister(d.project, "Sum", WHO) == 0
    register(d)
    assert submit(d, "a").processing_id


# ── submitting ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M8")
def test_a_key_is_taken_once_in_its_task_until_its_instance_is_deleted(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    register(d, "Other")
    first = submit(d)
    with pytest.raises(Duplicate):
        submit(d)
    assert submit(d, task="Other").processing_id != first.processing_id, "the same key under another task"
    with pytest.raises(Refused, match="cancel it first"):
        instances.delete(d.project, "Sum", "T1", WHO)
    do(d, 15)
    with pytest.raises(Duplicate):
        submit(d)
    assert instances.delete(d.project, "Sum", "T1", WHO) == 1
    with pytest.raises(NotFound):
        instances.status(d.project, "Sum", "T1")
    again = submit(d)
    assert again.processing_id != first.processing_id
    assert balanced(d)


@pytest.mark.feature("M8")
def test_a_key_without_words_is_made_up(drive: Drive) -> None:
    d = drive(FILE)
    one, other = submit(d, None, "filed"), submit(d, None, "filed")
    assert one.key != other.key
    assert instances.status(d.project, "filed", one.key).id == one.processing_id


def _submitting(root: str, gate: Any, answers: Any) -> None:
    project = Project.open(Path(root))
    gate.wait()
    try:
        instances.submit(project, "Sum", NewInstance("same", [1]), WHO)
        answers.put("taken")
    except ProcessionError as error:
        answers.put(type(error).__name__)
    project.close()


@pytest.mark.feature("M8")
def test_of_twenty_who_submit_the_same_key_at_the_same_time_one_is_taken(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    gate, answers = APART.Barrier(20), APART.Queue()
    them = [APART.Process(target=_submitting, args=(str(d.root), gate, answers)) for _ in range(20)]
    for each in them:
        each.start()
    said = sorted(answers.get(timeout=60) for _ in them)
    for each in them:
        each.join(30)
    assert said == ["Duplicate"] * 19 + ["taken"]
    assert balanced(d)


@pytest.mark.feature("M9")
@pytest.mark.parametrize(
    "inputs", [[1, 2.5, None, True], {"a": {"b": ["ü", "\0", "x" * 5000]}}, "text", 0, False, [], 2**80, "\u2028"]
)
def test_inputs_come_back_as_they_were(tmp_path: Path, inputs: Any) -> None:
    d = Driven(tmp_path, FILE)
    submit(d, inputs=inputs, task="filed")
    (claimed,) = claims.claim(d.project, "w1")
    assert (claimed.inputs, claimed.inputs_kind) == (inputs, "json")
    d.close()


@pytest.mark.feature("M9")  # B29, B30
@pytest.mark.parametrize(
    "inputs", [{1: 2}, {"a": object()}, float("nan"), "\ud800", b"x", "x" * (1 << 20), [[[]]] * 10**6, {"a": {1, 2}}]
)
def test_inputs_that_are_no_json_or_too_large_are_refused(tmp_path: Path, inputs: Any) -> None:
    d = Driven(tmp_path, FILE)
    with pytest.raises(Invalid):
        submit(d, inputs=inputs, task="filed")
    assert not d.rows("SELECT 1 FROM event")
    d.close()


@pytest.mark.feature("M9")
def test_large_inputs_are_stored_compressed(drive: Drive) -> None:
    d = drive(FILE)
    submit(d, inputs=["again"] * 10_000, task="filed")
    ((form, size),) = d.rows("SELECT form, length(body) FROM input")
    assert form == "zlib"
    assert size < 5000


@pytest.mark.feature("M10")
def test_as_many_wait_as_may_and_what_is_tried_again_is_never_refused(drive: Drive) -> None:
    d = drive(FILE)
    register(d, max_waiting=2, attempts=5)
    submit(d, "a")
    submit(d, "b")
    with pytest.raises(QueueFull) as full:
        submit(d, "c")
    assert full.value.exit_code == 75
    with pytest.raises(Duplicate):
        submit(d, "a")
    (claimed,) = claims.claim(d.project, "w1")
    submit(d, "c")
    with pytest.raises(QueueFull):
        submit(d, "d")
    work.give_back(d.project, claimed.attempt)
    assert [each.key for each in claims.claim(d.project, "w1", limit=9)] == ["a", "b", "c"]
    assert balanced(d)


@pytest.mark.feature("M10")
def test_a_queue_may_be_full_for_all_its_tasks_together(drive: Drive) -> None:
    d = drive(FILE + "[queues.slow]\nmax_waiting = 3\n")
    register(d, queue="slow")
    register(d, "Other", queue="slow")
    answers = instances.submit_all(d.project, "Sum", [NewInstance("a"), NewInstance("b")], WHO)
    answers += instances.submit_all(d.project, "Other", [NewInstance("a"), NewInstance("b"), NewInstance("a")], WHO)
    assert [type(each) for each in answers] == [Born, Born, Born, QueueFull, QueueFull]
    assert submit(d, task="filed").key == "T1", "another queue"


@pytest.mark.feature("M8", "M10")
def test_of_many_each_has_its_own_answer(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    many = [NewInstance("a"), NewInstance("a"), NewInstance("b", {1, 2}), NewInstance("\0"), NewInstance("c")]
    answers = instances.submit_all(d.project, "Sum", many, WHO)
    assert [type(each) for each in answers] == [Born, Duplicate, Invalid, Invalid, Born]
    assert balanced(d)


def test_ten_thousand_are_submitted_in_seconds_and_claimed_in_their_order(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    answers = instances.submit_all(d.project, "Sum", [NewInstance(f"k{n}", [n]) for n in range(10_000)], WHO)
    assert all(isinstance(each, Born) for each in answers)
    claimed = claims.claim(d.project, "w1", limit=1000)
    assert [each.key for each in claimed] == [f"k{n}" for n in range(1000)]


@pytest.mark.feature("M8")
def test_no_such_task_says_which_was_meant(drive: Drive) -> None:
    d = drive(FILE)
    register(d, "SequenceSum")
    with pytest.raises(NotFound, match="SequenceSum"):
        submit(d, task="SequenceSun")
    with pytest.raises(NotFound, match="SequenceSum"):
        instances.status(d.project, "SequenceSun", "a")
    with pytest.raises(NotFound, match="no instance"):
        instances.status(d.project, "SequenceSum", "a")


def test_a_task_of_the_file_takes_what_is_submitted_to_it_alone(drive: Drive) -> None:
    d = drive(FILE)
    born = submit(d, task="scene", params={"a": 1})
    d.turn()
    assert d.claimed() == [born.processing_id]
    assert d.get(born.processing_id).event == "call:scene"


def test_events_of_that_name_are_for_submit_alone(drive: Drive) -> None:
    d = drive(FILE)
    with pytest.raises(Invalid, match="procession submit scene"):
        d.submit("call:scene")


def test_it_does_not_begin_before_its_moment_and_the_more_urgent_comes_first(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    submit(d, "later", not_before=d.clock.now().replace(hour=13))
    submit(d, "plain")
    submit(d, "urgent", priority=5)
    assert [each.key for each in claims.claim(d.project, "w1", limit=9)] == ["urgent", "plain"]
    d.clock.advance(3601)
    assert [each.key for each in claims.claim(d.project, "w1", limit=9)] == ["later"]


# ── looking ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M78")
def test_the_journal_tells_every_state_oldest_first_with_what_the_worker_said(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    submit(d)
    (claimed,) = claims.claim(d.project, "w1")
    d.clock.advance(1)
    work.start(d.project, claimed.attempt)
    d.clock.advance(1)
    work.heartbeat(d.project, claimed.attempt, 0.5, message="half of it")
    d.clock.advance(1)
    work.succeed(d.project, claimed.attempt, 15)
    lines = instances.history(d.project, "Sum", "T1")
    assert [(line.noun, line.verb, line.state) for line in lines] == [
        ("processing", "submit", "waiting"), ("processing", "begin", "running"), ("step", "claim", "running"),
        ("attempt", "start", "running"), ("attempt", "message", None), ("step", "succeed", "succeeded"),
        ("processing", "succeed", "succeeded"),
    ]  # fmt: skip
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert [line.reason for line in lines if line.verb == "message"] == ["half of it"]


@pytest.mark.feature("M80")
@pytest.mark.parametrize(
    ("given", "mime", "said"),
    [
        ({"sum": 15}, None, ("application/json", b'{"sum":15}')),
        ("15", None, ("application/json", b'"15"')),
        ("15 ü", "text/plain; charset=utf-8", ("text/plain; charset=utf-8", "15 ü".encode())),
        (b"\x89PNG\0\xff" * 999, "image/png", ("image/png", b"\x89PNG\0\xff" * 999)),
        (b"raw", None, ("application/octet-stream", b"raw")),
        (None, "application/json", ("application/json", b"null")),
    ],
)
def test_a_result_is_served_as_it_was_given(tmp_path: Path, given: Any, mime: str | None, said: Any) -> None:
    d = Driven(tmp_path, FILE)
    born = submit(d, task="filed")
    do(d, given, mime=mime)
    assert instances.result(d.project, born.processing_id) == said
    d.close()


@pytest.mark.feature("M80")  # B43
@pytest.mark.parametrize("mime", ["text/plain\r\nX: y", "nothing", "", "a/b" * 99, "text/plä", "text/plain, text/html"])
def test_a_type_that_could_be_no_header_is_refused(tmp_path: Path, mime: str) -> None:
    d = Driven(tmp_path, FILE)
    submit(d, task="filed")
    with pytest.raises(Invalid):
        do(d, "x", mime=mime)
    d.close()


@pytest.mark.feature("M80")
def test_where_there_is_no_result_the_reason_is_told_and_a_new_one_takes_its_place(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    born = submit(d)
    with pytest.raises(NotFound, match="waiting"):
        instances.result(d.project, born.processing_id)
    (claimed,) = claims.claim(d.project, "w1")
    with pytest.raises(NotFound, match="scheduled"):
        instances.result(d.project, born.processing_id)
    work.fail(d.project, claimed.attempt, "no numbers")
    with pytest.raises(NotFound, match="no numbers"):
        instances.result(d.project, born.processing_id)
    processings.retry(d.project, born.processing_id)
    do(d, 1)
    assert instances.result(d.project, born.processing_id)[1] == b"1"


def test_who_waits_is_told_when_it_has_ended_or_the_time_is_over(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    born = submit(d)
    before = d.clock.monotonic()
    assert instances.wait(d.project, born.processing_id, 3).phase == "waiting"
    assert 3 <= d.clock.monotonic() - before < 5
    do(d, 1)
    assert instances.wait(d.project, born.processing_id).phase == "succeeded"


def test_instances_are_found_by_task_and_state_newest_first(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    ids = [submit(d, key).processing_id for key in "abc"]
    do(d)
    assert [p.id for p in instances.find(d.project, "Sum", limit=2)] == ids[:0:-1]
    assert [p.id for p in instances.find(d.project, "Sum", before=ids[1])] == ids[:1]
    assert [p.key for p in instances.find(d.project, "Sum", state=d.get(ids[0]).state)] == ["a"]


@pytest.mark.feature("M98")
def test_deleting_what_runs_elsewhere_cancels_it_first_where_that_is_said(drive: Drive) -> None:
    d = drive(FILE)
    register(d)
    submit(d)
    (claimed,) = claims.claim(d.project, "w1")
    work.start(d.project, claimed.attempt)
    with pytest.raises(Refused):
        instances.delete(d.project, "Sum", "T1", WHO)
    assert instances.delete(d.project, "Sum", "T1", WHO, cancel=True) == 1
    with pytest.raises(NotFound):
        work.succeed(d.project, claimed.attempt, 1)
    assert submit(d).key == "T1"
    assert balanced(d)


@pytest.mark.feature("M98")
def test_all_versions_of_an_instance_are_deleted_and_its_rows_with_it(drive: Drive) -> None:
    from procession.commands import restarts  # noqa: PLC0415
    from tests.commands.asking import ask  # noqa: PLC0415

    d = drive(FILE)
    register(d)
    born = submit(d, inputs=[1, 2])
    do(d, 3)
    ask(d, restarts.restart_anew, born.processing_id)
    (claimed,) = claims.claim(d.project, "w1")
    assert claimed.inputs == [1, 2], "the next version has the same inputs"
    work.succeed(d.project, claimed.attempt, 4)
    assert instances.status(d.project, "Sum", "T1").version == 2
    assert instances.delete(d.project, "Sum", "T1", WHO) == 2
    for table in ("processing", "step", "attempt", "event", "event_key", "input", "result"):
        assert not d.rows(f"SELECT 1 FROM {table}"), table
    assert balanced(d)
