"""Notices: what is said after something was done, in one line, with where to see it.

A verb that is done by a page has a line here; any other is called by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Said = Callable[[Mapping[str, Any], Any], str]


def _of(given: Mapping[str, Any]) -> str:
    if given.get("everything"):
        return "everything"
    for name in ("task", "group", "source", "queue", "name"):
        if given.get(name):
            return str(given[name])
    return str(given.get("id", ""))


def _reached(items: list[dict[str, Any]]) -> str:
    """What came of a test message."""
    said = [f"{each['way']}: {each['problem'] or 'reached'}" for each in items]
    return "; ".join(said) or "Nobody was told: [alerts] in procession.toml names neither a command nor an address"


def _answered(given: Mapping[str, Any]) -> str:
    """What an answer does; where nobody knows that, only what was answered."""
    said = f"{given.get('step', 'it')} was answered {given['value']}"
    then = {"fails": "fails", "skips": "skips the rest", "goes on": "continues"}.get(given.get("then", ""))
    return f"{given['id']} {then}: {said}" if then else f"{given['id']}: {said}"


def _became(event: Mapping[str, Any]) -> str:
    """What an event that was submitted has become."""
    if event.get("duplicate"):
        return "was known already"
    made = ", ".join(str(each) for each in event.get("processings") or ())
    return f"was submitted: processing {made}" if made else "was submitted, and no task takes it"


SAID: dict[str, Said] = {
    "pause": lambda given, _: f"Paused {_of(given)}",
    "resume": lambda given, _: f"Resumed {_of(given)}",
    "retry": lambda given, _: f"{given['id']} gets another attempt",
    "restart": lambda given, now: (
        f"{given['id']} runs again" if now.get("id") == given["id"] else f"{given['id']} runs again as {now.get('id')}"
    ),
    "cancel": lambda given, now: (
        f"{given['id']} had ended already" if now.get("answer") == "too_late" else f"{given['id']} is being cancelled"
    ),
    "hold": lambda given, _: f"{given['id']} is held",
    "release": lambda given, _: f"{given['id']} goes on",
    "run-now": lambda given, _: f"{given['id']} starts as soon as there is room",
    "delete": lambda given, _: f"{given['id']} is deleted",
    "note": lambda given, _: f"Noted on {given['id']}",
    "cause-note": lambda given, _: "Noted on this cause",
    "accept": lambda given, _: f"{given['id']} continues: the step is accepted",
    "answer": lambda given, _: _answered(given),
    "pin": lambda given, _: f"The cleaner never removes files of {given['id']}",
    "unpin": lambda given, _: f"The cleaner may remove files of {given['id']} again",
    "emit": lambda given, now: f"{given['event']} {_became(now)}",
    "set": lambda given, _: f"{given['name']} is {given['value']}",
    "reset": lambda given, _: f"{given['name']} is as in the file",
    "unlock": lambda given, _: f"{given['name']} is free",
    "mute": lambda given, _: "This cause is muted",
    "unmute": lambda given, _: "This cause is unmuted",
    "drain": lambda given, _: f"{given['name']} starts nothing new",
    "undrain": lambda given, _: f"{given['name']} starts work again",
    "maintenance": lambda given, _: f"{given['name']} serves only the queue maintenance",
    "give-up": lambda _, now: str(now.get("text")),
    "stop-launcher": lambda given, _: f"{given['name']} is stopping",
    "clean": lambda _given, _: "What has outlived its retention is being deleted",
    "read": lambda _, now: f"{now.get('read')} read",
    "redeliver": lambda given, _: f"Delivery {given['id']} is sent again",
    "republish": lambda given, now: f"{now.get('messages')} messages of {given['name']} are tried again",
    "token-revoke": lambda given, _: f"Token {given['key']} is revoked",
    "user-add": lambda given, _: f"{given['name']} may log in",
    "user-set": lambda given, _: f"{given['name']} is changed",
    "user-remove": lambda given, _: f"{given['name']} is removed, with all sessions and tokens",
    "alerts-test": lambda _, now: _reached(now.get("items") or []),
    "save-view": lambda given, _: f"View {given['name']} is saved",
    "remove-view": lambda given, _: f"View {given['name']} is removed",
    "rerun": lambda given, now: f"{given['id']} runs again as {now.get('id')}",
    "trial": lambda given, now: f"Trial {now.get('id')} of {given['id']} waits to start",
    "rerun-runs": lambda given, _: f"Runs {given['runs']} of {given['task']} run again",
    "resolve": lambda given, _: "This cause is resolved",
    "assign": lambda given, _: "Owner and notes of this cause are saved",
    "submit": lambda given, now: f"Submitted to {given['task']}: processing {now.get('id')}",
    "cancel-key": lambda given, _: f"Event {given['key']} is cancelled",
    "batch-cancel": lambda given, _: f"Bulk action {given['id']} is cancelled; what it has done stays",
    "variable-set-add": lambda given, _: f"Variables of {given['task']} are set for new processings",
    "variable-set-remove": lambda given, _: "The set of variables is deleted",
    "batch-add": lambda given, now: f"{given['verb']} over {now.get('total')} processings has begun",
    "banner": lambda given, _: "The banner stands on every page" if given.get("text") else "The banner is gone",
}


FOLLOWED = frozenset({"batch-add"})
"""Verbs after which one sees what they made, and not again where one came from."""


def notice(verb: str, given: Mapping[str, Any], answer: Any) -> tuple[str, str]:
    """What was done, and the place of the site where it is seen."""
    said = SAID.get(verb)
    text = said(given, answer if isinstance(answer, dict) else {}) if said else f"Done: {verb.replace('-', ' ')}"
    return text, _place(verb, answer)


def _place(verb: str, answer: Any) -> str:
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
        return ""
    if verb.startswith("batch"):
        return f"bulk/{answer['id']}"
    return f"p/{answer['id']}" if "steps" in answer else ""
