"""Question: what a step asks a person, which answers fit, and what each comes to.

Its text stands in the plan's command, as a template; here is the rest: words to choose from, or a number with its
bounds, or a text. Everything is pure; a refusal says what is wanted.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procession.errors import Invalid
from procession.model.event import check_text

YES_OR_NO = ("yes", "no")
"""What may be answered where nothing is said."""
OUTPUT = "value"
"""The output in which the answer stands for the steps after it."""
KIND = "question"
"""Of the messages that tell people of open ones."""
MAX_TEXT = 10_000
"""Characters of an answer."""
_WHOLE = 2**63
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})(?:[eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Question:
    """How a step may be answered."""

    choices: tuple[str, ...] = ()
    """Words to choose from; empty: anything of `type`."""
    type: str = "text"
    """``text`` or ``number``, where there are no choices."""
    minimum: float | None = None
    maximum: float | None = None
    default: Any = None
    """What counts as the answer when its time is over; None: the step fails then."""
    fail_on: tuple[str, ...] = ()
    """Choices with which the step fails."""
    skip_on: tuple[str, ...] = ()
    """Choices with which the rest of the processing is skipped."""

    @property
    def form(self) -> str:
        """What may be answered, in words."""
        if self.choices:
            return ", ".join(self.choices)
        low, high = (None if bound is None else f"{bound:g}" for bound in (self.minimum, self.maximum))
        if low is None and high is None:
            return f"a {self.type}"
        if low is not None and high is not None:
            return f"a number from {low} to {high}"
        return f"a number of at least {low}" if high is None else f"a number of at most {high}"

    def sentence(self, text: str) -> str:
        """The question, and what may be answered."""
        return f"{text} ({self.form})"

    def hint(self, processing_id: int, step: str) -> str:
        """The command that answers it."""
        value = shlex.quote(self.choices[0]) if self.choices else "VALUE"
        return f"answer with: procession answer {processing_id} {step} {value}"

    def comes_to(self, value: Any) -> str:
        """What the processing does with this answer: ``fails``, ``skips`` the rest, or ``goes on``."""
        return "fails" if value in self.fail_on else "skips" if value in self.skip_on else "goes on"

    def read(self, value: Any) -> str | int | float:
        """The answer, as JSON or as a person writes it; Invalid says what is wanted."""
        if self.choices:
            if value not in self.choices:
                raise Invalid(f"the answer must be one of {self.form}, not {_shown(value)}")
            return str(value)
        return self._number(value) if self.type == "number" else _text(value)

    def _number(self, value: Any) -> int | float:
        found = _read_number(value)
        below = found is not None and self.minimum is not None and found < self.minimum
        above = found is not None and self.maximum is not None and found > self.maximum
        if found is None or below or above:
            raise Invalid(f"the answer must be {self.form}, not {_shown(value)}")
        return found

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any] | None) -> Question | None:
        """The question that ``asdict`` and JSON made plain."""
        if raw is None:
            return None
        lists = {name: tuple(raw[name]) for name in ("choices", "fail_on", "skip_on")}
        return cls(**{**raw, **lists})


def _read_number(value: Any) -> int | float | None:
    """A number that can be stored, given as one or written by a person; None for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        plain = value.strip()
        value = int(plain) if plain.lstrip("+-").isdecimal() else float(plain)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_WHOLE <= value < _WHOLE else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"the answer must be a text, not {_shown(value)}")
    check_text("the answer", value)
    if len(value) > MAX_TEXT:
        raise Invalid(f"the answer has {len(value)} characters; it may have {MAX_TEXT}")
    return value


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return "nothing"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
