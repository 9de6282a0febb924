"""On which line each key of a TOML text stands.

The standard library's reader gives data without places. This scanner walks over a text that the reader has
already accepted, so it need not judge anything; it follows tables, arrays of tables, dotted keys, inline
tables, nested arrays and all kinds of strings, and notes the line of every key and of every element of an
array.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from contextlib import suppress

Keys = tuple[str | int, ...]
"""The way to a value: names of keys and numbers of elements (from 0)."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(  # no possessive repeats: CPython before 3.11.5 gets some of them wrong
    r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'"
)


def positions(text: str) -> dict[Keys, int]:
    """The line, from 1, of every key and array element of a valid TOML text."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    with suppress(_Lost):
        scanner.scan()
    return scanner.lines


class _Lost(Exception):
    """The text is not what was expected; the lines found so far are right, the others are not known."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Keys, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._table: Keys = ()
        self._arrays: dict[Keys, int] = {}

    def scan(self) -> None:
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                self._header(2 if self.text.startswith("[[", self.at) else 1)
            else:
                self._pair(self._table)
            self._skip(_BLANK)

    def _header(self, brackets: int) -> None:
        """``[a.b]`` or ``[[a.b]]``; a name on the way that is an array of tables means its latest table."""
        line = self._line()
        self.at += brackets
        names = self._key()
        self.at += brackets
        path: Keys = ()
        for name in names[:-1]:
            path = (*path, name)
            self.lines.setdefault(path, line)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        path = (*path, names[-1])
        if brackets == 2:
            self.lines.setdefault(path, line)
            self._arrays[path] = self._arrays.get(path, -1) + 1
            path = (*path, self._arrays[path])
        self.lines[path] = line
        self._table = path

    def _pair(self, table: Keys) -> None:
        line = self._line()
        path = table
        for name in self._key():
            path = (*path, name)
            self.lines.setdefault(path, line)
        self.lines[path] = line
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            start = self.at
            if self.text[start] in "\"'":
                self._skip(_STRING)
                names.append(str(tomllib.loads(f"x = {self.text[start : self.at]}")["x"]))
            else:
                self._skip(_BARE)
                names.append(self.text[start : self.at])
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return names
            self.at += 1

    def _value(self, path: Keys) -> None:
        first = self.text[self.at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if first in "\"'" else _SCALAR)

    def _array(self, path: Keys) -> None:
        self.at += 1
        number = 0
        while not self._closed("]"):
            self.lines[*path, number] = self._line()
            self._value((*path, number))
            number += 1

    def _inline_table(self, path: Keys) -> None:
        self.at += 1
        while not self._closed("}"):
            self._pair(path)

    def _closed(self, bracket: str) -> bool:
        """Step over a comma, if there is one, and over the closing bracket; true if it was there."""
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _Lost
        self.at = match.end()

    def _line(self) -> int:
        return bisect_left(self._ends, self.at) + 1
