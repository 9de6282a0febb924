"""Look after look: what has arrived since, and what of it is complete.

*In:* a `Pattern`, how long a file must have been quiet, and looks at moments of a clock that does not jump. *Out:* a
`Scan`. *Always:* a file is ready only if two looks, `quiet` seconds apart, saw the same file with the same size and
time, and nobody that we may see has it open for writing. It is told again at each look until `taken` says that it is
safe elsewhere.

What costs little: a directory whose time has not changed is not read again; what was taken is not asked again. As a
file system's clock is coarse, a directory is read once more when it has been quiet for `_GRAIN`; as files can be
rewritten in place, and network file systems forget to tell, everything is read again every `reconcile` seconds.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from procession.units import duration
from procession.watch.pattern import Pattern
from procession.watch.scan import Found, Scan
from procession.watch.tree import Stamp, Unfinished, stamp_of
from procession.watch.writers import writers

_GRAIN = 2.0
"""Seconds that the coarsest clock of a file system takes for one step (FAT)."""


@dataclass(slots=True)
class _Sight:
    """What was seen of something that was not taken yet."""

    parts: Mapping[str, str]
    inode: int
    """Of the directory's entry, which is the link where it is one."""
    stamp: Stamp | None = None
    since: float = 0.0
    """The look that first saw this stamp."""


