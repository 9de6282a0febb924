"""``do/{verb}``, the one way in which pages change anything, and ``ask/{verb}``, its dialog as a page of its own."""

from __future__ import annotations

from procession.api.problems import Problem, problem
from procession.errors import ProcessionError
from procession.web import acting, dialogs
from procession.web.page import Ask, Gone, Shown, page


@page("/do/{verb}", scope="read", method="POST")
def do(ask: Ask) -> Gone | Shown:
    """Do it, and go back; or say what was wrong."""
    verb = acting.verb_named(ask.values["verb"])
    try:
        return acting.act(ask, verb)
    except Problem as refused:
        return dialogs.again(ask, verb, refused)
    except ProcessionError as error:
        return dialogs.again(ask, verb, problem(error))


@page("/ask/{verb}", scope="read")
def ask_(ask: Ask) -> Shown:
    """What would be done, and what may be said of it."""
    return dialogs.dialog(ask, acting.verb_named(ask.values["verb"]))
