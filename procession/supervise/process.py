"""Small calls of the operating system: identity of processes, titles, descendants, marks.

A process id alone never names a process here: it is used only where it cannot have been given to a stranger
meanwhile (an unreaped child of ours), or together with a pidfd that was opened before the last look at who it
is.
"""

from __future__ import annotations

import ctypes
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Check = Callable[[int], bool]

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_PASSES = 200
"""How often a tree is searched for new members before the known ones are ended."""

libc = ctypes.CDLL(None, use_errno=True)


def boot_id() -> str:
    """What names the present boot of this machine: another value means that nothing of before still runs."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as source:
        return source.read().strip()


def become_subreaper() -> None:
    """Let orphans below this process become its children instead of init's. Not inherited by fork."""
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


class Title:
    """What ``ps`` shows of this process: its argument memory, overwritten.

    The room is what the command line took at the start, so whoever starts us gives a long last argument. A
    fork keeps the address, so the measure is taken once. One copy of memory per change, no system call.
    """

    def __init__(self, name: str) -> None:
        fields = stat_fields(os.getpid())
        self._start = int(fields[45])
        self._room = int(fields[46]) - self._start - 1
        self.name(name)

    def name(self, name: str) -> None:
        """Set the short name (``comm``, 15 bytes), which ``ps -e`` and ``top`` show."""
        libc.prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]), 0, 0, 0)

    def set(self, text: bytes) -> None:
        """Show this text, cut to the room there is; it must hold no NUL."""
        room = self._room
        if room > 0:
            ctypes.memmove(self._start, text[:room].ljust(room, b"\0"), room)


def stat_fields(pid: int) -> list[bytes]:
    """The fields of ``/proc/PID/stat`` after the name (the state is number 0); the name may hold anything."""
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as source:
        return source.read().rpartition(b") ")[2].split()


def start_time(pid: int) -> int | None:
    """Clock ticks after boot when this process began: with the pid, its name for good. None: gone."""
    try:
        return int(stat_fields(pid)[19])
    except (OSError, IndexError, ValueError):
        return None


def parent(pid: int) -> int | None:
    """The pid of its parent; None: no such process."""
    try:
        return int(stat_fields(pid)[1])
    except (OSError, IndexError, ValueError):
        return None


def children(pid: int) -> list[int]:
    """The direct children of all threads of a process; a moving tree may hide some, so ask again."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as source:
                found += map(int, source.read().split())
        except OSError:
            continue
    return found


def descendants(pid: int) -> list[int]:
    """All processes below this one as seen now, parents before their children."""
    found: list[int] = []
    known = {pid}
    queue = [pid]
    while queue:
        for child in children(queue.pop(0)):
            if child not in known:
                known.add(child)
                found.append(child)
                queue.append(child)
    return found


def signal_descendants(signals: tuple[int, ...]) -> int:
    """Send signals to each process below this one, once each; return how many there were.

    Our own unreaped children cannot change identity. A deeper one is held by a pidfd, and then must still
    have its parent among us: so a stranger who got its number is left alone.
    """
    me = os.getpid()
    family = descendants(me)
    ours = {me, *family}
    for pid in family:
        send(pid, signals, _child_of(ours))
    return len(family)


def _child_of(family: set[int]) -> Check:
    return lambda pid: parent(pid) in family


def kill_descendants() -> None:
    """Freeze all below this process until nothing new appears, then kill it. The caller reaps and repeats."""
    me = os.getpid()
    frozen: dict[int, int] = {}
    try:
        for _ in range(_PASSES):
            fresh = [pid for pid in descendants(me) if pid not in frozen]
            if not fresh:
                break
            ours = {me, *frozen, *fresh}
            for pid in fresh:
                pidfd = _hold(pid, _child_of(ours))
                if pidfd is not None:
                    frozen[pid] = pidfd
                    _signal(pidfd, signal.SIGSTOP)
        for pidfd in frozen.values():
            _signal(pidfd, signal.SIGKILL)
    finally:
        for pidfd in frozen.values():
            os.close(pidfd)


def send(pid: int, signals: tuple[int, ...], is_it: Check) -> bool:
    """Send signals to a process if it is still the one meant: `is_it` is asked while a pidfd holds it."""
    pidfd = _hold(pid, is_it)
    if pidfd is None:
        return False
    try:
        return all(_signal(pidfd, number) for number in signals)
    finally:
        os.close(pidfd)


def _hold(pid: int, is_it: Check) -> int | None:
    """A pidfd of this process, if it is the one meant."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    if is_it(pid):
        return pidfd
    os.close(pidfd)
    return None


def _signal(pidfd: int, number: int) -> bool:
    try:
        signal.pidfd_send_signal(pidfd, number)
    except OSError:
        return False
    return True


def marked(marks: Mapping[str, str]) -> list[int]:
    """Processes that were started with all these variables in their environment, us excepted.

    Finds what is left of a killed shim. What scrubbed its environment or belongs to another user is not
    found.
    """
    wanted = _wanted(marks)
    me = os.getpid()
    return [pid for pid in _pids() if pid != me and _carries(pid, wanted)]


def end_marked(marks: Mapping[str, str], *, kill: bool) -> int:
    """Ask (or, with `kill`, make) each marked process to end; return how many were there.

    With `kill` they are looked for again until none is new, so that what forks meanwhile is caught as well.
    """
    wanted = _wanted(marks)
    signals = (signal.SIGSTOP, signal.SIGKILL) if kill else (signal.SIGTERM, signal.SIGCONT)
    done: set[tuple[int, int | None]] = set()
    for _ in range(_PASSES if kill else 1):
        fresh = [(pid, start_time(pid)) for pid in marked(marks)]
        fresh = [one for one in fresh if one not in done]
        if not fresh:
            break
        for pid, began in fresh:
            send(pid, signals, _same(began, wanted))
        done.update(fresh)
    return len(done)


def _same(began: int | None, wanted: list[bytes]) -> Check:
    return lambda pid: start_time(pid) == began and _carries(pid, wanted)


def _wanted(marks: Mapping[str, str]) -> list[bytes]:
    if not marks:
        raise ValueError("without a mark every process would be meant")
    return [os.fsencode(f"{name}={value}") for name, value in marks.items()]


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _carries(pid: int, wanted: list[bytes]) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as source:
            text = source.readall() or b""
    except OSError:
        return False
    if wanted[0] not in text:
        return False
    pairs = text.split(b"\0")
    return all(pair in pairs for pair in wanted)
