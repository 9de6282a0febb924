"""Questions: what people are asked and nobody has answered, with what was made so far, and a button for each answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from procession.web.page import Ask, Shown, page
from procession.web.processing.directory import listed

MOST = 30
"""Questions of a page."""
MOST_PICTURES = 12
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif", ".tif", ".tiff")


@page("/questions")
def questions(ask: Ask) -> Shown:
    """All open questions, the oldest first; or those of one task."""
    task = ask.query.get("task") or None
    cursor = ask.argument("questions", "cursor")
    found = ask.verb("questions", task=task, limit=MOST, cursor=cursor)
    for each in found["items"]:
        each.update(made_so_far(ask, each["processing"]))
    values = {"questions": found["items"], "next": found["next"], "task": task}
    return Shown("pages/questions.html", values, "Questions", live="all", command="procession questions")


def made_so_far(ask: Ask, processing: int) -> dict[str, Any]:
    """Outputs and pictures of the steps that have ended well."""
    found = ask.verb("show", id=processing)
    done = [step for step in found["steps"] if step["state"] == "succeeded" and step["attempts"]]
    root = ask.project.var.work(processing)
    pictures = [each for step in done for each in _pictures(root, Path(step["attempts"][-1]["directory"]))]
    names = {step["name"] for step in done}  # what an earlier answer came to is told with its question
    outputs = {step: values for step, values in (found["outputs"] or {}).items() if step in names}
    return {"outputs": outputs, "pictures": pictures[:MOST_PICTURES]}


def _pictures(root: Path, attempt: Path) -> Iterator[str]:
    """Pictures among the artifacts of an attempt, below the directory of the processing. No link is followed."""
    entries, _ = listed(root, str(attempt.relative_to(root) / "artifacts"))
    for each in entries:
        if each.kind == "file" and each.name.lower().endswith(PICTURES):
            yield each.path
