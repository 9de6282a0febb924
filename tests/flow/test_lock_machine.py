"""The second machine of the promises: locks alone, with three owners, four names, nested, waits, ends and kills.

A model of a few lines stands beside real commands on a real SQLite: who holds what how often, and nothing else.
"""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from procession.commands import locks
from procession.commands.locks import Granted
from procession.errors import Deadlock, Refused
from procession.flow.conclude import Conclusion, conclude
from procession.flow.room import standing_of
from procession.model.outcome import Ending, Outcome
from tests.flow.driven import Driven
from tests.flow.invariants import locks_are_of_the_living

NAMES = ("a", "b", "tape", "pair")
CAPACITY = {"a": 1, "b": 1, "tape": 1, "pair": 2}
TOML = '[limits]\ntape = 1\npair = 2\n[tasks.t]\non = "e"\nrun = "./one.sh"\nretry = { attempts = 99, delay = 0 }\n'
SETS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
WHO = st.integers(0, 2)


class Locks(RuleBasedStateMachine):
    """Three processings, each with one attempt that lives, or that has been lost and comes again."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.d = Driven(Path(self._directory.name), TOML, cpus=9)
        self.pids = [self.d.born() for _ in range(3)]
        self.numbers = [0, 0, 0]
        self.held: list[dict[tuple[str, str], int]] = [{}, {}, {}]
        """Of each owner: name and kind → how often."""
        self.fences: dict[str, int] = {}
        self.queue: list[tuple[int, tuple[str, ...]]] = []
        """Who waits for what, oldest first."""
        self._claim()

    def _claim(self) -> None:
        self.d.clock.advance(2)
        self.d.turn()
        self.d.begin()
        self.numbers = [self.d.step(pid).attempt for pid in self.pids]

    def teardown(self) -> None:
        self.d.close()
        self._directory.cleanup()

    def which(self, who: int) -> tuple[int, int, int]:
        return self.pids[who], 1, self.numbers[who]

    def taken(self, name: str, but: int | None = None) -> int:
        """How many processings have it: each counts once."""
        return sum(any(n == name for n, _ in held) for who, held in enumerate(self.held) if who != but)

    def free(self, who: int, names: tuple[str, ...]) -> bool:
        """Could it have them, if nobody waited?"""
        return all(self.taken(name, who) < CAPACITY[name] for name in names)

    @rule(who=WHO, names=SETS, kind=st.sampled_from(locks.OWNERS), wait=st.booleans())
    def acquire(self, who: int, names: list[str], kind: str, wait: bool) -> None:
        wanted = tuple(sorted(set(names)))
        self.d.clock.advance(0.1)
        try:
            answer = locks.acquire(self.d.project, self.which(who), names, kind, wait=wait)
        except Deadlock:
            assert wait
            assert self.held[who]
            assert not self.free(who, wanted)
            self._leave(who, wanted)
            return
        if not isinstance(answer, Granted):
            own = (who, wanted)
            before = self.queue[: self.queue.index(own)] if own in self.queue else self.queue
            conflicts = any(set(theirs) & set(wanted) for other, theirs in before if other != who)
            assert conflicts or not self.free(who, wanted), "refused without a reason"
            if not wait:
                self._leave(who, wanted)
            elif own not in self.queue:
                self.queue.append(own)
            return
        assert self.free(who, wanted), "over capacity"
        assert [lock.name for lock in answer.locks] == list(wanted), "all of them"
        for lock in answer.locks:
            had = self.held[who].get((lock.name, kind), 0)
            assert lock.count == had + 1
            if not had:
                assert lock.fence > self.fences.get(lock.name, 0), "a fence grows"
                self.fences[lock.name] = lock.fence
            self.held[who][lock.name, kind] = had + 1
        self._leave(who, wanted)

    def _leave(self, who: int, wanted: tuple[str, ...]) -> None:
        self.queue = [each for each in self.queue if each != (who, wanted)]

    @rule(who=WHO, names=SETS, kind=st.sampled_from(locks.OWNERS))
    def release(self, who: int, names: list[str], kind: str) -> None:
        wanted = {(name, kind) for name in names}
        held = self.held[who]
        if wanted <= held.keys():
            locks.release(self.d.project, self.which(who), names, kind)
            self.held[who] = {each: n - (each in wanted) for each, n in held.items() if n - (each in wanted)}
            return
        with pytest.raises(Refused):
            locks.release(self.d.project, self.which(who), names, kind)

    @rule(who=WHO)
    def lose(self, who: int) -> None:
        """The attempt is killed: what it had for itself falls, what its processing has stays."""
        with self.d.project.store.begin() as tx:
            conclude(self.d.project, tx, [Conclusion(self.which(who), Ending(Outcome.RETRY, "killed"))])
        self.held[who] = {each: n for each, n in self.held[who].items() if each[1] == "processing"}
        self.queue = [each for each in self.queue if each[0] != who]
        self._claim()

    @rule(who=WHO)
    def end(self, who: int) -> None:
        """The processing ends, and another comes in its place."""
        with self.d.project.store.begin() as tx:
            conclude(self.d.project, tx, [Conclusion(self.which(who), Ending(Outcome.FAILED, "ended", 1))] * 1)
        if self.d.state(self.pids[who]) == "running":  # it is tried again: then it is still the same owner
            self.held[who] = {each: n for each, n in self.held[who].items() if each[1] == "processing"}
        else:
            self.held[who] = {}
            self.pids[who] = self.d.born()
        self.queue = [each for each in self.queue if each[0] != who]
        self._claim()

    @precondition(lambda self: any(self.held))
    @rule(name=st.sampled_from(NAMES))
    def unlock(self, name: str) -> None:
        if self.taken(name):
            locks.unlock(self.d.project, name, locks.Asked("eva"))
            self.held = [{each: n for each, n in held.items() if each[0] != name} for held in self.held]

    @invariant()
    def rows_are_the_model(self) -> None:
        rows: dict[Any, int] = {}
        for row in self.d.rows("SELECT name, processing_id, ordinal, n FROM lock_hold"):
            rows[row.processing_id, row.name, "attempt" if row.ordinal else "processing"] = row.n
        wanted = {(self.pids[who], *each): n for who, held in enumerate(self.held) for each, n in held.items()}
        assert rows == wanted
        assert all(self.taken(name) <= CAPACITY[name] for name in NAMES)
        waiting = self.d.rows("SELECT processing_id FROM lock_wait ORDER BY id")
        assert [row.processing_id for row in waiting] == [self.pids[who] for who, _ in self.queue]

    @invariant()
    def nobody_waits_for_itself(self) -> None:
        locks_are_of_the_living(self.d)
        with self.d.project.store.read() as tx:
            assert standing_of(tx, {"tape": 1.0, "pair": 2.0}, self.d.project.now()).circles() == []


Locks.TestCase.settings = settings(
    max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLocks = pytest.mark.feature("M47", "N6")(Locks.TestCase)
