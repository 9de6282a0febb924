"""Lists, bulk actions and the grid in a real browser: ticking, all that match, the keyboard alone, and the way back."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from procession.store import audit
from tests.api.served import Served
from tests.waiting import eventually
from tests.web.axe import axe
from tests.web.visiting import Visitor

pytest_plugins = ["tests.web.in_chromium"]
pytestmark = pytest.mark.feature("P14", "M105", "M108")
MANY = 130
CUT = """() => [...document.querySelectorAll('.tabs, .seg, .scroll:has(> .processings)')]
  .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.outerHTML.slice(0, 80))"""


def prepare(served: Served) -> None:
    """So many that failed."""
    for n in range(MANY):
        served.driven.submit("scene", n=n, tile="36UUA" if n % 2 else "36UUB")
    while True:
        served.driven.turn()
        claimed = served.driven.claimed()
        if not claimed:
            break
        for each in claimed:
            served.driven.end(each, 1)


@pytest.fixture
def page(served: Served, pages: Callable[..., Page]) -> Page:
    return logged_in(served, pages(viewport={"width": 1280, "height": 800}))


def logged_in(served: Served, page: Page) -> Page:
    cookies = Visitor(served).log_in("admin").cookies
    page.context.add_cookies([{"name": n, "value": v, "url": f"http://{served.host}"} for n, v in cookies.items()])
    return page


def lines(served: Served, verb: str) -> list[Any]:
    with served.project.store.read() as tx:
        return audit.page(tx, before=None, verb=verb, limit=10)


@pytest.mark.check(17, 18)
def test_all_that_match_are_retried_over_pages_with_one_request_that_the_audit_has(served: Served, page: Page) -> None:
    started: list[str] = []
    page.on("request", lambda asked: started.append(asked.url) if "/do/" in asked.url else None)
    page.goto(f"http://{served.host}/p?query=state:failed")
    bar = page.locator("#bulk")
    expect(bar).to_be_hidden()
    page.get_by_label("Select all on this page").check()
    expect(bar.locator("[data-selected]")).to_have_text("50 selected")
    bar.get_by_role("button", name=f"all {MANY} matching").click()
    expect(bar.locator("[data-selected]")).to_have_text(f"all {MANY} that match selected")
    bar.get_by_role("button", name="Retry…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text(f"Retry {MANY} processings?")
    expect(dialog).to_contain_text(f"{MANY} will be retried")
    dialog.get_by_label(f"Type {MANY} to go on").fill(str(MANY))
    dialog.get_by_role("button", name=f"Retry {MANY}").click()
    page.wait_for_url("**/bulk/*")
    served.driven.turn(2)
    expect(page.locator(".outcome-line").first).to_contain_text(f"{MANY} of {MANY} · {MANY} retried · 0 skipped")
    assert len(started) == 1, "one request began all"
    assert "state:failed" in lines(served, "batch-add")[0].asked
    while claimed := served.driven.claimed():
        for each in claimed:
            served.driven.end(each, 1)


@pytest.mark.check(27)
def test_the_way_back_finds_the_filter_the_place_and_what_was_ticked(served: Served, page: Page) -> None:
    page.goto(f"http://{served.host}/p?query=param.tile:36UUA")
    boxes = page.locator("input[data-row]")
    boxes.nth(3).check()
    chosen = boxes.nth(3).get_attribute("value")
    page.evaluate("scrollTo(0, 500)")
    at = page.evaluate("scrollY")
    page.goto(f"http://{served.host}/tasks")
    page.go_back()
    expect(page.locator("#query")).to_have_value("param.tile:36UUA")
    expect(page.locator(f'input[data-row][value="{chosen}"]')).to_be_checked()
    expect(page.locator("#bulk [data-selected]")).to_have_text("1 selected")
    eventually(lambda: abs(page.evaluate("scrollY") - at) <= 5)


@pytest.mark.check(28)
def test_by_the_keyboard_alone_a_row_is_ticked_and_held(served: Served, page: Page) -> None:
    page.goto(f"http://{served.host}/p?query=param.tile:36UUB")
    expect(page.locator("#bulk")).to_be_hidden()  # the scripts are there
    page.keyboard.press("j")
    expect(page.locator("tr[data-cursor]")).to_have_count(1)
    page.keyboard.press("x")
    expect(page.locator("#bulk [data-selected]")).to_have_text("1 selected")
    hold = page.locator("#bulk").get_by_role("button", name="Cancel…")
    for _ in range(400):
        if hold.evaluate("each => each === document.activeElement"):
            break
        page.keyboard.press("Tab")
    assert hold.evaluate("each => getComputedStyle(each).outlineStyle") == "solid", "the focus is seen"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_contain_text("1 processing?")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert hold.evaluate("each => each === document.activeElement"), "the focus is where it was"


@pytest.mark.check(5, 7)
def test_the_grid_is_one_picture_that_the_keys_go_through(served: Served, page: Page) -> None:
    page.goto(f"http://{served.host}/t/scene")
    stage = page.locator("x-grid .grid-canvas")
    expect(stage).to_be_visible()
    assert page.locator("x-grid *").count() < 400
    page.keyboard.press("Shift+N")  # wherever the focus is
    told = page.locator("x-grid [role=status]")
    expect(told).to_contain_text("failed")
    expect(stage).to_be_focused()
    which = int("".join(filter(str.isdigit, told.inner_text().split()[0])))
    steps = served.ask("GET", f"/api/v1/processings/{which}").json["steps"]
    assert "failed" in [step["state"] for step in steps]
    with page.expect_navigation(url=f"**/p/{which}/s/**"):
        page.keyboard.press("Enter")
    page.goto(f"http://{served.host}/t/scene")
    colour, legend = page.get_by_label("Colour"), page.locator("#legend")
    expect(legend.locator(".mark.state-retried")).to_be_visible()
    with page.expect_navigation(url="**/t/scene?*colour=duration*"):
        colour.select_option("duration")
    expect(colour).to_be_focused()
    expect(legend.locator(".swatch")).to_have_count(7)
    heights = legend.locator(".swatch").evaluate_all("all => all.map(each => each.getBoundingClientRect().top)")
    assert len(set(heights)) == 1 and legend.evaluate("each => each.clientHeight") < 30, "one line"
    page.locator("x-grid .grid-canvas").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(told).to_contain_text("two not run")
    page.go_back()
    expect(colour).to_have_value("state")
    colour.focus()
    page.keyboard.press("ArrowDown")
    expect(colour).to_have_value("duration")
    assert "colour=" not in page.url, "who goes through the list with the keys has not chosen yet"
    with page.expect_navigation(url="**/t/scene?*colour=duration*"):
        page.keyboard.press("Enter")


@pytest.mark.check(29)
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    served: Served, page: Page, theme: str, width: int
) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("", "p?query=state:failed", "tasks", "t/scene?tab=settings", "t/scene?tab=grid&rows=param.tile",
                 "bulk/new?verb=delete&id=1", "stats"):  # fmt: skip
        page.goto(f"http://{served.host}/{path}")
        assert axe(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.evaluate(CUT) == [], f"{path}: nothing of these is out of sight"


def test_the_list_of_keys_has_those_that_lead_to_pages_and_its_switch_is_kept(served: Served, page: Page) -> None:
    page.goto(f"http://{served.host}/p")
    page.keyboard.press("Shift+?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog.locator(".keys > div").first).to_be_visible()
    told = dialog.locator(".keys > div").all_inner_texts()
    assert {"Overview\ng o", "Failures\ng f", "Settings\ng s"} <= {line.strip() for line in told}
    with page.expect_response(lambda answer: answer.url.endswith("/preferences")):
        dialog.get_by_role("checkbox").uncheck()
    page.reload()
    assert page.locator("html").get_attribute("data-keys") == "off"
    page.keyboard.press("Shift+?")
    expect(dialog).to_have_count(0)
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    assert "keys=off" in cookies[f"procession_{served.port}_prefers"]


AHEAD = """() => {
  const all = performance.getEntriesByType('resource');
  const main = all.find((each) => each.name.endsWith('js/main.js'));
  const name = (each) => each.name.replace(/^.*static.[^/]+.|^.*[/]t[/]|[?].*/g, '');
  return all.map((each) => [name(each), each.startTime < main.responseEnd]);
}"""


@pytest.mark.check(4)
def test_a_grid_and_all_that_it_needs_are_fetched_at_once_and_none_of_it_twice(served: Served, page: Page) -> None:
    page.goto(f"http://{served.host}/t/scene?tab=grid")
    expect(page.locator("x-grid canvas").first).to_be_visible()
    found = page.evaluate(AHEAD)
    assert len({name for name, _ in found}) == len(found), found
    assert not [name for name, _ in found if "htmx" in name], "nothing has changed yet"
    ahead = {name for name, before_any_script in found if before_any_script}
    assert ahead >= {
        "js/live.js", "js/words.js", "js/islands/x-grid.js", "js/islands/grid-paint.js", "scene/grid.json",
        "fonts/inter-latin.woff2", "css/all.css",
    }  # fmt: skip
    bar = page.locator("#bulk")
    expect(bar).to_be_hidden()
    page.locator(".grid-canvas").focus()
    for key in ("Home", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(bar.locator("[data-selected]")).to_have_text("2 selected")
    bar.get_by_role("button", name=re.compile("^all .* matching$")).click()
    expect(bar.locator("[data-selected]")).to_have_text(re.compile("^all .* that match selected$"))
    expect(bar.locator("input[name=ids]")).to_have_value("")
    bar.get_by_role("button", name="only the 2 on this page").click()
    expect(bar.locator("[data-selected]")).to_have_text("2 selected")


@pytest.mark.feature("M111")
def test_without_scripts_the_table_is_shown_in_the_place_of_the_picture(
    served: Served, pages: Callable[..., Page]
) -> None:
    page = logged_in(served, pages(java_script_enabled=False))
    page.goto(f"http://{served.host}/t/scene?tab=grid&query=param.tile:36UUA")
    page.wait_for_url("**/t/scene?*view=table*")
    expect(page.locator("#list tbody tr")).to_have_count(20)
