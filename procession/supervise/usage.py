"""Usage: the memory and the processor time that a whole tree takes now, and what follows where it may not.

In: the processes below this one. Out: bytes and seconds; a verdict for the `guard`.
Always: memory that is shared within the tree counts once, and pages of mapped files not at all, for the kernel takes
them back by itself. Processes that another user owns are measured by what everybody may see. Linux `/proc`.
"""

from __future__ import annotations

import os

from procession.supervise.limits import size, span
from procession.supervise.process import descendants, stat_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from procession.supervise.guard import Verdict
    from procession.supervise.tree import Tree

_SELDOM = 0.25
"""Seconds between two looks at the memory of a tree that does not grow."""
_OFTEN = 0.02
"""Seconds between two looks at one that is close to its limit."""
_TICKS = os.sysconf("SC_CLK_TCK")
_RESIDENT = (b"RssAnon:", b"RssShmem:", b"VmSwap:")
_SHARE = (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")


class Memory:
    """Ends a tree that takes more memory than it may."""

    def __init__(self, limit: int, started: float) -> None:
        self._limit = limit
        self._at = started
        self._last = 0
        self.peak = 0
        """The largest number of bytes that was seen."""
        self.due = started + _SELDOM / 2

    def look(self, now: float) -> Verdict | None:
        """Measure, and come back sooner the faster it grows towards its limit."""
        taken = tree_memory(self._limit)
        grown, passed = taken - self._last, max(now - self._at, 1e-3)
        self._last, self._at = taken, now
        self.peak = max(self.peak, taken)
        left = (self._limit - taken) / 2 / (grown / passed) if grown > 0 else _SELDOM
        self.due = now + max(_OFTEN, min(_SELDOM, left))
        if taken <= self._limit:
            return None
        return "memory", f"memory: the tree took {size(taken)}, it may take {size(self._limit)}"


class Processor:
    """Ends a tree that has used more processor time than it may, all processes and those that ended counted."""

    def __init__(self, limit: float, tree: Tree, started: float) -> None:
        self._limit = limit
        self._tree = tree
        self._processors = len(os.sched_getaffinity(0))
        self.due = started
        self._wait(started, 0.0)

    def look(self, now: float) -> Verdict | None:
        """Measure, and come back when so much can have been used that it matters."""
        used = self._tree.cpu + tree_cpu()
        self._wait(now, used)
        return ("cpu", spent(used, self._limit)) if used >= self._limit else None

    def _wait(self, now: float, used: float) -> None:
        self.due = now + max(_OFTEN, (self._limit - used) / self._processors)


def spent(used: float, limit: float) -> str:
    """The reason for an end by processor time."""
    return f"cpu: the tree used {span(used)} of processor time, it may use {span(limit)}"


def tree_memory(worth: int) -> int:
    """Bytes that all processes below this one take. What is shared is divided only if it may be `worth` it: the
    exact measure makes the kernel walk through all pages."""
    pids = descendants(os.getpid())
    taken = sum(_memory(f"/proc/{pid}/status", _RESIDENT) or 0 for pid in pids)
    if taken <= worth:
        return taken
    total = 0
    for pid in pids:
        share = _memory(f"/proc/{pid}/smaps_rollup", _SHARE)
        total += _memory(f"/proc/{pid}/status", _RESIDENT) or 0 if share is None else share
    return total


def _memory(path: str, names: tuple[bytes, ...]) -> int | None:
    """The sum of these fields, in bytes; None: it cannot be read, or does not have them."""
    try:
        with open(path, "rb", buffering=0) as source:
            lines = (source.readall() or b"").split(b"\n")
    except OSError:
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith(names)]
    return sum(found) * 1024 if found else None


def tree_cpu() -> float:
    """Seconds of processor that all processes below this one have used, with the children that they have reaped.

    Parents are read before their children, so what ends meanwhile may be missed once, never counted twice.
    """
    ticks = 0
    for pid in descendants(os.getpid()):
        try:
            ticks += sum(map(int, stat_fields(pid)[11:15]))
        except (OSError, ValueError):
            continue
    return ticks / _TICKS
