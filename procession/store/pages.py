"""Statements of the pages: many tasks, many processings, one query for all of them, each row by an index."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, and_, bindparam, case, cast, exists, func, literal_column, select, text
from sqlalchemy.sql.base import Executable

from procession.model.processing import Step
from procession.store import schema
from procession.store.attempts import attempt_picture
from procession.store.database import Tx
from procession.store.dialect import given_ids, json_value
from procession.store.questions import OPEN
from procession.store.statement import Statement
from procession.store.steps import step_picture

p, step, attempt, event, launcher = (
    schema.processing.c, schema.step, schema.attempt, schema.event, schema.launcher
)  # fmt: skip
_ASKING = and_(p.state == "running", exists().where(attempt.c.processing_id == p.id, OPEN, attempt.c.answer.is_(None)))
"""A step of it asks a person."""


class Recent(NamedTuple):
    """One of the newest processings of a task."""

    id: int
    state: str
    errors: int
    held: bool
    again: bool
    """A step of it took more than one attempt."""
    asking: bool
    """A step of it asks a person."""


def recent(tx: Tx, n: int) -> dict[str, list[Recent]]:
    """Task → its newest processings, newest first, of every task in force."""
    found: dict[str, list[Recent]] = {}
    for task, told in tx.tuples(_RECENT, n=n):
        fields = (each.split(":") for each in (told or "").split())
        each = [
            Recent(int(i), state, int(errors), held == "1", again == "1", asking == "1")
            for i, state, errors, held, again, asking in fields
        ]
        found[task] = sorted(each, key=lambda one: -one.id)
    return found


MOST_ANEW = 200
"""So many that wait anew are passed in search of one that waits since its birth."""
NEAR = 10_000
"""So far behind the last that was let go on, in ids, such a one is looked for."""


def oldest_waiting(tx: Tx) -> dict[str, tuple[int, int]]:
    """Task → the processing that has waited longest for its turn, and since when; of one moment the lower id.

    Those that wait anew have an index of their own. Those that wait since their births do so in the order of an index,
    of each priority; the others stand among them there. So they are looked for in two places only, at the head and
    behind the last that was let go on, among `MOST_ANEW` entries each, there up to `NEAR` ids on: it costs the same
    however many wait. Where the first of a priority stands in neither place, a later one is told, or one that waits
    anew.
    """
    found: dict[str, tuple[int, int]] = {}
    for task, pid, since in tx.tuples(_OLDEST):
        if task not in found or (since, pid) < found[task][::-1]:
            found[task] = (pid, since)
    return found


def steps_of(tx: Tx, ids: Collection[int]) -> dict[int, tuple[Step, ...]]:
    """All steps of these processings, with their attempts."""
    wanted = json.dumps(list(ids))
    attempts = {
        key: tuple(attempt_picture(row) for row in rows)
        for key, rows in itertools.groupby(tx.rows(_ATTEMPTS, ids=wanted), lambda r: (r.processing_id, r.ordinal))
    }
    found: dict[int, list[Step]] = {pid: [] for pid in ids}
    for row in tx.rows(_STEPS, ids=wanted):
        found[row.processing_id].append(step_picture(row, attempts.get((row.processing_id, row.ordinal), ())))
    return {pid: tuple(some) for pid, some in found.items()}


class Head(NamedTuple):
    """A processing as a column of a grid."""

    id: int
    title: str
    state: str
    errors: int
    held_at: int | None
    created_at: int
    started_at: int | None
    finished_at: int | None
    idle: int
    """Microseconds for which it had ended before it was let go on."""
    asking: bool
    """A step of it asks a person."""
    key: str | None
    """Of its event."""


def heads(tx: Tx, ids: Sequence[int]) -> list[Head]:
    """These processings, newest first."""
    return [Head._make(row) for row in tx.tuples(_HEADS, ids=json.dumps(list(ids)))]


def parameters(tx: Tx, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The parameters of the events of these processings."""
    return [json.loads(params) for _, params, _, _ in facts(tx, ids)]


class PlacedInPivot(NamedTuple):
    """A processing in a pivot."""

    state: str
    errors: int
    held_at: int | None
    created_at: int
    asking: bool
    values: dict[str, str | None]
    """Of the parameters that were asked for, as queries compare them; None: it has none."""


