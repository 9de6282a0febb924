"""Fixtures: one Chromium for each test process, a site of sample pages, and pages that may not complain."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.web.static_site import StaticSite


@pytest.fixture
def site() -> Iterator[StaticSite]:
    made = StaticSite()
    yield made
    made.close()


@pytest.fixture
def pages(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Pages in contexts of their own; at the end, none of them has complained."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(**how: object) -> Page:
        context = browser.new_context(**how)  # type: ignore[arg-type]
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
