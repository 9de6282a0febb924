"""What the answers look like: the nouns of `present`, field by field, for whoever reads the description of the API.

*In:* the name of a verb. *Out:* the schema of its answer. *Always:* a field that stands here is in every answer;
answers may have more of them, and get more with time.
"""

from __future__ import annotations

from typing import Any

from procession.model.states import PROCESSING

Schema = dict[str, Any]

INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": ["integer", "null"]}
TEXT: Schema = {"type": "string"}
WORDS: Schema = {"type": ["string", "null"]}
MOMENT: Schema = {"type": ["string", "null"], "description": "ISO 8601, in UTC."}
STATE: Schema = {"type": "string", "enum": [str(state) for state in PROCESSING.states]}
OBJECT: Schema = {"type": "object"}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": ["object", "array"]}


def _noun(told: str, **fields: Schema) -> Schema:
    return {"type": "object", "description": told, "required": list(fields), "properties": fields}


def _the(noun: str) -> Schema:
    return {"$ref": f"#/components/schemas/{noun}"}


def _page(noun: str) -> Schema:
    return {"allOf": [_the("Page"), {"properties": {"items": {"items": _the(noun)}}}]}


NOUNS: dict[str, Schema] = {
    "Problem": _noun(
        "Why it was refused (RFC 9457).", type=TEXT, title=TEXT, status=INTEGER,
        code={"type": "string", "description": "Name of the error; the reference has the tree of them."},
        detail={"type": "string", "description": "What happened, what it means, what to do."},
    ),
    "Page": _noun(
        "A list.", items={"type": "array", "items": OBJECT},
        next={"type": ["integer", "null"], "description": "The cursor to go on from; null at the end."},
    ),
    "Processing": _noun(
        "One task for one event.", id=INTEGER, task=TEXT, event=INTEGER, event_name=TEXT, key=WORDS, title=TEXT,
        state=STATE, reason=WORDS, version=INTEGER, priority=INTEGER, params=OBJECT, outputs=OBJECT,
        result={"type": ["object", "null"]}, created_at=MOMENT, due_at=MOMENT, started_at=MOMENT, finished_at=MOMENT,
        origin=NUMBER, replaced_by=NUMBER, backfill=FLAG,
    ),
    "Instance": _noun(
        "An instance of a task, and its whole processing.", id=INTEGER, task=TEXT, key=WORDS, title=TEXT, state=STATE,
        ended=FLAG, reason=WORDS, created_at=MOMENT, started_at=MOMENT, finished_at=MOMENT,
        processing=_the("Processing"),
    ),
    "Event": _noun(
        "Something that happened.", id=INTEGER, name=TEXT, key=WORDS, title=TEXT, params=OBJECT, source=TEXT,
        created_at=MOMENT, repeats=INTEGER, conflicts=INTEGER, processings={"type": "array", "items": INTEGER},
    ),
}  # fmt: skip

ANSWERS: dict[str, Schema] = {
    "list": _page("Processing"),
    "show": _the("Processing"),
    "pin": _the("Processing"),
    "unpin": _the("Processing"),
    "instances": _page("Instance"),
    "instance": _the("Instance"),
    "wait": _the("Instance"),
    "events": _page("Event"),
    "event": _the("Event"),
    "emit": _the("Event"),
    **dict.fromkeys(("tasks", "deliveries", "claim", "instance-journal"), _the("Page")),
}
"""Verb → its answer."""


def answer_of(verb: str) -> Schema:
    """The schema of what a verb answers."""
    return ANSWERS.get(verb, ANYTHING)


def _by_hand(name: str, told: str, mime: str, parameters: list[Schema]) -> Schema:
    refused = {
        "description": "It was refused; nothing was done.",
        "content": {"application/problem+json": {"schema": _the("Problem")}},
    }
    answer = {"description": told, "content": {mime: {"schema": TEXT}}}
    return {
        "get": {
            "operationId": name, "summary": told, "description": f"{told}\n\nScope: `read`.",
            "parameters": parameters, "responses": {"200": answer, "default": refused},
        }
    }  # fmt: skip


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


STREAM = _by_hand(
    "stream", "The journal as server-sent events, from the entry after this one on.", "text/event-stream",
    [_query("after", {"type": "integer", "minimum": 0}), _query("processing", {"type": "integer", "minimum": 1}),
     _query("task", TEXT), _query("noun", TEXT)],
)  # fmt: skip
METRICS = _by_hand("metrics", "Everything that can be counted, as Prometheus reads it.", "text/plain", [])
