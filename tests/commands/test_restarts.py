"""What has ended runs again: from a step on, or as a new version; on both databases."""

from collections.abc import Callable
from typing import Any

import pytest

from procession.commands import deletions, events, processings, restarts, settings, steps
from procession.commands.asked import Asked, Done
from procession.commands.restarts import Anew
from procession.commands.settings import Scope
from procession.errors import Invalid, NotFound, Refused
from procession.model.event import NewEvent
from tests.commands.asking import ask, balanced
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

CHAIN = """
[tasks.t]
on = "e"
priority = 3
steps = ["./one.sh", "./two.sh", "./three.sh"]
"""
GRAPH = """
[tasks.t]
on = "e"
[[tasks.t.steps]]
run = "./one.sh"
[[tasks.t.steps]]
run = "./two.sh"
needs = ["one"]
[[tasks.t.steps]]
run = "./three.sh"
needs = ["one"]
[[tasks.t.steps]]
run = "./four.sh"
needs = ["two"]
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(CHAIN)


def again(d: Driven, pid: int, how: Anew | None = None, reason: str | None = None) -> Done:
    return ask(d, restarts.restart_anew, pid, how, reason=reason)


def from_step(d: Driven, pid: int, step: str) -> Done:
    return ask(d, restarts.restart_from, pid, step)


def through(d: Driven, pid: int, *codes: int, **left: Any) -> None:
    d.turn()
    for code in codes or (0, 0, 0):
        d.end(pid, code)


# ── from a step on ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M95", "P13")
def test_a_restart_from_a_step_runs_it_and_what_needs_it_and_keeps_what_was(d: Driven) -> None:
    pid = d.born()
    d.turn()
    for name in ("one", "two", "three"):
        d.end(pid, 0, left={"output": f"from={name}\n"})
    assert d.get(pid).outputs == {name: {"from": name} for name in ("one", "two", "three")}
    assert from_step(d, pid, "two").id == pid
    assert (d.state(pid), d.states(pid)) == ("waiting", ["succeeded", "pending", "pending"])
    assert d.get(pid).outputs == {"one": {"from": "one"}}
    assert balanced(d)
    d.turn()
    d.end(pid)
    d.end(pid)
    assert d.state(pid) == "succeeded"
    assert [len(step.attempts) for step in d.get(pid).steps] == [1, 2, 2]
    assert d.get(pid).version == 1
    assert "processing restart" in d.verbs(pid)


@pytest.mark.feature("M95")
def test_in_a_graph_other_branches_stay_and_what_failed_there_gets_another_attempt(drive: Drive) -> None:  # noqa: F811
    d = drive(GRAPH)
    pid = d.born()
    d.turn()
    d.end(pid)
    d.executor.begin(d.key(pid, 2))
    d.executor.end(d.key(pid, 2), 0)
    d.turn()
    d.executor.begin(d.key(pid, 3))
    d.executor.end(d.key(pid, 3), 1)
    d.turn()
    d.end(pid)
    assert (d.state(pid), d.states(pid)) == ("failed", ["succeeded", "succeeded", "failed", "succeeded"])
    from_step(d, pid, "2")
    assert d.states(pid) == ["succeeded", "pending", "pending", "pending"]
    d.turn()
    for _ in range(3):
        d.end(pid)
    assert (d.state(pid), [len(s.attempts) for s in d.get(pid).steps]) == ("succeeded", [1, 2, 2, 2])


@pytest.mark.feature("M95")
def test_a_restart_from_a_step_is_refused_while_it_lives_and_where_the_step_has_not_run(d: Driven) -> None:
    pid = d.born()
    for _ in range(2):
        with pytest.raises(Refused, match="cancel it first, or hold it"):
            from_step(d, pid, "one")
        with pytest.raises(Refused, match="cancel it first, or hold it"):
            again(d, pid)
        d.turn()
    d.end(pid, 1)
    with pytest.raises(Refused, match="step two of processing 1 has not run"):
        from_step(d, pid, "two")
    with pytest.raises(NotFound, match="its steps are"):
        from_step(d, pid, "tow")
    assert from_step(d, pid, "one").id == pid


# ── a new version ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M95", "P13")
@pytest.mark.parametrize("end", ["succeeded", "failed", "skipped", "cancelled"])
def test_everything_that_has_ended_may_be_born_again_as_a_new_version(d: Driven, end: str) -> None:
    pid = d.born(key="k", x=1)
    d.turn()
    match end:
        case "succeeded":
            through(d, pid)
        case "failed":
            d.end(pid, 1)
        case "skipped":
            d.end(pid, 77)
        case "cancelled":
            processings.cancel(d.project, pid)
            d.turn()
    assert d.state(pid) == end
    new = again(d, pid, reason="bad table").id
    before, after = d.get(pid), d.get(new)
    assert (before.state, before.replaced_by, before.version) == (end, new, 1)
    assert (after.state, after.version, after.event_id, after.key, after.params) == (
        "waiting", 2, before.event_id, "k", {"x": 1},
    )  # fmt: skip
    assert d.project.var.work(pid) != d.project.var.work(new)
    assert balanced(d)
    through(d, new)
    assert d.state(new) == "succeeded"
    assert balanced(d)
    with pytest.raises(Refused, match=f"was replaced by processing {new}"):
        again(d, pid)
    rows = d.rows(f"SELECT reason FROM journal WHERE verb = 'restart' AND processing_id = {pid}")
    assert [row.reason for row in rows] == [f"as processing {new}: bad table"]
    assert again(d, new).id == new + 1
    assert d.get(new + 1).version == 3


@pytest.mark.feature("M95")
def test_what_was_replaced_can_neither_be_retried_nor_accepted(d: Driven) -> None:
    pid = d.born()
    d.turn()
    d.end(pid, 1)
    again(d, pid)
    for act in (lambda: processings.retry(d.project, pid), lambda: steps.accept(d.project, pid, None, "x")):
        with pytest.raises(Refused, match="was replaced by processing 2"):
            act()
    assert balanced(d)


@pytest.mark.feature("N12", "M16")
def test_a_restart_comes_after_new_data_unless_a_person_says_otherwise(drive: Drive) -> None:  # noqa: F811
    d = drive(CHAIN.replace("priority = 3", "priority = 3\nat_once = 1"))
    pids = [d.born() for _ in range(3)]
    for pid in pids:
        through(d, pid)
    plain, high, fresh = again(d, pids[0]), again(d, pids[1], Anew(priority=9)), again(d, pids[2], Anew(fresh=True))
    newer = d.born()
    found = {each.id: d.get(each.id) for each in (plain, high, fresh)}
    assert [(found[i].priority, found[i].backfill) for i in sorted(found)] == [(3, True), (9, True), (3, False)]
    order = []
    for _ in range(4):
        d.turn()
        running = d.claimed()[-1]
        order.append(running)
        for _ in range(3):
            d.end(running)
    assert order == [fresh.id, newer, high.id, plain.id]


@pytest.mark.feature("P26")
def test_a_new_version_has_the_definition_as_it_is_now_or_as_it_was(d: Driven) -> None:
    pid = d.born()
    through(d, pid)
    d.write('[tasks.t]\non = "e"\nsteps = ["./four.sh"]')
    d.project.refresh()
    recorded = again(d, pid, Anew(recorded=True)).id
    assert [step.name for step in d.get(recorded).steps] == ["one", "two", "three"]
    assert d.get(recorded).code_of == pid
    through(d, recorded)
    now = again(d, recorded).id
    assert [step.name for step in d.get(now).steps] == ["four"]
    assert (d.get(now).code_of, d.get(now).version) == (None, 3)


@pytest.mark.feature("P26")
def test_recorded_code_is_the_text_that_ran_then_and_the_attempt_says_so(d: Driven) -> None:
    pid = d.born()
    through(d, pid)
    script = d.root / "one.sh"
    (path, digest) = next(iter(d.step(pid).attempts[0].code.items()))
    script.write_text("#!/bin/sh\necho changed\n")
    again(d, pid, Anew(recorded=True))
    d.turn()
    job = d.executor.job(d.key(2))
    kept = d.project.var.code / digest
    assert (job.program, job.argv[0]) == (str(kept), str(kept))
    assert kept.stat().st_mode & 0o100
    assert d.step(2).attempts[0].code == {path: digest}
    through(d, 2)
    third = again(d, 2, Anew(recorded=True)).id
    d.turn()
    assert d.step(third).attempts[0].code == {path: digest}
    through(d, third)
    kept.unlink()
    with pytest.raises(Refused, match="was not kept"):
        again(d, third, Anew(recorded=True))
    assert d.step(again(d, third).id).state == "pending"


def test_a_task_that_is_gone_can_only_be_restarted_as_it_was(d: Driven) -> None:
    pid = d.born()
    through(d, pid)
    d.write('[tasks.other]\non = "x"\nrun = "./one.sh"')
    d.project.refresh()
    with pytest.raises(Refused, match="--code recorded"):
        again(d, pid)
    through(d, again(d, pid, Anew(recorded=True)).id)
    assert d.state(2) == "succeeded"


def test_a_restart_is_refused_where_the_task_now_needs_what_the_event_does_not_bring(d: Driven) -> None:
    pid = d.born()
    through(d, pid)
    d.write('[tasks.t]\non = "e"\nrun = "./one.sh {scene}"')
    d.project.refresh()
    with pytest.raises(Invalid, match="scene"):
        again(d, pid)
    assert d.get(pid).replaced_by is None
    assert balanced(d)


@pytest.mark.feature("M32")
def test_what_a_skip_pause_let_pass_is_submitted_again_by_a_restart(d: Driven) -> None:
    who = Asked("me")
    settings.pause(d.project, Scope(task="t"), "skip", who)
    pid = d.born()
    assert d.state(pid) == "skipped"
    with pytest.raises(Refused, match="resume first"):
        again(d, pid)
    settings.resume(d.project, Scope(task="t"), who)
    through(d, again(d, pid).id)
    assert d.state(2) == "succeeded"
    assert balanced(d)


# ── what a restarted script emits ──────────────────────────────────────────────────────────────────

FAMILY = """
[tasks.parent]
on = "e"
steps = ["./one.sh", { wait = "children" }]
[tasks.child]
on = "c"
run = "./two.sh"
"""
LINES = '{"event": "c"}\n{"event": "c", "key": "own"}\n'


@pytest.mark.feature("N4", "M95")
@pytest.mark.parametrize("how", ["from", "anew"])
def test_events_of_a_restarted_script_are_repeats_and_its_children_are_waited_for(
    drive: Drive,  # noqa: F811
    how: str,
) -> None:
    d = drive(FAMILY)
    pid = d.born()
    d.turn()
    d.end(pid, left={"events": LINES})
    kids = [row.id for row in d.rows("SELECT id FROM processing WHERE task = 'child' ORDER BY id")]
    assert len(kids) == 2
    for kid in kids:
        d.end(kid, 1 if kid == kids[0] else 0)
    d.turn()
    assert d.state(pid) == "failed"
    kid = again(d, kids[0]).id  # a newer version of a child counts, not the one that failed
    d.turn()
    d.end(kid)
    new = from_step(d, pid, "one").id if how == "from" else again(d, pid).id
    d.turn()
    d.end(new, left={"events": LINES})
    d.turn()
    assert d.rows("SELECT count(*) AS n FROM event WHERE name = 'c'")[0].n == 2
    assert d.rows("SELECT sum(repeats) AS n FROM event WHERE name = 'c'")[0].n == 2
    assert d.state(new) == "succeeded"
    (found,) = (d.get(new).outputs or {}).values()
    assert found == {"children": 2, "succeeded": 2, "failed": 0}
    assert balanced(d)


def test_a_repeat_of_an_event_brings_back_nothing_that_was_restarted_or_deleted(d: Driven) -> None:
    pid = d.born(key="k")
    through(d, pid)
    ask(d, deletions.delete_one, pid)
    answer = events.submit(d.project, NewEvent("e", {}, "k", source="test"))
    assert (answer.duplicate, answer.processings) == (True, ())
    assert balanced(d)
