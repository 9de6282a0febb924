"""What was deleted is not forgotten: who did it, when and why, for whoever has an old link.

*In:* a refusal because a processing is not there. *Out:* the same, or 410 with what the journal says of its end.
*Always:* who is limited to groups of tasks learns nothing: of what is gone nobody knows any more whose it was.
"""

from __future__ import annotations

from procession.api.problems import Problem
from procession.clock import iso, moment
from procession.store import journal
from procession.web.page import Ask


def deleted(ask: Ask, refused: Problem) -> Problem:
    """The refusal as it is told to people."""
    number = ask.values.get("id", "")
    first = ask.path.partition("/")[0]
    if refused.status != 404 or first not in ("p", "log") or ask.caller.groups is not None or not number.isdigit():
        return refused
    if "read" not in ask.caller.scopes or len(number) > 18:
        return refused
    with ask.project.store.read() as tx:
        ends = [line for line in journal.of(tx, int(number)) if line.verb == "delete"]
    if not ends:
        return refused
    end = ends[-1]
    when = (iso(moment(end.at)) or "")[:19].replace("T", " ")
    because = f": {end.reason}" if end.reason else ""
    return Problem(410, "NotFound", f"processing {number} was deleted by {end.by} at {when} UTC{because}")
