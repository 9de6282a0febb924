"""One way to both databases: transactions, ids, text as it is, and what is said when it cannot be used."""

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Float, Integer, Text, select

from procession.errors import StoreBusy, StoreError
from procession.store import engines, scripts, tallies
from procession.store.database import Store, Tx
from procession.store.dialect import given_rows
from procession.store.engines import masked, sqlite_is_safe, sqlite_module, sqlite_url
from procession.store.placed import placed
from procession.store.statement import Statement
from procession.store.tallies import Count
from tests.store.making import born, dump, event, launcher_on

HARD = [
    "plain",
    'it\'s "quoted" `so`',
    "\u00e9moji \U0001f6f0\ufe0f \U0001f468\u200d\U0001f469 \u202e rtl e\u0301",
    "line\nline\r\n\ttab",
    "100% %s %(x)s %%",
    ":name :rows ::text :1 ?",
    "back\\slash \\n \\u0041 \\",
    "$1 ${x} {0} {{7*7}}",
    "'); DROP TABLE event; --",
    "\x01\x1f\x7f\u2028\ufeff",
    "",
    " ",
    "null",
    "x" * 100_000,
]
NUMBERS = [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]


def _read_back(dialect: str) -> object:
    given = given_rows(dialect, {"id": BigInteger(), "t": Text(), "n": BigInteger(), "f": Float(), "o": Integer()})
    return select(given.c.id, given.c.t, given.c.n, given.c.f, given.c.o).order_by(given.c.id)


READ_BACK = Statement(_read_back)  # type: ignore[arg-type]


def test_given_rows_come_back_as_they_were(store: Store) -> None:
    """Any text and any 64-bit number, as one parameter."""
    rows = [
        {"id": n, "t": value, "n": NUMBERS[n % len(NUMBERS)], "f": 0.1 * n, "o": None} for n, value in enumerate(HARD)
    ]
    with store.read() as tx:
        assert [row._asdict() for row in tx.each(READ_BACK, rows)] == rows
        assert tx.each(READ_BACK, []).fetchall() == []
        missing = tx.each(READ_BACK, [{"id": 1}]).one()
        assert missing._asdict() == {"id": 1, "t": None, "n": None, "f": None, "o": None}


@pytest.mark.parametrize("value", HARD, ids=range(len(HARD)))
def test_text_is_stored_and_found_as_it_is(store: Store, value: str) -> None:
    """Nothing in a text is ever read as anything else, wherever it stands."""
    from procession.store import events, journal, moves, tasks  # noqa: PLC0415

    key = value or "-"
    row = {"id": 0, "name": "e", "key": key, "title": value, "params": f"[{len(value)}]", "source": value,
           "created_at": 1, "last_seen_at": 1, "origin_id": None, "depth": 0, "taken": 0, "alone": None}  # fmt: skip
    with store.begin() as tx:
        (row["id"],) = tx.reserve_ids("event", 1)
        events.add(tx, [row])
        assert events.take_keys(tx, [{"name": "e", "key": key, "event_id": row["id"], "payload": value}]) == {}
        (pid,) = born(tx)
        moves.note(tx, "processing", "x", [moves.Moving(pid, 1, reason=value)], value)
        scripts.set_outputs(tx, [{"processing_id": pid, "ordinal": 1, "name": value, "value": '"v"'}])
        tasks.set_nominal(tx, value, 1)
    with store.read() as tx:
        found = events.find(tx, row["id"])
        assert found is not None
        assert (found.key, found.title, found.source) == (key, value, value)
        assert events.known_keys(tx, [{"name": "e", "key": key}]) == {("e", key): (row["id"], value)}
        line = journal.of(tx, pid)[-1]
        assert (line.by, line.reason) == (value, value)
        assert scripts.outputs(tx, [pid]) == {pid: {"s1": {value: "v"}}}


def test_keys_differ_as_bytes_do(store: Store) -> None:
    """B41: by case, by normalisation, by a space at the end."""
    from procession.store import events  # noqa: PLC0415

    keys = ["key", "KEY", "key ", " key", "k\u00e9y", "ke\u0301y", "k", "ключ"]
    with store.begin() as tx:
        rows = [{"name": "e", "key": key, "event_id": n, "payload": ""} for n, key in enumerate(sorted(keys))]
        assert events.take_keys(tx, rows) == {}
        assert {k: n for (_, k), (n, _) in events.known_keys(tx, rows).items()} == {
            r["key"]: r["event_id"] for r in rows
        }


# ── transactions ───────────────────────────────────────────────────────────────────────────────────


def test_a_block_that_fails_leaves_nothing_and_what_was_to_follow_does_not(store: Store) -> None:
    followed: list[str] = []
    before = dump(store)
    with pytest.raises(KeyError), store.begin() as tx:
        born(tx, 3)
        tx.after(lambda: followed.append("never"))
        raise KeyError
    assert dump(store) == before
    with store.begin() as tx:
        tx.after(lambda: followed.append("first"))
        tx.after(lambda: followed.append("second"))
        assert followed == []
    assert followed == ["first", "second"]


