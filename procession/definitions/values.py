"""What one value of the files may be: each kind of value, and the check of it.

A check raises Invalid with words of ours; `told` makes of it what pydantic passes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from procession.definitions.environment import check_dropped_name, check_set_name
from procession.errors import Invalid
from procession.model import condition
from procession.model.bridge import check_destination
from procession.model.command import GIVEN, placeholders
from procession.model.event import PARAMETER
from procession.model.pieces import MAX_PIECE, MAX_WANTED, expand
from procession.model.wants import queue_named
from procession.units import to_bytes, to_seconds

NAME = re.compile(r"(?![-.])[A-Za-z0-9._:-]{1,128}")

LIMIT = re.compile(r"(?![-.])(?:[A-Za-z0-9._:-]|\{[A-Za-z_][A-Za-z0-9._-]{0,127}\}){1,128}")


def told(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same check, its Invalid told in pydantic's way."""

    def checked(value: Any) -> Any:
        try:
            return check(value)
        except Invalid as error:
            raise PydanticCustomError("ours", "{text}", {"text": str(error)}) from None

    return checked


def check_name(value: str) -> str:
    """Refuse what cannot name a task, step, event or project (B25)."""
    if not NAME.fullmatch(value):
        raise Invalid("is not a name; write 1 to 128 letters, digits and . _ : - only, not starting with - or .")
    return value


def _at_least_a_second(value: Any) -> float:
    seconds = to_seconds(value)
    if seconds < 1:
        raise Invalid('is less than a second; the shortest period is "1 s"')
    return seconds


def _some_time(value: Any) -> float:
    seconds = to_seconds(value)
    if seconds <= 0:
        raise Invalid("must be longer than nothing; leave it out where there is no limit")
    return seconds


def _some_bytes(value: Any) -> int:
    count = to_bytes(value)
    if count <= 0:
        raise Invalid("must be more than nothing; leave it out where there is no limit")
    return count


def _uses(value: Any) -> Any:
    """``["ftp", "satellite:{sat}"]`` or ``{ ftp = 2 }``: template → how much."""
    found = dict.fromkeys(value, 1.0) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value
    if not isinstance(found, dict):
        raise Invalid('must be a list of limits, such as ["ftp"], or a table that says how much of each, { ftp = 2 }')
    for name, amount in found.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount <= 1_000_000:
            raise Invalid(f"says {amount!r} of {name[:40]}; how much of a limit is a number above 0")
        check_limit_name(name)
    return tuple(sorted((name, float(amount)) for name, amount in found.items()))


def check_limit_name(value: str) -> str:
    """Refuse what cannot name a limit; ``{name}`` stands for a value (B25)."""
    if not LIMIT.fullmatch(value):
        raise Invalid(
            f"{value[:40]!r} is not the name of a limit; "
            "write letters, digits and . _ : - only, and {name} for a value"
        )
    return value


def _condition(value: Any) -> Any:
    made = condition.from_table(value) if isinstance(value, dict) else condition.parse(_text(value))
    return made.text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid('must be a condition, such as "cloud < 0.5", or a table, such as { sat = "L8" }')
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise Invalid(f"is not a regular expression: {error}") from None
    if len(value) > 500:
        raise Invalid("is longer than 500 characters; write a shorter pattern")
    return value


def _choice(value: str) -> str:
    if not value.strip() or value != value.strip() or not value.isprintable() or len(value) > 100:
        raise Invalid("must be words of 1 to 100 characters, without spaces at their ends")
    return value


def _asked(value: str) -> str:
    if not value.strip() or not value.isprintable() or len(value) > 1000:
        raise Invalid("must be a question in one line of 1 to 1000 characters")
    tuple(placeholders(value))
    return value


def _scalars(value: Any) -> Any:
    if not isinstance(value, dict):
        raise Invalid("must be a table of names and values")
    for name, each in value.items():
        if not PARAMETER.fullmatch(name) or name in GIVEN:
            raise Invalid(
                f"{name[:40]!r} cannot be the name of a variable; start with a letter, and do not use a name that "
                f"Procession gives ({', '.join(GIVEN)})"
            )
        if not isinstance(each, str | int | float | bool | list):
            raise Invalid(f"the variable {name} must be a text, a number, true or false, or a list")
    return value


