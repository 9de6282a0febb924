"""The live stream: what has changed is named to who may see it, logs come as they are written, nothing comes twice."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.api.served import Served
from tests.web.visiting import Visitor, begun

pytestmark = pytest.mark.feature("M110")


class Listener:
    """One page that listens."""

    def __init__(self, visitor: Visitor, query: str, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", visitor.served.port, timeout=20)
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        sent = {"Host": visitor.served.host, "Sec-Fetch-Site": "same-origin", "Cookie": cookies, **headers}
        self.connection.request("GET", f"{visitor.prefix}/live?topics={query}", headers=sent)
        self.answer = self.connection.getresponse()
        self.last = ""

    def messages(self) -> Iterator[tuple[str, Any]]:
        """Kind and data of each message."""
        found: dict[str, str] = {}
        deadline = time.monotonic() + 20
        while line := self.answer.readline().decode():
            assert time.monotonic() < deadline, "nothing but signs of life"
            name, _, value = line.rstrip("\n").partition(": ")
            if value:
                found[name] = value
            elif "event" in found:
                self.last = found["id"]
                yield found["event"], json.loads(found["data"])
                found = {}

    def until(self, kind: str, **wanted: Any) -> Any:
        """The data of the first message of this kind in which this stands."""
        for each, data in self.messages():
            if each == kind and all(data.get(name) == value for name, value in wanted.items()):
                return data
        raise AssertionError(f"hung up on before {kind} {wanted}")


@contextmanager
def listening(visitor: Visitor, query: str, **headers: str) -> Iterator[Listener]:
    made = Listener(visitor, query, **headers)
    try:
        assert made.answer.status == 200, made.answer.read()
        yield made
    finally:
        made.connection.close()


def test_what_changed_is_named_with_the_topics_of_the_page(served: Served, admin: Visitor) -> None:
    with listening(admin, "nav,task:scene,task:radar,all,proc:1") as page:
        assert page.answer.headers["x-accel-buffering"] == "no" and page.answer.headers["cache-control"] == "no-store"
        assert len(page.until("reload")["version"]) == 12
        assert page.until("cnt")["tasks"] == 2
        served.driven.born("scene")
        assert set(page.until("inv")["topics"]) == {"all", "task:scene", "proc:1"}


def test_who_comes_back_hears_what_was_missed_and_nothing_twice(served: Served, admin: Visitor) -> None:
    with listening(admin, "task:scene") as page:
        served.driven.born("scene")
        page.until("inv")
        last = page.last
    served.driven.born("scene")
    with listening(admin, "task:scene", **{"Last-Event-ID": last}) as page:
        assert page.until("inv")["topics"] == ["task:scene"]
        after = page.last
    with listening(admin, f"task:scene,task:radar&after={after}") as page:
        served.driven.born("echo")
        assert page.until("inv")["topics"] == ["task:radar"]


@pytest.mark.feature("P23")
def test_what_happens_while_a_page_is_on_its_way_is_heard(served: Served, admin: Visitor) -> None:
    """The stream goes on from the moment when the page was begun, not from when it was opened."""
    since = admin.get("").page.one("body")["data-since"]
    begun(served, "scene")
    with listening(admin, f"task:scene&after={since}") as page:
        assert "task:scene" in page.until("inv")["topics"]


def test_a_banner_that_came_while_a_page_was_on_its_way_is_told(served: Served, admin: Visitor) -> None:
    stream = admin.get("").page.one("body")["data-stream"]
    seen = stream.partition("seen=")[2]
    with listening(admin, f"nav&seen={seen}") as page:
        page.until("cnt")
        admin.send(admin.get("ask/banner?back="), "do/banner", text="The mains are off at noon")
        assert page.until("inv")["topics"] == ["nav"]
    with listening(admin, f"nav&seen={seen}") as page:
        assert page.until("inv")["topics"] == ["nav"]
    admin.send(admin.get("ask/banner?back="), "do/banner", text="")


def test_a_log_comes_as_it_is_written_and_goes_on_where_it_was(served: Served, admin: Visitor) -> None:
    which = begun(served)
    served.driven.begin()
    path = served.project.var.attempt(which, 1, "one", 1) / "log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("first\n")
    topic = f"log:{which}/one/1"
    with listening(admin, topic) as page:
        page.until("reload")
        with path.open("a") as file:
            file.write("sécond <b>&\n")
        found = page.until("log")
        assert found["text"].endswith("sécond <b>&\n") and found["topic"] == topic
        assert found["end"] - found["offset"] == len(found["text"].encode())
        last = page.last
    with path.open("a") as file:
        file.write("third\n")
    with listening(admin, topic, **{"Last-Event-ID": last}) as page:
        assert page.until("log") == {"topic": topic, "offset": found["end"], "end": found["end"] + 6, "text": "third\n"}
        served.driven.end(which, 1)
        assert page.until("end") == {"topic": topic}


@pytest.mark.feature("M111")
def test_nobody_hears_of_what_they_may_not_see(served: Served) -> None:
    which = begun(served)
    theirs = Visitor(served).log_in("viewer", groups=["sar"])
    with listening(theirs, f"task:scene,task:radar,proc:{which},log:{which}/one/1") as page:
        page.until("reload")
        served.driven.born("scene")
        served.driven.born("echo")
        assert page.until("inv")["topics"] == ["task:radar"]


def test_the_stream_is_for_who_has_logged_in_and_the_probe_for_everybody(served: Served, visitor: Visitor) -> None:
    assert visitor.ask("GET", "/live?topics=nav").status == 401
    assert json.loads(visitor.ask("GET", "/live").body) == {"live": True}
    visitor.log_in("viewer")
    assert visitor.ask("GET", "/live?topics=").status == 400
    assert visitor.ask("GET", "/live?topics=" + ",".join(f"proc:{n}" for n in range(201))).status == 400
    assert visitor.ask("GET", "/live?topics=" + ",".join(f"log:{n}/one/1" for n in range(9))).status == 400
    assert visitor.ask("POST", "/live?topics=nav", b"").status == 405


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "1.2.3.4.5", "٣", ""])
def test_nonsense_as_a_cursor_begins_now(served: Served, admin: Visitor, after: str) -> None:
    with listening(admin, "task:scene", **{"Last-Event-ID": after.encode("utf-8").decode("latin-1")}) as page:
        page.until("reload")
        served.driven.born("scene")
        assert page.until("inv")["topics"] == ["task:scene"]


def test_who_may_not_look_any_more_is_hung_up_on(
    served: Served, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.web.live.HEARTBEAT", 0.0)
    monkeypatch.setattr("procession.web.live.LOOK", 0.1)
    monkeypatch.setattr("procession.api.callers.BELIEVED", 0.0)
    with listening(admin, "nav") as page:
        page.until("reload")
        copy = Visitor(served)
        copy.cookies = dict(admin.cookies)
        copy.send(copy.get("help"), "logout")
        assert [kind for kind, _ in page.messages()][-1:] in ([], ["cnt"])
