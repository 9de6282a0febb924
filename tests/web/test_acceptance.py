"""The ways that people go most often, in a project in which much has happened, with texts that try to be markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from procession.api.app import App
from procession.api.guard import Names
from procession.api.request import Request
from procession.commands import locks
from procession.verbs import Caller, call
from procession.web.page import Ask, Shown
from procession.web.pages import failures, overview
from procession.web.site import Site
from tests.web.big import SMALL, big, names, opened
from tests.web.failing import HOSTILE, TOML, Failing
from tests.web.test_sql import MOST_STEPS
from tests.web.visiting import Document, Visitor
from tests.web.watching import watching

MORE = """
[limits]
ftp = 4
[queues.night]
at_once = 2
[tasks.good]
on = "good"
uses = ["ftp"]
steps = ["./one.sh", { name = "check", ask = "Is {sat} good?", choices = ["yes", "no <b>"] }]
[tasks.night]
on = "good"
queue = "night"
run = "./two.sh"
"""
MOST_QUERIES = 60


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    made = Failing(tmp_path_factory.mktemp("acceptance"), TOML + MORE)
    driven, caller = made.driven, Caller("tests", "http")
    made.runs(2)
    made.pictures(2)
    made.arrivals()
    again = made.failures(singular=12, good=6)[0]
    mosaic = driven.rows("SELECT id FROM processing WHERE task = 'mosaic' AND state = 'failed'")[0].id
    call(made.project, caller, "restart", {"id": mosaic})
    call(made.project, caller, "batch-add", {"verb": "accept", "query": f"id:{again}"})
    asked, held = (min(driven.submit("good", sat=sat).processings) for sat in (HOSTILE, "L8"))
    driven.turn(2)
    driven.begin()
    driven.end(asked, left={"output": "best=<i>7</i>\n"})
    driven.turn()
    locks.acquire(made.project, (held, 1, 1), ["account:hub"])
    yield made
    made.close()


def entered(context: BrowserContext, failing: Failing) -> Page:
    """A page of somebody who has logged in."""
    cookies = Visitor(failing).log_in("admin").cookies
    context.add_cookies([{"name": n, "value": v, "url": f"http://{failing.host}"} for n, v in cookies.items()])
    return context.new_page()


def seen(ask: Ask, shown: Callable[[Ask], Shown]) -> Document:
    """A page without its address: what a browser gets of it."""
    asked = Request({"method": "GET", "path": "/", "query_string": b"", "headers": []}, None)  # type: ignore[arg-type]
    return Document(Site(App(ask.project, Names(0))).shown(ask, asked, shown(ask)).body.decode())


@pytest.mark.feature("N8")
def test_of_hundreds_of_causes_the_first_fifty_are_shown_and_the_others_when_they_are_asked_for() -> None:
    project = opened(big(SMALL))
    caller = Caller("ada", "http")
    shown = [
        [row["id"] for row in page.all("tr") if row["id"].startswith("cause-")]
        for page in (
            seen(Ask(project, caller, "failures", query=query), failures.failures) for query in ({}, {"all": "1"})
        )
    ]
    assert (len(shown[0]), len(shown[1])) == (50, 200)
    assert shown[1][:50] == shown[0]
    project.close()


@pytest.mark.feature("M104", "N8")
@pytest.mark.check(3)
def test_the_whole_overview_of_100_000_processings_is_made_of_few_short_reads() -> None:
    project = opened(big(SMALL))
    with watching(project) as watched:
        page = seen(Ask(project, Caller("ada", "http"), ""), overview.overview)
    assert {f"task-{name}" for _, name, _ in names()} == {e["id"] for e in page.all("tr") if e["id"]}
    assert len(watched.queries) <= MOST_QUERIES, "\n".join(watched.queries)
    assert watched.steps <= MOST_STEPS
    assert watched.unbounded(project) == []
    project.close()


@pytest.mark.feature("M104", "M110")
@pytest.mark.check(9)
def test_a_chip_of_an_open_overview_changes_when_the_step_ends(browser: Browser, failing: Failing) -> None:
    context, driven = browser.new_context(), failing.driven
    page = entered(context, failing)
    which = driven.born("mosaic", cloud=1)
    driven.turn()
    driven.begin()
    driven.turn()
    page.goto(f"http://{failing.host}/")
    page.locator("#live[data-state=live]").wait_for()
    page.evaluate("window.since = 'the page was opened'")
    chip = page.locator(f"#task-mosaic a.chip[href*='p/{which}/']")
    expect(chip).to_contain_class("state-running")
    driven.executor.end(driven.latest(which), 0)
    driven.turn()
    expect(chip).to_contain_class("state-ok")
    assert page.evaluate("window.since") == "the page was opened", "nothing was loaded anew"
    context.close()


@pytest.mark.feature("M104", "M108", "P14")
@pytest.mark.check(2)
def test_on_a_phone_a_failure_is_read_and_retried_in_four_taps(browser: Browser, failing: Failing) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = entered(context, failing)
    taps = 0

    def tap(what: Locator) -> None:
        nonlocal taps
        taps += 1
        what.tap()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.goto(f"http://{failing.host}/")
    with page.expect_navigation():
        page.locator("#task-s2-l2a a.chip.state-failed").tap()
    taps += 1
    expect(page.locator("x-log .l.error", has_text="LinAlgError: Singular matrix")).to_be_in_viewport()
    which = int(urlsplit(page.url).path.split("/")[2])
    assert failing.driven.state(which) == "failed"
    tap(page.locator("#again > summary"))
    tap(page.get_by_role("button", name="Retry from two"))
    expect(page.locator("#about .title .state")).to_have_text("Waiting")
    failing.driven.turn()
    failing.driven.end(which)
    expect(page.locator("#about .title .state")).to_have_text("Succeeded after retry")
    assert failing.driven.state(which) == "succeeded" and taps <= 4
    context.close()
