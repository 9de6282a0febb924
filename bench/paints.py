"""What a person at a browser waits for, on an installation of a million processings, in a real Chromium.

    .venv/bin/python bench/paints.py            (a part of make bench-pages)
    .venv/bin/python bench/paints.py 100000 5   so many processings, so often

*Out:* a line for each thing waited for: the median, the 95th percentile, the longest, in milliseconds, and the figure
that is wanted (ui.md's checks of the same number). Each time is from the beginning of the navigation, in a new page of
one browser that is logged in (its cache is warm, as it is for somebody who works there), to the second frame after what
is waited for stands on the screen; the first of each is left out.

How to read it: it is time on this machine in this minute, and the browser and the server share its cores. What does not
depend on the machine is held by the tests marked with the numbers of the checks.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from statistics import median

from playwright.sync_api import BrowserContext, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.pages import served
from procession.commands import tokens
from tests.web.big import LARGE, longest
from tests.web.browser import ARGUMENTS, NAMES

SEEN = """() => {
  const inside = (found) => {
    const box = found?.getBoundingClientRect();
    return box && box.height > 0 && box.top < innerHeight && box.bottom > 0;
  };
  const there = () => { CONDITION };
  const look = () => {
    if (!there()) return requestAnimationFrame(look);
    requestAnimationFrame(() => requestAnimationFrame(() => { window.seen = performance.now(); }));
  };
  look();
}"""
GRID = "return document.querySelector('x-grid')?.columns?.length === 1000 && inside(document.querySelector('x-grid'))"
ERROR = "return inside(document.getElementById('error'))"
GALLERY = """
    const row = [...document.querySelectorAll('.gallery img')].filter(inside);
    return row.length > 3 && row.every((img) => img.complete && img.naturalWidth > 0)"""
TITLE = "return inside(document.querySelector('h1, h2'))"
FIRST = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
ANSWERED = """() => {
  const [navigation] = performance.getEntriesByType('navigation');
  return navigation.responseEnd - navigation.requestStart;
}"""
WHEEL = """async () => {
  const stage = document.querySelector('x-grid .grid-canvas'), took = [], start = performance.now();
  let before = await new Promise(requestAnimationFrame);
  while (before - start < 3000) {
    const back = Math.floor((before - start) / 500) % 2;
    const turned = { deltaY: back ? 40 : -40, ctrlKey: took.length % 3 === 0, clientX: 700, cancelable: true };
    for (let at = 0; at < 4; at += 1) stage.dispatchEvent(new WheelEvent('wheel', turned));
    const now = await new Promise(requestAnimationFrame);
    took.push(now - before);
    before = now;
  }
  return took;
}"""


def main() -> None:
    """Serve, look, tell."""
    n, times = (int(sys.argv[1]) if len(sys.argv) > 1 else LARGE), (int(sys.argv[2]) if len(sys.argv) > 2 else 10)
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print("no Chromium here: what a person waits for was not measured")
        return
    with (
        served(n) as (project, port),
        sync_playwright() as play,
        play.chromium.launch(executable_path=program, args=ARGUMENTS) as browser,
    ):
        url, failed = f"http://127.0.0.1:{port}", longest(project)[0]
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{url}/login#{tokens.link(project, 'bench').secret}")
        page.locator("#live").wait_for()
        page.close()
        print(f"{n:,} processings, each {times} times, load {os.getloadavg()[0]:.1f}")
        print(f"{'p50':>8} {'p95':>8} {'longest':>8} {'wanted':>8}")
        overview = [painted(context, f"{url}/") for _ in range(times + 1)][1:]
        told([first for first, _ in overview], 400, "check 3: first paint of the overview")
        told([answered for _, answered in overview], 50, "check 3: the server's answer to it, as the browser sees it")
        wait = Waiting(context, times)
        grid = f"{url}/t/s2-l2a?tab=grid"
        told(wait.until(grid, GRID), 300, "check 4: a grid of 1,000 processings drawn")
        told(wait.until(grid, GRID, slower=4), 900, "check 4: the same on a processor four times slower")
        told(wheeled(context, grid), 50, "check 6: one frame of that grid under the wheel for three seconds")
        told(wait.until(f"{url}/p/{failed}#error", ERROR), 500, "check 10: a log of a million lines at its error")
        told(wait.until(f"{url}/t/s2-l2a?tab=gallery", GALLERY), 600, "check 23: the first pictures of a gallery")
        told(tabs(context, url, times), 2000, "check 36: the tenth tab while nine are open")


def told(took: list[float], wanted: int, what: str) -> None:
    """Print a line."""
    ordered = sorted(took)
    high = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"{median(ordered):8.1f} {high:8.1f} {ordered[-1]:8.1f} {wanted:8}  {what}", flush=True)


def painted(context: BrowserContext, address: str) -> tuple[float, float]:
    """When a page showed anything first; how long its answer took."""
    page = context.new_page()
    page.goto(address)
    page.wait_for_function(FIRST)
    both = page.evaluate(FIRST), page.evaluate(ANSWERED)
    page.close()
    return both


class Waiting:
    """Navigations in new pages of one browser, each until something is seen."""

    def __init__(self, context: BrowserContext, times: int) -> None:
        self.context, self.times = context, times

    def until(self, address: str, condition: str, slower: int = 1) -> list[float]:
        """Milliseconds from the beginning of the navigation until two frames after the condition holds."""
        return [self.once(address, condition, slower) for _ in range(self.times + 1)][1:]

    def once(self, address: str, condition: str, slower: int) -> float:
        """One of them."""
        page = opened(self.context, condition)
        if slower > 1:
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        took = seen(page, address)
        page.close()
        return took


def opened(context: BrowserContext, condition: str) -> Page:
    """A new page that will note when it first sees what is waited for."""
    page = context.new_page()
    page.add_init_script(f"({SEEN.replace('CONDITION', condition)})()")
    return page


def seen(page: Page, address: str) -> float:
    """Go there, and wait."""
    page.goto(address, wait_until="commit")
    return float(page.wait_for_function("() => window.seen", timeout=60_000).json_value())


def wheeled(context: BrowserContext, address: str) -> list[float]:
    """The time between frames while a wheel pans and zooms a grid for three seconds."""
    page = context.new_page()
    page.goto(address)
    page.locator("x-grid canvas").first.wait_for()
    took = [float(each) for each in page.evaluate(WHEEL)]
    page.close()
    return took


def tabs(context: BrowserContext, url: str, times: int) -> list[float]:
    """How long the tenth tab takes while nine others are open: four with streams, five that poll."""
    others = [context.new_page() for _ in range(9)]
    for page in others:
        page.goto(f"{url}/")
    took = Waiting(context, times).until(f"{url}/", TITLE)
    for page in others:
        page.close()
    return took


if __name__ == "__main__":
    main()
