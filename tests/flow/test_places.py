"""Several places on one database: each cleans, measures and counts what is its own, and nothing of another's."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from procession.commands import batches, claims, disk, hosts, instances
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from procession.errors import Refused
from procession.store import launchers, places
from tests.flow.driven import Driven
from tests.flow.invariants import check
from tests.waiting import eventually

pytestmark = pytest.mark.feature("P19", "M75", "N3")
FILE = """
[work]
keep = { succeeded = "1 h", failed = "1 h", failed_at_least = 0, logs = "1 day", rows = "2 days" }
[tasks.t]
on = "e"
run = "sh one.sh"
[tasks.call]
on = "c"
function = "handlers.work"
"""
WHO = Asked("somebody")
Two = tuple[Driven, Driven]


@pytest.fixture
def two(tmp_path: Path, tables_url: str) -> Iterator[Callable[..., Two]]:
    """Make two projects with a place each on one database."""
    opened: list[Driven] = []

    def make(toml: str = FILE, **options: Any) -> Two:
        for name in ("a", "b"):
            opened.append(Driven(tmp_path / name, toml, database=tables_url, **options))
            opened[-1].turn()
        return opened[0], opened[1]

    yield make
    for each in opened:
        check(each)
        each.close()


def did(d: Driven, size: int = 100_000, code: int = 0) -> int:
    """A processing that ran at this place, wrote so much, and ended."""
    pid = d.born("e")
    d.turn()
    fill(d, pid, size)
    d.end(pid, code)
    return pid


def fill(d: Driven, pid: int, size: int = 1000) -> None:
    """Files and a log of a processing at this place."""
    (files := d.project.var.files(pid)).mkdir(parents=True, exist_ok=True)
    (files / "data").write_bytes(os.urandom(size))
    (attempt := d.project.var.attempt(pid, 1, "one", 1)).mkdir(parents=True, exist_ok=True)
    (attempt / "log").write_text("said\n")


def pass_(a: Driven, b: Driven, seconds: float, *turning: Driven) -> None:
    """Time passes for both; only some of them turn, twice, so that what one look finds the next can clean."""
    for each in (a, b):
        each.clock.advance(seconds)
    for each in turning:
        each.turn()
        each.clock.advance(61)
        each.turn()
    behind = max(a.clock.now(), b.clock.now())
    for each in (a, b):
        each.clock.advance((behind - each.clock.now()).total_seconds())


def row(d: Driven, pid: int) -> Any:
    found = d.rows(f"SELECT place, bytes, cleaned_at FROM processing WHERE id = {pid}")
    return found[0] if found else None


def test_a_launcher_measures_and_cleans_only_what_is_at_its_place(two: Callable[..., Two]) -> None:
    a, b = two()
    pid = did(a)
    pass_(a, b, 2 * 3600, b)
    found = row(b, pid)
    assert found.place == a.post.place
    assert found.cleaned_at is None
    assert disk.look(b.project).used == 0
    pass_(a, b, 10, a)
    assert row(a, pid).cleaned_at is not None
    assert not (a.project.var.files(pid) / "data").exists()
    pass_(a, b, 5 * 86400, b)
    assert row(b, pid) is not None, "the logs are at the other place"
    pass_(a, b, 2 * 86400, a)
    pass_(a, b, 2 * 86400, a)
    assert row(a, pid) is None
    assert not a.project.var.work(pid).exists()


def test_the_budget_of_a_place_counts_what_is_there(two: Callable[..., Two]) -> None:
    a, b = two(FILE.replace("[work]", '[work]\nmax_total = "150 kB"'))
    for each in (a, b):
        each.clock.advance(1)
    mine = did(a)
    a.after(5)
    b.after(5)
    assert disk.look(a.project).used >= 100_000
    assert disk.look(b.project).used == 0
    yours = did(b)
    b.after(5)
    a.after(5)
    assert (row(a, mine).cleaned_at, row(b, yours).cleaned_at) == (None, None)


def test_rows_of_a_place_that_is_gone_stay_until_it_is_given_up(two: Callable[..., Two]) -> None:
    a, b = two()
    pid = did(a)
    a.turn()
    place = a.post.place
    with b.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE launcher SET name = 'gone' WHERE place = '{place}'")
    with pytest.raises(Refused, match="heard of"):
        hosts.give_up(b.project, "gone", WHO)
    a.leave()
    pass_(a, b, 9 * 86400, b)
    assert row(b, pid).cleaned_at is None
    with b.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE launcher SET name = 'gone', stopped_at = 1 WHERE place = '{place}'")
    hosts.give_up(b.project, "gone", WHO)
    assert row(b, pid).place is None
    assert row(b, pid).cleaned_at is not None
    pass_(a, b, 10, b)
    pass_(a, b, 10, b)
    assert row(b, pid) is None
    assert (a.project.var.files(pid) / "data").exists(), "nobody could reach it"
    a.launch()
    pass_(a, b, 10, a)
    pass_(a, b, 90_000, a)
    assert not a.project.var.work(pid).exists(), "it came back, and no row knows of it"


def test_who_comes_back_has_what_was_given_up_and_is_still_known(two: Callable[..., Two]) -> None:
    a, b = two()
    pid = did(a)
    a.turn()
    place = a.post.place
    a.leave()
    with b.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE launcher SET name = 'gone', stopped_at = 1 WHERE place = '{place}'")
    hosts.give_up(b.project, "gone", WHO)
    a.launch()
    pass_(a, b, 100, a)
    found = row(a, pid)
    assert (found.place, found.cleaned_at) == (place, None)
    assert found.bytes >= 100_000


def test_what_went_on_elsewhere_leaves_nothing_behind(two: Callable[..., Two]) -> None:
    a, b = two()
    pid = did(a)
    a.turn()
    shutil.copytree(a.project.var.work(pid), b.project.var.work(pid))
    with b.project.store.begin() as tx:
        places.unsettle(tx, [pid])
        places.settle(tx, [pid], b.post.place)
    pass_(a, b, 700, a)
    assert not (a.project.var.files(pid) / "data").exists()
    log = a.project.var.attempt(pid, 1, "one", 1) / "log"
    assert log.exists(), "its log stays as long as those of the others"
    assert (b.project.var.files(pid) / "data").exists()
    for _ in range(3):
        pass_(a, b, 3 * 86400, b)
    pass_(a, b, 700, a)
    assert not a.project.var.work(pid).exists()


def test_a_directory_from_before_a_restore_is_left_alone(two: Callable[..., Two]) -> None:
    a, b = two()
    fill(a, 4711)
    with a.project.store.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE installation SET incarnation = 'restored'")
    old = a.project.var.work(4711)
    pass_(a, b, 700, a)
    assert old.exists(), "this place did not know the database when it was made"
    fill(a, 4712)
    pass_(a, b, 700, a)
    assert old.exists()
    assert not a.project.var.work(4712).exists()


@pytest.mark.feature("M87")
def test_a_call_that_had_begun_at_a_place_whose_launcher_is_gone_is_lost_and_counted(two: Callable[..., Two]) -> None:
    a, b = two(f"{FILE}retry = {{ attempts = 1 }}\n", launcher="workers = 1")
    (a.root / "handlers.py").write_text(
        "import os\ndef work(inputs):\n    while not os.path.exists(inputs['gate']): pass\n"
    )
    (a.root / "open").touch()
    for _ in range(20):  # short ones, so that some are claimed ahead
        last = a.born("c", gate=str(a.root / "open"))
    a.until("succeeded", processing_id=last)
    first, second = (a.born("c", gate=str(a.root / "gate")) for _ in range(2))
    eventually(lambda: (a.turn(), a.calls.running())[1], what="the first has begun")
    assert a.outcomes(second) == [None], "it is claimed ahead"
    with b.project.store.begin() as tx:
        tx.connection.exec_driver_sql(
            f"UPDATE launcher SET var = '{a.project.var.root}' WHERE place = '{a.post.place}' AND stopped_at IS NULL"
        )
    a.leave()
    b.after(5)
    assert (b.state(first), b.outcomes(first)) == ("failed", ["lost"])
    assert b.outcomes(second)[0] == "void"
    assert not list((a.project.var.root / "calls").glob("*-*")), "nobody needs its boards any more"
    a.launch()


def test_a_call_that_made_a_directory_belongs_to_where_it_is(two: Callable[..., Two]) -> None:
    a, b = two()
    (a.root / "handlers.py").write_text("def work(): return 1")
    pid = a.born("c")
    a.until("succeeded", processing_id=pid)
    fill(a, pid, 5000)
    pass_(a, b, 10, b)
    pass_(a, b, 700, a)
    assert row(a, pid).place == a.post.place
    assert row(a, pid).bytes >= 5000


@pytest.mark.feature("M60")
def test_every_timetable_batch_and_message_is_served_once_by_launchers_at_a_time(two: Callable[..., Two]) -> None:
    """G8, I1: two launchers turn at the same moment, again and again; a turn that met the other is taken apart."""
    tick = '[tasks.tick]\nevery = "10 s"\nrun = "sh one.sh"\n'
    quiet = '[tasks.quiet]\non = "q"\nexpect = { at_least = 1, per = "5 s" }\nrun = "sh one.sh"\n'
    a, b = two(FILE + tick + quiet)
    ids = [a.born("e") for _ in range(60)]
    made = batches.begin(a.project, "hold", "task:t", {}, "eva")
    for _ in range(12):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Driven.turn, (a, b)))
        for each in (a, b):
            for key in each.begin():
                each.executor.end(key, 0)
            each.clock.advance(5)
    found = batches.get(b.project, made.id)
    assert (found.done + found.refused, found.total) == (60, 60)
    held = a.rows("SELECT processing_id FROM journal WHERE verb = 'hold'")
    assert len(held) == len(set(held)) == found.done <= len(ids)
    ticks = a.rows("SELECT e.key, e.repeats FROM event e JOIN processing p ON p.event_id = e.id WHERE p.task = 'tick'")
    assert len(ticks) >= 3
    assert {row.repeats for row in ticks} == {0}
    assert len({row.key for row in ticks}) == len(ticks)
    silences = a.rows("SELECT id FROM message WHERE kind = 'silence' AND ended_at IS NULL")
    assert len(silences) == 1


@pytest.mark.feature("M114", "P30")
def test_a_launcher_that_is_silent_is_told_once_and_once_when_it_is_back(two: Callable[..., Two]) -> None:
    a, b = two(FILE)

    def told() -> list[bool]:
        """Of each message about a launcher: has it ended?"""
        found = a.rows("SELECT ended_at IS NOT NULL AS over FROM message WHERE kind = 'host' ORDER BY id")
        return [bool(over) for (over,) in found]

    def beat() -> None:
        with b.project.store.begin() as tx:
            launchers.beat(tx, b.post.launcher_id, b.project.now())

    for _ in range(30):
        a.after(50)
    assert told() == [False], "however long it lasts"
    a.crash()
    for _ in range(3):
        a.after(5)
    assert told() == [False], "who has just begun to listen does not know better"
    beat()
    a.after(5)
    assert told() == [True]
    for _ in range(30):
        a.after(50)
    assert told() == [True, False]


@pytest.mark.feature("M23")
def test_the_common_queue_has_one_name_for_whoever_claims(two: Callable[..., Two]) -> None:
    a, _ = two(FILE + "[tasks.Sum]\noutside = true\n")
    instances.submit_all(a.project, "Sum", [NewInstance(key, [key]) for key in ("x", "y")], WHO)
    assert claims.claim(a.project, "w", queues=["other"]) == []
    assert [each.key for each in claims.claim(a.project, "w", queues=["general"])] == ["x"]
    assert [each.key for each in claims.claim(a.project, "w", queues=[""])] == ["y"]
