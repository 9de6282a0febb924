"""Tree: the processes of one attempt. Waits for the script, and ends whatever descends from it.

In: the script, just started by this process, which is a subreaper and has one thread.
Out: how it ended, and what all of it used.
Always: when `end` returns, no descendant exists: double forks, own sessions, ignored signals and chains that
fork again included, because every orphan becomes a child of ours and "no child left" is an answer of the
system. What cannot be killed (stuck in the kernel, another user's) keeps the attempt alive, never the other
way round. Time is measured on the boot clock, which no change of the wall clock moves and which runs on
during suspend.
"""

from __future__ import annotations

import os
import select
import signal
import time

from procession.supervise.process import kill_descendants, signal_descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from procession.supervise.guard import Guard

LOOK = 1.0
"""Seconds between two looks for a cancel or a passed deadline, if nothing wakes us before."""

_BOOT = time.CLOCK_BOOTTIME


def boot_seconds() -> float:
    """Seconds since boot, suspend included."""
    return time.clock_gettime(_BOOT)


class Alarm:
    """What can wake a waiting shim besides the script's end: a signal. One for the life of a shim."""

    def __init__(self) -> None:
        self._read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGUSR1, _nothing)
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)

    def watch(self, pidfd: int) -> None:
        self._poll.register(pidfd, select.POLLIN)

    def unwatch(self, pidfd: int) -> None:
        self._poll.unregister(pidfd)

    def wait(self, seconds: float) -> None:
        """Wait for a signal, for the end of what is watched, or so long."""
        for descriptor, _ in self._poll.poll(int(seconds * 1000) + 1):
            if descriptor == self._read:
                os.read(self._read, 4096)


def _nothing(number: int, frame: object) -> None:
    """Receive a signal: that it came is all that matters."""


class Tree:
    """The script of an attempt and all that descends from it. Owned by one shim, used once."""

    def __init__(self, pid: int, alarm: Alarm) -> None:
        self._pid = pid
        self._alarm = alarm
        self._empty = False
        self.status: int | None = None
        """The wait status of the script itself; None: it still runs."""
        self.ended_at = 0.0
        """Wall clock when the script itself had ended."""
        self.ended_boot = 0.0
        """Boot clock, the same."""
        self.cpu = 0.0
        """Seconds of processor, all processes that were reaped."""
        self.max_rss = 0
        """Peak memory in bytes of the largest process."""

    def wait(self, guard: Guard) -> None:
        """Wait until the script has ended, or its guard says that it must be."""
        pidfd = os.pidfd_open(self._pid)
        self._alarm.watch(pidfd)
        try:
            while True:
                left = guard.pause()
                if left > 0:
                    self._alarm.wait(left)
                self.reap()
                if self.status is not None or guard.look():
                    return
        finally:
            self._alarm.unwatch(pidfd)
            os.close(pidfd)

    def reap(self) -> bool:
        """Collect every child that has ended; True if none is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._empty = True
                return True
            if pid == 0:
                return False
            if pid == self._pid:
                self.status = status
                self.ended_at, self.ended_boot = time.time(), boot_seconds()
            self.cpu += usage.ru_utime + usage.ru_stime
            self.max_rss = max(self.max_rss, usage.ru_maxrss * 1024)

    def end(self, grace: float, guard: Guard | None) -> None:
        """Ask all to end, wait for as long as `grace`, then kill; return when no descendant exists.

        Asked once: what a script starts to clean up after itself is not asked again, only killed when the
        time is over. It is over at once where the guard finds it urgent.
        """
        if self._empty or self.reap():
            return
        signal.signal(signal.SIGCHLD, _nothing)
        try:
            if not (guard and guard.is_urgent()):
                signal_descendants((signal.SIGTERM, signal.SIGCONT))
            deadline = boot_seconds() + grace
            pause = 0.002
            while not self.reap():
                left = deadline - boot_seconds()
                if left > 0 and not (guard and guard.is_urgent()):
                    self._alarm.wait(min(left, guard.pause() if guard else LOOK))
                    continue
                kill_descendants()
                if self.reap():
                    break
                self._alarm.wait(pause)
                pause = min(pause * 1.5, LOOK)
        finally:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
