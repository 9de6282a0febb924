"""Pivot: what puts a processing into a row and a column, and the query that means what stands in a cell.

*In:* names of axes (``day``, ``hour``, ``param.NAME``), facts of a processing. *Out:* its place on each axis; the text
of a query. *Always:* pure; a query finds exactly what its cell stands for, whatever the values contain, and where no
query could say so there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from procession.clock import moment
from procession.errors import Invalid
from procession.model.event import PARAMETER
from procession.model.query import MAX_LENGTH, YEARS
from procession.model.term import Ids, Names, Since, Term, literally

Place = str | None
"""Where one stands on an axis; None: it has no such parameter."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What rows or columns are."""

    name: str

    @property
    def parameter(self) -> str:
        """The parameter whose values they are; empty for times."""
        return self.name[6:] if self.name.startswith("param.") else ""

    def place(self, created_at: int, value: Place) -> Place:
        """Where a processing stands that came at this microsecond, and whose parameter has this value."""
        return value if self.parameter else f"{moment(created_at):{'%Y-%m-%d' if self.name == 'day' else '%H'}}"


def axis(what: str, name: str) -> Axis:
    """The axis of this name; Invalid for what rows or columns cannot be."""
    if name in ("day", "hour") or (name.startswith("param.") and PARAMETER.fullmatch(name[6:])):
        return Axis(name)
    raise Invalid(f"{name[:40]!r} is nothing that {what} can be; there are: day, hour, param.NAME")


def query_of(query: str, cell: Mapping[str, Place], oldest: int | None) -> str:
    """The query for those that this one means and that stand here: name of the axis → place.

    `oldest`: the first id that was looked at, if some were not. Empty where no query means just these.
    """
    terms: list[Term] = []
    if oldest is not None and oldest > 1:  # turned round, since ids that are wanted would be added to others
        terms.append(Ids(((1, oldest - 1),), negated=True))
    for name, place in cell.items():
        if name.startswith("param."):
            missing = place is None
            terms.append(Names(name, ("*" if place is None else literally(place),), negated=missing))
    if "hour" in cell and "day" not in cell:
        return ""
    if "day" in cell:
        begin = datetime.fromisoformat(f"{cell['day']}T{cell.get('hour') or '00'}:00").replace(tzinfo=UTC)
        end = begin + (timedelta(hours=1) if "hour" in cell else timedelta(days=1))
        if begin.year not in YEARS or end.year not in YEARS:
            return ""
        terms += [Since("after", begin), Since("before", end)]
    text = " ".join([query, *(f"{'-' if term.negated else ''}{term.text}" for term in terms)]).strip()
    return text if len(text) <= MAX_LENGTH else ""