def placed(tx: Tx, ids: Sequence[int], names: Sequence[str]) -> list[PlacedInPivot]:
    """These processings with the values of these parameters."""
    given = given_ids(tx.dialect, "ids")
    joined = given.join(schema.processing, p.id == given.c.id)
    if names:
        joined = joined.join(event, event.c.id == p.event_id)
    values = [json_value(tx.dialect, event.c.params, name).label(f"v{n}") for n, name in enumerate(names)]
    asked = select(p.state, p.errors, p.held_at, p.created_at, _ASKING, *values).select_from(joined)
    found = tx.connection.execute(asked, {"ids": json.dumps(list(ids))})
    return [
        PlacedInPivot(row[0], row[1], row[2], row[3], bool(row[4]), dict(zip(names, row[5:], strict=True)))
        for row in found
    ]


class Cell(NamedTuple):
    """A step as a cell of a grid."""

    processing_id: int
    ordinal: int
    name: str
    state: str
    attempt: int
    due_at: int | None
    held_at: int | None
    outcome: str | None
    """Of its last attempt, where it failed."""
    spent: int | None
    """Microseconds for which its attempts ran; None: it has not ended, or nothing ran."""
    asking: bool
    """Of its live attempt: it asks a person, and nobody has answered."""


def cells(tx: Tx, ids: Iterable[int]) -> list[Cell]:
    """The steps of these processings."""
    return [Cell._make(row) for row in tx.tuples(_CELLS, ids=json.dumps(list(ids)))]


class Point(NamedTuple):
    """How long an attempt took."""

    processing_id: int
    ordinal: int
    name: str
    outcome: str
    started_at: int
    finished_at: int
    launcher_id: int | None


def sampled(tx: Tx, task: str, spans: Sequence[tuple[int, int]], each: int) -> list[int]:
    """Ids of processings of a task that ended in these spans, at most so many of each: the last ones."""
    rows = tx.tuples(_SAMPLED, spans=json.dumps([list(span) for span in spans]), task=task, n=each)
    return [int(pid) for (told,) in rows for pid in (told or "").split()]


def points(tx: Tx, ids: Iterable[int]) -> list[Point]:
    """The last attempts of the steps of these processings that have ended, by their ends."""
    return [Point._make(row) for row in tx.tuples(_POINTS, ids=json.dumps(list(ids)))]


def arrivals(tx: Tx, above: int, most: int, width: int) -> list[tuple[int, int]]:
    """Beginning of a span of so many microseconds → how many events came in it, of the newest from an id on, so many
    at most."""
    return [(int(at), int(n)) for at, n in tx.tuples(_ARRIVALS, id=above, n=most, width=width)]


def sources(tx: Tx, most: int) -> list[tuple[str, int, int]]:
    """Source, number of events and when the last one came, of so many of the newest events."""
    return [(source, int(n), int(at)) for source, n, at in tx.tuples(_SOURCES, n=most)]


def facts(tx: Tx, ids: Iterable[int]) -> list[tuple[int, str, str | None, str]]:
    """Of these processings the id, the parameters, what replaces their variables, and the hash of the definition."""
    return [(pid, params, variables, digest) for pid, params, variables, digest in tx.tuples(_FACTS, ids=_list(ids))]


def launchers_of(tx: Tx, ids: Iterable[int]) -> list[tuple[int, int | None]]:
    """Processing and launcher of the last attempt of each of its steps."""
    return [(pid, launcher_id) for pid, launcher_id in tx.tuples(_LAUNCHERS_OF, ids=_list(ids))]


class Last(NamedTuple):
    """The last attempt of a step, as far as grids are coloured by it."""

    processing_id: int
    ordinal: int
    launcher_id: int | None
    worker: str | None
    metrics: str | None
    """JSON."""


def lasts(tx: Tx, ids: Iterable[int]) -> dict[tuple[int, int], Last]:
    """Processing and ordinal → the last attempt of each of their steps that has one."""
    rows = map(Last._make, tx.tuples(_LASTS, ids=_list(ids)))
    return {(row.processing_id, row.ordinal): row for row in rows}


def _list(ids: Iterable[int]) -> str:
    return json.dumps(list(ids))


def hosts(tx: Tx) -> dict[int, str]:
    """Launcher → host."""
    return dict(tx.tuples(_HOSTS))


# ── statements ─────────────────────────────────────────────────────────────────────────────────────


