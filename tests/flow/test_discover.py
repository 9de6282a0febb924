"""Discovery: files that have arrived become events once, data that stop coming are told once."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from procession.commands import messages
from procession.model.message import Message
from procession.store import settings
from procession.store import tasks as task_rows
from tests.flow.driven import BEGINNING, Driven
from tests.waiting import eventually

Drive = Callable[..., Driven]

WATCH = """
[tasks.arrivals]
watch = "{project}/inbox/{sat}_*.h5"
emit = "scene"

[tasks.scene]
on = "scene"
run = "./one.sh {path}"
"""
OWN = """
[tasks.file]
watch = "inbox/*.h5"
run = "./one.sh {path}"
"""


def arrive(d: Driven, *names: str, text: str = "data", age: float = 0) -> None:
    """Files are there, last written so many seconds before the beginning of the test's clock."""
    inbox = d.root / "inbox"
    inbox.mkdir(exist_ok=True)
    for name in names:
        (inbox / name).write_text(text)
        at = BEGINNING.timestamp() - age
        os.utime(inbox / name, (at, at))


def look(d: Driven, seconds: float = 6) -> None:
    """Let a whole look pass: time goes by, it is made, and what it saw is taken in."""
    d.after(seconds)
    eventually(lambda: not d.post.looks.busy, what="the look has ended")
    d.turn()


def looks(d: Driven) -> None:
    look(d)
    look(d)


def events_of(d: Driven) -> list[tuple[str, str]]:
    return [tuple(row) for row in d.rows("SELECT name, key FROM event ORDER BY id")]


def told(d: Driven, kind: str) -> list[Message]:
    return [m for m in messages.newest(d.project, ended=True) if m.kind == kind]


# ── watch ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("P7", "M115")
def test_a_file_that_is_complete_becomes_an_event_with_its_named_parts(drive: Drive) -> None:
    d = drive(WATCH)
    arrive(d, "L8_1.h5", "other.txt")
    looks(d)
    (processing_id,) = [pid for pid in range(1, 3) if d.rows(f"SELECT id FROM processing WHERE id = {pid}")]
    found = d.get(processing_id)
    path = str(d.root / "inbox/L8_1.h5")
    assert (found.event, found.key, found.title, found.params["sat"]) == ("scene", path, "L8_1.h5", "L8")
    assert found.params["path"] == path
    assert (d.root / "inbox/L8_1.h5").read_text() == "data", "it is not moved"


@pytest.mark.feature("P7")
def test_a_file_that_is_still_written_is_not_taken_until_it_is_quiet(drive: Drive) -> None:
    d = drive(WATCH)
    arrive(d, "L8_1.h5")
    for n in range(5):
        with (d.root / "inbox/L8_1.h5").open("a") as file:
            file.write(f"more {n}")
        look(d, 3)
        assert events_of(d) == []
    (row,) = d.rows("SELECT growing, said FROM watch")
    assert row[0] == 1
    assert "L8_1.h5" in row[1]
    looks(d)
    assert len(events_of(d)) == 1
    assert list(d.rows("SELECT growing, said FROM watch")) == [(0, None)]


@pytest.mark.feature("P7", "M115")
def test_what_was_taken_is_not_taken_again_not_even_after_a_crash(drive: Drive) -> None:
    """The keys of events say what is new, and nothing else does."""
    d = drive(WATCH)
    arrive(d, "L8_1.h5", "L8_2.h5")
    looks(d)
    assert len(events_of(d)) == 2
    d.crash()
    arrive(d, "L8_3.h5")
    looks(d)
    looks(d)
    assert [Path(key).name for _, key in events_of(d)] == ["L8_1.h5", "L8_2.h5", "L8_3.h5"]
    assert d.rows("SELECT sum(repeats) FROM event")[0][0] == 0


@pytest.mark.feature("P7")
def test_a_task_with_steps_takes_the_files_itself(drive: Drive) -> None:
    d = drive(OWN)
    arrive(d, "a.h5")
    looks(d)
    assert d.get(1).task == "file"
    assert [name for name, _ in events_of(d)] == ["watch:file"]
    d.end(1)
    assert d.state(1) == "succeeded"


@pytest.mark.feature("P7")
def test_key_title_quiet_and_empty_are_as_the_file_says(drive: Drive) -> None:
    d = drive("""
        [tasks.arrivals]
        watch = "inbox/{sat}_{n}.h5"
        emit = "scene"
        key = "{sat}-{n}-{size}"
        title = "scene {n} of {sat}"
        quiet = "1 min"
        empty = true
        ignore = ["X*"]
    """)
    arrive(d, "L8_1.h5", "X8_1.h5", text="")
    looks(d)
    assert events_of(d) == []
    look(d, 60)
    assert events_of(d) == [("scene", "L8-1-0")]
    assert d.rows("SELECT title FROM event")[0][0] == "scene 1 of L8"
    arrive(d, "L8_1.h5", text="more")  # the same name with other content is a new event by this key
    look(d, 700)
    look(d, 61)
    assert [key for _, key in events_of(d)] == ["L8-1-0", "L8-1-4"]


