"""The memory of a tree held by the kernel, where this process was given control groups (cgroup v2, delegated).

In: the group in which the launcher runs. Out: a group for one attempt, with its limit.
Always: only a group that was given to us is used: systemd says so of it (``Delegate=yes`` with ``DelegateSubgroup=``),
or it is writable for an ordinary user. Where there is none, the tree is watched instead (`usage`). Groups are named by
their shim, so that a new forge can remove what a killed shim has left.
"""

from __future__ import annotations

import os

_PREFIX = "procession-"


def delegated() -> str | None:
    """The directory in which groups with a memory limit may be made; None: there is none."""
    try:
        parent = os.path.dirname(_own())
        if not _is_given(parent) or not os.access(f"{parent}/cgroup.procs", os.W_OK):
            return None
        with open(f"{parent}/cgroup.subtree_control", "r+", encoding="ascii") as control:
            if "memory" not in control.read().split():
                control.write("+memory")
    except OSError:
        return None
    _sweep(parent)
    return parent


def _own() -> str:
    """The directory of our own group. OSError: there is no cgroup v2."""
    with open("/proc/self/cgroup", encoding="utf-8") as source:
        path = next((line.rstrip("\n")[3:] for line in source if line.startswith("0::")), None)
    with open("/proc/self/mountinfo", encoding="utf-8") as source:
        mounts = [line.split() for line in source if " - cgroup2 " in line]
    if path in (None, "/") or not mounts:
        raise FileNotFoundError(path)
    return f"{mounts[0][4]}{path}"


def _is_given(group: str) -> bool:
    for name in ("user.delegate", "trusted.delegate"):
        try:
            return os.getxattr(group, name) == b"1"
        except OSError:
            continue
    return os.geteuid() != 0 and os.access(group, os.W_OK)  # to root everything is writable


def _sweep(parent: str) -> None:
    """Remove the groups of shims that are gone. One that still holds a process stays: the kernel sees to that."""
    for name in os.listdir(parent):
        shim = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and shim.isdigit() and not os.path.exists(f"/proc/{shim}"):
            _remove(f"{parent}/{name}")


def _remove(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError:
        return


class Group:
    """The group of one attempt: whatever its tree takes together, the kernel ends it whole at the limit."""

    def __init__(self, parent: str, limit: int) -> None:
        self._path = f"{parent}/{_PREFIX}{os.getpid()}"
        os.mkdir(self._path)
        try:
            self._write("memory.max", limit)
            self._write("memory.oom.group", 1)
            if os.path.exists(f"{self._path}/memory.swap.max"):
                self._write("memory.swap.max", 0)
        except OSError:
            self.remove()
            raise

    def _write(self, name: str, value: int) -> None:
        with open(f"{self._path}/{name}", "w", encoding="ascii") as target:
            target.write(str(value))

    def enter(self) -> None:
        """Put the calling process into it, and so all that it starts."""
        self._write("cgroup.procs", os.getpid())

    def has_killed(self) -> bool:
        """Has the kernel ended a process of it because of its memory?"""
        try:
            with open(f"{self._path}/memory.events", encoding="ascii") as source:
                events = dict(line.split() for line in source)
        except (OSError, ValueError):
            return False
        return events.get("oom_kill", "0") != "0"

    def peak(self) -> int | None:
        """The most bytes it took; None: this kernel does not tell."""
        try:
            with open(f"{self._path}/memory.peak", encoding="ascii") as source:
                return int(source.read())
        except (OSError, ValueError):
            return None

    def remove(self) -> None:
        """Once no process is left in it."""
        _remove(self._path)


def group(parent: str | None, limit: int | None) -> Group | None:
    """A group for an attempt with this limit; None: it has none, or the kernel makes none for us."""
    if parent is None or limit is None:
        return None
    try:
        return Group(parent, limit)
    except OSError:
        return None
