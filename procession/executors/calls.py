"""The pool of workers in which Python functions are called: ordered, heard, watched, replaced.

In: orders, each an attempt that was claimed. Out: how each of them ended, and what calls said meanwhile (`Heard`).
Always: no call here waits for a function. An order is begun at most once: what a worker that is gone had not begun (its
board says so) goes to another one, as if nothing had been; what it had begun is lost, or timed out, or cancelled.
Workers are made when there is something to call and end when there is nothing for a while; they die with us.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import logging
import os
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from procession.contract import COMMAND, signal_name
from procession.supervise import lease
from procession.supervise import process as processes
from procession.supervise.board import Board

log = logging.getLogger("procession")

Which = tuple[int, int, int]
"""Processing id, ordinal and attempt number."""
Order = tuple[Which, str]
"""An attempt, and what its worker is told of it: the elements of a JSON array after the first two."""
Plain = tuple[int, int, int, int]
"""A call that returned nothing and said nothing: processing id, attempt number, begin and end (microseconds UTC)."""

SHORT = 0.05
"""Seconds; while calls are shorter than this on average, some are claimed and sent ahead."""
TURN = 0.025
MOST_AHEAD = 2000
"""For each worker; its board remembers twice as many."""
SLOW = 0.1
"""Seconds after which those behind a call that still runs go to other workers."""
CERTAIN = 0.05
"""Seconds after which a worker has surely seen what its board says."""
IDLE = 60.0
"""Seconds without a call after which a worker ends."""
CANCELLED_WITHIN = 2.0
"""Seconds in which a cancelled call may put things in order before it is killed."""
AGAIN = 1.0
"""Seconds after which another worker is tried where one could not be started and others go on with the calls."""
STILLBORN = 3
"""A worker that ended so often in a row before its first call will not come to life by trying again."""
_MARK = "PROCESSION_WORKER"
"""In the environment of a worker and of all that its functions start: the path of its board."""
_BOOT = (
    "import importlib.util as u, sys; s = u.spec_from_file_location('procession_caller', sys.argv[1]);"
    " m = u.module_from_spec(s); sys.modules[s.name] = m; s.loader.exec_module(m); m.main(sys.argv[2:])"
)
_CALLER = str(Path(__file__).parents[1] / "supervise" / "caller.py")


STOPPED = "stopped: the launcher was stopped while it ran"
"""Through no fault of its own: it is tried again, and nothing is counted."""


@dataclass(frozen=True, slots=True, eq=False)
class CallPlan:
    """What all calls of one step of one definition have in common."""

    number: int
    function: str
    task: str
    step: str
    ordinal: int
    event: str
    python: str
    timeout: float | None
    alone: bool
    """It is the only step of its task, whose success is that of the whole, and nothing more follows from it."""

    def told(self, surroundings: Mapping[str, str]) -> bytes:
        """The line by which a worker learns of it."""
        names = ("function", "task", "step", "ordinal", "event")
        said = {"plan": self.number, **{name: getattr(self, name) for name in names}, **surroundings}
        return json.dumps(said).encode() + b"\n"


class Returned(NamedTuple):
    """A call that ended in any way but plainly."""

    which: Which
    how: str
    """``succeeded``, ``failed``, ``retry``, ``skipped``, ``timeout``, ``cancelled``, ``lost``, ``void`` or
    ``not_started``."""
    reason: str = ""
    began: int | None = None
    """Microseconds UTC."""
    ended: int | None = None
    said: Mapping[str, Any] = {}
    """What the worker told with its end."""
    body: bytes = b""
    """Of a result, as it is kept."""
    signal: int | None = None


@dataclass(slots=True)
class Heard:
    """What came back since it was settled last."""

    plain: dict[CallPlan, list[Plain]] = field(default_factory=dict)
    """Calls that ended plainly."""
    returned: list[Returned] = field(default_factory=list)
    said: list[tuple[Which, str, Any]] = field(default_factory=list)
    """What running calls said: progress, message, pause or resume, and the value."""


@dataclass(slots=True, eq=False)
class _Worker:
    """One process, and what was sent to it."""

    process: subprocess.Popen[bytes]
    python: str
    pidfd: int
    orders: int
    answers: int
    board: Board
    path: str
    flying: dict[int, tuple[CallPlan, Order]] = field(default_factory=dict)
    """Number of each order that was sent and has not been answered → the order."""
    returning: set[int] = field(default_factory=set)
    """Numbers of orders that were given to others and that it has still to pass over."""
    known: set[int] = field(default_factory=set)
    """Plans that it was told of."""
    next: int = 1
    unsent: bytes = b""
    unread: bytes = b""
    since: float = 0.0
    """When it had something to do last (monotonic seconds)."""
    asked: str = ""
    """Why it was killed, if by us."""
    stale: bool = False
    answered: bool = False
    kept_back: tuple[int, float] | None = None
    """The call behind which nothing more is to begin, and since when."""
    ending: tuple[int, float] | None = None
    """The call that is cancelled, and when it is killed."""


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
        self._set, self._drop = environment
        self._surroundings = {
            "installation": installation, "root": str(root), "var": str(var), "command": COMMAND,
        }  # fmt: skip
        self._queues: dict[str, deque[tuple[CallPlan, Order]]] = {}
        self._at: dict[Which, _Worker | None] = {}
        """Every attempt that was submitted and has not been settled → its worker, if it has been sent."""
        self._workers: list[_Worker] = []
        self._ends: dict[int, _Worker] = {}
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
            number, since = worker.board.running()
            if number in worker.flying:
                found[worker.flying[number][1][0]] = now - since
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
        number = next((n for n, (_, order) in worker.flying.items() if order[0] == which), 0)
        if worker.board.running()[0] == number:
            worker.ending = worker.ending or (number, time.monotonic() + CANCELLED_WITHIN)
            worker.board.wish(0, number)
        else:  # those in flight come back from it, or have begun a moment later
            self._keep_back(worker, time.monotonic())
        return "asked"

    def hold(self, held: set[int]) -> None:
        """Tell running calls of these processings that they are held, and the others that they are not."""
        for worker in self._workers:
            number, _ = worker.board.running()
            if number in worker.flying:
                is_held = worker.flying[number][1][0][0] in held
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
            number, since = worker.board.running()
            if number in worker.flying and (timeout := worker.flying[number][0].timeout) is not None:
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
            self._keep_back(worker, time.monotonic())
        until = time.monotonic() + grace
        while self.running() and time.monotonic() < until:
            time.sleep(0.01)
            self.drain()
        for worker in list(self._workers):
            worker.asked = worker.asked or "stopped"
            self._kill(worker)
            worker.process.wait()
            self._bury(worker)
        return self.take_back()

    def close(self, *, keep_boards: bool = False) -> None:
        """Kill what is left. The boards stay where somebody has still to read what had begun."""
        self._stopping = True
        for worker in list(self._workers):
            self._kill(worker)
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

    def _beyond(self) -> list[_Worker]:
        """Let go workers beyond the number that is wanted, those first that have least to do; return those that end
        after what they call now."""
        living = sorted((w for w in self._workers if not w.asked), key=lambda worker: len(worker.flying))
        beyond = living[: max(0, len(living) - self.size)]
        for worker in beyond:
            if not worker.flying:
                self._end(worker)
            elif len(worker.flying) > 1:
                self._keep_back(worker, time.monotonic())
        return beyond

    def _has_place(self, python: str) -> bool:
        """May another worker be made? One that idles for another interpreter gives its place away."""
        if len(self._workers) < self.size:
            return True
        for worker in self._workers:
            if worker.python != python and not worker.flying and not worker.asked:
                self._end(worker)
                break
        return False

    def _send(self, worker: _Worker, queue: deque[tuple[CallPlan, Order]], most: int) -> None:
        """Hand over so many."""
        parts: list[bytes] = []
        batch: list[str] = []
        for _ in range(min(most, len(queue), MOST_AHEAD - len(worker.flying))):
            plan, order = each = queue.popleft()
            if plan.number not in worker.known:
                worker.known.add(plan.number)
                parts.append(plan.told(self._surroundings))
            number, worker.next = worker.next, worker.next + 1
            worker.flying[number] = each
            self._at[order[0]] = worker
            batch.append(f"[{number},{plan.number},{order[1]}]")
        worker.unsent += b"".join(parts) + f"[{','.join(batch)}]\n".encode()
        self._write(worker)

    def _write(self, worker: _Worker) -> None:
        assert self._epoll is not None
        try:
            while worker.unsent:
                worker.unsent = worker.unsent[os.write(worker.orders, worker.unsent[: 1 << 20]) :]
        except BlockingIOError:
            self._epoll.modify(worker.orders, select.EPOLLOUT)
            return
        except BrokenPipeError:  # it is gone, and its pidfd says so
            worker.unsent = b""
        self._epoll.modify(worker.orders, 0)

    # ── answers in ──────────

    def _listen_to(self, worker: _Worker) -> None:
        """Read what it has written; one whose lines make no sense is killed: nothing more is believed of it."""
        try:
            self._hear(worker)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.error("worker %d wrote what makes no sense and is killed: %s", worker.process.pid, error)
            worker.asked, worker.unread = "senseless", b""
            self._kill(worker)

    def _hear(self, worker: _Worker) -> None:
        """Read what it has written, as far as it is complete."""
        chunks = [worker.unread]
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(worker.answers, 1 << 20):
                chunks.append(chunk)
        if worker.asked == "senseless":
            return
        data = b"".join(chunks)
        if b"{" not in data:
            end = data.rfind(b"\n") + 1
            self._take_plain(worker, data[:end])
            worker.unread = data[end:]
            return
        at = 0
        while (end := data.find(b"\n", at)) >= 0:
            line = data[at:end]
            if not line.startswith(b"{"):
                self._take_plain(worker, line + b"\n")
                at = end + 1
                continue
            said = json.loads(line)
            after = end + 1 + said.get("raw", 0)
            if after > len(data):
                break
            self._take(worker, said, data[end + 1 : after])
            at = after
        worker.unread = data[at:]

    def _take_plain(self, worker: _Worker, lines: bytes) -> None:
        """Calls that ended without a word."""
        if not lines:
            return
        seconds = 0
        ends = json.loads(b"[" + lines[:-1].replace(b"\n", b",") + b"]")
        for number, began, ended in ends:
            if (each := worker.flying.pop(number, None)) is None:
                continue
            plan, order = each
            pid, _, attempt = order[0]
            self._at[order[0]] = None
            seconds += ended - began
            self._new.plain.setdefault(plan, []).append((pid, attempt, began, ended))
        self._answered(worker, seconds / 1e6, len(ends))

    def _take(self, worker: _Worker, said: dict[str, Any], body: bytes) -> None:
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

    def _answered(self, worker: _Worker, seconds: float, n: int) -> None:
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

    def _look_at(self, worker: _Worker, now: float) -> None:
        """Kill what takes too long; let others have what is queued behind it; let go who is idle."""
        if not worker.flying:
            worker.kept_back = worker.ending = None  # all that was behind the call has come back
            if now - worker.since > IDLE and not worker.asked:
                self._end(worker)
            return
        number, since = worker.board.running()
        each = worker.flying.get(number)
        if each is not None and not worker.asked:
            timeout = each[0].timeout
            if timeout is not None and now - since > timeout:
                worker.asked = "timeout"
                self._kill(worker)
            elif worker.ending is not None and worker.ending[0] == number and now > worker.ending[1]:
                worker.asked = "cancelled"
                self._kill(worker)
            elif now - since > SLOW and len(worker.flying) > 1:
                self.typical = max(self.typical or 0.0, SHORT)
                self._keep_back(worker, now)
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
            self._keep_back(worker, now)
            if over and worker.flying and not worker.asked:
                worker.asked = "overdue"
                self._kill(worker)

    def _keep_back(self, worker: _Worker, now: float) -> None:
        """Let it begin nothing more of what it has; what it has not begun comes back."""
        if worker.kept_back is None and worker.flying:
            number, _ = worker.board.running()
            first = number + 1 if number else min(worker.flying)
            worker.board.skip(min([first, *worker.returning]), max([*worker.flying, *worker.returning]))
            worker.kept_back = (number, now)

    def _kill(self, worker: _Worker) -> None:
        """It and all that its functions have started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.process.pid, signal.SIGKILL)

    def _end(self, worker: _Worker) -> None:
        """There is nothing more for it."""
        worker.asked = "idle"
        self._kill(worker)

    def _bury(self, worker: _Worker) -> None:
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
            self._give_up(worker.python, f"it ends before its first call ({_died(code)})")

    def _lose(self, worker: _Worker, which: Which, code: int, since: float) -> None:
        now = time.time_ns() // 1000
        began = now - int((time.monotonic() - since) * 1e6)
        self._at[which] = None
        timeout = worker.asked == "timeout"
        how, reason = {
            "timeout": ("timeout", "time-out"),
            "cancelled": ("cancelled", "cancelled"),
            "stopped": ("void", STOPPED),
            "overdue": ("lost", f"lease: {lease.OVER}"),
            "senseless": ("lost", "worker_senseless: its worker wrote what makes no sense and was killed"),
        }.get(worker.asked, ("lost", f"worker_died: {_died(code)} in the middle of the call"))
        if timeout:
            reason = f"time-out after {now - began and (now - began) / 1e6:.3g} s"
        self._new.returned.append(Returned(which, how, reason, began, now, signal=-code if code < 0 else None))

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
        path = str(self._var / "calls" / f"{self._launcher_id}-{next(self._count)}")
        board: Board | None = None
        try:
            if self._epoll is None:
                self._epoll = select.epoll()
            os.makedirs(self._var / "calls", mode=0o700, exist_ok=True)  # noqa: PTH103
            board = Board(path, make=True)
            worker = self._start(python, path, board)
        except OSError as error:
            if board is not None:
                board.close()
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108
            self._give_up(python, f"{error.strerror or error}: {error.filename or python}")
            return False
        self._workers.append(worker)
        for number, events in ((worker.pidfd, select.EPOLLIN), (worker.answers, select.EPOLLIN), (worker.orders, 0)):
            self._ends[number] = worker
            self._epoll.register(number, events)
        return True

    def _start(self, python: str, path: str, board: Board) -> _Worker:
        with contextlib.ExitStack() as ours:
            its_orders, orders = _pipe(ours)
            answers, its_answers = _pipe(ours)
            error = os.open(self._var / "workers.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            ours.callback(os.close, error)
            environment = {**os.environ, **self._set, "PROCESSION_PROJECT": str(self._root)}
            process = subprocess.Popen(
                [python, "-c", _BOOT, _CALLER, str(its_orders), str(its_answers), path, str(self._root),
                 str(os.getpid())],
                stdin=subprocess.DEVNULL, stdout=error, stderr=error, cwd=self._root, start_new_session=True,
                env={**{k: v for k, v in environment.items() if k not in self._drop}, **_mark(path)},
                pass_fds=(its_orders, its_answers),
            )  # fmt: skip
            kept: list[int] = []
            try:
                kept += [os.dup(orders)]
                kept += [os.dup(answers)]
                pidfd = os.pidfd_open(process.pid)
            except OSError:  # no more descriptors
                for number in kept:
                    os.close(number)
                process.kill()
                process.wait()
                raise
        for number in kept:
            os.set_blocking(number, False)
        return _Worker(process, python, pidfd, kept[0], kept[1], board, path, since=time.monotonic())

    def _clear(self, now: float) -> None:
        """Remove boards of which everything has long been settled."""
        for path in [path for path, since in self._boards.items() if now - since > IDLE]:
            del self._boards[path]
            Path(path).unlink(missing_ok=True)

    def _release(self, worker: _Worker, *, keep_board: bool) -> None:
        """Close everything of it."""
        assert self._epoll is not None
        processes.end_marked(_mark(worker.path), kill=True)  # what its functions have left behind
        for number in (worker.pidfd, worker.answers, worker.orders):
            self._epoll.unregister(number)
            del self._ends[number]
            os.close(number)
        worker.board.close()
        if not keep_board:
            with contextlib.suppress(OSError):
                os.unlink(worker.path)  # noqa: PTH108
        self._workers.remove(worker)


def _pipe(ours: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe that takes a thousand orders; closed with the stack."""
    reading, writing = os.pipe()
    ours.callback(os.close, reading)
    ours.callback(os.close, writing)
    with contextlib.suppress(OSError):  # the user has many large ones already
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 18)
    return reading, writing


def _mark(path: str) -> dict[str, str]:
    """What all processes of the worker with this board have in their environment."""
    return {_MARK: os.path.abspath(path)}  # noqa: PTH100


def _died(code: int) -> str:
    """What an exit status says, in words."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    memory = ", perhaps by the system for want of memory" if code == -signal.SIGKILL else ""
    return f"its process was killed by {signal_name(-code)}{memory}"


# ── boards of launchers that are gone ──────────────────────────────────────────────────────────────


def begun(var: Path, launcher_id: int) -> set[Which]:
    """Every attempt that workers of this launcher have begun, of those that can still matter."""
    found: set[Which] = set()
    for path in (var / "calls").glob(f"{launcher_id}-*"):
        try:
            board = Board(str(path))
        except (OSError, ValueError):  # not complete: its worker had not even been started
            continue
        found |= board.begun()
        board.close()
    return found


def end_left_behind(var: Path, launcher_id: int) -> None:
    """Kill what functions of this launcher have started, and its workers: it is gone."""
    for path in (var / "calls").glob(f"{launcher_id}-*"):
        processes.end_marked(_mark(str(path)), kill=True)


def forget_boards(var: Path, launcher_id: int) -> None:
    """Its attempts are settled: remove what its workers have left."""
    for path in (var / "calls").glob(f"{launcher_id}-*"):
        path.unlink(missing_ok=True)
