"""What this host has to offer, where the file does not say it."""

from __future__ import annotations

import os
from pathlib import Path


def available_cpus() -> float:
    """Processors that this process may use: its affinity, or its control group's quota if that is less."""
    processors = float(len(os.sched_getaffinity(0)))
    return min([processors, *_quotas()])


def available_memory(meminfo: str = "/proc/meminfo") -> int | None:
    """Bytes that this process and its children may take: the machine's, or its control group's if that is less."""
    try:
        lines = Path(meminfo).read_text().splitlines()
        total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    except (OSError, StopIteration, ValueError):
        return None
    return min([total, *_memory_limits()])


def _memory_limits(membership: str = "/proc/self/cgroup", mount: str = "/sys/fs/cgroup") -> list[int]:
    """The limits of our control group and of all around it, in bytes (version 2 only)."""
    return [int(text) for text in _group_texts("memory.max", membership, mount) if text.strip().isdigit()]


def _quotas(membership: str = "/proc/self/cgroup", mount: str = "/sys/fs/cgroup") -> list[float]:
    """The quotas of our control group and of all around it, in processors (version 2 only)."""
    quotas = []
    for text in _group_texts("cpu.max", membership, mount):
        quota, _, period = text.strip().partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    return [quota for quota in quotas if quota > 0]


def _group_texts(name: str, membership: str, mount: str) -> list[str]:
    """What the files of this name say, of our control group and of all around it."""
    found = []
    try:
        lines = Path(membership).read_text().splitlines()
        group = next(line[3:] for line in lines if line.startswith("0::"))
        inside = Path(mount) / group.lstrip("/")
        for directory in (inside, *inside.parents):
            if not directory.is_relative_to(mount):
                break
            if (directory / name).exists():
                found.append((directory / name).read_text())
    except (OSError, StopIteration):
        pass
    return found
