"""The broker ends twenty times during two thousand messages: nothing is lost, nothing doubled, and the statuses are
complete and in order for each processing (N14, G1, G36; F45, F47)."""

import contextlib
import json
import random
from collections import defaultdict
from pathlib import Path

import pytest

from procession.bridges.connection import Connection, Lost
from procession.bridges.frames import write
from procession.model.bridge import BridgePlan
from tests.bridges.bridged import Bridged
from tests.bridges.peer import Peer
from tests.brokers import Broker
from tests.flow.invariants import check
from tests.waiting import eventually

pytestmark = pytest.mark.feature("N14", "M52", "M54", "P9")

ROUNDS, EACH = 20, 100


class Source:
    """A sender that believes nothing but receipts, and sends again what has none."""

    def __init__(self, d: Bridged) -> None:
        (self._plan,) = d.project.settings.bridges
        self._d = d
        self.confirmed: set[int] = set()

    def send(self, upto: int, after: int, act: object = None) -> None:
        """Send all below a number that the broker does not have for certain; after so many of them, `act`."""
        missing = sorted(set(range(upto)) - self.confirmed)
        plan: BridgePlan = self._plan
        with contextlib.suppress(Lost):
            connection = Connection(plan, plan.addresses[0], self._d.root)
            with contextlib.closing(connection):
                for place, number in enumerate(missing):
                    if place == after and callable(act):
                        act()
                    body = json.dumps(self._d.message(number, rb_number=str(number))).encode()
                    headers = {"destination": plan.subscribe[0], "persistent": "true", "receipt": str(number)}
                    connection.send_all([write("SEND", headers, body)])
                while not set(range(upto)) <= self.confirmed:
                    frame = connection.receive(10)
                    assert frame is not None and frame.command == "RECEIPT"
                    self.confirmed.add(int(frame.headers["receipt-id"]))


def test_the_broker_is_restarted_twenty_times_during_two_thousand_messages(tmp_path: Path, activemq: Broker) -> None:
    activemq.start()
    d = Bridged(tmp_path / "p", activemq.url, "n14", cpus=256)
    d.bridges.start()
    chance, source = random.Random(14), Source(d)
    for n in range(ROUNDS):
        source.send((n + 1) * EACH, chance.randrange(EACH), activemq.kill if chance.random() < 0.7 else activemq.stop)
        activemq.start()
        d.work()
        while len(source.confirmed) < (n + 1) * EACH - EACH // 2:
            source.send((n + 1) * EACH - EACH // 2, -1)
    while len(source.confirmed) < ROUNDS * EACH:
        source.send(ROUNDS * EACH, -1)
    while d.count("processing WHERE state = 'succeeded'") < ROUNDS * EACH:
        d.work()
    eventually(lambda: d.count("outbox") == 0, timeout=60)
    check(d)
    assert (d.count("event"), d.count("processing")) == (ROUNDS * EACH, ROUNDS * EACH)
    assert (d.counted().taken, d.counted().refused) == (ROUNDS * EACH, 0)
    _look_at_what_was_told(activemq, ROUNDS * EACH)
    d.close()


def _look_at_what_was_told(broker: Broker, n: int) -> None:
    """Everybody who listens knows by `procession-id` what has come before; without that each status came once."""
    told: dict[int, list[str]] = defaultdict(list)
    known: set[str] = set()
    with Peer(broker) as peer:
        peer.listen("/queue/n14.told")
        while len(known) < 2 * n:
            headers, body = peer.heard.get(timeout=20)
            if headers["procession-id"] not in known:
                known.add(headers["procession-id"])
                said = json.loads(body)
                told[said["run_number"]].append(said["status"])
    assert sorted(told) == list(range(n))
    assert all(statuses == ["started", "succeeded"] for statuses in told.values())
