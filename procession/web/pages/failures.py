"""Failures: an inbox of causes, not a list of runs; and one cause: what it says, what its processings have in common.

*In:* which tab, how to group, a task, since when. *Out:* causes with their trend; of one its example, its facts, and
what may be done to all that failed for it. *Always:* what is done to many goes over the query ``cause:SIGNATURE``, so
it is the same here as on the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from procession.errors import Invalid, NotFound, ProcessionError
from procession.model.traceback import read_traceback
from procession.web import words
from procession.web.page import Ask, Gone, Shown, one, page
from procession.web.report import report, soft_rule
from procession.web.url import joined

MOST = 200
"""Causes on the page, where all are asked for."""
FIRST = 50
"""Causes on the page at first: those for which most has failed."""
NEWEST = 20
"""Processings of one cause on its page."""
TAIL = 48 << 10
"""Bytes at the end of a log in which an error is looked for."""
LINES = 24
"""Lines at its end that are shown where there is no traceback."""
TABS = ("open", "muted", "resolved")
GROUPS = ("cause", "step", "host", "day")
DONE = frozenset({"retry", "restart", "accept", "cancel", "delete"})
"""What may be done from here to all that failed for some causes."""


@page("/failures")
def failures(ask: Ask) -> Shown:
    """The inbox."""
    tab, by = _chosen(ask, "tab", TABS), _chosen(ask, "by", GROUPS)
    task, since = ask.query.get("task", "").strip(), ask.query.get("since", "").strip()
    problem, found = "", list[dict[str, Any]]()
    try:
        asked = {"task": task or None, "since": since or None, "everything": tab == "resolved"}
        found = ask.verb("causes", limit=MOST, **asked)["items"]
    except Invalid as error:
        problem = str(error)
    tabs = {name: [each for each in found if _tab(each) == name] for name in TABS}
    shown = tabs[tab]
    first = shown if ask.query.get("all") else shown[:FIRST]
    values = {
        "tab": tab, "by": by, "task": task, "since": since, "problem": problem, "groups": _grouped(first, by),
        "left": len(shown) - len(first),
        "counts": {name: len(tabs[name]) for name in ("open", "muted")}, "causes": shown,
        "failed": sum(each["failed"] for each in shown), "more": len(found) >= MOST, "several": _several_hosts(found),
        "last": _last(ask, task) if not shown and not problem else None, "filtered": bool(task or since),
        "tasks": sorted(each["name"] for each in ask.verb("tasks")["items"]),
    }  # fmt: skip
    return Shown(
        "pages/failures.html", values, "Failures", live="cause all", command="procession causes",
        status=400 if problem else 200, data={"items": shown, "problem": problem or None},
    )  # fmt: skip


def _chosen(ask: Ask, name: str, allowed: tuple[str, ...]) -> str:
    said = ask.query.get(name, "")
    return said if said in allowed else allowed[0]


def _tab(cause: dict[str, Any]) -> str:
    """The tab in which a cause stands; none for one that nothing has failed for, and that is not said to be mended."""
    if cause["standing"] in ("muted", "resolved"):
        return str(cause["standing"])
    return "open" if cause["failed"] else ""


def _several_hosts(found: Iterable[dict[str, Any]]) -> bool:
    return len({host for each in found for host in each["hosts"]}) > 1


def _grouped(found: list[dict[str, Any]], by: str) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        name = {
            "step": f"{each['task']} / {each['step']}", "host": ", ".join(each["hosts"]), "day": each["last_at"][:10]
        }.get(by, "")  # fmt: skip
        groups.setdefault(name, []).append(each)
    if by == "day":
        return sorted(groups.items(), reverse=True)
    return sorted(groups.items(), key=lambda group: -sum(each["failed"] for each in group[1]))


def _last(ask: Ask, task: str) -> dict[str, Any] | None:
    """What failed last, whatever became of it."""
    known = ask.verb("causes", task=task or None, everything=True, limit=MOST)["items"]
    return max(known, key=lambda each: each["last_at"], default=None)


@page("/failures/chosen", scope="operate", method="POST")
def chosen(ask: Ask) -> Gone:
    """From causes that were ticked to the dialog of what is to be done to all that failed for them."""
    verb = one(ask.form, "verb")
    ticked = {
        each.strip() for value in (*ask.form.get("ids", []), *ask.form.get("id", [])) for each in value.split(",")
    }
    signatures = sorted(each for each in ticked if each.isalnum())
    if verb not in DONE or not signatures:
        return Gone("failures", "No cause is ticked: tick causes, then choose an action")
    return Gone(over(verb, f"cause:{','.join(signatures)}", "failures"))


def over(verb: str, query: str, back: str) -> str:
    """The place where a verb over a query is asked for."""
    return joined("ask/batch-add", verb=verb, query=query, back=back)


# ── one cause ──────────────────────────────────────────────────────────────────────────────────────


@page("/failures/{signature}")
def cause(ask: Ask) -> Shown:
    """One cause."""
    found = ask.verb("cause", signature=ask.values["signature"])
    newest = ask.verb("list", query=found["query"], limit=NEWEST)["items"]
    example = _example(ask, found["example"])
    told = words.tidy(found["text"])
    values = {
        "cause": found, "newest": newest, "example": example, "common": [_fact(each) for each in found["in_common"]],
        "report": report(found, example, [each["id"] for each in newest], ask.origin), "rule": soft_rule(told),
        "place": joined("failures", found["signature"]), "took": [_row(each, found["step"]) for each in newest],
    }  # fmt: skip
    return Shown(
        "pages/failure.html", values, told[:120], live="cause all", crumbs=(("Failures", "failures"),),
        command=f"procession cause {found['signature']}", data={**found, "newest": [each["id"] for each in newest]},
    )  # fmt: skip


def _example(ask: Ask, at: dict[str, Any] | None) -> dict[str, Any] | None:
    """The end of the log of the newest one: its frames where there is a traceback, else its last lines."""
    if at is None:
        return None
    try:
        log = ask.verb("logs", id=at["processing"], step=str(at["ordinal"]), attempt=at["attempt"], offset=-TAIL,
                       limit=TAIL)  # fmt: skip
    except NotFound:  # a person answered, or it is cleaned away
        return {**at, "problem": "There is no log of it.", "traceback": None, "tail": ""}
    except ProcessionError as error:
        return {**at, "problem": str(error), "traceback": None, "tail": ""}
    lines = log["text"].splitlines()
    traceback = read_traceback(lines)
    return {**at, "problem": "", "traceback": traceback, "tail": "\n".join(line[:1000] for line in lines[-LINES:])}


def _fact(each: dict[str, Any]) -> dict[str, Any]:
    """Something that they have in common, in words."""
    text = {
        "param": f"{each['name']} = {each['value']}", "variable": f"{each['name']} = {each['value']}",
        "host": f"host {each['value']}", "definition": f"definition {each['value']}",
    }[each["kind"]]  # fmt: skip
    return {**each, "text": text, "share": round(100 * each["failed"]), "usual": round(100 * each["good"])}


def _row(processing: dict[str, Any], name: str) -> dict[str, Any]:
    step = next((each for each in processing["steps"] if each["name"] == name and each["attempts"]), None)
    last = step["attempts"][-1] if step else {}
    return {
        "id": processing["id"], "title": processing["title"] or processing["key"] or processing["event_name"],
        "params": words.brought(processing["event_name"], processing["params"], processing["created_at"])[:300],
        "at": processing["finished_at"], "tries": len(step["attempts"]) if step else 0,
        "host": last.get("worker") or last.get("host") or "", "reason": processing["reason"] or "", "step": name,
    }  # fmt: skip
