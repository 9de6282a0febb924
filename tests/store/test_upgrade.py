"""The schema is made at once or by migrations, and both ways lead to the same database (G33)."""

import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.event import listen

from procession.errors import SchemaMismatch, StoreBusy, StoreError
from procession.store import schema, upgrade
from procession.store.database import Store
from tests.apart import APART
from tests.store import workers

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.feature("P34")


def shape(store: Store) -> list[tuple[object, ...]]:
    """Everything that the database knows about its tables, as it says it itself."""
    if store.engine.dialect.name == "sqlite":
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        with store.read() as tx:
            return [(*row[:3], *said(row[3] or "")) for row in tx.connection.execute(text(query))]
    parts = (
        "SELECT 'column', table_name, column_name, data_type, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 2, 3",
        "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 2",
        "SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 2, 3",
        "SELECT 'sequence', sequencename, data_type::text FROM pg_sequences ORDER BY 2",
    )
    with store.read() as tx:
        return [tuple(row) for part in parts for row in tx.connection.execute(text(part))]


def said(sql: str) -> tuple[str, ...]:
    """What a CREATE says, in an order of its own: a column that was added later stands elsewhere in the text."""
    words = " ".join(sql.split())
    head, _, rest = words.partition("(")
    if not head.startswith("CREATE TABLE"):
        return (words,)
    body, _, tail = rest.rpartition(")")
    parts, depth, last = [], 0, 0
    for at, char in enumerate(body):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(body[last:at].strip())
            last = at + 1
    return (head, *sorted([*parts, body[last:].strip()]), tail)


