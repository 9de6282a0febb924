"""Logging in: by the link that ``procession login`` prints, by its code alone, or by user and password."""

from __future__ import annotations

from procession.api.problems import Problem
from procession.web.anonymous import is_anonymous
from procession.web.page import Ask, Shown, page
from procession.web.url import inside


@page("/login", scope=None)
def login(ask: Ask) -> Shown:
    """The form."""
    return login_page(ask, inside(ask.query.get("next")))


def login_page(ask: Ask, wanted: str, refused: Problem | None = None, user: str = "") -> Shown:
    """The form, and what was wrong with what came."""
    values = {
        "next": wanted, "problem": refused.detail if refused else "", "user": user,
        "known": bool(ask.caller.scopes) and not is_anonymous(ask.caller),
    }  # fmt: skip
    return Shown("pages/login.html", values, "Log in", status=refused.status if refused else 200, data={})
