"""The end of an instance is told to who asked for it: at least once, in order, to no address of this machine."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from procession.commands import claims, deliveries, instances, processings, work
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from procession.courier import Courier, Parcel, hand_over
from procession.errors import Invalid, Refused
from procession.model.callback import Callback, check_callback, refuse_address
from procession.model.delivery import TRIES, next_try
from procession.store import deliveries as rows
from tests.flow.driven import Driven
from tests.waiting import eventually

WHO = Asked("somebody")
Drive = Callable[..., Driven]


class Receiver(ThreadingHTTPServer):
    """Takes what is sent, and answers as it is told to: the next of `answers`, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Receiver)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.gate.wait(30)
        server.taken.append((self.path, dict(self.headers), json.loads(body)))
        status = server.answers.pop(0) if server.answers else 200
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", f"{server.url}/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


def driven(drive: Drive, receiver: Receiver) -> Driven:
    return drive(f'[tasks.Sum]\noutside = true\n[web]\ncallbacks = ["{receiver.url}/in/"]\n')


def end(d: Driven, receiver: Receiver, key: str = "a", result: Any = 15, fail: str | None = None) -> int:
    instances.submit(d.project, "Sum", NewInstance(key, callback=f"{receiver.url}/in/{key}"), WHO)
    (claimed,) = claims.claim(d.project, "w1")
    if fail is not None:
        return work.fail(d.project, claimed.attempt, fail)
    return work.succeed(d.project, claimed.attempt, result)


def deliver(d: Driven, n: int = 1) -> None:
    """Let the courier go and come back so often."""
    for _ in range(n):
        d.turn()
        eventually(lambda: d.post.courier.ended or not d.post.courier.under_way, what="the courier is back")
        d.turn()


@pytest.mark.feature("M117")
def test_the_end_is_told_with_its_result_under_one_name(drive: Drive, receiver: Receiver) -> None:
    d = driven(drive, receiver)
    pid = end(d, receiver, result={"sum": 15})
    deliver(d)
    ((path, headers, body),) = receiver.taken
    assert path == "/in/a"
    assert headers["Procession-Delivery"] == f"{d.project.installation.key}-1"
    assert (body["id"], body["task"], body["key"], body["state"]) == (pid, "Sum", "a", "succeeded")
    assert body["result"] == {
        "mime": "application/json", "size": 10, "value": {"sum": 15}, "inline": True
    }  # fmt: skip
    (found,) = deliveries.newest(d.project)
    assert (found.state, found.tries) == ("delivered", 1)
    deliver(d, 3)
    assert len(receiver.taken) == 1


@pytest.mark.feature("M117")
def test_every_way_to_end_is_told_and_a_large_result_is_fetched(drive: Drive, receiver: Receiver) -> None:
    d = driven(drive, receiver)
    end(d, receiver, "failed", fail="no numbers")
    instances.submit(d.project, "Sum", NewInstance("cancelled", callback=f"{receiver.url}/in/"), WHO)
    processings.cancel(d.project, instances.status(d.project, "Sum", "cancelled").id)
    end(d, receiver, "large", result="x" * 100_000)
    deliver(d, 3)
    told = {body["key"]: body for _, _, body in receiver.taken}
    assert {key: body["state"] for key, body in told.items()} == {
        "failed": "failed", "cancelled": "cancelled", "large": "succeeded"
    }  # fmt: skip
    assert told["failed"]["reason"] == "call: no numbers"
    assert told["large"]["result"]["inline"] is False
    assert told["large"]["result"]["at"] == "/api/v1/tasks/Sum/instances/large/result"


