"""Forms: what a browser sends of one, and the arguments of a verb that it means.

*In:* the body of a POST. *Out:* name → values; then arguments, as the verb takes them. *Always:* texts are text; an
empty field is one that was not filled in; ``params.tile`` is the name ``tile`` in the object ``params``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from procession.api.problems import Problem
from procession.api.request import Request
from procession.errors import Invalid
from procession.verbs import Verb
from procession.verbs.bounds import fits
from procession.verbs.shape import hints, read_text

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 2_000
OWN = frozenset({"csrf", "back", "Idempotency-Key"})
"""Fields that every form has, beside the arguments."""


async def form(request: Request) -> dict[str, list[str]]:
    """The fields of a form; Problem where it is none."""
    raw = await request.body()
    if (request.header(b"content-type") or "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, "Invalid", f"a form comes as {FORM}; programs use the API below /api/v1")
    return fields(raw)


def fields(raw: bytes) -> dict[str, list[str]]:
    """Name → values of a form or a query; Problem for what is no UTF-8."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Problem(400, "Invalid", f"this cannot be read: {error}") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        try:
            fits((name, value))
        except Invalid as error:
            raise Problem(400, "Invalid", str(error)) from None
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return found


def arguments(verb: Verb, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """The arguments of a verb that a form means; Invalid says which field is wrong."""
    kinds, found = hints(verb), dict[str, Any]()
    for name, values in given.items():
        if name in OWN or name.startswith("show."):
            continue
        whole, dot, inner = name.partition(".")
        if dot and whole in kinds:
            if values[-1]:
                found.setdefault(whole, {})[inner] = values[-1]
        elif name not in kinds:
            raise Invalid(f"{verb.name} has no argument {name[:60]!r}")
        elif any(values):
            found[name] = _value(verb, name, kinds[name], [each for each in values if each])
    return found


def _value(verb: Verb, name: str, kind: Any, values: list[str]) -> Any:
    """One argument; of an object or a list the JSON that was typed, or one value for each line of a list."""
    shapes = {get_origin(each) or each for each in (kind, *get_args(kind))}
    if not shapes & {list, dict}:
        if len(values) > 1:
            raise Invalid(f"{verb.name}: {name} is in the form {len(values)} times; send it once")
        return read_text(verb, name, values[0])
    if len(values) == 1 and values[0].lstrip()[:1] in ("{", "["):
        try:
            return json.loads(values[0])
        except ValueError as error:
            raise Invalid(f"{verb.name}: {name} is no JSON: {error}") from None
    if dict in shapes and list not in shapes:
        return _named(verb, name, values)
    items = [line for value in values for line in value.split("\n") if line.strip()]
    whole = any(int in get_args(each) for each in (kind, *get_args(kind)))
    if whole and not all(each.strip().isdigit() for each in items):
        raise Invalid(f"{verb.name}: {name} are whole numbers")
    return [int(each) for each in items] if whole else items


def _named(verb: Verb, name: str, values: list[str]) -> dict[str, Any]:
    """An object that was typed as lines, as the command line takes it: ``tile=36UUA``, ``orbit:=64``."""
    found: dict[str, Any] = {}
    for line in (each.strip() for value in values for each in value.split("\n")):
        key, sign, text = line.partition("=")
        if line and not (sign and key.rstrip(": ")):
            raise Invalid(f"{verb.name}: {name} has a line {line[:40]!r}; write name=text, name:=JSON, or all as JSON")
        if not line:
            continue
        try:
            found[key.rstrip(": ")] = json.loads(text) if key.endswith(":") else text.strip()
        except ValueError as error:
            raise Invalid(f"{verb.name}: {name}: {key[:40]}= is followed by no JSON: {error}") from None
    return found
