"""What somebody may not do stays where it is, disabled, and says why: a viewer, and who is limited to some groups."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

import pytest

from tests.web.lived import Lived
from tests.web.visiting import Element, Seen, Visitor

pytestmark = [pytest.mark.feature("P29"), pytest.mark.check(39)]
VIEWER = {"operators only – you are a viewer", "administrators only – you are a viewer"}
LIMITED = "it concerns all tasks; you are limited to optical"
OPEN_TO_ALL = {"Overview", "Tasks", "Processings", "Failures", "Questions", "Settings", "Help"}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    made = Lived(tmp_path_factory.mktemp("roles"))
    yield made
    made.close()


def navigation(seen: Seen) -> tuple[dict[str, str], dict[str, str]]:
    """Names of the links that lead somewhere, with their counts; and of those that do not, with the reason."""
    found = [e for e in seen.page.all("a") if "nav" in e.within and "ul" in e.within]
    counts = {e["data-bind"]: e.text for e in seen.page.all("span") if e["data-bind"]}
    named = {e.text.strip(): e for e in found}
    words = {
        name.removesuffix(next((count for count in counts.values() if count and name.endswith(count)), "")): e
        for name, e in named.items()
    }
    return (
        {name: e["href"] for name, e in words.items() if e["href"]},
        {name: e["title"] for name, e in words.items() if e["aria-disabled"]},
    )


def acts(seen: Seen) -> list[Element]:
    """What changes something of others, and could be pressed: links to dialogs, and buttons of forms that do a verb."""
    links = [e for e in seen.page.all("a") if "ask/" in e["href"] or "bulk/new" in e["href"]]
    links = [e for e in links if "ask/save-view" not in e["href"]]  # everybody has views of their own
    return links + [e for e in seen.page.all("form") if "/do/" in f"/{e['action']}" or "upload" in e["action"]]


def reasons(seen: Seen) -> set[str]:
    """Why buttons are disabled."""
    return {e["title"] for e in seen.page.all("button") if e["aria-disabled"]}


def test_no_page_offers_a_viewer_what_a_viewer_may_not_do(lived: Lived) -> None:
    viewer, admin = Visitor(lived).log_in("viewer"), Visitor(lived).log_in("admin")
    for path, addresses in lived.places.items():
        for address in addresses:
            seen, whole = (each.get(address.partition("#")[0]) for each in (viewer, admin))
            if path == "/ask/{verb}" or seen.status == 403 or not seen.headers["content-type"].startswith("text/html"):
                continue
            assert seen.status == whole.status, address
            assert [e.attributes for e in acts(seen)] == [], address
            assert reasons(seen) <= VIEWER, address
            assert bool(reasons(seen)) == bool(acts(whole)), f"{address}: what cannot be done is still to be seen"


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_every_link_of_the_navigation_leads_somewhere_or_says_why_not(lived: Lived, role: str) -> None:
    for groups in (None, ["optical"]):
        visitor = Visitor(lived).log_in(role, groups)
        seen = visitor.get("")
        there, shut = navigation(seen)
        assert there.keys() >= OPEN_TO_ALL
        assert len(there) + len(shut) == 13
        for name, href in there.items():
            assert visitor.follow(visitor.ask("GET", urljoin(seen.url, href))).status == 200, (name, role, groups)
        if groups is None:
            assert shut == ({} if role == "admin" else {"Audit": f"administrators only – you are a {role}"})
        elif role == "admin":
            assert {each.partition(" to ")[0] for each in shut.values()} == {LIMITED.partition(" to ")[0]}
            assert shut.keys() == {"Events", "Hosts & queues", "Locks", "Disk", "Messages", "Audit"}


def test_tabs_of_the_settings_lead_somewhere_or_say_why_not(lived: Lived) -> None:
    for role, groups in (("viewer", None), ("admin", None), ("operator", ["optical"])):
        visitor = Visitor(lived).log_in(role, groups)
        seen = visitor.get("settings")
        tabs = [e for e in seen.page.elements if "nav" in e.within and "ul" not in e.within]
        there = [e for e in tabs if e.tag == "a"]
        for e in there:
            assert visitor.follow(visitor.ask("GET", urljoin(seen.url, e["href"]))).status == 200, (e.text, role)
        shut = [e for e in tabs if e.tag == "span" and e["title"]]
        assert len(there) + len(shut) == 8


def test_who_is_limited_to_groups_finds_their_counts_and_acts_only_on_what_is_theirs(lived: Lived) -> None:
    limited = Visitor(lived).log_in("operator", ["optical"])
    seen = limited.get("")
    counts = {e["data-bind"]: e.text for e in seen.page.all("span") if e["data-bind"]}
    assert counts["tasks"] == "1" and counts["questions"] == ""
    assert LIMITED in reasons(seen), "all tasks can be paused by somebody else"
    assert not [e for e in acts(seen) if "everything" in e["href"]]
    assert [e for e in acts(seen) if "task=s2-l2a" in e["href"]], "their own can be paused"
    assert {e["id"] for e in seen.page.all("tr") if e["id"].startswith("task-")} == {"task-s2-l2a"}
    own = "", "tasks", "g/optical", "p", "t/s2-l2a", "t/s2-l2a?tab=settings", "failures", "settings"
    for address in (*own, f"p/{lived.failed[0]}", f"failures/{lived.cause}"):
        seen = limited.get(address)
        assert seen.status == 200, address
        for e in seen.page.all("a"):
            if e["href"].startswith("#") or not e["href"]:
                continue
            to = urljoin(seen.url, e["href"]).partition("#")[0]
            assert limited.follow(limited.ask("GET", to)).status == 200, (address, e.text, e["href"])