def test_what_follows_a_commit_sees_what_was_committed(store: Store) -> None:
    seen: list[int] = []

    def look() -> None:
        with store.read() as tx:
            seen.append(len(database_rows(tx)))

    with store.begin() as tx:
        born(tx, 3)
        tx.after(look)
    assert seen == [3]


def database_rows(tx: Tx) -> list[object]:
    return list(tx.connection.exec_driver_sql("SELECT id FROM processing").fetchall())


def test_a_reader_sees_one_picture_and_waits_for_nobody(database_url: str) -> None:
    """A writer at work hides what it has not committed, on SQLite also for the rest of the reading."""
    writer, reader = Store(database_url), Store(database_url)
    with writer.begin() as tx:
        born(tx, 2)
        with reader.read() as other:
            assert database_rows(other) == []
    with reader.read() as other:
        assert len(database_rows(other)) == 2
        if database_url.startswith("sqlite"):
            with writer.begin() as tx:
                born(tx, 5)
            assert len(database_rows(other)) == 2
    writer.close()
    reader.close()


@pytest.mark.parametrize("table", ["event", "processing", "launcher"])
def test_ids_are_never_given_twice(store: Store, table: str) -> None:
    """I8: not even after rows were deleted."""
    with store.begin() as tx:
        first = list(tx.reserve_ids(table, 5))
        assert list(tx.reserve_ids(table, 0)) == []
    with store.begin() as tx:
        second = list(tx.reserve_ids(table, 5000))
    assert len(set(first + second)) == 5005
    assert min(second) > max(first)
    with store.begin() as tx:
        new = launcher_on(tx)
        tx.connection.exec_driver_sql("DELETE FROM launcher")
        assert launcher_on(tx) > new


# ── what cannot be ─────────────────────────────────────────────────────────────────────────────────


def test_two_writers_of_one_file_come_one_after_the_other_or_are_told(tmp_path: Path) -> None:
    """BEGIN IMMEDIATE: the second never fails half-way, it fails at the begin; nothing was changed."""
    url = sqlite_url(tmp_path / "x.db")
    one, two = Store(url), Store(url)
    with one.begin() as tx:
        tx.connection.exec_driver_sql("CREATE TABLE t (a)")
    with two.engine.connect() as connection:  # the pool gives the same connection again
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    entered = False
    with one.begin() as tx:
        tx.connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        with pytest.raises(StoreBusy, match="held by another") as busy, two.begin():
            entered = True
        with two.read() as other:
            assert other.connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 0
    assert not entered
    assert "nothing was changed, try again" in str(busy.value)
    with two.begin() as tx:
        tx.connection.exec_driver_sql("INSERT INTO t VALUES (2)")
    with one.read() as tx:
        assert tx.connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 2
    one.close()
    two.close()


def test_a_row_that_the_database_refuses_is_a_store_error_and_changes_nothing(store: Store) -> None:
    """Also where a set is written past the ordinary way."""
    from procession.store import events  # noqa: PLC0415

    before = dump(store)
    row = {"id": 1, "name": "e", "key": None, "title": "", "params": "{}", "source": "", "created_at": 1,
           "last_seen_at": 1, "origin_id": None, "depth": 0, "taken": 0, "alone": None}  # fmt: skip
    with pytest.raises(StoreError) as refused, store.begin() as tx:
        events.add(tx, [row, row])
    assert "\n" not in str(refused.value)
    with pytest.raises(StoreError), store.begin() as tx:
        events.add(tx, [{**row, "title": None}])
    assert dump(store) == before


def test_a_full_disk_is_a_store_error_and_changes_nothing(tmp_path: Path) -> None:
    """F25."""
    from procession.store import upgrade  # noqa: PLC0415

    store = Store(sqlite_url(tmp_path / "x.db"))
    upgrade.prepare(store)
    before = dump(store)
    with pytest.raises(StoreError, match="full") as full, store.begin() as tx:
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 3}")
        born(tx, 5000)
    assert not isinstance(full.value, StoreBusy)
    assert dump(store) == before
    store.close()


def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    """B50."""
    url = "postgresql://me:s3cr3t@127.0.0.1:1/nothing"
    assert masked(url) == "postgresql://me:***@127.0.0.1:1/nothing"
    store = Store(url)
    with pytest.raises(StoreError, match="cannot be used") as refused, store.read():
        pass
    assert "s3cr3t" not in str(refused.value)
    assert "\n" not in str(refused.value)
    store.close()


