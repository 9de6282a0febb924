"""The model test: real flow, real database, random events, ends, crashes, cancels and clock jumps; the invariants hold
after each, and in the end, healed, everything comes to an end (promises 4.5).

`MACHINE_EXAMPLES` and `MACHINE_STEPS` make it longer (a night: 2000 and 80); with `MACHINE_SHRINK` a failure is told in
as few steps as possible, which takes minutes.
"""

import contextlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from procession.commands import events, processings, steps
from procession.errors import Refused
from procession.executor import Job, Void
from procession.executors.inline import InlineExecutor
from procession.model.event import NewEvent
from tests.flow.driven import Crash, Driven
from tests.flow.invariants import check, ground_truth

TOML = """
[tasks.chain]
on = "scene"
at_once = 2
steps = ["./one.sh", "./two.sh", { run = "./three.sh", cpus = 2 }]
retry = { attempts = 2, soft_attempts = 3, delay = "10 s", max_delay = "100 s", on = ["failed"] }
[tasks.beside]
on = "scene"
run = "./four.sh"
[tasks.made]
on = "made"
run = ["./four.sh", "{n}"]
"""
CODES = st.sampled_from((0, 0, 0, 0, 1, 75, 75, 77))
ENDED = ("succeeded", "failed", "cancelled", "skipped")


