"""A broker that redelivers, cuts, lies and floods: nothing is lost or doubled (F45, F47, F48, B29, B31)."""

import json
import random
import resource
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from procession import doctor
from procession.bridges import connection, line, receiver, standing
from procession.commands import bridges, events, messages, refusals
from procession.commands.events import Submitted
from procession.errors import StoreError
from procession.model.event import NewEvent
from procession.project import Project
from procession.store.database import Tx
from tests.bridges.bridged import Bridged
from tests.bridges.hostile import Hostile, Session
from tests.flow.invariants import check
from tests.waiting import eventually

pytestmark = pytest.mark.feature("P9", "N14", "M54")

Make = Callable[[str], Bridged]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Bridged] = []

    def one(url: str) -> Bridged:
        made.append(Bridged(tmp_path / "p", url, more="heartbeat = 1"))
        toml = made[-1].root / "procession.toml"
        toml.write_text("".join(line for line in toml.read_text().splitlines(True) if "publish" not in line))
        made[-1].project.refresh()
        made[-1].again()
        return made[-1]

    yield one
    for each in made:
        check(each)
        each.close()


def body(number: int) -> bytes:
    said = {"instrument": "GEM", "run_number": number, "run_version": 0, "rb_number": str(number)}
    return json.dumps(said).encode()


def test_everything_comes_three_times_in_random_order(make: Make) -> None:
    chance = random.Random(45)
    order = [n for n in range(100) for _ in range(3)]
    chance.shuffle(order)

    def behave(session: Session) -> None:
        for place, n in enumerate(order):
            session.message(f"{place}", body(n))

    with Hostile(behave) as broker:
        d = make(broker.url)
        eventually(lambda: len(broker.acks) >= 300)
        assert sorted(broker.acks, key=int) == [str(n) for n in range(300)]
        assert (d.counted().taken, d.counted().repeats, d.count("processing")) == (100, 200, 100)


