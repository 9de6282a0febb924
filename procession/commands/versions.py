"""Versions: the history of what was processed again, and the difference between two of them.

*In:* a processing. *Out:* every version of it that is kept, with its values, scripts and outcome; what is different.
*Always:* rows and kept texts are read, nothing is executed but what `variables_file` says; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from procession.commands.changes import Change, of_code, of_texts
from procession.commands.processings import look
from procession.commands.variables import Declared, declared_by
from procession.errors import NotFound
from procession.model.processing import Processing, Step
from procession.model.states import PROCESSING
from procession.model.variable import SECTIONS
from procession.model.wording import plain
from procession.project import Project
from procession.store import journal, tasks, variable_sets
from procession.store.database import Tx


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a processing."""

    processing: Processing
    code: Mapping[str, str]
    """Path of each script that it ran, and the SHA-256 of its text."""
    by: str
    """Who asked for it, or what brought its event."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two versions and what is different."""

    before: Version
    after: Version
    changes: tuple[Change, ...]


def versions(project: Project, processing_id: int) -> list[Version]:
    """All versions of a processing that are kept, oldest first; NotFound if there is no such processing."""
    with project.store.read() as tx:
        return _versions(tx, processing_id)


def _versions(tx: Tx, processing_id: int) -> list[Version]:
    found = look(tx, processing_id)
    return [_version(tx, pid) for pid in variable_sets.versions_of(tx, found.event_id, found.task)]


def _version(tx: Tx, processing_id: int) -> Version:
    found = look(tx, processing_id)
    born = next((line for line in journal.of(tx, processing_id) if line.verb == "submit"), None)
    return Version(found, _code(found), "" if born is None else born.by)


def _code(found: Processing, without: Container[str] = ()) -> dict[str, str]:
    """Path → SHA-256 of what its steps ran, without that of some steps."""
    attempts = [one for step in found.steps if step.name not in without for one in step.attempts]
    return {path: digest for one in attempts for path, digest in one.code.items()}


def _unknown(found: Processing, other: Processing) -> set[str]:
    """Steps of both that ran in the other one alone: what they run here is known when they begin."""
    ran = {step.name for step in other.steps if _ran(step)}
    return {step.name for step in found.steps if step.name in ran and not _ran(step)}


def _ran(step: Step) -> bool:
    return any(one.code or (one.claimed_at is not None and one.made_by is None) for one in step.attempts)


def difference(project: Project, processing_id: int, other: int | None = None) -> Difference:
    """What is different in this version from `other` (the number of a version; None: the one before it)."""
    with project.store.read() as tx:
        all_of_it = _versions(tx, processing_id)
        task = next((t for t in tasks.current(tx).values() if t.name == all_of_it[0].processing.task), None)
    after = next(each for each in all_of_it if each.processing.id == processing_id)
    older = [each for each in all_of_it if each.processing.version < after.processing.version]
    if other is None and not older:
        raise NotFound(f"processing {processing_id} is the first version that is kept; say with which to compare it")
    before = next((each for each in all_of_it if each.processing.version == other), None) if other else older[-1]
    if before is None:
        numbers = ", ".join(str(each.processing.version) for each in all_of_it)
        raise NotFound(f"processing {processing_id} has no version {other}; it has: {numbers}")
    known = declared_by(task) if task is not None else None
    return Difference(before, after, tuple(_changes(project, known, before, after)))


def _changes(project: Project, known: Declared | None, before: Version, after: Version) -> list[Change]:
    one, two = before.processing, after.processing
    ended = one.state in PROCESSING.terminal and two.state in PROCESSING.terminal
    unknown = _unknown(one, two) | _unknown(two, one)
    return [
        *(of_texts("outcome", {"": _outcome(one)}, {"": _outcome(two)}) if ended else ()),
        *of_texts("variable", _values(known, one), _values(known, two)),
        *of_code(project, _code(one, unknown), _code(two, unknown)),
        *of_texts("definition", {"": one.definition}, {"": two.definition}),
        *of_texts("parameter", _plain(one.params), _plain(two.params)),
        *of_texts("description", _described(one), _described(two)),
    ]


def _described(found: Processing) -> dict[str, str]:
    return {"": found.description} if found.description else {}


def _outcome(found: Processing) -> str:
    return f"{found.state}: {found.reason}" if found.reason else str(found.state)


def _values(known: Declared | None, found: Processing) -> dict[str, str]:
    """Name → value as text; of what no value replaces, the default as the script has it now."""
    values = found.values
    declared = {v.name: f"{plain(v.default)} (default)" for v in known.variables} if known else {}
    changed = {name: plain(value) for section in SECTIONS for name, value in values.section(section).items()}
    return {**declared, **changed}


def _plain(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: plain(value) for name, value in values.items()}
