"""The server answers, refuses in one shape, and says the same to browsers every time."""

import socket
from pathlib import Path

import pytest

from procession.api import problems
from procession.api.server import listen
from procession.commands import tokens
from procession.errors import ConfigError, ProcessionError, Refused
from procession.model.serving import WebPlan
from tests.api.served import Served


@pytest.mark.feature("M102")
def test_who_brings_a_token_is_answered(served: Served) -> None:
    got = served.ask("GET", "/api/v1/health")
    assert got.status == 200
    assert got.json["you"]["scopes"] == ["admin", "define", "operate", "read", "trigger"]


def test_every_error_of_the_tree_has_a_status() -> None:
    def walk(kind: type[ProcessionError]) -> list[type[ProcessionError]]:
        return [kind, *(below for child in kind.__subclasses__() for below in walk(child))]

    for kind in walk(ProcessionError):
        found = problems.problem(kind("so it is"))
        assert 400 <= found.status < 600, kind
        assert found.body()
    names = {kind.__name__: problems.problem(kind("x")).status for kind in walk(ProcessionError)}
    assert names["Duplicate"] == names["Deadlock"] == 409
    assert names["QueueFull"] == 429
    assert names["StorageFull"] == 507


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("DELETE", "/api/v1/health", 405), ("BREW", "/", 400)],
)
def test_every_refusal_has_one_shape(served: Served, method: str, path: str, status: int) -> None:
    got = served.ask(method, path)
    assert got.status == status
    assert got.headers["content-type"] == "application/problem+json"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert set(got.json) == {"type", "title", "status", "code", "detail"}
    assert got.json["status"] == status


def test_a_taken_port_is_said_with_the_option_that_helps() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(Refused, match="--port 0"):
            listen(WebPlan(port=other.getsockname()[1]))


def test_an_answer_never_waits_for_a_delayed_acknowledgement() -> None:
    """asyncio sets TCP_NODELAY only where the protocol of the socket is named; 40 ms an answer otherwise."""
    for made in listen(WebPlan(port=0)):
        with made:
            assert made.proto == socket.IPPROTO_TCP


def test_no_other_machine_is_listened_to_without_a_proxy() -> None:
    with pytest.raises(ConfigError, match="behind_proxy"):
        listen(WebPlan(host="0.0.0.0", port=0))


def test_the_first_token_is_in_a_file_for_its_owner_alone(served: Served, tmp_path: Path) -> None:
    assert not tokens.first(served.project)
    for each in tokens.listed(served.project):
        tokens.revoke(served.project, each.key)
    assert tokens.first(served.project)
    path = served.project.var.token
    assert path.stat().st_mode & 0o777 == 0o600
    served.admin = path.read_text().strip()
    assert served.ask("GET", "/api/v1/health").status == 200
