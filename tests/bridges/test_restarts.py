"""The broker ends twenty times during two thousand messages: nothing is lost, nothing doubled, and the statuses are
complete and in order for each processing (N14, G1, G36; F45, F47)."""

import contextlib
import json
import random
import threading
from collections import defaultdict
from functools import partial
from pathlib import Path

import pytest
import stomp

from tests.bridges.bridged import Bridged
from tests.bridges.peer import Peer
from tests.brokers import Broker
from tests.flow.invariants import check
from tests.waiting import eventually

pytestmark = pytest.mark.feature("N14", "M52", "M54", "P9")

ROUNDS, EACH = 20, 100


class Confirmed(stomp.ConnectionListener):
    """Which messages the broker has for good."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()

    def on_receipt(self, frame: object) -> None:
        with contextlib.suppress(ValueError):
            self.numbers.add(int(frame.headers["receipt-id"]))  # type: ignore[attr-defined]


def test_the_broker_is_restarted_twenty_times_during_two_thousand_messages(tmp_path: Path, activemq: Broker) -> None:
    activemq.start()
    d = Bridged(tmp_path / "p", activemq.url, "n14", cpus=256)
    d.bridges.start()
    chance = random.Random(14)
    confirmed, over = Confirmed(), threading.Event()

    def disturb() -> None:
        """End the broker in the midst of it, one way or the other, and let it come back."""
        for n in range(ROUNDS):
            wanted = min(len(confirmed.numbers) + chance.randrange(EACH), (n + 1) * EACH)
            with contextlib.suppress(AssertionError):
                eventually(partial(_has, confirmed, wanted), timeout=5)
            (activemq.kill if chance.random() < 0.7 else activemq.stop)()
            activemq.start()
        over.set()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    number = 0
    while not over.is_set() or len(confirmed.numbers) < ROUNDS * EACH:
        upto = min(ROUNDS * EACH, len(confirmed.numbers) + EACH)
        with contextlib.suppress(Exception), Peer(activemq) as peer:
            peer.connection.set_listener("confirmed", confirmed)
            for number in sorted(set(range(upto)) - confirmed.numbers):
                peer.send("/queue/n14.pending", d.message(number, rb_number=str(number)), receipt=str(number))
            eventually(partial(_is_over, peer, confirmed, upto), timeout=5)
        d.work()
    disturber.join(120)
    eventually(lambda: d.counted().taken == ROUNDS * EACH, timeout=30)
    while d.count("processing WHERE state = 'succeeded'") < ROUNDS * EACH:
        d.work()
    eventually(lambda: d.count("outbox") == 0, timeout=30)
    check(d)
    assert (d.count("event"), d.count("processing")) == (ROUNDS * EACH, ROUNDS * EACH)
    assert d.counted().refused == 0
    _look_at_what_was_told(activemq, ROUNDS * EACH)
    d.close()


def _has(confirmed: Confirmed, wanted: int) -> bool:
    return len(confirmed.numbers) >= wanted


def _is_over(peer: Peer, confirmed: Confirmed, upto: int) -> bool:
    """Has the broker so many, or is it gone?"""
    return len(confirmed.numbers) >= upto or not peer.connection.is_connected()


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
        while not peer.heard.empty():
            assert peer.heard.get()[0]["procession-id"] in known
    assert sorted(told) == list(range(n))
    assert all(statuses == ["started", "succeeded"] for statuses in told.values())
