"""The pool of workers in which Python functions are called: ordered, heard, watched, replaced.

In: orders, each an attempt that was claimed. Out: how each of them ended, and what calls said meanwhile (`Heard`).
Always: no call here waits for a function. An order is begun at most once: what a worker that is gone had not begun (its
board says so) goes to another one, as if nothing had been; what it had begun is lost, or timed out, or cancelled.
Workers are made when there is something to call and end when there is nothing for a while; they die with us.
"""

from __future__ import annotations

import itertools
import logging
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from procession.contract import COMMAND
from procession.executors import worker as workers
from procession.executors.call import CallPlan, Heard, Order, Returned, Which
from procession.executors.worker import CERTAIN, Worker, board_at, forget_boards

log = logging.getLogger("procession")

SHORT = 0.05
"""Seconds; while calls are shorter than this on average, some are claimed and sent ahead."""
TURN = 0.025
MOST_AHEAD = 2000
"""For each worker; its board remembers twice as many."""
SLOW = 0.1
"""Seconds after which those behind a call that still runs go to other workers."""
IDLE = 60.0
"""Seconds without a call after which a worker ends."""
AGAIN = 1.0
"""Seconds after which another worker is tried where one could not be started and others go on with the calls."""
STILLBORN = 3
"""A worker that ended so often in a row before its first call will not come to life by trying again."""


