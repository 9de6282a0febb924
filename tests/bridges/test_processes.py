"""A bridge in a process of its own, which is killed at any moment; and what people see and ask on the command line."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridges.bridged import Bridged
from tests.bridges.peer import Peer
from tests.brokers import Broker
from tests.waiting import eventually

pytestmark = pytest.mark.feature("N14", "P9", "M54")


@pytest.fixture
def d(tmp_path: Path, activemq: Broker) -> Iterator[Bridged]:
    activemq.start()
    made = Bridged(tmp_path / "p", activemq.url, f"own{tmp_path.name[-12:]}")
    yield made
    made.close()


def ask(d: Bridged, *words: str, code: int = 0) -> Any:
    command = [sys.executable, "-m", "procession", "--project", str(d.root), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def serve(d: Bridged) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    begun: list[subprocess.Popen[bytes]] = []

    def one() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "procession", "--project", str(d.root), "bridge", "isis"]
        begun.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return begun[-1]

    yield one
    for each in begun:
        each.kill()
        each.wait(10)


def test_it_is_killed_while_messages_come_and_another_one_goes_on(
    d: Bridged, activemq: Broker, serve: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    with Peer(activemq) as peer:
        for number in range(600):
            peer.send(f"/queue/{d.queue}.pending", d.message(number, rb_number=str(number)))
        for wanted in (1, 200, 400):
            process = serve()
            eventually(lambda wanted=wanted: d.counted().taken >= wanted, timeout=60)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        first, second = serve(), serve()
        eventually(lambda: d.counted().taken == 600, timeout=60)
        assert d.count("event") == 600
        for _ in range(10):
            d.work()
        first.kill()
        eventually(lambda: d.count("outbox") == 0, timeout=60)
        second.terminate()
        assert second.wait(20) == 0


def test_what_people_see_and_ask(d: Bridged, serve: Callable[[], "subprocess.Popen[bytes]"], activemq: Broker) -> None:
    (found,) = ask(d, "bridges")["items"]
    assert (found["name"], found["state"], found["taken"]) == ("isis", "unserved", 0)
    serve()
    eventually(lambda: ask(d, "bridges")["items"][0]["state"] == "connected", timeout=30)
    answer = ask(d, "cancel-key", "reduction", "GEM-7-0", "--reason", "beam off")
    assert (answer["state"], answer["processings"]) == ("before", [])
    with Peer(activemq) as peer:
        peer.send(f"/queue/{d.queue}.pending", d.message(7))
        eventually(lambda: d.counted().taken == 1)
    assert "beam off" in (d.get(1).reason or "")
    late = ask(d, "cancel-key", "reduction", "GEM-7-0", code=5)
    assert late["processings"] == [{"id": 1, "answer": "too_late", "state": "cancelled"}]
    assert ask(d, "republish", "isis") == {"name": "isis", "messages": 0}
