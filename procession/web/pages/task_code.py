"""The tab Code of a task: what each step executes, and what of it has changed since it went well."""

from __future__ import annotations

import shlex
from typing import Any

from procession.commands import scripts
from procession.web import standings
from procession.web.page import Ask
from procession.web.pages.task import TABS


def code(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Steps, their scripts, and differences."""
    found = scripts.scripts(ask.project, standings.definition(task))
    root = ask.project.root
    steps = [
        {
            "name": each.plan.name, "kind": each.plan.kind, "command": _command(each, str(root)), "good": each.good,
            "commit": each.commit or "",
            "scripts": [
                {"name": scripts.name_of(one.path, root), "text": one.text, "digest": (one.digest or "")[:12],
                 "problem": one.problem, "changed": one.changed, "diff": (one.diff or "").splitlines()}
                for one in each.scripts
            ],
        }
        for each in found
    ]  # fmt: skip
    return "tabs/code.html", {"steps": steps, "hash": task["hash"]}


def _command(each: scripts.OfStep, root: str) -> str:
    plan = each.plan
    if plan.function:
        return plan.function
    if plan.outside:
        return "a program elsewhere"
    words = plan.command.words
    return words[-1] if plan.command.shell else shlex.join(word.replace(f"{root}/", "./") for word in words)


TABS["code"] = ("Code", code)
