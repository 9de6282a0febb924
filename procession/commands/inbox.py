"""The inbox of causes: how each stands, how it went, where it occurs; and of one what its processings have in common.

In: what a person asks. Out: causes with their trend and hosts; of one the newest processings, and what tells them from
good ones. Always: a fixed number of queries; of each cause and of the good ones so many of the newest are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from procession.commands import causes as commands
from procession.model import common
from procession.model.chosen import Chosen
from procession.model.common import Fact, Shared
from procession.model.wording import plain
from procession.project import Project
from procession.store import causes, notes, pages, steps, tallies
from procession.store.causes import Known
from procession.store.database import Tx
from procession.store.notes import Note

BUCKETS = 8
DAY = 86_400_000_000
LOOKED_AT = 8
"""Processings of each cause whose hosts are looked at."""
COMPARED = 200
"""Processings of one cause, and good ones, that are compared."""
LONGEST = 200
"""Characters of a value that are compared."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A cause as it is in the inbox."""

    cause: Known
    trend: tuple[int, ...]
    """Attempts that ended so in each part of the window, oldest first."""
    hosts: tuple[str, ...]
    """Of its newest processings; one where there are several: it may be the host."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One cause."""

    standing: Standing
    example: tuple[int, int, str, int] | None
    """The newest attempt that ended so: processing, ordinal, step, number."""
    members: tuple[int, ...]
    """The newest processings that have failed for it."""
    compared: tuple[int, int]
    """How many failed and good ones were compared."""
    shared: tuple[Shared, ...]
    notes: tuple[Note, ...]
    """What people have noted on it last, oldest first."""
    noted: int
    """How many notes there are."""


def inbox(
    project: Project, task: str | None, since: str | None, everything: bool, limit: int, days: int = 7
) -> list[Standing]:  # fmt: skip
    """Causes as `causes.listed` has them, each with its trend in these days."""
    after = None if since is None else commands.moment_since(project, since)
    with project.store.read() as tx:
        found = causes.listed(tx, task=task, since=after, everything=everything, limit=limit)
        return _standings(tx, found, project.now(), days)


def _standings(tx: Tx, found: Sequence[Known], now: int, days: int) -> list[Standing]:
    if not found:
        return []
    signatures = [each.signature for each in found]
    width = days * DAY // BUCKETS
    start = now - BUCKETS * width
    hours = tallies.hours_of(tx, "cause", "failed", signatures, start)
    hosts, names = causes.hosts(tx, signatures, LOOKED_AT), pages.hosts(tx)
    standings = []
    for each in found:
        trend = [0] * BUCKETS
        for hour, n in hours.get(each.signature, {}).items():
            trend[min(BUCKETS - 1, max(0, (hour - start) // width))] += n
        where = sorted({names[one] for one in hosts.get(each.signature, []) if one in names})
        standings.append(Standing(each, tuple(trend), tuple(where)))
    return standings


def detail(project: Project, signature: str, days: int = 7) -> Detail:
    """Everything about one cause."""
    with project.store.read() as tx:
        found = commands.found(tx, signature)
        (standing,) = _standings(tx, [found], project.now(), days)
        members = causes.members(tx, found.signature, COMPARED)
        good = steps.succeeded(tx, found.task, found.step, COMPARED)
        cells = [c for c in pages.cells(tx, members[:1]) if c.state == "failed"]
        example = next(((c.processing_id, c.ordinal, c.name, c.attempt) for c in cells), None)
        shared = common.apart(_facts(tx, members), _facts(tx, good))
        noted, count = notes.of(tx, found.signature)
    compared = (len(members), len(good))
    return Detail(standing, example, tuple(members), compared, tuple(shared), tuple(noted), count)


def _facts(tx: Tx, ids: Sequence[int]) -> list[Collection[Fact]]:
    """What is so of each of these."""
    names = pages.hosts(tx)
    hosts: dict[int, set[str]] = {}
    for pid, launcher_id in pages.launchers_of(tx, ids):
        if launcher_id in names:
            hosts.setdefault(pid, set()).add(names[launcher_id])
    found: list[Collection[Fact]] = []
    for pid, params, variables, digest in pages.facts(tx, ids):
        facts = [Fact("param", name, plain(value)[:LONGEST]) for name, value in json.loads(params).items()]
        chosen = Chosen.from_json(variables).flat()
        facts += [Fact("variable", name, plain(value)[:LONGEST]) for name, value in chosen.items()]
        facts += [Fact("host", "", host) for host in sorted(hosts.get(pid, ()))]
        found.append([*facts, Fact("definition", "", digest[:12])])
    return found
