"""Settings: what a person changes while it runs. They hold over the file until they are reset.

A setting is a row by name: ``pause`` (the whole project), ``pause:task:scene``, ``pause:group:mission``,
``pause:source:LRMECS``, ``pause:queue:night``, ``at_once:scene``, ``limit:ftp``, ``queue:night`` (its ``at_once``),
``cpus``, ``memory``, ``gpus``, ``keep_free``, ``max_total``, ``banner`` (what every page says), and of one launcher
``launcher:NAME:cpus``, ``:workers``, ``:queues``, ``:mode`` and ``:stop``. A suspension after too many failures is a
pause that Procession itself has set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from procession.errors import Invalid
from procession.model.wants import GENERAL, queue_named
from procession.units import to_bytes

MODES = ("stop", "drain", "skip")
"""What a pause does: no step starts; begun processings go on and nothing new begins; new events are skipped."""


HOLD = "hold"
"""What a pause of a source does, if it does not skip: nothing new of it begins; what has begun goes on."""
LAUNCHER_MODES = ("drain", "maintenance")
"""What a person may make of a launcher: nothing new starts; only the queue ``maintenance`` is served."""
MAINTENANCE = "maintenance"
STOPS = ("stop", "drain", "kill")
"""How a launcher is told to leave from afar: scripts run on; they are waited for; they are ended."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row."""

    name: str
    value: Any
    by: str
    reason: str | None
    at: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Something starts nothing: why, and who says so."""

    scope: str
    """``the project``, ``task scene``, ``group mission``."""
    mode: str
    by: str
    reason: str | None
    at: int

    @property
    def resume(self) -> str:
        """The command that ends it."""
        what, _, name = self.scope.partition(" ")
        named = {"task": name, "group": f"--group {name}", "source": f"--source {name}",
                 "queue": f"--queue {name}"}  # fmt: skip
        return "procession resume " + named.get(what, "--all")

    @property
    def sentence(self) -> str:
        """For people."""
        because = f": {self.reason}" if self.reason else ""
        return f"{self.scope} is paused by {self.by}{because}"


@dataclass(frozen=True, slots=True)
class Settings:
    """All of them, read once in a transaction."""

    rows: Mapping[str, Setting] = field(default_factory=dict)

    def pause(self, task: str, group: str) -> Pause | None:
        """What keeps this task from starting, if anything does: the strictest, then the widest."""
        return min(self._pauses(task, group), key=lambda pause: pause.mode == "drain", default=None)

    def skipping(self, task: str, group: str) -> Pause | None:
        """What makes new events of this task skipped, if anything does; the widest."""
        return next((pause for pause in self._pauses(task, group) if pause.mode == "skip"), None)

    def _pauses(self, task: str, group: str) -> list[Pause]:
        """All of them, the widest first."""
        scopes = [
            ("pause", "the project"),
            (f"pause:group:{group}", f"group {group}"),
            (f"pause:task:{task}", f"task {task}"),
        ]
        return [
            Pause(scope, str(row.value), row.by, row.reason, row.at)
            for name, scope in scopes
            if (row := self.rows.get(name)) is not None and (group or not name.startswith("pause:group"))
        ]

    def pause_of_source(self, source: str | None) -> Pause | None:
        """What holds or skips what is new of this source, if anything does."""
        row = None if source is None else self.rows.get(f"pause:source:{source}")
        return None if row is None else Pause(f"source {source}", str(row.value), row.by, row.reason, row.at)

    def pause_of_queue(self, queue: str) -> Pause | None:
        """What keeps the steps of this queue from starting, if anything does; the general one has an empty name."""
        name = queue or GENERAL
        row = self.rows.get(f"pause:queue:{name}")
        return None if row is None else Pause(f"queue {name}", str(row.value), row.by, row.reason, row.at)

    def pause_of_step(self, task: str, group: str, queue: str) -> Pause | None:
        """What keeps a step of this task and queue from starting: the strictest, then the widest."""
        found = [each for each in (self.pause(task, group), self.pause_of_queue(queue)) if each is not None]
        return min(found, key=lambda pause: pause.mode == "drain", default=None)

    def stops(self, task: str, group: str) -> bool:
        """Does a pause of this task or its group keep even what has begun from going on?"""
        return any(pause.mode != "drain" and pause.scope != "the project" for pause in self._pauses(task, group))

    @property
    def pauses_tasks(self) -> bool:
        """Is any task paused by its name, or by its group's?"""
        return any(name.startswith(("pause:task:", "pause:group:")) for name in self.rows)

    @property
    def paused_sources(self) -> tuple[str, ...]:
        """Names of the sources of which nothing new begins, held or skipped."""
        return tuple(name.removeprefix("pause:source:") for name in self.rows if name.startswith("pause:source:"))

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """All of them, the widest first."""
        rows = [row for name, row in sorted(self.rows.items()) if name == "pause" or name.startswith("pause:")]
        return tuple(
            Pause(row.name[6:].replace(":", " ", 1) or "the project", str(row.value), row.by, row.reason, row.at)
            for row in rows
        )

    def at_once(self, task: str, said: int) -> int:
        """How many processings of a task may run: as set, else as the file said."""
        return int(self._value(f"at_once:{task}", said))

    @property
    def queues(self) -> tuple[str, ...]:
        """Names of queues of which anything is set."""
        return tuple(name.removeprefix("queue:") for name in self.rows if name.startswith("queue:"))

    def queue_at_once(self, queue: str, said: int) -> int:
        """How many steps of a queue may run: as set, else as the file said."""
        return int(self._value(f"queue:{queue}", said))

    def number(self, name: str, said: float | None) -> float | None:
        """``cpus``, ``memory``, ``gpus``, ``keep_free`` or ``max_total``: as set, else as the file says."""
        value = self._value(name, said)
        return None if value is None else float(value)

    def limits(self, said: Mapping[str, float]) -> dict[str, float]:
        """All limits: as set, else as the file says."""
        set_now = {name[6:]: float(row.value) for name, row in self.rows.items() if name.startswith("limit:")}
        return {**said, **set_now}

    def of_launcher(self, name: str) -> dict[str, Any]:
        """What is set of the launchers of this name: cpus, workers, queues, mode, stop."""
        start = f"launcher:{name}:"
        return {key.removeprefix(start): row.value for key, row in self.rows.items() if key.startswith(start)}

    def _value(self, name: str, said: Any) -> Any:
        row = self.rows.get(name)
        return said if row is None else row.value


