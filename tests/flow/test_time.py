"""Cron and periods in the launcher: daylight saving, downtime, clocks that jump; one event per nominal time (I16)."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flow.driven import BEGINNING, Driven

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("P6")
BERLIN = ZoneInfo("Europe/Berlin")


def cron(line: str, **more: str) -> str:
    keys = "".join(f'{name} = "{value}"\n' for name, value in more.items())
    return f'[tasks.t]\ncron = "{line}"\n{keys}run = "./one.sh"\n'


def nominals(d: Driven) -> list[tuple[datetime, bool]]:
    rows = d.rows("SELECT params FROM event WHERE name = 'timetable:t' ORDER BY id")
    found = [json.loads(row.params) for row in rows]
    return [(datetime.fromisoformat(p["nominal_at"]), p["late"]) for p in found]


def serve(d: Driven) -> None:
    """Take turns and end what runs, until nothing is due."""
    before = None
    for _ in range(300):
        d.turn(2)  # the end of one is taken in after the timetables were asked
        ((nominal,),) = d.rows("SELECT nominal_at FROM task")
        if not d.executor.queue and nominal == before:
            return
        before = nominal
        if d.executor.queue:
            d.end(d.claimed()[0])
    raise AssertionError("it never comes to rest")


def set_to(d: Driven, at: datetime) -> None:
    d.clock.advance((at - d.clock.now()).total_seconds())


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (datetime(2026, 3, 27, 12, tzinfo=UTC), ["28 02:30", "29 03:00", "30 02:30"]),  # 02:30 does not exist
        (datetime(2026, 10, 23, 12, tzinfo=UTC), ["24 02:30", "25 02:30", "26 02:30"]),  # 02:30 is there twice
    ],
)
def test_a_daily_time_runs_once_a_day_also_where_the_clocks_change(
    drive: Drive, begin: datetime, expected: list[str]
) -> None:
    d = drive(cron("30 2 * * *", timezone="Europe/Berlin"))
    set_to(d, begin)
    for _ in range(3 * 96):
        serve(d)
        d.clock.advance(900)
    serve(d)
    found = [at.astimezone(BERLIN).strftime("%d %H:%M") for at, _ in nominals(d)]
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    assert found[0] == expected[0]
    assert found[2] == expected[2]


@pytest.mark.parametrize(("catch_up", "runs"), [("one", 1), ("all", 5), ("skip", 0)])
def test_what_was_missed_while_nobody_served_is_one_run_or_all_or_none(drive: Drive, catch_up: str, runs: int) -> None:
    """F38: a suspended machine looks the same."""
    d = drive(cron("0 * * * *", catch_up=catch_up))
    serve(d)
    d.crash()
    set_to(d, BEGINNING.replace(hour=17, minute=30))
    serve(d)
    found = nominals(d)
    assert len(found) == runs
    assert all(late for _, late in found)
    if runs == 5:
        assert [at.hour for at, _ in found] == [13, 14, 15, 16, 17], "oldest first, one after the other"
    set_to(d, BEGINNING.replace(hour=18))
    serve(d)
    assert nominals(d)[runs:] == [(BEGINNING.replace(hour=18), False)]


def test_a_period_from_the_end_begins_when_the_run_before_has_ended(drive: Drive) -> None:
    d = drive('[tasks.t]\nevery = "10 min"\nfrom = "end"\nrun = "./one.sh"\n')
    d.turn()
    d.begin()
    d.after(3600)
    d.executor.end(d.key(1))
    d.turn(2)
    d.after(599)
    assert len(nominals(d)) == 1
    d.after(2)
    assert len(nominals(d)) == 2
    d.begin()
    d.crash()
    d.executor.end(d.key(2))
    d.turn(2)
    d.after(300)
    assert len(nominals(d)) == 2
    d.after(301)
    assert len(nominals(d)) == 3


JUMPS = st.lists(st.sampled_from([60.0, 700.0, 3600.0, -3600.0, 86_400.0, -90.0, 0.0, 5000.0]), max_size=6)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jumps=JUMPS, crashes=st.sets(st.integers(0, 6)), catch_up=st.sampled_from(["one", "all", "skip"]))
def test_whatever_the_clock_does_no_nominal_time_has_two_events_and_the_timetable_goes_on(
    drive: Drive, jumps: list[float], crashes: set[int], catch_up: str
) -> None:
    """F37, F38, I16, G25."""
    d = drive(cron("*/10 * * * *", catch_up=catch_up))
    for number, jump in enumerate(jumps):
        serve(d)
        d.clock.jump(jump)
        if number in crashes:
            d.crash()
    serve(d)
    found = [at for at, _ in nominals(d)]
    assert all(n == 1 for n in Counter(found).values())
    assert all(at.minute % 10 == 0 and at.second == 0 for at in found)
    before, ahead = len(found), max([*found, d.clock.now()])
    set_to(d, ahead)
    serve(d)
    for _ in range(12):
        d.clock.advance(59)
        serve(d)
    assert len(nominals(d)) > before, "it is silenced by no jump for longer than the clock is behind"
