"""Copy what a processing has made to where it is wanted: the script of a hidden last step.

    python -I deliver.py --to DIR [--extra DIR]... [--base DIR] [--overwrite] [--optional PATTERN]... [PATTERN]...

*In:* patterns below the working directory (``*``, ``?``, ``[...]`` within a name, ``**`` for directories; a name that
begins with a dot is meant only where the pattern has the dot). *Out:* the same paths below each destination, the extra
ones first; ``files``, ``bytes`` and ``to`` as outputs. *Always:* a reader sees a whole file or none; killed at any
moment and started again the result is the same; what is there with other content is never replaced unless told.

Exit codes: 0 all is there · 75 this machine or a disk said no, try again · 1 anything else; the last line says why.

Standard library only, Python 3.8 or newer, and one file, for it runs as an ordinary script; `reducer.py` copies by it.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import json
import os
import re
import signal
import stat
import sys
import time
from dataclasses import dataclass, field
from typing import Collection, Iterator

SOFT = 75
CHUNK = 4 << 20
HARD = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})
"""Refusals of the system that no waiting mends."""
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What a file system answers that has no hard links."""


class Refused(Exception):
    """It cannot be delivered, however often it is tried; the text says why."""


class Changed(Exception):
    """A file changed while it was copied; it may be quiet the next time."""


@dataclass(frozen=True)
class File:
    """One file to deliver."""

    name: str
    """Its path below the working directory, and below every destination."""
    source: str
    """Where it really is, links followed."""
    size: int


@dataclass
class Plan:
    """All that is to be delivered, in the order of names; directories also where nothing is in them."""

    base: str
    """The working directory, links followed: nothing outside of it is delivered."""
    files: dict[str, File] = field(default_factory=dict)
    directories: dict[str, None] = field(default_factory=dict)

    def add(self, name: str, within: tuple[str, ...] = ()) -> None:
        """Take in a file, or a directory with all that is in it; `within` are the real directories that led here."""
        source = os.path.realpath(os.path.join(self.base, name))
        if source != self.base and not source.startswith(self.base.rstrip("/") + "/"):
            raise Refused(f"{name} is a link that leads out of {self.base}, to {source}: copy the file itself there")
        try:
            seen = os.stat(source)
        except FileNotFoundError:
            raise Refused(f"{name} is a link to nothing: remove it, or make what it leads to") from None
        if stat.S_ISREG(seen.st_mode):
            self.files[name] = File(name, source, seen.st_size)
        elif not stat.S_ISDIR(seen.st_mode):
            raise Refused(f"{name} is neither a file nor a directory, so it cannot be copied: leave it out")
        elif source in within:
            raise Refused(f"{name} is a link to a directory that it lies in, so it would be copied without end")
        else:
            self.directories[name] = None
            for inner in sorted(os.listdir(source)):
                self.add(f"{name}/{inner}", (*within, source))


# ── what is meant ──────────────────────────────────────────────────────────────────────────────────


def find(base: str, patterns: list[str], optional: list[str]) -> Plan:
    """What the patterns mean; Refused where one that is not optional means nothing, or one leads out of `base`."""
    names = sorted(_names(base, ""))
    chosen: set[str] = set()
    for pattern in (*patterns, *optional):
        accepts = _accepts(pattern)
        found = [name for name in names if accepts.fullmatch(name)]
        if not found and pattern in patterns:
            raise Refused(
                f"nothing matches {pattern!r} in {base}: the steps before have left no such file; "
                "correct the pattern, or make it optional"
            )
        chosen.update(found)
    plan = Plan(os.path.realpath(base))
    for name in sorted(chosen):
        plan.add(name)
    return plan


def _names(base: str, below: str) -> Iterator[str]:
    """Every path below; links to directories are not entered."""
    with os.scandir(os.path.join(base, below)) as entries:
        for entry in entries:
            yield below + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _names(base, f"{below}{entry.name}/")


