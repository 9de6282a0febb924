"""Paths: which page a request means, wherever the site was put.

*In:* the path as it came. *Out:* the page, what stands in its path, and what stood before: a proxy that keeps its own
prefix sends ``/jupyter/proxy/8000/p/12``, one that strips it ``/p/12``. *Always:* a path that means a page as it
stands is never read otherwise; a piece is an id and no path, so whatever an id may hold may stand in it, quoted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from procession.web.page import Page

LONGEST = 1_024
DEEPEST = 12
"""Pieces of a prefix that are looked behind."""
OTHERS = ("static", "api", "live", "logout", "preferences")
"""First pieces of places of the site that are no pages."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes."""

    prefix: str
    """``/jupyter/proxy/8000``; empty where nothing stood before."""
    path: str
    """The rest, without a slash in front."""
    pages: tuple[Page, ...]
    """Those at this path, one for each method."""
    values: tuple[tuple[str, str], ...]


class Paths:
    """All pages by their paths."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._by: dict[tuple[str, ...], list[Page]] = {}
        for each in pages:
            pieces = tuple(each.path.strip("/").split("/"))
            same = self._by.setdefault(pieces, [])
            assert each.method not in [other.method for other in same], f"two pages are {each.method} {each.path}"
            same.append(each)
        self._known = sorted(self._by, key=lambda pieces: [piece.startswith("{") for piece in pieces])
        """Words before names, so that ``/t/new`` is no task."""

    def find(self, raw: bytes) -> Place | None:
        """The page of a path; None where there is none. The shortest prefix counts."""
        pieces = raw.split(b"/")[1:]
        for cut in range(min(len(pieces), DEEPEST)):
            rest = pieces[cut:]
            if cut and rest == [b""]:
                break  # a path that ends with a slash is the root below a prefix: see `root`
            found = self._match(rest)
            if found is not None:
                return Place(_text(pieces[:cut]), _text(rest).lstrip("/"), *found)
            if rest[0].decode("latin-1") in OTHERS:
                return Place(_text(pieces[:cut]), _text(rest).lstrip("/"), (), ())
        return self.root(pieces)

    def root(self, pieces: list[bytes]) -> Place | None:
        """The Overview of a site below a prefix: ``/ops/``."""
        if len(pieces) < 2 or pieces[-1] or b"" in pieces[:-1]:
            return None
        found = self._match([b""])
        return None if found is None else Place(_text(pieces[:-1]), "", *found)

    def has(self, path: str) -> bool:
        """Is there a page at this place of the site?"""
        return self._match(path.partition("?")[0].encode().split(b"/")) is not None

    def _match(self, rest: list[bytes]) -> tuple[tuple[Page, ...], tuple[tuple[str, str], ...]] | None:
        words = [_decoded(piece) for piece in rest]
        for pieces in self._known:
            given, last = words, len(pieces) - 1
            if pieces[-1].startswith("{*") and len(words) > last and all(words[last:]):
                given = [*words[:last], "/".join(map(str, words[last:]))]  # the rest of the path is one value
            if len(pieces) == len(given) and all(map(_fits, pieces, given)):
                values = ((p.strip("{*}"), w) for p, w in zip(pieces, given, strict=True) if p.startswith("{"))
                return tuple(self._by[pieces]), tuple((n, w or "") for n, w in values)
        return None


def _fits(piece: str, word: str | None) -> bool:
    return bool(word) if piece.startswith("{") else piece == word


def _decoded(piece: bytes) -> str | None:
    """A piece of a path as text; None for what no id can be (B19)."""
    try:
        text = unquote_to_bytes(piece).decode()
    except UnicodeDecodeError:
        return None
    return None if len(text) > LONGEST or "\0" in text else text


def _text(pieces: list[bytes]) -> str:
    return "".join("/" + piece.decode("latin-1") for piece in pieces)
