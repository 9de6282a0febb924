"""Loads: what all that runs now takes, of limits, of processors and memory, and of GPUs."""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy import Text, case, func, literal_column, select

from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement, param

processing, step, attempt, launcher = schema.processing, schema.step, schema.attempt, schema.launcher


def of_processings(tx: Tx) -> list[tuple[int, str]]:
    """Processings that run and want something: id and what they want, as text."""
    return [(pid, wants) for pid, wants in tx.tuples(_OF_PROCESSINGS)]


_OF_PROCESSINGS = Statement(
    lambda _: select(processing.c.id, processing.c.wants).where(
        literal_column("processing.state = 'running'"), processing.c.wants.is_not(None)
    )
)


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


def of_steps(tx: Tx) -> list[tuple[int, int, str]]:
    """Running steps that want something: id of the processing, ordinal, and what they want, as text."""
    return [(pid, ordinal, wants) for pid, ordinal, wants in tx.tuples(_OF_STEPS)]


def devices(tx: Tx, host: str) -> set[int]:
    """Numbers of the GPUs of a host that live attempts have."""
    return {number for (text,) in tx.tuples(_DEVICES, host=host) for number in json.loads(text)}


_OF_STEPS = Statement(
    lambda _: select(step.c.processing_id, step.c.ordinal, step.c.wants).where(
        literal_column("step.state = 'running'"), step.c.wants.is_not(None)
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
