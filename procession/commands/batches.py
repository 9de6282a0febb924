"""Batches: one verb over all that a query finds, done by the launcher in small pieces (P14).

*In:* a verb, a query, the verb's other arguments. *Out:* a row in `batch`, which says how far it is; or what would
become of them, which is only looked at. *Always:* only what was there when it was asked for; a piece goes on from the
last id and looks at so many rows at most; each is done or refused by itself; a cancelled batch leaves what it has done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from procession.clock import moment
from procession.commands import bulk, deletions, holds, processings, restarts, steps
from procession.commands.asked import Asked
from procession.commands.bulk import Act
from procession.errors import Invalid, NotFound, ProcessionError, Refused, StoreError
from procession.model import query
from procession.model.processing import Processing
from procession.model.query import Query
from procession.model.term import Batches, Ids
from procession.project import Project
from procession.store import batches as store
from procession.store import pages, search
from procession.store import processings as rows
from procession.store.batches import Batch
from procession.store.database import Tx
from procession.store.search import Counted

PIECE = 200
"""At most so many in one turn."""
MOST_PROBLEMS = 500
"""Refusals that are remembered."""
JUDGED = 200
"""Of a preview: so many are looked at one by one."""


Judge = Callable[[Project, Tx, Processing], object]
"""Raises what the verb would raise; only looks."""


def _at_step(act: Callable[..., Any], given: Mapping[str, Any]) -> Act:
    step = given.get("step")
    return lambda project, tx, pid, who: act(project, tx, pid, who, step)


def _accept(given: Mapping[str, Any]) -> Act:
    step, note = given.get("step"), given.get("note", "")
    return lambda project, tx, pid, who: steps.accept_one(project, tx, pid, who, step, note)


@dataclass(frozen=True, slots=True)
class Doing:
    """What a verb does to one, and what says whether it would."""

    arguments: frozenset[str]
    act: Callable[[Mapping[str, Any]], Act]
    judge: Callable[[Mapping[str, Any]], Judge]


_STEP: frozenset[str] = frozenset({"step"})
VERBS: dict[str, Doing] = {
    "retry": Doing(
        _STEP,
        partial(_at_step, processings.retry_one),
        lambda given: lambda project, _, found: processings.check_retry(project, found, given.get("step")),
    ),
    "hold": Doing(
        _STEP,
        partial(_at_step, holds.hold_one),
        lambda given: lambda _, __, found: holds.check_hold(found, given.get("step")),
    ),
    "release": Doing(
        _STEP,
        partial(_at_step, holds.release_one),
        lambda given: lambda _, __, found: holds.check_release(found, given.get("step")),
    ),
    "cancel": Doing(
        frozenset(),
        lambda _: processings.cancel_one,
        lambda _: lambda _, __, found: processings.check_cancel(found.id, found.state),
    ),
    "run-now": Doing(
        frozenset(),
        lambda _: holds.run_one_now,
        lambda _: lambda _, __, found: holds.check_run_now(found),
    ),
    "restart": Doing(
        frozenset(),
        lambda _: lambda project, tx, pid, who: restarts.restart_anew(project, tx, pid, who, restarts.Anew()),
        lambda _: restarts.check_anew,
    ),
    "accept": Doing(
        frozenset({"step", "note"}),
        _accept,
        lambda given: (
            # why it is done to many does not say what was done instead of a rerun that failed
            lambda project, _, found: steps.check_accept(project, found, given.get("step"), given.get("note", ""))
        ),
    ),
    "delete": Doing(
        frozenset(),
        lambda _: partial(deletions.delete_one, children=False, again=False),
        lambda _: deletions.check_delete,
    ),
}
"""Verb → what it does to one."""


def doing(verb: str, arguments: Mapping[str, Any]) -> Doing:
    """What this verb does; Invalid for a verb or an argument that there is not."""
    if verb not in VERBS:
        raise Invalid(f"{verb[:40]!r} cannot be done to many; these can: {', '.join(VERBS)}")
    found = VERBS[verb]
    if unknown := sorted(arguments.keys() - found.arguments - {"reason"}):
        raise Invalid(f"{verb} of many has no argument {unknown[0][:40]!r}")
    if not all(isinstance(value, str) for value in arguments.values()):
        raise Invalid("a step is named by its name or number, as text; a note and a reason are texts")
    return found


# ── before it is confirmed ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a batch would do."""

    count: Counted
    """How many are meant."""
    states: Mapping[str, int]
    """State → how many of those that were counted."""
    until: int
    """No processing with a higher id is meant."""
    judged: tuple[Judged, ...]
    """What would become of the newest."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What would become of one."""

    id: int
    refused: str | None
    """Why not, if so."""


def foresee(
    project: Project, verb: str, text: str, arguments: Mapping[str, Any], last: int | None = None
) -> Foreseen:  # fmt: skip
    """How many are meant, in which states; and what would become of the newest `JUDGED`, by the rules of the verb.
    `last`: none with a higher id is meant. Nothing is written, nothing is locked, and it costs the same however many
    they are."""
    judge = doing(verb, arguments).judge(arguments)
    asked = _asked(project, text)
    with project.store.read() as tx:
        until = search.newest_id(tx) if last is None else last
        asked = asked if last is None else _up_to(asked, last)
        count, states = search.by_state(tx, asked)
        ids, _ = search.newest(tx, asked, JUDGED)
        of_steps = pages.steps_of(tx, ids)
        found = [replace(each, steps=of_steps[each.id]) for each in rows.find_all(tx, ids)]
        return Foreseen(count, states, until, tuple(_judged(project, tx, judge, each) for each in found))


