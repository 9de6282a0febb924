"""Batches: one verb over all that a query finds, done by the launcher in small pieces (P14).

*In:* a verb, a query, the verb's other arguments. *Out:* a row in `batch`, which says how far it is; or, of a dry run,
what would become of the first. *Always:* only what was there when it was asked for; each is done or refused by itself;
a batch that is cancelled leaves what it has done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from procession.clock import moment
from procession.commands import bulk, deletions, holds, processings, restarts, steps
from procession.commands.asked import Asked
from procession.commands.bulk import Act, Answer
from procession.errors import Invalid, NotFound, Refused, StoreError
from procession.model import query
from procession.project import Project
from procession.store import batches as store
from procession.store import queries
from procession.store.batches import Batch
from procession.store.database import Tx

PIECE = 200
"""At most so many in one turn."""
MOST_PROBLEMS = 500
"""Refusals that are remembered."""
TRIED = 1_000
"""Of a dry run: so many are tried."""


def _at_step(act: Callable[..., Any], arguments: Mapping[str, Any]) -> Act:
    step = arguments.get("step")
    return lambda project, tx, pid, who: act(project, tx, pid, who, step)


def _accept(step: str | None, note: str) -> Act:
    return lambda project, tx, pid, who: steps.accept_one(project, tx, pid, who, step, note)


VERBS: dict[str, tuple[frozenset[str], Callable[[Mapping[str, Any]], Act]]] = {
    "retry": (frozenset({"step"}), partial(_at_step, processings.retry_one)),
    "hold": (frozenset({"step"}), partial(_at_step, holds.hold_one)),
    "release": (frozenset({"step"}), partial(_at_step, holds.release_one)),
    "cancel": (frozenset(), lambda _: processings.cancel_one),
    "run-now": (frozenset(), lambda _: holds.run_one_now),
    "restart": (
        frozenset(),
        lambda _: lambda project, tx, pid, who: restarts.restart_anew(project, tx, pid, who, restarts.Anew()),
    ),
    "accept": (frozenset({"step", "note"}), lambda given: _accept(given.get("step"), given.get("note", ""))),
    "delete": (frozenset(), lambda _: partial(deletions.delete_one, children=False, again=False)),
}
"""Verb → its other arguments, and what does it to one."""


def act_of(verb: str, arguments: Mapping[str, Any]) -> Act:
    """What this verb does to one; Invalid for a verb or an argument that there is not."""
    if verb not in VERBS:
        raise Invalid(f"{verb[:40]!r} cannot be done to many; these can: {', '.join(VERBS)}")
    names, make = VERBS[verb]
    if unknown := sorted(arguments.keys() - names):
        raise Invalid(f"{verb} of many has no argument {unknown[0][:40]!r}")
    if not all(isinstance(value, str) for value in arguments.values()):
        raise Invalid("a step is named by its name or number, as text, and a note is a text")
    return make(arguments)


def begin(
    project: Project, verb: str, text: str, arguments: Mapping[str, Any], by: str, expect: int | None = None
) -> Batch:
    """Ask for a batch; the launcher does it. Refused where nothing says which processings are meant, or where they are
    not as many as one expects."""
    act_of(verb, arguments)
    asked = _asked(project, text)
    with project.store.begin() as tx:
        ids = queries.ids(tx, asked)
        if expect is not None and expect != len(ids):
            raise Refused(f"expect: this query means {len(ids)} processings now, not {expect}; look again, then say so")
        batch_id = store.add(
            tx, verb=verb, query=text, asked=arguments, by=by, at=project.now(), until_id=max(ids, default=0),
            total=len(ids),
        )  # fmt: skip
        tx.after(project.wake)
        return _there(tx, batch_id)


def _asked(project: Project, text: str) -> query.Query:
    """The query; Refused where it says nothing."""
    asked = bulk.read_text(project, text)
    if asked.everything:
        raise Refused("nothing says which processings are meant; write a query, such as task:scene state:failed")
    return asked


def tried(project: Project, verb: str, text: str, arguments: Mapping[str, Any], by: str) -> tuple[int, list[Answer]]:
    """What would become of the first `TRIED`; and how many are meant. Nothing is changed."""
    act = act_of(verb, arguments)
    asked = _asked(project, text)
    with project.store.read() as tx:
        ids = queries.ids(tx, asked)
    return len(ids), list(bulk.each(project, ids[:TRIED], act, Asked(by), dry_run=True))


def get(project: Project, batch_id: int) -> Batch:
    """How far it is; NotFound if there is no such batch."""
    with project.store.read() as tx:
        return _there(tx, batch_id)


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
    act, who = act_of(batch.verb, batch.asked), Asked(batch.by, f"batch {batch.id}")
    asked = query.parse(batch.query, moment(batch.made_at))
    ids = queries.ids(tx, asked, after=batch.cursor, until=batch.until_id, limit=PIECE)
    done, refused, problems = batch.done, batch.refused, list(batch.problems)
    for pid in ids:
        try:
            with tx.apart():
                act(project, tx, pid, who)
            done += 1
        except StoreError:
            raise
        except Exception as error:
            refused += 1
            problems.append((pid, str(error)[:300]))
    ended = project.now() if len(ids) < PIECE else None
    new = replace(
        batch, cursor=ids[-1] if ids else batch.cursor, done=done, refused=refused,
        problems=tuple(problems[:MOST_PROBLEMS]), finished_at=ended,
    )  # fmt: skip
    store.advance(tx, new)
    return new
