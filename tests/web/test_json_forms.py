"""Every page is there for programs too: whoever asks for JSON gets it, at every address that a page leads to."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest

from procession.web.page import load
from procession.web.paths import Paths
from tests.web.failing import Failing
from tests.web.visiting import Visitor

pytestmark = pytest.mark.feature("M118")
MOST = 160
NAMED = {"tab", "rows", "view"}
"""Names in an address whose values are pages of their own."""
BEGUN_WITH = (
    "/", "/p", "/t/s2-l2a?tab=list", "/t/s2-l2a?rows=hour", "/t/s2-l2a?rows=param.scene", "/p/2/compare/3",
    "/t/s2-l2a?tab=durations", "/t/s2-l2a?tab=gallery", "/failures", "/events", "/settings", "/help",
)  # fmt: skip


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    made = Failing(tmp_path_factory.mktemp("forms"))
    made.failures(singular=3, good=2)
    made.arrivals()
    made.pictures(1)
    yield made
    made.close()


@pytest.fixture
def boss(failing: Failing) -> Visitor:
    return Visitor(failing).log_in("admin")


def test_every_page_that_a_link_leads_to_is_json_for_whoever_asks_so(boss: Visitor) -> None:
    paths, waiting, known, wrong = Paths(load()), list(BEGUN_WITH), set[object](), dict[str, int]()
    asked = set[str]()
    while waiting and len(known) < MOST:
        url = waiting.pop(0)
        place = paths.find(urlsplit(url).path.encode())
        query = parse_qsl(urlsplit(url).query)
        pages = [page.path for page in place.pages if page.method == "GET"] if place else []
        kind = (*pages, *sorted((name, value if name in NAMED else "") for name, value in query))
        if not pages or kind in known:
            continue
        known.add(kind)
        seen = boss.ask("GET", url)
        if seen.status >= 500:
            wrong[url] = seen.status
        if seen.status != 200 or not seen.headers["content-type"].startswith("text/html"):
            continue
        asked.add(pages[0])
        got = boss.ask("GET", url, Accept="application/json")
        if got.status != 200 or not isinstance(json.loads(got.body), dict):
            wrong[url] = got.status
        waiting += [urljoin(url, e["href"]) for e in seen.page.all("a") if "://" not in e["href"]]
    assert not wrong
    assert {"/", "/t/{task}", "/p/{id}", "/p/{id}/compare/{other}", "/e/{id}", "/ask/{verb}", "/h/{host}"} <= asked


@pytest.mark.parametrize("place", ["grid.json", "durations.json?step=two"])
def test_what_a_script_asks_for_is_json_whatever_it_accepts(boss: Visitor, place: str) -> None:
    for accepted in ("*/*", "text/html", "application/json"):
        found = boss.ask("GET", f"/t/s2-l2a/{place}", Accept=accepted)
        assert (found.status, found.headers["content-type"]) == (200, "application/json") and json.loads(found.body)
        refused = boss.ask("GET", f"/t/bad/{place}", Accept=accepted)
        assert (refused.status, json.loads(refused.body)["status"]) == (404, 404)
    assert boss.ask("GET", "/t/s2-l2a/grid.json?newest=x", Accept="*/*").status == 400
