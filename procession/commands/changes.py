"""What changed: a failed attempt beside the last good one of the same task and step, the most telling first (N10).

In: an attempt that has ended. Out: what is different, in a fixed order: code, inputs, parameters, variables, arguments,
limits, interpreter and packages, commit, host and version of Procession, duration, memory, and last the environment, of
which what the shell of a person sets comes after the rest. Always: rows and what lies beside the logs are read, nothing
is executed; what was cleaned away is left out and said.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from procession import code
from procession.commands import processings
from procession.errors import NotFound
from procession.model.difference import beside, short
from procession.model.processing import Attempt, Processing, Step
from procession.model.states import State
from procession.model.wording import plain
from procession.project import Project
from procession.store import launchers, steps, tasks
from procession.store.database import Tx
from procession.supervise import spool
from procession.units import duration, size

SECRET = re.compile(r"(?i)pass|secret|token|key|credential")
OURS = "PROCESSION_"
SESSION = re.compile(
    r"MAKEFLAGS|MAKELEVEL|MFLAGS|PS[0-4]|PROMPT_COMMAND|SHLVL|OLDPWD|PWD|_|TERM|TERM_.*|COLORTERM|COLUMNS|LINES|LS_COLORS"
    r"|LESS.*|HIST.*|MAIL|SSH_.*|XDG_SESSION_.*|DBUS_SESSION_.*|WINDOWID|TMUX.*|STY|INVOCATION_ID|JOURNAL_STREAM"
)
"""Variables of the shell or terminal in which somebody started Procession: they seldom tell anything."""
DEFAULT = "the default"
APART = 1.5
"""So many times longer, or more memory, is told."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: str
    """``code``, ``input``, ``parameter``, ``variable``, ``argument``, ``limit``, ``interpreter``, ``package``,
    ``commit``, ``host``, ``procession``, ``duration``, ``memory`` or ``environment``."""
    name: str
    before: str | None
    """In the good attempt; None: it was not there."""
    after: str | None
    diff: str | None = None
    """Of a script whose text changed, if both texts are kept."""

    @property
    def sentence(self) -> str:
        """For people: one line, in which what is another is seen."""
        subject = self.subject
        if self.kind == "code" and self.before and self.after:
            return f"{subject} has changed"
        if self.before is None:
            return f"{subject} is new: {short(self.after or '')}"
        if self.after is None:
            return f"{subject} is gone; it was {short(self.before)}"
        before, after = beside(self.before, self.after)
        return f"{subject}: {before.text} → {after.text}"

    @property
    def subject(self) -> str:
        """What is different."""
        kind = {"procession": "version of Procession"}.get(self.kind, self.kind)
        return f"{kind} {self.name}" if self.name else kind

    @property
    def folded(self) -> bool:
        """Is it of the environment, of which only the number is told at first?"""
        return self.kind == "environment"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing one attempt with a good one."""

    step: str
    attempt: int
    good: tuple[int, int] | None
    """Processing and number of the attempt it is compared with; None: none has succeeded before."""
    changes: tuple[Change, ...] = ()
    missing: tuple[str, ...] = ()
    """What could not be compared, because it is not kept any more."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One attempt with everything that is known of it."""

    processing: Processing
    attempt: Attempt
    spec: Mapping[str, Any]
    limits: Mapping[str, str]
    work: str
    version: str | None
    """Of Procession, that of whoever claimed it."""


def changes(project: Project, processing_id: int, step_name: str | None = None) -> Comparison:
    """Compare the latest attempt of a step (the failed one, if none is named) with the last good one before it."""
    with project.store.read() as tx:
        found = processings.look(tx, processing_id)
        return compare(project, tx, found, processings.find_step(found, step_name))


def between(project: Project, processing_id: int, other_id: int, step_name: str) -> tuple[Change, ...]:
    """What is different in the latest attempts of a step of two processings, from the other one to this one; nothing
    where it has not run in both."""
    with project.store.read() as tx:
        sides = [_latest(project, tx, processings.look(tx, pid), step_name) for pid in (other_id, processing_id)]
    before, after = sides
    return () if before is None or after is None else tuple(_differences(project, before, after))


