"""A small server of the verbs over HTTP, which can lose answers: what the tests of the remote client ask.

It speaks what the HTTP API speaks: JSON bodies for what changes, query strings for what looks, problems for refusals,
idempotency keys. It is apart from `procession.api` so that it can be made to fail at every point of an exchange.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from procession import verbs
from procession.errors import Denied, Invalid, NotFound, ProcessionError, QueueFull, Refused, StoreBusy
from procession.project import Project
from procession.verbs import Caller

STATUS = {Invalid: 400, Denied: 403, NotFound: 404, QueueFull: 429, Refused: 409, StoreBusy: 503}
TOKEN = "procession_secret"


class Site:
    """What the server knows, and what it shall do next."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.lock = threading.Lock()
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.connections: set[tuple[str, int]] = set()
        self.lose: list[str] = []
        """Each request takes the first: ``before`` it is done, ``after``, ``under way``; others are answered."""
        self.refuse: list[ProcessionError] = []
        self.raw: list[tuple[int, str, bytes]] = []
        self.lines: list[dict[str, Any]] = []
        """What the stream tells, two lines in each connection."""
        self.url = ""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, format: str, *args: Any) -> None: ...

    def handle_any(self) -> None:
        site, length = self.site, int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        with site.lock:
            site.connections.add(self.client_address)
            site.seen.append((self.command, self.path, dict(self.headers)))
            fault = site.lose.pop(0) if site.lose else ""
            if urlsplit(self.path).path == "/api/v1/stream":
                self._stream()
                return
            if fault == "before":
                self.close_connection = True
                return
            status, body, mime = self._answer(raw, fault)
        if fault == "after":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_PUT = handle_any

    def _answer(self, raw: bytes, fault: str) -> tuple[int, bytes, str]:
        site, key = self.site, self.headers.get("Idempotency-Key")
        if site.raw:
            status, mime, body = site.raw.pop(0)
            return status, body, mime
        if key and key in site.answers:
            return (*site.answers[key], "application/json")
        if fault == "under way":
            return self._problem(409, "Taken", "under way")
        try:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._problem(401, "Denied", "who asks?")
            if site.refuse:
                raise site.refuse.pop(0)
            found = self._call(raw)
            if hasattr(found, "mime"):  # an answer that is no JSON
                return 200, found.body, found.mime
            status, body = 200, json.dumps(found).encode()
        except ProcessionError as error:
            number = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
            return self._problem(number, type(error).__name__, str(error))
        if key:
            site.answers[key] = status, body
        return status, body, "application/json"

    def _call(self, raw: bytes) -> Any:
        parts = urlsplit(self.path)
        for verb in verbs.load().values():
            pattern = "/api/v1" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", verb.path)
            found = re.fullmatch(pattern, parts.path)
            if found and verb.method == self.command:
                query = dict(parse_qsl(parts.query))
                assert not (query and verb.changes), "a change takes its arguments in the body"
                texts = {name: unquote(text) for name, text in found.groupdict().items()} | query
                read = {name: _read(str(verb.parameters[name].annotation), text) for name, text in texts.items()}
                given = {**read, **(json.loads(raw) if raw else {})}
                return verbs.call(self.site.project, Caller("far", "http"), verb.name, given)
        raise NotFound(f"there is nothing at {self.command} {parts.path}")

    def _problem(self, status: int, code: str, detail: str) -> tuple[int, bytes, str]:
        body = {"type": f"urn:procession:error:{code}", "status": status, "code": code, "detail": detail}
        return status, json.dumps(body).encode(), "application/problem+json"

    def _stream(self) -> None:
        after = int(self.headers.get("Last-Event-ID") or 0)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b": hello\n\n")
        for line in [each for each in self.site.lines if each["id"] > after][:2]:
            self.wfile.write(f"id: {line['id']}\nevent: journal\ndata: {json.dumps(line)}\n\n".encode())
        self.close_connection = True


def _read(annotation: str, text: str) -> Any:
    if "bool" in annotation:
        return {"true": True, "false": False}[text]
    return int(text) if "int" in annotation else text


@contextmanager
def served(project: Project) -> Iterator[Site]:
    """Serve this project until the end of the block."""
    site = Site(project)
    kind = type("OfSite", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
