"""Pictures of the journal. It is written by `moves`, in the transaction of what it tells."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, bindparam, func, literal_column, select

from procession.model.journal import Entry
from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement

_t = schema.journal


def of(tx: Tx, processing_id: int) -> list[Entry]:
    """The story of one processing, oldest first."""
    return list(map(Entry._make, tx.tuples(_OF, id=processing_id)))


def let_go_on(tx: Tx, processing_id: int) -> int | None:
    """When somebody last let a processing that had ended go on; None: nobody did."""
    ((found,),) = tx.tuples(_LET_GO_ON, id=processing_id)
    return None if found is None else int(found)


def since(tx: Tx, cursor: int, limit: int = 1000) -> list[Entry]:
    """What has happened after the entry with this id, oldest first."""
    return list(map(Entry._make, tx.tuples(_SINCE, id=cursor, n=limit)))


def end(tx: Tx) -> int:
    """The id of the newest entry; 0 if there is none."""
    return int(tx.run(_END).scalar_one())


_COLUMNS = [_t.c[name] for name in Entry._fields]
_id = bindparam("id", type_=BigInteger())
_OF = Statement(lambda _: select(*_COLUMNS).where(_t.c.processing_id == _id).order_by(_t.c.id))
_LET_GO_ON = Statement(
    lambda _: select(func.max(_t.c.at)).where(
        _t.c.processing_id == _id, literal_column("noun = 'processing' AND verb IN ('retry', 'restart', 'resume')")
    )
)
_SINCE = Statement(
    lambda _: select(*_COLUMNS).where(_t.c.id > _id).order_by(_t.c.id).limit(bindparam("n", type_=Integer()))
)
_END = Statement(lambda _: select(func.coalesce(func.max(_t.c.id), 0)))
