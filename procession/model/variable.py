"""Variable: a value of a task that people change without touching its scripts; its type, its rules, its texts.

A variable has a default: in the task file, or in the Python file that a reduction step reads (``standard_vars`` and
``advanced_vars``). Its type is taken from the default where nothing says it. Everything here is pure; every refusal
names the variable and the rule.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from procession.errors import Invalid
from procession.model.event import check_text
from procession.model.wording import plain

TYPES = ("text", "number", "boolean", "list_text", "list_number", "enum")
OTHER = "other"
"""A default that no form can show, such as an object: it is the script's own, and no set changes it."""
STANDARD, ADVANCED = "standard_vars", "advanced_vars"
SECTIONS = (STANDARD, ADVANCED)
MAX_NAME = 128
MAX_LENGTH = 10_000
"""Characters of a text."""
MAX_ELEMENTS = 1_000
MAX_VARIABLES = 1_000
MAX_BYTES = 64 << 10
"""Of all values of a set as JSON."""
SHOWN = 40
_WHOLE = 2**63
_WORDS = {
    "text": "a text",
    "number": "a number",
    "boolean": "true or false",
    "list_text": "a list of texts",
    "list_number": "a list of numbers",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as its task declares it."""

    name: str
    type: str
    """One of `TYPES`, or `OTHER`."""
    default: Any = None
    help: str = ""
    choices: tuple[Any, ...] = ()
    """Of an ``enum``: what it may be."""
    minimum: float | None = None
    """Of a number, or of each in a list of numbers."""
    maximum: float | None = None
    advanced: bool = False
    """People see it only when they ask for more."""
    needs_default: bool = False
    """The task file says rules alone; the default is that of the script."""

    @property
    def section(self) -> str:
        """The dictionary in which scripts look for it."""
        return ADVANCED if self.advanced else STANDARD

    def check(self, value: Any) -> Any:
        """The value, if it may have it; Invalid says which rule it breaks."""
        if self.type == OTHER:
            raise Invalid(f"variable {self.name}: its default is no text, number or list; change it in the script")
        if self.type == "enum":
            if not any(same(value, choice) for choice in self.choices):
                raise Invalid(f"variable {self.name}: must be one of {_listed(self.choices)}, not {_shown(value)}")
        elif not _is(self.type, value):
            raise Invalid(f"variable {self.name}: must be {_WORDS[self.type]}, not {_shown(value)}")
        self._check_size(value)
        for each in value if self.type == "list_number" else [value] if self.type == "number" else ():
            self._check_number(each)
        return value

    def _check_size(self, value: Any) -> None:
        if isinstance(value, list) and len(value) > MAX_ELEMENTS:
            raise Invalid(f"variable {self.name}: must have at most {MAX_ELEMENTS} elements, not {len(value)}")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                check_text(f"variable {self.name}", each)
                if len(each) > MAX_LENGTH:
                    raise Invalid(f"variable {self.name}: must have at most {MAX_LENGTH} characters, not {len(each)}")

    def _check_number(self, value: int | float) -> None:
        if isinstance(value, int) and not -_WHOLE <= value < _WHOLE:
            raise Invalid(f"variable {self.name}: a whole number of more than 64 bits; give a smaller one")
        if not math.isfinite(value):
            raise Invalid(f"variable {self.name}: must be a finite number, not {value}")
        if self.minimum is not None and value < self.minimum:
            raise Invalid(f"variable {self.name}: must be at least {self.minimum:g}, not {value:g}")
        if self.maximum is not None and value > self.maximum:
            raise Invalid(f"variable {self.name}: must be at most {self.maximum:g}, not {value:g}")

    def read(self, text: str) -> Any:
        """A value as a person writes it in one word: ``3``, ``yes``, ``a, b``, ``[1, 2]``; checked."""
        return self.check(_read(self, text))


def infer(default: Any) -> str:
    """The type that a default has."""
    if isinstance(default, list | tuple):
        items = list(default)
        if all(isinstance(each, str) for each in items):
            return "list_text"
        return "list_number" if all(_is("number", each) for each in items) else OTHER
    return next((kind for kind in ("boolean", "number", "text") if _is(kind, default)), OTHER)


def declare(
    name: str, default: Any, *, type: str | None = None, help: str = "", choices: Sequence[Any] = (),
    minimum: float | None = None, maximum: float | None = None, advanced: bool = False,
) -> Variable:  # fmt: skip
    """A variable with its rules; Invalid where they contradict each other or the default."""
    check_name(name)
    kind = type or ("enum" if choices else infer(default))
    if (kind == "enum") != bool(choices):
        raise Invalid(f"variable {name}: type enum and choices belong together; write both, or neither")
    if (minimum is not None or maximum is not None) and kind not in ("number", "list_number"):
        raise Invalid(f"variable {name}: min and max are for numbers, and it is of type {kind}")
    if minimum is not None and maximum is not None and minimum > maximum:
        raise Invalid(f"variable {name}: min is {minimum:g} and max {maximum:g}; min is the smaller one")
    value = list(default) if isinstance(default, tuple) else default
    made = Variable(name, kind, value, help, tuple(choices), minimum, maximum, advanced, default is None)
    if default is not None and kind != OTHER:
        made.check(value)
    return made


def check_name(name: str) -> None:
    """Refuse what cannot name a variable."""
    check_text("the name of a variable", name)
    if not 0 < len(name) <= MAX_NAME:
        raise Invalid(f"the name of a variable has 1 to {MAX_NAME} characters, not {len(name)}")


def find(variables: Sequence[Variable], name: str) -> Variable:
    """The variable of this name, or of ``advanced_vars.name`` where both sections have one; Invalid else."""
    section, dot, inner = name.partition(".")
    wanted = section if dot and section in SECTIONS else None
    found = [v for v in variables if v.name == name]
    if not found and wanted:
        found = [v for v in variables if v.name == inner and v.section == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise Invalid(f"variable {name}: both {STANDARD} and {ADVANCED} have it; write {ADVANCED}.{name}")
    names = [v.name for v in variables]
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
    raise Invalid(f"variable {name[:SHOWN]!r}: the task has none of this name; {hint}")


def sorted_values(variables: Sequence[Variable], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Section → name → value, checked; Invalid names the first variable that is wrong, and the rule."""
    if len(given) > MAX_VARIABLES:
        raise Invalid(f"{len(given)} variables are too many; at most {MAX_VARIABLES}")
    made: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for name, value in given.items():
        one = find(variables, name)
        if one.name in made[one.section]:
            raise Invalid(f"variable {one.name}: it is given twice")
        made[one.section][one.name] = one.check(value)
    if (size := len(json.dumps(made, ensure_ascii=False).encode())) > MAX_BYTES:
        raise Invalid(f"the variables take {size} bytes of JSON; at most {MAX_BYTES}: put them into a file")
    return made


def same(one: Any, other: Any) -> bool:
    """Equal, and true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _is(kind: str, value: Any) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "list_text":
            return isinstance(value, list) and all(_is("text", each) for each in value)
        case _:
            return isinstance(value, list) and all(_is("number", each) for each in value)


_BOOLEANS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}


def _read(variable: Variable, text: str) -> Any:
    match variable.type:
        case "number":
            return _number(text)
        case "boolean":
            return _BOOLEANS.get(text.strip().lower(), text)
        case "list_text" | "list_number":
            return _list(variable.type, text)
        case "enum":
            return next((c for c in variable.choices if text in (c, plain(c))), text)
        case _:
            return text


def _number(text: str) -> Any:
    try:
        return int(text) if len(text) < 1000 else text
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _list(kind: str, text: str) -> Any:
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    return [_number(part) for part in parts] if kind == "list_number" else parts


def _listed(choices: Sequence[Any]) -> str:
    return ", ".join(plain(choice)[:SHOWN] for choice in choices)


def _shown(value: Any) -> str:
    """A value in a message: short, on one line."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
