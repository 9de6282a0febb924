"""Routes: which verb a method and a path mean, and its arguments out of path, query and body.

*In:* VERBS. *Out:* for a request its Route and the texts in its path; for a route its arguments, which the verb checks.
*Always:* what stands in JSON is taken as it is (a text is no number), what stands in a path or a query is read; a piece
of a path is an id and no path, so whatever a key may hold may stand in it, encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from procession.api.problems import Problem
from procession.verbs import Verb
from procession.verbs.shape import read_text

PREFIX = "/api/v1"
MAX_SEGMENT = 1_024


@dataclass(slots=True)
class Node:
    """One piece of a path: what comes after it, and which verbs end here."""

    words: dict[str, Node] = field(default_factory=dict)
    any: Node | None = None
    """Where a name of the path stands."""
    verbs: dict[str, tuple[Verb, tuple[str, ...]]] = field(default_factory=dict)
    """Method → verb, and the names of what stood in its path."""


class Routes:
    """All verbs by their paths."""

    def __init__(self, verbs: Mapping[str, Verb]) -> None:
        self._root = Node()
        self._found = lru_cache(256)(self._find)
        for verb in verbs.values():
            self._add(verb)

    def _add(self, verb: Verb) -> None:
        node, names = self._root, []
        for piece in verb.path.strip("/").split("/"):
            if piece.startswith("{"):
                names.append(piece.strip("{}"))
                node.any = node.any or Node()
                node = node.any
            else:
                node = node.words.setdefault(piece, Node())
        assert verb.method not in node.verbs, f"two verbs are {verb.method} {verb.path}"
        node.verbs[verb.method] = (verb, tuple(names))

    def find(self, method: str, raw_path: bytes) -> tuple[Verb, dict[str, str]]:
        """The verb of a request, and what stands in its path; Problem 404 or 405."""
        verb, values = self._found(method, raw_path)
        return verb, dict(values)

    def _find(self, method: str, raw_path: bytes) -> tuple[Verb, tuple[tuple[str, str], ...]]:
        if not raw_path.startswith(PREFIX.encode() + b"/"):
            raise Problem(404, "NotFound", f"there is nothing at this path; the API is at {PREFIX}")
        pieces = [_decoded(piece) for piece in raw_path[len(PREFIX) + 1 :].split(b"/")]
        found = _walk(self._root, pieces, [])
        if found is None:
            raise Problem(404, "NotFound", "there is nothing at this path; see /api/v1/openapi.json")
        node, values = found
        wanted = "GET" if method == "HEAD" else method
        if wanted not in node.verbs:
            allow = ", ".join(sorted({*node.verbs, *(("HEAD",) if "GET" in node.verbs else ())}))
            text = f"this path knows {allow}, and not {method[:20]}"
            raise Problem(405, "MethodNotAllowed", text, ((b"allow", allow.encode()),))
        verb, names = node.verbs[wanted]
        return verb, tuple(zip(names, values, strict=True))


def _walk(node: Node, pieces: list[str], values: list[str]) -> tuple[Node, list[str]] | None:
    """The node at the end of a path: words before names, so that ``/events/names`` is no event."""
    if not pieces:
        return (node, values) if node.verbs else None
    head, rest = pieces[0], pieces[1:]
    if head in node.words and (found := _walk(node.words[head], rest, values)):
        return found
    return _walk(node.any, rest, [*values, head]) if node.any is not None and head else None


def _decoded(piece: bytes) -> str:
    """A piece of a path as text; what no id can be is found nowhere (B19)."""
    try:
        text = unquote_to_bytes(piece).decode()
    except UnicodeDecodeError:
        text = ""
    if len(text) > MAX_SEGMENT or "\0" in text:
        raise Problem(404, "NotFound", "there is nothing at this path")
    return text


def arguments(verb: Verb, path: Mapping[str, str], query: Mapping[str, str], body: Any) -> dict[str, Any]:
    """The arguments of a call, which the verb checks; Problem 400, or Invalid, says what is wrong with which."""
    if body is not None and not isinstance(body, dict):
        raise Problem(400, "Invalid", "the body must be a JSON object: name → value")
    if verb.changes and query:
        raise Problem(400, "Invalid", f"{verb.name} takes its arguments in the body, not in the query string")
    texts = dict(path) | dict(query)
    if clash := sorted(texts.keys() & (body or {}).keys()):
        raise Problem(400, "Invalid", f"{clash[0][:60]} stands in the path and in the body")
    return {**_read(verb, texts), **(body or {})}


def _read(verb: Verb, texts: Mapping[str, str]) -> dict[str, Any]:
    """Texts of paths and queries as what the verb wants; a name that it does not know stays, and is refused after."""
    return {name: read_text(verb, name, text) if name in verb.parameters else text for name, text in texts.items()}
