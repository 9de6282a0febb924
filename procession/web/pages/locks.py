"""Locks: who holds which, since when, and who waits in which order; and limits, which are shared in parts."""

from __future__ import annotations

from procession.web.page import Ask, Shown, page


@page("/locks")
def locks(ask: Ask) -> Shown:
    """Every lock that is held or waited for, and every limit."""
    found = ask.verb("locks")["items"]
    limits = ask.verb("limits")["items"]
    known = {each["name"] for each in limits}
    for each in found:
        each["limited"] = each["name"] in known
    return Shown("pages/locks.html", {"locks": found, "limits": limits}, "Locks", live="all lock setting")
