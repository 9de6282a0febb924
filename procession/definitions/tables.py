"""How a table of the files is read: `read_table`, the only way to use the classes of tables.

It reports every mistake of a table in our words and gives back what is right of it, so that one mistake never hides
another. A key that its class does not know is a mistake.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from procession.definitions.sources import Place


class Table(BaseModel):
    """A table of the file. A key that was not written is None; `written` has the others."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=())

    def written(self) -> dict[str, Any]:
        """What the file says, by key."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


TableKind = TypeVar("TableKind", bound=Table)


def read_table(kind: type[TableKind], raw: object, place: Place) -> TableKind:
    """Everything right that the table says; everything wrong is noted at its place."""
    if not isinstance(raw, dict):
        place.error("must be a table")
        return kind.model_construct()
    try:
        return kind.model_validate(raw)
    except ValidationError as found:
        errors = found.errors(include_url=False, include_context=True)
    for error in errors:
        keys = tuple(key for key in error["loc"] if key != "[key]")
        place.at(*keys).error(_words(kind, keys, error))
    wrong = {error["loc"][0] for error in errors}
    right = {key: value for key, value in raw.items() if key not in wrong}
    return kind.model_validate(right) if not _lacks(kind, right) else kind.model_construct(**right)


def _lacks(kind: type[Table], raw: dict[str, Any]) -> bool:
    """Is something missing without which there is no such table?"""
    return any(field.is_required() and (field.alias or name) not in raw for name, field in kind.model_fields.items())


_MUST = {
    "missing": "is missing; it has to be said",
    "string_type": "must be a text, in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "list_type": "must be a list, in [brackets]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "too_short": "must not be empty",
    "too_long": "must not have more than {max_length} elements",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
}


def _words(kind: type[Table], keys: tuple[str | int, ...], error: ErrorDetails) -> str:
    """One of pydantic's errors as a line of ours; it never contains the value."""
    if error["type"] == "extra_forbidden":
        return unknown_key(str(keys[-1]), _known(kind, keys[:-1]))
    words = _MUST.get(error["type"])
    return words.format(**error.get("ctx", {})) if words else error["msg"]


_MOVED = {"attempts": "retry = { attempts = … }", "delay": "retry = { delay = … }"}
"""Keys that stand in a table of their own, and how they are written there."""


def unknown_key(key: str, known: list[str]) -> str:
    """What to say of a key that nobody knows."""
    if key in _MOVED and "retry" in known:
        return f"unknown key; write {_MOVED[key]}"
    near = get_close_matches(key, known, 1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known here: {', '.join(known)}"


def _known(kind: type[Table], keys: tuple[str | int, ...]) -> list[str]:
    """The keys of a table, or of one that stands in it by its last key."""
    field = kind.model_fields.get(str(keys[-1])) if keys else None
    may_be = () if field is None else (field.annotation, *get_args(field.annotation))
    inner = next((each for each in may_be if isinstance(each, type) and issubclass(each, Table)), kind)
    return [field.alias or name for name, field in inner.model_fields.items()]
