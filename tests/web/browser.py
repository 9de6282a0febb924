"""Chromium, for what only a browser can show: one for each process of the tests, whichever fixture asks first."""

import atexit
import shutil
from functools import cache

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import REQUIRED

NAMES = "chromium", "chromium-browser", "google-chrome"
ARGUMENTS = [
    f"--{name}"
    for name in (
        "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", "disable-dev-shm-usage",
    )
]  # fmt: skip

OFF = (
    # The bars of a window, which nobody sees: each new window had a process for them, which took half of its time.
    "InitialWebUI", "PreloadTopChromeWebUI", "WebUIToolbarProcessOverheadExperiment", "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess",
    # What Playwright turns off: the browser takes only the last list.
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled",
    "PreconnectToSearch",
)  # fmt: skip
"""Features of Chromium that no page needs."""

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser() -> Browser:
    """Skipped where there is none, unless PROCESSION_REQUIRE names chromium."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing = "no Chromium on the PATH: try `make services`"
        if "chromium" in REQUIRED:
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    return _launched(program)


@cache
def _launched(program: str) -> Browser:
    """Playwright can be started only once in a thread."""
    play = sync_playwright().start()
    made = play.chromium.launch(executable_path=program, args=[*ARGUMENTS, f"--disable-features={','.join(OFF)}"])

    def end() -> None:
        made.close()
        play.stop()

    atexit.register(end)
    return made


def wrong_of(page: Page) -> list[str]:
    """What the page complains of from now on: errors of scripts, and what its policy forbids."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console", lambda message: found.append(message.text) if "Content Security Policy" in message.text else None
    )
    return found
