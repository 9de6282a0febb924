"""Model objects → JSON, for every surface. Nothing else turns a noun into a dictionary.

Moments are ISO 8601 in UTC, sizes bytes, durations seconds; a name that has no value yet is there and null, so that
programs can rely on it. `docs/reference/json.md` lists the fields.

Callers write ``present.processing(found, …)``. Each noun has a module, imported when one of its functions is first
asked for: a command of the terminal does not load what only the pages show.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from procession.present.acting import answered, answers, cancelled, foreseen
    from procession.present.bridges import bridge, delivery, key_cancelled
    from procession.present.causes import cause, cause_in_detail, cause_in_inbox
    from procession.present.charts import arrivals, gallery, grid, shading, spans
    from procession.present.counting import account, books, durations, statistics
    from procession.present.events import (
        decision,
        event,
        event_decided,
        missed,
        refusal,
        slot,
        source,
        submitted,
        watch,
    )
    from procession.present.locks import acquired, hold, lock
    from procession.present.messages import entry, message, question
    from procession.present.operating import disk, findings, going, kept, launcher, status
    from procession.present.overviews import overview, task_of_overview
    from procession.present.processings import children, instance, marks, obstacle, processing, waits_since, why
    from procession.present.searching import beside, completion, counted
    from procession.present.steps import attempt, log, progress, seconds, step
    from procession.present.tasks import counts, definition, pause, setting, task
    from procession.present.variables import declared, preview, variable, variable_set, variables_of
    from procession.present.versions import change, comparison, difference, of_run, version
    from procession.present.work import beat, claim

__all__ = [
    "account", "acquired", "answered", "answers", "arrivals", "attempt", "beat", "beside", "books", "bridge",
    "cancelled", "cause", "cause_in_detail", "cause_in_inbox", "change", "children", "claim", "comparison",
    "completion", "counted", "counts", "decision", "declared", "definition", "delivery", "difference", "disk",
    "durations", "entry", "event", "event_decided", "findings", "foreseen", "gallery", "going", "grid", "hold",
    "instance", "kept", "key_cancelled", "launcher", "lock", "log", "marks", "message", "missed", "obstacle",
    "of_run", "overview", "page", "pause", "preview", "processing", "progress", "question", "refusal", "seconds",
    "setting", "shading", "slot", "source", "spans", "statistics", "status", "step", "submitted", "task",
    "task_of_overview", "variable", "variable_set", "variables_of", "version", "waits_since", "watch", "why",
]  # fmt: skip

_HOMES = {
    "acting": "answered answers cancelled foreseen",
    "bridges": "bridge delivery key_cancelled",
    "causes": "cause cause_in_detail cause_in_inbox",
    "charts": "arrivals gallery grid shading spans",
    "counting": "account books durations statistics",
    "events": "decision event event_decided missed refusal slot source submitted watch",
    "locks": "acquired hold lock",
    "messages": "entry message question",
    "operating": "disk findings going kept launcher status",
    "overviews": "overview task_of_overview",
    "processings": "children instance marks obstacle processing waits_since why",
    "searching": "beside completion counted",
    "steps": "attempt log progress seconds step",
    "tasks": "counts definition pause setting task",
    "variables": "declared preview variable variable_set variables_of",
    "versions": "change comparison difference of_run version",
    "work": "beat claim",
}
"""Module → its functions, as they are imported above for those who read types."""


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _HOMES.items() if name in names.split()), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found


def page(items: list[dict[str, Any]], following: int | str | None) -> dict[str, Any]:
    """A list: the items, and the cursor to go on from (null at the end)."""
    return {"items": items, "next": following}