class Mortal(InlineExecutor):
    """An executor in which the launcher may die: after a commit, before what was to follow it is done."""

    dies_at = ""

    def submit(self, jobs: Sequence[Job]) -> list[Job]:
        self._die("submit", bool(jobs))
        return super().submit(jobs)

    def archive(self, key: str, to: Path) -> None:
        self._die("archive", True)
        super().archive(key, to)

    def void(self, key: str, by: str) -> bool:
        done = super().void(key, by)
        self._die("void", True)  # the record is there, and the transaction is rolled back
        return done

    def _die(self, where: str, really: bool) -> None:
        if really and where == type(self).dies_at:
            type(self).dies_at = ""
            raise Crash()


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="machine."))
        self.d = Driven(self.place / "p", TOML, cpus=3)
        self.d.executor = Mortal(self.d.clock, self.d.project.installation.incarnation)
        self.d.launch()
        self.keys: dict[str, int] = {}
        """Key → the value with which it was first submitted."""
        self.said: dict[str, int] = {}
        """Attempt → the code with which its script ended."""
        Mortal.dies_at = ""

    # ── what people do ──────────

    @initialize(seed=st.integers(0, 2**32 - 1))
    def seed(self, seed: int) -> None:
        random.seed(seed)  # jitter

    @rule(key=st.sampled_from("abcdefgh"), value=st.integers(0, 1))
    def submit(self, key: str, value: int) -> None:
        answer = events.submit(self.d.project, NewEvent("scene", {"v": value}, key, source="test"))
        assert answer.duplicate is (key in self.keys)
        assert answer.conflict is (self.keys.setdefault(key, value) != value)
        assert len(answer.processings) == 2

    @precondition(lambda self: self.ids())
    @rule(pick=st.integers(0, 1000))
    def cancel(self, pick: int) -> None:
        pid = self.pick(pick)
        before = self.d.state(pid)
        answer = processings.cancel(self.d.project, pid)
        assert answer.accepted is (before not in ENDED)
        if not answer.accepted:
            assert self.d.state(pid) == before == answer.state

    @precondition(lambda self: self.ids("failed", "cancelled"))
    @rule(pick=st.integers(0, 1000), by_hand=st.booleans())
    def repair(self, pick: int, by_hand: bool) -> None:
        pid = self.pick(pick, "failed", "cancelled")
        act: Callable[..., Any] = steps.accept if by_hand else processings.retry
        arguments = (None, "by hand") if by_hand else (None,)
        try:
            act(self.d.project, pid, *arguments)
        except Refused:
            assert "failed" not in self.d.states(pid)
            assert "cancelled" not in self.d.states(pid)
        else:
            assert self.d.state(pid) in ("waiting", "succeeded")

    # ── what scripts do ──────────

    @precondition(lambda self: self.d.executor.queue)
    @rule(pick=st.integers(0, 1000))
    def script_begins(self, pick: int) -> None:
        queue = self.d.executor.queue
        key = queue[pick % len(queue)]
        if self.d.executor.begin(key):
            self.may_run(key)

    @precondition(lambda self: self.d.executor.running)
    @rule(pick=st.integers(0, 1000), code=CODES, told=st.booleans(), emits=st.booleans())
    def script_ends(self, pick: int, code: int, told: bool, emits: bool) -> None:
        key = self.d.executor.running[pick % len(self.d.executor.running)]
        left = {"events": '{"event": "made", "params": {"n": 1}}\n'} if emits and "-1-" in key else {}
        self.d.executor.end(key, code, tell=told, left=left)
        self.said[key] = code

    @precondition(lambda self: self.d.executor.running)
    @rule(pick=st.integers(0, 1000), how=st.sampled_from(("timeout", "not_started", "signalled", "cancelled")))
    def script_is_ended(self, pick: int, how: str) -> None:
        key = self.d.executor.running[pick % len(self.d.executor.running)]
        self.d.executor.end(key, None, how=how, signal=15, errno=2 if how == "not_started" else None)

    @precondition(lambda self: self.d.executor.running)
    @rule(pick=st.integers(0, 1000), spoilt=st.booleans())
    def shim_dies(self, pick: int, spoilt: bool) -> None:
        key = self.d.executor.running[pick % len(self.d.executor.running)]
        if spoilt:
            self.d.executor.spoil(key)
        else:
            self.d.executor.vanish(key)

    # ── what the machine does ──────────

    @rule()
    def tick(self) -> None:
        self.turn()

    @rule(seconds=st.sampled_from((0.1, 3, 15, 70, 200)))
    def time_passes(self, seconds: float) -> None:
        self.d.clock.advance(seconds)
        self.turn()

    @rule(seconds=st.sampled_from((-3600, -10, 10, 3600, 86_400)))
    def clock_jumps(self, seconds: float) -> None:
        self.d.clock.jump(seconds)

    @rule(where=st.sampled_from(("", "submit", "archive", "void")))
    def launcher_crashes(self, where: str) -> None:
        Mortal.dies_at = where
        with contextlib.suppress(Crash):
            self.d.turn()
        Mortal.dies_at = ""
        self.d.crash()

    @rule()
    def queue_is_lost(self) -> None:
        self.d.executor.lose_queue()

    @rule(room=st.sampled_from((0, 1, None)))
    def room_changes(self, room: int | None) -> None:
        self.d.executor.room = room

    # ── what holds ──────────

    @invariant()
    def everything_holds(self) -> None:
        check(self.d)
        ground_truth(self.d, self.said)

    def may_run(self, key: str) -> None:
        """I4, I5, I8: what begins is the live attempt of a step whose needs are met, of a processing that runs."""
        which = self.d.project.read_key(key)
        assert which is not None
        found = self.d.get(which[0])
        step = found.steps[which[1] - 1]
        assert (found.state, step.state, step.attempt) == ("running", "running", which[2])
        assert step.attempts[-1].outcome is None
        assert all(s.state in ("succeeded", "skipped") for s in found.steps[: which[1] - 1])

    def turn(self) -> None:
        """A turn; before it, shims that have nothing else to do find what was voided and leave it alone."""
        if not self.d.executor.running:
            for key in self.d.executor.queue:
                if isinstance(self.d.executor.look(key), Void):
                    assert not self.d.executor.begin(key)
        self.d.turn()

    def ids(self, *states: str) -> list[int]:
        where = f"WHERE state IN ({', '.join(map(repr, states))})" if states else ""
        return [row.id for row in self.d.rows(f"SELECT id FROM processing {where} ORDER BY id")]

    def pick(self, pick: int, *states: str) -> int:
        found = self.ids(*states)
        return found[pick % len(found)]

    def teardown(self) -> None:
        try:
            self.heal()
        finally:
            self.d.close()
            shutil.rmtree(self.place)

    def heal(self) -> None:
        """Liveness: a launcher is there, scripts succeed, time passes: everything comes to an end."""
        self.d.executor.room = None
        self.d.crash()
        for _ in range(60):
            self.turn()
            for key in self.d.executor.queue:
                if self.d.executor.begin(key):
                    self.may_run(key)
            for key in self.d.executor.running:
                self.d.executor.end(key, 0)
                self.said[key] = 0
            self.turn()
            if not self.ids("waiting", "running"):
                break
            self.d.clock.advance(400)
        self.everything_holds()
        assert not self.ids("waiting", "running"), [self.d.get(pid) for pid in self.ids("waiting", "running")]
        for _ in range(4):
            self.d.clock.advance(100)
            self.turn()
        traces = self.d.executor.keys()
        assert all(isinstance(self.d.executor.look(key), Void) for key in traces), traces


@pytest.mark.feature("M12", "M92", "M86", "M88", "M29")
class TestMachine(Machine.TestCase):  # type: ignore[misc]
    """G2, G3, G7–G10, G12, G13, G15, G18, G24; I2–I9, I11, I15."""

    settings = settings(
        max_examples=int(os.environ.get("MACHINE_EXAMPLES", "8")),
        stateful_step_count=int(os.environ.get("MACHINE_STEPS", "40")),
        deadline=None,
        phases=[phase for phase in Phase if phase is not Phase.shrink or "MACHINE_SHRINK" in os.environ],
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
