"""Cron in time zones: the right moments in every zone, and each of them at most once whatever clocks do (G25, G26)."""

import random
import zoneinfo
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from procession.errors import HostError, Invalid
from procession.model import cron
from procession.model.timetable import CATCH_UP, CATCH_UP_MOST, LATE_AFTER, Cron, Occurrence

pytestmark = pytest.mark.feature("P6", "M34")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZONES = sorted(zoneinfo.available_timezones())


def at(text: str, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=cron.zone(zone), fold=fold).astimezone(UTC)


def moments(expression: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    return list(takewhile(lambda each: each <= until, cron.moments(expression, cron.zone(zone), after)))


def shown(expression: str, zone: str, day: str, days: int = 1) -> list[str]:
    """What the clock on the wall shows at the moments of these days, with the offset in hours where that tells more."""
    start = at(day, zone)
    found = moments(expression, zone, start - timedelta(seconds=1), start + days * DAY + timedelta(hours=2))
    local = [each.astimezone(cron.zone(zone)) for each in found]
    last = datetime.fromisoformat(day).date() + days * DAY
    return [each.strftime("%H:%M" if days == 1 else "%d %H:%M") for each in local if each.date() < last]


# ── the clock on the wall ──────────────────────────────────────────────────────────────────────────


def test_a_time_that_the_clock_skips_is_the_first_moment_after() -> None:
    """G25, F39."""
    assert shown("30 2 * * *", "Europe/Berlin", "2026-03-29") == ["03:00"]
    assert shown("*/30 2 * * *", "Europe/Berlin", "2026-03-29") == ["03:00"], "however it is spelled"
    assert shown("0 2,3 * * *", "Europe/Berlin", "2026-03-29") == ["03:00"], "two that become the same are one"
    assert shown("0 */2 * * *", "Europe/Berlin", "2026-03-29")[:3] == ["00:00", "03:00", "04:00"]
    assert shown("15 2 * * *", "Australia/Lord_Howe", "2026-10-04") == ["02:30"], "half an hour"
    assert shown("15 0 * * *", "Africa/Cairo", "2026-04-24") == ["01:00"], "at midnight"


def test_a_time_that_the_clock_shows_twice_is_the_first_of_the_two() -> None:
    """G25, F39."""
    for expression in ("30 2 * * *", "30-59/40 2 * * *", "*/30 2 * * *"):
        found = moments(expression, "Europe/Berlin", at("2026-10-25", "Europe/Berlin"), at("2026-10-25 12:00"))
        assert found[-1] == at("2026-10-25 00:30"), "02:30 of summer time"
    found = moments("45 1 * * *", "Australia/Lord_Howe", at("2026-04-04 12:00"), at("2026-04-05 12:00"))
    assert found == [at("2026-04-04 14:45")]


def test_an_interval_goes_on_through_both_changes() -> None:
    """F39: a schedule that names no hour is never silent for one, and never bunches."""
    for zone in ("Europe/Berlin", "Africa/Cairo", "America/Nuuk", "Antarctica/Troll"):
        year = moments("30 * * * *", zone, at("2026-01-01"), at("2027-01-01"))
        assert {later - earlier for earlier, later in pairwise(year)} == {timedelta(hours=1)}
    assert shown("30 * * * *", "Australia/Lord_Howe", "2026-04-05")[:4] == ["00:30", "01:30", "01:30", "02:30"]


def test_a_date_that_a_zone_skipped_is_the_first_moment_after_it() -> None:
    """F39: Samoa had no 30th of December 2011."""
    assert shown("0 6 * * *", "Pacific/Apia", "2011-12-29", 3) == ["29 06:00", "31 00:00", "31 06:00"]
    assert shown("0 6 30 12 *", "Pacific/Apia", "2011-12-29", 3) == ["31 00:00"], "once a year is not never"
    assert shown("0 0,12 * * *", "Pacific/Apia", "2011-12-29", 3) == ["29 00:00", "29 12:00", "31 00:00", "31 12:00"]


def test_leap_days_last_days_and_the_rule_of_the_two_days() -> None:
    """F39."""
    assert [str(each.date()) for each in islice(cron.moments("0 0 29 2 *", UTC, at("1999-01-01")), 4)] == [
        "2000-02-29",
        "2004-02-29",
        "2008-02-29",
        "2012-02-29",
    ]
    assert [each.day for each in islice(cron.moments("0 0 L * *", UTC, at("2027-12-31")), 3)] == [31, 29, 31]
    both = moments("0 0 13 * FRI", "UTC", at("2026-01-01"), at("2026-02-01"))
    assert [each.day for each in both] == [2, 9, 13, 16, 23, 30], "either of the two days, where both are named"


# ── against a walk over every minute ───────────────────────────────────────────────────────────────

MINUTES = {"0": {0}, "30": {30}, "*/15": set(range(0, 60, 15)), "59": {59}, "5-25/10": {5, 15, 25}, "*": set(range(60))}
HOURS = {"*": set(range(24)), "2": {2}, "0": {0}, "23": {23}, "*/2": set(range(0, 24, 2)), "1-3": {1, 2, 3}}
WEEKDAYS = {"*": set(range(7)), "SUN": {6}, "1-5": set(range(5)), "6,0": {5, 6}}
every_expression = st.tuples(
    st.sampled_from(list(MINUTES)), st.sampled_from(list(HOURS)), st.sampled_from(list(WEEKDAYS))
)


def walked(minute: str, hour: str, weekday: str, zone: tzinfo, after: datetime, until: datetime) -> list[datetime]:
    """The same by brute force: look at the clock on the wall in every minute."""

    def matches(wall: datetime) -> bool:
        clock = wall.minute in MINUTES[minute] and wall.hour in HOURS[hour]
        return clock and wall.weekday() in WEEKDAYS[weekday]

    start = after - 2 * DAY
    utc = [start + n * MINUTE for n in range((until - start) // MINUTE + 1)]
    walls = [each.astimezone(zone).replace(tzinfo=None) for each in utc]
    if hour == "*":
        return [u for u, wall in zip(utc, walls, strict=True) if matches(wall) and u > after]
    furthest: list[datetime] = []  # the latest time that the clock had shown by then
    for wall in walls:
        furthest.append(max(wall, furthest[-1]) if furthest else wall)
    named = (walls[0] + n * MINUTE for n in range((furthest[-1] - walls[0]) // MINUTE + 1))
    return sorted({u for wall in named if matches(wall) and (u := utc[bisect_left(furthest, wall)]) > after})


def changes(zone: tzinfo, year: int) -> list[datetime]:
    """The first midnights in UTC of a year after which the zone has another offset."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + n * DAY for n in range(366)]
    return [a for a, b in pairwise(days) if a.astimezone(zone).utcoffset() != b.astimezone(zone).utcoffset()]


@given(every_expression, st.sampled_from(ZONES), st.integers(2000, 2037), st.randoms(use_true_random=False))
@example(("0", "*", "*"), "Australia/Lord_Howe", 2026, random.Random(1))
@example(("*/15", "*", "*"), "Pacific/Apia", 2011, random.Random(1))
@example(("30", "23", "*"), "America/Nuuk", 2026, random.Random(1))
@example(("59", "1-3", "1-5"), "Antarctica/Troll", 2026, random.Random(1))
@example(("*/15", "0", "*"), "America/Sao_Paulo", 2012, random.Random(2))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_in_all_zones_the_moments_are_those_that_a_walk_over_every_minute_finds(
    fields: tuple[str, str, str], name: str, year: int, chance: random.Random
) -> None:
    """G25, F39."""
    zone = cron.zone(name)
    middle = chance.choice(changes(zone, year) or [datetime(year, 6, 1, tzinfo=UTC)])
    after, until = middle - timedelta(minutes=chance.randrange(1440)), middle + 2 * DAY
    minute, hour, weekday = fields
    found = moments(f"{minute} {hour} * * {weekday}", name, after, until)
    assert found == walked(minute, hour, weekday, zone, after, until)
    assert found == sorted(set(found))
    for start in found[:3]:
        assert moments(f"{minute} {hour} * * {weekday}", name, start, until) == found[found.index(start) + 1 :]


@given(st.sampled_from(ZONES), st.integers(2000, 2037), st.integers(0, 23), st.integers(0, 59))
@settings(max_examples=60, deadline=None)
def test_every_local_date_has_its_time_once(name: str, year: int, hour: int, minute: int) -> None:
    """I16: as many as the calendar has days, never two for one date."""
    start, end = at(f"{year}-01-01", name), at(f"{year + 1}-01-01", name)
    found = moments(f"{minute} {hour} * * *", name, start - timedelta(seconds=1), end - timedelta(seconds=1))
    assert len(found) == (datetime(year + 1, 1, 1) - datetime(year, 1, 1)).days
    assert all(timedelta(0) < b - a <= timedelta(hours=49) for a, b in pairwise(found))


# ── what is refused ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("* * * * * *", "six fields"),
        ("0 0 6 * * *", "no seconds"),
        ("@reboot", "not known here; write five fields"),
        ("@daily", 'write "0 0 . . ."'),
        ("0 6 * *", "4 fields; write five fields: minute, hour"),
        ("", "0 fields"),
        ("60 24 32 13 8", '"60" is no minute; it takes 0 to 59'),
        ("0 24 * * *", '"24" is no hour; it takes 0 to 23'),
        ("0 0 32 * *", '"32" is no day of the month'),
        ("0 0 * 13 *", '"13" is no month'),
        ("0 0 * * 8", '"8" is no day of the week'),
        ("*/0 * * * *", '"[*]/0" is no minute'),
        ("0 22-6 * * *", "from the smaller to the larger"),
        ("0 0 31 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("0 0 */30 * MON#2", "never comes"),
        ("0 " * 5000, "10000 characters is too long"),
    ],
)
def test_what_is_no_expression_is_refused_in_our_own_words(expression: str, said: str) -> None:
    """B32."""
    with pytest.raises(Invalid, match=said) as refused:
        Cron(expression).check()
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


@given(st.text(st.sampled_from("0123456789*/,-#LWMONsun \t"), max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    """B32."""
    try:
        timetable = Cron(text).check()
    except Invalid:
        return
    assert timetable.next_after(None, at("2026-01-01")) is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Europe/Berlni", "did you mean Europe/Berlin"),
        ("europe/berlin", "did you mean Europe/Berlin"),
        ("Berlin", "did you mean Europe/Berlin"),
        ("America/New York", "did you mean America/New_York"),
        ("Mars", "write e.g. Europe/Berlin"),
        ("../../etc/localtime", "no time zone"),
        ("/etc/localtime", "no time zone"),
        ("Europe", "no time zone"),
        ("", "no time zone"),
        ("x" * 10_000, "no time zone"),
        ("a\0b", "no time zone"),
        ("\ud800", "no time zone"),
    ],
)
def test_what_is_no_time_zone_is_refused_with_a_hint(name: str, said: str) -> None:
    """B27."""
    with pytest.raises(Invalid, match=said) as refused:
        Cron("0 6 * * *", name).check()
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def test_a_host_without_time_zone_data_says_so_and_knows_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """F39."""
    monkeypatch.setattr("sys.path", [])
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        with pytest.raises(HostError, match=r"no time zone data.*install the package tzdata"):
            Cron("0 6 * * *", "Europe/Berlin").check()
        assert Cron("0 6 * * *").check().next_after(None, at("2026-01-01")) == at("2026-01-01 06:00")
    finally:
        zoneinfo.reset_tzpath()
    assert Cron("0 6 * * *", "Europe/Berlin").check()


def test_a_way_to_catch_up_that_is_not_known_is_refused() -> None:
    with pytest.raises(Invalid, match="one, all, skip"):
        Cron("0 6 * * *", catch_up="none").check()


# ── what is due ────────────────────────────────────────────────────────────────────────────────────

SIX = "0 6 * * *"


def test_a_new_task_waits_for_its_first_time() -> None:
    six, now = Cron(SIX), at("2026-03-01 10:00")
    assert six.due(None, now) == []
    assert six.next_after(None, now) == at("2026-03-02 06:00")
    last = six.begins(now)
    assert last == now
    assert six.due(last, at("2026-03-02 05:59:59.999")) == []
    assert six.due(last, at("2026-03-02 06:00")) == [Occurrence(at("2026-03-02 06:00"), late=False)]


def test_after_downtime_there_is_one_run_marked_late() -> None:
    """G25, F38."""
    six, last = Cron(SIX), at("2026-03-01 06:00")
    assert six.due(last, at("2026-03-02 06:01")) == [Occurrence(at("2026-03-02 06:00"), late=False)], "within the grace"
    assert six.due(last, at("2026-03-02 06:01:01")) == [Occurrence(at("2026-03-02 06:00"), late=True)]
    assert six.due(last, at("2026-03-09 06:00")) == [Occurrence(at("2026-03-09 06:00"), late=True)], "it missed others"
    assert six.due(at("2026-03-09 06:00"), at("2026-03-10 05:00")) == []


def test_to_catch_up_all_keeps_the_newest_hundred_oldest_first() -> None:
    """G25."""
    six, last = Cron(SIX, catch_up="all"), at("2026-03-01 06:00")
    found = six.due(last, at("2026-03-04 06:00:30"))
    assert [(each.nominal_at.day, each.late) for each in found] == [(2, True), (3, True), (4, False)]
    many = Cron("* * * * *", catch_up="all").due(last, at("2029-03-01"))
    assert len(many) == CATCH_UP_MOST
    assert many[-1] == Occurrence(at("2029-03-01"), late=False)
    assert many[0] == Occurrence(at("2029-02-28 22:21"), late=True)


def test_to_skip_runs_nothing_that_is_late() -> None:
    """G25."""
    six, last = Cron(SIX, catch_up="skip"), at("2026-03-01 06:00")
    assert six.due(last, at("2026-03-05 05:00")) == []
    assert six.next_after(last, at("2026-03-05 05:00")) == at("2026-03-05 06:00")
    assert six.due(last, at("2026-03-05 06:01")) == [Occurrence(at("2026-03-05 06:00"), late=False)]
    assert six.due(last, at("2026-03-05 06:01:00.000001")) == []


def test_years_of_minutes_are_not_counted() -> None:
    """G26: the clock of a host without battery, set right."""
    every = Cron("* * * * *", "Europe/Berlin")
    assert every.due(at("1970-01-01"), at("2026-03-01")) == [Occurrence(at("2026-03-01"), late=True)]


def test_a_clock_set_back_by_years_runs_the_newest_time_once_and_goes_on() -> None:
    """G26, F37."""
    six, now = Cron(SIX), at("2026-03-05 10:00")
    found = six.due(at("2036-03-05 06:00"), now)
    assert [each.nominal_at for each in found] == [at("2026-03-05 06:00")], "it ran already: its key is known"
    assert six.due(found[0].nominal_at, now) == []
    assert six.due(at("2026-03-05 06:00"), at("2026-03-05 05:00")) == [], "by less than a period: nothing twice"
    assert six.next_after(at("2026-03-05 06:00"), at("2026-03-05 05:00")) == at("2026-03-06 06:00")


jumps = st.lists(
    st.timedeltas(timedelta(0), timedelta(days=3))
    | st.timedeltas(timedelta(days=-4), timedelta(0))
    | st.sampled_from([timedelta(hours=1), timedelta(hours=-1), timedelta(days=3653), timedelta(days=-3653)]),
    min_size=1,
    max_size=12,
)
timetables = st.builds(
    Cron,
    st.sampled_from([SIX, "*/7 * * * *", "30 2 * * *", "0 */5 * * MON", "15 3 1 * *", "0 0 29 2 *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]),
    st.sampled_from(CATCH_UP),
)


def nominals(timetable: Cron, after: datetime) -> Iterator[datetime]:
    return cron.moments(timetable.expression, cron.zone(timetable.timezone), after)


@given(timetables, st.datetimes(datetime(2005, 1, 1), datetime(2036, 1, 1)), jumps)
@settings(max_examples=60, deadline=None)
def test_whatever_the_clock_does_each_nominal_time_is_run_once_and_none_is_silenced_for_long(
    timetable: Cron, begin: datetime, steps: list[timedelta]
) -> None:
    """G25, G26, F37, F38, F39, I16: with the nominal time as the key of the event."""
    now = begin.replace(tzinfo=UTC)
    last, known = timetable.begins(now), set[datetime]()
    for step in steps:
        now += step
        before, runs = last, 0
        while found := timetable.due(last, now):
            assert timetable.next_after(last, now) == now
            first = found[0].nominal_at
            assert first <= now, "never ahead of time"
            assert next(nominals(timetable, first - MINUTE)) == first, "a time that the expression names"
            assert all(a.nominal_at < b.nominal_at for a, b in pairwise(found))
            assert all(each.late for each in found if now - each.nominal_at > LATE_AFTER)
            assert timetable.catch_up != "skip" or not found[0].late
            runs += first not in known
            known.add(first)
            last = first
        assert runs <= (CATCH_UP_MOST if timetable.catch_up == "all" else 1), "what was missed is one run"
        assert before is None or before > now or last == before or last is None or last > before
        upcoming = timetable.next_after(last, now)
        assert upcoming is not None and upcoming > now
        assert upcoming in list(islice(nominals(timetable, now), 2)), "never silenced for longer than one period"
        assert timetable.due(last, upcoming), "whoever sleeps until then finds it due"
        assert not timetable.due(last, upcoming - timedelta(microseconds=1)), "and not before"
