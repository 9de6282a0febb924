"""Fixtures: one Chromium for each test process, a site of sample pages, and pages that may not complain."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import REQUIRED
from tests.web.static_site import StaticSite

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


NAMES = "chromium", "chromium-browser", "google-chrome"
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def static_chromium() -> Iterator[Browser]:
    """One browser for each test process; skipped where there is none, unless PROCESSION_REQUIRE names chromium."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing = "no Chromium on the PATH: try `make services`"
        if "chromium" in REQUIRED:
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def site() -> Iterator[StaticSite]:
    made = StaticSite()
    yield made
    made.close()


@pytest.fixture
def pages(static_chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Pages in contexts of their own; at the end, none of them has complained."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(**how: object) -> Page:
        context = static_chromium.new_context(**how)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [said for said in complaints if "503" not in said and "422" not in said] == []
