"""How long the server takes for each page, on an installation of a million processings (check 3; 50 ms are wanted).

    make bench-pages                                          the paths below
    .venv/bin/python bench/pages.py 100000 20 "/api/v1/overview" "/"

*In:* how many processings, how often each, and paths (the API's, or pages); without them a million, thirty times, and
`PATHS`. *Out:* for each path the status, bytes, the median and the 95th percentile in milliseconds. *Always:* over one
kept connection, one request after the other, the first of each path left out, since it reads what the system had not
yet in its memory. The installation is made once and kept (`tests/web/big.py`); the server works on a copy.

How to read it: it is time on this machine in this minute, with whatever else it does; the load stands beside. What does
not depend on the machine is held by `tests/web/test_sql.py` and `test_islands.py`. Without paths, and where there is a
Chromium, the last line tells the frames of the grid of a task while a wheel pans and zooms it for three seconds
(check 6; none above 50 ms).
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from procession.api.server import WebServer, listen
from procession.commands import tokens
from tests.web.big import LARGE, big, longest, opened
from tests.web.browser import ARGUMENTS, NAMES

QUERY = quote("task:s2-l2a state:failed after:-7d")
PATHS = (
    "/api/v1/overview",
    "/api/v1/overview?days=7",
    "/api/v1/status",
    "/api/v1/tasks",
    "/api/v1/tasks/s2-l2a/grid",
    "/api/v1/tasks/s2-l2a/grid?rows=param.tile&columns=day&newest=5000",
    "/api/v1/tasks/s2-l2a/durations",
    "/api/v1/tasks/s2-l2a/gallery",
    "/api/v1/processings?limit=100",
    f"/api/v1/processings?limit=100&query={QUERY}",
    "/api/v1/processings?limit=100&query=state:waiting",
    "/api/v1/processings?limit=100&query=param.tile:36UUA",
    f"/api/v1/processings/count?query={QUERY}",
    "/api/v1/processings/{failed}",
    f"/api/v1/processings/{{failed}}/neighbours?query={QUERY}",
    "/api/v1/processings/{failed}/logs",
    "/api/v1/causes",
    "/api/v1/events?limit=100",
    "/api/v1/events/arrivals",
    "/",
    "/p",
    f"/p?query={QUERY}",
    "/p/{failed}",
    "/t/s2-l2a",
    "/t/s2-l2a?tab=grid&rows=param.tile",
    "/failures",
    "/events",
    "/books",
    "/disk",
    "/disk?dry=1",
    "/stats",
    "/stats?days=14",
    "/settings/health?examine=1",
    f"/bulk/new?verb=retry&all=1&query={QUERY}",
    "/bulk/new?verb=restart&all=1&query=after:-30d",
    "/bulk/new?verb=delete&all=1&query=param.tile:36UUA",
)


def main() -> None:
    """Serve, ask, tell."""
    n, times = (int(sys.argv[1]) if len(sys.argv) > 1 else LARGE), (int(sys.argv[2]) if len(sys.argv) > 2 else 30)
    with tempfile.TemporaryDirectory(dir=big(n).parent) as place:
        root = Path(place) / "big"
        subprocess.run(["cp", "-r", "--reflink=auto", str(big(n)), str(root)], check=True)
        project = opened(root)
        failed = longest(project)[0]
        sockets = listen(project.settings.web, 0)
        tokens.first(project)
        server = WebServer(project, sockets)
        server.start()
        port, token = sockets[0].getsockname()[1], project.var.token.read_text().strip()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        print(f"{n:,} processings, each path {times} times, load {os.getloadavg()[0]:.1f}")
        print(f"{'p50':>8} {'p95':>8} {'bytes':>9}  path")
        for path in sys.argv[3:] or PATHS:
            told(connection, path.format(failed=failed), token, times)
        connection.close()
        if not sys.argv[3:]:
            frames(f"http://127.0.0.1:{port}", tokens.link(project, "bench").secret)
        server.stop()
        project.close()


def told(connection: http.client.HTTPConnection, path: str, token: str, times: int) -> None:
    """Ask for one path so often, and print a line."""
    took = []
    for _ in range(times + 1):
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        size = len(answer.read())
        took.append((time.perf_counter() - started) * 1000)
    ordered = sorted(took[1:])
    middle, high = ordered[len(ordered) // 2], ordered[int(0.95 * (len(ordered) - 1))]
    wrong = "" if answer.status == 200 else f"  status {answer.status}"
    print(f"{middle:8.1f} {high:8.1f} {size:9,}  {path}{wrong}", flush=True)


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
  return took.sort((a, b) => a - b);
}"""


def frames(url: str, secret: str) -> None:
    """The time between frames while a wheel turns over the grid of 1,000 processings."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print("no Chromium here: the frames of the grid were not measured")
        return
    with sync_playwright() as play, play.chromium.launch(executable_path=program, args=ARGUMENTS) as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/login#{secret}")
        page.locator("#live").wait_for()
        page.goto(f"{url}/t/s2-l2a")
        page.locator("x-grid canvas").first.wait_for()
        took = page.evaluate(WHEEL)
    middle, high = took[len(took) // 2], took[int(0.95 * (len(took) - 1))]
    print(f"{middle:8.1f} {high:8.1f}  {len(took)} frames of the grid under the wheel, the longest {took[-1]:.1f} ms")


if __name__ == "__main__":
    main()
