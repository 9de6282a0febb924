"""A condition: the small language of ``where`` (is this event for this task?) and ``when`` (is this step wanted?).

*In:* a text such as ``sat == "L8" and load.cloud < 0.5``. *Out:* true or false for the parameters of an event and
the outputs of steps. *Always:* the text is parsed by the grammar below into a frozen tree and never by Python;
evaluation never fails and never calls anything; the text is all that is stored.

::

    either   = both { "or" both }                both    = denied { "and" denied }
    denied   = "not" denied | compared           compared = value { ( == != < <= > >= in "not in" ) value }
    value    = name | text | number | true | false | null | "[" [ either { "," either } ] "]" | "(" either ")"
    name     = WORD (a parameter) | WORD.WORD (an output of a step) | {as in a command} | `any parameter`

A missing name is null. What values mean beside each other is in `model/comparison.py`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from procession.errors import Invalid
from procession.model.comparison import COMPARISONS, Quoted, compare, number_of, truth
from procession.model.event import PARAMETER, check_text

MAX_LENGTH = 2_000
MAX_DEPTH = 32
"""Parentheses, lists and ``not`` inside one another."""

ALLOWED = (
    'names, "texts", numbers, true, false, null, lists [1, 2], the comparisons == != < <= > >= in and not in, '
    "and, or, not, and parentheses"
)

_WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<name>WORD(?:\.WORD)?|\{[^{}]*\}|`[^`]+`)
    | (?P<sign>==|!=|<=|>=|[<>\[\](),])
    | (?P<end>\Z)
    )""".replace("WORD", _WORD),
    re.VERBOSE | re.DOTALL,
)
_BRACED = re.compile(rf"\{{(?:([A-Za-z0-9_:][A-Za-z0-9._:-]{{0,127}})\.)?({_WORD})\}}")
"""As in a command (`model/command.py`): the last dot divides step and output."""
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_RESERVED = frozenset({"and", "or", "not", "in", *_CONSTANTS})
_INSTEAD = {"=": "==", "&": "and", "|": "or", "!": "not or !="}

Outputs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition; two with the same text are the same. `parse` and `from_table` make it, `text` is stored."""

    text: str
    _root: _Node

    def holds(self, params: Mapping[str, Any], outputs: Outputs) -> bool:
        """Is it so for these parameters and these outputs (step name → its outputs)? Never raises."""
        return truth(_value(self._root, params, outputs))

    def parameters(self) -> frozenset[str]:
        """Names of the parameters that it asks for."""
        return frozenset(n.name for n in _walk(self._root) if n.kind == "name" and not n.step)

    def outputs(self) -> frozenset[tuple[str, str]]:
        """(step, name) of every output that it asks for."""
        return frozenset((n.step, n.name) for n in _walk(self._root) if n.kind == "name" and n.step)


@lru_cache(maxsize=1024)
def parse(text: str) -> Condition:
    """Read a condition; Invalid says at which character (from 1) it cannot be understood, and what is allowed."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"a condition of {len(text)} characters is too long: at most {MAX_LENGTH}; let a script decide")
    check_text("a condition", text)
    if not text.strip():
        raise Invalid(f"an empty condition says nothing; leave it out, or use {ALLOWED}")
    return Condition(text, _Parser(text).whole())


def from_table(table: Mapping[str, Any]) -> Condition:
    """The condition that ``{ sat = "L8", level = [1, 2] }`` means: each parameter equals its value, or one of a list.

    It is made as text and parsed, so it is stored and shown like one that was written as text.
    """
    if not table:
        raise Invalid("an empty table of conditions says nothing; leave it out")
    return parse(" and ".join(_written(name, value) for name, value in table.items()))


# ── the tree ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Node:
    """One place of the tree: ``literal``, ``name``, ``list``, ``not``, ``and``, ``or`` or ``compared``."""

    kind: str
    parts: tuple[_Node, ...] = ()
    constant: Any = None
    """Of a literal."""
    step: str = ""
    """Of a name; empty where it is a parameter."""
    name: str = ""
    signs: tuple[str, ...] = ()
    """Of a comparison, between its parts: ``a < b <= c`` is ``a < b and b <= c``."""


def _walk(node: _Node) -> Iterator[_Node]:
    yield node
    for part in node.parts:
        yield from _walk(part)


def _value(node: _Node, params: Mapping[str, Any], outputs: Outputs) -> Any:
    values = (_value(part, params, outputs) for part in node.parts)  # only as far as they are asked for
    match node.kind:
        case "literal":
            return node.constant
        case "name":
            return (outputs.get(node.step, {}) if node.step else params).get(node.name)
        case "list":
            return list(values)
        case "not":
            return not truth(next(values))
        case "and":
            return all(map(truth, values))
        case "or":
            return any(map(truth, values))
        case _:
            compared = list(values)
            return all(map(compare, node.signs, compared, compared[1:]))


