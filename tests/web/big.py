"""The fixture "big": an installation as it is after years, made by bulk SQL in a minute or two and kept for later runs.

Forty tasks in six groups; a million processings of forty days, 45,000 of them failed for three hundred causes, some of
them after retries; some that wait (for their turn, a moment, a person, a paused task) and a few that run; steps,
attempts, events, outputs, artifacts and the journal of each; and a log of a million lines with the error at its end.

Every value is made out of the number of its row, so two builds are the same. The clock of all who look at it stands
at `AT`. It is kept in the user's cache directory under the schema and the text of this file: what is read only may
use it as it is (`big`), what writes makes a copy (`copied`). `python tests/web/big.py 1000000` makes it by hand.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from procession.clock import FixedClock, micros
from procession.commands import settings
from procession.commands.asked import Asked
from procession.project import Project
from procession.store import schema, tasks
from procession.store.database import Tx

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
"""The present moment of whoever looks at it."""
HOUR = 3_600_000_000
DAY = 24 * HOUR
SPAN = 40 * DAY
"""All of it came in these days."""
SMALL, LARGE = 100_000, 1_000_000
"""Processings: what every test run can afford, and what the pages promise."""

STEPS = {
    "discover": (("fetch", 20), ("emit", 5)),
    "l2a": (("download", 134), ("calibrate", 250), ("rgb", 50), ("upload", 60)),
    "mosaic": (("collect", 30), ("warp", 90), ("blend", 80), ("tiles", 45), ("index", 12), ("publish", 25)),
    "check": (("check", 8),),
    "reduce": (("ingest", 15), ("reduce", 300), ("plot", 20), ("archive", 40)),
    "fit": (("convert", 10), ("fit", 120), ("report", 15)),
    "index": (("scan", 30), ("index", 20)),
}
"""Kind of task → its steps, each with its usual seconds."""
GROUPS = {
    "Sentinel-2": ("s2", ("discover", "l2a", "mosaic", "check", "fit", "index", "reduce")),
    "ISIS-WISH": ("wish", ("discover", "reduce", "fit", "check", "index", "mosaic", "l2a")),
    "Lab-XRD": ("xrd", ("fit", "reduce", "discover", "check", "index", "l2a")),
    "Landsat": ("ls", ("discover", "l2a", "mosaic", "check", "index", "fit", "reduce")),
    "Weather": ("wx", ("discover", "fit", "check", "index", "reduce", "mosaic", "l2a")),
    "Archive": ("arc", ("index", "check", "discover", "fit", "reduce", "l2a")),
}
CAUSES = 300
HOSTS = ("node3", "node5")
LAUNCHERS = {"node3": 1, "node5": 2}
ERRORS = (
    "LinAlgError: Singular matrix (calibrate.py, solve)", "HTTPError: # from <host> (download.py, get)",
    "OSError: [Errno #] No space left on device: # (store.py, write)", "KeyError: # (params.py, read)",
    "ValueError: cannot reshape array of size # into shape # (grid.py, fold)", "exit code 2: no such band #",
    "TimeoutError: timed out (fetch.py, poll)", "MemoryError: unable to allocate # (warp.py, resample)",
)  # fmt: skip
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "calibrate.py", line 88, in solve\n'
    "    return numpy.linalg.solve(a, b)\n"
    '  File "/usr/lib/python3/dist-packages/numpy/linalg/linalg.py", line 393, in solve\n'
    '    raise LinAlgError("Singular matrix")\n'
    "numpy.linalg.LinAlgError: Singular matrix\n"
)


def names() -> list[tuple[str, str, str]]:
    """Group, task and kind of all tasks."""
    return [(group, f"{short}-{kind}", kind) for group, (short, kinds) in GROUPS.items() for kind in kinds]


def toml() -> str:
    """The task file."""
    lines = ['[project]\nname = "big"\n[launcher]\ncpus = 8\n[limits]\n"account:scihub" = 2\n']
    for group, name, kind in names():
        steps = ", ".join(f'{{ name = "{step}", run = "true" }}' for step, _ in STEPS[kind])
        lines.append(
            f'[tasks.{name}]\ngroup = "{group}"\non = "{name}-data"\nat_once = {4 if kind != "discover" else 1}\n'
            f"steps = [{steps}]\n"
        )
    return "\n".join(lines)


def big(n: int = SMALL) -> Path:
    """The project with `n` processings; made if it is not there yet. Nothing may be written to it."""
    text = Path(__file__).read_bytes() + Path(schema.__file__).read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "procession-tests"
    root = cache / f"big-{n}-{hashlib.sha256(text).hexdigest()[:12]}"
    with _alone(cache, n):
        if not (root / "complete").exists():
            for old in cache.glob(f"big-{n}-*"):  # of another version; one made today may still be in use
                if time.time() - old.stat().st_mtime > 86_400:
                    shutil.rmtree(old)
            make(root, n)
            (root / "complete").touch()
    return root


def copied(to: Path, n: int = SMALL) -> Path:
    """A copy that may be written to."""
    shutil.copytree(big(n), to, ignore=shutil.ignore_patterns("complete"))
    return to


def opened(root: Path) -> Project:
    """The project as somebody sees it at `AT`."""
    return Project.open(root, FixedClock(AT), lenient=True)


@contextmanager
def _alone(cache: Path, n: int) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"big-{n}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make(root: Path, n: int, database: str | None = None) -> None:
    """Build it at this place, on SQLite or on the PostgreSQL of this URL."""
    root.mkdir(parents=True)
    url = f'database = "{database}"\n' if database else ""
    (root / "procession.toml").write_text(toml().replace('name = "big"\n', f'name = "big"\n{url}', 1))
    project = opened(root)
    with project.store.begin() as tx:
        if tx.dialect == "sqlite":
            tx.connection.exec_driver_sql("PRAGMA cache_size = -200000")
        Rows(tx, n).write()
    settings.pause(project, settings.Scope("xrd-fit", None, None), "stop", Asked("operator1", "disk swap on node3"))
    settings.pause(project, settings.Scope(None, "Archive", None), "drain", Asked("operator2", "tape library moves"))
    files(project, n)
    if project.store.shared:
        with project.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    else:
        project.store.checkpoint()
    project.close()


class Rows:
    """All rows, one statement for each table. Processing `i` is about event `i`."""

    def __init__(self, tx: Tx, n: int) -> None:
        self.tx, self.n, self.now = tx, n, micros(AT)
        self.waiting = n // 250
        """The newest of them wait,"""
        self.running = 36
        """the next run, all others have ended."""
        self.ended = n - self.waiting - self.running

    def write(self) -> None:
        """Every table."""
        self._plans()
        for step in (self._events, self._processings, self._steps, self._attempts, self._rest, self._tallies):
            started = time.monotonic()
            step()
            print(f"big: {step.__name__[1:]}: {time.monotonic() - started:.1f} s", file=sys.stderr)
        for table in ("plan", "plan_step", "plan_cause"):
            self.run(f"DROP TABLE {table}")
        if self.tx.dialect == "postgresql":
            for table in ("event", "processing", "journal", "launcher"):
                self.run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))")

    def run(self, sql: str) -> None:
        self.tx.connection.exec_driver_sql(sql.replace("%", "%%") if self.tx.dialect == "postgresql" else sql)

    def series(self, n: int) -> str:
        """Numbers 1 to `n` as `i`, to select from."""
        if self.tx.dialect == "postgresql":
            return f"generate_series(1::bigint, {n}::bigint) AS series(i)"
        counted = f"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {n}) SELECT i FROM c"
        return f"({counted}) AS series"

    def _plans(self) -> None:
        """What task and step the rows are of, by small numbers: `slot` picks a task, `pick` one of its causes."""
        ids = {task.name: i for i, task in tasks.current(self.tx).items()}
        self.run("CREATE TEMPORARY TABLE plan (slot INTEGER PRIMARY KEY, task TEXT, definition_id INTEGER,"
                 " steps INTEGER, seconds INTEGER, causes INTEGER)")  # fmt: skip
        self.run("CREATE TEMPORARY TABLE plan_step (task TEXT, ordinal INTEGER, name TEXT, seconds INTEGER,"
                 " before INTEGER, PRIMARY KEY (task, ordinal))")  # fmt: skip
        self.run("CREATE TEMPORARY TABLE plan_cause (task TEXT, pick INTEGER, ordinal INTEGER, signature TEXT,"
                 " text TEXT, PRIMARY KEY (task, pick))")  # fmt: skip
        tasks_ = [name for _, name, _ in names()]
        kinds = {name: kind for _, name, kind in names()}
        weights = {"l2a": 5, "reduce": 4, "fit": 3}
        slots = [name for name in tasks_ for _ in range(weights.get(kinds[name], 1))]
        self.slots = len(slots)
        for slot, name in enumerate(slots):
            steps = STEPS[kinds[name]]
            causes = CAUSES // len(tasks_) + (tasks_.index(name) < CAUSES % len(tasks_))
            values = f"{slot}, '{name}', {ids[name]}, {len(steps)}, {sum(s for _, s in steps)}, {causes}"
            self.run(f"INSERT INTO plan VALUES ({values})")
        for name in tasks_:
            steps = STEPS[kinds[name]]
            for ordinal, (step, seconds) in enumerate(steps, 1):
                before = sum(s for _, s in steps[: ordinal - 1])
                self.run(f"INSERT INTO plan_step VALUES ('{name}', {ordinal}, '{step}', {seconds}, {before})")
            for pick in range(CAUSES // len(tasks_) + (tasks_.index(name) < CAUSES % len(tasks_))):
                ordinal = (pick + 1) % len(steps) + 1
                said = ERRORS[(pick + tasks_.index(name)) % len(ERRORS)]
                signature = hashlib.sha256(f"{name} {pick}".encode()).hexdigest()[:10]
                self.run(f"INSERT INTO plan_cause VALUES ('{name}', {pick}, {ordinal}, '{signature}', '{said}')")

    def _events(self) -> None:
        created = f"{self.now - HOUR - SPAN} + i * {SPAN // self.n}"
        params = (
            """'{"tile": "36U' || CASE i % 7 WHEN 0 THEN 'UA' WHEN 1 THEN 'UB' WHEN 2 THEN 'VA' WHEN 3 THEN 'VB' """
            """WHEN 4 THEN 'WA' WHEN 5 THEN 'WB' ELSE 'XA' END || '", "orbit": ' || (i % 143) || ', "sensor": "S2' ||"""
            """ CASE i % 2 WHEN 0 THEN 'A' ELSE 'B' END || '", "day": ' || (i * 40 / {n}) || '}'""".replace(
                "{n}", str(self.n)
            )
        )
        key = "plan.task || '_' || i"
        self.run(
            "INSERT INTO event (id, name, key, title, params, source, created_at, repeats, last_seen_at, taken)"
            f" SELECT i, plan.task || '-data', {key}, 'S2A_T36UUA_' || i, {params},"
            " CASE i % 3 WHEN 0 THEN 'http:scihub' WHEN 1 THEN 'watch:' || plan.task ELSE 'cli:operator1' END,"
            f" {created}, CASE WHEN i % 50 = 0 THEN 1 ELSE 0 END, {created}, 1"
            f" FROM {self.series(self.n)} JOIN plan ON plan.slot = (i * 37) % {self.slots}"
        )
        strays = self.n // 500
        came = f"{self.now - HOUR} + i * {HOUR // strays}"  # the newest, since ids grow with time
        self.run(
            "INSERT INTO event (id, name, key, title, params, source, created_at, last_seen_at, taken)"
            f" SELECT {self.n} + i, 'stray', 'stray_' || i, 'WISH000' || i || '.nxs', '{{}}', 'watch:isis',"
            f" {came}, {came}, 0"
            f" FROM {self.series(strays)}"
        )
        self.run(
            f"INSERT INTO event_key (name, key, event_id, payload) SELECT name, key, id, '{'0' * 64}' FROM event"
            " ORDER BY name, key"
        )

    def _state(self) -> str:
        """45 of a thousand fail, 10 are skipped, 5 cancelled; spread so that no task and no day has more."""
        luck = "(i * 7919) % 1000"
        return (
            f"CASE WHEN i > {self.n - self.waiting} THEN 'waiting' WHEN i > {self.ended} THEN 'running'"
            f" WHEN {luck} < 45 THEN 'failed' WHEN {luck} < 55 THEN 'skipped' WHEN {luck} < 60 THEN 'cancelled'"
            " ELSE 'succeeded' END"
        )

    def _processings(self) -> None:
        created = f"{self.now - HOUR - SPAN} + i * {SPAN // self.n}"
        took = "plan.seconds * 10000 * (80 + i % 40)"
        cleaned = f"CASE WHEN i < {self.n * 3 // 4} AND {{}} THEN 1 END"
        self.run(
            "INSERT INTO processing (id, event_id, task, definition_id, state, priority, created_at, waiting_at,"
            " started_at, finished_at, due_at, held_at, errors, bytes, cleaned_at, cause, reason)"
            " SELECT i, i, picked.task, definition_id, state, CASE WHEN i % 97 = 0 THEN 5 ELSE 0 END, created,"
            " CASE WHEN state = 'waiting' THEN created END,"
            " CASE WHEN state <> 'waiting' THEN created + 20000000 END,"
            " CASE WHEN state NOT IN ('waiting', 'running') THEN created + 20000000 + took END,"
            f" CASE WHEN state = 'waiting' AND i % 40 = 7 THEN {self.now} + 3600000000 END,"
            f" CASE WHEN state = 'waiting' AND i % 40 = 9 THEN {self.now} - 600000000 END,"
            " CASE WHEN state = 'succeeded' AND i % 100 = 3 THEN 2 ELSE 0 END,"
            " CASE WHEN old = 1 THEN NULL WHEN state NOT IN ('waiting', 'running') THEN 5000000 + i % 1000 * 10000 END,"
            " CASE WHEN old = 1 THEN created + 20000000 + took + 864000000000 END,"
            " signature, CASE WHEN state = 'failed' THEN name || ': ' || text"
            " WHEN state = 'skipped' THEN 'nothing to do' WHEN state = 'cancelled' THEN 'not needed' END"
            f" FROM (SELECT i, plan.task, plan.definition_id, {self._state()} AS state, {created} AS created,"
            f" {took} AS took, {cleaned.format('1 = 1')} AS old, plan.causes FROM {self.series(self.n)}"
            f" JOIN plan ON plan.slot = (i * 37) % {self.slots}) AS picked"
            " LEFT JOIN plan_cause c ON picked.state = 'failed' AND c.task = picked.task AND c.pick ="
            # the last of the causes of every task is new: nothing failed for it before the last day
            f" CASE WHEN i > {self.n - self.n // 40} AND i % 5 = 0 THEN picked.causes - 1"
            " ELSE (i / 7 % 23) * (i / 7 % 23) / 23 % (picked.causes - 1) END"
            " LEFT JOIN plan_step s ON s.task = c.task AND s.ordinal = c.ordinal"
        )

    def _steps(self) -> None:
        # those of a failed one up to the one that failed have run; of one that runs or was cancelled the first one
        at = "CASE p.state WHEN 'failed' THEN c.ordinal WHEN 'running' THEN 1 WHEN 'cancelled' THEN 1 ELSE 0 END"
        state = (
            f"CASE WHEN p.state = 'waiting' THEN 'pending' WHEN p.state IN ('succeeded', 'skipped') THEN p.state"
            f" WHEN s.ordinal < {at} THEN 'succeeded' WHEN s.ordinal = {at} THEN p.state"
            " WHEN p.state = 'cancelled' THEN 'cancelled' ELSE 'pending' END"
        )
        # calibrate takes 38 % longer in the last four days
        slow = f"CASE WHEN s.name = 'calibrate' AND p.id > {self.n - self.n // 10} THEN 138 ELSE 100 END"
        took = f"s.seconds * 100 * (80 + p.id % 40) * {slow}"
        self.run(
            "INSERT INTO step (processing_id, ordinal, name, state, attempt, priority, cpus, reason, started_at,"
            " finished_at) SELECT id, ordinal, name, state, CASE WHEN state = 'failed' THEN 3 WHEN state NOT IN"
            " ('succeeded', 'running') THEN 0 WHEN ordinal = 1 AND id % 33 = 0 AND state = 'succeeded' THEN 2"
            " ELSE 1 END,"
            " priority, 1.0, CASE WHEN state = 'failed' THEN said END,"
            " CASE WHEN state IN ('succeeded', 'failed', 'running') THEN began END,"
            " CASE WHEN state IN ('succeeded', 'failed') THEN began + took"
            " WHEN state IN ('skipped', 'cancelled') THEN began END"
            f" FROM (SELECT p.id, s.ordinal, s.name, {state} AS state, p.priority, c.text AS said,"
            f" p.started_at + s.before * 10000 * (80 + p.id % 40) AS began, {took} AS took FROM processing p"
            " JOIN plan_step s ON s.task = p.task LEFT JOIN plan_cause c ON c.task = p.task AND c.signature = p.cause"
            " ) AS picked ORDER BY id, ordinal"
        )

    def _attempts(self) -> None:
        ok = "s.state = 'succeeded' AND t.i = s.attempt"
        self.run(
            "INSERT INTO attempt (processing_id, ordinal, number, launcher_id, cpus, outcome, reason, claimed_at,"
            " started_at, finished_at, exit_code, max_rss, cpu_seconds, log_bytes, cause)"
            " SELECT s.processing_id, s.ordinal, t.i, 1 + s.processing_id % 2, 1.0,"
            f" CASE WHEN s.state = 'running' THEN NULL WHEN {ok} THEN 'succeeded' WHEN t.i < s.attempt THEN 'retry'"
            " ELSE 'failed' END,"
            f" CASE WHEN {ok} OR s.state = 'running' THEN NULL ELSE COALESCE(s.reason, 'the source is busy') END,"
            " s.started_at, s.started_at + 100000, COALESCE(s.finished_at, s.started_at + 1000000),"
            f" CASE WHEN s.state = 'running' THEN NULL WHEN {ok} THEN 0 WHEN t.i < s.attempt THEN 75 ELSE 1 END,"
            " 300000000 + s.processing_id % 1000 * 1000000, 12.5, 2000 + s.processing_id % 1000,"
            f" CASE WHEN {ok} OR s.state = 'running' THEN NULL ELSE p.cause END"
            " FROM step s JOIN processing p ON p.id = s.processing_id"
            f" JOIN {self.series(3)} AS t ON t.i <= s.attempt".replace(" AS series AS t", " AS t").replace(
                " AS series(i) AS t", " AS t(i)"
            )
            + " WHERE s.attempt > 0 ORDER BY 1, 2, 3"
        )
        self.run("UPDATE attempt SET finished_at = NULL, max_rss = NULL, log_bytes = NULL WHERE outcome IS NULL")

    def _rest(self) -> None:
        """The journal, outputs, causes, launchers, locks, refusals."""
        self.run(
            "INSERT INTO journal (at, noun, processing_id, verb, state, \"by\") SELECT created_at, 'processing', id,"
            " 'submit', 'waiting', 'procession' FROM processing ORDER BY id"
        )
        self.run(
            'INSERT INTO journal (at, noun, processing_id, verb, state, "by", reason) SELECT finished_at,'
            " 'processing', id, CASE state WHEN 'succeeded' THEN 'succeed' WHEN 'failed' THEN 'fail' WHEN 'skipped'"
            " THEN 'skip' ELSE 'cancel' END, state, 'procession', reason FROM processing WHERE finished_at IS NOT NULL"
            " ORDER BY id"
        )
        self.run(
            'INSERT INTO journal (at, noun, processing_id, verb, state, "by", reason)'
            " SELECT held_at, 'processing', id, 'hold', 'waiting', 'operator1', 'look at the picture first'"
            " FROM processing WHERE held_at IS NOT NULL"
        )
        self.run(
            "INSERT INTO output (processing_id, ordinal, name, value) SELECT s.processing_id, s.ordinal, 'cloud',"
            " '0.' || (s.processing_id % 90 + 10) FROM step s WHERE s.name = 'rgb' AND s.state = 'succeeded'"
            " ORDER BY 1, 2"
        )
        self.run(
            "INSERT INTO cause (signature, task, step, text, sample, n, first_at, last_at, known_at)"
            " SELECT c.signature, c.task, s.name, c.text, replace(c.text, '#', '17'), 3 * COUNT(*),"
            f" MIN(p.finished_at), MAX(p.finished_at), CASE WHEN MIN(p.finished_at) < {self.now - 7 * DAY}"
            f" THEN {self.now - 6 * DAY} END FROM processing p JOIN plan_cause c ON c.task = p.task AND"
            " c.signature = p.cause JOIN plan_step s ON s.task = c.task AND s.ordinal = c.ordinal"
            " WHERE p.state = 'failed' GROUP BY c.signature, c.task, s.name, c.text"
        )
        for host, number in LAUNCHERS.items():
            self.run(
                "INSERT INTO launcher (id, name, kind, host, place, pid, boot, cpus, started_at, beat_at, beats) VALUES"
                f" ({number}, '{host}:{number}', 'up', '{host}', 'place-{host}', 4242, 'boot', 8.0, {self.now - DAY},"
                f" {self.now}, 9)"
            )
        self.run(
            "INSERT INTO lock_hold (name, processing_id, ordinal, number, n, at, \"by\") SELECT 'account:scihub', id,"
            f" 0, 0, 1, {self.now - 240000000}, 'attempt' FROM processing WHERE state = 'running' ORDER BY id LIMIT 2"
        )
        for number in range(40):
            self.run(
                "INSERT INTO refusal (at, source, name, reason, raw, size) VALUES"
                f" ({self.now - (40 - number) * DAY // 40}, 'http:scihub', 'wish-reduce-data', 'run is no number',"
                f' \'{{"run": "x{number}"}}\', 12)'
            )

    def _tallies(self) -> None:
        into = "INSERT INTO tally (noun, name, what, hour, n, seconds) "
        hour = "{0} / 3600000000 * 3600000000"
        ended = "FROM processing WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3, 4"
        seconds = "SUM((finished_at - started_at) / 1e6)"
        self.run(f"{into}SELECT 'task', task, state, {hour.format('finished_at')}, COUNT(*), {seconds} {ended}")
        self.run(
            f"{into}SELECT 'task', task, 'matched', {hour.format('created_at')}, COUNT(*), 0.0 FROM processing"
            " GROUP BY 1, 2, 3, 4"
        )
        self.run(
            f"{into}SELECT 'cause', cause, 'failed', {hour.format('finished_at')}, COUNT(*), 0.0 FROM processing"
            " WHERE state = 'failed' GROUP BY 1, 2, 3, 4"
        )
        for what, n in (("received", "COUNT(*) + SUM(repeats)"), ("events", "COUNT(*)"), ("repeats", "SUM(repeats)")):
            self.run(
                f"{into}SELECT 'event', name, '{what}', {hour.format('created_at')}, {n}, 0.0 FROM event"
                f" GROUP BY 1, 2, 3, 4 HAVING {n} > 0"
            )
        self.run(f"{into}SELECT noun, name, what, -1, SUM(n), SUM(seconds) FROM tally GROUP BY noun, name, what")


# ── files ──────────────────────────────────────────────────────────────────────────────────────────


def longest(project: Project) -> tuple[int, int, str, int]:
    """Processing, ordinal, step and attempt of the log of a million lines: the newest that failed in `calibrate`."""
    with project.store.read() as tx:
        row = tx.connection.exec_driver_sql(
            "SELECT s.processing_id, s.ordinal, s.name, s.attempt FROM processing p JOIN step s"
            " ON s.processing_id = p.id AND s.state = 'failed' WHERE p.state = 'failed' AND p.task = 's2-l2a'"
            " AND s.name = 'calibrate'"
            " ORDER BY p.id DESC LIMIT 1"
        ).one()
    return row[0], row[1], row[2], row[3]


def files(project: Project, n: int) -> None:
    """A log of `n` lines that ends in an error; two hundred pictures of the newest of a task, and their short logs."""
    pid, ordinal, name, number = longest(project)
    place = project.var.attempt(pid, ordinal, name, number)
    place.mkdir(parents=True)
    with (place / "log").open("w", encoding="utf-8") as log:
        for start in range(1, n - 10, 10_000):
            last = min(start + 10_000, n - 10)
            log.writelines(f"2026-05-04 08:00:00.000 solving block {line} of {n}: residual 0.{line % 997}\n"
                           for line in range(start, last))  # fmt: skip
        log.write(TRACEBACK + "cleaning up\n" * 4)
        size = log.tell()
    with project.store.begin() as tx:
        which = f"processing_id = {pid} AND ordinal = {ordinal} AND number = {number}"
        tx.connection.exec_driver_sql(f"UPDATE attempt SET log_bytes = {size} WHERE {which}")
        rows = tx.connection.exec_driver_sql(
            "SELECT s.processing_id, s.ordinal, s.attempt FROM processing p JOIN step s ON s.processing_id = p.id"
            " WHERE p.task = 's2-l2a' AND p.state = 'succeeded' AND s.name = 'rgb' ORDER BY p.id DESC LIMIT 200"
        ).all()
    for pid, ordinal, number in rows:
        place = project.var.attempt(pid, ordinal, "rgb", number)
        (place / "artifacts").mkdir(parents=True)
        (place / "log").write_text(f"picture of {pid} made\n")
        (place / "artifacts/preview.png").write_bytes(picture(pid % 256, pid // 7 % 256, 120))


def picture(red: int, green: int, blue: int, width: int = 64, height: int = 48) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    lines = (b"\x00" + bytes((red, green, blue)) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    print(big(int(sys.argv[1]) if len(sys.argv) > 1 else SMALL))
