"""The tab List of a task: the same rows as on the page of all processings."""

from __future__ import annotations

from typing import Any

from procession.web.listing import listing
from procession.web.page import Ask
from procession.web.pages.task import TABS


def rows(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Processings of this task behind a filter."""
    return "tabs/list.html", {**listing(ask, task["name"]), "of_event": "" if ":" in task["on"] else task["on"]}


TABS["list"] = ("List", rows)
