"""A small site around `procession/web/static`: the sample page, fragments, a live stream. For tests only.

*Always:* it says the content security policy of the product, keeps each request that came, and never sleeps: what it
sends, tests ask it to.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from procession.web.static import Static

SAMPLE = Path(__file__).with_name("sample.html")
"""Every class of the style sheets on one page."""
STATIC = Static()
MIMES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-sample'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
Answer = tuple[int, str, bytes]
Route = Callable[[dict[str, str]], "Answer | str | dict[str, object]"]


class StaticSite:
    """The server; `routes` answers below ``/``, `requests` is what has come, `say` speaks on every open stream."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {
            "": lambda query: SAMPLE.read_text("utf-8").replace("THEME", query.get("theme", "light")),
        }
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.posted: list[tuple[str, str]] = []
        self.streams: list[queue.Queue[str | None]] = []
        self.refuse_streams = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, name="static-site", daemon=True).start()

    def say(self, kind: str, number: int | str, **data: object) -> None:
        """One message on every stream."""
        for stream in list(self.streams):
            stream.put(f"event: {kind}\nid: {number}\ndata: {json.dumps(data)}\n\n")

    def hang_up(self) -> None:
        """End every stream."""
        for stream in list(self.streams):
            stream.put(None)

    def close(self) -> None:
        """The end."""
        self.hang_up()
        self._server.shutdown()
        self._server.server_close()


def _handler(site: StaticSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *said: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            site.requests.append(self.path)
            site.headers.append({name.lower(): value for name, value in self.headers.items()})
            parts = urlsplit(self.path)
            path = parts.path.lstrip("/")
            if path == "live":
                self._stream()
            elif path.startswith("static/"):
                self._file(path.removeprefix("static/"))
            elif path in site.routes:
                self._give(site.routes[path]({name: values[-1] for name, values in parse_qs(parts.query).items()}))
            else:
                self._send(404, "text/plain", b"no such page")

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
            path = self.path.lstrip("/")
            site.posted.append((path, text))
            if path in site.routes:
                self._give(site.routes[path]({name: values[-1] for name, values in parse_qs(text).items()}))
            else:
                self._send(204, "text/plain", b"")

        def _give(self, given: Answer | str | dict[str, object]) -> None:
            if isinstance(given, str):
                self._send(200, "text/html; charset=utf-8", given.encode())
            elif isinstance(given, dict):
                self._send(200, "application/json", json.dumps(given).encode())
            else:
                self._send(*given)

        def _file(self, name: str) -> None:
            content = STATIC.content(name)
            if content is None:
                self._send(404, "text/plain", b"no such file")
            else:
                self._send(200, MIMES.get(Path(name).suffix, "text/plain"), content)

        def _send(self, status: int, mime: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", mime)
            self.send_header("content-length", str(len(content)))
            self.send_header("content-security-policy", POLICY)
            self.end_headers()
            self.wfile.write(content)

        def _stream(self) -> None:
            if site.refuse_streams:
                self._send(503, "text/plain", b"not now")
                return
            mine: queue.Queue[str | None] = queue.Queue()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b"retry: 50\n\n")
            self.wfile.flush()
            site.streams.append(mine)
            self.close_connection = True
            try:
                while (text := mine.get()) is not None:
                    self.wfile.write(text.encode())
                    self.wfile.flush()
            except OSError:
                pass
            finally:
                site.streams.remove(mine)

    return Handler
