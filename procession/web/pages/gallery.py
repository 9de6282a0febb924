"""The tab Gallery of a task: the same picture of its newest processings side by side, so that the odd one is seen.

*In:* an artifact as ``step/name``, a query, how large, and a number that scripts report. *Out:* a bounded page of
pictures, and the link to the next. *Always:* the pictures come from ``files/…``, small ones, and only when they are
near; a processing that has none is there as well, and says how it ended.
"""

from __future__ import annotations

from typing import Any

from procession.errors import Invalid, NotFound
from procession.model import wording
from procession.web.page import Ask
from procession.web.pages.task import TABS

AT_ONCE = 60
PICTURES = ("png", "jpg", "jpeg", "gif", "webp", "svg", "avif", "bmp")
LONGEST = 300
"""Characters of a caption; what is longer stands on the page of the processing."""
SIZES = ("small", "medium", "large")


def gallery(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The tab."""
    name, label = task["name"], ask.query.get("label", "").strip()
    size = ask.query.get("size", "")
    values: dict[str, Any] = {
        "artifact": ask.query.get("artifact", ""), "query": ask.query.get("query", "").strip(), "label": label,
        "size": size if size in SIZES else "medium", "artifacts": [], "pictures": [], "next": None, "problem": "",
        "numbers": [], "sizes": SIZES, "is_picture": True, "large": None, "cursor": ask.query.get("cursor"),
    }  # fmt: skip
    try:
        found = _found(ask, name, values)
    except (Invalid, NotFound) as error:
        return "tabs/gallery.html", {**values, "problem": str(error)}
    facts = _facts(ask, [each["id"] for each in found["items"]])
    numbers = {pid: _numbers(fact) for pid, fact in facts.items()}
    artifact = found["artifact"] or ""
    pictures = [
        {**_picture(each, artifact, numbers.get(each["id"], {}).get(label)), **_words(facts.get(each["id"]))}
        for each in found["items"]
    ]
    return "tabs/gallery.html", {
        **values, **_large(pictures if _is_picture(artifact) else [], ask.query.get("show", "")),
        "artifact": artifact, "artifacts": _sorted(found["artifacts"], artifact), "next": found["next"],
        "pictures": pictures,
        "numbers": sorted({number for some in numbers.values() for number in some}),
        "is_picture": _is_picture(artifact),
    }  # fmt: skip


def _large(pictures: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """The picture that is shown alone, as `wanted` says (an id, or ``first``), and those beside it on this page;
    nothing where it is not among them."""
    there = [each for each in pictures if each["path"]]
    at = next((n for n, each in enumerate(there) if wanted in (str(each["id"]), "first")), None)
    if at is None:
        return {}
    return {
        "large": there[at], "place": at + 1, "shown": len(there),
        "before": there[at - 1]["id"] if at else None, "after": there[at + 1]["id"] if at + 1 < len(there) else None,
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


def _facts(ask: Ask, ids: list[int]) -> dict[int, dict[str, Any]]:
    """Id → the processing."""
    if not ids:
        return {}
    asked = f"id:{','.join(map(str, sorted(ids)))}"
    return {each["id"]: each for each in ask.verb("list", query=asked, limit=AT_ONCE)["items"]}


def _numbers(fact: dict[str, Any]) -> dict[str, float]:
    """The numbers that its scripts have reported."""
    attempts = [attempt for step in fact["steps"] for attempt in step["attempts"]]
    return {name: value for attempt in attempts for name, value in (attempt["metrics"] or {}).items()}


def _words(fact: dict[str, Any] | None) -> dict[str, str]:
    """What it is called, and why it failed."""
    if fact is None:
        return {"words": "", "why": ""}
    params = ", ".join(f"{name} {wording.plain(value)}" for name, value in fact["params"].items())
    said = fact["title"] or fact["key"] or params or fact["event_name"]
    return {"words": said[:LONGEST], "why": (fact["reason"] or "")[:LONGEST] if fact["state"] == "failed" else ""}


def _picture(each: dict[str, Any], artifact: str, number: float | None) -> dict[str, Any]:
    step, _, name = artifact.partition("/")
    path = None
    if each["size"] is not None and each["ordinal"] is not None:
        path = (f"{each['ordinal']:02d}-{step}", str(each["attempt"]), "artifacts", *(each["name"] or name).split("/"))
    kind = {"will_retry": "will-retry", "none": "waiting"}.get(each["mark"], each["mark"])
    return {**each, "path": path, "kind": kind, "number": None if number is None else f"{number:g}"}


TABS["gallery"] = ("Gallery", gallery)