def test_what_was_not_acknowledged_comes_again_and_is_taken_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut before the message is whole, after it, and after its commit but before the acknowledgement is read."""

    def behave(session: Session) -> None:
        turn = len(broker.sessions)
        if turn <= 30:
            whole = b"MESSAGE\nack:%d\n\n%s\0" % (turn, body(turn % 3))
            session.send(whole[: turn * len(whole) // 25])
            session.cut()
        else:
            for n in range(3):
                session.message(f"a{turn}-{n}", body(n))

    with Hostile(behave) as broker:
        monkeypatch.setattr(line, "FACTOR", 1.0)
        d = make(broker.url)
        eventually(lambda: any(ack.startswith("a") for ack in broker.acks), timeout=60)
        eventually(lambda: d.counted().taken == 3)
        assert d.count("event") == 3


POISON: list[tuple[bytes, bytes]] = [
    (b"", b"no json"), (b"", b"[" * 200_000), (b"", b'{"a":' * 100_000), (b"content-type:text/xml\n", b"<a/>"),
    (b"content-type:application/json;charset=utf-16\n", "{}".encode("utf-16-le").replace(b"\0", b"\x01")),
    (b"content-length:5\n", b"a\0b\0c"), (b"transformation:jms-object-xml\n", b"\xac\xed\x05sr"),
    (b"no colon in this line\n", body(1)), (b"destination:\\q\n", body(1)), (b"x" * 100_000 + b":y\n", b"?"),
    (b"", b"!!python/object/apply:os.system ['true']"), (b"selector:1=1\nredirect:stomp://evil\n", b"null"),
]  # fmt: skip


@pytest.mark.feature("M53")
def test_poison_is_kept_and_acknowledged_and_the_queue_moves(make: Make) -> None:
    def behave(session: Session) -> None:
        for n, (headers, wrong) in enumerate(POISON):
            session.message(f"p{n}", wrong, headers)
        session.message("good", body(7), b"".join(b"h%d:v\n" % n for n in range(100_000)))

    with Hostile(behave) as broker:
        d = make(broker.url)
        eventually(lambda: "good" in broker.acks, timeout=30)
        eventually(lambda: len(broker.acks) == len(POISON) + 1)
        assert (d.counted().refused, d.counted().taken) == (len(POISON), 1)
        assert len({each.reason for each in refusals.newest(d.project)}) >= 6


def test_a_hundred_megabytes_are_refused_in_flat_memory(make: Make) -> None:
    size = 100_000_000
    chunk = b'"' + b"x" * 999_999

    def behave(session: Session) -> None:
        session.send(b"MESSAGE\nack:huge\ncontent-length:%d\n\n" % size)
        for _ in range(size // len(chunk)):
            session.send(chunk)
        session.send(b"\0")
        session.message("good", body(1))

    with Hostile(behave) as broker:
        d = make(broker.url)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        eventually(lambda: broker.acks == ["huge", "good"], timeout=60)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 40_000, f"{grown} kB"
        (found,) = refusals.newest(d.project)
        assert (found.size, len(found.raw) <= 16_384) == (size, True)


WRONG = [
    b"MESSAGE\nack:1\ncontent-length:3\n\nmuch longer than that\0", b"MESSAGE\nno-ack:1\n\nx\0",
    b"ERROR\nmessage:you are\\nnot wanted\n\nreally\0", b"HTTP/1.1 302 Found\r\nLocation: http://evil/\r\n\r\n",
    b"\x00\xff" * 500, b"MESSAGE\nack:1\ncontent-length:-1\n\nx\0", b"CONNECTED\n\n\0GARBAGE",
    b"MESSAGE\nack:1\ncontent-length:99999999999999999999\n\nx\0",
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_where_nobody_knows_how_to_go_on_it_connects_again(make: Make, wrong: bytes) -> None:
    def behave(session: Session) -> None:
        if len(broker.sessions) == 1:
            session.send(wrong)
            session.closed.wait(5)
            session.cut()
        else:
            session.message("good", body(1))

    with Hostile(behave) as broker:
        d = make(broker.url)
        eventually(lambda: broker.acks == ["good"])
        assert d.counted().taken == 1


def test_a_broker_that_falls_silent_is_given_up(make: Make) -> None:
    """It promised a sign of life each second, and gives none though the connection stands."""

    def behave(session: Session) -> None:
        if len(broker.sessions) > 1:
            session.message("good", body(1))

    with Hostile(behave, beats=b"1000,1000") as broker:
        d = make(broker.url)
        eventually(lambda: broker.acks == ["good"], timeout=15)
        assert broker.sessions[0].closed.is_set()
        assert d.counted().taken == 1


def test_one_that_promises_nothing_is_asked_and_given_up_if_it_does_not_answer(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SILENT", 1.0)
    monkeypatch.setattr(connection, "CONNECT_WITHIN", 1.0)

    def behave(session: Session) -> None:
        session.answers = len(broker.sessions) > 1

    with Hostile(behave) as broker:
        d = make(broker.url)
        eventually(lambda: len(broker.sessions) == 2 and broker.sessions[0].closed.is_set(), timeout=20)
        second = broker.sessions[1]
        eventually(lambda: second.commands.count("BEGIN") >= 2, timeout=20)
        assert bridges.list_all(d.project)[0].state == "connected"


def test_a_broker_that_is_not_there_is_tried_again_and_the_next_address_is_tried_too(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"stomp://127.0.0.1:{probe.getsockname()[1]}"
    with Hostile(lambda session: session.message("good", body(1))) as broker:
        d = make(nobody)
        eventually(lambda: bridges.list_all(d.project)[0].state == "away")
        toml = d.root / "procession.toml"
        toml.write_text(toml.read_text().replace(f'"{nobody}"', f'["{nobody}", "{broker.url}"]'))
        d.project.refresh()
        eventually(lambda: broker.acks == ["good"], timeout=20)
        assert d.counted().taken == 1


@pytest.mark.feature("M53")
def test_what_cannot_be_stored_now_is_not_acknowledged_and_is_stored_later(make: Make) -> None:
    with Hostile(lambda session: session.message("later", body(1))) as broker:
        d = make(broker.url)
        eventually(lambda: d.counted().taken == 1)
        toml = d.root / "procession.toml"
        said = toml.read_text()
        toml.write_text(said + '\n[work]\nreserve = "1000 TB"\n')  # no disk has so much room
        d.project.refresh()
        d.again()
        eventually(lambda: len(broker.sessions) == 2)
        broker.sessions[1].message("full", body(2))
        broker.sessions[1].message("cancel", json.dumps({**json.loads(body(3)), "cancel": True}).encode())
        eventually(lambda: "cancel" in broker.acks)
        assert "full" not in broker.acks
        toml.write_text(said)
        d.project.refresh()
        eventually(lambda: "full" in broker.acks, timeout=20)
        assert d.counted().taken == 2


def test_people_are_told_when_a_broker_is_away_for_long_and_no_more_when_it_is_back(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "AWAY", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    d = make(f"stomp://127.0.0.1:{port}")
    (told,) = eventually(lambda: messages.newest(d.project), timeout=20)
    assert (told.kind, told.task) == ("bridge", "isis") and "refused" in told.text
    found = {each.check: each for each in doctor.examine(d.project)}
    assert found["bridge isis"].level == "warning"
    with Hostile(lambda session: None, port=port):
        eventually(lambda: not messages.newest(d.project), timeout=30)
        assert bridges.list_all(d.project)[0].state == "connected"
    assert len(messages.newest(d.project, ended=True)) == 1


@pytest.mark.feature("M53")
def test_one_that_no_code_is_made_for_is_refused_and_harms_no_other(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever mistake of ours a message meets, it would meet it for ever."""
    trip(monkeypatch, 2, ValueError("nobody thought of this"))
    with Hostile(four) as broker:
        d = make(broker.url)
        eventually(lambda: sorted(broker.acks) == ["m0", "m1", "m2", "m3"])
        assert (d.counted().taken, d.counted().refused, len(broker.sessions)) == (3, 1, 1)


def test_one_that_the_database_refuses_waits_and_harms_no_other(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trip(monkeypatch, 2, StoreError("the database refused a statement"))
    monkeypatch.setattr(receiver, "AGAIN", 0.01)
    with Hostile(four) as broker:
        d = make(broker.url)
        eventually(lambda: sorted(broker.acks) == ["m0", "m1", "m3"])
        broker.sessions[0].message("m4", body(4))
        eventually(lambda: "m4" in broker.acks)
        assert (d.counted().taken, len(broker.sessions)) == (4, 1)
        assert len([each for each in caplog.records if "not stored" in each.getMessage()]) == 1
        monkeypatch.undo()
        eventually(lambda: "m2" in broker.acks)


def four(session: Session) -> None:
    for n in range(4):
        session.message(f"m{n}", body(n))


def trip(monkeypatch: pytest.MonkeyPatch, number: int, error: Exception) -> None:
    """Whoever stores this run trips over it."""
    real = events.submit_all

    def submit_all(project: Project, tx: Tx, new: Sequence[NewEvent], **more: Any) -> list[Submitted]:
        if any(each.params["run_number"] == number for each in new):
            raise error
        return real(project, tx, new, **more)

    monkeypatch.setattr(events, "submit_all", submit_all)
