"""One worker: the process in which Python functions are called one after the other, seen from the launcher.

In: orders for it, written without waiting. Out: what it says, and what it left when it is gone. Always: what its board
does not show has not begun; it has a process group and a mark in its environment, by which all that its functions start
ends with it, also when the launcher that made it is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from procession.contract import signal_name
from procession.executors.call import STOPPED, CallPlan, Order, Returned, Which
from procession.supervise import lease
from procession.supervise import process as processes
from procession.supervise.board import Board

CERTAIN = 0.05
"""Seconds after which a worker has surely seen what its board says."""
CANCELLED_WITHIN = 2.0
"""Seconds in which a cancelled call may put things in order before it is killed."""
_MARK = "PROCESSION_WORKER"
"""In the environment of a worker and of all that its functions start: the path of its board."""
_BOOT = (
    "import importlib.util as u, sys; s = u.spec_from_file_location('procession_caller', sys.argv[1]);"
    " m = u.module_from_spec(s); sys.modules[s.name] = m; s.loader.exec_module(m); m.main(sys.argv[2:])"
)
_CALLER = str(Path(__file__).parents[1] / "supervise" / "caller.py")


@dataclass(slots=True, eq=False)
class Worker:
    """One process, and what was sent to it."""

    process: subprocess.Popen[bytes]
    python: str
    pidfd: int
    orders: int
    answers: int
    board: Board
    path: str
    """Of the board."""
    flying: dict[int, tuple[CallPlan, Order]] = field(default_factory=dict)
    """Number of each order that was sent and has not been answered → the order."""
    returning: set[int] = field(default_factory=set)
    """Numbers of orders that were given to others and that it has still to pass over."""
    known: set[int] = field(default_factory=set)
    """Plans that it was told of."""
    next: int = 1
    unsent: bytes = b""
    unread: bytes = b""
    since: float = field(default_factory=time.monotonic)
    """When it had something to do last (monotonic seconds)."""
    asked: str = ""
    """Why it was killed, if by us."""
    stale: bool = False
    answered: bool = False
    kept_back: tuple[int, float] | None = None
    """The call behind which nothing more is to begin, and since when."""
    ending: tuple[int, float] | None = None
    """The call that is cancelled, and when it is killed."""

    # ── orders out ──────────

    def hand_over(self, orders: Sequence[tuple[CallPlan, Order]], surroundings: Mapping[str, str]) -> None:
        """Have these called after what it has; they go out with the next `write`."""
        parts: list[bytes] = []
        batch: list[str] = []
        for each in orders:
            plan, order = each
            if plan.number not in self.known:
                self.known.add(plan.number)
                parts.append(plan.told(surroundings))
            number, self.next = self.next, self.next + 1
            self.flying[number] = each
            batch.append(f"[{number},{plan.number},{order[1]}]")
        self.unsent += b"".join(parts) + f"[{','.join(batch)}]\n".encode()

    def write(self) -> bool:
        """Write what the pipe takes; False: there is more, for when it takes more."""
        try:
            while self.unsent:
                self.unsent = self.unsent[os.write(self.orders, self.unsent[: 1 << 20]) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:  # it is gone, and its pidfd says so
            self.unsent = b""
        return True

    # ── answers in ──────────

    def read(self, plain: Callable[[list[Any]], None], take: Callable[[dict[str, Any], bytes], None]) -> None:
        """Read what it has written, as far as it is complete: calls that ended without a word are numbers, begins and
        ends; all else is an object with the bytes that follow it. ValueError if it makes no sense."""
        chunks = [self.unread]
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.answers, 1 << 20):
                chunks.append(chunk)
        if self.asked == "senseless":
            return
        data = b"".join(chunks)
        at = 0
        while (begin := data.find(b"{", at)) >= 0:
            if begin > at:
                plain(_lines(data[at:begin]))
                at = begin
            end = data.find(b"\n", at)
            if end < 0:
                break
            said = json.loads(data[at:end])
            after = end + 1 + said.get("raw", 0)
            if after > len(data):
                break
            take(said, data[end + 1 : after])
            at = after
        if begin < 0 and (end := data.rfind(b"\n") + 1) > at:
            plain(_lines(data[at:end]))
            at = end
        self.unread = data[at:]

    # ── what it does now ──────────

    def call(self) -> tuple[int, tuple[CallPlan, Order] | None, float]:
        """The number of the call that runs (0: none), the call if we know it, and since when (monotonic seconds)."""
        number, since = self.board.running()
        return number, self.flying.get(number), since

    def keep_back(self, now: float) -> None:
        """Let it begin nothing more of what it has; what it has not begun comes back."""
        if self.kept_back is None and self.flying:
            number, _ = self.board.running()
            first = number + 1 if number else min(self.flying)
            self.board.skip(min([first, *self.returning]), max([*self.flying, *self.returning]))
            self.kept_back = (number, now)

    def cancel(self, which: Which, now: float) -> None:
        """End this call, or have it come back if it has not begun."""
        number = next((n for n, (_, order) in self.flying.items() if order[0] == which), 0)
        if self.board.running()[0] == number:
            self.ending = self.ending or (number, now + CANCELLED_WITHIN)
            self.board.wish(0, number)
        else:  # those in flight come back from it, or have begun a moment later
            self.keep_back(now)

    # ── its end ──────────

    def kill(self, why: str = "") -> None:
        """It and all that its functions have started; the first reason counts."""
        self.asked = self.asked or why
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def lost(self, which: Which, code: int, since: float) -> Returned:
        """How a call ended that it had begun when it ended with this exit status."""
        now = time.time_ns() // 1000
        seconds = time.monotonic() - since
        how, reason = {
            "timeout": ("timeout", f"time-out after {seconds:.3g} s"),
            "cancelled": ("cancelled", "cancelled"),
            "stopped": ("void", STOPPED),
            "overdue": ("lost", f"lease: {lease.OVER}"),
            "senseless": ("lost", "worker_senseless: its worker wrote what makes no sense and was killed"),
        }.get(self.asked, ("lost", f"worker_died: {died(code)} in the middle of the call"))
        return Returned(which, how, reason, now - int(seconds * 1e6), now, signal=-code if code < 0 else None)

    def close(self, *, keep_board: bool) -> None:
        """Close everything of it, and end what its functions have left behind."""
        processes.end_marked(_mark(self.path), kill=True)
        for number in (self.pidfd, self.answers, self.orders):
            os.close(number)
        self.board.close()
        if not keep_board:
            Path(self.path).unlink(missing_ok=True)


def _lines(lines: bytes) -> list[Any]:
    return list(json.loads(b"[" + lines[:-1].replace(b"\n", b",") + b"]"))


def died(code: int) -> str:
    """What an exit status says, in words."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    memory = ", perhaps by the system for want of memory" if code == -signal.SIGKILL else ""
    return f"its process was killed by {signal_name(-code)}{memory}"


