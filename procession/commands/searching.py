"""Searching: what a page lists, how many that are, what comes before and after, and how a query goes on.

In: a query as a person wrote it. Out: processings, a count, neighbours, completions. Always: bounded, whatever there is
(`store/search.py`); a caller who may see some tasks only is asked for these alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from procession.commands import bulk
from procession.model.query import FIELDS, Query
from procession.model.term import STATES, Names
from procession.project import Project
from procession.store import causes, search, sources, tasks
from procession.store.database import Tx
from procession.store.search import Beside, Counted

MOST_COMPLETIONS = 20


def meant(project: Project, text: str, tasks_: Iterable[str] | None = None) -> Query:
    """The query of this text; of these tasks alone, if some are given."""
    asked = bulk.read_text(project, text)
    if tasks_ is None:
        return asked
    return Query((*asked.terms, Names("task", tuple(sorted(tasks_)))))


def count(project: Project, text: str, tasks_: Iterable[str] | None = None) -> Counted:
    """How many processings a query means, up to `search.MOST_COUNTED`."""
    asked = meant(project, text, tasks_)
    with project.store.read() as tx:
        return search.count(tx, asked)


def beside(project: Project, processing_id: int, text: str, tasks_: Iterable[str] | None = None) -> Beside:
    """The neighbours of a processing among all that a query means."""
    asked = meant(project, text, tasks_)
    with project.store.read() as tx:
        return search.beside(tx, asked, processing_id)


@dataclass(frozen=True, slots=True)
class Completion:
    """One way to go on."""

    text: str
    """What the last word becomes."""
    says: str


def complete(
    project: Project, text: str, tasks_: Iterable[str] | None = None, *, whole: bool = False
) -> list[Completion]:
    """How the last word of a query may go on: names of terms, then their values; or, `whole`, every term that there is,
    those of tasks, states, groups and moments with every value."""
    if whole:
        with project.store.read() as tx:
            return [
                Completion(f"{field}:{value}", MEANINGS.get(field, ""))
                for field in FIELDS
                for value in (_values(tx, field, "", tasks_) if field in _LISTED else ("",))
            ]
    word = "" if not text or text[-1].isspace() else text.rsplit(maxsplit=1)[-1]
    minus, bare = ("-", word[1:]) if word.startswith("-") else ("", word)
    field, colon, value = bare.partition(":")
    if not colon:
        named = [each for each in FIELDS if each.startswith(bare.lower()) and each != "param.NAME"]
        return [Completion(f"{minus}{each}:", MEANINGS.get(each, "")) for each in named][:MOST_COMPLETIONS]
    before, comma, last = value.rpartition(",")
    with project.store.read() as tx:
        values = _values(tx, field, last, tasks_)
    found = [each for each in values if each.startswith(last) and each != last]
    return [Completion(f"{minus}{field}:{before}{comma}{each}", "") for each in found[:MOST_COMPLETIONS]]


MEANINGS = dict((  # noqa: C406  a dictionary with a state looks like a row (tests/store/test_moves.py)
    ("id", "numbers, 17,19-21"), ("task", "its task"), ("state", "its state"), ("step", "where it stands"),
    ("event", "its event"), ("key", "the key of its event"), ("group", "the group of its task"),
    ("version", "its version"), ("batch", "what a bulk action did"),
    ("cause", "why it failed"), ("source", "where its data come from"), ("experiment", "what they belong to"),
    ("after", "created since, -1d or a date"), ("before", "created before"), ("ended-after", "ended since"),
    ("ended-before", "ended before"), ("reason", "a part of its reason"),
))  # fmt: skip
"""Name of a term → what it is about, in a few words."""
_SPANS = ("-1h", "-1d", "-7d", "-30d")
_LISTED = frozenset({"task", "state", "group", "after", "before", "ended-after", "ended-before"})
"""Terms of which every value is offered at once."""
MOST_CAUSES = 100


def _values(tx: Tx, field: str, beginning: str, tasks_: Iterable[str] | None) -> list[str]:
    """What the term of this name may ask for."""
    current = [task for task in tasks.current(tx).values() if tasks_ is None or task.name in tasks_]
    match field:
        case "task":
            return sorted(task.name for task in current)
        case "state":
            return list(STATES)
        case "group":
            return sorted({task.group for task in current if task.group})
        case "step":
            return sorted({step.name for task in current for step in task.steps})
        case "event":
            return sorted({task.on for task in current})
        case "cause":
            some = causes.beginning(tx, beginning, MOST_CAUSES) if beginning else []
            return [each.signature for each in some if tasks_ is None or each.task in tasks_]
        case "source" | "experiment":
            return [] if tasks_ is not None else sources.names(tx, field)
        case "after" | "before" | "ended-after" | "ended-before":
            return list(_SPANS)
        case _:
            return []