# ── reading ────────────────────────────────────────────────────────────────────────────────────────


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.depth = text, 0, 0
        self.advance()

    def advance(self) -> None:
        """Take the next token into `kind` and `symbol`."""
        found = _TOKEN.match(self.text, self.place)
        if not found:
            self.start = len(self.text) - len(self.text[self.place :].lstrip())
            raise self.wrong(self.text[self.start])
        self.kind, self.place = str(found.lastgroup), found.end()
        self.symbol, self.start = found[self.kind], found.start(self.kind)
        if self.kind == "name" and self.symbol in _RESERVED:
            self.kind = "constant" if self.symbol in _CONSTANTS else "word"

    def wrong(self, token: str) -> Invalid:
        instead = _INSTEAD.get(token)
        what = f"{json.dumps(token[:40], ensure_ascii=False)} cannot stand here" if token else "something is missing"
        if token in ('"', "'"):
            what = "a text begins that does not end"
        shown = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return Invalid(
            f"the condition {json.dumps(shown, ensure_ascii=False)} is not understood at character {self.start + 1}: "
            f"{what}; {f'write {instead}; ' if instead else ''}allowed are {ALLOWED}"
        )

    def accept(self, *tokens: str) -> bool:
        """Pass over one of these words or signs, if it is next."""
        if self.kind not in ("word", "sign") or self.symbol not in tokens:
            return False
        self.advance()
        return True

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise self.wrong(self.symbol)

    def whole(self) -> _Node:
        node = self.either()
        if self.kind != "end":
            raise self.wrong(self.symbol)
        return node

    def either(self) -> _Node:
        parts = [self.both()]
        while self.accept("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else _Node("or", tuple(parts))

    def both(self) -> _Node:
        parts = [self.denied()]
        while self.accept("and"):
            parts.append(self.denied())
        return parts[0] if len(parts) == 1 else _Node("and", tuple(parts))

    def denied(self) -> _Node:
        if not self.accept("not"):
            return self.compared()
        self.deeper()
        node = _Node("not", (self.denied(),))
        self.depth -= 1
        return node

    def compared(self) -> _Node:
        parts, signs = [self.one()], list[str]()
        while sign := self.comparison():
            signs.append(sign)
            parts.append(self.one())
        return _Node("compared", tuple(parts), signs=tuple(signs)) if signs else parts[0]

    def comparison(self) -> str:
        sign = self.symbol
        if self.accept("not"):
            self.expect("in")
            return "not in"
        return sign if sign in COMPARISONS and self.accept(sign) else ""

    def one(self) -> _Node:
        if self.accept("("):
            return self.closed(self.either, ")")
        if self.accept("["):
            return self.closed(self.elements, "]")
        if self.kind not in ("text", "number", "constant", "name"):
            raise self.wrong(self.symbol)
        node = _simple(self.kind, self.symbol)
        if node is None:
            raise self.wrong(self.symbol)
        self.advance()
        return node

    def closed(self, inner: Callable[[], _Node], end: str) -> _Node:
        self.deeper()
        node = inner()
        self.depth -= 1
        self.expect(end)
        return node

    def elements(self) -> _Node:
        parts: list[_Node] = []
        while not (self.kind == "sign" and self.symbol == "]"):
            parts.append(self.either())
            if not self.accept(","):
                break
        return _Node("list", tuple(parts))

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Invalid(f"a condition is nested deeper than {MAX_DEPTH} levels; take parentheses away")


def _simple(kind: str, token: str) -> _Node | None:
    """The node of one token; None where the token is none."""
    if kind == "text":
        return _Node("literal", constant=Quoted(re.sub(r"""\\([\\'"])""", r"\1", token[1:-1])))
    if kind == "number":
        number = number_of(token)
        return None if number is None else _Node("literal", constant=number)
    if kind == "constant":
        return _Node("literal", constant=_CONSTANTS[token])
    if token[0] == "`":
        return _Node("name", name=token[1:-1]) if PARAMETER.fullmatch(token[1:-1]) else None
    braced = _BRACED.fullmatch(token if token[0] == "{" else f"{{{token}}}")
    return _Node("name", step=braced[1] or "", name=braced[2]) if braced else None


def _written(name: str, value: Any) -> str:
    """One line of a table as text."""
    if not PARAMETER.fullmatch(name):
        raise Invalid(f"{name[:60]!r} cannot be the name of a parameter")
    plain = re.fullmatch(_WORD, name) and name not in _RESERVED
    shown = name if plain else f"`{name}`"
    if not isinstance(value, list | tuple):
        return f"{shown} == {_constant(name, value)}"
    if not value:
        raise Invalid(f"the condition {name} = [] never holds; name the values that are wanted")
    return f"{shown} in [{', '.join(_constant(name, each) for each in value)}]"


def _constant(name: str, value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    whole = isinstance(value, int) and -(2**63) <= value < 2**63
    if whole or value is None or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value)
    raise Invalid(
        f"the condition {name} has a value that a table cannot have; it takes texts, numbers up to 64 bits, true and "
        'false, and lists of these; write everything else as text: "size > 3 and level != 2"'
    )
