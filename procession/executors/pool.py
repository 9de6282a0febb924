"""The forge of a launcher and the shims that it made: ordered, watched, replaced.

In: how many shims are wanted, messages for whoever of them is free. Out: whether one of them died.
Always: only this process holds its ends of the sockets, so that its death, of whatever kind, tells the forge and the
shims; no send blocks; the forge is replaced when it dies, and nothing that runs is touched by that. Shims of an
earlier launcher may be watched as well; they are never counted.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import procession
from procession.errors import ExecutorError
from procession.supervise.shim import LEAVE

_FORGE = "import sys; sys.path.insert(0, {root!r}); from procession.supervise.forge import main; main()"
_PADDING = "." * 200
_STILLBORN = 3
"""A forge that died so often in a row without a single shim will not come to life by trying again."""
_PAUSE = 1.0
"""Seconds before shims are ordered again that the system had no room for."""


class Pool:
    """The shims of one launcher. Made on demand: never more than are wanted; idle ones stay."""

    def __init__(self, spool: str, fifo: Path) -> None:
        self._spool = spool
        self._fifo = fifo
        self.forge: subprocess.Popen[bytes] | None = None
        """The present forge; None: it is gone."""
        self.tasks: socket.socket | None = None
        """Where messages for shims go; None: there is no forge."""
        self.members: set[int] = set()
        """pids of the shims that the present forge made and that live."""
        self._control: socket.socket | None = None
        self._shims: select.epoll | None = None
        self._watched: dict[int, int] = {}
        """pidfd of each shim that is watched, and its pid."""
        self._asked = 0
        """Shims that were ordered and are not there yet."""
        self._leaving = 0
        """Shims that were told to leave and are still there."""
        self._make_after = 0.0
        self._stillborn = 0

    def start(self) -> None:
        """Begin to watch, and start the forge."""
        self._shims = select.epoll()
        self._start_forge()

    def close(self) -> None:
        """Hang up. The forge leaves, idle shims leave, busy ones finish what they hold and what is queued."""
        self._hang_up()
        for pidfd in self._watched:
            os.close(pidfd)
        self._watched.clear()
        if self._shims is not None:
            self._shims.close()
            self._shims = None

    def _start_forge(self) -> None:
        """Start a forge with its own sockets: shims of an earlier one keep theirs until it is empty. ExecutorError if
        the system does not let us."""
        try:
            self._control, self.tasks = self._fork_forge()
        except OSError as error:
            raise ExecutorError(
                f"the forge cannot be started, so no script can: {error.strerror or error}. "
                "Are there too many processes or open files, or is the memory of this machine used up?"
            ) from error
        self.members.clear()
        self._asked = self._leaving = 0

    def _fork_forge(self) -> tuple[socket.socket, socket.socket]:
        with contextlib.ExitStack() as ours:
            control, its_control = map(ours.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            tasks, its_tasks = map(ours.enter_context, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            control.setblocking(False)
            tasks.setblocking(False)
            tasks.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            root = str(Path(procession.__file__).parent.parent)
            numbers = (its_control.fileno(), its_tasks.fileno())
            options = ["-I", "-S", "-E", "-c", _FORGE.format(root=root)]
            self.forge = subprocess.Popen(
                [
                    _interpreter(),
                    *options,
                    *map(str, numbers),
                    self._spool,
                    str(self._fifo),
                    _PADDING,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_environment(),
                pass_fds=numbers,
                start_new_session=True,
            )
            its_control.close()
            its_tasks.close()
            ours.pop_all()
        return control, tasks

    def _hang_up(self) -> None:
        """Close our ends of the sockets; the forge and the idle shims see it and leave."""
        for end in (self.tasks, self._control):
            if end is not None:
                end.close()
        self.tasks = self._control = None
        if self.forge is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.forge.wait(5)
            self.forge = None

    def filenos(self) -> list[int]:
        """The forge's control socket, and one descriptor for the lives of all shims."""
        shims = [self._shims.fileno()] if self._shims is not None else []
        control = [self._control.fileno()] if self._control is not None else []
        return [*shims, *control]

    @property
    def size(self) -> int:
        """How many shims wait or work for us, or are ordered."""
        return len(self.members) + self._asked - self._leaving

    def fill(self, wanted: int) -> None:
        """Order the shims that are missing."""
        missing = wanted - self.size
        if missing > 0 and self._control is not None and time.monotonic() >= self._make_after:
            with contextlib.suppress(OSError):
                self._control.send(b"make %d" % missing)
                self._asked += missing

    def shrink(self, extra: int) -> None:
        """Let so many leave; nothing may be under way."""
        if self.tasks is None:
            return
        with contextlib.suppress(OSError):
            for _ in range(extra):
                self.tasks.send(LEAVE)
                self._leaving += 1

    def revive(self) -> socket.socket:
        """Start a new forge in place of one that died, unless none of them ever comes to life; return its `tasks`."""
        if self._stillborn >= _STILLBORN:
            self._stillborn = 0
            raise ExecutorError(
                f"the forge ends as soon as it is started ({_interpreter()}); nothing can be started. "
                "Is this Python, or the memory of this machine, in order?"
            )
        self._start_forge()
        assert self.tasks is not None
        return self.tasks

    def drain(self) -> bool:
        """Take in who came and who left; True: the forge or a shim died."""
        died = self._read_control()
        return self._read_shims() or died

    def _read_control(self) -> bool:
        died = False
        while self._control is not None:
            try:
                message = self._control.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                message = b""
            if not message:
                self._stillborn += not self.members
                self._hang_up()
                self.members.clear()
                return True
            _, asked, *made = message.split()
            self._asked -= int(asked)
            self._stillborn = 0
            if len(made) < int(asked):  # no room for another process: not again at once
                self._make_after = time.monotonic() + _PAUSE
            for pid in map(int, made):
                if self.watch(pid):
                    self.members.add(pid)
                else:
                    died = True
        return died

    def _read_shims(self) -> bool:
        died = False
        if self._shims is None or not self._watched:
            return died
        for pidfd, _ in self._shims.poll(0):
            pid = self._watched.pop(pidfd)
            self._shims.unregister(pidfd)
            os.close(pidfd)
            if pid in self.members and self._leaving:
                self._leaving -= 1
            else:
                died = True
            self.members.discard(pid)
        return died

    def watch(self, pid: int) -> bool:
        """Hear of the end of this shim; False if it has ended."""
        assert self._shims is not None
        if pid in self._watched.values():
            return True
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return False
        self._watched[pidfd] = pid
        self._shims.register(pidfd, select.EPOLLIN)
        return True


def _interpreter() -> str:
    """The real executable of this Python: what is on a PATH may be a wrapper that costs 50 ms."""
    path = os.path.realpath(sys.executable)
    with contextlib.suppress(OSError), open(path, "rb") as source:
        if source.read(4) == b"\x7fELF":
            return path
    return os.path.realpath("/proc/self/exe")


def _environment() -> dict[str, str]:
    """The environment of whoever started us: less what Python itself put there when it found the C locale."""
    environ = dict(os.environ)
    if environ.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8"):
        given = Path("/proc/self/environ").read_bytes().split(b"\0")
        if not any(pair.startswith(b"LC_CTYPE=") for pair in given):
            del environ["LC_CTYPE"]
    return environ
