"""Request and Answer: what comes in, read with limits, and what goes out.

*Always:* a body is read only where it is wanted, never more than `MAX_BODY` of it is kept, and it must be there within
`BODY_SECONDS`; JSON is read as RFC 8259 has it, and what databases cannot carry is refused.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

from procession.api.problems import Problem, problem
from procession.contract import strict_json
from procession.errors import Invalid
from procession.model.event import MAX_DEPTH
from procession.verbs.bounds import fits

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 1 << 20
"""Bytes."""
BODY_SECONDS = 30.0
"""Within so long a body is there; who sends slower is told so and hung up on."""
MAX_QUERY = 100
"""Parameters of a query string."""
SHORT = "procession.short"
"""In the state of a request: the way of our protocol for what is there in one piece (`protocol.Short`)."""
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
SECRET_NAMES = frozenset({"token", "access_token", "authorization", "api_key", "password", "code"})


class Stream(Protocol):
    """A body that comes piece by piece."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces."""

    def end(self) -> None:
        """Nobody reads any more."""


class ShortWay(Protocol):
    """What our protocol offers for small requests (`protocol.Short`)."""

    def body(self) -> bytes | None:
        """The body, if all of it is there."""

    def answer(self, status: int, body: bytes) -> bool:
        """Send a usual answer; False where it must go the long way."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    mime: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    stream: Stream | None = None
    """In place of the body: pieces of it as they come."""


def as_json(value: Any, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    """An answer in JSON."""
    return Answer(status, _compact(value).encode(), headers=headers)


class Request:
    """One request; its head is there, its body is read when somebody wants it."""

    __slots__ = ("_receive", "client", "headers", "method", "path", "query", "repeated", "scope", "short")

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, list[bytes]] = {}
        self.repeated: set[bytes] = set()
        """Names of headers that are given more than once."""
        for name, value in scope["headers"]:
            found = self.headers.setdefault(name, [])
            found.append(value)
            if len(found) > 1:
                self.repeated.add(name)
        self.client: str = (scope.get("client") or ("", 0))[0]
        self.short: ShortWay | None = scope.get("state", {}).get(SHORT)

    def moved(self, path: str) -> Request:
        """The same request at another path: without the prefix that a proxy has kept."""
        return Request({**self.scope, "path": unquote(path), "raw_path": path.encode("latin-1")}, self._receive)

    def header(self, name: bytes) -> str | None:
        """The value of a header that may be given once; None without it, Problem if it was given twice."""
        found = self.headers.get(name)
        if found is None:
            return None
        if len(found) > 1:
            raise Problem(400, "Invalid", f"the header {name.decode()} is given {len(found)} times; send it once")
        return found[0].decode("latin-1")

    @property
    def length(self) -> int:
        """Bytes of the body, as announced."""
        return int(self.header(b"content-length") or 0)

    def cookie(self, name: str) -> str | None:
        """The value of a cookie; of several of one name the first."""
        for line in self.headers.get(b"cookie", ()):
            for pair in line.decode("latin-1").split(";"):
                known, _, value = pair.strip().partition("=")
                if known == name:
                    return value
        return None

    def parameters(self) -> dict[str, str]:
        """The query string; Problem for a name that is given twice, and for what is no UTF-8."""
        if not self.query:
            return {}
        try:
            pairs = parse_qsl(
                self.query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
                max_num_fields=MAX_QUERY,
            )  # fmt: skip
        except ValueError as error:
            raise Problem(400, "Invalid", f"the query string cannot be read: {error}") from None
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Problem(400, "Invalid", "a name stands twice in the query string; give each once")
        for name, value in pairs:
            _fits((name, value))
        return found

    async def body(self, limit: int = MAX_BODY) -> bytes:
        """The whole body; Problem where it is too long, too slow, compressed, or cut off."""
        coding = self.header(b"content-encoding")
        if coding is not None and coding.lower() != "identity":
            raise Problem(415, "Invalid", "a compressed body is not read; send it as it is")
        announced = self.header(b"content-length")
        if announced is not None and int(announced) > limit:
            raise Problem(413, "Invalid", f"the body is longer than {limit} bytes; send less at once")
        found = None if self.short is None else self.short.body()
        if found is not None:  # no longer than announced, for chunks are not read
            return found
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read(limit)
        except TimeoutError:
            raise Problem(408, "Invalid", f"the body was not there within {BODY_SECONDS:g} s; send it faster") from None

    async def until_gone(self) -> None:
        """Wait until whoever asked hangs up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _read(self, limit: int) -> bytes:
        found = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "Invalid", "the body is shorter than announced")
            found += message.get("body", b"")
            if len(found) > limit:
                raise Problem(413, "Invalid", f"the body is longer than {limit} bytes; send less at once")
            if not message.get("more_body", False):
                return bytes(found)

    async def json(self) -> Any:
        """The body as JSON; None where there is no body."""
        raw = await self.body()
        if not raw:
            return None
        mime = (self.header(b"content-type") or "").partition(";")
        if mime[0].strip().lower() != "application/json" or not _JSON_CHARSET.fullmatch(mime[2]):
            raise Problem(415, "Invalid", "the body must be JSON in UTF-8; send it with Content-Type: application/json")
        return read_json(raw)


_JSON_CHARSET = re.compile(r'\s*(charset="?utf-8"?\s*)?', re.IGNORECASE)
_DEEP = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def read_json(raw: bytes) -> Any:
    """Read JSON with limits; Problem says what is wrong with it."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "Invalid", "the body is not UTF-8; send JSON in UTF-8") from None
    if text.startswith("\ufeff"):
        raise Problem(400, "Invalid", "the body begins with a byte order mark; send it without")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(raw)
    try:
        found = strict_json(text.strip(" \t\r\n"))
    except (ValueError, RecursionError) as error:
        raise Problem(400, "Invalid", f"the body is no JSON: {str(error)[:200]}") from None
    _fits(found)
    return found


def _fits(value: Any) -> None:
    try:
        fits(value)
    except Invalid as error:
        raise problem(error) from None


def _check_depth(raw: bytes) -> None:
    """Before it is read: the reader goes as deep as the text does."""
    depth = 0
    for found in _DEEP.finditer(raw):
        mark = found[0][0]
        depth += (mark in b"[{") - (mark in b"]}")
        if depth > MAX_DEPTH:
            raise Problem(400, "Invalid", f"the body is nested deeper than {MAX_DEPTH} levels")
