"""A command template and what it becomes for one event.

A template is a tuple of words; each word becomes exactly one argument, whatever the values are. ``{name}``
in a word is replaced by a parameter of the event or by a given name (`GIVEN`), ``{given.name}`` always by
the given one, ``{step.name}`` by an output of an earlier step; ``{{`` and ``}}`` are literal braces. Values
are put in once and never read again: no shell, no ``str.format``, no second pass. Words are parsed once per
process and kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from procession.errors import Invalid

GIVEN = ("project", "work", "date", "id", "key")
"""Names that Procession itself gives to every command."""

MAX_BYTES = 128 * 1024
"""What all arguments of one command may take together; the kernel takes no more for one."""

_TOKEN = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_-]*")
_STEP = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9._:-]{0,127}")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A ``{name}`` in a word. ``source`` is empty for a simple name, else ``given`` or the name of a step."""

    source: str
    name: str

    def __str__(self) -> str:
        return f"{{{self.source}.{self.name}}}" if self.source else f"{{{self.name}}}"


@lru_cache(maxsize=4096)
def parse_word(text: str) -> tuple[str | Placeholder, ...]:
    """Split a word into literal texts and placeholders; raises Invalid where it is neither."""
    parts: list[str | Placeholder] = []
    for token in _TOKEN.findall(text):
        if token in ("{{", "}}"):
            part: str | Placeholder = token[0]
        elif token in ("{", "}"):
            raise Invalid(f"a lone {token} in {_quote(text)}; write {token * 2} for a literal brace")
        else:
            part = _placeholder(token, text) if token[0] == "{" else token
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
    return tuple(parts)


def placeholders(word: str) -> Iterator[Placeholder]:
    """The placeholders of one word, in order."""
    return (part for part in parse_word(word) if isinstance(part, Placeholder))


@dataclass(frozen=True, slots=True)
class Command:
    """What a step runs: resolved, absolute, the same wherever and whenever it is started."""

    words: tuple[str, ...]
    """Templates; the first is the absolute path of the program."""
    scripts: tuple[str, ...] = ()
    """Absolute paths of the files of ours that it runs, kept by hash with each attempt."""
    shell: bool = False
    """The last word is the text for bash: it takes no placeholders, parameters arrive in the environment."""
    allow_dash: bool = False
    """A value may start an argument with ``-``, where an option could be mistaken for it."""

    def parameters(self) -> frozenset[str]:
        """Names that an event must bring: neither given nor outputs of steps."""
        return frozenset(p.name for p in self._placeholders() if not p.source and p.name not in GIVEN)

    def outputs(self) -> frozenset[tuple[str, str]]:
        """(step, name) of every output that it asks for."""
        return frozenset((p.source, p.name) for p in self._placeholders() if p.source not in ("", "given"))

    def render(
        self,
        params: Mapping[str, Any],
        outputs: Mapping[str, Mapping[str, Any]],
        given: Mapping[str, Any],
    ) -> list[str]:
        """The arguments for these values; raises Invalid where a value is missing or unfit (B13 to B18)."""
        if self.shell:
            return list(self.words)
        words: list[str] = []
        for template in self.words:
            parts = parse_word(template)
            if not parts or (len(parts) == 1 and isinstance(parts[0], str)):
                words.append(parts[0] if parts else "")  # type: ignore[arg-type]
                continue
            word = "".join(
                part if isinstance(part, str) else _text(part, _find(part, params, outputs, given)) for part in parts
            )
            self._check(template, parts, word)
            words.append(word)
        _check_size(words)
        return words

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> Command:
        """The command that ``asdict`` and JSON made plain, possibly by an earlier version of Procession."""
        return cls(
            words=tuple(raw["words"]),
            scripts=tuple(raw.get("scripts", ())),
            shell=bool(raw.get("shell", False)),
            allow_dash=bool(raw.get("allow_dash", False)),
        )

    def _placeholders(self) -> Iterator[Placeholder]:
        return iter(()) if self.shell else (p for word in self.words for p in placeholders(word))

    def _check(self, template: str, parts: tuple[str | Placeholder, ...], word: str) -> None:
        if not word:
            raise Invalid(
                f"the argument {template} would be empty, and most programs misread an empty argument; "
                "give the parameter a value or put text around it, as in --name={name}"
            )
        if word[0] == "-" and not self.allow_dash and isinstance(parts[0], Placeholder):
            raise Invalid(
                f"the value of {parts[0]} makes an argument that starts with -, which the program would take "
                f"for an option; write --name={parts[0]}, or allow_dash = true where this is meant"
            )


def _placeholder(token: str, text: str) -> Placeholder:
    source, dot, name = token[1:-1].rpartition(".")
    if not _NAME.fullmatch(name) or (dot and not _STEP.fullmatch(source)):
        raise Invalid(
            f"{_quote(token)} in {_quote(text)} is not a valid name; a parameter is {{name}}, "
            "an output {step.name}; write {{ and }} for literal braces"
        )
    if source == "given" and name not in GIVEN:
        raise Invalid(f"{token} is not a given name; there are {', '.join(f'{{given.{each}}}' for each in GIVEN)}")
    return Placeholder(source, name)


def _find(
    placeholder: Placeholder,
    params: Mapping[str, Any],
    outputs: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Any],
) -> Any:
    source, name = placeholder.source, placeholder.name
    if source == "given":
        value = given.get(name)
    elif source:
        value = outputs.get(source, {}).get(name)
    else:
        value = params.get(name)
        if value is None:
            value = given.get(name)
    if value is not None:
        return value
    if source and source != "given":
        raise Invalid(
            f"{placeholder} has no value: step {source} left no output {name}; "
            f"let it append {name}=VALUE to the file $PROCESSION_OUTPUT"
        )
    raise Invalid(f"{placeholder} has no value: the event brings no parameter {name}; submit it with {name}=VALUE")


def _text(placeholder: Placeholder, value: Any) -> str:
    """A value as part of an argument: a string as it is, everything else as compact JSON."""
    if isinstance(value, str):
        return value
    try:
        return _JSON.encode(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"the value of {placeholder} cannot be written as JSON ({error}); give another one") from None


def _check_size(words: list[str]) -> None:
    text = "\n".join(words)
    if "\0" in text:
        raise Invalid("an argument contains a NUL character, which no program can be given; remove it from the value")
    try:
        size = len(text) + 1 if text.isascii() else len(text.encode("utf-8", "surrogateescape")) + 1
    except UnicodeEncodeError:
        raise Invalid("an argument contains half a character (a lone surrogate); give the value as UTF-8") from None
    if size > MAX_BYTES:
        raise Invalid(
            f"the arguments take {size} bytes together, more than the {MAX_BYTES} that a command may have; "
            "read large values from the file $PROCESSION_EVENT"
        )


def _quote(text: str) -> str:
    shown = text if len(text) <= 60 else text[:57] + "..."
    return json.dumps(shown, ensure_ascii=False)
