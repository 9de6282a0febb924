"""How the installation stands, as every page says it: counters beside the links, banners for what concerns everybody.

*In:* a project, and the groups of whoever asks. *Out:* a `Standing`. *Always:* a few short reads, none of which grows
with the number of processings; what was read a moment ago is read again for nobody.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

from procession import disk
from procession.clock import iso, moment
from procession.commands.settings import BANNER
from procession.model.setting import Pause, Setting, Settings, launcher_row
from procession.project import HEARD_WITHIN, Project
from procession.store import causes, launchers, locks, messages, questions, settings, tasks
from procession.store.database import Tx
from procession.units import duration

FRESH = 1.0
"""Seconds for which a look is good."""
MOST = 100
"""Causes that are counted; beyond it stands ``99+``."""
Groups = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Banner:
    """What is true for everybody."""

    kind: str
    """``paused``, ``launcher``, ``disk``, ``staff``, ``files``."""
    text: str
    at: str | None = None
    verb: str = ""
    """What ends it, if a button does."""
    arguments: dict[str, str] = field(default_factory=dict)
    button: str = ""

    @property
    def look(self) -> str:
        """How loud it is."""
        return {"launcher": "bad", "disk": "bad", "paused": "warn", "files": "warn"}.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Standing:
    """One look."""

    counters: dict[str, int | str]
    """``tasks``, ``failures``, ``questions``, ``locks``, ``disk``."""
    banners: tuple[Banner, ...]
    paused: bool
    """Does the whole project start nothing?"""
    mode: str
    """``running``, ``drain`` or ``stop``: how the whole project is."""

    @property
    def said(self) -> tuple[tuple[str, str], ...]:
        """What the banners say, but for how long ago it was."""
        return tuple((each.kind, each.at or each.text) for each in self.banners)

    @property
    def digest(self) -> str:
        """What the banners say, in eight digits: a page names it to its stream, which tells whether they still do."""
        return hashlib.sha256(repr(self.said).encode()).hexdigest()[:8]


class Looks:
    """The last look for each set of groups."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._last: dict[Groups, tuple[float, Standing]] = {}

    def look(self, groups: Groups) -> Standing:
        """How it stands; at most `FRESH` old."""
        known, now = self._last.get(groups), time.monotonic()
        if known is not None and now - known[0] < FRESH:
            return known[1]
        found = look(self._project, groups)
        if len(self._last) > 100:
            self._last.clear()
        self._last[groups] = (now, found)
        return found

    def forget(self) -> None:
        """Somebody has changed something, and wants to see it."""
        self._last.clear()


def look(project: Project, groups: Groups) -> Standing:
    """How it stands now."""
    with project.store.read() as tx:
        theirs = {task.name for task in tasks.current(tx).values() if groups is None or task.group in groups}
        known = causes.news(tx, project.now(), MOST)
        new = [each for each in known if each.failed and (groups is None or each.task in theirs)]
        held = settings.all_of(tx)
        asked = sum(n for task, n in questions.count(tx).items() if groups is None or task in theirs)
        counters: dict[str, int | str] = {"tasks": len(theirs), "failures": len(new) if len(known) < MOST else "99+"}
        counters["questions"] = asked
        counters["locks"] = 0 if groups else len({hold.name for hold in locks.all_of(tx, project.now())[0]})
        banners = [
            *_pauses(held.pauses), *_drained(project, tx, held), *_launcher(project, tx), *_told(project, tx, groups),
            *_staff(held.rows.get(BANNER)),
        ]  # fmt: skip
    space = disk.space(project.var.root)
    counters["disk"] = f"{round(100 * (1 - space.free / space.total)) if space.total else 0} %"
    whole = next((pause.mode for pause in held.pauses if pause.scope == "the project"), "running")
    return Standing(counters, tuple(banners), whole != "running", whole)


def _pauses(found: tuple[Pause, ...]) -> list[Banner]:
    """Those of the whole project and of queues concern everybody; a task or a group says its own."""
    return [
        Banner("paused", _paused(pause), iso(moment(pause.at)), "resume", ended, "Resume")
        for pause in found
        if (ended := _ended_by(pause))
    ]


def _drained(project: Project, tx: Tx, held: Settings) -> list[Banner]:
    """Launchers that take nothing new, where no other one serves on their host."""
    if not any(name.startswith("launcher:") and row.value == "drain" for name, row in held.rows.items()):
        return []
    here, now = project.var.place_id(), project.now()
    serving = {
        row.name: row.host for row in launchers.not_stopped(tx)
        if row.kind == "up" and (row.place == here or now - row.beat_at < HEARD_WITHIN)
    }  # fmt: skip
    drains = {name: held.rows[launcher_row(name, "mode")] for name in serving
              if held.of_launcher(name).get("mode") == "drain"}  # fmt: skip
    working = {host for name, host in serving.items() if name not in drains}
    return [
        Banner("paused", f"Draining: {_called(name, serving[name])} takes nothing new, as {row.by} asked"
               + (f": {row.reason}" if row.reason else ""), iso(moment(row.at)), "undrain", {"name": name}, "Resume")
        for name, row in drains.items() if serving[name] not in working
    ]  # fmt: skip


def _called(name: str, host: str) -> str:
    return host if name == host else f"{name} on {host}"


def _ended_by(pause: Pause) -> dict[str, str]:
    if pause.scope == "the project":
        return {"everything": "true"}
    what, _, name = pause.scope.partition(" ")
    return {"queue": name} if what == "queue" else {}


def _paused(pause: Pause) -> str:
    if pause.scope != "the project":
        return pause.sentence[0].upper() + pause.sentence[1:]
    how = "Draining" if pause.mode == "drain" else "Paused"
    return f"{how} by {pause.by}" + (f": {pause.reason}" if pause.reason else "")


def _staff(row: Setting | None) -> list[Banner]:
    if row is None:
        return []
    return [Banner("staff", f"{row.value} – {row.by}", iso(moment(row.at)), "banner", {"text": ""}, "Clear")]


def _launcher(project: Project, tx: Tx) -> list[Banner]:
    if project.is_served(tx):
        return []
    beats = [row.beat_at for row in launchers.newest(tx, 10) if row.kind == "up"]
    if not beats:
        return [Banner("launcher", "Nobody serves this project; nothing starts. Start it with: procession up")]
    ago = duration(max(0, (project.now() - max(beats)) // 1_000_000))
    return [
        Banner(
            "launcher",
            f"No launcher was seen for {ago}; nothing starts. Start one with: procession up",
            iso(moment(max(beats))),
        )
    ]


def _told(project: Project, tx: Tx, groups: Groups) -> list[Banner]:
    found: list[Any] = [] if groups is not None else messages.of_kind(tx, "disk")
    banners = [Banner("disk", each.text, iso(moment(each.last_at))) for each in found[:1]]
    if project.file_problem:
        why = f": {project.file_problem}" if groups is None else ""  # it may quote what is not theirs
        banners.append(Banner("files", f"The files have errors; the last good version applies{why}"))
    return banners
