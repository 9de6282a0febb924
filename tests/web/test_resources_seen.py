"""Pages of resources and settings in a browser: axe finds nothing, no page is wider than a phone, dialogs hold."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from procession.commands import locks
from tests.api.served import Served
from tests.web import browser as chromium
from tests.web.axe import axe
from tests.web.browser import wrong_of
from tests.web.test_resources import TOML  # noqa: F401  of the served project
from tests.web.visiting import Visitor

PAGES = (
    "hosts", "locks", "disk?dry=1", "audit", "settings", "settings/values", "settings/users", "help/search?q=lock",
)  # fmt: skip


browser = chromium.browser


def prepare(served: Served) -> None:
    ids = [served.driven.born("scene", tile="x" * 200) for _ in range(2)]
    served.driven.turn(2)
    served.driven.begin()
    locks.acquire(served.project, (ids[0], 1, 1), ["account:hub"])
    locks.acquire(served.project, (ids[1], 1, 1), ["account:hub"], wait=True)


@pytest.fixture(scope="module")
def cookies(served: Served) -> dict[str, str]:
    return Visitor(served).log_in("admin").cookies


def page_of(browser: Browser, served: Served, cookies: dict[str, str], width: int, theme: str) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    url = f"http://{served.host}/"
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    return context.new_page()


@pytest.mark.feature("M107")
@pytest.mark.check(2, 29)
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_axe_finds_nothing_and_no_page_is_wider_than_the_window(
    browser: Browser,
    served: Served,
    cookies: dict[str, str],
    width: int,
    theme: str,
) -> None:
    page = page_of(browser, served, cookies, width, theme)
    wrong = wrong_of(page)
    found: dict[str, object] = {}
    for path in PAGES:
        page.goto(f"http://{served.host}/{path}")
        page.locator("#live[data-state=live]").wait_for()
        found[path] = (axe(page), page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
        taller = "all => all.filter((each) => each.scrollHeight > each.clientHeight).length"
        assert page.locator(".tabs").evaluate_all(taller) == 0, f"{path}: a strip of tabs scrolls up and down"
    page.context.close()
    assert found == {path: ([], True) for path in PAGES}
    assert wrong == []


@pytest.mark.feature("P29")
@pytest.mark.check(35)
def test_a_secret_is_shown_in_the_dialog_and_is_gone_with_it(
    browser: Browser,
    served: Served,
    cookies: dict[str, str],
) -> None:
    page = page_of(browser, served, cookies, 1440, "light")
    wrong = wrong_of(page)
    page.goto(f"http://{served.host}/settings/tokens")
    page.get_by_role("link", name="New token…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("a browser")
    assert axe(page) == []
    dialog.get_by_role("button", name="Make token").click()
    expect(dialog.locator("#secret")).to_have_text(re.compile(r"procession_[A-Za-z0-9_-]{43}"))
    secret = dialog.locator("#secret").inner_text()
    dialog.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert secret not in page.content()
    page.reload()
    expect(page.get_by_text("a browser")).to_be_visible()
    assert secret not in page.content() and secret not in page.evaluate("JSON.stringify({...localStorage})")
    page.context.close()
    assert wrong == []


@pytest.mark.feature("M48")
def test_a_lock_is_not_released_before_its_name_is_typed(
    browser: Browser,
    served: Served,
    cookies: dict[str, str],
) -> None:
    page = page_of(browser, served, cookies, 390, "light")
    page.goto(f"http://{served.host}/locks")
    page.get_by_role("link", name="Release…").click()
    dialog = page.get_by_role("dialog")
    name = dialog.get_by_label("Type the name of the lock")
    name.fill("account.hub")
    dialog.get_by_role("button", name="Release account:hub").click()
    assert not name.evaluate("field => field.validity.valid")
    name.fill("account:hub")
    dialog.get_by_role("button", name="Release account:hub").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#now")).to_contain_text("nobody; the next one takes it")
    page.context.close()
