"""How many messages a second are taken in durably over a bridge, beside a bare consumer (issue: 1,000 a second).

    .venv/bin/python bench/bridge.py [MESSAGES]

*In:* nothing; a real ActiveMQ in a directory of its own. *Out:* messages a second of each, and the ratio. Both read a
queue that was filled before, and acknowledge each message by itself after its commit. The bare one is what one would
write by hand: stomp.py, one INSERT and one commit into SQLite (WAL, synchronous FULL) for each message. Ours stores an
event, its key, a processing and its step for each, and gathers what comes together. *Always:* the two run in turns in
the same minutes, three times each, and the median counts, so the load of the machine is that of both.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import stomp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from procession.bridges.serving import Bridges
from procession.project import Project
from procession.store import bridges
from tests.brokers import LOGIN, PASSCODE, ActiveMQ

TOML = """
[bridges.bench]
kind = "stomp"
url = "{url}"
credentials_file = "secret"
subscribe = "/queue/{queue}"
event = "reduction"
key = "{{instrument}}-{{run_number}}"
[tasks.reduce]
on = "reduction"
run = "true"
"""


def connected(broker: ActiveMQ, listener: Any = None) -> Any:
    """A connection of stomp.py."""
    made = stomp.Connection12([("127.0.0.1", broker.port)], auto_decode=False)
    if listener is not None:
        made.set_listener("", listener)
    made.connect(LOGIN, PASSCODE, wait=True)
    return made


def fill(broker: ActiveMQ, queue: str, n: int) -> None:
    """Put so many messages of 300 bytes into a queue."""
    sender = connected(broker)
    for number in range(n):
        said = {"instrument": "GEM", "run_number": number, "rb_number": number % 50, "data": "/archive/" + "x" * 220}
        sender.send(f"/queue/{queue}", json.dumps(said), persistent="true")
    sender.disconnect()


class Bare(stomp.ConnectionListener):
    """Commit, acknowledge."""

    def __init__(self, path: Path, n: int) -> None:
        self._path, self._n, self._rows = path, n, None
        self.connection: Any = None
        self.done = threading.Event()
        self.taken = 0

    def on_message(self, frame: Any) -> None:
        if self._rows is None:
            self._rows = sqlite3.connect(self._path, isolation_level=None)
            self._rows.execute("PRAGMA journal_mode = WAL")
            self._rows.execute("PRAGMA synchronous = FULL")
            self._rows.execute("CREATE TABLE m (id INTEGER PRIMARY KEY, k TEXT UNIQUE, body TEXT)")
        said = json.loads(frame.body)
        self._rows.execute("INSERT INTO m (k, body) VALUES (?, ?)", (str(said["run_number"]), frame.body))
        self.connection.ack(frame.headers["ack"])
        self.taken += 1
        if self.taken == self._n:
            self.done.set()


def bare(broker: ActiveMQ, directory: Path, queue: str, n: int) -> float:
    """Messages a second."""
    listener = Bare(directory / "bare.db", n)
    listener.connection = connected(broker, listener)
    began = time.perf_counter()
    listener.connection.subscribe(
        f"/queue/{queue}", id="1", ack="client-individual", headers={"activemq.prefetchSize": "500"}
    )
    listener.done.wait()
    took = time.perf_counter() - began
    listener.connection.disconnect()
    return n / took


def ours(broker: ActiveMQ, directory: Path, queue: str, n: int) -> float:
    """The same."""
    (directory / "secret").write_text(f"{LOGIN}\n{PASSCODE}\n")
    (directory / "secret").chmod(0o600)
    (directory / "procession.toml").write_text(TOML.format(url=broker.url, queue=queue))
    project = Project.open(directory)
    began = time.perf_counter()
    serving = Bridges(project.beside())
    serving.start()
    taken = 0
    while taken < n:
        time.sleep(0.01)
        with project.store.read() as tx:
            taken = bridges.counted(tx)["bench"].taken if bridges.counted(tx) else 0
    took = time.perf_counter() - began
    serving.stop()
    project.close()
    return n / took


def main() -> None:
    """Measure and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    with ActiveMQ() as broker, tempfile.TemporaryDirectory(prefix="procession-bench.") as place:
        for turn in range(3):
            for name, measure in (("bare", bare), ("ours", ours)):
                directory = Path(place) / f"{name}{turn}"
                directory.mkdir()
                fill(broker, f"{name}{turn}", n)
                rates[name].append(measure(broker, directory, f"{name}{turn}", n))
    middle = {name: statistics.median(found) for name, found in rates.items()}
    print(f"{n} messages, median of 3, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name, found in rates.items():
        print(f"  {name}: {middle[name]:7.0f} messages/s  ({min(found):.0f} to {max(found):.0f})")
    print(f"  ratio: {middle['ours'] / middle['bare']:.2f}")


if __name__ == "__main__":
    main()
