"""Pause, resume, set, reset: what a person changes while it runs. It holds over the file until it is reset.

In: a scope or a name, and a value. Out: a row of `setting`, a line in the journal, and the launcher is poked, so that
it holds at once. Always: what there is not cannot be paused or set, and near misses are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from procession import disk
from procession.commands.asked import Asked
from procession.commands.events import unknown_task
from procession.commands.messages import resumed
from procession.errors import Invalid, NotFound, Refused
from procession.model.event import check_text
from procession.model.limits import limit_of
from procession.model.setting import HOLD, MODES, Setting, launcher_row, read_value, split_launcher_row
from procession.model.wants import GENERAL
from procession.project import Project
from procession.store import launchers, moves, settings, sources, tasks
from procession.store.database import Tx
from procession.units import size

BANNER = "banner"
"""The setting that is shown on every page."""
LONGEST_BANNER = 300
WHOLE = ("cpus", "memory", "gpus", "keep_free", "max_total")
"""What can be set for the whole project."""
KINDS = (
    *WHOLE, "at_once:TASK", "limit:NAME", "queue:NAME", "launcher:NAME:cpus", "launcher:NAME:workers",
    "launcher:NAME:queues",
)  # fmt: skip
"""Everything that can be set, by the names that it has."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is paused: a task, a group, a source, a queue, or (with none of them) the project."""

    task: str | None = None
    group: str | None = None
    source: str | None = None
    queue: str | None = None
    """As people call it; the general one too."""

    def __post_init__(self) -> None:
        if "" in (self.task, self.group, self.source, self.queue):
            raise Invalid("what is paused has a name, and this one is empty; for the whole project say everything")

    @property
    def row(self) -> str:
        """Name of the setting."""
        if self.source:
            return f"pause:source:{self.source}"
        if self.queue:
            return f"pause:queue:{self.queue}"
        return f"pause:task:{self.task}" if self.task else f"pause:group:{self.group}" if self.group else "pause"

    @property
    def text(self) -> str:
        """For people."""
        if self.source:
            return f"source {self.source}"
        if self.queue:
            return f"queue {self.queue}"
        return f"task {self.task}" if self.task else f"group {self.group}" if self.group else "the project"


def pause(project: Project, scope: Scope, mode: str, who: Asked) -> Setting:
    """Let it start nothing; `mode` is one of `MODES`. Once more changes the mode and the reason."""
    if mode not in MODES:
        raise Invalid(f"{mode!r} is no way to pause; there are {', '.join(MODES)}")
    if scope.source and mode != "skip":
        mode = HOLD
    if scope.queue and mode == "skip":
        raise Invalid("events wait in no queue, so none is skipped; pause the queue with stop or drain, or the task")
    with project.store.begin() as tx:
        _check_scope(project, tx, scope)
        settings.put(tx, scope.row, mode, who.by, project.now(), who.reason)
        _tell(project, tx, "pause", f"{scope.text}, {mode}", who)
        return settings.all_of(tx).rows[scope.row]


def resume(project: Project, scope: Scope, who: Asked) -> None:
    """Let it start again, also where failures had suspended it: those before this moment no longer count."""
    with project.store.begin() as tx:
        if not settings.remove(tx, scope.row):  # what has gone from the file meanwhile is resumed as well
            _check_scope(project, tx, scope)
            wider = settings.all_of(tx).pause(scope.task or "", _group(tx, scope.task) or scope.group or "")
            rest = f", but {wider.sentence}" if wider else ""
            raise Refused(f"{scope.text} is not paused{rest}")
        if scope.task:
            resumed(tx, scope.task, project.now())
        _tell(project, tx, "resume", scope.text, who)


def change(project: Project, name: str, text: str, who: Asked) -> Setting:
    """Set a value by its name (``at_once:TASK``, ``limit:NAME``, ``queue:NAME``, one of `WHOLE`), as one wrote it."""
    with project.store.begin() as tx:
        _check_name(project, tx, name)
        value = read_value(name, text)
        if name == "keep_free" and value >= (total := disk.space(project.var.root / "work").total):
            raise Refused(
                f"keep_free={size(value)} is more than the whole disk has ({size(total)}); nothing could begin"
            )
        settings.put(tx, name, value, who.by, project.now(), who.reason)
        _tell(project, tx, "set", f"{name}={_shown(value)}", who)
        return settings.all_of(tx).rows[name]


def reset(project: Project, name: str, who: Asked) -> None:
    """What the file says holds again."""
    with project.store.begin() as tx:
        if not settings.remove(tx, name):
            _check_name(project, tx, name)
            raise Refused(f"{name} is not set; what the file says holds")
        _tell(project, tx, "reset", name, who)


def announce(project: Project, text: str | None, who: Asked) -> Held:
    """Say this on every page, above everything, until it is said otherwise; None: say nothing any more."""
    said = (text or "").strip()
    check_text("the banner", said)
    if len(said) > LONGEST_BANNER:
        raise Invalid(f"a banner has at most {LONGEST_BANNER} characters, and this one has {len(said)}; shorten it")
    with project.store.begin() as tx:
        if said:
            settings.put(tx, BANNER, said, who.by, project.now(), who.reason)
        elif not settings.remove(tx, BANNER):
            raise Refused("there is no banner; set one: procession banner 'maintenance at 14:00'")
        _tell(project, tx, "set" if said else "reset", f"{BANNER}: {said}" if said else BANNER, who)
        row = settings.all_of(tx).rows.get(BANNER)
    return Held(BANNER, None, said or None, row)


