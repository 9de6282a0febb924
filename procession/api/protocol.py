"""HTTP/1.1 as we read it: uvicorn's protocol over httptools (llhttp), and stricter.

llhttp itself refuses a request with two lengths, with a length and chunks, with folded headers and bare line feeds.
What is added: heads have a largest size and must be there in time, chunks are not read at all (trailers and extensions
go with them), an absolute URI must name the Host that the header names, and what is refused is refused as a problem.
What is there in one piece goes a short way (`Short`), which costs half: one event is one small request.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from procession.api.guard import HEADERS
from procession.api.problems import Problem
from procession.api.request import SHORT

MAX_HEAD = 32 << 10
"""Bytes of request line and headers."""
MAX_HEADERS = 100
HEAD_SECONDS = 30.0
"""Within so long the head of a request is there."""
MAX_CONNECTIONS = 400
"""At the same time; whoever comes then is hung up on, and what runs is not starved of descriptors."""


USUAL = b"".join(name + b": " + value + b"\r\n" for name, value in (*HEADERS, (b"content-type", b"application/json")))
"""Headers of the usual answer."""


class Short:
    """The short way of one request: past ASGI's messages, where there would be one of each kind."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def body(self) -> bytes | None:
        """The body, if all of it is there."""
        cycle = self._cycle
        return None if cycle.more_body or cycle.disconnected else bytes(cycle.body)

    def answer(self, status: int, body: bytes) -> bool:
        """Send a usual answer in JSON, head and body as one piece; False where it must go the long way."""
        cycle = self._cycle
        if not cycle.keep_alive or cycle.disconnected or cycle.response_started or cycle.flow.write_paused:
            return False
        own = [piece for name, value in cycle.default_headers for piece in (name, b": ", value, b"\r\n")]
        length = b"content-length: %d\r\n\r\n" % len(body)
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"".join((STATUS_LINE[status], *own, USUAL, length, body)))
        cycle.message_event.set()
        cycle.on_response()
        return True


class Protocol(HttpToolsProtocol):
    """One connection."""

    _timer: asyncio.TimerHandle | None = None
    _size = 0
    _pending = 0
    """Bytes that came of a head that is not complete."""
    _complete = False
    _why = "this is no HTTP/1.1 that this server reads"

    def connection_made(self, transport: Any) -> None:
        if len(self.connections) >= MAX_CONNECTIONS:
            transport.abort()
            self.transport = transport
            return
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        if self.flow is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.flow is None or self.transport.is_closing():
            return
        self._pending += len(data)
        super().data_received(data)
        if self._complete:
            self._pending = 0
            return
        if self._timer is None:  # most heads come in one piece
            self._expect_head()
        if self._pending > MAX_HEAD and not self.transport.is_closing():  # one header without end is counted here
            self._why = f"the head of the request is larger than {MAX_HEAD >> 10} KiB"
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._size, self._complete = 0, False

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            self._refuse("trailers are not read")
        self._count(len(name) + len(value) + 4)
        if len(self.headers) >= MAX_HEADERS:
            self._refuse(f"the request has more than {MAX_HEADERS} headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._complete = True
        self._head_is_there()
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names or b"upgrade" in names:
            self._refuse("send the body with a Content-Length, not in chunks; nothing is upgraded to")
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            self._refuse("this server speaks HTTP/1.1")
        if not self.url.startswith((b"/", b"*")):
            self._check_absolute()
        super().on_headers_complete()
        self.scope["state"][SHORT] = Short(self.cycle)

    def _check_absolute(self) -> None:
        parsed = httptools.parse_url(self.url)
        named = (parsed.host or b"") + (b":%d" % parsed.port if parsed.port else b"")
        hosts = [value for name, value in self.headers if name == b"host"]
        if parsed.schema != b"http" or hosts != [named]:
            self._refuse("the URI names another host than the header")

    def _count(self, n: int) -> None:
        self._size += n
        if self._size > MAX_HEAD:
            self._refuse(f"the head of the request is larger than {MAX_HEAD >> 10} KiB")

    def _refuse(self, why: str) -> None:
        self._why = why
        raise ValueError(why)  # llhttp stops, and says so to data_received

    def send_400_response(self, msg: str) -> None:
        """Refuse as everything is refused, and hang up: nobody knows where the next request would begin."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # in the middle of another answer
            return
        self._write(Problem(400, "BadRequest", self._why))

    def _write(self, refused: Problem) -> None:
        body = refused.body()
        headers = (
            *HEADERS, (b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        )  # fmt: skip
        status = b"408 Request Timeout" if refused.status == 408 else b"400 Bad Request"
        lines = [b"HTTP/1.1 " + status, *(name + b": " + value for name, value in headers)]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.transport.close()

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _head_is_there(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self._write(Problem(408, "Invalid", f"the head of the request was not there within {HEAD_SECONDS:g} s"))
