"""The one row that says which installation this database belongs to, and what its file said when last read."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import BigInteger, Text, bindparam, insert, select, update

from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""No letters that are mistaken for each other: keys are read aloud."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Who this database is."""

    key: str
    """Short and random: the first part of every attempt key."""
    incarnation: str
    """Changes when a backup is restored."""
    fingerprint: str | None
    settings: str | None


def find(tx: Tx) -> Installation | None:
    """The row, or None in a database that is still empty."""
    row = tx.row(_FIND)
    return None if row is None else Installation(row.key, row.incarnation, row.fingerprint, row.settings)


def create(tx: Tx, at: int) -> None:
    """Give a new database its identity."""
    key = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    tx.run(_CREATE, key=key, incarnation=secrets.token_hex(8), at=at)


def keep_settings(tx: Tx, fingerprint: str, settings: str) -> None:
    """Remember what the definition files said, and that they were read as they are now."""
    tx.run(_KEEP, fingerprint=fingerprint, settings=settings)


def _text(name: str) -> object:
    return bindparam(name, type_=Text())


_t = schema.installation
_FIND = Statement(lambda _: select(_t))
_CREATE = Statement(
    lambda _: insert(_t).values(
        id=1, key=_text("key"), incarnation=_text("incarnation"), created_at=bindparam("at", type_=BigInteger())
    )
)
_KEEP = Statement(lambda _: update(_t).values(fingerprint=_text("fingerprint"), settings=_text("settings")))