def names(project: Project) -> list[str]:
    """Every name that can be set now."""
    with project.store.read() as tx:
        return _names(project, tx)


@dataclass(frozen=True, slots=True)
class Held:
    """One value: what the file says, and what holds."""

    name: str
    file: Any
    """None: the file says nothing."""
    value: Any
    row: Setting | None
    """Who set it; None: the file holds."""


def list_all(project: Project) -> list[Held]:
    """Every value that can be set, and every pause, by name."""
    with project.store.read() as tx:
        rows = dict(settings.all_of(tx).rows)
        said = _said(project, tx)
    names = sorted({*said, *rows}, key=lambda name: (":" in name, name))
    return [
        Held(name, said.get(name), rows[name].value if name in rows else said.get(name), rows.get(name))
        for name in names
    ]


def _shown(value: Any) -> str:
    return ",".join(name or "general" for name in value) if isinstance(value, list) else f"{value:g}"


def _said(project: Project, tx: Tx) -> dict[str, Any]:
    """What the files say."""
    whole = {name: getattr(project.settings, name, None) for name in WHOLE}
    limits = {f"limit:{name}": amount for name, amount in project.settings.limits}
    queues = {f"queue:{name}": plan.at_once for name, plan in project.settings.plans_of_queues}
    return {
        **whole,
        **limits,
        **queues,
        **{f"at_once:{task.name}": task.at_once for task in tasks.current(tx).values()},
    }


def _check_scope(project: Project, tx: Tx, scope: Scope) -> None:
    """What is paused is a task, a watch that only emits (it has a task's name), or a group of both."""
    watches = project.settings.watches
    names = [*tasks.names(tx), *(plan.name for plan in watches)]
    if scope.task and scope.task not in names:
        raise NotFound(unknown_task(scope.task, sorted(set(names))))
    groups = sorted({*(t.group for t in tasks.current(tx).values()), *(plan.group for plan in watches)} - {""})
    if scope.source and scope.source not in (known := sources.names(tx, "source")):
        raise NotFound(_unknown("source", scope.source, known[:20]))
    if scope.queue and scope.queue not in (served := [GENERAL, *_queues(project, tx)]):
        raise NotFound(_unknown("queue", scope.queue, served))
    if scope.group and scope.group not in groups:
        raise NotFound(_unknown("group", scope.group, groups))


def _check_name(project: Project, tx: Tx, name: str) -> None:
    kind, colon, of = name.partition(":")
    if kind == "at_once" and colon:
        if of not in (names := tasks.names(tx)):
            raise NotFound(unknown_task(of, names))
        return
    if kind == "limit" and colon:
        limits = dict(project.settings.limits)
        if limit_of(of, limits) is None:  # one value of a template is a limit, too
            raise NotFound(_unknown("limit", of, list(limits)))
    elif kind == "queue" and colon:
        if of not in (known := _queues(project, tx)):
            raise NotFound(_unknown("queue", of, known))
    elif (of_launcher := split_launcher_row(name)) is not None:
        check_launcher(tx, of_launcher[0])
    elif name not in WHOLE:
        known = _names(project, tx)
        near = [each for each in known if each.endswith(f":{name}")] or get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise NotFound(f"there is no setting {name[:60]!r}; {hint}what can be set: {', '.join(KINDS)}")


def _names(project: Project, tx: Tx) -> list[str]:
    of_launchers = [launcher_row(name, key) for name in launchers.names(tx) for key in ("cpus", "workers", "queues")]
    return [
        *WHOLE,
        *(f"at_once:{name}" for name in tasks.names(tx)),
        *(f"limit:{name}" for name, _ in project.settings.limits),
        *(f"queue:{name}" for name in _queues(project, tx)),
        *of_launchers,
    ]


def _queues(project: Project, tx: Tx) -> list[str]:
    """Every queue with a name: of the file, or of a step."""
    used = {plan.queue for task in tasks.current(tx).values() for plan in task.steps}
    served = {*project.settings.queues, *(name for name, _ in project.settings.plans_of_queues)}
    return sorted({*used, *served} - {""})


def check_launcher(tx: Tx, name: str) -> None:
    """NotFound where no launcher is called so."""
    if name not in (names := launchers.names(tx)):
        raise NotFound(_unknown("launcher", name, names))


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no {what} {name[:60]!r}; {hint}there are: {', '.join(known) or 'none'}"


def _group(tx: Tx, task_name: str | None) -> str:
    return next((task.group for task in tasks.current(tx).values() if task.name == task_name), "")


def _tell(project: Project, tx: Tx, verb: str, what: str, who: Asked) -> None:
    because = f": {who.reason}" if who.reason else ""
    moves.tell(tx, "setting", verb, project.now(), who.by, what + because)
    tx.after(project.wake)
