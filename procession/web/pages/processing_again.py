"""``p/{id}/rerun``: other values for the next version, with what they change; ``p/{id}/compare/{other}``: two beside
each other."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import changes, variables
from procession.commands.variables import read_words
from procession.errors import Invalid, ProcessionError
from procession.web import words
from procession.web.page import Ask, Shown, page, plain
from procession.web.processing import directory, head, previews, timeline
from procession.web.processing.differences import differences
from procession.web.processing.values import rows_of, typed

JSON = dict[str, Any]
PICTURES = 12


@page("/p/{id}/rerun", scope="operate")
def rerun(ask: Ask) -> Shown:
    """The form; with ``?show=1`` what is different, and the button that starts it."""
    found: JSON = ask.verb("show", id=ask.number("id"))
    rows, problem = rows_of(ask, found)
    rows = typed(rows, ask.query)
    problems = _problems(ask, found, [row for row in rows if row["differs"]])
    values = {
        "found": found, "rows": rows, "problem": problem, "problems": problems,
        "changed": [row for row in rows if row["differs"]], "checked": ask.query.get("show") == "1",
        "description": ask.query.get("description", "")[:500], "next": found["version"] + 1,
        "script": "original" if ask.query.get("script") == "original" else "current",
    }  # fmt: skip
    title = f"Re-run {found['title'] or found['key'] or found['id']} with changes"
    crumbs = ((found["task"], f"t/{found['task']}"), (str(found["id"]), f"p/{found['id']}"))
    return Shown("pages/rerun.html", values, title, crumbs=crumbs, command=f"procession rerun {found['id']} NAME=VALUE")


def _problems(ask: Ask, found: JSON, changed: list[JSON]) -> dict[str, str]:
    """Name → what is wrong with what was typed."""
    problems: dict[str, str] = {}
    if not changed:
        return problems
    try:
        known = variables.declared(ask.project, found["task"]).variables
    except ProcessionError:
        return problems  # the verb says so, too
    for row in changed:
        try:
            read_words(known, {row["name"]: row["typed"]})
        except Invalid as error:
            problems[row["name"]] = str(error)
    return problems


@page("/p/{id}/compare/{other}")
def compare(ask: Ask) -> Shown:
    """Two processings: what is different in what they ran with, how long each step took, and their pictures."""
    found: JSON = ask.verb("show", id=ask.number("id"))
    other: JSON = ask.verb("show", id=ask.number("other"))
    now = ask.project.clock.now()
    names = [step["name"] for step in found["steps"]]
    rows = [{row.name: row for row in timeline.rows(each, now)} for each in (other, found)]
    steps = [
        {"name": name, "before": rows[0].get(name), "after": rows[1][name],
         "changes": differences([present.change(each)
                                 for each in changes.between(ask.project, found["id"], other["id"], name)])}
        for name in names
    ]  # fmt: skip
    both = [_side(ask, each) for each in (other, found)]
    values = {
        "both": both, "steps": steps, "names": sorted({*both[0]["pictures"], *both[1]["pictures"]})[:PICTURES],
    }  # fmt: skip
    crumbs = ((found["task"], f"t/{found['task']}"), (str(found["id"]), f"p/{found['id']}"))
    return Shown("pages/compare.html", values, f"{other['id']} and {found['id']}", crumbs=crumbs, data=plain(values))


def _side(ask: Ask, found: JSON) -> JSON:
    root, pictures = ask.project.var.work(found["id"]), dict[str, str]()
    for step in found["steps"]:
        if step["attempts"]:
            place = f"{step['ordinal']:02d}-{step['name']}/{step['attempts'][-1]['number']}/artifacts"
            for each in directory.below(root, place, 100):
                if previews.kind_of(each.name) == "picture" and previews.drawable(each):
                    pictures[f"{step['name']}: {each.path[len(place) + 1 :]}"] = each.path
    facts = head.facts(found, ask.project.clock.now())
    return {
        "id": found["id"], "title": found["title"] or found["key"] or found["task"], "version": found["version"],
        "kind": words.state(found), "took": facts["took"], "begun": facts["begun"], "pictures": pictures,
        "error": found["reason"],
    }  # fmt: skip
