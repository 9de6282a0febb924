"""Refusals as pages: what happened, what it means, and what one can do, inside the frame.

*In:* a Problem. *Out:* what is shown. *Always:* nothing of the inside of the server; the status is that which programs
get.
"""

from __future__ import annotations

import logging
import re
import secrets

from procession.api.problems import Problem
from procession.verbs.verb import SCOPES
from procession.web.page import Ask, Shown

log = logging.getLogger("procession")

TITLES = {
    400: "The request is not valid",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible here",
    409: "Not possible now",
    410: "Deleted",
    429: "Too many requests",
    503: "Not ready",
}
ROLE_FOR = {"read": "viewer", "trigger": "operator", "operate": "operator", "define": "admin", "admin": "admin"}
"""Scope → the least role that has it."""
_SCOPE = re.compile(rf"needs the scope ({'|'.join(SCOPES)})\b")


def role_needed(text: str) -> str | None:
    """The role that somebody needs who was refused with these words."""
    found = _SCOPE.search(text)
    return None if found is None else ROLE_FOR[found[1]]


def refusal(ask: Ask, refused: Problem) -> Shown:
    """The page of a refusal."""
    number = None
    if refused.status >= 500:
        number = secrets.token_hex(4)
        log.error("request %s: %s %s", number, refused.code, ascii(ask.path[:200]))
    title = TITLES.get(refused.status, "The server made an error")
    values = {
        "status": refused.status,
        "detail": refused.detail,
        "role": role_needed(refused.detail) if refused.status == 403 else None,
        "number": number,
        "sought": ask.path.rsplit("/", 1)[-1] if refused.status in (404, 410) else "",
        "heading": title,
    }
    return Shown("refused.html", values, title, status=refused.status)
