"""Bulk: one verb for many processings, that a person names by their ids or by a query (P14).

In: words of a query, and a verb. Out: for each processing, once, what came of it. Always: small transactions, one after
the other, so that whoever interrupts loses nothing of what was done; one that is refused, or that cannot be read, never
stops the others; a dry run does the very same and takes it back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from procession.commands.asked import Asked, Done
from procession.commands.events import unknown_task
from procession.errors import NotFound, Refused, StaleState, StoreError
from procession.model import query
from procession.model.query import Query
from procession.model.term import Ids
from procession.project import Project
from procession.store import of_tasks, processings, queries, tasks
from procession.store.database import Tx

log = logging.getLogger("procession")

BATCH = 100
"""So many in one transaction."""

Act = Callable[[Project, Tx, int, Asked], Done]
"""A verb: it does all of its work in the open transaction, or raises and has done nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one."""

    id: int
    done: Done | None
    error: Exception | None

    @property
    def text(self) -> str:
        """For people."""
        return self.done.text if self.done else str(self.error)


def read(project: Project, words: Sequence[str]) -> Query:
    """The query that these words of a command line are."""
    return read_text(project, text_of(words))


def text_of(words: Sequence[str]) -> str:
    """Words of a command line as the text of a query."""
    return " ".join(_whole(word) for word in words)


def read_text(project: Project, text: str) -> Query:
    """The query that this text is; NotFound for a task that there is not and never was."""
    found = query.parse(text, project.clock.now())
    with project.store.read() as tx:
        names = tasks.names(tx)
        for name in sorted(found.tasks.difference(names)):
            if not of_tasks.known(tx, name):
                raise NotFound(unknown_task(name, names))
    return found


def _whole(word: str) -> str:
    """A term that came as one word of the command line and has spaces in it: the shell has taken its quotes."""
    field, colon, value = word.partition(":")
    if colon and " " in value and " " not in field and '"' not in word:
        return f'{field}:"{value}"'
    return word


def chosen(project: Project, words: Sequence[str], *, everything: bool = False) -> list[int]:
    """The ids that are meant, oldest first; a number that was written is among them, though there be none of it."""
    asked = read(project, words)
    if asked.everything and not everything:
        raise Refused(
            "nothing says which processings are meant; name them by id or by a query, such as task:scene "
            "state:failed, or say --all for every one"
        )
    with project.store.read() as tx:
        found = queries.ids(tx, asked)
    if all(isinstance(term, Ids) and not term.negated for term in asked.terms):
        found = sorted({*found, *(int(word) for word in " ".join(words).split() if word.isdigit())})
    return found


def each(project: Project, ids: Sequence[int], act: Act, who: Asked, *, dry_run: bool = False) -> Iterator[Answer]:
    """Do this to each of them; the answers of a batch come when it is committed."""
    for at in range(0, len(ids), BATCH):
        batch = sorted(ids[at : at + BATCH])
        answers: list[Answer] = []
        try:
            with project.store.begin() as tx:
                processings.standings(tx, batch)  # all locks at once, in the order of everybody
                answers = [_one(project, tx, pid, act, who) for pid in batch]
                if dry_run or all(answer.error for answer in answers):  # what changed nothing is told as refused
                    raise _TakeBack
        except _TakeBack:
            pass
        for answer in answers:
            yield _alone(project, answer.id, act, who) if _is_stale(answer) and not dry_run else answer


class _TakeBack(Exception):
    """It was only to be seen what would happen, or nothing happened."""


def _is_stale(answer: Answer) -> bool:
    return isinstance(answer.error, StaleState)


def _one(project: Project, tx: Tx, processing_id: int, act: Act, who: Asked) -> Answer:
    try:
        with tx.apart():
            return Answer(processing_id, act(project, tx, processing_id, who), None)
    except StoreError:
        raise
    except Exception as error:
        return Answer(processing_id, None, error)


def _alone(project: Project, processing_id: int, act: Act, who: Asked) -> Answer:
    """Once more, in a transaction of its own: somebody had moved it in between."""
    try:
        return Answer(processing_id, project.store.change(lambda tx: act(project, tx, processing_id, who)), None)
    except StoreError:
        raise
    except Exception as error:
        return Answer(processing_id, None, error)
