"""Fan-out and fan-in: a step waits for the children without holding anything, and hands on what became of them."""

# ruff: noqa: F811  the fixture of both databases

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.commands import processings, reasons
from procession.commands.asked import Asked
from procession.commands.restarts import restart_anew
from procession.store import families
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("M39", "M40", "M41", "M42")

FAN = """
    [limits]
    tape = 2
    [tasks.parent]
    on = "p"
    at_once = 1
    uses = ["tape"]
    steps = ["./one.sh", {{ wait = "children"{more} }}, ["./two.sh", "{{wait.failed}}"]]
    [tasks.child]
    on = "c"
    uses = ["tape"]
    run = "./three.sh"
"""


def fan_out(d: Driven, children: int = 3) -> tuple[int, list[int]]:
    """A parent whose first step has emitted so many events, and the ids of its children."""
    parent = d.born("p")
    d.turn()
    lines = "".join(json.dumps({"event": "c", "key": f"{parent}-{n}"}) + "\n" for n in range(children))
    d.end(parent, left={"events": lines})
    with d.project.store.read() as tx:
        return parent, [pid for pid, _ in families.children(tx, parent)]


def lines_of(d: Driven, parent: int) -> list[dict[str, object]]:
    path = d.executor.job(d.key(parent, 3)).env_set["PROCESSION_CHILDREN"]
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_the_children_run_while_the_parent_waits_and_holds_no_processor_and_no_place_of_its_task(drive: Drive) -> None:
    d = drive(FAN.format(more=""), cpus=1)
    parent, children = fan_out(d)
    assert d.states(parent) == ["succeeded", "running", "pending"]
    assert d.claimed() == [children[0]], "on one processor"
    said = reasons.why(d.project, parent)
    assert (said.code, "3 of 3 children" in said.sentence) == ("children", True)
    second = d.born("p")
    for pid in children:
        d.turn()
        if second in d.claimed():
            d.end(second)
        d.end(pid, left={"output": f"n={pid}\n"})
    d.turn()
    assert d.states(parent)[:2] == ["succeeded", "succeeded"]
    while parent not in d.claimed():
        d.end(d.claimed()[0])
    assert d.executor.job(d.key(parent, 3)).argv[1:] == ["0"]
    found = lines_of(d, parent)
    assert [line["id"] for line in found] == children
    assert [line["outputs"] for line in found] == [{"three": {"n": str(pid)}} for pid in children]
    assert {line["state"] for line in found} == {"succeeded"}
    assert d.get(parent).outputs["wait"] == {"children": 3, "succeeded": 3, "failed": 0}  # type: ignore[index]
    assert all(d.get(pid).origin_id == parent for pid in children)


@pytest.mark.parametrize(("more", "state"), [("", "failed"), (', on_error = "ignore"', "running")])
def test_a_child_that_fails_fails_the_join_unless_it_is_told_to_ignore_it(drive: Drive, more: str, state: str) -> None:
    d = drive(FAN.format(more=more))
    parent, children = fan_out(d, 2)
    d.end(children[0], 1)
    assert d.states(parent)[1] == "running"
    while children[1] not in d.claimed():
        d.turn()
    d.end(children[1])
    d.turn()
    assert d.state(parent) == state
    if state == "failed":
        assert d.get(parent).reason == f"wait: 1 of 2 children did not succeed: {children[0]}"
        processings.retry(d.project, children[0])
        processings.retry(d.project, parent)
        d.turn()
        assert d.states(parent)[1] == "running", "it waits for the child that is tried again"
        d.end(children[0])
        d.turn()
    assert d.executor.job(d.key(parent, 3)).argv[1:] == (["0"] if state == "failed" else ["1"])


def test_without_children_there_is_nothing_to_wait_for(drive: Drive) -> None:
    d = drive(FAN.format(more=""))
    parent, children = fan_out(d, 0)
    d.turn()
    assert children == []
    assert d.states(parent) == ["succeeded", "succeeded", "running"]
    assert lines_of(d, parent) == []


def test_a_parent_is_cancelled_while_it_waits_and_its_children_go_on(drive: Drive) -> None:
    d = drive(FAN.format(more=""))
    parent, children = fan_out(d, 1)
    processings.cancel(d.project, parent)
    d.turn(2)
    assert d.state(parent) == "cancelled"
    d.end(children[0])
    assert d.state(children[0]) == "succeeded"


def test_a_launcher_that_is_killed_while_a_step_waits_loses_and_fails_nothing(drive: Drive) -> None:
    d = drive(FAN.format(more=""))
    parent, children = fan_out(d, 2)
    d.crash()
    d.turn(2)
    assert d.states(parent) == ["succeeded", "running", "pending"]
    assert d.step(parent, 2).attempt == 1
    for pid in children:
        while pid not in d.claimed():
            d.after(5)
        d.end(pid)
    d.crash()
    d.turn(2)
    assert d.states(parent)[1:] == ["succeeded", "running"]


@pytest.mark.feature("N6")
def test_a_limit_that_a_waiting_parent_holds_is_never_kept_from_its_children(drive: Drive) -> None:
    """A large one waits for both tapes for hours; parent and children share them, and all are served."""
    large = '[tasks.large]\non = "l"\npriority = 9\nuses = { tape = 2 }\nrun = "./four.sh"\n'
    d = drive(FAN.format(more="").replace("    ", "") + large)
    parent, children = fan_out(d, 3)
    late = d.born("l")
    d.after(7200)
    assert reasons.why(d.project, late).code == "limit"
    for pid in children:
        d.turn()
        d.end(pid)
    d.turn()
    d.end(parent)
    d.turn()
    assert d.state(parent) == "succeeded"
    assert d.state(late) == "running"


def test_a_wait_step_whose_file_cannot_be_written_fails_and_holds_up_no_other(drive: Drive) -> None:
    d = drive(FAN.format(more="").replace("at_once = 1", "at_once = 2").replace("tape = 2", "tape = 9"))
    blocked, first = fan_out(d, 1)
    place = d.project.var.children(blocked, 2, "wait").parent
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    other, second = fan_out(d, 1)
    for pid in (*second, *first):
        while pid not in d.claimed():
            d.turn()
        d.end(pid)
    d.turn()
    assert d.states(other)[:2] == ["succeeded", "succeeded"]
    assert d.states(blocked)[1] == "failed"
    assert f"cannot be written: File exists: {place}" in (d.get(blocked).reason or "")


def test_a_later_version_waits_for_what_it_emitted_itself_and_not_for_what_an_older_one_did(drive: Drive) -> None:
    d = drive(FAN.format(more=""))
    parent, children = fan_out(d, 2)
    for pid, code in zip(children, (0, 1), strict=True):
        while pid not in d.claimed():
            d.turn()
        d.end(pid, code)
    d.turn()
    assert d.state(parent) == "failed"
    d.clock.advance(60)
    again = d.project.store.change(lambda tx: restart_anew(d.project, tx, parent, Asked("somebody"))).id
    d.turn()
    d.end(again, left={"events": json.dumps({"event": "c", "key": f"{parent}-0"}) + "\n"})
    d.turn()
    assert d.states(again)[:2] == ["succeeded", "succeeded"]
    with d.project.store.read() as tx:
        assert [pid for pid, _ in families.children(tx, again)] == children[:1]
        assert [pid for pid, _ in families.children(tx, parent)] == children
