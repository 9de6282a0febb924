"""Statements and pictures of steps, attempts and outputs. States are written by `moves` alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Float,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from procession.clock import moment
from procession.errors import StaleState
from procession.model.outcome import Outcome
from procession.model.processing import Attempt, Step
from procession.model.states import State
from procession.store import locks, schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, given_texts, json_text, upsert
from procession.store.processings import here, owner
from procession.store.statement import Statement, param

step, attempt, processing, output = schema.step, schema.attempt, schema.processing, schema.output
event, launcher = schema.event, schema.launcher

_WHICH = {"processing_id": BigInteger(), "ordinal": Integer(), "number": Integer()}
_NEW = {
    **_WHICH,
    "launcher_id": BigInteger(),
    "cpus": Float(),
    "memory": BigInteger(),
    "claimed_at": BigInteger(),
    "code": Text(),
    "surroundings": Text(),
    "pooled": Integer(),
    "gpus": Text(),
    "asks": Text(),
    "asks_until": BigInteger(),
}
_END = {
    **_WHICH,
    **{
        name: attempt.c[name].type
        for name in (
            "outcome", "reason", "started_at", "finished_at", "exit_code", "signal", "errno",
            "max_rss", "cpu_seconds", "log_bytes", "metrics", "errors", "peak_tree", "cause",
        )
    },
}  # fmt: skip
_ACCEPTED = {
    **_WHICH,
    **{n: attempt.c[n].type for n in ("outcome", "note", "made_by", "claimed_at", "finished_at", "cpus")},
}
_OUTPUT = {"processing_id": BigInteger(), "ordinal": Integer(), "name": Text(), "value": Text()}


# ── claiming ───────────────────────────────────────────────────────────────────────────────────────


def wake_due(tx: Tx, now: int) -> None:
    """Steps whose time has come join those that may start at once."""
    tx.tuples(_WAKE_DUE, now=now)


def next_due(tx: Tx) -> int | None:
    """When the next waiting step comes due; None if none waits for a time."""
    ((due,),) = tx.tuples(_NEXT_DUE)
    return due  # type: ignore[no-any-return]


class Ready(NamedTuple):
    """A step of a running processing that may start."""

    processing_id: int
    ordinal: int
    attempt: int
    cpus: float
    priority: int
    task: str
    definition_id: int
    memory: int
    wants: str | None
    ready_at: int | None
    gpus: int = 0


def ready(
    tx: Tx, launcher_id: int | None, free: float, limit: int, passing: Sequence[str] = (), place: str | None = None,
    *, common: bool = True, only: Collection[str] | None = None, queues: Collection[str] | None = None,
    stopped: Collection[str] = (),
) -> list[Ready]:  # fmt: skip
    """Steps of running processings that take at most so many processors and may start, in claiming order, but for
    those that want exactly one of `passing`, those whose directory is elsewhere than at this place (None: at any), and
    without `common` those that want nothing, not even a queue of a name; `only`: of these tasks, of none that is
    `stopped`; `queues`: in these, beside those that want nothing."""
    rows = tx.tuples(
        _ready_steps(launcher_id is not None, bool(passing), only is not None, queues is not None, bool(stopped)),
        launcher_id=launcher_id, free=free, n=limit, passing=json.dumps(list(passing)), place=place,
        common=int(common), only=json.dumps(sorted(only or ())), queues=json.dumps(sorted(queues or ())),
        stopped=json.dumps(sorted(stopped)),
    )  # fmt: skip
    return [Ready(*row) for row in rows]


class Taken(NamedTuple):
    """What the live attempts of a place take."""

    cpus: float
    attempts: int
    odd: int
    """How many do not take exactly one processor."""
    memory: int
    calls: int
    """How many are calls in the launcher's pool."""
    call_cpus: float
    """What these take, of `cpus`."""


def live(tx: Tx, place: str) -> Taken:
    """What the live attempts of a place take."""
    ((total, count, odd, memory, calls, call_cpus),) = tx.tuples(_LIVE, place=place)
    return Taken(float(total), count, odd, int(memory), int(calls), float(call_cpus))