def _latest(project: Project, tx: Tx, found: Processing, step_name: str) -> _Side | None:
    step = next((each for each in found.steps if each.name == step_name), None)
    attempt = next((a for a in reversed(step.attempts) if a.made_by is None), None) if step is not None else None
    return None if step is None or attempt is None else _side(project, tx, found, step, attempt)


def of_failed(project: Project, found: Processing) -> Comparison | None:
    """The same for a failed processing; None where it has not failed, or never ran."""
    if found.state is not State.FAILED:
        return None
    with project.store.read() as tx, contextlib.suppress(NotFound):
        return compare(project, tx, found, processings.find_step(found, None))
    return None


def compare(project: Project, tx: Tx, found: Processing, step: Step) -> Comparison:
    """What `changes` does, in the caller's transaction. NotFound if nothing of this step has run."""
    attempt = next((a for a in reversed(step.attempts) if a.claimed_at is not None and a.made_by is None), None)
    if attempt is None:
        raise NotFound(f"step {step.name} of processing {found.id} has not run yet; there is nothing to compare")
    which = steps.last_good(tx, found.task, step.name, found.id, attempt.number)
    if which is None:
        return Comparison(step.name, attempt.number, None)
    other = processings.look(tx, which[0])
    good = next(each for each in other.steps if each.ordinal == which[1])
    before = _side(project, tx, other, good, next(a for a in good.attempts if a.number == which[2]))
    after = _side(project, tx, found, step, attempt)
    missing = () if before.spec and after.spec else ("arguments and environment: a record was cleaned away",)
    return Comparison(
        step.name, attempt.number, (which[0], which[2]), tuple(_differences(project, before, after)), missing
    )


def _side(project: Project, tx: Tx, found: Processing, step: Step, attempt: Attempt) -> _Side:
    directory = project.var.attempt(found.id, step.ordinal, step.name, attempt.number)
    record = spool.archived(directory)
    if record is None:
        seen = spool.look(project.var.spool, project.attempt_key(found.id, step.ordinal, attempt.number))
        record = getattr(seen, "record", None)
    plan = tasks.by_hash(tx, found.definition).step(step.ordinal)
    limits = {"timeout": plan.timeout, "memory": plan.memory, "cpus": plan.cpus, "cpu": plan.caps.cpu,
              "files": plan.caps.files, "no_output": plan.caps.quiet, "log": plan.caps.log}  # fmt: skip
    said = {name: f"{value:g}" for name, value in limits.items() if value}
    version = None if attempt.launcher_id is None else launchers.version(tx, attempt.launcher_id)
    return _Side(found, attempt, record.spec if record else {}, said, str(project.var.work(found.id)), version)


# ── the differences, in the order in which they tell most ──────────────────────────────────────────


def _differences(project: Project, before: _Side, after: _Side) -> Iterator[Change]:
    yield from of_code(project, before.attempt.code, after.attempt.code)
    one, other = before.attempt.surroundings or {}, after.attempt.surroundings or {}
    given = [_texts(side.processing.params) for side in (before, after)]
    yield from _inputs(one.get("inputs", {}), other.get("inputs", {}), *given)
    files = one.get("inputs", {}).keys() & other.get("inputs", {}).keys()
    parameters = list(of_texts("parameter", *given))
    yield from (change for change in parameters if change.name not in files)  # those are told already
    yield from _variables(before.processing, after.processing)
    known = bool(before.spec and after.spec)
    if known and not parameters:  # else the arguments follow from them
        yield from _arguments(before, after)
    yield from of_texts("limit", before.limits, after.limits)
    yield from _interpreter(project, one, other)
    yield from _pair("commit", "", one.get("commit"), other.get("commit"))
    yield from _pair("host", "", before.attempt.host, after.attempt.host)
    if before.version and after.version:
        yield from _pair("procession", "", before.version, after.version)
    yield from _measured(before.attempt, after.attempt)
    if known:
        found = of_texts("environment", _environment(before), _environment(after))
        yield from sorted(found, key=lambda each: SESSION.fullmatch(each.name) is not None)


