"""What one running script may take: read from its specification, and understood before anything runs.

In: the fields of a specification (`procession.executor.Job` says what each means). Out: `Limits`, plain numbers.
Always: a value that is no limit is a ValueError here, so it ends an attempt that has not started; what this process
may not have itself cannot be given to a script, so a hard limit of ours stays the limit.
"""

from __future__ import annotations

import math
import resource

OVER = ("cut", "kill")
"""What may follow when a log is larger than `log_max`."""


class Limits:
    """The limits of one attempt; None: there is none."""

    __slots__ = ("cpu_seconds", "grace", "log_max", "log_over", "memory", "open_files", "quiet", "timeout")

    def __init__(self, spec: dict[str, object]) -> None:
        self.timeout = _number(spec, "timeout", least=0)
        self.grace = _number(spec, "grace", least=0) or 0.0
        self.quiet = _number(spec, "quiet")
        self.cpu_seconds = _number(spec, "cpu_seconds")
        self.memory = _whole(spec, "memory")
        self.open_files = _whole(spec, "open_files")
        self.log_max = _whole(spec, "log_max")
        self.log_over = spec.get("log_over", "cut")
        if self.log_over not in OVER:
            raise ValueError(f"log_over is {self.log_over!r}; it must be one of {', '.join(OVER)}")

    def for_the_system(self) -> list[tuple[int, int, int]]:
        """What the kernel holds for each process: resource, soft limit, hard limit.

        Between the two limits of processor time a process has its grace: SIGXCPU comes at the first, SIGKILL at the
        second.
        """
        found = []
        if self.open_files is not None:
            found.append(_within(resource.RLIMIT_NOFILE, self.open_files, self.open_files))
        if self.cpu_seconds is not None:
            soft = math.ceil(self.cpu_seconds)
            found.append(_within(resource.RLIMIT_CPU, soft, soft + max(1, math.ceil(self.grace))))
        return found


def _within(kind: int, soft: int, hard: int) -> tuple[int, int, int]:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    return kind, soft, hard


def _number(spec: dict[str, object], name: str, least: float | None = None) -> float | None:
    value = spec.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value > 0 or value == least):
        raise ValueError(f"{name} is {value!r}; it must be a number above zero")
    return float(value)


def _whole(spec: dict[str, object], name: str) -> int | None:
    value = spec.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(f"{name} is {value!r}; it must be a whole number above zero")
    return value


def span(seconds: float) -> str:
    """A time for people, in one unit: ``10 min``, ``1.5 h``, ``90 s``."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size in (0, size / 2):
            return f"{seconds / size:g} {unit}"
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"


def size(count: float) -> str:
    """A number of bytes for people: ``2.3 GB``, ``64 MB`` (powers of 1000)."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.3g} {unit}"
    return f"{count:.0f} B"