def held(tx: Tx) -> frozenset[int]:
    """Ids of the processings of which a step is held."""
    return frozenset(pid for (pid,) in tx.tuples(_HELD))


def taking(tx: Tx) -> list[tuple[int, int, str]]:
    """Running steps that want something: id of the processing, ordinal, and what they want, as text."""
    return [(pid, ordinal, wants) for pid, ordinal, wants in tx.tuples(_TAKING)]


def wanting(tx: Tx) -> list[tuple[int, int, str]]:
    """Steps of running processings that want something and may start: the same."""
    return [(pid, ordinal, wants) for pid, ordinal, wants in tx.tuples(_WANTING)]


def devices(tx: Tx, host: str) -> set[int]:
    """Numbers of the GPUs of a host that live attempts have."""
    return {number for (text,) in tx.tuples(_DEVICES, host=host) for number in json.loads(text)}


class StepStanding(NamedTuple):
    """How a step stands."""

    processing_id: int
    ordinal: int
    name: str
    state: str
    attempt: int
    renewed: int
    wants: str | None
    held_at: int | None
    reason: str | None


def states(tx: Tx, processing_ids: Iterable[int]) -> dict[int, dict[int, StepStanding]]:
    """Processing id → ordinal → how the step stands, for all steps of these processings."""
    found: dict[int, dict[int, StepStanding]] = {}
    ids = [{"id": i} for i in set(processing_ids)]
    for row in tx.each_tuple(_STATES, ids) if ids else ():
        found.setdefault(row[0], {})[row[1]] = StepStanding(*row)
    return found


