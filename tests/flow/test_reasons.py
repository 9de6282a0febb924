"""One scenario for every code: whatever does not run says why, by the rules of the claim, and is never empty (N5)."""

# ruff: noqa: F811  the fixture of both databases

import ast
import inspect
from collections.abc import Callable
from dataclasses import replace

import pytest

from procession.commands import processings, reasons
from procession.model import admission, capacity, obstacles
from procession.model.states import PROCESSING
from procession.store import settings
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.flow.test_children import FAN, fan_out

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("N5")

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'
CHAIN = '[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh"]\n'


def paused(d: Driven) -> int:
    with d.project.store.begin() as tx:
        settings.put(tx, "pause", "stop", "eva", d.project.now(), "the archive moves")
    return turned(d, d.born())


def turned(d: Driven, pid: int) -> int:
    d.turn()
    return pid


def served(d: Driven) -> int:
    """One that waits behind what its launcher may use: written into its row, as `why` reads it."""
    return turned(d, d.born())


def ended(code: int) -> Callable[[Driven], int]:
    def scene(d: Driven) -> int:
        pid = turned(d, d.born())
        d.end(pid, code)
        return pid

    return scene


def cancelled(d: Driven) -> int:
    pid = d.born()
    processings.cancel(d.project, pid)
    return pid


def cancelling(d: Driven) -> int:
    pid = turned(d, d.born())
    d.begin()
    processings.cancel(d.project, pid)
    return pid


def retried(d: Driven) -> int:
    pid = turned(d, d.born())
    d.end(pid, 75)
    return pid


def alone(d: Driven) -> int:
    pid = d.born()
    d.leave()
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE launcher SET stopped_at = 1")
    return pid


def foreground(d: Driven) -> int:
    pid = d.born()
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE processing SET launcher_id = 1 WHERE id = {pid}")
    return pid


def held(d: Driven) -> int:
    pid = d.born()
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE processing SET held_at = 1 WHERE id = {pid}")
    return turned(d, pid)


def second(d: Driven) -> int:
    d.born()
    return turned(d, d.born())


def third(d: Driven) -> int:
    d.born()
    d.born()
    return turned(d, d.born())


def children(d: Driven) -> int:
    parent, _ = fan_out(d)
    return parent


def asked(d: Driven) -> int:
    return turned(d, d.born())


def kept(d: Driven) -> int:
    d.born("s")
    d.turn()
    d.born("l")
    d.after(3600)
    return turned(d, d.born("s"))


def with_memory(d: Driven) -> int:
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE launcher SET memory = {3 << 30}")
    d.project.post.capacity = replace(d.post.capacity, memory=3 << 30)  # type: ignore[union-attr]
    return second(d)


def limit_zero(d: Driven) -> int:
    with d.project.store.begin() as tx:
        settings.put(tx, "limit:ftp", 0, "eva", d.project.now())
    return turned(d, d.born())


def cpus_less(d: Driven) -> int:
    with d.project.store.begin() as tx:
        settings.put(tx, "cpus", 0.5, "eva", d.project.now())
    return turned(d, d.born())


def memory_less(d: Driven) -> int:
    with d.project.store.begin() as tx:
        settings.put(tx, "memory", 1 << 20, "eva", d.project.now())
    return turned(d, d.born())


def called(d: Driven) -> int:
    (d.root / "slow.py").write_text("import time\ndef wait(inputs): time.sleep(60)\n")
    pids = [d.born() for _ in range(5)]
    return turned(d, pids[-1])


LARGE = '[tasks.s]\non = "s"\nrun = "./one.sh"\n[tasks.l]\non = "l"\nrun = "./two.sh"\ncpus = 4\n'
LIMITED = '[limits]\nftp = 1\n[tasks.t]\non = "e"\nuses = ["ftp"]\nrun = "./one.sh"\n'

