"""The live stream tells everything once, in order, from wherever somebody goes on."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from procession.api import stream
from procession.store import journal
from tests.api.served import Served
from tests.waiting import eventually


def opened(served: Served, query: str = "", token: str = "", headers: str = "") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    text = (
        f"GET /api/v1/stream{query} HTTP/1.1\r\nHost: {served.host}\r\n"
        f"Authorization: Bearer {token or served.admin}\r\n{headers}\r\n"
    )
    connection.sendall(text.encode())
    return connection


def entries(connection: socket.socket) -> Iterator[tuple[int, dict[str, object]]]:
    """What comes, entry by entry: id and data."""
    text = b""
    while piece := connection.recv(65_536):
        text += piece
        while b"\n\n" in text:
            event, _, text = text.partition(b"\n\n")
            fields = dict(line.split(b": ", 1) for line in event.splitlines() if b": " in line)
            if b"data" in fields:
                yield int(fields[b"id"]), json.loads(fields[b"data"])


@pytest.mark.feature("M102")
def test_what_happens_is_told_at_once(served: Served) -> None:
    with closing(opened(served)) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        born = served.driven.born("scene")
        found = next(data for _, data in entries(connection) if data["processing"] == born)
    assert (found["task"], found["noun"]) == ("scene", "processing")


@pytest.mark.feature("M102")
def test_it_goes_on_from_where_it_was(served: Served) -> None:
    born = [served.driven.born("scene") for _ in range(5)]
    with served.project.store.read() as tx:
        wanted = [entry.id for entry in journal.since(tx, 0)]
    for where in (f"?after={wanted[2]}", ""):
        headers = "" if where else f"Last-Event-ID: {wanted[2]}\r\n"
        with closing(opened(served, where, headers=headers)) as connection:
            told = entries(connection)
            assert [next(told)[0] for _ in wanted[3:]] == wanted[3:]
    with closing(opened(served, f"?after=0&processing={born[3]}")) as connection:
        assert next(entries(connection))[1]["processing"] == born[3]


def test_who_may_see_some_tasks_is_told_of_these(served: Served) -> None:
    token = served.token("read", groups=["sar"])
    served.driven.born("scene")
    echo = served.driven.born("echo")
    with closing(opened(served, "?after=0", token=token)) as connection:
        assert next(entries(connection))[1]["processing"] == echo


@pytest.mark.parametrize("query", ["?after=-1", "?after=1;x", "?processing=a", "?sort=id", "?after=1&after=2"])
def test_what_cannot_be_asked_is_refused(served: Served, query: str) -> None:
    """B27."""
    assert served.ask("GET", f"/api/v1/stream{query}").status == 400


def test_a_stream_needs_a_token_that_may_look(served: Served) -> None:
    assert served.ask("GET", "/api/v1/stream", token=None).status == 401
    assert served.ask("GET", "/api/v1/stream", token=served.token("trigger")).status == 403


def test_five_hundred_streams_are_too_many_and_nobody_else_is_harmed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B45, F63."""
    monkeypatch.setattr(stream, "MOST", 20)
    held = [opened(served) for _ in range(60)]
    try:
        heads = [connection.recv(12) for connection in held]
        assert heads.count(b"HTTP/1.1 429") >= 40
        assert served.ask("GET", "/api/v1/health").status == 200
    finally:
        for connection in held:
            connection.close()
    eventually(lambda: len(served.server.app.hub.feeds) == 0)


def test_a_stream_ends_when_its_token_is_revoked(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.2)
    token = served.token("read")
    with closing(opened(served, token=token)) as connection:
        connection.recv(4096)
        served.ask("DELETE", f"/api/v1/tokens/{token.removeprefix('procession_')[:8]}")

        def ended() -> bool:
            with suppress(TimeoutError):
                return connection.recv(4096) == b""
            return False

        eventually(ended)


def test_a_stream_ends_when_its_token_is_revoked_however_much_there_is_to_tell(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B9."""
    monkeypatch.setattr(stream, "HEARTBEAT", 1.0)
    monkeypatch.setattr(stream, "LIVELY", 0.05)
    token = served.token("read")
    with closing(opened(served, token=token)) as connection:
        connection.recv(4096)
        served.ask("DELETE", f"/api/v1/tokens/{token.removeprefix('procession_')[:8]}")

        def ended() -> bool:
            served.driven.born("scene")  # told long before it is time for a comment
            return connection.recv(65_536) == b""

        eventually(ended)