def test_a_directory_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    store = Store(sqlite_url(tmp_path / "nowhere" / "x.db"))
    with pytest.raises(StoreError, match="unable to open") as refused, store.begin():
        pass
    assert "\n" not in str(refused.value)
    store.close()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 37, 2), False), ((3, 40, 1), False), ((3, 44, 5), False), ((3, 44, 6), True), ((3, 44, 99), True),
        ((3, 45, 0), False), ((3, 46, 1), False), ((3, 50, 6), False), ((3, 50, 7), True), ((3, 51, 0), False),
        ((3, 51, 2), False), ((3, 51, 3), True), ((3, 52, 0), True), ((4, 0, 0), True),
    ],
)  # fmt: skip
def test_a_sqlite_with_the_wal_race_is_known(version: tuple[int, ...], safe: bool) -> None:
    assert sqlite_is_safe(version) is safe


@pytest.mark.parametrize("safe", [True, False])
def test_with_a_sqlite_that_has_the_race_no_commit_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, safe: bool
) -> None:
    monkeypatch.setattr(engines, "SAFE_SQLITE", ((0,) if safe else (99,),))
    store = Store(sqlite_url(tmp_path / "x.db"))
    with store.read() as tx:
        at = tx.connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
        assert (at > 0) is safe
        assert tx.connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert tx.connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert tx.connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 10000
    store.close()


def test_the_bundled_sqlite_is_used_and_safe_where_it_is_installed() -> None:
    module = sqlite_module()
    assert module is sqlite3 or sqlite_is_safe(module.sqlite_version_info)


def test_an_event_for_the_tests_is_a_checked_one() -> None:
    assert event(key="k").key == "k"


@pytest.mark.feature("P19")
def test_what_everybody_counts_is_written_last_and_in_one_order(store: Store) -> None:
    """So that two transactions that count the same never wait for each other in a circle."""
    hour = tallies.HOUR
    with store.begin() as tx:
        tallies.add(tx, hour, [Count("task", "b", "failed"), Count("task", "a", "failed")])
        with pytest.raises(ValueError, match="undone"), tx.apart():
            tallies.add(tx, hour, [Count("task", "b", "failed")])
            raise ValueError("undone")
        tallies.add(tx, hour, [Count("task", "a", "failed", -1), Count("task", "b", "failed")])
        assert tallies.totals(tx, "task") == {}
    with store.read() as tx:
        assert tallies.totals(tx, "task") == {"b": {"failed": 2}}


def test_a_second_store_of_this_process_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    """POSIX drops every lock of a process when it closes any descriptor of the file: none is opened beside SQLite."""
    path = tmp_path / "x.db"

    def locks() -> int:
        inode, pid = f":{path.stat().st_ino} ", f" {os.getpid()} "
        return sum(inode in line and pid in line for line in Path("/proc/locks").read_text().splitlines())

    first = Store(sqlite_url(path))
    try:
        with first.begin() as tx:
            tx.connection.exec_driver_sql("CREATE TABLE t (a)")
        held = locks()
        assert held > 0, "a database in WAL mode is locked as long as it is open"
        second = Store(sqlite_url(path))
        with second.read() as tx:
            tx.connection.exec_driver_sql("SELECT * FROM t")
        assert locks() >= held
        second.close()
        with first.read() as tx:
            tx.connection.exec_driver_sql("SELECT * FROM t")
        assert locks() >= held
    finally:
        first.close()


@pytest.mark.parametrize("n", [1, 7, 8, 9, 16, 21])
def test_a_set_of_any_size_is_written_whole_and_counted_exactly(store: Store, n: int) -> None:
    from procession.store import events  # noqa: PLC0415

    def keys(first: int) -> list[dict[str, object]]:
        return [{"name": f"name {i:02d}", "key": HARD[i % len(HARD)], "event_id": i, "payload": "p"} for i in range(n)][
            first:
        ]

    with store.begin() as tx:
        assert events.take_keys(tx, keys(n // 2)) == {}
    with store.begin() as tx:
        known = events.take_keys(tx, [{**row, "event_id": 1000 + i} for i, row in enumerate(keys(0))])
        assert sorted(found for found, _ in known.values()) == list(range(n // 2, n))
        stored = events.known_keys(tx, keys(0))
    mine = {(row["name"], row["key"]): row["event_id"] for row in keys(0)}
    assert {where: found for where, (found, _) in stored.items()} == {
        where: event_id if event_id >= n // 2 else 1000 + event_id  # type: ignore[operator]
        for where, event_id in mine.items()
    }


def test_a_text_in_sql_is_no_parameter_wherever_a_colon_stands() -> None:
    made = placed("INSERT INTO t (a, b, c) VALUES (:a, 'it''s :b', :c) ON CONFLICT DO NOTHING", {})
    assert made.sql == "INSERT INTO t (a, b, c) VALUES (?, 'it''s :b', ?) ON CONFLICT DO NOTHING"
    assert made.many is None
    assert made.take({"c": 3, "a": 1, "x": 0}) == (1, 3)
    assert placed("DELETE FROM t WHERE a = :a AND b = :own", {"own": 7}).take({"a": 1}) == (1, 7)
