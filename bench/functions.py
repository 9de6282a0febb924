#!/usr/bin/env python3
"""W3 and W5: no-op Python functions through Procession and through Huey, in turn, in one run.

W3  10,000 calls enqueued through the public API while nobody serves, then drained by 1 and by 2 workers; calls per
    second from the first that ended to the last that is stored.
W5  the same with 100,000 and 1,000,000 finished processings in the store.

    python bench/functions.py [--repeat 3] [--calls 10000] [--seeds 0,100000] [--huey PYTHON] [--place DIR] [--write]

Both durable: SQLite with synchronous = FULL (Huey: ``fsync=True``), results stored. Huey runs in an environment of its
own (``python -m venv bench/venvs/huey && bench/venvs/huey/bin/pip install huey``), polling every 10 ms. Times are not
asserted anywhere: another machine, another minute, other figures. `--write` keeps the table in bench/results/.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from procession.commands import events
from procession.model.event import NewEvent
from procession.project import Project
from procession.store import processings

HERE = Path(__file__).parent
BATCH = 1000
TOML = '[launcher]\ncpus = {workers}\nworkers = {workers}\n[tasks.noop]\nfunction = "noop.noop"\n'


class Ours:
    """Procession, as a user runs it: ``procession up`` as its own process."""

    name = "procession"

    def __init__(self, place: Path, workers: int, seed: int) -> None:
        place.mkdir(parents=True)
        (place / "procession.toml").write_text(TOML.format(workers=workers))
        (place / "noop.py").write_text("def noop(inputs): pass\n")
        self.place = place
        self.project = Project.open(place)
        if seed:
            self._seed(seed)

    def enqueue(self, n: int) -> None:
        """Each batch is durable when it is answered."""
        for begin in range(0, n, BATCH):
            some = [
                NewEvent("call:noop", {"n": k}, str(k), source="bench") for k in range(begin, min(n, begin + BATCH))
            ]
            with self.project.store.begin() as tx:
                events.submit_all(self.project, tx, some)

    def drain(self, n: int) -> dict[str, float]:
        """Start to serve; until all have succeeded."""
        up = subprocess.Popen([sys.executable, "-m", "procession", "--project", str(self.place), "up", "--quiet"])
        try:
            while True:
                with self.project.store.read() as tx:
                    if not processings.is_busy(tx, "noop"):
                        break
                time.sleep(0.005)
            end = time.time()
            launcher = psutil.Process(up.pid)
            times = [process.cpu_times() for process in (launcher, *launcher.children(recursive=True))]
            with self.project.store.read() as tx:
                first, done = tx.connection.exec_driver_sql(
                    "SELECT min(finished_at), count(*) FROM attempt WHERE outcome = 'succeeded' AND launcher_id > 0"
                ).fetchone()
            if done != n:
                raise RuntimeError(f"{done} of {n} calls succeeded")
            return {"speed": n / (end - first / 1e6), "cpu_us": 1e6 * sum(t.user + t.system for t in times) / n}
        finally:
            up.terminate()
            up.wait(30)

    def close(self) -> None:
        self.project.close()

    def _seed(self, n: int) -> None:
        """Finished processings, as calls leave them, with all their rows."""
        rows = f"WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < {n})"
        now = self.project.now() - 3_600_000_000
        with self.project.store.begin() as tx:
            (definition,) = tx.connection.exec_driver_sql("SELECT definition_id FROM task").fetchone()
            tx.reserve_ids("event", n)
            tx.reserve_ids("processing", n)
            for statement in (
                f"INSERT INTO event (id, name, key, title, params, source, created_at, last_seen_at, taken)"
                f" {rows} SELECT i, 'call:noop', 'old' || i, '', '{{}}', 'bench', {now}, {now}, 1 FROM k",
                f"INSERT INTO event_key (name, key, event_id, payload) {rows}"
                " SELECT 'call:noop', 'old' || i, i, hex(randomblob(32)) FROM k",
                f"INSERT INTO processing (id, event_id, task, definition_id, state, created_at, started_at,"
                f" finished_at, bytes) {rows}"
                f" SELECT i, i, 'noop', {definition}, 'succeeded', {now}, {now}, {now} + i, 0 FROM k",
                f"INSERT INTO step (processing_id, ordinal, name, state, attempt, cpus, started_at, finished_at)"
                f" {rows} SELECT i, 1, 'noop', 'succeeded', 1, 1.0, {now}, {now} FROM k",
                f"INSERT INTO attempt (processing_id, ordinal, number, launcher_id, cpus, outcome, exit_code,"
                f" claimed_at, started_at, finished_at, pooled) {rows}"
                f" SELECT i, 1, 1, 0, 1.0, 'succeeded', 0, {now}, {now}, {now}, 1 FROM k",
                f'INSERT INTO journal (at, noun, processing_id, verb, state, "by") {rows}'
                f" SELECT {now}, 'processing', i, 'succeed', 'succeeded', 'procession' FROM k",
            ):
                tx.connection.exec_driver_sql(statement)
        with self.project.store.engine.connect() as connection:  # what was seeded is not the drain's to move
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


HUEY = """
import os
from huey import SqliteHuey
PLACE = {place!r}
huey = SqliteHuey("q", filename=PLACE + "/huey.db", fsync=True, results=True, store_none=True)
TICKS = os.open(PLACE + "/ticks", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
@huey.task()
def noop(n):
    os.write(TICKS, b".")
"""


class Huey:
    """Huey on SQLite, its workers as processes; what ended is counted by one byte each."""

    name = "huey"
    python = ""

    def __init__(self, place: Path, workers: int, seed: int) -> None:
        place.mkdir(parents=True)
        self.place, self.workers = place, workers
        (place / "tasks.py").write_text(HUEY.format(place=str(place)))
        if seed:
            self._run(
                "import pickle, uuid; c = tasks.huey.storage.conn; c.execute('begin');"
                " c.executemany('insert into kv(queue, key, value) values (?, ?, ?)',"
                f" (('q', str(uuid.uuid4()), pickle.dumps(None)) for _ in range({seed}))); c.execute('commit');"
                " c.execute('pragma wal_checkpoint(truncate)')"
            )

    def _run(self, text: str) -> None:
        subprocess.run([self.python, "-c", f"import tasks; {text}"], cwd=self.place, check=True)

    def enqueue(self, n: int) -> None:
        self._run(f"[tasks.noop(k) for k in range({n})]")

    def drain(self, n: int) -> dict[str, float]:
        command = [str(Path(self.python).with_name("huey_consumer")), "tasks.huey", "-n", "-q", "-k", "process"]
        options = ["-w", str(self.workers), "-d", "0.01", "-m", "0.1"]
        ticks = self.place / "ticks"
        with (self.place / "log").open("wb") as log:
            consumer = subprocess.Popen([*command, *options], cwd=self.place, stdout=log, stderr=log)
        first = None
        try:
            while (done := ticks.stat().st_size if ticks.exists() else 0) < n:
                first = first or ((time.time(), done) if done else None)
                time.sleep(0.005)
            end = time.time()
            parent = psutil.Process(consumer.pid)
            times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
            begin, before = first or (end, 0)
            return {"speed": (n - before) / (end - begin), "cpu_us": 1e6 * sum(t.user + t.system for t in times) / n}
        finally:
            consumer.terminate()
            consumer.wait(30)

    def close(self) -> None:
        """Nothing is open."""


def measured(make: type[Ours] | type[Huey], place: Path, workers: int, n: int, seed: int) -> dict[str, float]:
    """One measurement in a place of its own."""
    system = make(place, workers, seed)
    try:
        begin = time.perf_counter()
        system.enqueue(n)
        enqueued = n / (time.perf_counter() - begin)
        return {"enqueue": enqueued, **system.drain(n)}
    finally:
        system.close()
        shutil.rmtree(place, ignore_errors=True)


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seeds", default="0,100000", help="finished items in the store; W5 wants 1000000 as well")
    parser.add_argument("--huey", default=str(HERE / "venvs/huey/bin/python"), help="an interpreter that has Huey")
    parser.add_argument("--place", help="directory to work in (default: a new one in TMPDIR)")
    parser.add_argument("--write", action="store_true", help="keep the table in bench/results/")
    given = parser.parse_args()
    Huey.python = given.huey
    systems: list[type[Ours] | type[Huey]] = [Ours]
    if Path(given.huey).exists():
        systems.append(Huey)
    else:
        print(f"there is no {given.huey}: Huey is left out (see the top of this file)", file=sys.stderr)
    base = Path(tempfile.mkdtemp(prefix="procession-functions-", dir=given.place))
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cpus, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}, {given.repeat} runs each, {given.calls} calls, SQLite synchronous = FULL",
        "",
        "| workload | Huey | Procession | ratio (median of pairs) | CPU µs a call: Huey, Procession |",
        "|---|---|---|---|---|",
    ]
    try:
        for seed in map(int, given.seeds.split(",")):
            for workers in (1, 2):
                rows: list[dict[str, dict[str, float]]] = []
                for turn in range(given.repeat):
                    got = {}
                    for make in systems[:: 1 if turn % 2 else -1]:
                        place = base / f"{make.name}-{seed}-{workers}-{turn}"
                        got[make.name] = measured(make, place, workers, given.calls, seed)
                    rows.append(got)
                    print(".", end="", flush=True, file=sys.stderr)
                lines.append(_line(f"{'W5' if seed else 'W3'} {workers} worker(s), {seed:,} finished", rows))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    text = "\n".join(lines)
    print("\n" + text)
    if given.write:
        target = HERE / "results" / f"{time.strftime('%Y-%m-%d')}-functions.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text + "\n")
        print(f"\nkept in {target}")


def _line(title: str, rows: list[dict[str, dict[str, float]]]) -> str:
    ours = statistics.median(row["procession"]["speed"] for row in rows)
    cpu = statistics.median(row["procession"]["cpu_us"] for row in rows)
    if "huey" not in rows[0]:
        return f"| {title}: drained/s | – | {ours:,.0f} | – | –, {cpu:.0f} |"
    peer = statistics.median(row["huey"]["speed"] for row in rows)
    ratio = statistics.median(row["procession"]["speed"] / row["huey"]["speed"] for row in rows)
    peer_cpu = statistics.median(row["huey"]["cpu_us"] for row in rows)
    return f"| {title}: drained/s | {peer:,.0f} | {ours:,.0f} | {ratio:.1f} | {peer_cpu:.0f}, {cpu:.0f} |"


if __name__ == "__main__":
    main()