_TOKEN = re.compile(r"\*+|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def _accepts(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern; Refused if it leads out of the working directory."""
    steps = [step for step in pattern.split("/") if step not in ("", ".")]
    if pattern.startswith("/") or ".." in steps or not steps:
        raise Refused(f"{pattern!r} is no pattern below the working directory; write e.g. '*.tif' or 'out/**'")
    if steps[-1] == "**":
        steps.append("*")
    text = ""
    for step in steps[:-1]:
        text += r"(?:(?!\.)[^/]+/)*" if step == "**" else _name(step, pattern) + "/"
    try:
        return re.compile(text + _name(steps[-1], pattern), re.DOTALL)
    except re.error:
        raise Refused(f"{pattern!r} has [...] that is no set of characters") from None


def _name(step: str, pattern: str) -> str:
    text = "" if step.startswith(".") else r"(?!\.)"
    for token in _TOKEN.findall(step):
        if token == "*":  # noqa: S105  a star is no password
            text += "[^/]*"
        elif token == "?":  # noqa: S105
            text += "[^/]"
        elif token.startswith("*"):
            raise Refused(f"{pattern!r} has ** within a name; it stands alone between slashes")
        elif len(token) > 1:
            but = token[1] == "!"
            inside = re.sub(r"([\\^\[\]&~|])", r"\\\1", token[2:-1] if but else token[1:-1])
            text += f"[{'^/' if but else ''}{inside}]"
        else:
            text += re.escape(token)
    return text


# ── one destination ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Mark:
    """How files on their way are called: nobody else's begin so, and no two processes' are the same."""

    step: str
    """Begins the names of all attempts of this step."""
    process: str

    def beside(self, target: str) -> str:
        """The name of a file on its way to `target`."""
        directory, name = os.path.split(target)
        return os.path.join(directory, self.process + hashlib.sha256(os.fsencode(name)).hexdigest()[:16])


def mark() -> Mark:
    """The mark of this attempt; by hand, of this process."""
    key = os.environ.get("PROCESSION_KEY") or f"by-hand-{os.getpid()}"
    step = f".procession-{key}-"
    return Mark(step, f"{step}{os.environ.get('PROCESSION_ATTEMPT', '0')}-{os.getpid()}-")


def prepare(to: str, plan: Plan, own: Mark) -> set[str]:
    """Make the directories below a destination, and clear in them what a killed attempt of this step has left.

    Returns the directories, so that they can be synced when all is in them.
    """
    made = {to} | {os.path.dirname(os.path.join(to, name)) for name in plan.files}
    made |= {os.path.join(to, name) for name in plan.directories}
    for directory in sorted(made):
        make(directory)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), directory)
        for name in os.listdir(directory):
            if name.startswith(own.step):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(directory, name))
    return made


def missing(to: str, plan: Plan, overwrite: bool, ours: Collection[str] = ()) -> list[File]:
    """The files that are not there yet; Refused if one is there with other content and may not be replaced.

    `ours` are paths of files that this very step has put there before: they may be.
    """
    found = []
    for file in plan.files.values():
        target = os.path.join(to, file.name)
        if _same(file, target):
            print(f"{target} is there already")
        elif os.path.isdir(target):
            raise Refused(f"{target} is a directory, so a file cannot take its place: remove it, or deliver elsewhere")
        elif os.path.lexists(target) and not overwrite and target not in ours:
            raise Refused(f"{target} is there with other content: remove it, deliver elsewhere, or allow to overwrite")
        else:
            found.append(file)
    return found


def copy(file: File, to: str, own: Mark, overwrite: bool, tell: Tell) -> None:
    """Copy one file: under another name first, synced, then in its place at once."""
    target = os.path.join(to, file.name)
    beside = own.beside(target)
    try:
        with open(file.source, "rb", buffering=0, opener=_no_link) as source:
            before = os.fstat(source.fileno())
            mode = stat.S_IMODE(before.st_mode) & 0o777
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(beside, flags, mode)
            with open(descriptor, "wb", buffering=0) as sink:
                buffer = memoryview(bytearray(CHUNK))
                while count := source.readinto(buffer):
                    done = 0
                    while done < count:
                        done += sink.write(buffer[done:count])
                    tell.progress(count, file.name)
                after = os.fstat(source.fileno())
                os.utime(descriptor, ns=(before.st_atime_ns, before.st_mtime_ns))
                os.fsync(descriptor)
                size = os.fstat(descriptor).st_size
        if not size == file.size == after.st_size or before.st_mtime_ns != after.st_mtime_ns:
            raise Changed(f"{file.name} changed while it was copied: is something still writing it?")
        _put(beside, target, file, overwrite)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
    print(f"{target}: {file.size} bytes")