def _recent(dialect: str) -> Executable:
    join = "group_concat(r.told, ' ')" if dialect == "sqlite" else "string_agg(r.told, ' ')"
    return text(
        f"SELECT t.name, (SELECT {join} FROM (SELECT p.id || '\\:' || p.state || '\\:' || p.errors || '\\:' ||"
        " CASE WHEN p.held_at IS NULL THEN '0' ELSE '1' END || '\\:' || CASE WHEN EXISTS (SELECT 1 FROM step s"
        " WHERE s.processing_id = p.id AND s.attempt > 1) THEN '1' ELSE '0' END || '\\:' ||"
        " CASE WHEN p.state = 'running' AND EXISTS (SELECT 1 FROM attempt WHERE attempt.processing_id = p.id AND"
        " attempt.outcome IS NULL AND attempt.asks IS NOT NULL AND attempt.answer IS NULL) THEN '1' ELSE '0' END"
        " AS told FROM processing p"
        " WHERE p.task = t.name ORDER BY p.id DESC LIMIT :n) AS r) FROM task t WHERE t.removed_at IS NULL"
    )


def _oldest(_: str) -> Executable:
    first = f"SELECT priority FROM processing WHERE task = {{}} AND {schema.RUNNABLE}"
    order = "ORDER BY priority DESC LIMIT 1"
    anew = f"SELECT id FROM processing WHERE task = {{}} AND {schema.ANEW} ORDER BY {{}} LIMIT 1"
    # the rows come in the order of the inner query: another sort would read all of them
    since_birth = (
        "(SELECT id FROM (SELECT id, priority, waiting_at, created_at FROM processing WHERE task = h.task"
        f" AND {schema.RUNNABLE} AND priority {{}} ORDER BY priority DESC, id LIMIT {MOST_ANEW}) AS r"
        " WHERE priority = h.priority AND waiting_at <= created_at LIMIT 1)"
    )
    # with "=" PostgreSQL might go by the primary key, through all that have ended
    at_head = since_birth.format("<= h.priority")
    last = f"({anew.format('h.task', 'waiting_at DESC, id DESC')})"
    behind = since_birth.format(f"= h.priority AND id > {last} AND id <= {last} + {NEAR}")
    return text(
        "WITH RECURSIVE heads(task, priority) AS (SELECT t.name, ("
        f"{first.format('t.name')} {order}) FROM task t UNION ALL SELECT h.task, ({first.format('h.task')}"
        f" AND priority < h.priority {order}) FROM heads h WHERE h.priority IS NOT NULL),"
        f" firsts(id) AS (SELECT {at_head} FROM heads h WHERE h.priority IS NOT NULL"
        f" UNION ALL SELECT {behind} FROM heads h WHERE h.priority IS NOT NULL"
        f" UNION ALL SELECT ({anew.format('t.name', 'waiting_at, id')}) FROM task t)"
        " SELECT p.task, p.id, p.waiting_at FROM firsts f JOIN processing p ON p.id = f.id"
    )


