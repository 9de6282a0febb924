"""Shape: the arguments of a verb, checked against its annotations wherever they come from.

*In:* a verb and its arguments, as JSON or as the texts of a path or a query. *Out:* the arguments, or Invalid that says
what is wrong with which. *Always:* a text is no number and a number no text; a model is made once, at its first use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from procession.errors import Invalid

if TYPE_CHECKING:
    from pydantic import BaseModel

    from procession.verbs.verb import Verb

_WORDS = {
    "missing": "is missing; it has to be said",
    "extra_forbidden": "is no argument of it",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
}
"""What pydantic calls a mistake → what we say."""
_WHOLE = re.compile(r"-?[0-9]+")


def checked(verb: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the verb takes them; Invalid for what is of another kind."""
    from pydantic import ValidationError  # noqa: PLC0415  where a project did not change, nobody else has loaded it

    try:
        model = model_of(verb).model_validate(arguments, strict=True)
    except ValidationError as error:
        raise Invalid(_told(verb, error)) from None
    return {name: getattr(model, name) for name in model.model_fields_set}


def read_text(verb: Verb, name: str, text: str) -> Any:
    """An argument out of a path or a query; Invalid where it cannot be read."""
    from pydantic import ValidationError  # noqa: PLC0415

    adapter, whole = _adapters(verb)[name]
    if whole and not _WHOLE.fullmatch(text):
        raise Invalid(f"{verb.name}: {name} is a whole number in digits, not {text[:40]!r}")
    try:
        return adapter.validate_strings(text)
    except ValidationError as error:
        raise Invalid(_told(verb, error, name)) from None


def _told(verb: Verb, error: Any, name: str = "") -> str:
    """What pydantic found, as one line for people."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = []
    for each in found[:5]:
        place = [name, *each["loc"]] if name else each["loc"]
        where = ".".join(str(part) for part in place if not str(part).startswith("function-"))[:120]
        words = _WORDS.get(each["type"], each["msg"])
        lines.append(
            f"{where} {words}" if where and each["type"] in _WORDS else f"{where}: {words}" if where else words
        )
    return f"{verb.name}: " + "; ".join(lines)


def model_of(verb: Verb) -> type[BaseModel]:
    """The arguments of a verb as a model, made at its first use."""
    made = _MODELS.get(verb.name)
    if made is None:
        made = _MODELS[verb.name] = _model(verb)
    return made


_MODELS: dict[str, type[BaseModel]] = {}
_READERS: dict[str, dict[str, tuple[Any, bool]]] = {}


def _model(verb: Verb) -> type[BaseModel]:
    from pydantic import ConfigDict, create_model  # noqa: PLC0415

    kinds = hints(verb)
    fields: dict[str, Any] = {}
    for parameter in verb.parameters.values():
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (kinds[parameter.name], default)
    title = "".join(part.capitalize() for part in verb.name.replace("_", "-").split("-"))
    made: type[BaseModel] = create_model(
        title, __config__=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False), **fields
    )
    return made


def _adapters(verb: Verb) -> dict[str, tuple[Any, bool]]:
    """Argument → what reads it from a text, and whether it is a whole number."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    found = _READERS.get(verb.name)
    if found is None:
        kinds = hints(verb).items()
        found = _READERS[verb.name] = {name: (TypeAdapter(kind), _is_whole(kind)) for name, kind in kinds}
    return found


def _is_whole(kind: Any) -> bool:
    return {each for each in get_args(kind) or (kind,) if each is not type(None)} == {int}


def hints(verb: Verb) -> dict[str, Any]:
    """Argument → its type, with what bounds it."""
    found = get_type_hints(verb.act, include_extras=True)
    return {name: found[name] for name in verb.parameters}
