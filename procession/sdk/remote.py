"""Remote: a project that a server elsewhere serves, over its HTTP API; standard library only.

*In:* an address and a token. *Out:* replies, and refusals as the errors that they are here. *Always:* every call that
changes something has an idempotency key of its own, so that one whose answer was lost is asked again and still done
once; the token is sent to this address alone, and redirects are not followed.
"""

from __future__ import annotations

import http.client
import json
import random
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from procession.errors import HostError, Invalid, NotFound
from procession.sdk import problems
from procession.sdk.routes import ROUTES, STREAM
from procession.sdk.transport import Result, packed

PREFIX = "/api/v1"
TRIES = 4
"""How often one call is sent, where the connection fails or its first sending has not been answered yet."""
DELAY = 0.2
"""Seconds before the second try, at most; twice as many before each further one."""
IDLE = 8
"""Connections that are kept open for the next calls."""


class Remote:
    """A server of the HTTP API. Threads may share it: each call has a connection for itself."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise Invalid(f"{url!r} is no address of a server; write e.g. http://host:8750")
        self.url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/") + PREFIX
        self._timeout = timeout
        if token is not None and not (token.isascii() and token.isprintable()):
            raise Invalid("a token is one word of letters and digits; was a file with more than it read?")
        self._headers = {"Accept": "*/*", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._idle: list[http.client.HTTPConnection] = []
        self._closed = False

    def ask(self, verb: str, arguments: Mapping[str, Any]) -> Result:
        """Call a verb."""
        method, path, rest = request_of(verb, arguments)
        headers, body = dict(self._headers), None
        if method == "GET":
            path += f"?{urlencode({name: _text(value) for name, value in rest.items()})}" if rest else ""
        else:
            body = packed(rest)
            headers |= {"Content-Type": "application/json", "Idempotency-Key": secrets.token_urlsafe(24)}
        for number in range(1, TRIES + 1):
            try:
                status, mime, content = self._exchange(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                if number == TRIES or isinstance(error, TimeoutError):
                    raise self._unreachable(error) from None
            else:
                if status < 300:
                    return Result(mime, content)
                if number in (1, TRIES) or problems.code_of(content) != problems.UNDER_WAY:
                    raise problems.error_of(status, content)
            time.sleep(random.uniform(0, DELAY * 2 ** (number - 1)))
        raise AssertionError("the last try returns or raises")

    def stream(self, after: int | None) -> Iterator[dict[str, Any]]:
        """Lines of the journal as they are written; where the connection is lost, it goes on behind the last one."""
        failures = 0
        while True:
            try:
                for line in self._lines(after):
                    after, failures = line["id"], 0
                    yield line
            except (OSError, http.client.HTTPException) as error:
                failures += 1
                if failures >= TRIES:
                    raise self._unreachable(error) from None
            time.sleep(random.uniform(0, DELAY * 2**failures))

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        self._drop_idle()

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """One request and its whole answer; the connection serves again if both ended well."""
        connection = self._connection()
        kept = connection.sock is not None
        try:
            connection.request(method, self._base + path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except BaseException as error:
            connection.close()
            if not kept or isinstance(error, TimeoutError):
                raise
            if not isinstance(error, OSError | http.client.HTTPException):
                raise
            self._drop_idle()  # after a pause the server has closed them all
            return self._exchange(method, path, body, headers)
        if response.will_close or len(self._idle) >= IDLE or self._closed:
            connection.close()
        else:
            self._idle.append(connection)
        return response.status, response.headers.get("Content-Type", ""), content

    def _drop_idle(self) -> None:
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:  # another thread took the last one
                return

    def _lines(self, after: int | None) -> Iterator[dict[str, Any]]:
        headers = {**self._headers, "Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        connection = self._connect()
        try:
            connection.request("GET", self._base + STREAM, None, headers)
            response = connection.getresponse()
            if response.status >= 300:
                raise problems.error_of(response.status, response.read())
            for text in messages(response):
                line = json.loads(text)
                if isinstance(line, dict) and isinstance(line.get("id"), int):
                    yield line
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._closed:
            raise Invalid("this client is closed; make a new one")
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout)

    def _unreachable(self, error: Exception) -> HostError:
        why = str(error) or type(error).__name__
        return HostError(f"{self.url} does not answer ({why}); is 'procession up' running there, with its web server?")


def request_of(verb: str, arguments: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Method and path of a verb, and the arguments that the path does not take."""
    if verb not in ROUTES:
        raise NotFound(f"there is no verb {verb[:60]!r}")
    method, _, path = ROUTES[verb].partition(" ")
    rest = dict(arguments)
    for piece in path.split("/"):
        if piece.startswith("{"):
            name = piece.strip("{}")
            if rest.get(name) in (None, ""):
                raise Invalid(f"{verb} needs {name}")
            path = path.replace(piece, _segment(_text(rest.pop(name))))
    return method, path, rest


def _segment(text: str) -> str:
    """One piece of a path: an id, also where it looks like a path."""
    return quote(text, safe="").replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def messages(lines: Iterator[bytes] | http.client.HTTPResponse) -> Iterator[str]:
    """The data of server-sent events; comments, and fields that are none of ours, are passed over."""
    data: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line and data:
            yield "\n".join(data)
            data = []
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return packed(value).decode()
