"""Who brought the events of some processings: one query for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import given_ids
from procession.store.statement import Statement


def of(tx: Tx, ids: Iterable[int]) -> dict[int, str]:
    """Processing → the source of its event: ``cli:eva``, ``http:shift``, ``watch:scenes``."""
    return dict(tx.tuples(_OF, ids=json.dumps(list(ids))))


def _of(dialect: str) -> Executable:
    given = given_ids(dialect, "ids")
    p, event = schema.processing, schema.event
    joined = given.join(p, p.c.id == given.c.id).join(event, event.c.id == p.c.event_id)
    return select(p.c.id, event.c.source).select_from(joined)


_OF = Statement(_of)
