"""How long the server takes for each page, on an installation of a million processings (check 3; 50 ms are wanted).

    make bench-pages                                          the paths below
    .venv/bin/python bench/pages.py 100000 20 "/api/v1/overview" "/"

*In:* how many processings, how often each, and paths (the API's, or pages); without them a million, thirty times, and
`PATHS`. *Out:* for each path the status, bytes, the median and the 95th percentile in milliseconds. *Always:* over one
kept connection, one request after the other, the first of each path left out, since it reads what the system had not
yet in its memory. The installation is made once and kept (`tests/web/big.py`); the server works on a copy.

How to read it: it is time on this machine in this minute, with whatever else it does; the load stands beside. What does
not depend on the machine is held by `tests/web/test_sql.py` and `test_islands.py`. `bench/paints.py` measures what a
person at a browser waits for, on the same server.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from procession.api.server import WebServer, listen
from procession.commands import tokens
from procession.project import Project
from tests.web.big import LARGE, big, longest, opened

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
    with served(n) as (project, port):
        failed, token = longest(project)[0], project.var.token.read_text().strip()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        print(f"{n:,} processings, each path {times} times, load {os.getloadavg()[0]:.1f}")
        print(f"{'p50':>8} {'p95':>8} {'bytes':>9}  path")
        for path in sys.argv[3:] or PATHS:
            told(connection, path.format(failed=failed), token, times)
        connection.close()


@contextmanager
def served(n: int) -> Iterator[tuple[Project, int]]:
    """A copy of the installation of `n` processings behind a real server, and its port."""
    with tempfile.TemporaryDirectory(dir=big(n).parent) as place:
        root = Path(place) / "big"
        subprocess.run(["cp", "-r", "--reflink=auto", str(big(n)), str(root)], check=True)
        project = opened(root)
        sockets = listen(project.settings.web, 0)
        tokens.first(project)
        server = WebServer(project, sockets)
        server.start()
        try:
            yield project, sockets[0].getsockname()[1]
        finally:
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


if __name__ == "__main__":
    main()
