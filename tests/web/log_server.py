"""A log and a grid as the pages' server gives them, made up; the contract is in `static/js/README.md`."""

from __future__ import annotations

import base64
import json
import re

from tests.web.static_site import Answer, StaticSite

Reply = "Answer | str | dict[str, object]"


class MadeLog:
    """A log that can grow while it is read."""

    topic = "log:18231/calibrate/3"

    def __init__(self, site: StaticSite, text: str, state: str = "succeeded", live: bool = False) -> None:
        self.site = site
        self.text = text
        self.state = state
        self.live = live
        self.error_line: int | None = None
        self.errors: list[int] = []
        self.warnings: list[int] = []
        site.routes["log.json"] = self.answer

    @property
    def lines(self) -> list[str]:
        """Its lines, an unfinished one too."""
        found = self.text.split("\n")
        return found if found[-1] else found[:-1]

    def grow(self, text: str, told: bool = True) -> None:
        """More is written; told: those who listen hear of it."""
        offset = len(self.text.encode())
        self.text += text
        if told:
            end = len(self.text.encode())
            self.site.say("log", "", topic=self.topic, offset=offset, end=end, at=1763755447388, text=text)

    def answer(self, query: dict[str, str]) -> Answer | str | dict[str, object]:
        """What the viewer asks."""
        lines = self.lines
        if "search" in query:
            flags = 0 if query.get("case") else re.IGNORECASE
            wanted = query["search"] if query.get("regex") else re.escape(query["search"])
            hits = [at for at, line in enumerate(lines, 1) if re.search(wanted, line, flags)]
            return {"count": len(hits), "lines": hits[:10_000], "error": None}
        if "from" not in query:
            return {
                "lines": len(lines), "size": len(self.text.encode()), "state": self.state, "live": self.live,
                "error_line": self.error_line, "errors": self.errors, "warnings": self.warnings, "note": None,
            }  # fmt: skip
        first = int(query["from"])
        piece = lines[first - 1 : first - 1 + int(query["count"])]
        rows = [json.dumps([first + at, 1763755440000 + first + at, line]) for at, line in enumerate(piece)]
        upto = first - 1 + len(piece)
        end = len("\n".join(lines[:upto]).encode()) + 1 if upto < len(lines) else len(self.text.encode())
        last_open = upto >= len(lines) and not self.text.endswith("\n")
        rows.append(json.dumps({"lines": len(lines), "end": end, "open": last_open, "live": self.live}))
        return 200, "application/x-ndjson", ("\n".join(rows) + "\n").encode()


def grid(columns: int, steps: int, states: bytes) -> dict[str, object]:
    """The data of a grid."""
    return {
        "steps": [f"step{at}" for at in range(steps)],
        "columns": [
            {"id": 1000 + at, "title": f"S2A_{at}", "started": "2026-11-21T20:06:02Z", "seconds": 100 + at % 37}
            for at in range(columns)
        ],
        "states": base64.b64encode(states).decode(),
        "medians": [60.0] * steps,
    }


def island(site: StaticSite, path: str, inside: str, live: str = "") -> None:
    """A page with this in its main part."""
    page = site.routes[""]({})
    assert isinstance(page, str)
    head, rest = page.split('<main class="main"', 1)
    tail = rest.split("</main>", 1)[1]
    head = re.sub(r"<body[^>]*>", f'<body data-live="{live}" data-stream="live">', head)
    site.routes[path] = lambda _query: (
        f'{head}<main class="main" id="main" tabindex="-1"><h1>Island</h1>{inside}</main>{tail}'
    )