class Calls:
    """The workers of one launcher. One thread uses it."""

    def __init__(
        self, root: Path, var: Path, launcher_id: int, size: int, installation: str,
        environment: tuple[Mapping[str, str], Sequence[str]] = ({}, ()),
    ) -> None:  # fmt: skip
        self.size = size
        """The most workers, of all interpreters together; 0: nothing is called."""
        self.plans: dict[tuple[int, int], CallPlan] = {}
        """By definition id and ordinal."""
        self.plan_numbers = itertools.count(1)
        self._new = Heard()
        self._taken = Heard()
        self.typical: float | None = None
        """Seconds that a call takes, a moving average; None before the first."""
        self._root = root
        self._var = var
        self._launcher_id = launcher_id
        given, dropped = environment
        self._environment = {k: v for k, v in {**os.environ, **given}.items() if k not in dropped}
        self._environment["PROCESSION_PROJECT"] = str(root)
        self._surroundings = {
            "installation": installation, "root": str(root), "var": str(var), "command": COMMAND,
        }  # fmt: skip
        self._queues: dict[str, deque[tuple[CallPlan, Order]]] = {}
        self._at: dict[Which, Worker | None] = {}
        """Every attempt that was submitted and has not been settled → its worker, if it has been sent."""
        self._workers: list[Worker] = []
        self._ends: dict[int, Worker] = {}
        self._epoll: select.epoll | None = None
        self._count = itertools.count(1)
        self._stillborn: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        """Interpreter → until when no further worker of it is tried (monotonic seconds)."""
        self._boards: dict[str, float] = {}
        """Boards of workers that are gone, and since when: some of their calls may not have been settled yet."""
        self._stopping = False
        self.is_fresh: Callable[[], bool] = lambda: True
        """May calls begin, for all that other launchers can know?"""
        self.is_over: Callable[[], bool] = lambda: False
        """Has it been silent for so long that what runs here may soon be called by others?"""

    # ── what the launcher asks ──────────

    @property
    def ahead(self) -> int:
        """How many to claim beyond the workers: as many as are done in two turns, while calls are short."""
        if self.typical is None or self.typical >= SHORT or self._stopping:
            return 0
        return self.size * min(MOST_AHEAD, int(2 * TURN / max(self.typical, 1e-6)))

    @property
    def fed(self) -> bool:
        """Have the workers enough to do for a while, so that ends may gather?"""
        return sum(len(worker.flying) for worker in self._workers) > max(len(self._workers), self.ahead // 4)

    @property
    def ended(self) -> bool:
        """Is there something to settle or to write down?"""
        return any((each.plain or each.returned or each.said) for each in (self._new, self._taken))

    def heard(self) -> Heard:
        """What is to be settled; asked again before `settled`, it has the same and what is new."""
        new, taken = self._new, self._taken
        for plan, some in new.plain.items():
            taken.plain.setdefault(plan, []).extend(some)
        taken.returned += new.returned
        taken.said += new.said
        self._new = Heard()
        return taken

    def settled(self) -> None:
        """What was heard is stored."""
        for plan, some in self._taken.plain.items():
            for pid, number, _, _ in some:
                self._at.pop((pid, plan.ordinal, number), None)
        for each in self._taken.returned:
            self._at.pop(each.which, None)
        self._taken = Heard()

    def tell(self, url: str) -> None:
        """From now on calls find the HTTP API at this address."""
        self._surroundings["url"] = url
        for worker in self._workers:
            worker.known.clear()

    def knows(self, which: Which) -> bool:
        """Was it submitted here, and has it not been settled?"""
        return which in self._at

    def forget(self, which: Which) -> None:
        """It has its outcome."""
        self._at.pop(which, None)

    def running(self) -> dict[Which, float]:
        """Every call that runs now, and for how many seconds."""
        now, found = time.monotonic(), {}
        for worker in self._workers:
            _, each, since = worker.call()
            if each is not None:
                found[each[1][0]] = now - since
        return found

    def submit(self, plan: CallPlan, orders: Iterable[Order]) -> None:
        """Have these called, in this order."""
        queue = self._queues.setdefault(plan.python, deque())
        for order in orders:
            if order[0] not in self._at:
                self._at[order[0]] = None
                queue.append((plan, order))
        self._feed()

    def take_back(self) -> list[Which]:
        """Everything that was sent to no worker yet; from now on it is unknown here and never begins."""
        found = [order[0] for queue in self._queues.values() for _, order in queue]
        self._queues.clear()
        for which in found:
            del self._at[which]
        return found

    def cancel(self, which: Which) -> str:
        """``void``: it never begins; ``asked``: it is ended, which is told as of any other end; ``gone``: unknown."""
        if which not in self._at:
            return "gone"
        worker = self._at[which]
        if worker is None:
            for queue in self._queues.values():
                for each in queue:
                    if each[1][0] == which:
                        queue.remove(each)
                        del self._at[which]
                        return "void"
            return "asked"  # it has ended, and is about to be settled
        worker.cancel(which, time.monotonic())
        return "asked"

    def hold(self, held: set[int]) -> None:
        """Tell running calls of these processings that they are held, and the others that they are not."""
        for worker in self._workers:
            number, each, _ = worker.call()
            if each is not None:
                is_held = each[1][0][0] in held
                worker.board.wish(number if is_held else 0, worker.ending[0] if worker.ending else 0)

    def filenos(self) -> list[int]:
        """A descriptor that becomes readable when `drain` has something to do."""
        return [] if self._epoll is None else [self._epoll.fileno()]

    def patience(self) -> float | None:
        """Seconds after which `drain` is wanted at the latest; None: nothing is under way."""
        now, found = time.monotonic(), []
        for worker in self._workers:
            if not worker.flying:
                found.append(worker.since + IDLE - now)
                continue
            _, each, since = worker.call()
            if each is not None and (timeout := each[0].timeout) is not None:
                found.append(since + timeout - now)
            if len(worker.flying) > 1 or worker.ending or worker.kept_back:
                found.append(CERTAIN)
        return max(0.0, min(found)) if found else None

    def drain(self) -> None:
        """Take in what has come, see to what takes too long, and send what is free to go."""
        if self._epoll is None:
            return
        for number, _ in self._epoll.poll(0):
            worker = self._ends.get(number)
            if worker is None:
                continue
            if number == worker.answers:
                self._listen_to(worker)
            elif number == worker.orders:
                self._write(worker)
            else:
                self._bury(worker)
        now = time.monotonic()
        for worker in list(self._workers):
            self._look_at(worker, now)
        if not self.is_fresh():
            self._fall_silent(now)
        if self._boards and not self.ended:
            self._clear(now)
        self._feed()

    def stop(self, grace: float) -> list[Which]:
        """Begin nothing more; give running calls a grace, then kill them; return what has not begun."""
        self._stopping = True
        for worker in self._workers:
            worker.keep_back(time.monotonic())
        until = time.monotonic() + grace
        while self.running() and time.monotonic() < until:
            time.sleep(0.01)
            self.drain()
        for worker in list(self._workers):
            worker.kill("stopped")
            worker.process.wait()
            self._bury(worker)
        return self.take_back()

    def close(self, *, keep_boards: bool = False) -> None:
        """Kill what is left. The boards stay where somebody has still to read what had begun."""
        self._stopping = True
        for worker in list(self._workers):
            worker.kill()
            worker.process.wait()
            self._release(worker, keep_board=keep_boards)
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
        if not keep_boards:
            forget_boards(self._var, self._launcher_id)

    # ── orders out ──────────

    def _feed(self) -> None:
        """Send to workers what they may have now."""
        if self._stopping or not self.is_fresh():
            return
        beyond = self._beyond()
        for python, queue in list(self._queues.items()):
            while queue:
                mine = [w for w in self._workers if w.python == python and not (w.asked or w.stale or w in beyond)]
                idle = [w for w in mine if not w.flying]
                room = [w for w in mine if not w.kept_back and len(w.flying) < MOST_AHEAD] if self.ahead else idle
                late = time.monotonic() >= self._not_before.get(python, 0.0)
                if len(idle) < len(queue) and (late or not mine) and self._has_place(python) and self._make(python):
                    continue
                if not room or not queue:
                    break
                room.sort(key=lambda worker: len(worker.flying))
                share = -(-len(queue) // len(room)) if self.ahead else 1
                for worker in room:
                    self._send(worker, queue, share)
                if not self.ahead:
                    break

    def _beyond(self) -> list[Worker]:
        """Let go workers beyond the number that is wanted, those first that have least to do; return those that end
        after what they call now."""
        living = sorted((w for w in self._workers if not w.asked), key=lambda worker: len(worker.flying))
        beyond = living[: max(0, len(living) - self.size)]
        for worker in beyond:
            if not worker.flying:
                worker.kill("idle")
            elif len(worker.flying) > 1:
                worker.keep_back(time.monotonic())
        return beyond

    def _has_place(self, python: str) -> bool:
        """May another worker be made? One that idles for another interpreter gives its place away."""
        if len(self._workers) < self.size:
            return True
        for worker in self._workers:
            if worker.python != python and not worker.flying and not worker.asked:
                worker.kill("idle")
                break
        return False

    def _send(self, worker: Worker, queue: deque[tuple[CallPlan, Order]], most: int) -> None:
        """Hand over so many."""
        n = min(most, len(queue), MOST_AHEAD - len(worker.flying))
        some = [queue.popleft() for _ in range(n)]
        worker.hand_over(some, self._surroundings)
        for _, order in some:
            self._at[order[0]] = worker
        self._write(worker)

    def _write(self, worker: Worker) -> None:
        assert self._epoll is not None
        self._epoll.modify(worker.orders, 0 if worker.write() else select.EPOLLOUT)

    # ── answers in ──────────

    def _listen_to(self, worker: Worker) -> None:
        """Read what it has written; one whose lines make no sense is killed: nothing more is believed of it."""
        try:
            worker.read(partial(self._take_plain, worker), partial(self._take, worker))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("worker %d wrote what makes no sense and is killed: %s", worker.process.pid, error)
            worker.asked, worker.unread = "senseless", b""
            worker.kill()

    def _take_plain(self, worker: Worker, ends: Sequence[tuple[int, int, int]]) -> None:
        """Calls that ended without a word: number, begin and end of each."""
        seconds = 0
        for number, began, ended in ends:
            if (each := worker.flying.pop(number, None)) is None:
                continue
            plan, order = each
            pid, _, attempt = order[0]
            self._at[order[0]] = None
            seconds += ended - began
            self._new.plain.setdefault(plan, []).append((pid, attempt, began, ended))
        self._answered(worker, seconds / 1e6, len(ends))

    def _take(self, worker: Worker, said: dict[str, Any], body: bytes) -> None:
        if "stale" in said:
            worker.stale = True
        elif "skipped" in said:
            worker.returning.discard(said["skipped"])
            if each := worker.flying.pop(said["skipped"], None):
                self._requeue([each])
        elif "say" in said:
            if each := worker.flying.get(said["seq"]):
                self._new.said.append((each[1][0], said["say"], said["value"]))
        elif each := worker.flying.pop(said["seq"], None):
            which = each[1][0]
            self._at[which] = None
            how = said.get("how", "succeeded")
            self._new.returned.append(
                Returned(which, how, said.get("reason", ""), said["began"], said["ended"], said, body)
            )
            self._answered(worker, (said["ended"] - said["began"]) / 1e6, 1)

    def _answered(self, worker: Worker, seconds: float, n: int) -> None:
        """Learn how long calls take."""
        worker.answered = True
        worker.since = time.monotonic()
        self._stillborn.pop(worker.python, None)
        one, weight = seconds / n, min(1.0, n / 10)
        self.typical = one if self.typical is None else (1 - weight) * self.typical + weight * one

    def _requeue(self, each: Iterable[tuple[CallPlan, Order]]) -> None:
        """To the front again, in their order: they have not begun."""
        for plan, order in reversed(list(each)):
            self._at[order[0]] = None
            self._queues.setdefault(plan.python, deque()).appendleft((plan, order))

    # ── looking after ──────────

    def _look_at(self, worker: Worker, now: float) -> None:
        """Kill what takes too long; let others have what is queued behind it; let go who is idle."""
        if not worker.flying:
            worker.kept_back = worker.ending = None  # all that was behind the call has come back
            if now - worker.since > IDLE and not worker.asked:
                worker.kill("idle")
            return
        number, each, since = worker.call()
        if each is not None and not worker.asked:
            timeout = each[0].timeout
            if timeout is not None and now - since > timeout:
                worker.kill("timeout")
            elif worker.ending is not None and worker.ending[0] == number and now > worker.ending[1]:
                worker.kill("cancelled")
            elif now - since > SLOW and len(worker.flying) > 1:
                self.typical = max(self.typical or 0.0, SHORT)
                worker.keep_back(now)
        if worker.ending is not None and worker.ending[0] != number:
            worker.ending = None
        if worker.kept_back is not None and now - worker.kept_back[1] > CERTAIN:
            if worker.kept_back[0] == number and each is not None:  # it sees the board before it begins another
                numbers = sorted(n for n in worker.flying if n > number)
                worker.returning.update(numbers)
                self._requeue([worker.flying.pop(n) for n in numbers])
            worker.kept_back = None

    def _fall_silent(self, now: float) -> None:
        """Begin nothing while others may take our work over; end what runs before they do."""
        over = self.is_over()
        for worker in self._workers:
            worker.keep_back(now)
            if over and worker.flying and not worker.asked:
                worker.kill("overdue")

    def _bury(self, worker: Worker) -> None:
        """It is gone: what it had begun has ended, what it had not goes to another one."""
        code = worker.process.wait()
        self._listen_to(worker)
        number, since = worker.board.running()
        began = worker.flying.pop(number, None)
        known = worker.board.begun()  # of one whose answers made no sense there may be several
        more = [each for each in worker.flying.values() if each[1][0] in known]
        rest = [worker.flying[n] for n in sorted(worker.flying) if worker.flying[n][1][0] not in known]
        worker.flying.clear()
        self._release(worker, keep_board=True)
        self._boards[worker.path] = time.monotonic()
        if began is not None:
            self._lose(worker, began[1][0], code, since)
        elif not worker.answered and not worker.asked and not worker.stale:
            self._stillborn[worker.python] = self._stillborn.get(worker.python, 0) + 1
        for each in more:
            self._lose(worker, each[1][0], code, time.monotonic())
        self._requeue(rest)
        if self._stillborn.get(worker.python, 0) >= STILLBORN:
            self._give_up(worker.python, f"it ends before its first call ({workers.died(code)})")

    def _lose(self, worker: Worker, which: Which, code: int, since: float) -> None:
        self._at[which] = None
        self._new.returned.append(worker.lost(which, code, since))

    def _give_up(self, python: str, why: str) -> None:
        """No worker of this interpreter comes to life: say so for each that waits for one; later it is tried again.
        Where one lives it goes on with them all."""
        stillborn = self._stillborn.pop(python, 0) >= STILLBORN
        said = f"no worker can be started with {python}: {why}; see {self._var / 'workers.log'}"
        mine = [w for w in self._workers if w.python == python and not w.asked and not w.stale]
        if any(worker.answered or not stillborn for worker in mine):
            log.error("%s; %d others go on", said, len(mine))
            self._not_before[python] = time.monotonic() + AGAIN
            return
        queue = self._queues.get(python, deque())
        for _, order in queue:
            self._new.returned.append(Returned(order[0], "not_started", said))
        queue.clear()

    # ── making and clearing away ──────────

    def _make(self, python: str) -> bool:
        """Start a worker; False if the system does not let us: then others go on, or what waits for it is told why."""
        path = board_at(self._var, self._launcher_id, next(self._count))
        try:
            if self._epoll is None:
                self._epoll = select.epoll()
            worker = workers.start(python, path, self._root, self._var / "workers.log", self._environment)
        except OSError as error:
            self._give_up(python, f"{error.strerror or error}: {error.filename or python}")
            return False
        self._workers.append(worker)
        for number, events in ((worker.pidfd, select.EPOLLIN), (worker.answers, select.EPOLLIN), (worker.orders, 0)):
            self._ends[number] = worker
            self._epoll.register(number, events)
        return True

    def _clear(self, now: float) -> None:
        """Remove boards of which everything has long been settled."""
        for path in [path for path, since in self._boards.items() if now - since > IDLE]:
            del self._boards[path]
            Path(path).unlink(missing_ok=True)

    def _release(self, worker: Worker, *, keep_board: bool) -> None:
        """Let go of one that is gone."""
        assert self._epoll is not None
        for number in (worker.pidfd, worker.answers, worker.orders):
            self._epoll.unregister(number)
            del self._ends[number]
        worker.close(keep_board=keep_board)
        self._workers.remove(worker)
