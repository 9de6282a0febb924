"""What is no HTTP, or more than we take, is refused before anybody acts on it, and memory stays flat."""

import json
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from procession.api import protocol, request
from tests.api.served import Served
from tests.waiting import eventually

GOOD = "POST /api/v1/users HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"


def send(served: Served, text: str, body: bytes = b"") -> bytes:
    return served.say(text.format(host=served.host, token=served.admin).encode("latin-1") + body)


@pytest.mark.parametrize(
    "rest",
    [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x",
        "Content-Length: 2, 2\r\n\r\n{{}}",
        "Content-Length: +2\r\n\r\n{{}}",
        "Content-Length: 0x2\r\n\r\n{{}}",
        "Content-Length: -1\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{{}}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "X-Folded: a\r\n b\r\n\r\n",
        "X-Bare: a\nX-Next: b\r\n\r\n",
        "X-Space : a\r\n\r\n",
        "X-Nul: a\0b\r\n\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ],
)
def test_what_two_readers_could_understand_otherwise_is_refused(served: Served, rest: str) -> None:
    """B10: and whatever came behind it on the same connection is not read."""
    behind = b"GET /live HTTP/1.1\r\nHost: " + served.host.encode() + b"\r\n\r\n"
    got = send(served, GOOD + rest, behind)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert got.count(b"HTTP/1.1 4") == 1
    assert b"HTTP/1.1 2" not in got
    assert b"application/problem+json" in got
    assert b"nosniff" in got


@pytest.mark.parametrize(
    "text",
    [
        "GET http://evil.example/live HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET https://{host}/live HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n",
        "GET /live HTTP/1.1\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost: {host}\r\n" + "X-Many: 1\r\n" * 101 + "\r\n",
        "GET /live HTTP/1.1\r\nHost: {host}\r\nX-Long: " + "a" * 65_536 + "\r\n\r\n",
        "GET /" + "a" * 65_536 + " HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET /live HTTP/2.0\r\nHost: {host}\r\n\r\n",
        "nonsense\r\n\r\n",
        "\x16\x03\x01\x02",
    ],
)
def test_a_head_that_is_none_of_ours_is_refused(served: Served, text: str) -> None:
    """B2, B10."""
    assert send(served, text).startswith(b"HTTP/1.1 400 ")


def test_an_absolute_uri_of_this_very_host_is_understood(served: Served) -> None:
    """RFC 9112, 3.2.2."""
    got = send(served, "GET http://{host}/live HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ")


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_body_of_two_gigabytes_is_refused_and_costs_no_memory(served: Served) -> None:
    """B11."""
    before = _resident()
    head = GOOD + "Content-Type: application/json\r\nContent-Length: 2147483648\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(head.format(host=served.host, token=served.admin).encode())
        sent = 0
        try:
            while sent < 64 << 20:
                sent += connection.send(b"x" * 65_536)
        except (ConnectionError, TimeoutError):
            pass
        try:
            got = connection.recv(65_536)
        except ConnectionError:
            got = b"HTTP/1.1 413 "
    assert got.startswith(b"HTTP/1.1 413 ")
    assert _resident() - before < 16 << 20


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity"])
def test_a_compressed_body_is_not_read(served: Served, coding: str) -> None:
    """B11."""
    headers = {"Content-Encoding": coding}
    assert served.ask("POST", "/api/v1/users", headers=headers, raw=b"\x1f\x8b").status == 415


def test_a_body_that_comes_too_slowly_is_given_up(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """B11."""
    monkeypatch.setattr(request, "BODY_SECONDS", 0.3)
    got = send(served, GOOD + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{")
    assert got.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_is_cut_off_does_nothing(served: Served) -> None:
    """B11."""
    text = GOOD + 'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"name": "cut"}}'
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(text.format(host=served.host, token=served.admin).encode())
    names = [each["name"] for each in served.ask("GET", "/api/v1/users").json["items"]]
    assert "cut" not in names


def test_a_head_that_never_ends_is_hung_up_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """B45."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    begun = time.monotonic()
    got = served.say(b"GET /live HTTP/1.1\r\nHost: ")
    assert got.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < 5


def test_a_thousand_half_open_connections_starve_nobody(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """B45, F63."""
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 50)
    held = []
    try:
        for _ in range(300):
            connection = socket.create_connection(("127.0.0.1", served.port), timeout=10)
            held.append(connection)
            with suppress(ConnectionError):  # it was hung up on
                connection.sendall(b"GET /live HTTP/1.1\r\n")
    finally:
        for connection in held:
            connection.close()
    eventually(lambda: _answers(served), timeout=30, what="the server has let go of them")


def _answers(served: Served) -> bool:
    with suppress(ConnectionError):
        return served.ask("GET", "/live").status == 200
    return False


@pytest.mark.feature("P8")
def test_an_answer_is_the_same_whether_a_request_comes_in_one_piece_or_in_many(served: Served) -> None:
    body = b'{"name": "scene-of-pieces"}'
    head = f"POST /api/v1/hooks/scene HTTP/1.1\r\nHost: {served.host}\r\nAuthorization: Bearer {served.admin}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nProcession-Key: "
    texts = [head.encode() + key + b"\r\n\r\n" + body for key in (b"k1", b"k2", b"k3")]
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(texts[0])
        whole = _answers_of(connection, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(len(texts[1])):
            connection.sendall(texts[1][place : place + 1])
        pieces = _answers_of(connection, 1)
        connection.sendall(
            texts[2] + texts[2] + texts[2].replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n")
        )
        three = _answers_of(connection, 3)
        assert connection.recv(1) == b""  # as was asked
    assert [names for names, _ in (*whole, *pieces)] == [three[0][0]] * 2
    assert {b"content-security-policy", b"date", b"content-type", b"content-length"} <= set(three[0][0])
    assert [(said["id"], said["duplicate"]) for _, said in (*whole, *pieces, *three)] == [
        (1, False), (2, False), (3, False), (3, True), (3, True),
    ]  # fmt: skip


def _answers_of(connection: socket.socket, n: int) -> list[tuple[list[bytes], dict[str, object]]]:
    """The names of the headers and the body of each answer."""
    found = []
    file = connection.makefile("rb")
    for _ in range(n):
        assert file.readline().startswith(b"HTTP/1.1 202 ")
        head = dict(line.rstrip().lower().split(b": ", 1) for line in iter(file.readline, b"\r\n"))
        found.append((list(head), json.loads(file.read(int(head[b"content-length"])))))
    return found
