"""Counterparts of alerts: a mail server and a receiver of JSON over HTTP, on this machine."""

from __future__ import annotations

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class MailServer:
    """Takes mail by SMTP (RFC 5321), as much of it as a client needs; `broken` answers that it is out of order."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.broken = False
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here ESMTP\r\n")
                for raw in self.rfile:
                    line = raw.decode().strip()
                    verb = line.upper().split(" ")[0]
                    if verb == "QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    if server.broken and verb == "MAIL":
                        self.wfile.write(b"451 the disk of the mail server is full\r\n")
                    elif verb == "DATA":
                        self.wfile.write(b"354 go on\r\n")
                        body = []
                        while (part := self.rfile.readline()) != b".\r\n":
                            body.append(part.decode())
                        server.mails.append("".join(body))
                        self.wfile.write(b"250 taken\r\n")
                    else:
                        self.wfile.write(b"250 here\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> MailServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=procession@example.org&to=ann@example.org"


class JsonReceiver:
    """Takes JSON by HTTP POST; `status` is its answer."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    receiver.taken.append(json.loads(body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quietly."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self) -> JsonReceiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/hook"