def launcher_row(name: str, key: str) -> str:
    """Name of a setting of one launcher."""
    return f"launcher:{name}:{key}"


def split_launcher_row(row: str) -> tuple[str, str] | None:
    """The launcher and the key of a setting of a launcher that a person may write as a value; None for any other."""
    kind, _, rest = row.partition(":")
    name, _, key = rest.rpartition(":")
    return (name, key) if kind == "launcher" and name and key in ("cpus", "workers", "queues") else None


def read_value(name: str, text: str) -> Any:
    """What a person wrote as the value of a setting; Invalid says what it takes."""
    if (of := split_launcher_row(name)) is not None:
        name = of[1]
        if name == "queues":
            return _read_queues(text)
    if name in ("memory", "keep_free", "max_total"):
        return to_bytes(float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else text)
    try:
        number = float(text)
    except ValueError:
        raise Invalid(f"{name} is a number, not {text[:40]!r}") from None
    if not 0 <= number <= 1_000_000:
        raise Invalid(f"{name} is a number from 0 to 1000000, not {text[:40]!r}")
    if name == "workers":
        if number != int(number):
            raise Invalid(f"workers is a whole number of processes, not {text[:40]!r}")
        return int(number)
    if name.startswith(("at_once:", "queue:")) or name == "gpus":
        if number != int(number):
            what = {"at_once": " of processings, 0 for no limit", "queue": " of steps, 0 for no limit", "gpus": ""}
            called = "gpus" if name == "gpus" else "at_once"
            raise Invalid(f"{called} is a whole number{what[name.partition(':')[0]]}, not {text[:40]!r}")
        return int(number)
    if name == "cpus" and number == 0:
        raise Invalid("cpus is more than nothing; to start nothing, pause the project: procession pause --all")
    return number


def _read_queues(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", name) for name in names):
        raise Invalid(f"queues are names with commas between them, as in general,night, not {text[:60]!r}")
    return [queue_named(name) for name in dict.fromkeys(names)]