@pytest.mark.feature("M117")
def test_what_is_not_taken_is_tried_again_then_given_up_and_people_are_told(drive: Drive, receiver: Receiver) -> None:
    d = driven(drive, receiver)
    receiver.answers = [500, 302, 404] + [503] * (TRIES - 3)
    end(d, receiver)
    for n in range(TRIES):
        deliver(d)
        assert len(receiver.taken) == n + 1
        deliver(d)
        assert len(receiver.taken) == n + 1, "not before its moment"
        d.clock.advance(2.7**n * 15 * 1.3)
    assert {path for path, _, _ in receiver.taken} == {"/in/a"}, "no redirect was followed"
    assert len({headers["Procession-Delivery"] for _, headers, _ in receiver.taken}) == 1
    (found,) = deliveries.newest(d.project, failed=True)
    assert (found.state, found.tries, found.problem) == ("failed", TRIES, "status 503")
    assert [row.kind for row in d.rows("SELECT kind FROM message WHERE ended_at IS NULL")] == ["delivery"]
    deliveries.redeliver(d.project, found.id, WHO)
    with pytest.raises(Refused):
        deliveries.redeliver(d.project, found.id, WHO)
    deliver(d)
    assert deliveries.newest(d.project)[0].state == "delivered"
    assert not d.rows("SELECT 1 FROM message WHERE ended_at IS NULL")


@pytest.mark.feature("M117")  # G36
def test_what_a_launcher_had_on_its_way_when_it_was_killed_is_sent_again(drive: Drive, receiver: Receiver) -> None:
    d = driven(drive, receiver)
    receiver.gate.clear()
    end(d, receiver)
    d.turn()
    d.crash()
    receiver.gate.set()
    d.after(31)
    deliver(d)
    eventually(lambda: len(receiver.taken) == 2, what="both tries arrived")
    assert len({headers["Procession-Delivery"] for _, headers, _ in receiver.taken}) == 1


@pytest.mark.feature("M117")  # G36
def test_of_one_processing_the_next_waits_for_the_one_before(drive: Drive, receiver: Receiver) -> None:
    d = driven(drive, receiver)
    receiver.answers = [500]
    pid = end(d, receiver, fail="first")
    deliver(d)
    processings.retry(d.project, pid)
    (claimed,) = claims.claim(d.project, "w1")
    work.succeed(d.project, claimed.attempt, 1)
    deliver(d, 2)
    assert [body["state"] for _, _, body in receiver.taken] == ["failed"]
    d.clock.advance(30)
    deliver(d, 3)
    assert [body["state"] for _, _, body in receiver.taken] == ["failed", "failed", "succeeded"]


def test_whatever_goes_wrong_on_the_way_is_a_problem_of_that_try(receiver: Receiver) -> None:
    courier, back = Courier(), threading.Event()
    parcel = Parcel(1, "x-\u212a", f"{receiver.url}/in/", "{}", 1)  # a name that no header can hold
    courier.begin(parcel, "x", [receiver.url], back.set)
    assert back.wait(20)
    (returned,) = courier.take()
    assert returned.problem


def test_the_time_of_a_try_holds_for_the_look_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr("procession.courier.LIMIT", 0.2)
    monkeypatch.setattr("procession.courier.socket.getaddrinfo", lambda *_, **__: gate.wait(10) and [])
    said = hand_over(Parcel(1, "x-1", "http://hooks.example/in", "{}", 1), ["http://hooks.example/"])
    gate.set()
    assert said == "no answer within 0.2 s"


@pytest.mark.feature("M117")
def test_many_for_one_slow_receiver_do_not_keep_another_waiting(drive: Drive, receiver: Receiver) -> None:
    d = driven(drive, receiver)
    receiver.gate.clear()
    with d.project.store.begin() as tx:
        row = {"kind": "callback", "processing_id": None, "body": "{}", "made_at": 1}
        slow = [{**row, "target": f"{receiver.url}/in/{n}", "due_at": n} for n in range(40)]
        rows.add(tx, [*slow, {**row, "target": "http://127.0.0.1:9/in/", "due_at": 99}])
    d.turn()
    assert d.rows("SELECT tries FROM delivery WHERE target LIKE '%:9/in/'")[0].tries == 1
    assert d.rows("SELECT count(*) AS n FROM delivery WHERE tries = 1")[0].n == 3


