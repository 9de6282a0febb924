"""Every page of the site in a real browser, in both themes, on a desk and on a phone, closed and with all that opens
opened: axe finds nothing, nothing is asked of another origin, nothing complains, and no page is wider than the window.

The pages are those that are registered: one without an address in `Lived.places` fails its part.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from procession.web import page as registered
from tests.web.axe import COLOURS, axe
from tests.web.lived import Lived
from tests.web.visiting import Visitor

pytestmark = [pytest.mark.feature("M107", "M108"), pytest.mark.check(2, 29, 33, 35)]
PARTS = 24
PATHS = [each.path for each in registered.load() if each.method == "GET"]
MENUS = 2
"""Menus of a page that are opened: those of the rows of a list are alike."""
DATA = (".csv", ".json", ".zip", "files/")
"""What is no page is loaded by a page."""
REFUSED = {"p/999999": 404, "t/nothing": 404, "p?query=state:no": 400}
OPEN = "() => { for (const each of document.querySelectorAll('main details:not(.menu)')) each.open = true; }"
WIDE = "() => [document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    made = Lived(tmp_path_factory.mktemp("lived"))
    yield made
    made.close()


class Crawler:
    """One page of a browser that remembers all that was wrong."""

    def __init__(self, browser: Browser, lived: Lived, role: str) -> None:
        self.root = f"http://{lived.host}/"
        context = browser.new_context(reduced_motion="reduce")
        cookies = Visitor(lived).log_in(role).cookies if role else {}
        context.add_cookies([{"name": n, "value": v, "url": self.root} for n, v in cookies.items()])
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.at = ""
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.note(said.text))
        self.page.on("request", lambda asked: self.is_foreign(asked.url) and self.note(f"asks {asked.url}"))

    def note(self, text: str) -> None:
        if "Failed to load resource" not in text:  # the status of the page itself, which `open` looks at
            self.wrong.append(f"{self.at}: {text}")

    def is_foreign(self, url: str) -> bool:
        return urlsplit(url).scheme in ("http", "https", "ws", "wss") and not url.startswith(self.root)

    def open(self, address: str, status: int) -> None:
        """A page, with what its scripts add."""
        self.at = address
        answer = self.page.goto(self.root + address, wait_until="load")
        assert answer is not None
        if answer.status != status:
            self.note(f"answers {answer.status} and not {status}")
        if status == 200 and "text/html" in answer.headers.get("content-type", ""):
            expect(self.page.locator("body:not([data-stream]), #live[data-state=live]")).to_have_count(1)

    def look(self, theme: str, width: int, *, colours: bool = False, within: str = "") -> None:
        """What axe finds, and how wide it is; only `colours` where all else was looked at in the other theme."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        wide, window = self.page.evaluate(WIDE)
        if wide > window:
            self.note(f"is {wide} px wide in a window of {window}")
        for each in axe(self.page, COLOURS if colours else None, within):
            self.note(f"{theme} {width}: {each}")

    def visit(self, address: str, status: int = 200) -> None:
        """Both themes and both widths, closed; then with all that opens, menus one after the other."""
        self.open(address, status)
        self.look("light", 1440)
        self.look("dark", 1440, colours=True)
        self.look("dark", 390)
        self.look("light", 390, colours=True)
        if self.page.locator("main details:not(.menu)").count():
            self.page.evaluate(OPEN)
            self.look("light", 390)
            self.look("dark", 1440, colours=True)
        menus = self.page.locator("main details.menu")
        for at in range(min(menus.count(), MENUS)):
            self.menu(menus.nth(at))

    def menu(self, menu: Locator) -> None:
        """A menu that is open; what it lies upon is not looked at."""
        for theme, width in (("light", 390), ("dark", 1440)):
            self.page.set_viewport_size({"width": width, "height": 900})
            menu.evaluate("each => { each.open = true; each.scrollIntoView({ block: 'center' }); }")
            self.look(theme, width, colours=width > 390, within="details.menu[open]")
            box = menu.locator(":scope > :not(summary)").bounding_box()
            if box is None or box["x"] < 0 or box["x"] + box["width"] > width:
                self.note(f"{width}: a menu is not all to be seen: {box}")
        menu.evaluate("each => { each.open = false; }")

    def close(self) -> None:
        self.page.context.close()


@pytest.fixture
def crawler(browser: Browser, lived: Lived) -> Iterator[Crawler]:
    made = Crawler(browser, lived, "admin")
    yield made
    made.close()


def status_of(lived: Lived, address: str) -> int:
    return 410 if address == f"p/{lived.gone}" else REFUSED.get(address, 200)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_accessible_quiet_and_as_wide_as_its_window(crawler: Crawler, lived: Lived, part: int) -> None:
    places = lived.places
    addresses = [address for path in PATHS for address in places[path]]
    for address in addresses[part::PARTS]:
        if not any(each in address for each in DATA):
            crawler.visit(address, status_of(lived, address))
    assert not crawler.wrong, "\n".join(crawler.wrong)


@pytest.mark.parametrize(("role", "address", "status"), [("", "login", 200), ("viewer", "audit", 403)])
def test_so_are_the_pages_of_who_is_not_let_in(
    browser: Browser, lived: Lived, role: str, address: str, status: int
) -> None:
    crawler = Crawler(browser, lived, role)
    crawler.visit(address, status)
    crawler.close()
    assert not crawler.wrong, "\n".join(crawler.wrong)


DIALOGS = (
    ("", "banner"), ("", "pause"), ("t/s2-l2a", "emit"), ("t/reduce?tab=variables", "variable-set-add"),
    ("t/reduce?tab=variables", "rerun-runs"), ("t/reduce?tab=variables", "trial"), ("hosts", "drain"),
    ("locks", "unlock"), ("settings/tokens", "token-add"), ("settings/users", "user-set"), ("failures", "batch-add"),
)  # fmt: skip


@pytest.mark.parametrize("part", range(2))
def test_so_is_a_dialog_over_its_page(crawler: Crawler, part: int) -> None:
    for address, verb in DIALOGS[part::2]:
        crawler.page.set_viewport_size({"width": 1440, "height": 900})
        crawler.open(address, 200)
        crawler.page.locator(f"main a[data-ask][href*='ask/{verb}?']:visible").first.click()
        expect(crawler.page.get_by_role("dialog")).to_be_visible()
        crawler.at = f"{address}, {verb}"
        crawler.look("dark", 1440, colours=True, within="dialog")
        crawler.look("light", 390, within="dialog")
    assert not crawler.wrong, "\n".join(crawler.wrong)
