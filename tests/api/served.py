"""A project with a web server in this process, and a client that sends what it is told: what these tests share."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from procession.api.server import WebServer, listen
from procession.commands import tokens
from procession.model.serving import WebPlan
from procession.project import Project
from tests.flow.driven import Driven

TOML = """
[tasks.scene]
on = "scene"
group = "optical"
steps = ["./one.sh", "./two.sh"]
[tasks.radar]
on = "echo"
group = "sar"
run = "./one.sh"
"""


@dataclass
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """One project, driven by hand, and its server."""

    def __init__(self, root: Path, toml: str = TOML, database: str | None = None, cpus: float = 4) -> None:
        self.driven = Driven(root, toml, database=database, cpus=cpus)
        self.project: Project = self.driven.project
        self.admin = tokens.add(self.project, "tests", ["read", "trigger", "operate", "define", "admin"], "test").secret
        self.sockets = listen(WebPlan(port=0))
        self.server = WebServer(self.project.beside(), self.sockets)
        self.port = self.server.port
        self.host = f"127.0.0.1:{self.port}"
        self.server.start()

    def close(self) -> None:
        self.server.stop()
        self.server.project.close()
        self.driven.close()

    def token(self, *scopes: str, groups: list[str] | None = None) -> str:
        """A token with these scopes."""
        return tokens.add(self.project, "some", list(scopes), "test", groups=groups).secret

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = "",
        headers: Mapping[str, str] | None = None, raw: bytes | None = None,
    ) -> Got:  # fmt: skip
        """Ask over a connection of its own; by default as an administrator."""
        sent = {"Host": self.host}
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.admin}"
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent |= {"Content-Type": "application/json", "Content-Length": str(len(raw))}
        elif method != "GET":
            sent["Content-Length"] = "0"
        sent |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(raw)
            answer = connection.getresponse()
            return Got(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def say(self, text: bytes, timeout: float = 10.0) -> bytes:
        """Send these very bytes, and read until the server hangs up or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(text)
            found = b""
            try:
                while piece := connection.recv(65_536):
                    found += piece
                    if b"\r\n\r\n" in found and _is_whole(found):
                        break
            except (TimeoutError, ConnectionError):
                pass
            return found


def _is_whole(found: bytes) -> bool:
    head, _, body = found.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    return bool(lengths) and len(body) >= int(lengths[0])


@contextmanager
def serving(root: Path, toml: str = TOML) -> Iterator[Served]:
    """A served project, until the end of the block."""
    made = Served(root, toml)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served project for each module: of its own `TOML`, where it has one, in a place that its `furnish` has filled,
    and with what its `prepare` does. What a test changes in it, another must not rely on."""
    root, of = tmp_path_factory.mktemp("project"), request.module
    if furnish := getattr(of, "furnish", None):
        furnish(root)
    with serving(root, getattr(of, "TOML", TOML)) as made:
        if prepare := getattr(of, "prepare", None):
            prepare(made)
        yield made
