"""Origin: where a processing's data come from, as its task says it in templates over the event's parameters.

A *source* is an instrument, a station, a satellite; an *experiment* is what its data belong to. Both are known from the
first processing on that names them. A source can be paused: what is new of it is held, or born skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from procession.errors import Invalid

MAX_NAME = 128
"""Characters."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The source and the experiment of one processing; None where its task does not say."""

    source: str | None = None
    experiment: str | None = None


NOWHERE = Origin()


def origin_of(source: str, experiment: str, render: Callable[[str], str]) -> Origin:
    """The origin that these templates come to; Invalid where a name comes out unfit."""
    return Origin(_named("source", source, render), _named("experiment", experiment, render))


def _named(what: str, template: str, render: Callable[[str], str]) -> str | None:
    if not template:
        return None
    name = render(template).strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Invalid(
            f"the {what} {template} would be called {name[:60]!r} for these values; "
            f"it needs 1 to {MAX_NAME} characters, all of them printable"
        )
    return name


def beginning(source: str) -> str:
    """With what the text of everything begins that a processing of this source wants (`model/wants.py`): by it the
    claim passes over all of a paused source without reading their rows."""
    return '{"source":' + json.dumps(source, ensure_ascii=False)