# ── making one ─────────────────────────────────────────────────────────────────────────────────────


def start(python: str, path: Path, root: Path, log: Path, environment: Mapping[str, str]) -> Worker:
    """A worker of this interpreter whose board is made at `path` and whose own output goes to `log`. OSError, and
    nothing is left, if the system does not let us."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    board = Board(str(path), make=True)
    try:
        with contextlib.ExitStack() as ours:
            its_orders, orders = _pipe(ours)
            answers, its_answers = _pipe(ours)
            error = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            ours.callback(os.close, error)
            process = subprocess.Popen(
                [python, "-c", _BOOT, _CALLER, str(its_orders), str(its_answers), str(path), str(root),
                 str(os.getpid())],
                stdin=subprocess.DEVNULL, stdout=error, stderr=error, cwd=root, start_new_session=True,
                env={**environment, **_mark(str(path))}, pass_fds=(its_orders, its_answers),
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
    except OSError:
        board.close()
        path.unlink(missing_ok=True)
        raise
    for number in kept:
        os.set_blocking(number, False)
    return Worker(process, python, pidfd, kept[0], kept[1], board, str(path))


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


# ── boards of launchers that are gone ──────────────────────────────────────────────────────────────


def board_at(var: Path, launcher_id: int, number: int) -> Path:
    """Where the board of this worker of a launcher is."""
    return var / "calls" / f"{launcher_id}-{number}"


def begun(var: Path, launcher_id: int) -> set[Which]:
    """Every attempt that workers of this launcher have begun, of those that can still matter."""
    found: set[Which] = set()
    for path in _boards(var, launcher_id):
        try:
            board = Board(str(path))
        except (OSError, ValueError):  # not complete: its worker had not even been started
            continue
        found |= board.begun()
        board.close()
    return found


def end_left_behind(var: Path, launcher_id: int) -> None:
    """Kill what functions of this launcher have started, and its workers: it is gone."""
    for path in _boards(var, launcher_id):
        processes.end_marked(_mark(str(path)), kill=True)


def forget_boards(var: Path, launcher_id: int) -> None:
    """Its attempts are settled: remove what its workers have left."""
    for path in _boards(var, launcher_id):
        path.unlink(missing_ok=True)


def _boards(var: Path, launcher_id: int) -> list[Path]:
    return list((var / "calls").glob(f"{launcher_id}-*"))
