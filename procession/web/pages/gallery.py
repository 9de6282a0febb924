"""The tab Gallery of a task: the same picture of its newest processings side by side, so that the odd one is seen.

*In:* an artifact as ``step/name``, a query, how large, and a number that scripts report. *Out:* a bounded page of
pictures, and the link to the next. *Always:* the pictures come from ``files/…``, small ones, and only when they are
near; a processing that has none is there as well, and says how it ended.
"""

from __future__ import annotations

from typing import Any

from procession.errors import Invalid, NotFound
from procession.web.page import Ask
from procession.web.pages.task import TABS

AT_ONCE = 60
PICTURES = ("png", "jpg", "jpeg", "gif", "webp", "svg", "avif", "bmp")
SIZES = ("small", "medium", "large")


def gallery(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The tab."""
    name, label = task["name"], ask.query.get("label", "").strip()
    size = ask.query.get("size", "")
    values: dict[str, Any] = {
        "artifact": ask.query.get("artifact", ""), "query": ask.query.get("query", "").strip(), "label": label,
        "size": size if size in SIZES else "medium", "artifacts": [], "pictures": [], "next": None, "problem": "",
        "numbers": [], "sizes": SIZES, "is_picture": True,
    }  # fmt: skip
    try:
        found = _found(ask, name, values)
    except (Invalid, NotFound) as error:
        return "tabs/gallery.html", {**values, "problem": str(error)}
    numbers = _numbers(ask, [each["id"] for each in found["items"]])
    artifact = found["artifact"] or ""
    return "tabs/gallery.html", {
        **values, "artifact": artifact, "artifacts": _sorted(found["artifacts"], artifact), "next": found["next"],
        "pictures": [_picture(each, artifact, numbers.get(each["id"], {}).get(label)) for each in found["items"]],
        "numbers": sorted({number for some in numbers.values() for number in some}),
        "is_picture": _is_picture(artifact),
    }  # fmt: skip


def _found(ask: Ask, task: str, values: dict[str, Any]) -> dict[str, Any]:
    """A page of them; where no artifact is asked for, the first that is a picture."""
    asked = {"name": task, "query": values["query"] or None, "newest": AT_ONCE,
             "cursor": ask.argument("gallery", "cursor")}  # fmt: skip
    found: dict[str, Any] = ask.verb("gallery", artifact=values["artifact"] or None, **asked)
    if not values["artifact"] and found["artifact"] and not _is_picture(found["artifact"]):
        better = next((each for each in found["artifacts"] if _is_picture(each)), None)
        if better is not None:
            found = ask.verb("gallery", artifact=better, **asked)
    return found


def _is_picture(artifact: str) -> bool:
    return artifact.rpartition(".")[2].lower() in PICTURES


def _sorted(names: list[str], chosen: str) -> list[str]:
    """Pictures first; the one that is chosen is there, though the newest have none of it."""
    return sorted({*names, *([chosen] if chosen else [])}, key=lambda each: (not _is_picture(each), each))


def _numbers(ask: Ask, ids: list[int]) -> dict[int, dict[str, float]]:
    """Id → the numbers that its scripts have reported."""
    found: dict[int, dict[str, float]] = {}
    if ids:
        asked = f"id:{','.join(map(str, sorted(ids)))}"
        for each in ask.verb("list", query=asked, limit=AT_ONCE)["items"]:
            for step in each["steps"]:
                for attempt in step["attempts"]:
                    found.setdefault(each["id"], {}).update(attempt["metrics"] or {})
    return found


def _picture(each: dict[str, Any], artifact: str, number: float | None) -> dict[str, Any]:
    step, _, name = artifact.partition("/")
    path = None
    if each["size"] is not None and each["ordinal"] is not None:
        path = (f"{each['ordinal']:02d}-{step}", str(each["attempt"]), "artifacts", *(each["name"] or name).split("/"))
    kind = {"will_retry": "will-retry", "none": "waiting"}.get(each["mark"], each["mark"])
    return {**each, "path": path, "kind": kind, "number": None if number is None else f"{number:g}"}


TABS["gallery"] = ("Gallery", gallery)