@pytest.mark.feature("M117")
def test_what_comes_back_too_late_changes_nothing_and_a_redeliver_is_sent_once_more(drive: Drive) -> None:
    d = drive("[tasks.t]\non = 'e'\nrun = './one.sh'\n")
    with d.project.store.begin() as tx:
        row = {
            "kind": "callback",
            "processing_id": None,
            "target": "http://x/",
            "body": "{}",
            "made_at": 1,
            "due_at": 1,
        }
        rows.add(tx, [row])
        (found,) = rows.due(tx, 5, 9)
        assert rows.begin(tx, found, 100)
        rows.again(tx, found.id, 50)
        (asked,) = rows.due(tx, 60, 9)
        assert rows.begin(tx, asked, 200)
        assert not rows.failed(tx, found.id, 1, 100, "late", None)
        assert not rows.arrived(tx, found.id, 1, 100, 150)
        assert rows.arrived(tx, found.id, 1, 200, 160)


def test_a_slow_receiver_is_not_waited_for(drive: Drive, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procession.courier.LIMIT", 0.2)
    receiver.gate.clear()
    parcel = Parcel(1, "x-1", f"{receiver.url}/in/a", "{}", 1)
    assert hand_over(parcel, [f"{receiver.url}/in/"]) == "no answer within 0.2 s"


# B36, C23
@pytest.mark.feature("M117")
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/", "http://localhost:8750/api", "file:///etc/passwd", "gopher://hooks.example/in/",
        "http://hooks.example/in/", "https://hooks.example.evil.com/in/", "https://hooks.example@evil.com/in/",
        "https://user:pass@hooks.example/in/", "https://hooks.example:8443/in/", "https://hooks.example/inside",
        "https://hooks.example/in/../admin", "https://hooks.example/in/%2e%2e/admin", "https://hooks.example/in/..%2fx",
        "https://hooks.example/in/\r\nX: y", "https://hooks.example\\@evil.com/in/", "//hooks.example/in/", "",
        "https://hooks.example/in/#x", "https://hooks.example:99999/in/", "x" * 3000,
        "https://hooks.example/in/\u212a",
    ],
)  # fmt: skip
def test_only_what_the_operator_lists_may_be_called(drive: Drive, url: str) -> None:
    d = drive('[tasks.Sum]\noutside = true\n[web]\ncallbacks = ["https://hooks.example/in/"]\n')
    with pytest.raises(Invalid):
        instances.submit(d.project, "Sum", NewInstance("a", callback=url), WHO)
    assert not d.rows("SELECT 1 FROM event")


def test_what_is_below_a_listed_beginning_may_be_called() -> None:
    listed = ["https://hooks.example/in", "http://127.0.0.1:80/"]
    assert check_callback("https://HOOKS.example:443/in/a?b=c", listed).path == "/in/a?b=c"
    assert check_callback("https://hooks.example/in", listed).authority == "hooks.example"
    assert check_callback("http://127.0.0.1/x", listed).named


# B36: a name that means an address of this machine, today or tomorrow
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "169.254.169.254", "fe80::1%eth0", "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "224.0.0.1", "100.100.100.200", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_a_listed_name_that_means_this_machine_is_not_called(address: str) -> None:
    callback = Callback("http", "hooks.example", 80, "/", named=False)
    with pytest.raises(Invalid):
        refuse_address(address, callback)
    refuse_address("10.1.2.3", callback)
    refuse_address("93.184.216.34", callback)


def test_the_name_is_looked_up_right_before_it_is_called(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket  # noqa: PLC0415

    found = socket.getaddrinfo("127.0.0.1", receiver.server_port, type=socket.SOCK_STREAM)
    monkeypatch.setattr("procession.courier.socket.getaddrinfo", lambda *_, **__: found)
    listed = f"http://hooks.example:{receiver.server_port}/"
    said = hand_over(Parcel(1, "x-1", f"{listed}in", "{}", 1), [listed])
    assert said is not None
    assert "is not called" in said
    assert not receiver.taken


def test_tries_are_spread_over_most_of_a_day() -> None:
    spans = [next_try(n, lambda: 0.5) for n in range(1, TRIES)]
    assert 12 * 3600 < sum(span or 0 for span in spans) < 24 * 3600
    assert next_try(TRIES, lambda: 0.5) is None