def _put(beside: str, target: str, file: File, overwrite: bool) -> None:
    """Into its place; what somebody else has put there meanwhile is not replaced unlooked at."""
    if overwrite:
        os.rename(beside, target)
        return
    try:
        os.link(beside, target)
    except FileExistsError:
        if not _same(file, target):
            raise Refused(f"{target} was put there by somebody else at this moment, with other content") from None
    except OSError as error:
        if error.errno not in NO_LINKS or os.path.lexists(target):
            raise
        os.rename(beside, target)


def _same(file: File, target: str) -> bool:
    """Whether the target is a file with the same content."""
    try:
        if not os.path.isfile(target) or os.path.getsize(target) != file.size:
            return False
        with open(file.source, "rb") as one, open(target, "rb") as other:
            while chunk := one.read(CHUNK):
                if chunk != other.read(CHUNK):
                    return False
    except FileNotFoundError:
        return False
    return True


def make(directory: str) -> None:
    """Make a directory and those above it, so that they survive a power cut."""
    if os.path.isdir(directory):
        return
    above = os.path.dirname(directory)
    make(above)
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory)
    sync(above)


def sync(directory: str) -> None:
    """Make the names in a directory last."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


# ── all of it ──────────────────────────────────────────────────────────────────────────────────────


class Tell:
    """Says how far it is, once a second."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.told = time.monotonic()

    def progress(self, count: int, name: str) -> None:
        """So many bytes more are copied."""
        self.done += count
        if time.monotonic() - self.told >= 1 or self.done >= self.total:
            self.told = time.monotonic()
            share = min(self.done / self.total, 1.0)
            with contextlib.suppress(OSError):
                append("PROGRESS", f"{share:.3f} {' '.join(name.split())}")


def append(variable: str, line: str) -> None:
    """Add a line to one of the attempt's files, if there is one."""
    if path := os.environ.get(f"PROCESSION_{variable}"):
        with open(path, "ab", buffering=0) as file:
            file.write(os.fsencode(line + "\n"))


def check_destination(path: str) -> None:
    """The path was made from values of an event; none of them may lead out of where the task file sends results."""
    if ".." in path.split("/"):
        raise Refused(f"the destination {path} has .. in it, from a value of the event: correct the value")


def deliver(options: argparse.Namespace) -> None:
    """Everything, to every destination: all is looked at before the first byte is copied."""
    base = os.path.abspath(options.base)
    for place in (*options.extra, options.to):
        check_destination(place)
    plan = find(base, options.patterns, options.optional)
    own = mark()
    places = [os.path.abspath(place) for place in (*options.extra, options.to)]
    for place in places:
        if f"{os.path.realpath(place)}/".startswith(plan.base.rstrip("/") + "/"):
            raise Refused(f"{place} lies in the working directory {base}: deliver to a place outside of it")
    prepared = [(place, prepare(place, plan, own)) for place in places]
    wanted = [(place, made, missing(place, plan, options.overwrite)) for place, made in prepared]
    tell = Tell(sum(file.size for _, _, files in wanted for file in files))
    for place, made, files in wanted:
        for file in files:
            copy(file, place, own, options.overwrite, tell)
        for directory in sorted(made):
            sync(directory)
    size = sum(file.size for file in plan.files.values())
    append("OUTPUT", json.dumps({"files": len(plan.files), "bytes": size, "to": places[-1]}))
    count = len(plan.files)
    print(f"{count} {'file' if count == 1 else 'files'}, {size} bytes, in {places[-1]}")


def main() -> int:
    """Deliver, and say how it went by exit code and last line."""
    parser = argparse.ArgumentParser(description="Copy results, whole or not at all.")
    parser.add_argument("--to", required=True, metavar="DIR")
    parser.add_argument("--extra", action="append", default=[], metavar="DIR")
    parser.add_argument("--base", default=".", metavar="DIR")
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--optional", action="append", default=[], metavar="PATTERN")
    parser.add_argument("patterns", nargs="*", metavar="PATTERN")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that nothing half is left
    try:
        deliver(options)
    except Refused as problem:
        return _last(1, str(problem))
    except Changed as problem:
        return _last(SOFT, str(problem))
    except OSError as problem:
        where = f"{os.fsdecode(problem.filename)}: " if problem.filename else ""
        return _last(1 if problem.errno in HARD else SOFT, f"{where}{problem.strerror or problem}")
    return 0


def _last(code: int, text: str) -> int:
    sys.stdout.flush()
    print(" ".join(text.split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names that are not UTF-8
    sys.exit(main())
