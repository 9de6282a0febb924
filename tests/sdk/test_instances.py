"""Instances from a program's side: submitted, claimed, done elsewhere, fetched; here and over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from procession import Client, Duplicate, QueueFull, verbs
from procession.errors import Denied, Invalid, NotFound, Refused
from tests.flow.driven import Driven
from tests.sdk.serving import TOKEN, served

pytestmark = [
    pytest.mark.feature("P27"),
    pytest.mark.skipif("claim" not in verbs.load(), reason="comes with the verbs of instances"),
]


@pytest.fixture
def d(tmp_path: Path) -> Iterator[Driven]:
    found = Driven(tmp_path / "p", '[tasks.t]\non = "e"\nrun = "./one.sh"\n')
    yield found
    found.close()


@pytest.fixture(params=["here", "far"])
def client(request: pytest.FixtureRequest, d: Driven) -> Iterator[Client]:
    if request.param == "here":
        with Client(d.root) as found:
            yield found
        return
    with served(d.project) as site, Client(site.url, token=TOKEN) as found:
        yield found


def test_an_instance_goes_from_hand_to_hand(client: Client) -> None:
    client.register("sum", timeout=60, retention=600, attempts=3, options={"max_waiting": 2})
    client.register("sum", timeout=60, retention=600, attempts=3, options={"max_waiting": 2})
    born = client.submit("sum", "k", inputs=(1, 2, 3), title="Three")
    with pytest.raises(Duplicate, match="has an instance 'k'"):
        client.submit("sum", "k")
    made_up = client.submit("sum", inputs=None)["key"]
    with pytest.raises(QueueFull):
        client.submit("sum", "third")
    work, other = sorted(client.claim(limit=5, worker="w"), key=lambda each: each.key != "k")
    assert (work.key, work.inputs, work.told["title"], other.key) == ("k", [1, 2, 3], "Three", made_up)
    assert client.claim(limit=5) == []
    with work:
        assert work.heartbeat(0.5, "half", message="seen") is None
        assert client.status("sum", "k")["progress"] == {"share": 0.5, "text": "half"}
        work.pause()
        work.resume()
        work.succeed(sum(work.inputs), outputs={"n": 3})
    assert work.ended
    assert client.result("sum", "k").json() == client.result(born["id"]).json() == 6
    assert client.wait("sum", "k")["ended"]
    assert any(line["reason"] == "seen" for line in client.journal("sum", "k")["items"])
    other.give_back("not mine")
    (again,) = client.claim(worker="w2")
    again.start()
    again.fail("cannot be")
    assert client.status("sum", made_up)["reason"].endswith("cannot be")
    assert {each["key"] for each in client.instances("sum")["items"]} == {"k", made_up}
    client.delete("sum", "k")
    with pytest.raises(NotFound):
        client.status("sum", "k")
    with pytest.raises(Refused):
        client.unregister("sum")
    client.unregister("sum", force=True)


def test_a_block_says_how_it_ended(client: Client) -> None:
    client.register("t2")
    for key in ("plain", "raises", "given back"):
        client.submit("t2", key)
    for work in client.claim(limit=3):
        if work.key == "raises":
            with pytest.raises(KeyError), work:
                raise KeyError("x")
        elif work.key == "plain":
            with work:
                pass
        else:
            with work:
                work.give_back()
    assert client.status("t2", "plain")["state"] == "succeeded"
    assert client.status("t2", "raises")["reason"].endswith("KeyError: 'x'")
    assert client.status("t2", "given back")["phase"] != "succeeded"


@pytest.mark.parametrize(
    ("result", "mime", "body", "kind"),
    [
        ({"a": [1, None]}, None, b'{"a":[1,null]}', "application/json"),
        (b"\x00\xff\x89PNG", "image/png", b"\x00\xff\x89PNG", "image/png"),
        (b"raw", None, b"raw", "application/octet-stream"),
        ("tekst é", "text/plain", "tekst é".encode(), "text/plain"),
    ],
)
def test_a_result_comes_back_as_it_was_given(
    client: Client, result: object, mime: str | None, body: bytes, kind: str
) -> None:
    client.register("t2")
    client.submit("t2", "k")
    (work,) = client.claim()
    work.start()
    work.succeed(result, mime)
    found = client.result("t2", "k")
    assert found.mime.partition(";")[0] == kind
    assert found.body.replace(b" ", b"") == body.replace(b" ", b"")


def test_what_is_over_is_refused(client: Client) -> None:
    client.register("t2", timeout=5, attempts=1)
    client.submit("t2", "k")
    (work,) = client.claim()
    work.start()
    client.delete("t2", "k", cancel=True)
    for act in (work.heartbeat, work.succeed, work.start, lambda: work.fail("x"), work.give_back):
        with pytest.raises((Refused, NotFound)):
            act()
    with pytest.raises(NotFound):
        client.result("t2", "k")
    assert not work.ended


def test_many_workers_share_what_there_is_and_nobody_gets_it_twice(client: Client) -> None:
    client.register("t2")
    found = client.submit_all("t2", [{"key": str(n), "inputs": n} for n in range(40)] + [{"key": "1"}])
    assert [each.get("error") for each in found["items"]] == [None] * 40 + ["Duplicate"]
    done: list[int] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while some := client.claim(limit=3):
                for each in some:
                    with each:
                        each.succeed(each.inputs)
                    done.append(each.inputs)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(done) == list(range(40))


def test_only_a_script_that_runs_acquires_locks(client: Client) -> None:
    if "acquire" not in verbs.load():
        pytest.skip("comes with the verbs of locks")
    assert client.locks()["items"] == []
    with pytest.raises((Denied, Invalid)):
        client.acquire(["account:17"])