@dataclass(slots=True)
class _Place:
    """What is remembered of one directory."""

    below: str
    """Its path below the start, with a slash at its end; nothing for the start."""
    places: frozenset[int]
    round: int
    """Of reading everything again: which of them it has had."""
    mtime: int = -1
    since: float = 0.0
    """The look that first saw this time of it."""
    read: float | None = None
    """The look that last read it."""
    inside: dict[str, frozenset[int]] = field(default_factory=dict)
    """Directories in it that are looked into."""
    sights: dict[str, _Sight] = field(default_factory=dict)
    taken: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Name → inode of the entry, size, time."""


class Watch:
    """One pattern, watched. Not for two threads at once; `scan` may run in another than `taken`, one after the other.

    `quiet` seconds without a change make a file complete. Files without a byte are complete only if `empty` says so.
    One look tells at most `most`.
    """

    def __init__(
        self, pattern: Pattern, quiet: float = 5.0, *, empty: bool = False, reconcile: float = 600.0, most: int = 1000
    ) -> None:
        self.pattern = pattern
        self.quiet = quiet
        self.empty = empty
        self.reconcile = reconcile
        self.most = most
        self._places: dict[str, _Place] = {}
        self._reconciled: float | None = None
        self._round = 0

    def scan(self, now: float) -> Scan:
        """Look; `now` is the moment by a clock that does not jump, in seconds. Blocks on the file system."""
        scan = Scan()
        if self._reconciled is None or not 0 <= now - self._reconciled < self.reconcile:
            self._reconciled, self._round = now, self._round + 1
        ready: list[tuple[_Place, str, Found]] = []
        open_, seen = [("", frozenset({0}))], set()
        while open_ and not scan.more:
            below, places = open_.pop()
            seen.add(below)
            place = self._places.setdefault(below, _Place(below, places, self._round))
            if not self._refresh(place, now, scan):
                seen.discard(below)
                continue
            open_ += [(f"{below}{name}/", after) for name, after in place.inside.items()]
            self._observe(place, now, scan, ready)
        if not scan.more:
            self._places = {below: place for below, place in self._places.items() if below in seen}
        self._tell(ready, now, scan)
        return scan

    def taken(self, found: Iterable[Found]) -> None:
        """These are safe elsewhere: they are not told again unless they change."""
        for one in found:
            below = one.directory.removeprefix(self.pattern.start).lstrip("/")
            place = self._places.get(f"{below}/" if below else "")
            sight = place.sights.pop(one.name, None) if place else None
            if place and sight and sight.stamp:
                place.taken[one.name] = (sight.inode, *sight.stamp.outer)

    # ── directories ────────────────────────────────────────────────────────────────────────────────

    def _refresh(self, place: _Place, now: float, scan: Scan) -> bool:
        """Read the directory again if it may have changed; False if there is none."""
        path = self._path(place)
        try:
            mtime = os.stat(path).st_mtime_ns
            if mtime != place.mtime or now < place.since:
                place.mtime, place.since, place.read = mtime, now, None
            full = place.round != self._round
            if full or place.read is None or place.read - place.since < _GRAIN <= now - place.since:
                self._read(place, path, full, scan)
                place.read, place.round = now, self._round
        except FileNotFoundError:
            if not place.below:
                scan.problem(f"{path} does not exist: nothing can arrive in it; make it, or correct the pattern")
            return False
        except OSError as error:
            place.mtime = -1
            scan.problem(
                f"{_shown(path)} cannot be read ({error.strerror}): what arrives in it is not seen; "
                "give the launcher's user the right to read and enter it",
            )
        return True

    def _read(self, place: _Place, path: str, full: bool, scan: Scan) -> None:
        """Take in what the directory has now; what is no longer there is forgotten."""
        pattern = self.pattern
        final, inner = pattern.final(place.places), pattern.inner(place.places)
        inside: dict[str, frozenset[int]] = {}
        sights: dict[str, _Sight] = {}
        taken: dict[str, tuple[int, int, int]] = {}
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if final and pattern.accepts(final, name):
                    known = place.taken.get(name)
                    if known and known[0] == entry.inode() and not (full and _outer(entry) != known[1:]):
                        taken[name] = known
                    elif sight := self._sight(place, entry, scan):
                        sights[name] = sight
                if inner and _is_directory(entry) and (after := pattern.after(place.places, name, entry.is_symlink())):
                    if _is_text(name):
                        inside[name] = after
                    else:
                        _unreadable_name(entry.path, scan)
        place.inside, place.sights, place.taken = inside, sights, taken

    def _sight(self, place: _Place, entry: os.DirEntry[str], scan: Scan) -> _Sight | None:
        """What is remembered of an entry that the pattern means, if it is of the right kind."""
        known = place.sights.get(entry.name)
        if known and known.inode == entry.inode():
            return known
        match = self.pattern.whole.fullmatch(place.below + entry.name)
        if not match or not _may_be(entry, self.pattern.directories):
            return None
        if not _is_text(entry.name):
            _unreadable_name(entry.path, scan)
            return None
        return _Sight(match.groupdict(), entry.inode())

    def _path(self, place: _Place) -> str:
        return f"{self.pattern.start.rstrip('/')}/{place.below}".rstrip("/") or "/"

    # ── what has arrived ───────────────────────────────────────────────────────────────────────────

    def _observe(self, place: _Place, now: float, scan: Scan, ready: list[tuple[_Place, str, Found]]) -> None:
        """Look at each that was not taken yet; those that have been quiet long enough are added to `ready`."""
        directory = self._path(place)
        for name, sight in list(place.sights.items()):
            if len(ready) >= self.most:
                scan.more = True
                return
            path = f"{directory.rstrip('/')}/{name}"
            try:
                stamp = stamp_of(path, self.pattern)
            except Unfinished as reason:
                sight.stamp = None
                scan.grows(path, str(reason), now + self.quiet)
                continue
            except FileNotFoundError:
                del place.sights[name]
                continue
            except OSError as error:
                scan.problem(f"{_shown(path)} cannot be looked at ({error.strerror}): it is not taken")
                continue
            if sight.stamp != stamp or now < sight.since:
                sight.stamp, sight.since = stamp, now
            if sight.since == now or now - sight.since < self.quiet:
                scan.grows(path, f"it must be quiet for {duration(self.quiet)}", sight.since + self.quiet)
            elif not stamp.size and not self.empty:
                scan.grows(path, "it is empty", now + self.quiet)
            else:
                stem = name if self.pattern.directories else os.path.splitext(name)[0]
                found = Found(path, name, stem, directory, stamp.size, stamp.mtime, sight.parts)
                ready.append((place, name, found))

    def _tell(self, ready: list[tuple[_Place, str, Found]], now: float, scan: Scan) -> None:
        """Ready is what nobody writes any more."""
        real = [(os.path.realpath(found.path), place, name, found) for place, name, found in ready]
        writing = writers({path for path, *_ in real}) if real else {}
        for path, place, name, found in real:
            if path in writing:
                place.sights[name].since = now  # looked for again only after another quiet span
                scan.grows(found.path, f"{writing[path]} has it open for writing", now + self.quiet)
            else:
                scan.ready.append(found)
        scan.ready.sort(key=lambda found: (found.mtime, found.path))


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _may_be(entry: os.DirEntry[str], directory: bool) -> bool:
    """Whether it is a file (or a directory), itself or by a link; a link to nothing yet may become one."""
    try:
        if entry.is_dir():
            return directory
        return not directory and (entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)))
    except OSError:
        return True  # looked at more closely, and told, by _observe


def _outer(entry: os.DirEntry[str]) -> tuple[int, int] | None:
    try:
        seen = entry.stat()
    except OSError:
        return None
    return (0 if stat.S_ISDIR(seen.st_mode) else seen.st_size, seen.st_mtime_ns)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable_name(path: str, scan: Scan) -> None:
    scan.problem(f"{_shown(path)} has a name that is not UTF-8, which no event can carry: it is not taken; rename it")


def _shown(path: str) -> str:
    return path if _is_text(path) else repr(os.fsencode(path))
