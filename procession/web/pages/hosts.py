"""Hosts and queues: where things run, what waits for room there; one host with all that it did last."""

from __future__ import annotations

from typing import Any

from procession import disk
from procession.clock import iso, moment
from procession.store import serving
from procession.web.page import Ask, Shown, page

LOOKS = {
    "serving": ("ok", "Serving"), "draining": ("paused", "Draining"), "maintenance": ("held", "Maintenance"),
    "leaving": ("paused", "Leaving"), "silent": ("lost", "Not heard of"), "gone": ("lost", "Gone"),
    "stopped": ("skipped", "Stopped"),
}  # fmt: skip
"""State of a launcher → how it is drawn, and its word."""


@page("/hosts")
def hosts(ask: Ask) -> Shown:
    """Queues with what waits in them, and launchers with what they run."""
    found = ask.verb("launchers")["items"]
    with ask.project.store.read() as tx:
        live = serving.live(tx)
    rows = [_row(each, live) for each in found]
    values = {
        "queues": ask.verb("queues")["items"],
        "launchers": rows,
        "disk": _disk(ask),
        "here": ask.project.var.place_id(),
        "var": str(ask.project.var.root),
        "limited": any(each["memory"] for each in rows),
        "gpus": any(each["gpus"] for each in rows),
    }
    return Shown(
        "pages/hosts.html", values, "Hosts & queues", live="all launcher setting", command="procession launchers"
    )


@page("/h/{host}")
def host(ask: Ask) -> Shown:
    """One host: its launchers, labels and room, what runs there, and what ran there last."""
    found = ask.verb("host", name=ask.values["host"])
    found["launchers"] = [{**each, **_look(each)} for each in found["launchers"]]
    for each in found["last"]:
        each["look"] = _outcome(each)
    return Shown(
        "pages/host.html", {"host": found}, found["name"], live="all launcher setting",
        crumbs=(("Hosts & queues", "hosts"),),
    )  # fmt: skip


def _row(each: dict[str, Any], live: list[serving.Tried]) -> dict[str, Any]:
    own = [one for one in live if one.launcher_id == each["id"]]
    now = [
        {
            "processing": one.processing_id, "task": one.task, "step": one.step, "attempt": one.number,
            "since": iso(moment(one.started_at or one.claimed_at or 0)),
        }
        for one in own
    ]  # fmt: skip
    return {**each, **_look(each), "now": now}


def _look(each: dict[str, Any]) -> dict[str, str]:
    kind, word = LOOKS[each["state"]]
    return {"kind": kind, "word": word}


def _outcome(tried: dict[str, Any]) -> str:
    """How an attempt is drawn."""
    kinds = {
        None: "running", "succeeded": "ok", "retry": "will-retry", "cancelled": "cancelled", "skipped": "skipped",
        "void": "skipped", "lost": "lost",
    }  # fmt: skip
    return kinds.get(tried["outcome"], "failed")


def _disk(ask: Ask) -> dict[str, int] | None:
    """Of this place; nobody can ask the disks of others from here."""
    try:
        space = disk.space(ask.project.var.root / "work")
    except OSError:
        return None
    return {"total": space.total, "free": space.free}
