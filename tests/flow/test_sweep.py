"""What is used goes, what is wanted stays, and the disk budget is kept (N3, M75, M76, P21)."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from procession.clock import micros
from procession.commands import debug, disk, messages, processings, reasons, steps
from procession.commands.disk import preview
from procession.errors import NotFound, Refused, StorageFull
from procession.flow import cleaning
from procession.store import audit, bridges, settings, tallies, tombstones
from procession.store.events import known_keys, take_keys
from procession.workdir import ENTERED, hold
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("N3", "M75", "M76", "P21")

ONE = """
[work]
keep = { succeeded = "1 h", failed = "2 h", cancelled = "1 h", failed_at_least = 1, logs = "1 day", rows = "2 days" }
[tasks.t]
on = "e"
run = "sh one.sh"
"""
HUGE = 10**17
"""Bytes that no disk of a test has."""


def did(d: Driven, code: int = 0, size: int = 100_000) -> int:
    """A processing that has run, wrote so much, and ended with this code."""
    processing_id = d.born()
    d.turn()
    write(d, processing_id, size)
    d.end(processing_id, code)
    return processing_id


def write(d: Driven, processing_id: int, size: int) -> None:
    files = d.project.var.files(processing_id)
    files.mkdir(parents=True, exist_ok=True)
    (files / "data").write_bytes(os.urandom(size))
    attempt = d.project.var.attempt(processing_id, 1, "one", 1)
    attempt.mkdir(parents=True, exist_ok=True)
    (attempt / "log").write_text("said\n")


def files(d: Driven, *ids: int) -> list[bool]:
    """Are the working files there?"""
    return [(d.project.var.files(i) / "data").exists() for i in ids]


def set_to(d: Driven, name: str, value: float | None) -> None:
    with d.project.store.begin() as tx:
        settings.put(tx, name, value, "test", d.project.now())


def test_a_directory_is_measured_soon_after_its_end(drive: Drive) -> None:
    d = drive(ONE)
    pid = did(d, size=200_000)
    assert d.get(pid).bytes is None
    d.after(6)
    found = d.get(pid).bytes
    assert found is not None
    assert 200_000 <= found < 250_000


def test_files_then_logs_then_rows_go_by_age_and_the_books_balance(drive: Drive) -> None:
    d = drive(ONE)
    good, bad, worse = did(d), did(d, 1), did(d, 1)
    d.after(6)
    d.after(3500)
    assert files(d, good, bad, worse) == [True] * 3
    d.after(200)
    assert files(d, good, bad, worse) == [False, True, True]
    assert d.get(good).cleaned_at is not None
    assert "processing clean" in d.verbs(good)
    d.after(3700)
    assert files(d, bad, worse) == [False, True], "the newest failure stays, whatever its age"
    log = d.project.var.attempt(good, 1, "one", 1) / "log"
    assert log.exists()
    d.after(86_400)
    assert not log.exists()
    assert d.state(good) == "succeeded"
    d.after(86_400)
    with pytest.raises(NotFound):
        d.get(good)
    for table, column in (("step", "processing_id"), ("attempt", "processing_id"), ("processing", "id")):
        assert {row[0] for row in d.rows(f"SELECT {column} FROM {table}")} == {worse}
    assert [row.id for row in d.rows("SELECT id FROM event")] == [d.get(worse).event_id]
    with d.project.store.read() as tx:
        counted = tallies.totals(tx, "task")["t"]
    assert counted == {"matched": 3, "succeeded": 0, "failed": 1, "deleted": 2}
    noted = d.rows("SELECT reason FROM journal WHERE verb = 'forget'")
    assert [row.reason for row in noted] == ["2 of task t: older than [work] keep.rows"]


def test_it_cleans_and_forgets_on_postgresql_as_well(tables_url: str, drive: Drive) -> None:
    d = drive(ONE, database=tables_url)
    good, bad, worse = did(d), did(d, 1), did(d, 1)
    d.after(6)
    assert d.get(good).bytes
    disk.pin(d.project, [good], pinned=True)
    disk.pin(d.project, [good], pinned=False)
    assert disk.look(d.project).used > 300_000
    for _ in range(5):
        d.after(43_200)
    assert [row.id for row in d.rows("SELECT id FROM processing")] == [worse]
    assert [row.id for row in d.rows("SELECT id FROM event")] == [d.get(worse).event_id]
    assert files(d, good, bad, worse) == [False, False, True]
    set_to(d, "max_total", 1.0)
    waits = d.born()
    d.turn()
    assert reasons.why(d.project, waits).code == "too_much_disk"
    assert disk.look(d.project).standing.used > 100_000


def test_old_lines_of_the_audit_go_with_old_rows_and_the_younger_stay(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_audit(drive(ONE), monkeypatch)


def test_old_lines_of_the_audit_go_on_postgresql_too(
    tables_url: str, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_audit(drive(ONE, database=tables_url), monkeypatch)


def check_audit(d: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PIECE", 3)
    line = {"by": "ann", "via": "cli", "verb": "retry", "asked": "{}", "outcome": "done"}
    day = 86_400_000_000
    with d.project.store.begin() as tx:
        audit.add(tx, [{**line, "at": d.project.now() - days * day} for days in (9, 8, 7, 6, 5, 4, 3, 1, 0)])
    d.after(6)
    d.after(60)
    with d.project.store.read() as tx:
        assert len(audit.page(tx, before=None, limit=100)) == 2, "[work] keep.rows is two days"


def test_what_no_broker_took_and_cancels_of_what_never_came_go_in_their_time(drive: Drive) -> None:
    """G35; what still waits to be published stays."""
    d = drive(ONE)
    day, now = 86_400_000_000, d.project.now()
    row = {"bridge": "b", "processing_id": 1, "destination": "/queue/q", "key": None, "body": "{}"}
    stone = {"at": now, "by": "ann", "reason": None, "event_id": None}
    with d.project.store.begin() as tx:
        bridges.add(tx, [{**row, "made_at": now - days * day, "due_at": due} for days in (9, 1) for due in (None, now)])
        for key, until in (("over", now + 1), ("holds", now + day)):
            take_keys(tx, [{"name": "e", "key": key, "event_id": tombstones.NOBODY, "payload": ""}])
            tombstones.add(tx, name="e", key=key, until_at=until, **stone)
    d.after(6)
    d.after(60)
    asked = [{"name": "e", "key": key} for key in ("over", "holds")]
    with d.project.store.read() as tx:
        assert bridges.waiting(tx) == {"b": (2, 1)}
        assert list(known_keys(tx, asked)) == [("e", "holds")]
        assert list(tombstones.of(tx, [("e", "over"), ("e", "holds")])) == [("e", "holds")]


def test_a_key_outlives_its_event(drive: Drive) -> None:
    d = drive(ONE)
    first = d.submit(key="k")
    d.turn()
    d.end(first.processings[0])
    d.after(6)
    for _ in range(4):
        d.after(86_400)
    assert not d.rows("SELECT id FROM event")
    again = d.submit(key="k")
    assert again.duplicate
    assert again.event_id == first.event_id


def test_a_changed_rule_holds_for_what_is_there_and_a_preview_says_so(drive: Drive) -> None:
    """M76: retroactive, with a preview."""
    d = drive(ONE)
    good = did(d)
    d.after(6)
    d.after(1800)
    assert preview(d.project) == []
    d.write(ONE.replace('"1 h"', '"10 min"'))
    d.project.refresh()
    (going,) = preview(d.project)
    assert (going.kept.id, going.what) == (good, "files")
    assert files(d, good) == [True], "a preview deletes nothing"
    d.after(61)
    assert files(d, good) == [False]


def test_what_is_pinned_entered_running_or_waiting_stays(drive: Drive) -> None:
    d = drive(ONE)
    pinned, entered = did(d), did(d)
    running = d.born()
    d.turn()
    write(d, running, 10)
    disk.pin(d.project, [pinned], pinned=True)
    person = hold(d.project.var.work(entered) / ENTERED)
    assert person is not None
    d.after(6)
    d.after(90_000)
    assert files(d, pinned, entered, running) == [True] * 3
    os.close(person)
    disk.pin(d.project, [pinned], pinned=False)
    d.after(61)
    assert files(d, pinned, entered, running) == [False, False, True]
    assert [verb for verb in d.verbs(pinned) if "pin" in verb] == ["processing pin", "processing unpin"]


def test_pinning_is_all_or_nothing_and_refused_where_nothing_is_left(drive: Drive) -> None:
    d = drive(ONE)
    one = did(d)
    with pytest.raises(NotFound, match="no processing 99"):
        disk.pin(d.project, [one, 99], pinned=True)
    assert d.get(one).pinned_at is None
    d.after(6)
    d.after(3700)
    with pytest.raises(Refused, match="gone already"):
        disk.pin(d.project, [one], pinned=True)


def test_what_goes_on_with_removed_files_is_told_so(drive: Drive) -> None:
    d = drive(ONE.replace("failed_at_least = 1", "failed_at_least = 0"))
    bad = did(d, 1)
    d.after(6)
    d.after(7300)
    assert files(d, bad) == [False]
    for act in (
        lambda: steps.accept(d.project, bad, None, ""),
        lambda: debug.enter(d.project, bad, None),
    ):
        with pytest.raises(Refused, match="procession restart"):
            act()
    assert d.state(bad) == "failed"
    processings.retry(d.project, bad)  # all of it runs anew, so nothing is missed
    assert d.state(bad) == "waiting"


def test_a_retry_that_comes_first_keeps_its_files(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the choice and the lock: the state under the lock counts."""
    d = drive(ONE.replace("failed_at_least = 1", "failed_at_least = 0"))
    bad = did(d, 1)
    d.after(6)
    chosen = cleaning.aged_files

    def choose(*given: Any) -> Any:
        found = chosen(*given)
        if found:
            processings.retry(d.project, bad)
        return found

    monkeypatch.setattr(cleaning, "aged_files", choose)
    d.after(7300)
    assert files(d, bad) == [True]
    assert d.state(bad) in ("waiting", "running")
    assert d.get(bad).cleaned_at is None


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_crash_while_it_cleans_is_put_right(drive: Drive, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the files are in the trash, before and after the row says so."""
    d = drive(ONE)
    good = did(d)
    d.after(6)
    trash = cleaning.Trash(d.project.var.root)
    trash.take_files(good, d.rows(f"SELECT finished_at FROM processing WHERE id = {good}")[0][0])
    if where == "after":
        with d.project.store.begin() as tx:
            cleaning.store.set_cleaned(tx, [good], d.project.now())
    d.crash()
    d.after(6)
    assert d.get(good).cleaned_at is not None
    assert not os.listdir(d.project.var.root / "trash")


def test_what_an_earlier_run_left_in_the_trash_says_nothing_of_a_later_one(drive: Drive) -> None:
    d = drive(ONE.replace("failed_at_least = 1", "failed_at_least = 0"))
    bad = did(d, 1)
    d.after(6)
    (before,) = d.rows(f"SELECT finished_at FROM processing WHERE id = {bad}")
    trash = cleaning.Trash(d.project.var.root)
    trash.take_files(bad, before[0])
    (old,) = trash.root.iterdir()
    d.clock.advance(60)
    processings.retry(d.project, bad)
    d.turn()
    write(d, bad, 1000)
    d.end(bad, 1)
    old.mkdir(exist_ok=True)  # as if it could not be removed
    d.crash()
    d.after(6)
    assert files(d, bad) == [True]
    assert d.get(bad).cleaned_at is None


def test_a_clock_that_was_moved_deletes_nothing(drive: Drive) -> None:
    d = drive(ONE)
    good = did(d)
    d.after(6)
    d.clock.jump(10 * 365 * 86_400)
    d.after(3700)
    assert files(d, good) == [True]
    d.after(86_400)
    assert files(d, good) == [False], "after a day it is believed"


# ── the budget ─────────────────────────────────────────────────────────────────────────────────────

SAID = """
[work]
max_total = "1 MB"
keep = { failed_at_least = 1 }
[tasks.t]
on = "e"
disk = "300 kB"
run = "sh one.sh"
"""


def test_no_more_begin_than_fit_by_what_is_expected(drive: Drive) -> None:
    d = drive(SAID)
    ids = [d.born() for _ in range(5)]
    d.turn()
    assert d.claimed() == ids[:3]
    why = reasons.why(d.project, ids[3])
    assert why.code == "disk"
    assert "300 kB" in why.sentence
    assert reasons.why(d.project, ids[4]).code == "disk"


def test_the_least_valuable_goes_for_what_waits_and_no_more(drive: Drive) -> None:
    d = drive(SAID)
    good, bad, worse = did(d, size=290_000), did(d, 1, size=290_000), did(d, 1, size=290_000)
    d.after(6)
    waits = d.born()
    d.turn()
    d.after(1)
    assert files(d, good, bad, worse) == [False, True, True]
    d.turn()
    assert d.claimed() == [waits]
    another = d.born()
    d.turn()
    d.after(1)
    assert files(d, bad, worse) == [False, True], "a failure beyond those that stay"
    d.turn()
    assert d.claimed() == [waits, another]
    third = d.born()
    d.after(1)
    d.after(1)
    assert files(d, worse) == [True], "the last failure stays, however much is wanted"
    assert reasons.why(d.project, third).code == "disk"


def test_one_that_has_to_go_takes_nobody_with_it_where_the_sum_is_not_made_anew(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With very many rows the sum is made rarely; what was cleaned is off it all the same."""
    monkeypatch.setattr("procession.sweeper.SHARE", 1e12)
    d = drive(SAID)
    ids = [did(d, size=290_000) for _ in range(3)]
    d.after(6)
    assert files(d, *ids) == [True] * 3
    d.born()
    d.turn()
    d.after(1)
    d.after(3)
    assert files(d, *ids) == [False, True, True]


def test_sizes_are_learned_and_one_runs_until_the_first_is_known(drive: Drive) -> None:
    d = drive(SAID.replace('disk = "300 kB"\n', ""))
    ids = [d.born() for _ in range(6)]
    d.turn()
    assert d.claimed() == ids[:1]
    assert reasons.why(d.project, ids[1]).code == "disk_unknown"
    write(d, ids[0], 200_000)
    d.end(ids[0])
    d.after(1)
    d.turn()
    assert len(d.claimed()) == 3, "200 kB are taken, three of 226 kB fit into the rest"


def test_begun_processings_finish_first(drive: Drive) -> None:
    d = drive(SAID.replace('run = "sh one.sh"', 'steps = ["sh one.sh", "sh two.sh"]'), cpus=1)
    one = d.born()
    d.turn()
    other = d.born()
    write(d, one, 1_500_000)
    d.after(3)
    assert reasons.why(d.project, other).code in ("disk", "cpus")
    d.end(one)
    assert d.claimed() == [one], "its second step, whatever the budget says"
    assert d.step(one, 2).state == "running"


def test_what_runs_counts_with_what_it_has_still_to_write(drive: Drive) -> None:
    d = drive(SAID)
    one = d.born()
    d.turn()
    d.after(3)
    assert disk.look(d.project).standing.committed > 290_000
    write(d, one, 250_000)
    d.after(3)
    assert disk.look(d.project).standing.committed < 60_000


def test_what_can_never_fit_says_so_and_holds_up_nobody(drive: Drive) -> None:
    d = drive(SAID + '[tasks.large]\non = "l"\ndisk = "2 MB"\nrun = "sh one.sh"\n')
    large, small = d.born("l"), d.born("e")
    d.turn()
    assert d.claimed() == [small]
    assert reasons.why(d.project, large).code == "too_much_disk"


def test_keep_free_and_max_total_hold_over_the_file_once_they_are_set(drive: Drive) -> None:
    d = drive(ONE)
    set_to(d, "keep_free", HUGE)
    waits = d.born()
    d.turn()
    assert d.claimed() == []
    assert reasons.why(d.project, waits).code == "too_much_disk"
    with d.project.store.begin() as tx:
        settings.remove(tx, "keep_free")
    d.turn()
    assert d.claimed() == [waits]


@pytest.mark.feature("P34")
def test_below_the_reserve_nothing_starts_nothing_is_taken_in_and_ends_are_recorded(drive: Drive) -> None:
    """G28: and everything goes on by itself."""
    d = drive(ONE)
    runs = d.born()
    d.turn()
    waits = d.born()
    d.write(ONE.replace("[work]\n", f"[work]\nreserve = {HUGE}\n") + '[tasks.p]\nevery = "1 min"\nrun = "sh one.sh"\n')
    d.project.refresh()
    with pytest.raises(StorageFull, match="submit it again") as refused:
        d.born()
    assert refused.value.exit_code == 7
    d.executor.begin(d.key(runs))
    d.executor.end(d.key(runs), 0)
    d.after(120)
    assert d.state(runs) == "succeeded"
    assert d.state(waits) == "waiting"
    assert reasons.why(d.project, waits).code == "disk_full"
    assert len(d.rows("SELECT id FROM event")) == 2, "timetables bring nothing either"
    d.write(ONE)
    d.project.refresh()
    d.after(30)
    assert d.state(waits) == "running"


def test_a_preview_says_what_a_smaller_budget_deletes(drive: Drive) -> None:
    """M76"""
    d = drive(SAID)
    good, bad, worse = did(d, size=200_000), did(d, 1, size=200_000), did(d, 1, size=200_000)
    d.after(6)
    set_to(d, "max_total", 300_000)
    going = preview(d.project)
    assert [each.kept.id for each in going] == [good, bad]
    assert "too much" in going[0].why
    d.after(3)
    assert files(d, good, bad, worse) == [False, False, True]


def test_a_pass_can_be_asked_for(drive: Drive) -> None:
    d = drive(ONE)
    good = did(d)
    d.after(6)
    d.clock.advance(3700)
    d.leave()
    assert disk.clean(d.project) is False
    assert files(d, good) == [False]
    d.launch()


def test_the_picture_says_who_takes_what_and_what_goes_next(drive: Drive) -> None:
    d = drive(SAID)
    good, bad = did(d, size=100_000), did(d, 1, size=200_000)
    d.after(6)
    found = disk.look(d.project)
    assert {(task, str(state), n) for task, state, n, _ in found.usage} == {("t", "succeeded", 1), ("t", "failed", 1)}
    assert [kept.id for kept in found.largest] == [bad, good]
    assert [kept.id for kept in found.next] == [good]
    assert found.used == sum(kept.bytes for kept in found.largest)
    assert found.standing.room == 1_000_000 - found.used
    assert found.full is None


def test_retention_counts_from_the_end(drive: Drive) -> None:
    d = drive(ONE)
    good = did(d)
    d.after(6)
    ended = micros(d.clock.now() - timedelta(seconds=6))
    assert abs(d.rows(f"SELECT finished_at FROM processing WHERE id = {good}")[0][0] - ended) < 1_000_000


def test_nothing_outside_is_touched(drive: Drive, tmp_path: Path) -> None:
    """G30, I19, B22."""
    d = drive(ONE)
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "file").write_text("precious")
    good = did(d)
    work = d.project.var.work(good)
    (d.project.var.files(good) / "out").symlink_to(canary)
    d.after(6)
    work.rename(tmp_path / "elsewhere")
    work.symlink_to(canary)
    d.after(3700)
    assert d.get(good).cleaned_at is not None
    assert (canary / "file").read_text() == "precious"
    assert not work.is_symlink()
    assert (tmp_path / "elsewhere/files/data").exists()


@pytest.mark.feature("N3", "M94")
def test_a_disk_at_its_floor_is_told_as_long_as_it_lasts(drive: Drive) -> None:
    d = drive(ONE)
    d.turn()
    assert messages.newest(d.project) == []
    d.write(ONE.replace("[work]", '[work]\nreserve = "90 PB"'))
    d.project.refresh()
    d.after(6)
    (told,) = messages.newest(d.project)
    assert told.kind == "disk"
    assert "nothing starts" in told.text
    d.write(ONE)
    d.project.refresh()
    d.after(6)
    assert messages.newest(d.project) == [], "there is room again"


def test_a_start_with_a_clock_far_ahead_deletes_nothing_for_its_age(drive: Drive) -> None:
    """A machine that boots before it knows the time."""
    d = drive(ONE)
    one = did(d)
    d.after(6)
    d.leave()
    d.clock.jump(10 * 365 * 86_400)
    d.launch()
    d.after(6)
    d.after(6)
    assert files(d, one) == [True]
    assert d.state(one) == "succeeded"
    d.after(86_401)
    d.after(6)
    assert files(d, one) == [False], "a day later it is believed"
