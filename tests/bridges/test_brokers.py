"""What a bridge does on every broker: the same suite on a real ActiveMQ and on a real RabbitMQ (G1, G5, G36)."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from procession.commands import bridges, reasons, refusals
from tests.bridges.bridged import Bridged
from tests.bridges.peer import Peer
from tests.brokers import Broker, RabbitMQ
from tests.flow.invariants import check
from tests.postgres import Postgres
from tests.waiting import eventually

pytestmark = pytest.mark.feature("P9", "M52")

NUMBERS = itertools.count(1)


@pytest.fixture(params=["activemq", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    found: Broker = request.getfixturevalue(request.param)
    found.start()
    return found


Make = Callable[..., Bridged]


@pytest.fixture
def make(tmp_path: Path, broker: Broker) -> Iterator[Make]:
    made: list[Bridged] = []

    def one(more: str = "", url: str | None = None, database: str | None = None) -> Bridged:
        queue = f"test{next(NUMBERS)}"
        place = tmp_path / f"p{len(made)}"
        made.append(Bridged(place, url or broker.url, queue, more=more, vhost=broker.vhost, database=database))
        made[-1].bridges.start()
        return made[-1]

    yield one
    for each in made:
        check(each)
        each.close()


@pytest.fixture
def peer(broker: Broker) -> Iterator[Peer]:
    with Peer(broker) as made:
        yield made


def told(peer: Peer, d: Bridged, n: int) -> list[tuple[int, str]]:
    """Run and status of the next messages that were told."""
    peer.listen(f"/queue/{d.queue}.told")
    found = [peer.next()[1] for _ in range(n)]
    return [(each["run_number"], each["status"]) for each in found]


@pytest.mark.feature("M54", "N14")
def test_a_message_becomes_an_event_and_its_statuses_come_back(make: Make, peer: Peer) -> None:
    d = make()
    peer.listen(f"/queue/{d.queue}.told")
    peer.send(f"/queue/{d.queue}.pending", d.message(1, title="vanadium"))
    eventually(lambda: d.counted().taken == 1)
    d.turn()
    headers, first = peer.next()
    assert first | {"status": "started", "run_number": 1, "title": "vanadium", "task": "reduce"} == first
    assert headers["procession-id"] and headers["correlation-id"] == "GEM-1-0"
    d.end(1)
    headers, second = peer.next()
    assert (second["status"], second["processing"], second["results"]) == ("succeeded", 1, [])
    eventually(lambda: d.counted().sent == 2 and d.count("outbox") == 0)
    assert refusals.newest(d.project) == []


@pytest.mark.feature("M84")
def test_what_failed_is_told_with_its_error_and_when_it_is_tried_again(make: Make, peer: Peer) -> None:
    d = make()
    peer.listen(f"/queue/{d.queue}.told")
    peer.send(f"/queue/{d.queue}.pending", d.message(1, retry_in=60))
    eventually(lambda: d.counted().taken == 1)
    assert d.get(1).due_at is not None
    d.turn()
    assert d.state(1) == "waiting"
    d.after(61)
    d.end(1, 1)
    assert peer.next()[1]["status"] == "started"
    retried = peer.next()[1]
    assert retried["status"] == "retried" and 0 <= retried["retry_in"] <= 3600 and retried["error"]
    d.after(3601)
    d.end(1, 1)
    failed = peer.next()[1]
    assert (failed["status"], "retry_in" in failed) == ("failed", False)
    assert "1" in failed["error"]


@pytest.mark.feature("M90", "N14")
def test_a_cancel_comes_before_during_and_after(make: Make, peer: Peer) -> None:
    d = make()
    pending = f"/queue/{d.queue}.pending"
    peer.send(pending, d.message(1, cancel=True))
    peer.send(pending, d.message(1))
    peer.send(pending, d.message(2))
    eventually(lambda: d.counted().taken == 2)
    assert d.state(1) == "cancelled"
    d.turn()
    assert d.state(2) == "running"
    peer.send(pending, d.message(2, cancel=True))
    eventually(lambda: d.get(2).cancel_requested_at is not None)
    d.end(2, 143)
    d.turn()
    peer.send(pending, d.message(3))
    eventually(lambda: d.counted().taken == 3)
    d.work()
    peer.send(pending, d.message(3, cancel=True))
    eventually(lambda: d.counted().cancels == 3)
    assert [d.state(n) for n in (1, 2, 3)] == ["cancelled", "cancelled", "succeeded"]
    expected = [(1, "cancelled"), (2, "started"), (2, "cancelled"), (3, "started"), (3, "succeeded")]
    assert sorted(told(peer, d, 5), key=lambda each: each[0]) == expected  # in order for each processing


@pytest.mark.feature("M53")
def test_what_cannot_be_read_is_kept_with_the_reason_and_stops_nobody(make: Make, peer: Peer) -> None:
    d = make(more='max_size = "20 kB"\nrequired = ["rb_number"]')
    pending = f"/queue/{d.queue}.pending"
    bad = [b"no json", b"[" * 5_000, b"\xff\xfe", b'{"rb_number": 1}', json.dumps(d.message(1, argv=["rm"])).encode(),
           json.dumps(d.message(1, data="x" * 30_000)).encode(), b'{"instrument": "GEM"}', b"\0\0\0"]  # fmt: skip
    for body in bad:
        peer.send(pending, body)
    peer.send(pending, d.message(5))
    eventually(lambda: d.counted().taken == 1)
    found = refusals.newest(d.project)
    assert len(found) == d.counted().refused == len(bad)
    assert all(each.source == "bridge:isis" and each.reason for each in found)
    assert {each.size for each in found} >= {7, 5_000, max(map(len, bad))}
    d.again()
    peer.send(pending, d.message(6))
    eventually(lambda: d.counted().taken == 2)
    assert d.counted().refused == len(bad)  # they were acknowledged, and did not come again


@pytest.mark.feature("M50")
def test_one_at_a_time_of_a_key_in_the_order_in_which_they_came(make: Make, peer: Peer) -> None:
    d = make()
    for number, rb in enumerate(("7", "7", "8", "7"), 1):
        peer.send(f"/queue/{d.queue}.pending", d.message(number, rb_number=rb))
    eventually(lambda: d.counted().taken == 4)
    d.turn()
    assert [d.state(n) for n in (1, 2, 3, 4)] == ["running", "waiting", "running", "waiting"]
    assert "rb:7" in reasons.why(d.project, 2).sentence
    d.end(1)
    d.turn()
    assert [d.state(n) for n in (1, 2, 3, 4)] == ["succeeded", "running", "running", "waiting"]
    d.end(2)
    d.turn()
    assert d.state(4) == "running"


@pytest.mark.feature("M54")
def test_what_comes_again_is_one_event(make: Make, peer: Peer) -> None:
    d = make()
    for _ in range(3):
        for number in (1, 2, 3):
            peer.send(f"/queue/{d.queue}.pending", d.message(number))
    peer.send(f"/queue/{d.queue}.pending", d.message(1, other=1))
    eventually(lambda: d.counted().repeats == 7)
    assert (d.counted().taken, d.count("processing")) == (3, 3)
    assert d.rows("SELECT sum(conflicts) AS n FROM event")[0].n == 1


@pytest.mark.feature("N14")
def test_what_is_told_while_nobody_publishes_waits(make: Make, peer: Peer) -> None:
    d = make()
    peer.send(f"/queue/{d.queue}.pending", d.message(1))
    eventually(lambda: d.counted().taken == 1)
    d.bridges.stop()
    d.work()
    (standing,) = bridges.list_all(d.project)
    assert (standing.state, standing.waiting) == ("unserved", 2)
    d.again()
    assert told(peer, d, 2) == [(1, "started"), (1, "succeeded")]
    eventually(lambda: bridges.list_all(d.project)[0].waiting == 0)


def test_with_postgresql_it_is_the_same(make: Make, peer: Peer, postgres_server: Postgres) -> None:
    d = make(database=postgres_server.url(postgres_server.create()))
    for number in range(20):
        peer.send(f"/queue/{d.queue}.pending", d.message(number))
    peer.send(f"/queue/{d.queue}.pending", d.message(99, cancel=True))
    eventually(lambda: d.counted().taken == 20 and d.counted().cancels == 1)
    while d.count("processing WHERE state = 'succeeded'") < 20:
        d.work()
    found = told(peer, d, 40)
    assert [s for n, s in found if n == 3] == ["started", "succeeded"]


def test_a_wrong_passcode_is_said_and_one_that_is_corrected_is_taken(make: Make) -> None:
    d = make()
    eventually(lambda: bridges.list_all(d.project)[0].state == "connected")
    Bridged.credentials(d.root, "wrong")
    d.again()
    eventually(lambda: bridges.list_all(d.project)[0].state == "away")
    assert bridges.list_all(d.project)[0].problem
    Bridged.credentials(d.root, "only for tests")
    eventually(lambda: bridges.list_all(d.project)[0].state == "connected", timeout=20)


@pytest.mark.feature("N14")
def test_a_message_that_a_broker_does_not_take_keeps_no_other_waiting(make: Make, peer: Peer, broker: Broker) -> None:
    """RabbitMQ tells of an error, though not of which message; ActiveMQ hangs up without a word."""
    d = make()
    wrong = "/nope/x" if isinstance(broker, RabbitMQ) else "?"
    said = (d.root / "procession.toml").read_text()
    d.bridges.stop()
    d.root.joinpath("procession.toml").write_text(
        said.replace(f'started = "/queue/{d.queue}.told"', f'started = "{wrong}"')
    )
    d.project.refresh()
    d.again()
    peer.send(f"/queue/{d.queue}.pending", d.message(1))
    eventually(lambda: d.counted().taken == 1)
    d.turn()
    peer.send(f"/queue/{d.queue}.pending", d.message(2, cancel=True))
    peer.send(f"/queue/{d.queue}.pending", d.message(2))
    peer.listen(f"/queue/{d.queue}.told")
    assert peer.next(60)[1]["status"] == "cancelled"
    (left,) = eventually(lambda: [row for row in d.rows("SELECT * FROM outbox") if row.tries])
    assert (left.destination, left.processing_id) == (wrong, 1) and left.problem


def test_over_tls_only_whoever_has_the_right_certificate_is_believed(tmp_path: Path, rabbitmq: RabbitMQ) -> None:
    rabbitmq.start()
    root = tmp_path / "p"
    more = f'ca_file = "{rabbitmq.home}/tls/ca.pem"'
    d = Bridged(root, rabbitmq.tls_url, f"test{next(NUMBERS)}", more=more, vhost="/")
    d.bridges.start()
    with Peer(rabbitmq) as peer:
        peer.send(f"/queue/{d.queue}.pending", d.message(1))
        eventually(lambda: d.counted().taken == 1)
    d.close()
    other = Bridged(tmp_path / "other", rabbitmq.tls_url, "x", vhost="/")
    other.bridges.start()
    eventually(lambda: "certificate" in (bridges.list_all(other.project)[0].problem or "").lower())
    other.close()
