"""A file of definitions as it stands, and the mistakes found in it, each with its place.

A `Place` is a point in a file: ``procession.toml:12: tasks.scene.steps[2].timeout``. Steps are counted from
1, as everywhere in Procession. Whoever finds a mistake tells the place where it is; `Problems` collects.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from procession.definitions.files import text_of
from procession.definitions.positions import Keys, positions
from procession.errors import ConfigError

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(slots=True)
class Problems:
    """What was found so far: (order of the file, line, text) of each."""

    errors: list[tuple[int, int, str]] = field(default_factory=list)
    warnings: list[tuple[int, int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its name for messages, its place in the order of reading, what it says and where."""

    name: str
    order: int
    tables: dict[str, Any]
    lines: dict[Keys, int]
    problems: Problems
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Keys whose values do not come from the file, and who says them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a file, where something can be wrong."""

    source: Source
    keys: Keys = ()

    def at(self, *keys: str | int) -> Place:
        """A point further inside."""
        return Place(self.source, (*self.keys, *keys))

    def error(self, text: str) -> None:
        """Note a mistake here."""
        self.source.problems.errors.append(self._noted(text))

    def warning(self, text: str) -> None:
        """Note here what will work, but perhaps not as meant."""
        self.source.problems.warnings.append(self._noted(text))

    @property
    def line(self) -> int:
        """The line where this stands, or where the nearest thing around it does."""
        keys = self.keys
        while keys and keys not in self.source.lines:
            keys = keys[:-1]
        return self.source.lines.get(keys, 1)

    def __str__(self) -> str:
        path = ""
        for key in self.keys:
            if isinstance(key, int):
                path += f"[{key + 1}]"
            else:
                path += "." * bool(path) + (key if _BARE.fullmatch(key) else _short(key))
        if origin := self._origin():
            return f"{origin}: {path}"
        return f"{self.source.name}:{self.line}: {path}" if path else f"{self.source.name}:{self.line}"

    def _origin(self) -> str | None:
        """Who says what stands here, if it is not the file."""
        if not self.source.origins:
            return None
        ends = (self.keys[:n] for n in range(len(self.keys), 0, -1))
        return next((self.source.origins[keys] for keys in ends if keys in self.source.origins), None)  # type: ignore[index]

    def _noted(self, text: str) -> tuple[int, int, str]:
        return (self.source.order, self.line, f"{self}: {text}")


def open_source(root: Path, name: str, order: int, problems: Problems) -> Source:
    """Read one file; what cannot be read or is not TOML gives a problem and an empty source."""
    tables: dict[str, Any] = {}
    lines: dict[Keys, int] = {}
    try:
        text = text_of(root, name)
        tables = tomllib.loads(text)
        lines = positions(text)
    except ConfigError as error:
        problems.errors.append((order, 0, str(error)))
    except RecursionError:
        problems.errors.append((order, 0, f"{name}: is nested too deeply; no definition needs that"))
    except ValueError as error:
        line, message = _where(str(error), text)
        problems.errors.append((order, line, f"{name}:{line}: is not valid TOML: {message}"))
    return Source(name, order, tables, lines, problems)


def _where(message: str, text: str) -> tuple[int, str]:
    """Line and words of a message of the standard library's reader."""
    found = _AT_LINE.search(message)
    if not found:
        return (1, "a number has too many digits" if "digits" in message else message)
    line = int(found[1]) if found[1] else text.count("\n") + 1
    message = message[: found.start()]
    return line, message[:1].lower() + message[1:]


def _short(key: str) -> str:
    return json.dumps(key if len(key) <= 60 else key[:57] + "...", ensure_ascii=False)
