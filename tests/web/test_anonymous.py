"""Anonymous reading: off unless the file says so; then everybody looks, and nobody does anything."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from procession.api.problems import Problem
from procession.web import anonymous
from procession.web.live import MOST_OF_ADDRESS
from procession.web.logs import search as searching
from tests.api.served import Served
from tests.waiting import eventually
from tests.web.test_live import listening
from tests.web.visiting import Visitor, begun

pytestmark = pytest.mark.feature("M111", "P29")
TASKS = '[tasks.scene]\non = "scene"\ngroup = "optical"\nrun = "./one.sh"\n'
PAGES = ("", "tasks", "t/scene", "t/scene?tab=list", "t/scene?tab=gallery", "p", "failures", "events", "hosts", "locks",
         "disk", "messages", "settings", "help", "stats")  # fmt: skip


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("open"), f'[web]\nanonymous = "read"\n{TASKS}')
    yield made
    made.close()


@pytest.fixture
def anybody(open_to_all: Served) -> Visitor:
    return Visitor(open_to_all)


def test_unless_the_file_says_so_everybody_logs_in(visitor: Visitor) -> None:
    for path in (each for each in PAGES if each != "help"):
        assert "/login" in visitor.get(path).url
    assert visitor.ask("GET", "/live?topics=nav").status == 401


def test_everybody_looks_at_every_page_and_the_head_says_so(open_to_all: Served, anybody: Visitor) -> None:
    found = begun(open_to_all)
    for path in (*PAGES, f"p/{found}", f"p/{found}?tab=history", f"p/{found}?tab=environment"):
        seen = anybody.get(path)
        assert (seen.status, "/login" in seen.url) == (200, False), path
        head = seen.page.one("header", class_="top").text
        assert "not logged in" in head and "Log in" in head
        assert not [e for e in seen.page.all("form") if e["action"].endswith("logout")]
        live = [e for e in seen.page.all("form") if "do/" in e["action"]]
        assert live == [], f"nothing can be done on {path}"


def test_what_changes_something_or_is_for_others_asks_to_log_in(open_to_all: Served, anybody: Visitor) -> None:
    found = begun(open_to_all)
    for path in ("audit", "settings/tokens", "settings/users"):
        assert "/login" in anybody.get(path).url, path
    form = anybody.get("login").page.form("preferences")
    asked = (("cancel", {"id": str(found)}), ("save-view", {"name": "x"}), ("pause", {"everything": "true"}))
    for verb, given in asked:
        body = urlencode({"csrf": form["csrf"], "back": "", **given}).encode()
        assert anybody.ask("POST", f"/do/{verb}", body).status == 401
    assert open_to_all.driven.rows("SELECT * FROM audit WHERE by = 'anonymous'") == [], "nor does it fill the audit"
    assert open_to_all.driven.state(found) == "running"


def test_programs_want_a_token_all_the_same(anybody: Visitor) -> None:
    assert anybody.ask("GET", "/api/v1/status").status == 401


def test_a_token_that_is_none_lets_nobody_read(anybody: Visitor) -> None:
    assert anybody.ask("GET", "/p", Authorization="Bearer nonsense").status == 401


def test_who_logs_in_is_who_they_are(open_to_all: Served) -> None:
    someone = Visitor(open_to_all).log_in("operator")
    seen = someone.get("p")
    assert "operator" in seen.page.one("header", class_="top").text
    assert [e for e in seen.page.all("form") if e["action"].endswith("logout")]


def test_one_address_asks_so_often_and_no_more(open_to_all: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous, "MANY", 2)
    monkeypatch.setattr(anonymous, "PER_SECOND", 0.001)
    those = anonymous.Anonymous(open_to_all.project)
    first = those.caller("10.0.0.1")
    assert first is not None and (first.scopes, first.groups, first.origin) == ({"read"}, None, "10.0.0.1")
    those.caller("10.0.0.1")
    with pytest.raises(Problem) as refused:
        those.caller("10.0.0.1")
    assert refused.value.status == 429
    assert those.caller("10.0.0.2") is not None


def test_those_without_an_account_take_no_more_than_their_share_of_the_streams(
    open_to_all: Served, anybody: Visitor
) -> None:
    with ExitStack() as streams:
        for _ in range(MOST_OF_ADDRESS):
            streams.enter_context(listening(anybody, "nav"))
        refused = anybody.ask("GET", "/live?topics=nav")
        assert refused.status == 429 and b"log in" in refused.body
        assert anybody.ask("HEAD", "/live?topics=nav").status == 200, "it takes no place"
        with listening(Visitor(open_to_all).log_in("operator"), "nav"):
            pass
    eventually(lambda: not open_to_all.server.app.hub.feeds)


def test_those_without_an_account_search_one_log_at_a_time() -> None:
    with searching._place(searching._open_place, searching.OPEN_BUSY):
        with pytest.raises(Problem, match="who has not logged in"):
            searching.search(0, Path("log"), "x", regex=False, case=True, anonymous=True)
        with searching._place():
            pass
