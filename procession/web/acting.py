"""What people do on a page: one verb, asked as by every other surface.

*In:* a form with the arguments of the verb, the proof of its session, an idempotency key, and where one came from.
*Out:* back there with a notice; or the form once more, with what was wrong beside its field and with all that was
typed. *Always:* the verb is called as the caller, so scopes, groups and the audit are its own; a form that is sent
twice is done once.
"""

from __future__ import annotations

from typing import Any

from procession import verbs
from procession.api import once
from procession.api.app import answered
from procession.api.problems import Problem
from procession.api.request import Answer
from procession.commands import questions
from procession.errors import NotFound
from procession.verbs import Verb
from procession.web import forms, notices
from procession.web.page import Ask, Gone, Shown, one
from procession.web.url import inside


def verb_named(name: str) -> Verb:
    """The verb; NotFound where there is none that changes anything."""
    found = verbs.load().get(name)
    if found is None or not found.changes:
        raise NotFound(f"there is no action {name[:60]!r}")
    return found


def act(ask: Ask, verb: Verb) -> Gone | Shown:
    """Do what a form says. Where the answer has a secret, it is shown now, and nowhere later."""
    given = forms.arguments(verb, ask.form)
    answer = called(ask, verb, given, one(ask.form, "Idempotency-Key") or None)
    if verb.secret:
        return secret_shown(ask, answer, inside(one(ask.form, "back")))
    if verb.name == "answer" and given.get("step"):
        given |= {"then": questions.comes_to(ask.project, answer["definition"], given["step"], given["value"])}
    text, href = notices.notice(verb.name, given, answer)
    return Gone(href if verb.name in notices.FOLLOWED else inside(one(ask.form, "back")), text, href)


def secret_shown(ask: Ask, answer: dict[str, Any], back: str) -> Shown:
    """The page of a secret that was made: a token, or a link by which one logs in."""
    link = f"{ask.origin}{answer['path']}" if "path" in answer else ""
    values = {"made": answer, "secret": link or answer["secret"], "is_link": bool(link), "back": back}
    title = "A link to log in" if link else f"Token {answer['name']}"
    return Shown("pages/secret.html", values, title, status=201, data=answer, kept=False)


def called(ask: Ask, verb: Verb, given: dict[str, Any], key: str | None) -> Any:
    """The answer of the verb, of the first time where it was asked before."""
    if key is None:
        return verbs.call(ask.project, ask.caller, verb.name, given)
    if not (len(key) <= once.MAX_KEY and key.isascii() and key.isprintable()):
        raise Problem(400, "Invalid", "the form has no valid key; nothing was done: reload the page and send it again")
    with once.asked_once(ask.project, ask.caller, verb, given, key) as asked:
        if asked.before is None:
            value = verbs.call(ask.project, ask.caller, verb.name, given, once=asked.once)
            asked.answer(answered(value, verb.status))
            return value
    return None if asked.before is None else _before(asked.before)  # of then, or of the other one that came meanwhile


def _before(answer: Answer) -> Any:
    import json  # noqa: PLC0415  only where a form is sent twice

    return json.loads(answer.body) if answer.mime == "application/json" and answer.body else None
