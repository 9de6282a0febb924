"""What a person sees while the demo runs.

*In:* the scenes, as `procession list --json` tells them. *Out:* a table that changes on a terminal, a
line for each change elsewhere.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

Answer = dict[str, Any]

COLOURS = {
    "succeeded": "green",
    "failed": "red",
    "running": "yellow",
    "ready": "yellow",
    "cancelled": "magenta",
    "skipped": "magenta",
}
MARKS = {"succeeded": "✓", "failed": "✗", "running": "▶", "ready": "…", "cancelled": "-", "skipped": "-"}


class Screen:
    """What a person sees meanwhile: a table that changes on a terminal, a line for each change elsewhere."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self.told: dict[int, str] = {}

    def __enter__(self) -> Screen:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.live:
            self.live.stop()

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, scenes: list[Answer]) -> None:
        """Tell what has changed."""
        if self.live:
            table = Table(box=None, padding=(0, 2, 0, 0))
            for heading in ("", "scene", "state", "steps"):
                table.add_column(heading, no_wrap=True)
            reasons = []
            for scene in scenes:
                state = Text(scene["state"], style=COLOURS.get(scene["state"], "dim"))
                table.add_row(str(scene["id"]), scene["title"], state, chips(scene))
                if reason := why(scene):
                    reasons.append(Text(f"{scene['id']}: {reason}", "dim", no_wrap=True, overflow="ellipsis"))
            self.live.update(Group(table, *reasons), refresh=True)
            return
        for scene in scenes:
            now = f"{scene['state']:9}  {chips(scene).plain}"
            if (reason := why(scene)) and scene["state"] not in ("succeeded", "running"):
                now += f"  ({reason})"
            if self.told.get(scene["id"]) != now:
                self.told[scene["id"]] = now
                self.say(f"  {scene['title']}  {now}")


def chips(scene: Answer) -> Text:
    """The steps in a row, each with a mark for its state."""
    text = Text()
    for step in scene.get("steps") or ():
        mark = MARKS.get(step["state"], "·")
        text.append(f"{mark} {step['name']}  ", style=COLOURS.get(step["state"], "dim"))
    return text


def why(scene: Answer) -> str:
    """Why it does not run, in one sentence."""
    reason = scene.get("why") or ""
    if isinstance(reason, dict):
        reason = reason.get("text") or reason.get("sentence") or reason.get("reason") or ""
    return str(reason)