SCENES: dict[str, tuple[str, Callable[[Driven], int], str]] = {
    "running": (ONE, served, "has been running"),
    "succeeded": (ONE, ended(0), "it succeeded"),
    "failed": (ONE, ended(3), "exit code 3"),
    "skipped": (CHAIN, ended(77), "was skipped"),
    "cancelled": (ONE, cancelled, "was cancelled"),
    "cancelling": (ONE, cancelling, "being ended"),
    "retry_at": (ONE, retried, "tried again in"),
    "not_before": (ONE + 'delay = "1 h"\n', served, "does not begin before"),
    "no_launcher": (ONE, alone, "procession up"),
    "foreground": (ONE, foreground, "foreground"),
    "held": (ONE, held, "procession release"),
    "starting": (ONE, lambda d: d.born(), "next turn"),
    "paused": (ONE, paused, "paused by eva: the archive moves"),
    "at_once": (ONE + "at_once = 1\n", second, "1 of 1"),
    "behind": (ONE + "at_once = 1\n", third, "before it"),
    "cpus": (ONE + "cpus = 3\n", second, "3 of 4"),
    "too_many_cpus": (ONE, cpus_less, "may use 0.5"),
    "workers": ('[tasks.t]\non = "e"\nfunction = "slow.wait"\n', called, "4 calls are live and there are 4 workers"),
    "memory": (ONE + 'memory = "2 GB"\n', with_memory, "are taken"),
    "too_much_memory": (ONE + 'memory = "2 GB"\n', memory_less, "of memory and this host may use"),
    "limit": (LIMITED, second, "1 of 1 of ftp are taken, by processing 1"),
    "too_much": (LIMITED, limit_zero, "there is 0"),
    "no_host": (ONE + 'labels = ["gpu"]\n', served, "label gpu"),
    "no_queue": (ONE + 'queue = "night"\n', served, "queue night"),
    "children": (FAN.format(more=""), children, "3 of 3 children"),
    "person": ('[tasks.t]\non = "e"\nsteps = [{ ask = "Go on?" }]\n', asked, "waits for a person: Go on? (yes, no)"),
    "too_many_gpus": (ONE + "gpus = 1\n", served, "this host has 0"),
    "kept": (LARGE, kept, "kept for processing 2"),
}  # fmt: skip
ASKED_ALONE = {
    "disk", "disk_full", "disk_unknown", "too_much_disk", "draining", "place", "silent", "lock", "queue", "gpus",
    "scheduled", "pausing", "outside", "not_a_call",
}  # fmt: skip
"""Scenes that other tests have: of the disk, of leaving, of several launchers, of locks, of queues, of calls and of
work elsewhere; their sentences are asked for below."""


@pytest.mark.parametrize("code", SCENES)
def test_it_says_why_and_the_code_is_that_of_the_rule(drive: Drive, code: str) -> None:
    toml, scene, said = SCENES[code]
    d = drive(toml, cpus=4)
    pid = scene(d)
    found = reasons.why(d.project, pid)
    assert found.code == code, found.sentence
    assert said in found.sentence
    assert "\n" not in found.sentence
    if code in ("held", "foreground"):
        with d.project.store.begin() as tx:
            tx.connection.exec_driver_sql("UPDATE processing SET held_at = NULL, launcher_id = NULL")


def test_there_is_a_scene_for_every_code() -> None:
    codes = {
        node.args[0].value
        for module in (reasons, obstacles)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Obstacle"
        and isinstance(node.args[0], ast.Constant)
    }
    assert set(SCENES) | ASKED_ALONE == codes | {str(state) for state in PROCESSING.terminal}


def test_the_disk_says_how_much_is_expected_and_how_much_there_is() -> None:
    one = capacity.Candidate(1, 1, "t", 1, 0, False, disk=5_000_000)
    _, expected = admission.admit([one], capacity.Capacity(4, disk=1_000_000), capacity.Live())
    assert expected[1, 1].code == "disk"
    assert "expected to write 5 MB and there is room for 1 MB" in expected[1, 1].sentence
    _, full = admission.admit([one], capacity.Capacity(4, full="less than 1 GB is free on the disk"), capacity.Live())
    assert (full[1, 1].code, full[1, 1].sentence) == ("disk_full", "less than 1 GB is free on the disk")


def test_a_launcher_that_a_person_has_drained_is_what_stands_in_its_way(drive: Drive) -> None:
    d = drive(ONE)
    with d.project.store.begin() as tx:
        settings.put(tx, "launcher:test:mode", "drain", "eva", d.project.now(), None)
    found = reasons.why(d.project, served(d))
    assert found.code == "draining"
    assert "procession undrain test" in found.sentence


def test_a_call_whose_launcher_was_killed_is_said_to_be_tried_again(drive: Drive) -> None:
    d = drive('[tasks.t]\non = "e"\nfunction = "slow.wait"\n')
    pid = served(d)
    d.leave()
    found = reasons.why(d.project, pid)
    assert found.code == "no_launcher"
    assert "its launcher is gone; it is tried again when procession up runs" in found.sentence
