"""A broker that hangs holds up nobody who wants to end: `up` stops within a moment, whatever it waits for (F47)."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.store import bridges as rows
from tests.bridges.bridged import Bridged
from tests.bridges.hostile import Hostile
from tests.waiting import eventually

pytestmark = pytest.mark.feature("P9", "N14")


def ends_soon(d: Bridged) -> None:
    began = time.monotonic()
    d.bridges.stop()
    assert time.monotonic() - began < 2.5
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("bridge isis")]
    assert left == []


@pytest.mark.parametrize("scheme", ["stomp", "stomp+ssl"])
def test_one_that_takes_the_connection_and_says_nothing(tmp_path: Path, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        d = Bridged(tmp_path / "p", f"{scheme}://127.0.0.1:{silent.getsockname()[1]}")
        d.bridges.start()
        first, _ = silent.accept()
        with first:
            assert first.recv(10)
            ends_soon(d)
        d.close()


def test_one_that_does_not_even_take_the_connection(tmp_path: Path) -> None:
    with socket.socket() as full, socket.socket() as one, socket.socket() as other:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for each in (one, other):  # there is no room for more
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        d = Bridged(tmp_path / "p", f"stomp://127.0.0.1:{full.getsockname()[1]}")
        d.bridges.start()
        ends_soon(d)
        d.close()


def test_one_that_confirms_nothing(tmp_path: Path) -> None:
    with Hostile(lambda session: None) as broker:
        d = Bridged(tmp_path / "p", broker.url)
        written(d, 1)
        d.bridges.start()
        eventually(lambda: any("SEND" in session.commands for session in broker.sessions))
        ends_soon(d)
        assert d.count("outbox") == 1
        d.close()


def written(d: Bridged, *processings: int, to: Callable[[int], str] = lambda place: "/queue/told") -> None:
    """Put a message of each of these processings into the outbox."""
    now = d.project.now()
    with d.project.store.begin() as tx:
        rows.add(
            tx,
            [
                {
                    "bridge": "isis", "processing_id": pid, "destination": to(place), "key": None, "body": "{}",
                    "made_at": now, "due_at": now,
                }
                for place, pid in enumerate(processings)
            ],
        )  # fmt: skip
