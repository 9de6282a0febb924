"""A hundred threads that acquire random sets of locks, and are killed at random (N6, G19 to G22).

Never over, no deadlock, everybody served, nothing left, and nobody falls back in the queue. Each thread is the script
of a processing of its own; what it believes to hold is counted beside the database, before it asks and after it lets
go.

A thread that waits asks again when it is told to, as scripts do; a bell lets the first in the queue ask as soon as a
name is let go, so that a hundred of them are through in seconds. Nothing depends on the bell.
"""

# ruff: noqa: F811  the fixture of both databases

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from procession.commands import locks
from procession.commands.locks import Granted
from procession.errors import Deadlock
from procession.flow.conclude import Conclusion, conclude
from procession.model.outcome import Ending, Outcome
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
THREADS, ROUNDS, KILLED = 100, 2, 0.15
CAPACITY = {"a": 1, "b": 1, "account:17": 1, "ftp": 3, "tape": 2, "satellite:L8": 1, "satellite:L9": 1, "free": 1}
TOML = """
    [limits]
    ftp = 3
    tape = 2
    "satellite:{sat}" = 1
    [tasks.t]
    on = "e"
    run = "./one.sh"
"""


class Crowd:
    """What the threads believe, counted under a lock of Python's own."""

    def __init__(self, d: Driven) -> None:
        self.d = d
        self.guard = threading.Lock()
        self.holding: Counter[str] = Counter()
        self.over: list[str] = []
        self.served: set[int] = set()
        self.killed: set[int] = set()
        self.bells: list[tuple[Sequence[str], threading.Event]] = []
        """Who waits, oldest first."""
        self.fell_back: list[str] = []
        self.refused = 0
        self.errors: list[BaseException] = []

    def script(self, pid: int, seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(ROUNDS):
                first = chance.sample(sorted(CAPACITY), chance.randint(1, 3))
                if not self.acquire(pid, first):
                    continue
                if chance.random() < KILLED:
                    self.let_go(first)
                    self.end(pid, Outcome.FAILED)
                    self.ring(first)
                    self.killed.add(pid)
                    return
                second = [name for name in chance.sample(sorted(CAPACITY), 1) if name not in first]
                if second and chance.random() < 0.3 and self.acquire(pid, second):
                    self.release(pid, second)
                self.release(pid, first)
            self.served.add(pid)
            self.end(pid, Outcome.SUCCEEDED)
        except BaseException as error:
            self.errors.append(error)

    def acquire(self, pid: int, names: Sequence[str]) -> bool:
        """Wait for them as a script does; False where that would be a circle."""
        bell, ahead = threading.Event(), len(CAPACITY) * THREADS
        with self.guard:
            self.bells.append((names, bell))
        try:
            while True:
                bell.clear()
                answer = locks.acquire(self.d.project, (pid, 1, 1), names, wait=True)
                if isinstance(answer, Granted):
                    break
                if answer.ahead > ahead:
                    self.fell_back.append(f"processing {pid}: {ahead} were before it, now {answer.ahead}")
                ahead = answer.ahead
                bell.wait(answer.again)
        except Deadlock:
            with self.guard:
                self.refused += 1
            return False
        finally:
            with self.guard:
                self.bells.remove((names, bell))
        with self.guard:
            self.holding.update(names)
            self.over += [name for name in names if self.holding[name] > CAPACITY[name]]
        return True

    def ring(self, names: Sequence[str]) -> None:
        """These were let go: the two oldest who want one of them ask at once."""
        with self.guard:
            for name in names:
                for _, bell in [each for each in self.bells if name in each[0]][:2]:
                    bell.set()

    def release(self, pid: int, names: Sequence[str]) -> None:
        self.let_go(names)
        locks.release(self.d.project, (pid, 1, 1), names)
        self.ring(names)

    def let_go(self, names: Sequence[str]) -> None:
        with self.guard:
            self.holding.subtract(names)

    def end(self, pid: int, outcome: Outcome) -> None:
        code = 0 if outcome is Outcome.SUCCEEDED else 1
        with self.d.project.store.begin() as tx:
            conclude(self.d.project, tx, [Conclusion((pid, 1, 1), Ending(outcome, "", code))])


@pytest.mark.feature("N6", "M45", "M46", "M48")
def test_a_hundred_threads_with_random_sets_and_kills_are_all_served_and_leave_nothing(drive: Drive) -> None:
    d = drive(TOML, cpus=THREADS)
    pids = [d.born() for _ in range(THREADS)]
    d.turn()
    d.begin()
    crowd = Crowd(d)
    threads = [threading.Thread(target=crowd.script, args=(pid, n), daemon=True) for n, pid in enumerate(pids)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 120
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    left = [t for t in locks.find(d.project) if t.waits] if any(thread.is_alive() for thread in threads) else []
    assert crowd.errors == []
    assert not left, f"they wait for each other: {left}"
    assert not any(thread.is_alive() for thread in threads)
    assert crowd.over == []
    assert crowd.fell_back == []
    assert crowd.served | crowd.killed == set(pids)
    assert len(crowd.killed) > 5
    assert set(crowd.holding.values()) <= {0}
    assert d.rows("SELECT * FROM lock_hold") == []
    assert d.rows("SELECT * FROM lock_wait") == []
