"""The client: the same methods and answers here and over HTTP, and nothing is done twice."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import procession
from procession import verbs
from procession.errors import (
    Denied,
    Duplicate,
    HostError,
    Invalid,
    NotFound,
    ProcessionError,
    QueueFull,
    Refused,
    StorageFull,
    StoreBusy,
)  # fmt: skip
from procession.sdk import problems, remote
from procession.sdk.client import Client, client
from procession.sdk.routes import ROUTES
from procession.sdk.transport import Result
from tests.flow.driven import Driven
from tests.sdk.serving import TOKEN, Site, served

TOML = '[tasks.t]\non = "e"\nrun = "./one.sh"\nretry = { attempts = 1 }\n'


@pytest.fixture
def d(tmp_path: Path) -> Iterator[Driven]:
    found = Driven(tmp_path / "p", TOML)
    yield found
    found.close()


@pytest.fixture
def site(d: Driven) -> Iterator[Site]:
    with served(d.project) as found:
        yield found


@pytest.fixture(params=["here", "far"])
def asker(request: pytest.FixtureRequest, d: Driven) -> Iterator[Client]:
    """A client of the project, both ways."""
    where = d.root if request.param == "here" else request.getfixturevalue("site").url
    with Client(where, token=None if request.param == "here" else TOKEN) as found:
        yield found


def failed(d: Driven) -> int:
    pid = d.born()
    d.turn()
    d.end(pid, 1)
    return pid


# ── the same here and far away ─────────────────────────────────────────────────────────────────────


@pytest.mark.feature("P27", "M101")
def test_a_program_does_what_a_person_can(d: Driven, asker: Client) -> None:
    born = asker.emit("e", {"n": 1}, key="k", not_before=datetime(2026, 3, 1, tzinfo=UTC))
    assert asker.emit("e", {"n": 1}, key="k")["duplicate"]
    (pid,) = born["processings"]
    assert asker.why(pid)["code"]
    assert asker.hold(pid, reason="later")["held_at"]
    assert asker.release(pid)["held_at"] is None
    assert asker.cancel(pid)["answer"] == "accepted"
    assert [p["id"] for p in asker.list("state:cancelled")["items"]] == [pid]
    assert [line["verb"] for line in asker.show(pid)["journal"]][-1] == "cancel"
    assert asker.restart(pid, priority=3, fresh=True)["version"] == 2
    assert asker.delete(pid)["done"]
    with pytest.raises(NotFound, match=f"there is no processing {pid}"):
        asker.show(pid)
    assert asker.status()["tasks"]["t"]["waiting"] == 1
    asker.set("at_once:t", 4)
    assert asker.task("t")["at_once"] == 4
    asker.reset("at_once:t")
    assert asker.pause("t", reason="storm")["reason"] == "storm"
    asker.resume("t")
    assert asker.books()["balanced"]
    assert asker.events(unmatched=False)["items"][0]["key"] == "k"
    assert len(asker.emit_many([{"event": "e"}, {"event": "e"}])["items"]) == 2


@pytest.mark.feature("P27")
@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda c: c.show(99), NotFound),
        (lambda c: c.list("stat:x"), Invalid),
        (lambda c: c.list(limit=10**6), Invalid),
        (lambda c: c.resume("t"), Refused),
        (lambda c: c.emit("e", {"n": object()}), Invalid),
        (lambda c: c.emit("e", {"n": float("nan")}), Invalid),
        (lambda c: c.emit("e", key="\ud800"), Invalid),
        (lambda c: c.call("dance", {}), NotFound),
        (lambda c: c.task(""), ProcessionError),
        (lambda c: c.task("a/b?c"), NotFound),
    ],
)
def test_what_is_refused_is_the_same_error_both_ways(
    asker: Client, act: Callable[[Client], Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        act(asker)


def test_who_waits_for_a_processing_gets_it_when_it_has_ended(d: Driven, asker: Client) -> None:
    pid = d.born()
    with pytest.raises(TimeoutError, match=r"has not ended within 0\.05 s; it is waiting"):
        asker.wait(pid, timeout=0.05)
    other = Client(d.root)
    thread = threading.Thread(target=lambda: (other.cancel(pid), other.close()))
    thread.start()
    assert asker.wait(pid)["state"] == "cancelled"
    thread.join()


def test_a_log_comes_piece_by_piece_until_its_end(d: Driven, asker: Client) -> None:
    pid = d.born()
    d.turn()
    d.begin()
    path = d.project.var.attempt(pid, 1, "one", 1) / "log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("first\n")
    pieces = asker.log(pid)
    assert next(pieces) == "first\n"
    with path.open("a") as log:
        log.write("last\n")
    d.end(pid, 1)
    assert "".join(pieces) == "last\n"


def test_all_pages_of_a_list_are_one_iteration(d: Driven, asker: Client) -> None:
    ids = [d.born() for _ in range(5)]
    assert [p["id"] for p in asker.each("task:t", limit=2)] == ids[::-1]
    assert list(asker.each("state:failed")) == []


def test_threads_may_share_a_client(d: Driven, asker: Client) -> None:
    ids = [d.born() for _ in range(12)]
    errors: list[BaseException] = []

    def act(pid: int) -> None:
        try:
            asker.hold(pid)
            asker.release(pid)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=act, args=(pid,)) for pid in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(d.verbs(pid).count("processing release") == 1 for pid in ids)


def test_a_closed_client_says_so(asker: Client) -> None:
    asker.close()
    asker.close()
    with pytest.raises(Invalid, match="closed"):
        asker.status()


# ── far away ───────────────────────────────────────────────────────────────────────────────────────


def far(site: Site, **options: Any) -> Client:
    return Client(site.url, token=TOKEN, **options)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "DELAY", 0.001)


@pytest.mark.parametrize("fault", ["before", "after"])
def test_a_change_whose_answer_was_lost_is_asked_again_and_done_once(d: Driven, site: Site, fault: str) -> None:
    site.lose = [fault, fault]
    with far(site) as asker:
        asker.emit("e")
    assert len(d.rows("SELECT id FROM event")) == 1
    keys = [headers["Idempotency-Key"] for _, _, headers in site.seen]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_one_that_is_still_under_way_is_waited_for(d: Driven, site: Site) -> None:
    site.lose = ["before", "under way", ""]
    with far(site) as asker:
        assert asker.emit("e")["processings"] == [1]


def test_every_change_has_a_key_of_its_own_and_looking_has_none(site: Site) -> None:
    with far(site) as asker:
        asker.emit("e")
        asker.emit("e")
        asker.status()
    keys = [headers.get("Idempotency-Key") for _, _, headers in site.seen]
    assert keys[2] is None
    assert None not in keys[:2]
    assert keys[0] != keys[1]


def test_one_connection_serves_many_calls(site: Site) -> None:
    with far(site) as asker:
        for _ in range(5):
            asker.status()
    assert len(site.connections) == 1


def test_a_server_that_hangs_up_each_time_is_given_up(site: Site) -> None:
    site.lose = ["before"] * 10
    with far(site) as asker, pytest.raises(HostError, match="does not answer"):
        asker.status()
    assert len(site.seen) == remote.TRIES


def test_after_a_pause_in_which_the_server_closed_every_kept_connection_one_call_is_one_new_connection(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "TRIES", 1)
    far_off = remote.Remote(site.url, TOKEN, 10.0)
    for _ in range(remote.IDLE):
        kept = far_off._connect()
        kept.connect()
        kept.sock.shutdown(socket.SHUT_RDWR)
        far_off._idle.append(kept)
    assert far_off.ask("status", {}).body
    assert len(far_off._idle) == 1
    far_off.close()


def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    with Client("http://127.0.0.1:1", token=TOKEN) as asker, pytest.raises(HostError, match="procession up"):
        asker.status()


def test_without_a_right_token_nothing_is_answered(site: Site, tmp_path: Path) -> None:
    with Client(site.url) as asker, pytest.raises(Denied, match="who asks"):
        asker.status()
    (tmp_path / "token").write_text(TOKEN + "\n")
    with Client(site.url, token_file=tmp_path / "token") as asker:
        assert asker.status()["project"]
    with pytest.raises(HostError, match="cannot be read"):
        Client(site.url, token_file=tmp_path / "none")
    with pytest.raises(Invalid, match="one word"):
        Client(site.url, token="a\r\nX: y")


@pytest.mark.parametrize("kind", [Duplicate, QueueFull, Refused, Denied, StoreBusy, StorageFull, Invalid, NotFound])
def test_a_refusal_is_the_error_that_it_was(site: Site, kind: type[ProcessionError]) -> None:
    site.raw = [(409, "application/problem+json", json.dumps({"code": kind.__name__, "detail": "no: ü"}).encode())]
    with far(site) as asker, pytest.raises(kind, match="no: ü") as caught:
        asker.status()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>bad gateway</html>", ProcessionError), (404, b"", NotFound), (403, b"[]", Denied),
        (400, b'{"code": "Exception", "detail": "x"}', Invalid), (409, b'{"code": "os"}', Refused),
        (429, b'{"code": "TooMany", "detail": "slowly"}', Refused), (500, b"\xff\x00", ProcessionError),
        (302, b"", ProcessionError), (503, b'{"code": 7, "detail": 8}', StoreBusy),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_of_ours_is_an_error_by_its_status(
    site: Site, status: int, body: bytes, kind: type[ProcessionError]
) -> None:
    site.raw = [(status, "text/html", body)]
    with far(site) as asker, pytest.raises(kind) as caught:
        asker.status()
    assert type(caught.value) is kind
    assert problems.error_of(status, body).args == caught.value.args


def test_a_good_answer_that_is_no_json_is_invalid(site: Site) -> None:
    site.raw = [(200, "text/plain", b"hello")]
    with far(site) as asker, pytest.raises(Invalid, match="no JSON"):
        asker.status()


@pytest.mark.parametrize("url", ["http://", "http://u:p@host", "http://host/?q=1", "https://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="no address"):
        Client(url, token=TOKEN)


def test_a_token_is_for_a_server(d: Driven) -> None:
    with pytest.raises(Invalid, match="for a server"):
        Client(d.root, token=TOKEN)


def test_a_stream_that_breaks_goes_on_behind_the_last_line(site: Site) -> None:
    site.lines = [{"id": n, "verb": "submit", "text": "é\n"} for n in range(1, 8)]
    with far(site) as asker:
        stream = asker.watch(after=0)
        assert [next(stream)["id"] for _ in range(7)] == list(range(1, 8))
    resumed = [headers.get("Last-Event-ID") for _, path, headers in site.seen if path.endswith("/stream")]
    assert resumed == ["0", "2", "4", "6"]


def test_the_journal_of_a_project_here_is_watched_too(d: Driven) -> None:
    first = d.born()
    with Client(d.root) as asker:
        stream = asker.watch(after=0)
        assert next(stream)["processing"] in (first, None)
        asker.hold(first)
        while (line := next(stream))["verb"] != "hold":
            pass
        assert line["processing"] == first


def test_data_of_several_lines_is_one_message() -> None:
    raw = [b": ping\n", b"\n", b"id: 1\n", b"data: {\n", b"data: }\r\n", b"\n", b"data:x\n", b"\n"]
    assert list(remote.messages(iter(raw))) == ["{\n}", "x"]


# ── which project ──────────────────────────────────────────────────────────────────────────────────


def test_without_a_word_it_is_the_project_here(d: Driven, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PROCESSION_PROJECT", raising=False)
    monkeypatch.chdir(d.root)
    with Client() as asker:
        assert asker.status()["project"] == "p"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROCESSION_PROJECT", str(d.root))
    with procession.Client() as asker:
        assert asker.status()["project"] == "p"


@pytest.mark.feature("M101")
def test_a_script_asks_the_server_that_runs_it(
    d: Driven, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("PROCESSION_URL", site.url)
    monkeypatch.setenv("PROCESSION_TOKEN_FILE", str(tmp_path / "token"))
    pid = failed(d)
    with client() as asker:
        assert asker.retry(pid)["state"] == "waiting"
    monkeypatch.setenv("PROCESSION_PROCESSING", "7")
    assert procession.ask(f"POST /processings/{pid}/hold", reason="wait")["held_at"]
    assert procession.ask("GET /processings", query="task:t", limit=1)["items"]
    with pytest.raises(RuntimeError, match="GET /processings/99: there is no processing 99"):
        procession.ask("GET /processings/99")


def test_by_hand_a_script_says_what_it_would_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("PROCESSION_URL", "PROCESSION_PROCESSING"):
        monkeypatch.delenv(name, raising=False)
    assert procession.ask("POST /processings/1/hold", reason="x") is None
    assert 'would ask POST /processings/1/hold {"reason": "x"}' in capsys.readouterr().err
    monkeypatch.setenv("PROCESSION_PROCESSING", "7")
    with pytest.raises(RuntimeError, match="no HTTP API is there for this attempt"):
        procession.ask("GET /status")


def test_results_are_bytes_with_a_type() -> None:
    assert Result("application/json", b"[1]").json() == [1]
    with pytest.raises(Invalid, match="image/png"):
        Result("image/png", b"\x89").json()


# ── the tables ─────────────────────────────────────────────────────────────────────────────────────


def test_routes_are_those_of_the_verbs() -> None:
    for verb in verbs.load().values():
        assert ROUTES.get(verb.name, f"{verb.method} {verb.path}") == f"{verb.method} {verb.path}"


def test_every_method_says_what_it_does() -> None:
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_"):
            assert (method.__doc__ or "").strip(), name
