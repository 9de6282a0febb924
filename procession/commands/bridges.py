"""Bridges: how each stands, and publishing again what was given up.

In: a project. Out: for each bridge of its files, and for each that something still waits for, its connections and what
went over it. Always: a process that has not been heard of for a minute is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

from procession.clock import micros
from procession.errors import NotFound
from procession.model.bridge import BridgePlan
from procession.project import Project
from procession.store import bridges, messages
from procession.store.bridges import Counted, Link

AWAY_SAID = "away"
"""Signature of what people are told of a broker that is away; they are told of messages that were given up besides,
until these are published again."""
GONE = 60_000_000
"""Microseconds after which a process that gives no sign is taken for gone."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """One bridge as it stands now."""

    name: str
    plan: BridgePlan | None
    """None: the files do not know it any more."""
    links: tuple[Link, ...]
    counted: Counted
    waiting: int
    """Messages that are to be published."""
    given_up: int
    """Messages that the broker has refused too often."""

    @property
    def state(self) -> str:
        """``connected``, ``away`` (it is tried), or ``unserved``: no process is there that would try."""
        if any(link.connected for link in self.links):
            return "connected"
        return "away" if self.links else "unserved"

    @property
    def problem(self) -> str | None:
        """Why it is not connected."""
        return next((link.problem for link in self.links if link.problem and not link.connected), None)


def list_all(project: Project) -> list[Bridge]:
    """All bridges, in the order of the files; those that the files do not know any more at the end."""
    now = micros(project.clock.now())
    plans = {plan.name: plan for plan in project.settings.bridges}
    with project.store.read() as tx:
        counted, waiting = bridges.counted(tx), bridges.waiting(tx)
        links = [link for link in bridges.links(tx) if now - link.seen_at < GONE]
    names = dict.fromkeys([*plans, *(name for name in waiting if name not in plans)])
    return [
        Bridge(
            name, plans.get(name), tuple(link for link in links if link.bridge == name),
            counted.get(name, Counted()), *waiting.get(name, (0, 0)),
        )
        for name in names
    ]  # fmt: skip


def plan_of(project: Project, name: str) -> BridgePlan:
    """The bridge of this name; NotFound says which there are."""
    found = next((plan for plan in project.settings.bridges if plan.name == name), None)
    if found is None:
        names = ", ".join(plan.name for plan in project.settings.bridges) or "none"
        raise NotFound(f"there is no bridge {name[:60]!r} in the files; there are: {names}")
    return found


def republish(project: Project, name: str) -> int:
    """Try all messages of a bridge anew that were given up; how many there are."""
    plan_of(project, name)
    now = project.now()
    with project.store.begin() as tx:
        told = [m for m in messages.of_kind(tx, "bridge") if m.task == name and m.signature != AWAY_SAID]
        messages.end(tx, [message.id for message in told], now)
        return bridges.again(tx, name, now)
