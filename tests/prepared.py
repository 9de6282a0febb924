"""An SQLite database with all tables and no rows, made once for each test process and copied: making one takes long."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from procession.store import upgrade
from procession.store.database import Store
from procession.store.engines import sqlite_url

DIRECTORY = tempfile.TemporaryDirectory(prefix="procession-prepared-")


@cache
def _template() -> Path:
    path = Path(DIRECTORY.name) / "procession.db"
    store = Store(sqlite_url(path))
    upgrade.prepare(store)
    store.close()
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name], "all of it is in one file"
    return path


def copy_to(path: Path) -> None:
    """Put such a database there, for its owner alone."""
    shutil.copyfile(_template(), path)
    path.chmod(0o600)
