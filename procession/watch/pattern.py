"""What a watch looks for: a path with wildcards and named parts.

``*``, ``?`` and ``[...]`` stand within one name, ``**`` for any number of directories. ``{sat}`` is a named part: one
or more characters within one name, as few as will do; the same name twice means the same text. ``{{`` is a literal
brace, ``[*]`` a literal star. A ``/`` at the end means that directories are looked for.

Pure: reads nothing but the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from procession.errors import Invalid

IGNORE = (".*", "*.part", "*.tmp", "*.filepart", "*.crdownload", "*~")
"""Names of what is still being written, by the habits of programs that copy; not looked at."""

GIVEN = frozenset({"path", "name", "stem", "size", "mtime", "directory"})
"""What everything found tells of itself; no named part can be called so."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|\[!?\]?[^\]/]*\]|\*+|\?|/+|[^{}\[*?/]+|\[")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_WILD = {"?": "[^/]", "*": "[^/]*"}


@dataclass(frozen=True, slots=True)
class Step:
    """One name of the way from the start to what is looked for."""

    accepts: re.Pattern[str]
    literal: bool
    """It stands for itself, so that it is never ignored."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, read. `start` is the directory above everything that is not literal."""

    text: str
    start: str
    steps: tuple[Step | None, ...]
    whole: re.Pattern[str]
    """Accepts the path below `start` and gives the named parts."""
    names: tuple[str, ...]
    directories: bool
    ignored: re.Pattern[str]

    def open(self, places: frozenset[int]) -> list[tuple[int, Step | None]]:
        """The steps that may come next after so many are done: a ``**`` may stand for no directory at all."""
        found = set(places)
        found |= {place + 1 for place in places if self.steps[place] is None}
        return [(place, self.steps[place]) for place in sorted(found)]

    def final(self, places: frozenset[int]) -> Step | None:
        """The step that what is looked for has to be, if it can be here."""
        end = len(self.steps) - 1
        return next((step for place, step in self.open(places) if place == end), None)

    def inner(self, places: frozenset[int]) -> bool:
        """Whether anything can be below directories of this one."""
        return self.open(places)[0][0] < len(self.steps) - 1

    def after(self, places: frozenset[int], name: str, link: bool) -> frozenset[int]:
        """How many steps may be done once one has gone into the directory `name`; none if nothing can be there.

        A link is gone through only by a step of its own, never by ``**``: so no way is endless.
        """
        found = set()
        for place, step in self.open(places):
            if step is None:
                if not link and not self.ignored.fullmatch(name):
                    found.add(place)
            elif place < len(self.steps) - 1 and self.accepts(step, name):
                found.add(place + 1)
        return frozenset(found)

    def accepts(self, step: Step, name: str) -> bool:
        """Whether a step of the way can be this name."""
        return step.accepts.fullmatch(name) is not None and (step.literal or not self.ignored.fullmatch(name))


def read_pattern(
    text: str, directory: str = "/", given: Mapping[str, str] | None = None, ignore: Sequence[str] = IGNORE
) -> Pattern:
    """Read a pattern; Invalid says what is wrong with it.

    A path that is not absolute begins at `directory`. `given` are texts for ``{name}`` that stand for themselves, such
    as the project's directory: a star in them is a star.
    """
    if not text.strip("/. ") or "\0" in text:
        raise Invalid(f'watch = {text!r} names no files; write e.g. watch = "{{project}}/inbox/*.h5"')
    pieces = _pieces(text, given or {})
    if not "".join(word for _, word in pieces).startswith("/"):
        pieces = [(True, directory.rstrip("/") + "/"), *pieces]
    ways = [way for way in _ways(pieces) if way not in ([], [(True, ".")])]
    if [(True, "..")] in ways:
        raise Invalid(f"watch = {text!r} goes up by '..'; write the path without it")
    directories = text.endswith("/")
    if ways[-1] == _DEEP_WAY:
        ways.append([(False, "*")])
    first = next((n for n, way in enumerate(ways[:-1]) if not all(plain for plain, _ in way)), len(ways) - 1)
    start = "/" + "/".join("".join(word for _, word in way) for way in ways[:first])
    names: list[str] = []
    whole, steps = "", list[Step | None]()
    for number, way in enumerate(ways[first:], first):
        if way == _DEEP_WAY:
            whole += "(?:[^/]+/)*"
            steps.append(None)
            continue
        whole += _regex(way, text, names) + ("/" if number < len(ways) - 1 else "")
        steps.append(Step(_compiled(_regex(way, text, [])), all(plain for plain, _ in way)))
    ignored = _compiled("|".join(_regex(_pieces(name, {}), name, []) for name in ignore) or "(?!)")
    return Pattern(text, start, tuple(steps), _compiled(whole), tuple(names), directories, ignored)


_DEEP_WAY = [(False, "**")]


def _pieces(text: str, given: Mapping[str, str]) -> list[tuple[bool, str]]:
    """The text in order: (it stands for itself, word)."""
    pieces = []
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word in ("{{", "}}"):
            pieces.append((True, word[0]))
        elif word in ("{", "}"):
            raise Invalid(f"watch = {text!r} has a {word!r} alone; write {word * 2} for a literal brace")
        elif match[1] is not None:
            pieces.append((True, given[match[1]]) if match[1] in given else (False, word))
        elif word == "[":
            pieces.append((True, word))
        else:
            pieces.append((word[0] not in "*?[", word))
    return pieces


def _ways(pieces: list[tuple[bool, str]]) -> list[list[tuple[bool, str]]]:
    """The pieces of each name, divided at the slashes; runs of ``**`` are one."""
    ways: list[list[tuple[bool, str]]] = [[]]
    for plain, word in pieces:
        first, *others = word.split("/") if plain else [word]
        for part, more in ((first, False), *((other, True) for other in others)):
            if more:
                ways.append([])
            if part:
                ways[-1].append((plain, part))
    ways = [way for way in ways if way]
    return [way for number, way in enumerate(ways) if way != _DEEP_WAY or not number or ways[number - 1] != _DEEP_WAY]


def _regex(way: list[tuple[bool, str]], text: str, names: list[str]) -> str:
    """The regular expression of one name; its named parts are added to `names`."""
    found = ""
    for plain, word in way:
        if plain:
            found += re.escape(word)
        elif word in _WILD:
            found += _WILD[word]
        elif word.startswith("*"):
            raise Invalid(f"watch = {text!r} has {word!r} within a name; ** stands alone between slashes")
        elif word.startswith("["):
            found += _one_of(word[1:-1], text)
        else:
            found += _part(word[1:-1], text, names)
    return found


def _one_of(inside: str, text: str) -> str:
    negated, inside = inside.startswith("!"), inside.removeprefix("!")
    safe = re.sub(r"([\\^\[\]&~|])", r"\\\1", inside)
    try:
        re.compile(f"[{safe}]")
    except re.error:
        raise Invalid(f"watch = {text!r} has {'[' + inside + ']'!r}, which is no set of characters") from None
    return f"[^/{safe}]" if negated else f"[{safe}]"


def _part(name: str, text: str, names: list[str]) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(f"watch = {text!r} has {{{name}}}; a named part is a letter or _, then letters, digits, _")
    if name in GIVEN:
        raise Invalid(f"watch = {text!r} has {{{name}}}, which everything found has already; choose another name")
    if name in names:
        return f"(?P={name})"
    names.append(name)
    return f"(?P<{name}>[^/]+?)"


def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(text, re.DOTALL)
