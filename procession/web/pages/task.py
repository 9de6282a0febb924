"""A task: how it stands, what may be done to it, and below that one tab.

*In:* the name of a task, ``?tab=NAME``. *Out:* the head, which all tabs share, and the tab. *Always:* a tab is a
function and a template of its own, entered in `TABS` by the module that has it; one that nobody has entered is not
drawn.

    def gallery(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "tabs/gallery.html", {"items": ...}

    TABS["gallery"] = ("Gallery", gallery)

Its template extends ``pages/task.html`` and fills the block ``tab``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from procession.errors import NotFound
from procession.web import standings
from procession.web.page import Ask, Shown, page, plain

Tab = Callable[[Ask, dict[str, Any]], tuple[str, dict[str, Any]]]
"""``tab(ask, task)``: the template, and its values; `task` is what the verb ``task`` says of it."""

ORDER = ("grid", "list", "gallery", "durations", "variables", "settings", "code")
"""From left to right; the first of them that there is, is shown where none is asked for."""
TABS: dict[str, tuple[str, Tab]] = {}
"""Name, as in the address → what it is called, and what makes it."""


@page("/t/{task}")
def task(ask: Ask) -> Shown:
    """The head and a tab."""
    found = ask.verb("task", name=ask.values["task"])
    there = [name for name in ORDER if name in TABS]
    chosen = ask.query.get("tab") or there[0]
    if chosen not in TABS:
        raise NotFound(f"a task has no tab {chosen[:40]!r}; there are: {', '.join(there)}")
    template, values = TABS[chosen][1](ask, found)
    tabs = [{"name": name, "text": TABS[name][0], "current": name == chosen} for name in there]
    head = {
        "task": standings.line(found), "tabs": tabs, "parameters": sorted(standings.definition(found).parameters()),
    }  # fmt: skip
    shown = {**head, **values}
    return Shown(
        template, shown, found["name"], live=f"task:{found['name']} setting",
        crumbs=(("Tasks", "tasks"),), command=f"procession tasks {found['name']}",
        data=plain(shown),
    )  # fmt: skip
