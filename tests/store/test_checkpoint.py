"""The log of SQLite is carried over beside those who write."""

import sqlite3
from pathlib import Path

import pytest

from procession.store import journal, settings
from procession.store.checkpoint import Checkpointer
from procession.store.database import Store
from procession.store.engines import sqlite_url
from procession.store.upgrade import prepare
from tests.waiting import eventually


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(sqlite_url(tmp_path / "p.db"))
    prepare(made)
    return made


def write(store: Store, rows: int) -> None:
    for n in range(rows):
        with store.begin() as tx:
            settings.put(tx, f"{rows}-{n}", "x" * 3000, "test", 0)


def in_file_alone(path: Path) -> int:
    """Settings that somebody sees who has the file without its log."""
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    with sqlite3.connect(f"file:{copy}?immutable=1", uri=True) as database:
        if not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            return 0
        return int(database.execute("SELECT count(*) FROM setting").fetchone()[0])


@pytest.mark.feature("P19")
def test_what_is_written_is_carried_over_while_the_launcher_serves(store: Store, tmp_path: Path) -> None:
    write(store, 20)
    assert in_file_alone(tmp_path / "p.db") == 0, "it is in the log"
    checkpointer = Checkpointer(store)
    checkpointer.start()
    try:
        eventually(lambda: in_file_alone(tmp_path / "p.db") == 20, what="it is in the database")
        write(store, 30)
        eventually(lambda: in_file_alone(tmp_path / "p.db") == 50, what="so is what came later")
    finally:
        checkpointer.stop()


@pytest.mark.parametrize("safe", [True, False])
def test_a_reader_is_not_disturbed_and_an_unsafe_sqlite_lets_nobody_write_meanwhile(
    store: Store, tmp_path: Path, safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("database", "engines"):
        monkeypatch.setattr(f"procession.store.{place}.sqlite_is_safe", lambda _: safe)
    with store.read() as before:
        seen = journal.end(before)
        write(store, 5)
        assert store.checkpoint() > 0
        assert journal.end(before) == seen
    assert store.checkpoint() > 0
    assert in_file_alone(tmp_path / "p.db") == 5