def _variables(before: Processing, after: Processing) -> Iterator[Change]:
    """Values that replace the defaults of variables; the defaults themselves are in the files."""
    one, other = before.values.flat(), after.values.flat()
    names = one.keys() | other.keys()
    filled = [_texts({name: found.get(name, DEFAULT) for name in names}) for found in (one, other)]
    yield from of_texts("variable", *filled)


def of_code(project: Project, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """What is different in scripts: path to hash of the text."""
    for change in of_texts("code", before, after):
        diff = None
        if change.before and change.after:
            one, other = (code.text_of(project.var.code, digest) for digest in (change.before, change.after))
            if one is not None and other is not None:
                lines = one.splitlines(keepends=True), other.splitlines(keepends=True)
                diff = "".join(difflib.unified_diff(lines[0], lines[1], f"good{change.name}", f"now{change.name}"))
        yield Change(change.kind, change.name, change.before, change.after, diff)


def _arguments(before: _Side, after: _Side) -> Iterator[Change]:
    """Words of the command, but for the directory of the processing, which is always another."""
    one, other = ([w.replace(s.work, "{work}") for w in s.spec.get("argv", ())] for s in (before, after))
    for place in range(max(len(one), len(other))):
        words = [argv[place] if place < len(argv) else None for argv in (one, other)]
        yield from _pair("argument", str(place), *words)


def _environment(side: _Side) -> dict[str, str]:
    found = {**side.spec.get("env_base", {}), **side.spec.get("env_set", {})}
    return {name: str(value) for name, value in found.items() if not name.startswith(OURS)}


def _inputs(
    before: Mapping[str, list[int]], after: Mapping[str, list[int]], was: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[Change]:
    """Files by the parameters that name them, and what these said: of another file both names are told."""
    others = {name for name in before.keys() & after.keys() if was.get(name) != now.get(name)}

    def said(found: Mapping[str, list[int]], given: Mapping[str, str]) -> dict[str, str]:
        return {n: f"{given[n]}, {size(each[0])}" if n in others else size(each[0]) for n, each in found.items()}

    sizes = list(of_texts("input", said(before, was), said(after, now)))
    yield from sizes
    known = {change.name for change in sizes}
    for name in sorted(before.keys() & after.keys()):
        if name not in known and before[name] != after[name]:
            yield Change("input", name, "as it was", "written again since, of about the same size")


def _interpreter(project: Project, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    yield from _pair("interpreter", "", before.get("interpreter"), after.get("interpreter"))
    yield from _pair("interpreter", "version", before.get("version"), after.get("version"))
    if before.get("interpreter") == after.get("interpreter") and before.get("changed") != after.get("changed"):
        yield Change("interpreter", str(after.get("interpreter")), "as it was", "replaced since")
    one, other = before.get("packages"), after.get("packages")
    if one != other and one and other:
        texts = [code.text_of(project.var.code, digest) or "" for digest in (one, other)]
        listed = (dict(line.rsplit(" ", 1) for line in text.splitlines()) for text in texts)
        yield from of_texts("package", *listed)


def _measured(before: Attempt, after: Attempt) -> Iterator[Change]:
    both = (before, after)
    spans = [(a.finished_at - a.started_at).total_seconds() if a.started_at and a.finished_at else 0.0 for a in both]
    if spans[0] and spans[1] and not 1 / APART <= spans[1] / spans[0] <= APART and max(spans) >= 1:
        yield Change("duration", "", duration(spans[0]), duration(spans[1]))
    used = [a.peak_tree or a.max_rss or 0 for a in both]
    if all(used) and not 1 / APART <= used[1] / used[0] <= APART:
        yield Change("memory", "", size(used[0]), size(used[1]))


def of_texts(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """What is different in values by name."""
    for name in sorted(before.keys() | after.keys()):
        yield from _pair(kind, name, before.get(name), after.get(name))


def _pair(kind: str, name: str, before: str | None, after: str | None) -> Iterator[Change]:
    if before == after:
        return
    if kind == "environment" and SECRET.search(name):  # that it changed is told, not what it is
        before, after = before and "(a secret)", after and "(another secret)"
    yield Change(kind, name, before, after)


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: plain(value) for name, value in params.items()}