def add_attempts(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write the attempts that a claim begins; from here they count."""
    tx.write(_ADD, [{"gpus": None, "asks": None, "asks_until": None, **row} for row in rows])


class Order(NamedTuple):
    """What the scripts of a processing are told of its event."""

    processing_id: int
    event_id: int
    name: str
    key: str | None
    title: str
    params: str
    created_at: int
    code_of: int | None
    version: int
    variables: str | None = None
    """What replaces the defaults of its variables: `Chosen`, as JSON."""


def code_of(tx: Tx, processing_id: int, ordinal: int) -> dict[str, str]:
    """Script path → hash of its text, as the latest attempt of this step had it; of a version that ran an older one's
    scripts and did not come to this step, as the older one had it."""
    asked: int | None = processing_id
    while asked is not None:
        if (row := tx.row(_CODE_OF, processing_id=asked, ordinal=ordinal)) is not None:
            return json.loads(row.code)  # type: ignore[no-any-return]
        older = tx.row(_CODE_FROM, processing_id=asked)
        asked = None if older is None else older[0]
    return {}


def last_good(tx: Tx, task: str, name: str, before: int, number: int) -> tuple[int, int, int] | None:
    """The newest attempt of a step that a script did well, not later than processing `before` and not its attempt
    `number`: processing id, ordinal, number."""
    row = tx.row(_LAST_GOOD, task=task, name=name, before=before, number=number)
    return None if row is None else (row.processing_id, row.ordinal, row.number)


def succeeded(tx: Tx, task: str, name: str, limit: int) -> list[int]:
    """The newest processings in which this step has succeeded, of the newest 1,000 of the task, the newest first."""
    return [pid for (pid,) in tx.tuples(_SUCCEEDED, task=task, name=name, n=limit)]


def orders(tx: Tx, processing_ids: Iterable[int]) -> dict[int, Order]:
    """Processing id → what its scripts are told."""
    return {row[0]: Order(*row) for row in tx.each_tuple(_ORDERS, [{"id": i} for i in set(processing_ids)])}


def outputs(tx: Tx, processing_ids: Iterable[int]) -> dict[int, dict[str, dict[str, Any]]]:
    """Processing id → step name → output name → value."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for row in tx.each(_OUTPUTS, [{"id": i} for i in set(processing_ids)]):
        found.setdefault(row.processing_id, {}).setdefault(row.step, {})[row.name] = json.loads(row.value)
    return found


# ── ending ─────────────────────────────────────────────────────────────────────────────────────────


def end_attempts(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Give live attempts their outcome; StaleState if one of them has one already. Their locks fall, and they wait
    for none any more."""
    if tx.write(_END_ATTEMPTS, rows) != len(rows):
        raise StaleState("an attempt has ended before")
    locks.fall_of_attempts(tx, [(row["processing_id"], row["ordinal"], row["number"]) for row in rows])


def confirm(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Remember when live attempts were started (rows: processing_id, ordinal, number, started_at)."""
    tx.write(_CONFIRM, rows)


def set_progress(tx: Tx, rows: Sequence[tuple[tuple[int, int, int], str]]) -> None:
    """Keep what live attempts told last of their progress (JSON): which, and the text."""
    tx.write(_SET_PROGRESS, [{**_named(which), "progress": text} for which, text in rows])


def set_paused(tx: Tx, rows: Sequence[tuple[tuple[int, int, int], int | None]]) -> None:
    """Keep since when live attempts wait by their own word: which, and the moment."""
    tx.write(_SET_PAUSED, [{**_named(which), "paused_at": at} for which, at in rows])


def _named(which: tuple[int, int, int]) -> dict[str, Any]:
    return dict(zip(_WHICH, which, strict=True))


def outcomes_since(tx: Tx, processing_id: int, ordinal: int, renewed: int) -> list[Outcome]:
    """Outcomes of a step's ended attempts since its budget was renewed, oldest first."""
    rows = tx.rows(_OUTCOMES, processing_id=processing_id, ordinal=ordinal, renewed=renewed)
    return [Outcome(row.outcome) for row in rows]


def set_outputs(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write outputs of a step; the newest value of a name wins."""
    tx.write(_SET_OUTPUTS, rows)


def accept(tx: Tx, row: Mapping[str, Any]) -> None:
    """Write the attempt of a person who did a step by hand."""
    tx.write(_ACCEPT, [row])


# ── looking after ──────────────────────────────────────────────────────────────────────────────────


def live_attempts(tx: Tx, launcher_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Live attempts of these launchers: processing_id, ordinal, number, claimed_at, started_at, boot, launcher_id,
    pooled."""
    return tx.each(_LIVE_ATTEMPTS, [{"id": i} for i in launcher_ids]).fetchall() if launcher_ids else ()


def how_many_live(tx: Tx) -> int:
    """How many attempts have no outcome yet."""
    ((n,),) = tx.tuples(_HOW_MANY_LIVE)
    return int(n)


def definition_of_live(tx: Tx, processing_id: int, ordinal: int, number: int) -> int | None:
    """The definition that a live attempt runs by; None if the attempt has an outcome, or there is none."""
    row = tx.row(_DEFINITION_OF_LIVE, processing_id=processing_id, ordinal=ordinal, number=number)
    return None if row is None else row[0]


def waiting_for_children(tx: Tx) -> list[tuple[int, int, int]]:
    """Live attempts that nobody claimed, because they wait for children: processing id, ordinal, number."""
    return [(pid, ordinal, number) for pid, ordinal, number in tx.tuples(_FOR_CHILDREN)]


def adopt(tx: Tx, rows: Sequence[dict[str, Any]], launcher_id: int) -> None:
    """Make live attempts those of another launcher."""
    tx.write(_ADOPT, [{**row, "launcher_id": launcher_id} for row in rows])


def of(tx: Tx, processing_id: int) -> tuple[Step, ...]:
    """All steps of a processing with their attempts."""
    attempts: dict[int, list[Attempt]] = {}
    for row in tx.rows(_ATTEMPTS_OF, id=processing_id):
        attempts.setdefault(row.ordinal, []).append(attempt_picture(row))
    return tuple(
        step_picture(row, tuple(attempts.get(row.ordinal, ()))) for row in tx.rows(_STEPS_OF, id=processing_id)
    )


def _at(value: int | None) -> Any:
    return None if value is None else moment(value)


def step_picture(row: Row[Any], attempts: tuple[Attempt, ...]) -> Step:
    """A row as a Step."""
    return Step(
        row.ordinal, row.name, State(row.state), row.attempt, _at(row.due_at), row.reason, _at(row.started_at),
        _at(row.finished_at), attempts, _at(row.held_at), row.wants,
    )  # fmt: skip


def attempt_picture(row: Row[Any]) -> Attempt:
    """A row, with the host of its launcher, as an Attempt."""
    return Attempt(
        row.number, None if row.outcome is None else Outcome(row.outcome), row.reason, row.note, row.made_by,
        _at(row.claimed_at), _at(row.started_at), _at(row.finished_at), row.exit_code, row.signal, row.errno,
        row.max_rss, row.cpu_seconds, row.log_bytes, row.host,
        json.loads(row.code) if row.code else {}, json.loads(row.metrics) if row.metrics else {},
        row.launcher_id, row.memory, row.errors, row.peak_tree,
        json.loads(row.surroundings) if row.surroundings else None, bool(row.pooled),
        row.worker, _at(row.expires_at), _at(row.paused_at), json.loads(row.progress) if row.progress else None,
        row.cause, row.asks, _at(row.asks_until), json.loads(row.answer) if row.answer else None,
    )  # fmt: skip


# ── statements ─────────────────────────────────────────────────────────────────────────────────────


def _same(given: Any, table: Any, *names: str) -> Any:
    return and_(*(table.c[name] == given.c[name] for name in names))


def _insert(table: Any, types: Mapping[str, Any]) -> Statement:
    return Statement(lambda dialect: Given(dialect, types).into(dialect, table))


def _live(given: Given) -> Any:
    """This very attempt, as long as it has no outcome."""
    return and_(*(attempt.c[name] == given[name] for name in _WHICH), attempt.c.outcome.is_(None))


def _end_attempts(dialect: str) -> Executable:
    given = Given(dialect, _END)
    values: dict[str, Any] = {name: given[name] for name in _END if name not in _WHICH}
    values["started_at"] = func.coalesce(given["started_at"], attempt.c.started_at)
    return update(attempt).values(values).where(_live(given))


def _confirm(dialect: str) -> Executable:
    given = Given(dialect, {**_WHICH, "started_at": BigInteger()})
    return update(attempt).values(started_at=given["started_at"]).where(_live(given))


def _adopt(dialect: str) -> Executable:
    given = Given(dialect, {**_WHICH, "launcher_id": BigInteger()})
    return update(attempt).values(launcher_id=given["launcher_id"]).where(_live(given))


def _set_live(name: str) -> Statement:
    """Set one column of live attempts."""

    def build(dialect: str) -> Executable:
        given = Given(dialect, {**_WHICH, name: attempt.c[name].type})
        return update(attempt).values({name: given[name]}).where(_live(given))

    return Statement(build)


def _states(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    columns = (
        step.c.processing_id,
        step.c.ordinal,
        step.c.name,
        step.c.state,
        step.c.attempt,
        step.c.renewed,
        step.c.wants,
        step.c.held_at,
        step.c.reason,
    )
    return select(*columns).select_from(given.join(step, step.c.processing_id == given.c.id)).order_by(step.c.ordinal)


def _orders(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    columns = (
        processing.c.id,
        processing.c.event_id,
        event.c.name,
        event.c.key,
        event.c.title,
        event.c.params,
        processing.c.created_at,
        processing.c.code_of,
        processing.c.version,
        processing.c.variables,
    )
    joined = given.join(processing, processing.c.id == given.c.id).join(event, event.c.id == processing.c.event_id)
    return select(*columns).select_from(joined)


def _outputs(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    joined = given.join(output, output.c.processing_id == given.c.id).join(
        step, _same(output, step, "processing_id", "ordinal")
    )
    return select(output.c.processing_id, step.c.name.label("step"), output.c.name, output.c.value).select_from(joined)


def _set_outputs(dialect: str) -> Executable:
    given = Given(dialect, _OUTPUT)
    rows = given.select().where(given["name"].is_not(None))  # SQLite needs a WHERE before ON CONFLICT
    put = upsert(dialect)(output).from_select(list(_OUTPUT), rows)
    return put.on_conflict_do_update(
        index_elements=["processing_id", "ordinal", "name"], set_={"value": put.excluded.value}
    )


def _live_attempts(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    columns = (
        attempt.c.processing_id, attempt.c.ordinal, attempt.c.number, attempt.c.claimed_at, attempt.c.started_at,
        attempt.c.launcher_id, launcher.c.boot, attempt.c.pooled,
    )  # fmt: skip
    joined = given.join(attempt, and_(attempt.c.launcher_id == given.c.id, attempt.c.outcome.is_(None)))
    return select(*columns).select_from(joined.join(launcher, launcher.c.id == attempt.c.launcher_id))


_ready: Any = literal_column("step.state = 'ready'")
_WAKE_DUE = Statement(lambda _: update(step).values(due_at=None).where(_ready, step.c.due_at <= param("now")))
_NEXT_DUE = Statement(lambda _: select(func.min(step.c.due_at)).where(_ready, step.c.due_at.is_not(None)))


@cache
def _ready_steps(
    owned: bool, passing: bool, only: bool = False, queues: bool = False, stopped: bool = False
) -> Statement:
    def build(dialect: str) -> Executable:
        query = (
            select(
                step.c.processing_id, step.c.ordinal, step.c.attempt, step.c.cpus, step.c.priority,
                processing.c.task, processing.c.definition_id, step.c.memory, step.c.wants, step.c.ready_at,
                step.c.gpus,
            )
            .join_from(step, processing, processing.c.id == step.c.processing_id)
            .where(
                _ready, step.c.due_at.is_(None), step.c.held_at.is_(None), processing.c.held_at.is_(None),
                owner(owned), step.c.cpus <= param("free", Float), *here(dialect),
                or_(param("common", Integer) == literal_column("1"), step.c.wants.is_not(None)),
            )
            .order_by(step.c.priority.desc(), step.c.processing_id, step.c.ordinal)
            .limit(param("n", Integer))
        )  # fmt: skip
        if only:
            query = query.where(processing.c.task.in_(given_texts(dialect, "only")))
        if stopped:
            query = query.where(processing.c.task.not_in(given_texts(dialect, "stopped")))
        if queues:
            queue = func.coalesce(json_text(dialect, step.c.wants, "queue"), literal_column("''"))
            query = query.where(or_(step.c.wants.is_(None), queue.in_(given_texts(dialect, "queues"))))
        return (
            query.where(or_(step.c.wants.is_(None), step.c.wants.not_in(given_texts(dialect, "passing"))))
            if passing
            else query
        )

    return Statement(build)


_HELD = Statement(lambda _: select(step.c.processing_id).where(step.c.held_at.is_not(None)))
_TAKING = Statement(
    lambda _: select(step.c.processing_id, step.c.ordinal, step.c.wants).where(
        literal_column("step.state = 'running'"), step.c.wants.is_not(None)
    )
)

_WANTING = Statement(
    lambda _: (
        select(step.c.processing_id, step.c.ordinal, step.c.wants)
        .where(_ready, step.c.due_at.is_(None), step.c.held_at.is_(None), step.c.wants.is_not(None))
        .limit(literal_column("1000"))
    )
)
_DEVICES = Statement(
    lambda _: (
        select(attempt.c.gpus)
        .join_from(launcher, attempt, attempt.c.launcher_id == launcher.c.id)
        .where(attempt.c.outcome.is_(None), launcher.c.host == param("host", Text), attempt.c.gpus.is_not(None))
    )
)
_LIVE = Statement(
    lambda _: (
        select(
            func.coalesce(func.sum(attempt.c.cpus), 0.0),
            func.count(),
            func.coalesce(func.sum(case((attempt.c.cpus != 1, 1), else_=0)), 0),
            func.coalesce(func.sum(attempt.c.memory), 0),
            func.coalesce(func.sum(attempt.c.pooled), 0),
            func.coalesce(func.sum(case((attempt.c.pooled == 1, attempt.c.cpus), else_=0.0)), 0.0),
        )
        .join_from(launcher, attempt, attempt.c.launcher_id == launcher.c.id)
        .where(
            attempt.c.outcome.is_(None),
            launcher.c.place == param("place", Text),
            launcher.c.kind == literal_column("'up'"),
        )
    )
)
_FOR_CHILDREN = Statement(
    lambda _: (
        select(attempt.c.processing_id, attempt.c.ordinal, attempt.c.number)
        .where(
            attempt.c.outcome.is_(None),
            attempt.c.launcher_id.is_(None),
            attempt.c.worker.is_(None),
            attempt.c.asks.is_(None),
        )
        .order_by(attempt.c.processing_id, attempt.c.ordinal)
    )
)
_CODE_FROM = Statement(lambda _: select(processing.c.code_of).where(processing.c.id == param("processing_id")))
_CODE_OF = Statement(
    lambda _: (
        select(attempt.c.code)
        .where(
            attempt.c.processing_id == param("processing_id"),
            attempt.c.ordinal == param("ordinal", Integer),
            attempt.c.code.is_not(None),
        )
        .order_by(attempt.c.number.desc())
        .limit(literal_column("1"))
    )
)
_SUCCEEDED = Statement(
    lambda _: text(
        "SELECT s.processing_id FROM (SELECT id FROM processing WHERE task = :task ORDER BY id DESC LIMIT 1000) newest"
        " JOIN step s ON s.processing_id = newest.id WHERE s.name = :name AND s.state = 'succeeded'"
        " ORDER BY s.processing_id DESC LIMIT :n"
    )
)
_LAST_GOOD = Statement(
    lambda _: (
        select(attempt.c.processing_id, attempt.c.ordinal, attempt.c.number)
        .join_from(processing, step, step.c.processing_id == processing.c.id)
        .join(attempt, _same(step, attempt, "processing_id", "ordinal"))
        .where(
            processing.c.task == param("task", Text),
            processing.c.id <= param("before"),
            step.c.name == param("name", Text),
            literal_column("attempt.outcome = 'succeeded'"),
            attempt.c.made_by.is_(None),
            or_(processing.c.id != param("before"), attempt.c.number != param("number", Integer)),
        )
        .order_by(processing.c.id.desc(), attempt.c.number.desc())
        .limit(literal_column("1"))
    )
)
_STATES, _ORDERS, _OUTPUTS = Statement(_states), Statement(_orders), Statement(_outputs)
_ADD, _ACCEPT = _insert(attempt, _NEW), _insert(attempt, _ACCEPTED)
_END_ATTEMPTS, _CONFIRM, _ADOPT = Statement(_end_attempts), Statement(_confirm), Statement(_adopt)
_SET_PROGRESS, _SET_PAUSED = _set_live("progress"), _set_live("paused_at")
_SET_OUTPUTS, _LIVE_ATTEMPTS = Statement(_set_outputs), Statement(_live_attempts)
_OUTCOMES = Statement(
    lambda _: (
        select(attempt.c.outcome)
        .where(
            attempt.c.processing_id == param("processing_id"),
            attempt.c.ordinal == param("ordinal", Integer),
            attempt.c.number > param("renewed", Integer),
            attempt.c.outcome.is_not(None),
        )
        .order_by(attempt.c.number)
    )
)
_STEPS_OF = Statement(lambda _: select(step).where(step.c.processing_id == param("id")).order_by(step.c.ordinal))
_ATTEMPTS_OF = Statement(
    lambda _: (
        select(attempt, launcher.c.host)
        .select_from(attempt.outerjoin(launcher, launcher.c.id == attempt.c.launcher_id))
        .where(attempt.c.processing_id == param("id"))
        .order_by(attempt.c.ordinal, attempt.c.number)
    )
)
_DEFINITION_OF_LIVE = Statement(
    lambda _: (
        select(processing.c.definition_id)
        .join_from(attempt, processing, processing.c.id == attempt.c.processing_id)
        .where(
            attempt.c.processing_id == bindparam("processing_id", type_=BigInteger()),
            attempt.c.ordinal == bindparam("ordinal", type_=Integer()),
            attempt.c.number == bindparam("number", type_=Integer()),
            literal_column("attempt.outcome IS NULL"),
        )
    )
)
_HOW_MANY_LIVE = Statement(
    lambda _: select(func.count()).select_from(attempt).where(literal_column("attempt.outcome IS NULL"))
)
