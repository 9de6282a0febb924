"""Missed data: what a source has and the books have not.

In: a watch, a counter or a command that lists what there is, perhaps a range of runs. Out: what is there now and became
no event; submitted, if that is asked for. Always: known by the same keys as what came by itself, so what is submitted
twice is a repeat; what is still being written is not submitted; nothing is opened, moved or changed.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from procession.commands.events import submit_many
from procession.definitions.patterns import pattern_of
from procession.errors import Invalid, NotFound, Refused
from procession.model.counting import CounterPlan
from procession.model.event import NewEvent
from procession.model.listing import ListPlan
from procession.model.watching import WatchPlan
from procession.project import Project
from procession.store import counters, watches
from procession.store import events as rows
from procession.watch import Watch
from procession.watch.counter import Reading

MOST = 10_000
"""So many runs, or files, are looked at."""
LISTS_WITHIN = 600.0
"""Seconds that a command may take to tell what there is."""
BATCH = 500
"""So many are submitted in one transaction."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Something that became no event."""

    event: NewEvent
    path: str | None
    """Where its data are; None: nobody says."""
    there: bool
    """Its data are there, and complete as far as one look tells."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a comparison came to."""

    looked: int
    """Files or runs that were compared."""
    missed: tuple[Missed, ...]
    submitted: int


def missed(project: Project, name: str, ranges: str | None = None, *, submit: bool = False) -> Found:
    """Compare what a watch, a counter or a command has with the books. `ranges` are runs, ``100-120,125``; without them
    those of a counter from the first that became an event up to where it stands, at most `MOST`. With `submit` what is
    missing and there is submitted."""
    counter = next((plan for plan in project.settings.counters if plan.name == name), None)
    watch = next((plan for plan in project.settings.watches if plan.name == name), None)
    listed = next((plan for plan in project.settings.lists if plan.name == name), None)
    if ranges is not None and counter is None and (watch or listed):
        raise Invalid(f"what {name} has is not counted by numbers; leave out the range")
    if counter is not None:
        found = list(_runs(project, counter, ranges))
    elif watch is not None:
        found = list(_files(project, watch))
    elif listed is not None:
        found = list(_listed(project, listed))
    else:
        settings = project.settings
        plans: list[CounterPlan | WatchPlan | ListPlan] = [*settings.counters, *settings.watches, *settings.lists]
        names = sorted(plan.name for plan in plans)
        raise NotFound(
            f"{name[:60]!r} is no watch, no counter and no list, so nobody knows what it should have; "
            f"there are: {', '.join(names) or 'none'}"
        )
    with project.store.read() as tx:
        asked = [{"name": each.event.name, "key": each.event.key} for each in found]
        known = rows.known_keys(tx, asked)
    if counter is not None and ranges is None:
        found = found[next((n for n, e in enumerate(found) if (e.event.name, e.event.key) in known), len(found)) :]
    lacking = tuple(each for each in found if (each.event.name, each.event.key) not in known)
    going = [each.event for each in lacking if each.there] if submit else []
    for at in range(0, len(going), BATCH):
        submit_many(project, going[at : at + BATCH])
    return Found(len(found), lacking, len(going))


def runs_a_command(project: Project, name: str) -> bool:
    """Is it a command of the project that says what there is?"""
    return any(plan.name == name for plan in project.settings.lists)


def _runs(project: Project, plan: CounterPlan, ranges: str | None) -> Iterator[Missed]:
    with project.store.read() as tx:
        position = counters.all_of(tx).get(plan.name)
    if ranges is None:
        if position is None or position.last is None:
            raise Refused(f"{plan.name} has not been looked at yet; say which runs, as in --range 100-120")
        wanted: Sequence[int] = range(max(0, position.last - MOST + 1), position.last + 1)
    else:
        wanted = read_ranges(ranges)
    values = {key: str(value) for key, value in plan.params.items()}
    reading = Reading(plan.file, expect=plan.expect, values=values)
    for run in wanted:
        path = reading.path(run)
        yield Missed(plan.event(run, path), path, path is None or _is_there(path, plan.quiet))


def _is_there(path: str, quiet: float) -> bool:
    try:
        seen = Path(path).stat()
    except OSError:
        return False
    return stat.S_ISREG(seen.st_mode) and seen.st_size > 0 and time.time() - seen.st_mtime >= quiet


def _files(project: Project, plan: WatchPlan) -> Iterator[Missed]:
    watch = Watch(pattern_of(plan, str(project.root)), 0.0, empty=plan.empty, most=MOST)
    watch.scan(0.0)
    scan = watch.scan(1.0)
    if scan.problems:
        raise Refused(f"not everything can be looked at: {scan.problems[0]}")
    with project.store.read() as tx:
        known = watches.all_of(tx).get(plan.name)
    first = (project.now() if known is None else known.first_at) / 1e6
    for each in scan.ready:
        event = plan.event(each.params(), first, {"project": str(project.root)})
        yield Missed(event, each.path, time.time() - each.mtime >= plan.quiet)


def _listed(project: Project, plan: ListPlan) -> Iterator[Missed]:
    said = project.settings
    kept = {name: value for name, value in os.environ.items() if name not in said.environment_drop}
    try:
        done = subprocess.run(
            plan.argv, cwd=project.root, env={**kept, **dict(said.environment_set)}, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=LISTS_WITHIN, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"{plan.argv[0]} does not tell what there is: {error}") from None
    if done.returncode != 0:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise Refused(f"the command of {plan.name} ended with {done.returncode}: {last[:200]}; nothing was compared")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if len(lines) > MOST:
        raise Refused(f"the command of {plan.name} lists {len(lines)}, more than {MOST}; let it tell the newest alone")
    for number, line in enumerate(lines, 1):
        try:
            params = json.loads(line)
            if not isinstance(params, dict):
                raise ValueError("it is no object")
            yield Missed(plan.event_of(params), None, True)
        except (ValueError, Invalid, RecursionError) as error:
            raise Refused(f"line {number} that the command of {plan.name} printed is unfit: {error}") from None


def read_ranges(text: str) -> list[int]:
    """The runs of ``1,4-6``; Invalid where it is no list of ranges, or means too many."""
    found: set[int] = set()
    for part in text.split(","):
        matched = re.fullmatch(r"\s*([0-9]{1,15})\s*(?:-\s*([0-9]{1,15})\s*)?", part)
        if not matched:
            raise Invalid(f"{part.strip()[:40]!r} is no run and no range of runs; write 1,4-6")
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if last < first:
            raise Invalid(f"the range {first}-{last} ends before it begins; write {last}-{first}")
        if last - first >= MOST or len(found) + last - first >= MOST:
            raise Invalid(f"{text[:40]} are more than {MOST} runs; ask for fewer at a time")
        found.update(range(first, last + 1))
    return sorted(found)