def _judged(project: Project, tx: Tx, judge: Judge, found: Processing) -> Judged:
    try:
        judge(project, tx, found)
    except StoreError:
        raise
    except ProcessionError as error:
        return Judged(found.id, str(error))
    return Judged(found.id, None)


# ── asking for it ──────────────────────────────────────────────────────────────────────────────────


def begin(
    project: Project, verb: str, text: str, arguments: Mapping[str, Any], by: str, expect: int | None = None,
    until: int | None = None,
) -> Batch:  # fmt: skip
    """Ask for a batch; the launcher does it. It means those up to the highest id of now (or `until`), whatever comes
    later. Refused where nothing says which processings are meant, or where they are not as many as one expects."""
    doing(verb, arguments)
    made_at = project.now()
    asked = _asked(project, text)
    with project.store.read() as tx:
        newest = search.newest_id(tx)
        last = newest if until is None else min(until, newest)
        counted = search.count(tx, _up_to(asked, last))
        if expect is not None and expect != counted.n:
            more = "" if counted.exact else " or more"
            raise Refused(
                f"expect: the query finds {counted.n}{more} processings now, not {expect}; nothing was done: look again"
            )
        total = counted.n if counted.exact else _total(tx, asked, last)
    with project.store.begin() as tx:
        batch_id = store.add(
            tx, verb=verb, query=text, asked=arguments, by=by, at=made_at, until_id=last, total=total
        )  # fmt: skip
        tx.after(project.wake)
        return _there(tx, batch_id)


def _up_to(asked: Query, last: int) -> Query:
    return Query((*asked.terms, Ids(((last + 1, search.NEWEST),), negated=True)))


def _total(tx: Tx, asked: Query, last: int) -> int:
    """All of them, window after window: it takes as long as there are many."""
    total, after, over = 0, 0, False
    while not over:
        found, after, over = search.onwards(tx, asked, after, last, search.LOOKED)
        total += len(found)
    return total


def _asked(project: Project, text: str) -> Query:
    """The query; Refused where it says nothing."""
    asked = bulk.read_text(project, text)
    if asked.everything:
        raise Refused("nothing says which processings are meant; write a query, such as task:scene state:failed")
    return asked


def get(project: Project, batch_id: int) -> Batch:
    """How far it is; NotFound if there is no such batch."""
    with project.store.read() as tx:
        return _there(tx, batch_id)


@dataclass(frozen=True, slots=True)
class Became:
    """What became of all that a batch has done, as it is now."""

    count: Counted
    states: Mapping[str, int]
    """State → how many of those that were counted."""


def became(project: Project, batch_id: int) -> Became:
    """How what a batch has done stands now; of the newest `search.MOST_COUNTED`."""
    with project.store.read() as tx:
        return Became(*search.by_state(tx, Query((Batches((batch_id,)),))))


def newest(project: Project, limit: int) -> list[Batch]:
    """Batches, newest first."""
    with project.store.read() as tx:
        return store.newest(tx, limit)


def cancel(project: Project, batch_id: int) -> Batch:
    """Do nothing more of it; Refused if it has ended."""
    with project.store.begin() as tx:
        _there(tx, batch_id)
        if not store.cancel(tx, batch_id, project.now()):
            raise Refused(f"batch {batch_id} has ended; what it has done stays")
        return _there(tx, batch_id)


def _there(tx: Tx, batch_id: int) -> Batch:
    found = store.find(tx, batch_id)
    if found is None:
        raise NotFound(f"there is no batch {batch_id}; see: procession batches")
    return found


def go_on(project: Project, tx: Tx, batch: Batch) -> Batch:
    """Do the next piece of it in the open transaction."""
    why = batch.asked.get("reason") or batch.asked.get("note")
    who = Asked(batch.by, f"batch {batch.id}: {why}" if why else f"batch {batch.id}")
    act = doing(batch.verb, batch.asked).act(batch.asked)
    asked = query.parse(batch.query, moment(batch.made_at))
    ids, cursor, over = search.onwards(tx, asked, batch.cursor, batch.until_id, PIECE)
    done, refused, problems, now = batch.done, batch.refused, list(batch.problems), list[int]()
    for pid in ids:
        try:
            with tx.apart():
                now.append(act(project, tx, pid, who).id)
            done += 1
        except StoreError:
            raise
        except Exception as error:
            refused += 1
            problems.append((pid, str(error)[:300]))
    new = replace(
        # what has come to match since it was asked for is done as well, and counted
        batch, cursor=cursor, total=max(batch.total, done + refused), done=done, refused=refused,
        problems=tuple(problems[:MOST_PROBLEMS]), finished_at=project.now() if over else None,
    )  # fmt: skip
    store.add_done(tx, batch.id, now)
    store.advance(tx, new)
    return new