def _steps(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    joined = given.join(step, step.c.processing_id == given.c.id)
    return select(step).select_from(joined).order_by(step.c.processing_id, step.c.ordinal)


def _attempts(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    joined = given.join(attempt, attempt.c.processing_id == given.c.id)
    return (
        select(attempt, launcher.c.host)
        .select_from(joined.outerjoin(launcher, launcher.c.id == attempt.c.launcher_id))
        .order_by(attempt.c.processing_id, attempt.c.ordinal, attempt.c.number)
    )


def _heads(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    joined = given.join(schema.processing, p.id == given.c.id).join(event, event.c.id == p.event_id)
    return (
        select(
            p.id,
            event.c.title,
            p.state,
            p.errors,
            p.held_at,
            p.created_at,
            p.started_at,
            p.finished_at,
            p.idle,
            _ASKING,
            event.c.key,
        )
        .select_from(joined)
        .order_by(p.id.desc())
    )


def _same_attempt() -> Any:
    return (
        (attempt.c.processing_id == step.c.processing_id)
        & (attempt.c.ordinal == step.c.ordinal)
        & (attempt.c.number == step.c.attempt)
    )


def _cells(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    last = select(attempt.c.outcome).where(_same_attempt()).correlate(step).scalar_subquery()
    outcome = case((literal_column("step.state = 'failed'"), last))
    ran = func.sum(attempt.c.finished_at - attempt.c.started_at)
    mine = (attempt.c.processing_id == step.c.processing_id) & (attempt.c.ordinal == step.c.ordinal)
    spent = select(cast(ran, BigInteger)).where(mine).correlate(step).scalar_subquery()
    once = step.c.finished_at - step.c.started_at
    return select(
        step.c.processing_id, step.c.ordinal, step.c.name, step.c.state, step.c.attempt, step.c.due_at, step.c.held_at,
        outcome, case((step.c.finished_at.is_not(None), case((step.c.attempt > 1, spent), else_=once))),
        and_(step.c.state == "running", exists().where(_same_attempt(), OPEN, attempt.c.answer.is_(None))),
    ).select_from(given.join(step, step.c.processing_id == given.c.id))  # fmt: skip


def _points(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    joined = given.join(step, step.c.processing_id == given.c.id).join(attempt, _same_attempt())
    return (
        select(
            step.c.processing_id, step.c.ordinal, step.c.name, attempt.c.outcome, attempt.c.started_at,
            attempt.c.finished_at, attempt.c.launcher_id,
        )
        .select_from(joined)
        .where(
            attempt.c.outcome.is_not(None), attempt.c.started_at.is_not(None), attempt.c.finished_at.is_not(None)
        )
        .order_by(attempt.c.finished_at)
    )  # fmt: skip


def _facts(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    joined = given.join(schema.processing, p.id == given.c.id).join(event, event.c.id == p.event_id)
    definition = schema.definition
    return select(p.id, event.c.params, p.variables, definition.c.hash).select_from(
        joined.join(definition, definition.c.id == p.definition_id)
    )


def _launchers_of(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    joined = given.join(step, step.c.processing_id == given.c.id).join(attempt, _same_attempt())
    return select(step.c.processing_id, attempt.c.launcher_id).select_from(joined)


def _lasts(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    joined = given.join(step, step.c.processing_id == given.c.id).join(attempt, _same_attempt())
    return select(
        step.c.processing_id, step.c.ordinal, attempt.c.launcher_id, attempt.c.worker, attempt.c.metrics
    ).select_from(joined)


_FACTS, _LAUNCHERS_OF, _LASTS = Statement(_facts), Statement(_launchers_of), Statement(_lasts)


def _sampled(dialect: str) -> Executable:
    sqlite = dialect == "sqlite"
    low, high = (
        ("json_extract(g.value, '$[0]')", "json_extract(g.value, '$[1]')")
        if sqlite
        else ("(g.value->>0)\\:\\:bigint", "(g.value->>1)\\:\\:bigint")
    )
    source = "json_each(:spans) g" if sqlite else "jsonb_array_elements(CAST(:spans AS jsonb)) AS g(value)"
    join = "group_concat(r.id, ' ')" if sqlite else "string_agg(r.id\\:\\:text, ' ')"
    return text(
        f"SELECT (SELECT {join} FROM (SELECT p.id FROM processing p WHERE p.task = :task AND p.finished_at IS NOT NULL"
        f" AND p.finished_at >= {low} AND p.finished_at < {high} ORDER BY p.finished_at DESC LIMIT :n) AS r)"
        f" FROM {source}"
    )


_RECENT, _OLDEST, _SAMPLED = Statement(_recent), Statement(_oldest), Statement(_sampled)
_STEPS, _ATTEMPTS, _HEADS = Statement(_steps), Statement(_attempts), Statement(_heads)
_CELLS, _POINTS = Statement(_cells), Statement(_points)
_HOSTS = Statement(lambda _: select(launcher.c.id, launcher.c.host))
_n: Any = bindparam("n", type_=BigInteger())


def _arrivals(_: str) -> Executable:
    newest = event.select().where(event.c.id >= bindparam("id", type_=BigInteger())).order_by(event.c.id.desc())
    some = newest.limit(_n).subquery("newest")
    width: Any = bindparam("width", type_=BigInteger())
    span = (some.c.created_at - some.c.created_at % width).label("span")
    return select(span, func.count()).group_by(span).order_by(span)


def _sources(_: str) -> Executable:
    some = select(event.c.source, event.c.created_at).order_by(event.c.id.desc()).limit(_n).subquery("newest")
    return select(some.c.source, func.count(), func.max(some.c.created_at)).group_by(some.c.source)


_ARRIVALS, _SOURCES = Statement(_arrivals), Statement(_sources)
