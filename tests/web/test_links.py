"""Links: relative to where they stand, so the site works below any path and behind any proxy, without a setting."""

import re
from collections import Counter, deque
from urllib.parse import urljoin, urlsplit

import pytest

from procession.web import url
from procession.web.page import PAGES, load
from procession.web.paths import Paths
from tests.api.served import Served
from tests.web.visiting import Seen, Visitor, begun

pytestmark = pytest.mark.check(34)


@pytest.mark.parametrize(
    ("current", "target", "link"),
    [("", "p/5", "./p/5"), ("", "", "./"), ("p/5", "", "../"), ("p/5/s/one", "static/a.css", "../../../static/a.css"),
     ("p?query=a/b", "help", "./help")],
)  # fmt: skip
def test_a_link_is_relative_to_where_it_stands(current: str, target: str, link: str) -> None:
    assert url.rel(current, target) == link
    assert urljoin(f"http://h/ops/x/{current}", link) == f"http://h/ops/x/{target}"


def test_what_stands_in_a_link_names_no_other_place() -> None:
    """B28."""
    assert url.joined("t", "../../x?y#z", query="a&b=c") == "t/..%2F..%2Fx%3Fy%23z?query=a%26b%3Dc"


@pytest.mark.parametrize(
    "given",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "p/../../../evil", "a b",
     "p/%2e%2e/%2E%2e/../evil", "%2e%2e/%2e%2e/evil", "x\n", "x" * 3000, "é"],
)  # fmt: skip
def test_a_place_to_go_to_is_one_of_this_site(given: str) -> None:
    found = url.rel("login", url.inside(given))
    assert urlsplit(urljoin("http://site.example/ops/login", found)).netloc == "site.example"
    assert urljoin("http://site.example/ops/login", found).startswith("http://site.example/ops/")


def test_a_prefix_that_a_proxy_keeps_is_known_by_what_comes_after_it() -> None:
    paths = Paths(load())
    for path, prefix, rest in [
        (b"/", "", ""), (b"/help", "", "help"), (b"/jupyter/proxy/8000/help", "/jupyter/proxy/8000", "help"),
        (b"/ops/", "/ops", ""), (b"/ops/static/x/a.css", "/ops", "static/x/a.css"), (b"/ask/help", "", "ask/help"),
    ]:  # fmt: skip
        found = paths.find(path)
        assert found is not None and (found.prefix, found.path) == (prefix, rest), path
    for path in (b"/nothing", b"/ops//", b"//", b"/help/", b"/ask/%00", b"/ask/" + b"x" * 2000):
        found = paths.find(path)
        assert found is None or not found.pages or found.path == "", path
    assert {page.path for page in PAGES} >= {"/", "/help", "/login", "/do/{verb}", "/ask/{verb}"}


def linked(seen: Seen) -> list[tuple[str, str]]:
    """Everything to which a page leads: what it loads, links, and addresses of its forms."""
    found = []
    for e in seen.page.elements:
        for name in ("href", "src", "action", "data-src", "data-href", "data-stream"):
            if e[name]:
                found.append((e.tag, e[name]))
    return found


OF_A_KIND = 2
"""Addresses of a kind that are followed: filters and calendars lead on without end."""


def kind_of(address: str) -> str:
    """An address without numbers, and the names in its query without the values."""
    path, _, query = address.partition("?")
    names = sorted({pair.partition("=")[0] for pair in query.split("&")})
    return f"{re.sub(r'[0-9]+', 'N', path)}?{'&'.join(names)}"


@pytest.mark.parametrize(
    ("prefix", "kept"),
    [("", False), ("/ops/x", False), ("/jupyter/proxy/8000", True)],
    ids=["root", "stripped", "kept"],
)
def test_every_link_of_every_page_stays_below_the_prefix_and_leads_somewhere(
    served: Served, prefix: str, kept: bool
) -> None:
    failed = begun(served)
    served.driven.end(failed, 1)
    visitor = Visitor(served, prefix, kept=kept).log_in()
    upcoming, known = deque([f"{prefix}/", f"{prefix}/login"]), set[str]()
    kinds = Counter[str]()
    paths = Paths(load())
    while upcoming:
        address = upcoming.popleft()
        if address in known or kinds[kind := kind_of(address)] >= OF_A_KIND:
            continue
        kinds[kind] += 1
        known.add(address)
        seen = visitor.ask("GET", address)
        assert seen.status == 200, (address, seen.status)
        if not seen.headers["content-type"].startswith("text/html"):
            continue
        for tag, link in linked(seen):
            assert not link.startswith(("/", "http")), (address, link)
            to = urljoin(f"http://h{address}", link).removeprefix("http://h").partition("#")[0]
            assert to.startswith(f"{prefix}/"), (address, link)
            place = to.removeprefix(f"{prefix}/")
            if tag == "form" or place.startswith(("live", "static/")) or not paths.has(place):
                continue  # posted, or of a page that is not built
            upcoming.append(to)
    assert {f"{prefix}/help", f"{prefix}/login"} <= known
    assert any("/ask/pause" in address for address in known)


def test_actions_and_redirects_work_below_a_prefix(served: Served) -> None:
    visitor = Visitor(served, "/ops/x").log_in()
    dialog = visitor.get("ask/pause?task=radar&back=help")
    seen = visitor.send(dialog, "do/pause", reason="try")
    assert seen.url == "/ops/x/help" and "Paused radar" in seen.page.text
    visitor.send(visitor.get("ask/resume?task=radar&back="), "do/resume")
