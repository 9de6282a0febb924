"""From a step with ``ask`` to a `Question`: what may be answered, checked so that no answer comes as a surprise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from procession.definitions.sources import Place
from procession.definitions.task_tables import StepTable
from procession.errors import Invalid
from procession.model.question import YES_OR_NO, Question

KEYS = ("choices", "type", "min", "max", "default", "fail_on", "skip_on")
"""What a step says beside ``ask``."""


def question(table: StepTable, raw: Mapping[str, Any], place: Place) -> Question:
    """How the step may be answered; mistakes are noted at their places."""
    free = table.type is not None
    choices = tuple(table.choices or (() if free else YES_OR_NO))
    known = table.choices is not None or "choices" not in raw
    if free and table.choices:
        place.at("type").error("stands beside choices; words to choose from, or a type, keep one")
    _check_different(choices, place.at("choices"))
    for key, bound in (("min", table.min), ("max", table.max)):
        if bound is not None and table.type != "number":
            place.at(key).error('is for numbers; write type = "number", or remove it')
    if table.min is not None and table.max is not None and table.min > table.max:
        place.at("min").error(f"{table.min:g} is more than max = {table.max:g}; no number is both; correct one")
    fail_on, skip_on = tuple(table.fail_on or ()), tuple(table.skip_on or ())
    for key, words in (("fail_on", fail_on), ("skip_on", skip_on)):
        for word in words:
            if known and word not in choices:
                place.at(key).error(f"{word} is no choice; there are {', '.join(choices) or 'none'}")
    for word in sorted(set(fail_on) & set(skip_on)):
        place.at("skip_on").error(f"{word} stands in fail_on as well; keep one")
    made = Question(choices, table.type or "text", table.min, table.max, table.default, fail_on, skip_on)
    return made if table.default is None or not known else _with_default(made, table, place)


def _check_different(choices: tuple[str, ...], place: Place) -> None:
    known: dict[str, str] = {}
    for word in choices:
        if (other := known.setdefault(word.casefold(), word)) != word or choices.count(word) > 1:
            place.error(f"{word} stands there twice" + (f", as {other} too" if other != word else "") + "; keep one")
            return


def _with_default(made: Question, table: StepTable, place: Place) -> Question:
    """What counts as the answer when the time is over must be one."""
    if table.timeout is None:
        place.at("default").error('counts when the time is over; write timeout = "2 d" beside it, or remove it')
    try:
        made.read(table.default)
    except Invalid as error:
        place.at("default").error(str(error).replace("the answer must be", "must be"))
    return made
