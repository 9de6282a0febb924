"""What people ask of launchers, wherever they run: who serves, take no more, only maintenance, leave, never come back.

In: the name of a launcher. Out: rows of `setting` that its next turn reads, or, of a place that never comes back, its
attempts lost and its processings let go on elsewhere. Always: what is set of a name holds for every launcher that is
called so, also after its restart; a word to leave is obeyed once.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from procession.clock import moment
from procession.commands.asked import Asked
from procession.commands.settings import check_launcher
from procession.errors import Invalid, Refused
from procession.flow.hosts import give_up as give_up_place
from procession.flow.room import capacity_of, room_for
from procession.model.setting import LAUNCHER_MODES, STOPS, Setting, Settings, launcher_row
from procession.project import Project, poke
from procession.store import attempts, disk, launchers, messages, moves, serving, settings
from procession.store.database import Tx
from procession.supervise.process import boot_id
from procession.workdir import Var, is_held

PIECE = 5000
"""So many rows are written in one transaction."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """A launcher, as people see it."""

    id: int
    name: str
    host: str
    var: str | None
    """Its place, as its host calls it."""
    pid: int
    state: str
    """``serving``, ``draining``, ``maintenance``, ``leaving``, ``silent``, ``gone`` or ``stopped``."""
    started_at: datetime
    heard_at: datetime
    """When it was last heard of, by its own clock."""
    cpus: float
    used: float
    """Processors that the running steps of its place take."""
    running: int
    gpus: int
    labels: tuple[str, ...]
    queues: tuple[str, ...]
    url: str | None
    memory: int | None
    """Bytes that it may use; None: it does not count them."""
    used_memory: int
    mode: Setting | None
    """Who drained it or put it into maintenance, and why."""
    version: str | None = None
    """Of Procession, as it serves."""


def list_all(project: Project, *, stopped: bool = False) -> list[Launcher]:
    """Launchers that serve or have left something behind; with `stopped` also those that served lately."""
    with project.store.read() as tx:
        rows = {row.id: row for row in launchers.elsewhere(tx, "") if row.kind == "up"}
        if stopped:
            rows |= {row.id: row for row in launchers.newest(tx, 100)}
        silent = {message.task for message in messages.of_kind(tx, "host")}
        ordered = sorted(rows.values(), key=lambda row: (row.name, row.id))
        return [_picture(project, tx, row, silent) for row in ordered]


def _picture(project: Project, tx: Tx, row: Any, silent: set[str]) -> Launcher:
    room = room_for(project, tx, row.place, capacity_of(row), row.name)
    return Launcher(
        row.id, row.name, row.host, row.var, row.pid, _state(project, row, room.settings, silent),
        moment(row.started_at), moment(row.beat_at), room.capacity.cpus,
        room.live.cpus if row.stopped_at is None else 0.0, len(attempts.live_of(tx, [row.id])), row.gpus,
        tuple(sorted(room.capacity.labels)), tuple(sorted(name or "general" for name in room.capacity.queues)), row.url,
        room.capacity.memory, room.live.memory if row.stopped_at is None else 0,
        room.settings.rows.get(launcher_row(row.name, "mode")), row.version,
    )  # fmt: skip


def _state(project: Project, row: Any, set_now: Settings, silent: set[str]) -> str:
    if row.stopped_at is not None:
        return "stopped"
    if is_gone(row):
        return "gone"
    if row.name in silent:
        return "silent"
    if row.closing:
        return "leaving"
    return {"drain": "draining", "maintenance": "maintenance"}.get(
        str(set_now.of_launcher(row.name).get("mode")), "serving"
    )


def is_gone(row: Any) -> bool:
    """Is its place on this host, and its lock free? Else nobody can tell from here."""
    if row.var is None or (row.host, row.boot) != (socket.gethostname(), boot_id()):
        return False
    var = Var(Path(row.var))
    try:
        return (var.root / "place-id").read_text("ascii") == row.place and not is_held(var.lock)
    except OSError:
        return False


def abandoned(project: Project, tx: Tx, processing_ids: Collection[int]) -> frozenset[int]:
    """Those of these processings of which an attempt lives on a launcher that is gone, or of which nobody hears."""
    if not processing_ids:
        return frozenset()
    silent = {message.task for message in messages.of_kind(tx, "host")}
    gone = {row.id for row in launchers.not_stopped(tx) if row.name in silent or is_gone(row)}
    live = serving.live(tx) if gone else ()
    return frozenset(each.processing_id for each in live if each.launcher_id in gone).intersection(processing_ids)


def set_mode(project: Project, name: str, mode: str | None, who: Asked) -> None:
    """Let a launcher start nothing new (``drain``), serve the queue ``maintenance`` alone, or (None) work as ever."""
    if mode is not None and mode not in LAUNCHER_MODES:
        raise Invalid(f"{mode!r} is no mode of a launcher; there are {', '.join(LAUNCHER_MODES)}")
    with project.store.begin() as tx:
        check_launcher(tx, name)
        row = launcher_row(name, "mode")
        if mode is not None:
            settings.put(tx, row, mode, who.by, project.now(), who.reason)
        elif not settings.remove(tx, row):
            raise Refused(f"launcher {name} works already: it neither drains nor is in maintenance")
        _tell(project, tx, mode or "work", name, who)


def stop(project: Project, name: str, word: str, who: Asked) -> None:
    """Let a launcher leave, wherever it is: scripts run on (``stop``), are waited for (``drain``) or end (``kill``)."""
    if word not in STOPS:
        raise Invalid(f"{word!r} is no way to stop a launcher; there are {', '.join(STOPS)}")
    with project.store.begin() as tx:
        check_launcher(tx, name)
        if not any(row.name == name and row.kind == "up" for row in launchers.not_stopped(tx)):
            raise Refused(f"launcher {name} has stopped already")
        settings.put(tx, launcher_row(name, "stop"), word, who.by, project.now(), who.reason)
        _tell(project, tx, "stop", f"{name}, {word}", who)


def give_up(project: Project, name: str, who: Asked) -> str:
    """A launcher never comes back: what ran there is lost and tried again elsewhere; returns what that came to.

    Refused while it may still be there: nobody has found it silent, and its lock is not known to be free.
    """
    with project.store.begin() as tx:
        check_launcher(tx, name)
        served = launchers.newest(tx, 100)
        row = next((row for row in served if row.name == name), None)
        if row is None or row.place == project.var.place_id():
            raise Refused(f"launcher {name} served this very place; serve it again with: procession up")
        silent = any(message.task == name for message in messages.of_kind(tx, "host"))
        left_it = all(each.stopped_at is not None for each in served if each.place == row.place)
        if not (silent or is_gone(row) or (left_it and not attempts.live_of(tx, [row.id]))):
            raise Refused(
                f"launcher {name} on {row.host} is heard of, or has not been silent for long enough; if it still runs, "
                f"stop it first: procession stop --launcher {name}"
            )
        left = give_up_place(project, tx, row.place, who.by)
        _tell(project, tx, "give_up", name, who)
    _forget_directories(project, row.place)
    needing = f"; {left} processings need their directories there: cancel them, then restart them" if left else ""
    return f"launcher {name} is given up; what ran there is tried again elsewhere{needing}"


def _forget_directories(project: Project, place: str) -> None:
    """What ended there is nobody's to clean: its working files count as gone, and its rows go in their time."""
    last: int | None = 0
    while last is not None:
        with project.store.begin() as tx:
            last = disk.give_up(tx, place, last, project.now(), PIECE)


def _tell(project: Project, tx: Tx, verb: str, what: str, who: Asked) -> None:
    because = f": {who.reason}" if who.reason else ""
    moves.tell(tx, "launcher", verb, project.now(), who.by, what + because)
    for row in launchers.not_stopped(tx):
        if row.var is not None:  # on this host it hears of it at once, elsewhere at its next look
            tx.after(partial(poke, Var(Path(row.var)).wake, "wake"))
