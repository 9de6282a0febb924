"""What this host has to offer, where the file does not say it."""

from __future__ import annotations

import os
from pathlib import Path


def available_cpus() -> float:
    """Processors that this process may use: its affinity, or its control group's quota if that is less."""
    processors = float(len(os.sched_getaffinity(0)))
    return min([processors, *_quotas()])


def _quotas(membership: str = "/proc/self/cgroup", mount: str = "/sys/fs/cgroup") -> list[float]:
    """The quotas of our control group and of all around it, in processors (version 2 only)."""
    quotas = []
    try:
        lines = Path(membership).read_text().splitlines()
        group = next(line[3:] for line in lines if line.startswith("0::"))
        inside = Path(mount) / group.lstrip("/")
        for directory in (inside, *inside.parents):
            if not directory.is_relative_to(mount):
                break
            limit = directory / "cpu.max"
            if limit.exists():
                quota, period = limit.read_text().split()
                if quota != "max":
                    quotas.append(int(quota) / int(period))
    except (OSError, StopIteration, ValueError):
        pass
    return [quota for quota in quotas if quota > 0]