def version_of(store: Store) -> list[str]:
    with store.read() as tx:
        return list(tx.connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def scripts_with(root: Path, second: str, *more: str) -> Path:
    """A directory of migrations in which the real ones are followed by these."""
    versions = root / "scripts" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for real in (upgrade.SCRIPTS / "versions").glob("*.py"):
        (versions / real.name).write_text(real.read_text())
    for number, body in enumerate((second, *more), int(schema.VERSION) + 1):
        head = f"import os, signal\nimport sqlalchemy as sa\nfrom alembic import op\nrevision = '{number:04}'\n"
        (versions / f"{number:04}_next.py").write_text(
            f"{head}down_revision = '{number - 1:04}'\n\n\ndef upgrade():\n{indent(dedent(body), '    ')}\n"
        )
    return root / "scripts"


NOW = schema.VERSION
NEXT, AFTER_NEXT = f"{int(NOW) + 1:04}", f"{int(NOW) + 2:04}"


ADD_COLOUR = """\
op.add_column("event", sa.Column("colour", sa.Text, server_default="blue"))"""


def with_an_event(store: Store) -> None:
    with store.begin() as tx:
        tx.connection.exec_driver_sql(
            "INSERT INTO event (name, title, params, source, created_at, last_seen_at)"
            " VALUES ('e', 't', '{}', 's', 1, 1)"
        )


def columns(store: Store) -> set[str]:
    return {column["name"] for column in inspect(store.engine).get_columns("event")}


# ── the same database, both ways ───────────────────────────────────────────────────────────────────


def test_migrations_and_the_schema_make_the_same_database(
    empty_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """G33."""
    made = Store(empty_url)
    upgrade.prepare(made)
    other_url = (
        f"sqlite:///{tmp_path}/other.db"
        if made.engine.dialect.name == "sqlite"
        else (server := request.getfixturevalue("postgres_server")).url(server.create())
    )
    migrated = Store(other_url)
    with upgrade._alone(migrated) as connection:
        upgrade.run_migrations(connection)
    assert shape(made) == shape(migrated)
    assert any("WHERE" in str(row) and "ix_step_ready" in str(row) for row in shape(made)), "partial indexes are seen"
    assert any("ck_step_state" in str(row) for row in shape(made)), "checks are seen"
    assert version_of(made) == version_of(migrated) == [schema.VERSION]
    made.close()
    migrated.close()


def test_the_newest_migration_is_the_schema_of_this_version() -> None:
    files = sorted(path.name for path in (upgrade.SCRIPTS / "versions").glob("*.py"))
    assert [name.partition("_")[0] for name in files][-1] == schema.VERSION
    for name in files:
        body = (upgrade.SCRIPTS / "versions" / name).read_text()
        assert f'revision = "{name.partition("_")[0]}"' in body
        assert not re.search(r"^\s*(from|import) procession", body, re.M), "a migration imports nothing that can change"


def test_the_wheel_brings_the_migrations(tmp_path: Path) -> None:
    """Whatever lies in the package is in the wheel; the scripts lie there and are tracked, not ignored."""
    script = upgrade.SCRIPTS / "versions" / "0001_first.py"
    ignored = subprocess.run(["git", "check-ignore", script], check=False, cwd=ROOT, capture_output=True)
    assert ignored.returncode != 0
    assert upgrade.SCRIPTS.is_relative_to(ROOT / "procession")


def test_a_prepared_database_is_left_as_it_is_and_alembic_is_not_imported(database_url: str) -> None:
    program = (
        "import sys\n"
        "from procession.store import upgrade\n"
        "from procession.store.database import Store\n"
        f"store = Store({database_url!r}); upgrade.prepare(store); store.close()\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_new_database_is_made_without_alembic(empty_url: str) -> None:
    program = (
        "import sys\n"
        "from procession.store import upgrade\n"
        "from procession.store.database import Store\n"
        f"store = Store({empty_url!r}); upgrade.prepare(store); store.close()\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    store = Store(empty_url)
    assert version_of(store) == [schema.VERSION]
    store.close()


# ── older ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_older_database_is_migrated_and_keeps_its_rows(store: Store, tmp_path: Path) -> None:
    """G33: the machinery, with migrations that do not exist yet."""
    with_an_event(store)
    scripts = scripts_with(tmp_path, ADD_COLOUR, 'op.create_index("ix_colour", "event", ["colour"])')
    upgrade.prepare(store, scripts, AFTER_NEXT)
    assert version_of(store) == [AFTER_NEXT]
    with store.read() as tx:
        assert tx.connection.execute(text("SELECT name, colour FROM event")).one() == ("e", "blue")
    assert any("ix_colour" in str(row) for row in shape(store))
    before = shape(store)
    upgrade.prepare(store, scripts, AFTER_NEXT)
    assert shape(store) == before


def test_a_table_of_sqlite_can_be_rebuilt_by_a_migration(store: Store, tmp_path: Path) -> None:
    """What SQLite cannot alter is copied into a new table, inside the same transaction."""
    with_an_event(store)
    scripts = scripts_with(
        tmp_path,
        """\
        with op.batch_alter_table("event") as batch:
            batch.add_column(sa.Column("colour", sa.Text, nullable=False, server_default="red"))
            batch.drop_column("source")""",
    )
    upgrade.prepare(store, scripts, NEXT)
    assert columns(store) >= {"colour", "params"}
    assert "source" not in columns(store)
    with store.read() as tx:
        assert tx.connection.execute(text("SELECT name, colour FROM event")).one() == ("e", "red")


@pytest.mark.parametrize("name", ["plain", 'it\'s "a" name; DROP TABLE event --', "ü %s :name"])
def test_a_file_is_copied_as_it_was_before_it_is_migrated(tmp_path: Path, name: str) -> None:
    """G33; the name of the file may be anything, and the copy is as private as the file."""
    folder = tmp_path / name
    folder.mkdir()
    path = folder / "procession.db"
    store = Store(f"sqlite:///{path}")
    upgrade.prepare(store)
    with_an_event(store)
    path.chmod(0o600)
    backup = folder / f"procession.db.{NOW}.backup"
    backup.write_text("an old copy")
    upgrade.prepare(store, scripts_with(tmp_path, ADD_COLOUR), NEXT)
    assert "colour" in columns(store)
    assert sorted(p.name for p in folder.iterdir() if not p.name.endswith(("-wal", "-shm"))) == [
        "procession.db",
        f"procession.db.{NOW}.backup",
    ]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    copy = Store(f"sqlite:///{backup}")
    assert version_of(copy) == [NOW]
    assert "colour" not in columns(copy)
    with copy.read() as tx:
        assert tx.connection.execute(text("SELECT count(*) FROM event")).scalar_one() == 1
        assert tx.connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    copy.close()
    store.close()


def test_a_migration_that_fails_changes_nothing(store: Store, tmp_path: Path) -> None:
    with_an_event(store)
    before = shape(store)
    scripts = scripts_with(tmp_path, ADD_COLOUR, 'op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(StoreError):
        upgrade.prepare(store, scripts, AFTER_NEXT)
    assert shape(store) == before
    assert version_of(store) == [NOW]


def test_no_room_for_the_copy_means_no_migration(tmp_path: Path) -> None:
    path = tmp_path / "procession.db"
    store = Store(f"sqlite:///{path}")
    upgrade.prepare(store)
    (tmp_path / f"procession.db.{NOW}.backup.part").mkdir()  # nothing can be written there
    with pytest.raises(Exception, match="could not be copied"):
        upgrade.prepare(store, scripts_with(tmp_path, ADD_COLOUR), NEXT)
    assert version_of(store) == [NOW]
    assert "colour" not in columns(store)
    store.close()


# ── newer, or somebody else's ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("found", [NEXT, "9999", "a1b2c3d4e5f6", ""])
def test_a_newer_or_unknown_schema_is_refused_and_nothing_is_touched(store: Store, found: str, tmp_path: Path) -> None:
    """G33: one clear line."""
    with store.begin() as tx:
        tx.connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": found})
    before = shape(store)
    with pytest.raises(SchemaMismatch, match="nothing was touched") as refused:
        upgrade.prepare(store)
    assert "\n" not in str(refused.value)
    assert shape(store) == before
    assert version_of(store) == [found]
    assert not list(tmp_path.glob("*.backup*"))


@pytest.mark.parametrize("rows", [[], ["0001", NEXT]])
def test_a_version_table_that_says_nothing_clear_is_refused(store: Store, rows: list[str]) -> None:
    with store.begin() as tx:
        tx.connection.execute(text("DELETE FROM alembic_version"))
        for row in rows:
            tx.connection.execute(text("INSERT INTO alembic_version VALUES (:v)"), {"v": row})
    with pytest.raises(SchemaMismatch, match="nothing was touched"):
        upgrade.prepare(store)
    assert version_of(store) == rows


def test_a_database_in_which_others_live_is_refused_and_nothing_is_touched(empty_url: str) -> None:
    store = Store(empty_url)
    with store.begin() as tx:
        tx.connection.execute(text("CREATE TABLE task (what TEXT)"))
    before = shape(store)
    with pytest.raises(SchemaMismatch, match="a table task that Procession did not make"):
        upgrade.prepare(store)
    assert shape(store) == before
    store.close()


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "procession.db"
    path.write_text("This is a letter to my aunt, and no database at all. " * 100)
    store = Store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match="not a database") as refused:
        upgrade.prepare(store)
    assert "\n" not in str(refused.value)
    assert path.read_text().startswith("This is a letter")
    store.close()


# ── at the same moment, and cut off in the middle ──────────────────────────────────────────────────


def run_all(target: Callable[..., None], n: int, *args: object) -> list[object]:
    """Run this in so many processes that begin together; return their answers."""
    with APART.Manager() as manager:
        barrier, answers = manager.Barrier(n), manager.Queue()
        processes = [APART.Process(target=target, args=(barrier, answers, k, *args)) for k in range(n)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0] * n
        return [answers.get(timeout=1) for _ in range(n)]


def test_processes_that_make_the_same_database_at_once_make_one(empty_url: str) -> None:
    """G33: made once, under a lock; nobody fails."""
    assert run_all(workers.prepare, 6, empty_url) == ["ok"] * 6
    store = Store(empty_url)
    assert version_of(store) == [schema.VERSION]
    store.close()


def test_processes_that_migrate_at_once_migrate_once(database_url: str, tmp_path: Path) -> None:
    """G33: migrations run once."""
    told = tmp_path / "told"
    scripts = scripts_with(tmp_path, f"open({str(told)!r}, 'a').write('x')\n" + ADD_COLOUR)
    assert run_all(workers.prepare, 4, database_url, str(scripts), NEXT) == ["ok"] * 4
    assert told.read_text() == "x"
    store = Store(database_url)
    assert version_of(store) == [NEXT]
    store.close()


@pytest.mark.parametrize("at", [1, 7, 15, -1])
def test_a_process_killed_while_it_makes_the_schema_leaves_none(empty_url: str, at: int) -> None:
    """G33: killed -9 after so many statements (-1: before the last one)."""
    killed = APART.Process(target=workers.make_and_die, args=(empty_url, at))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    store = Store(empty_url)
    assert [row for row in shape(store) if row[0] != "sequence"] == []
    upgrade.prepare(store)
    assert version_of(store) == [schema.VERSION]
    store.close()


def test_a_process_killed_while_it_migrates_leaves_the_old_schema(database_url: str, tmp_path: Path) -> None:
    """G33: the next one migrates it."""
    store = Store(database_url)
    with_an_event(store)
    before = shape(store)
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    scripts = scripts_with(tmp_path, ADD_COLOUR, kill)
    killed = APART.Process(target=workers.prepare, args=(None, None, 0, database_url, str(scripts), AFTER_NEXT))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    assert shape(store) == before
    assert version_of(store) == [NOW]
    upgrade.prepare(store, scripts_with(tmp_path, ADD_COLOUR, "pass"), AFTER_NEXT)
    assert "colour" in columns(store)
    assert version_of(store) == [AFTER_NEXT]
    store.close()


def test_a_writer_at_work_is_waited_for_and_not_overtaken(tmp_path: Path) -> None:
    """The copy is made under the write lock: what was committed before is in it, nothing is written meanwhile."""
    store, writer = Store(f"sqlite:///{tmp_path}/procession.db"), Store(f"sqlite:///{tmp_path}/procession.db")
    upgrade.prepare(store)
    with store.engine.connect() as connection:  # the pool gives the same connection again
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    with writer.begin(), pytest.raises(StoreBusy):
        upgrade.prepare(store, scripts_with(tmp_path, ADD_COLOUR), NEXT)
    assert version_of(store) == [NOW]
    assert not list(tmp_path.glob("*.backup*"))
    store.close()
    writer.close()


def test_waiting_too_long_for_another_migration_ends_with_a_clear_word(postgres_url: str) -> None:
    holder, late = Store(postgres_url), Store(postgres_url)
    listen(late.engine, "begin", lambda connection: connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'"))
    with holder.begin() as tx:
        tx.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({upgrade.LOCK})")
        with pytest.raises(StoreBusy, match="held by another process"):
            upgrade.prepare(late)
    upgrade.prepare(late)
    holder.close()
    late.close()
