"""Messages: what people should know, one for each cause, however often it occurred."""

from __future__ import annotations

from procession.web import words
from procession.web.page import Ask, Shown, page

MOST = 200


@page("/messages")
def messages(ask: Ask) -> Shown:
    """Those that still occur, or all; those that nobody has read, or all."""
    ended, unread = bool(ask.query.get("ended")), bool(ask.query.get("unread"))
    found = ask.verb("messages", ended=ended or None, unread=unread or None, limit=MOST)["items"]
    now = ask.project.clock.now().isoformat()
    for each in found:
        each["text"] = words.unasked(each["text"])
        each["waits"] = each["needs_person_at"] is not None and each["needs_person_at"] <= now
    values = {"messages": found, "ended": ended, "unread": unread, "more": len(found) == MOST}
    return Shown("pages/messages.html", values, "Messages", live="message all", command="procession messages")