def _run(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(word, str) for word in value) and value:
        return value
    if not isinstance(value, str) or not value.strip():
        raise Invalid('must be a command: a text such as "python load.py {path}", or a list of texts')
    return value


def _inputs(value: Any) -> Any:
    if isinstance(value, list) and value and len(value) <= 100 and all(isinstance(each, str) for each in value):
        return tuple(_template(each) for each in value)
    if not isinstance(value, str):
        raise Invalid('must be a path, such as "{path}", or a list of 1 to 100 paths')
    return _template(value)


def _template(value: str) -> str:
    if not value.strip() or len(value) > 1000:
        raise Invalid("must be a text of 1 to 1000 characters, with {name} for a value")
    tuple(placeholders(value))
    return value


def _wanted(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_WANTED:
        return value
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and _piece(v) for v in value):
        raise Invalid(
            f'must be how many pieces there are, from 1 to {MAX_WANTED}, or a list of their names, such as ["1..24"]'
        )
    names = expand(value)
    if len(names) > MAX_WANTED:
        raise Invalid(f"names {len(names)} pieces; a set has at most {MAX_WANTED}")
    return names


def _piece(value: str) -> str:
    if not value or len(value) > MAX_PIECE or "\0" in value:
        raise Invalid(f"must be the name of a piece, or a pattern, of 1 to {MAX_PIECE} characters")
    return value


def _dotted(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value, re.ASCII) or len(value) > 250:
        raise Invalid('must say where a function or a class is: "module.name", the module in the project or installed')
    return value


def one_or_more(value: Any) -> Any:
    """A text is a list of one."""
    return [value] if isinstance(value, str) else value


def _path(value: str) -> str:
    if not value or "\0" in value or len(value.encode("utf-8", "surrogatepass")) > 4000:
        raise Invalid("must be a path")
    return value


Name = Annotated[str, AfterValidator(told(check_name))]

Queue = Annotated[str, AfterValidator(told(lambda value: queue_named(check_name(value))))]

Duration = Annotated[float, BeforeValidator(told(to_seconds))]

Timeout = Annotated[float, BeforeValidator(told(_some_time))]

Period = Annotated[float, BeforeValidator(told(_at_least_a_second))]

Run = Annotated[Any, BeforeValidator(told(_run))]

FilePath = Annotated[str, AfterValidator(told(_path))]

Dotted = Annotated[str, AfterValidator(told(_dotted))]

Destination = Annotated[str, AfterValidator(told(check_destination))]

Destinations = Annotated[list[Destination], BeforeValidator(one_or_more), Field(min_length=1, max_length=100)]

Size = Annotated[int, BeforeValidator(told(_some_bytes))]

UsesTable = Annotated[Any, BeforeValidator(told(_uses))]

Template = Annotated[str, AfterValidator(told(_template))]

Wanted = Annotated[Any, BeforeValidator(told(_wanted))]

Piece = Annotated[str, AfterValidator(told(_piece))]

Condition = Annotated[Any, BeforeValidator(told(_condition))]

Pattern = Annotated[str, AfterValidator(told(_pattern))]

Choices = Annotated[list[Annotated[str, AfterValidator(told(_choice))]], Field(min_length=1, max_length=100)]

Asked = Annotated[str, AfterValidator(told(_asked))]

Variables = Annotated[Any, BeforeValidator(told(_scalars))]

Inputs = Annotated[Any, BeforeValidator(told(_inputs))]

LimitName = Annotated[str, AfterValidator(told(check_limit_name))]

SetName = Annotated[str, AfterValidator(told(check_set_name))]

DroppedName = Annotated[str, AfterValidator(told(check_dropped_name))]

Label = Annotated[str, AfterValidator(told(check_name))]

Cpus = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]

Budget = Annotated[int, Field(ge=1, le=100_000)]
