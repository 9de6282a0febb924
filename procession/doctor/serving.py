"""Who serves: the launcher, its heart, its definitions, and whether anything waits for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from procession.commands import bridges
from procession.doctor.finding import Finding, ok, some, warning, wrong
from procession.project import HEARD_WITHIN, Project
from procession.store import claiming, launchers
from procession.store.database import Tx
from procession.units import duration
from procession.workdir import is_held


def examine(project: Project, full: bool) -> Iterator[Finding]:
    """The definitions and the launchers."""
    yield from _definitions(project)
    with project.store.read() as tx:
        rows = [row for row in launchers.not_stopped(tx) if row.kind == "up"]
        yield _launcher(project, tx, rows)
        yield _foreground(project, tx)
    yield from _bridges(project)


def _definitions(project: Project) -> Iterator[Finding]:
    if project.file_problem:
        advice = "correct it; the older definitions stay in force until then"
        yield wrong("definitions", project.file_problem, advice)
    if warnings := project.settings.warnings:
        yield warning("definitions", some(list(warnings)), "see: procession check")
    if not project.file_problem and not warnings:
        yield ok("definitions", "without a mistake, and in force")


def _bridges(project: Project) -> Iterator[Finding]:
    """A broker that is away, a bridge that nobody serves, messages that a broker does not take."""
    found = bridges.list_all(project)
    for each in found:
        if each.state == "away":
            yield warning(f"bridge {each.name}", f"not connected: {each.problem}", "it is tried again by itself")
        elif each.state == "unserved":
            advice = "start it: procession up, or procession bridge " + each.name
            yield warning(f"bridge {each.name}", "no process serves it", advice)
        if each.given_up:
            advice = f"when its broker takes them: procession republish {each.name}"
            yield warning(f"bridge {each.name}", f"{each.given_up} messages were given up", advice)
    if found and all(each.state == "connected" and not each.given_up for each in found):
        yield ok("bridges", f"{len(found)} connected")


def _launcher(project: Project, tx: Tx, rows: list[Any]) -> Finding:
    now = project.now()
    heard = [row for row in rows if now - row.beat_at < HEARD_WITHIN]
    if is_held(project.var.lock) and not heard:
        silent = max((row.beat_at for row in rows), default=0)
        since = f" for {duration(max(1, (now - silent) // 1_000_000))}" if silent else ""
        return wrong(
            "launcher", f"it is there, but has not been heard of{since}", f"see {project.var.log}; start it again"
        )
    if not project.is_served(tx):
        waiting = claiming.tasks_waiting(tx)
        if waiting:
            return warning("launcher", f"nobody serves, and tasks wait: {some(waiting)}", "start it: procession up")
        return ok("launcher", "nobody serves this project, and nothing waits")
    said = [f"{row.name}{f' ({row.closing})' if row.closing else ''}" for row in heard]
    return ok("launcher", f"served by {some(said)}, heard of within {HEARD_WITHIN // 1_000_000} s")


def _foreground(project: Project, tx: Tx) -> Finding:
    """A processing of a foreground launcher that is gone is taken over by whoever serves."""
    gone = [
        str(row.id)
        for row in launchers.unsettled(tx, project.var.place_id())
        if row.kind == "run" and not is_held(project.var.foreground / f"{row.id}.lock")
    ]
    if gone:
        return warning(
            "foreground", f"runs whose process is gone: {some(gone)}", "procession up takes over what they left"
        )
    return ok("foreground", "no run has lost its process")
