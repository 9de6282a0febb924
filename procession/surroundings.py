"""What an attempt is started in: interpreter, packages, commit, inputs; written down at the claim (N10).

In: the program of a step, the parameters of its event. Out: JSON for the row of the attempt. Always: nothing is
executed for it and no content is read that was read before: what is known of an interpreter holds as long as its
directories of packages do not change. What cannot be found out is left out. Whether the working tree of the commit was
changed is not known: the texts of the scripts are kept beside it by their hash. An input outside the project's
directory is looked at only on a local disk: a network file system that hangs would hold up every claim.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_INPUTS = 20
LOCAL = frozenset(
    {"bcachefs", "btrfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "jfs", "ntfs3", "overlay",
     "ramfs", "reiserfs", "squashfs", "tmpfs", "udf", "vfat", "xfs", "zfs"}
)  # fmt: skip
"""Kinds of file systems that answer at once; any other one may wait for a network."""
MOUNTS_FOR = 10.0
"""Seconds for which the table of mounts is believed."""
_PYTHON = re.compile(r"python(\d+(\.\d+)?)?")
_DISTRIBUTION = re.compile(r"(.+?)-([^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info")

Keep = Callable[[bytes], str]
"""Keeps a text and returns its hash."""

_interpreters: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
_mounted: tuple[float, list[tuple[str, str]]] | None = None
_commits: dict[str, tuple[tuple[Any, ...], str | None]] = {}


class Look:
    """One look at the surroundings: everything is looked at once at most, so that a batch of claims costs one."""

    def __init__(self, root: str, keep: Keep) -> None:
        self._root = root
        self._keep = keep
        self._shared: dict[str, tuple[dict[str, Any], str]] = {}

    def at(self, program: str, params: Mapping[str, Any]) -> str:
        """What is around an attempt of this program, as JSON."""
        shared = self._shared.get(program)
        if shared is None:
            shared = self._shared[program] = self._around(program)
        inputs = inputs_of(self._root, params) if params else None
        return json.dumps({**shared[0], "inputs": inputs}, ensure_ascii=False) if inputs else shared[1]

    def _around(self, program: str) -> tuple[dict[str, Any], str]:
        found = dict(interpreter(program, self._keep))
        if head := commit(self._root):
            found["commit"] = head
        return found, json.dumps(found, ensure_ascii=False)


def inputs_of(root: str, params: Mapping[str, Any]) -> dict[str, list[int]]:
    """Parameter → size and moment of change (microseconds) of the file that it names, if it names one."""
    found: dict[str, list[int]] = {}
    for name, value in params.items():
        if not isinstance(value, str) or not ("/" in value or "." in value) or len(value) > 4096:
            continue
        path = os.path.normpath(os.path.join(root, value))  # noqa: PTH118  on the hot path
        if not (path.startswith(f"{root}/") or is_local(path)):
            continue
        try:
            stat = os.stat(path)  # noqa: PTH116
        except (OSError, ValueError):
            continue
        found[name] = [stat.st_size, stat.st_mtime_ns // 1000]
        if len(found) == MOST_INPUTS:
            break
    return found


def is_local(path: str, mounts: Callable[[], list[tuple[str, str]]] | None = None) -> bool:
    """Is this absolute path on a local disk, as far as the table of mounts says? Nothing is asked of the disk itself.

    `mounts` gives mount points and their kinds, later ones above earlier ones.
    """
    best, kind = "", ""
    for mount, each in (mounts or _mounts)():
        if (path == mount or path.startswith(mount.rstrip("/") + "/")) and len(mount) >= len(best):
            best, kind = mount, each
    return kind in LOCAL


def _mounts() -> list[tuple[str, str]]:
    """The table of mounts (proc(5)), read again after `MOUNTS_FOR`."""
    global _mounted  # noqa: PLW0603
    if _mounted is None or time.monotonic() - _mounted[0] > MOUNTS_FOR:
        found = []
        with suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as table:
            for line in table:
                before, _, after = line.partition(" - ")
                fields = before.split(" ")
                if len(fields) > 4 and after:
                    found.append((fields[4].replace("\\040", " "), after.split(" ")[0]))
        _mounted = time.monotonic(), found
    return _mounted[1]


# ── interpreters ───────────────────────────────────────────────────────────────────────────────────


def interpreter(program: str, keep: Keep) -> dict[str, Any]:
    """Which program it is, and of a Python its version and the hash of the list of its packages."""
    if not _PYTHON.fullmatch(os.path.basename(program)):  # noqa: PTH119  on the hot path
        return {"interpreter": program, "changed": _stamp(program)}
    prefix = os.path.dirname(os.path.dirname(program))  # noqa: PTH120
    known = _interpreters.get(program)
    if known is not None and known[0] == _stamps(program, known[1]["places"]):
        return _without_places(known[1])
    places = [str(path) for path in _places(Path(prefix))]
    found: dict[str, Any] = {"interpreter": program, "version": version(program, prefix), "places": places}
    stamps = _stamps(program, places)
    found["packages"] = keep("".join(f"{line}\n" for line in packages(places)).encode())
    _interpreters[program] = (stamps, found)
    return _without_places(found)


def _without_places(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "places"}


def _places(prefix: Path) -> list[Path]:
    """Where this Python looks for what was installed."""
    return sorted(
        path
        for pattern in ("lib/python3*/site-packages", "lib/python3*/dist-packages", "local/lib/python3*/dist-packages")
        for path in prefix.glob(pattern)
    )


def packages(places: list[str]) -> list[str]:
    """Names and versions of everything that is installed there, sorted."""
    found: set[str] = set()
    for place in places:
        try:
            names = os.listdir(place)  # noqa: PTH208
        except OSError:
            continue
        found.update(f"{match[1]} {match[2]}" for name in names if (match := _DISTRIBUTION.fullmatch(name)))
    return sorted(found)


def version(program: str, prefix: str) -> str | None:
    """Of a Python, without asking it: what its environment says, else what it is called."""
    try:
        text = Path(prefix, "pyvenv.cfg").read_text("utf-8", "replace")
        if match := re.search(r"^version(?:_info)?\s*=\s*(\d+(?:\.\d+)*)", text, re.MULTILINE):
            return match[1]
    except OSError:
        pass
    match = re.search(r"python(\d+\.\d+)", os.path.realpath(program))
    return match[1] if match else None


def _stamp(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns // 1000  # noqa: PTH116
    except OSError:
        return None


def _stamps(program: str, places: list[str]) -> tuple[Any, ...]:
    return (_stamp(program), *((place, _stamp(place)) for place in places))


# ── the commit ─────────────────────────────────────────────────────────────────────────────────────


def commit(root: str) -> str | None:
    """The commit that the project's directory is at, if Git looks after it."""
    known = _commits.get(root)
    if known is not None and known[0] == tuple((path, _stamp(path)) for path, _ in known[0]):
        return known[1]
    watched, found = _find_commit(root)
    _commits[root] = (tuple((path, _stamp(path)) for path in watched), found)
    return found


def _find_commit(root: str) -> tuple[list[str], str | None]:
    """The commit, and the paths that change when it does."""
    directory = _git(Path(root))
    if directory is None:
        return [root], None
    common = directory
    try:
        if (directory / "commondir").exists():  # a worktree
            common = directory / (directory / "commondir").read_text().strip()
        head = (directory / "HEAD").read_text().strip()
    except OSError:
        return [root, str(directory)], None
    watched = [str(directory / "HEAD")]
    if not head.startswith("ref: "):
        return watched, head or None
    name = head[5:]
    return [*watched, str(common / name), str(common / "packed-refs")], _reference(common, name)


def _git(root: Path) -> Path | None:
    for place in (root, *root.parents):
        found = place / ".git"
        if found.is_dir():
            return found
        if found.is_file():
            try:
                target = found.read_text().partition("gitdir:")[2].strip()
            except OSError:
                return None
            return place / target if target else None
    return None


def _reference(common: Path, name: str) -> str | None:
    try:
        return (common / name).read_text().strip()
    except OSError:
        pass
    try:
        lines = (common / "packed-refs").read_text().splitlines()
    except OSError:
        return None
    return next((line.split()[0] for line in lines if line.endswith(f" {name}") and not line.startswith("#")), None)
