"""What can be asked, for programs: OpenAPI 3.1, made of the verbs when somebody wants it.

Every operation is one verb: its docstring is the description, the annotations of its arguments are the schema. The
pages beside the verbs (stream, health, metrics) are described by hand.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_type_hints

from procession import __version__
from procession.api import schemas as schemas_of
from procession.api.routes import PREFIX
from procession.verbs import Raw, Verb
from procession.verbs.shape import model_of

REFUSED = {
    "description": "It was refused; nothing was done.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "description": "Sent again with the same key, the request is answered again and not done again.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}  # fmt: skip


def document(verbs: Mapping[str, Verb]) -> dict[str, Any]:
    """The whole description."""
    schemas: dict[str, Any] = dict(schemas_of.NOUNS)
    paths: dict[str, Any] = {f"{PREFIX}/stream": schemas_of.STREAM, "/metrics": schemas_of.METRICS}
    for verb in sorted(verbs.values(), key=lambda each: (each.path, each.method)):
        paths.setdefault(PREFIX + verb.path, {})[verb.method.lower()] = _operation(verb, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Procession", "version": __version__, "description": "Everything that can be asked."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(verb: Verb, schemas: dict[str, Any]) -> dict[str, Any]:
    told = inspect.getdoc(verb.act) or verb.name
    model = model_of(verb).model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(model.pop("$defs", {}))
    names = [piece.strip("{}") for piece in verb.path.split("/") if piece.startswith("{")]
    properties: dict[str, Any] = model.get("properties", {})
    in_path = [_parameter("path", name, properties[name], required=True) for name in names]
    rest = {name: schema for name, schema in properties.items() if name not in names}
    required = [name for name in model.get("required", ()) if name in rest]
    done: dict[str, Any] = {"application/json": {"schema": schemas_of.answer_of(verb.name)}}
    if _is_raw(verb):
        done = {"*/*": {"schema": {}}}
    answers = {str(verb.status): {"description": "Done.", "content": done}, "default": REFUSED}
    found: dict[str, Any] = {
        "operationId": verb.name,
        "summary": told.splitlines()[0],
        "description": f"{told}\n\nScope: `{verb.scope}`.",
        "parameters": in_path,
        "responses": answers,
    }
    if verb.name == "hook":
        return _with_body(found, {"type": "object"}, required=True)
    if not verb.changes:
        found["parameters"] += [_parameter("query", n, s, required=n in required) for n, s in rest.items()]
        return found
    body: dict[str, Any] = {"type": "object", "properties": rest, "additionalProperties": False}
    if required:
        body["required"] = required
    return _with_body(found, body, required=bool(required))


def _is_raw(verb: Verb) -> bool:
    """Does it answer with what is no JSON?"""
    return get_type_hints(verb.act).get("return") is Raw


def _with_body(operation: dict[str, Any], schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    operation["parameters"].append(KEY)
    operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameter(place: str, name: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """An argument in a path or a query; null cannot be said there, it is left out."""
    kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    plain = {k: v for k, v in schema.items() if k not in ("anyOf", "default", "title")}
    if len(kinds) == 1:
        plain |= kinds[0]
    elif kinds:
        plain["anyOf"] = kinds
    if schema.get("default") is not None:
        plain["default"] = schema["default"]
    if place == "path" and plain.get("type") == "string":
        plain.setdefault("minLength", 1)
    return {"name": name, "in": place, "required": required, "schema": plain}
