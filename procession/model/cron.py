"""Which moments a cron expression names in a time zone.

*In:* five fields and a zone. *Out:* moments in UTC, each once, growing. *Always:* the library cronsim says which
times of a clock on the wall match; what these are in UTC is said here, because cronsim's answer depends on how an
expression is spelled: it repeats ``*/30 2 * * *`` in an hour that comes twice, drops it in one that never comes, and
misses times where the clock is moved by half an hour.

An expression that names hours is about the clock on the wall: a time that the clock skips is the first moment
after, a time that it shows twice is the first of the two (G25). One that names no hour (``*/15 * * * *``) is about
intervals: it goes on through both, whenever the clock shows such a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from procession.errors import HostError, Invalid

MAX_LENGTH = 200
FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, L for the last one, LW for the last from Monday to Friday"),
    ("month", "1 to 12, JAN to DEC"),
    (
        "day of the week",
        "0 to 7 where 0 and 7 are Sunday, SUN to SAT, 5L for the last Friday, MON#2 for the second Monday",
    ),
)
WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_ANY_TIME = datetime(2000, 1, 1)
"""Where the search for a match begins when an expression is checked."""


def check(expression: str) -> None:
    """Raise Invalid unless this is an expression of five fields that some moment matches."""
    if len(expression) > MAX_LENGTH:
        raise Invalid(f"a cron expression of {len(expression)} characters is too long: at most {MAX_LENGTH}")
    parts = expression.split()
    five = "write five fields: minute, hour, day of the month, month, day of the week"
    if parts and parts[0].startswith("@"):
        instead = WORDS.get(parts[0].lower())
        raise Invalid(
            f'cron "{expression}" is a word that is not known here; '
            + (f'write "{instead}"' if instead else f'{five}, e.g. "0 6 * * *"')
        )
    if len(parts) == 6:
        raise Invalid(f'cron "{expression}" has six fields, but there are no seconds and no years; {five}')
    if len(parts) != 5:
        raise Invalid(f'cron "{expression}" has {len(parts)} fields; {five}, e.g. "0 6 * * *" for six in the morning')
    for place, (part, (name, allowed)) in enumerate(zip(parts, FIELDS, strict=True)):
        try:
            CronSim(" ".join(part if place == other else "*" for other in range(5)), _ANY_TIME)
        except CronSimError:
            raise Invalid(
                f'cron "{expression}": "{part}" is no {name}; it takes {allowed}, and * for any, lists 1,2, '
                "ranges 1-5 from the smaller to the larger, steps */2"
            ) from None
    try:
        found = next(CronSim(expression, _ANY_TIME), None)
    except CronSimError:  # it refuses the 31st of February as if it could not be read
        found = None
    if found is None:
        raise Invalid(
            f'cron "{expression}" never comes: no day in fifty years matches its day, month and day of the week'
        )


def zone(name: str) -> tzinfo:
    """The time zone of this name, as ``Europe/Berlin``; Invalid if there is none, HostError if this host knows none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, a path that leads elsewhere, a directory
        pass
    names = available_timezones()
    if not names:
        raise HostError(
            "this host has no time zone data, so only UTC can be used; install the package tzdata "
            "(of the system, or with pip)"
        )
    cities = {each.rpartition("/")[2].lower(): each for each in sorted(names)}
    whole = {each.lower(): each for each in names}
    wanted = name[:60].strip().lower().replace(" ", "_")
    near = get_close_matches(wanted, whole, 1, 0.75) or get_close_matches(wanted.rpartition("/")[2], cities, 1, 0.75)
    hint = f"did you mean {(whole | cities)[near[0]]}?" if near else "write e.g. Europe/Berlin, America/New_York or UTC"
    raise Invalid(f"there is no time zone {name[:60]!r}; {hint}")


def moments(expression: str, place: tzinfo, after: datetime) -> Iterator[datetime]:
    """The moments in UTC later than `after` that the expression names in this zone, up to fifty years without one."""
    after = after.astimezone(UTC).replace(microsecond=0)
    try:
        hours = CronSim(expression, _ANY_TIME).hours
    except CronSimError:  # never; `check` says so
        return iter(())
    return (_by_wall if len(hours) < 24 else _by_interval)(expression, place, after)


def _by_wall(expression: str, place: tzinfo, after: datetime) -> Iterator[datetime]:
    """Each time of the clock once. Of two times the later one is never the earlier moment; both can be the same."""
    for wall in CronSim(expression, _wall(after, place)):
        if (at := _moment(wall, place)) > after:
            yield at
            after = at


def _by_interval(expression: str, place: tzinfo, after: datetime) -> Iterator[datetime]:
    """From one change of the offset to the next, every moment at which the clock shows what matches."""
    start = shown = _wall(after, place)
    while True:
        offset = shown - after.replace(tzinfo=None)
        change = None
        for wall in CronSim(expression, start):
            at = (wall - offset).replace(tzinfo=UTC)
            if change := _change(place, after, at):
                break
            yield at
            after = at
        if change is None:
            return
        after, shown = change, _wall(change, place)
        start = shown - _SECOND  # the moment of the change itself may match


def _wall(at: datetime, place: tzinfo) -> datetime:
    """What the clock on the wall shows then."""
    return at.astimezone(place).replace(tzinfo=None)


def _moment(wall: datetime, place: tzinfo) -> datetime:
    """When the clock first shows this time, or the first moment after, if it never does."""
    at = wall.replace(tzinfo=place).astimezone(UTC)
    if _wall(at, place) == wall:
        return at
    before = wall.replace(tzinfo=place, fold=1).astimezone(UTC)  # fold asks for the offset after the gap
    return _change(place, before, at) or at


def _change(place: tzinfo, after: datetime, until: datetime) -> datetime | None:
    """The first moment later than `after`, up to `until`, at which the zone has another offset."""
    offset = after.astimezone(place).utcoffset()
    while after < until:
        step = min(after + _DAY, until)
        if step.astimezone(place).utcoffset() != offset:
            while step - after > _SECOND:
                middle = after + (step - after) // _SECOND // 2 * _SECOND
                if middle.astimezone(place).utcoffset() == offset:
                    after = middle
                else:
                    step = middle
            return step
        after = step
    return None