@pytest.mark.feature("N12")
def test_files_that_were_there_and_old_when_the_watch_was_first_seen_are_backfill(drive: Drive) -> None:
    d = drive(WATCH)
    arrive(d, "L8_old.h5", age=2 * 86_400)
    arrive(d, "L8_new.h5", age=3_600)
    looks(d)
    by_name = {d.get(i).title: d.get(i).backfill for i in (1, 2)}
    assert by_name == {"L8_old.h5": True, "L8_new.h5": False}
    d.clock.advance(3 * 86_400)
    arrive(d, "L8_late.h5")  # now three days old, but it was not there in the beginning
    looks(d)
    assert not d.get(3).backfill


@pytest.mark.feature("P7")
def test_a_paused_watch_is_not_looked_at(drive: Drive) -> None:
    d = drive(WATCH)
    with d.project.store.begin() as tx:
        settings.put(tx, "pause:task:arrivals", "stop", "me", d.project.now())
    arrive(d, "L8_1.h5")
    looks(d)
    looks(d)
    assert events_of(d) == []
    with d.project.store.begin() as tx:
        settings.remove(tx, "pause:task:arrivals")
    looks(d)
    look(d)
    assert len(events_of(d)) == 1


@pytest.mark.feature("P7")
def test_a_pause_that_skips_goes_on_looking_and_what_arrives_is_skipped(drive: Drive) -> None:
    d = drive(OWN)
    with d.project.store.begin() as tx:
        settings.put(tx, "pause:task:file", "skip", "me", d.project.now())
    arrive(d, "a.h5")
    looks(d)
    look(d)
    assert len(events_of(d)) == 1
    assert [tuple(row) for row in d.rows("SELECT state FROM processing")] == [("skipped",)]


@pytest.mark.feature("P7", "M94")
def test_a_file_that_was_refused_and_is_gone_is_no_problem_any_more(drive: Drive) -> None:
    d = drive("""
        [tasks.arrivals]
        watch = "inbox/*.h5"
        emit = "scene"
        key = "{stem}{stem}{stem}{stem}{stem}{stem}"
    """)
    arrive(d, "b" * 200 + ".h5")
    looks(d)
    assert told(d, "watch")[0].ended_at is None
    (d.root / "inbox" / ("b" * 200 + ".h5")).unlink()
    look(d)
    assert told(d, "watch")[0].ended_at is not None


@pytest.mark.feature("P7", "M94")
def test_a_directory_that_is_missing_is_told_once_until_it_is_there(drive: Drive) -> None:
    d = drive(WATCH)
    for _ in range(3):
        look(d)
    (message,) = told(d, "watch")
    assert "does not exist" in message.text
    assert (message.n, message.ended_at, message.task) == (1, None, "arrivals")
    arrive(d, "L8_1.h5")
    looks(d)
    assert told(d, "watch")[0].ended_at is not None
    assert len(events_of(d)) == 1


@pytest.mark.feature("P7")
def test_a_file_that_cannot_be_an_event_never_stops_the_others(drive: Drive) -> None:
    d = drive("""
        [tasks.arrivals]
        watch = "inbox/*.h5"
        emit = "scene"
        key = "{stem}{stem}{stem}{stem}{stem}{stem}"
    """)
    arrive(d, "good.h5", "b" * 200 + ".h5")
    looks(d)
    assert len(events_of(d)) == 1
    (message,) = told(d, "watch")
    assert "was not taken" in message.text


@pytest.mark.feature("P7")
def test_a_task_that_misses_a_parameter_refuses_its_files_and_no_others(drive: Drive) -> None:
    d = drive("""
        [tasks.arrivals]
        watch = "inbox/*.h5"
        emit = "scene"
        [tasks.scene]
        on = "scene"
        where = "size > 4"
        run = "./one.sh {cloud}"
    """)
    arrive(d, "small.h5")
    arrive(d, "large.h5", text="a lot of data")
    looks(d)
    assert [Path(key).name for _, key in events_of(d)] == ["small.h5"]
    assert "{cloud} has no value" in told(d, "watch")[0].text


@pytest.mark.feature("P7")
def test_a_changed_definition_is_watched_by_at_once(drive: Drive) -> None:
    d = drive(WATCH)
    arrive(d, "L8_1.h5", "L8_1.nc")
    looks(d)
    d.write(WATCH.replace(".h5", ".nc"))
    d.project.refresh()
    looks(d)
    assert [Path(key).name for _, key in events_of(d)] == ["L8_1.h5", "L8_1.nc"]
    d.write(OWN.replace("file", "other").replace("inbox", "gone"))
    d.project.refresh()
    look(d)
    assert [row[0] for row in d.rows("SELECT name FROM watch")] == ["other"]


@pytest.mark.feature("P7")
def test_two_thousand_files_come_in_batches(drive: Drive) -> None:
    d = drive(WATCH)
    arrive(d, *(f"L8_{n:04d}.h5" for n in range(2050)))
    for _ in range(5):
        look(d)
    assert d.rows("SELECT count(*), count(DISTINCT key) FROM event")[0] == (2050, 2050)


# ── silence ────────────────────────────────────────────────────────────────────────────────────────

EXPECT = """
[tasks.scene]
on = "scene"
run = "./one.sh"
expect = { at_least = 1, per = "30 min" }
"""


@pytest.mark.feature("N13", "M26")
def test_silence_is_told_once_and_in_time_and_ends_when_data_come_again(drive: Drive) -> None:
    """N13: stop the source: one alarm, in time."""
    d = drive(EXPECT)
    for _ in range(20):  # ten minutes apart, so nothing is silent
        d.submit("scene")
        d.after(600)
    assert told(d, "silence") == []
    d.after(1199)
    assert told(d, "silence") == []
    d.after(1)
    (message,) = told(d, "silence")
    assert message.task == "scene"
    assert message.needs_person_at == d.project.now()
    assert "no event in 30 min" in message.text
    for _ in range(50):
        d.after(600)
    assert [m.n for m in told(d, "silence")] == [1]
    d.submit("scene")
    d.turn()
    assert told(d, "silence")[0].ended_at == d.project.now()
    d.after(1800)
    assert len(told(d, "silence")) == 2, "the next silence is another one"


@pytest.mark.feature("N13")
def test_a_task_that_never_had_data_is_silent_after_its_span(drive: Drive) -> None:
    d = drive(EXPECT)
    d.turn()
    d.after(1799)
    assert told(d, "silence") == []
    d.after(1)
    assert "none has come yet" in told(d, "silence")[0].text


@pytest.mark.feature("N13")
def test_fewer_than_expected_is_silence_too(drive: Drive) -> None:
    d = drive(EXPECT.replace("at_least = 1", "at_least = 3"))
    for _ in range(3):
        d.submit("scene")
    d.turn()
    d.after(1700)
    d.submit("scene")
    d.after(99)
    assert told(d, "silence") == []
    d.after(1)
    assert "fewer than 3 events in 30 min" in told(d, "silence")[0].text


@pytest.mark.feature("N13")
def test_what_is_paused_is_not_silent_and_is_counted_anew_afterwards(drive: Drive) -> None:
    d = drive(EXPECT)
    d.turn()
    with d.project.store.begin() as tx:
        settings.put(tx, "pause", "stop", "me", d.project.now())
    for _ in range(8):
        d.after(600)
    assert told(d, "silence") == []
    with d.project.store.begin() as tx:
        settings.remove(tx, "pause")
    d.after(1799)
    assert told(d, "silence") == []
    d.after(1)
    assert len(told(d, "silence")) == 1


@pytest.mark.feature("N13")
def test_hours_without_a_launcher_are_no_silence_but_a_short_restart_is_not_a_new_beginning(drive: Drive) -> None:
    d = drive(EXPECT)
    d.submit("scene")
    d.turn()
    d.leave()
    d.clock.advance(6 * 3600)
    d.launch()
    d.turn()
    assert told(d, "silence") == []
    for _ in range(5):
        d.after(300)
        d.crash()
    d.after(299)
    assert told(d, "silence") == []
    d.after(1)
    assert len(told(d, "silence")) == 1
    d.crash()
    d.turn()
    assert [m.ended_at for m in told(d, "silence")] == [None], "a restart is no data"


@pytest.mark.feature("N13")
def test_versions_that_people_make_are_no_data(drive: Drive) -> None:
    d = drive(EXPECT)
    with d.project.store.read() as tx:
        assert task_rows.first_seen(tx)["scene"] == d.project.now()


# ── sets by files, with a launcher that is killed in the middle ────────────────────────────────────


@pytest.mark.feature("N9", "M115")
def test_a_hundred_and_forty_four_files_in_random_order_become_one_event_for_each_slot(drive: Drive) -> None:
    """N9's test, with the clock by hand; test_sets.py has the one with real processes."""
    d = drive("""
        [tasks.arrivals]
        watch = "inbox/{time}_{segment}.h5"
        emit = "segment"
        [sets.slot]
        pieces = { event = "segment", by = "{time}", piece = "{segment}", wanted = 24, timeout = "1 day" }
        [tasks.scene]
        on = "slot"
        run = "./one.sh {time}"
    """)
    chance = random.Random(7)
    names = [f"{hour:02d}00_{segment}.h5" for hour in range(6) for segment in range(1, 25)]
    chance.shuffle(names)
    for n in range(0, 144, 36):
        arrive(d, *names[n : n + 36])
        looks(d)
        d.crash()
    looks(d)
    rows: list[Any] = d.rows("SELECT key, params FROM event WHERE name = 'slot' ORDER BY key")
    assert [row[0] for row in rows] == [f"{hour:02d}00" for hour in range(6)]
    assert d.rows("SELECT count(*) FROM processing WHERE task = 'scene'")[0][0] == 6
