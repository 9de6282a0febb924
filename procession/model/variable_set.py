"""VariableSet: values for the processings of a task that are still to come, and which set is whose.

The rule (M62), in full. One set applies to a processing, whole, never a mix of several:

1. the set of its group, if there is one;
2. else, of the sets by runs whose range has its run number, the one that starts latest;
3. else, of the sets by filter whose condition holds for its parameters, the one that was made last;
4. else none: every variable has the script's own default.

A range without an end goes on for ever. So a set for runs 100 to 150 lies over one from 50 on, which resumes at 151. A
set that a new one displaced is cut to what lies beyond it; it keeps the start that it was made with (`made_for`), which
decides between sets that were cut to the same start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from procession.errors import Invalid
from procession.model import condition
from procession.model.event import check_text

LARGEST_RUN = 2**63 - 1
MAX_GROUP = 200
MAX_DESCRIPTION = 1_000


@dataclass(frozen=True, slots=True)
class VariableSet:
    """One set: by group, by runs or by filter, of these exactly one."""

    task: str
    standard_vars: Mapping[str, Any] = field(default_factory=dict)
    advanced_vars: Mapping[str, Any] = field(default_factory=dict)
    """Only what is fixed; every other variable follows the script."""
    group: str | None = None
    first_run: int | None = None
    last_run: int | None = None
    """None: for ever."""
    made_for: int | None = None
    """The first run that it was made for; `first_run` is larger where a newer set has displaced the beginning."""
    where: str | None = None
    """Condition over the parameters of the event."""
    description: str = ""
    by: str = ""
    at: int = 0
    script: str | None = None
    """SHA-256 of the file of defaults when it was made."""
    id: int = 0

    @property
    def kind(self) -> str:
        """``group``, ``runs`` or ``filter``."""
        return "group" if self.group is not None else "runs" if self.first_run is not None else "filter"

    @property
    def scope(self) -> str:
        """For people: ``runs 100 to 150``, ``group RB1``, ``where sat == "L8"``."""
        if self.group is not None:
            return f"group {self.group}"
        if self.first_run is None:
            return f"where {self.where}"
        if self.last_run is None:
            return f"runs from {self.first_run}"
        return (
            f"run {self.first_run}" if self.first_run == self.last_run else f"runs {self.first_run} to {self.last_run}"
        )

    @property
    def end(self) -> int:
        """The last run that it is for."""
        return LARGEST_RUN if self.last_run is None else self.last_run

    def covers(self, run: int | None) -> bool:
        """Is it a set by runs with this one among them?"""
        return run is not None and self.first_run is not None and self.first_run <= run <= self.end

    def check(self) -> VariableSet:
        """This set, if its scope makes sense; Invalid else."""
        said = [name for name in ("group", "first_run", "where") if getattr(self, name) is not None]
        if len(said) != 1:
            raise Invalid(
                "a set is for runs (--from), for a group (--group) or for a filter (--where); say exactly one of them"
            )
        if self.first_run is not None:
            _check_range(self.first_run, self.last_run)
        elif self.last_run is not None:
            raise Invalid("the last run says nothing without the first; say from which run on")
        if self.group is not None:
            check_text("the group", self.group)
            if not 0 < len(self.group) <= MAX_GROUP:
                raise Invalid(f"the group has 1 to {MAX_GROUP} characters, not {len(self.group)}")
        if self.where is not None:
            condition.parse(self.where)
        check_text("the description", self.description)
        if len(self.description) > MAX_DESCRIPTION:
            raise Invalid(
                f"the description is {len(self.description)} characters long; the longest is {MAX_DESCRIPTION}"
            )
        return self


def _check_range(first: int, last: int | None) -> None:
    for run in (first, first if last is None else last):
        if not 0 <= run < LARGEST_RUN:
            raise Invalid(f"a run is a whole number from 0 to {LARGEST_RUN - 1}, not {run}")
    if last is not None and last < first:
        raise Invalid(f"the last run is {last} and the first {first}; the end comes before the start: turn them round")


def choose(
    sets: Sequence[VariableSet], run: int | None, group: str | None, params: Mapping[str, Any]
) -> VariableSet | None:
    """The set that applies, by the rule above."""
    for fitting in (
        [each for each in sets if each.group is not None and each.group == group],
        [each for each in sets if each.covers(run)],
        [each for each in sets if each.where is not None and condition.parse(each.where).holds(params, {})],
    ):
        if fitting:
            return max(fitting, key=_precedence)
    return None


def _precedence(found: VariableSet) -> tuple[int, int, int]:
    return (found.first_run or 0, found.made_for or 0, found.id)


def explain(
    sets: Sequence[VariableSet], run: int | None, group: str | None, params: Mapping[str, Any]
) -> list[tuple[VariableSet, str]]:
    """Every set with why it applies or does not, the one that applies first."""
    chosen = choose(sets, run, group, params)
    ranks = {"group": 0, "runs": 1, "filter": 2}
    found = sorted(sets, key=lambda each: (each is not chosen, ranks[each.kind], each.id))
    return [(each, _why(each, chosen, run, group, params)) for each in found]


def _why(
    each: VariableSet, chosen: VariableSet | None, run: int | None, group: str | None, params: Mapping[str, Any]
) -> str:
    if each is chosen:
        return "it applies"
    if each.kind == "group" and each.group != group:
        return f"the group is {group}" if group is not None else "it has no group"
    if each.kind == "runs" and not each.covers(run):
        return f"the run is {run}" if run is not None else "it has no run number"
    if each.where is not None and not condition.parse(each.where).holds(params, {}):
        return "the condition does not hold"
    assert chosen is not None
    if chosen.kind == each.kind:
        return f"set {chosen.id} " + ("starts later" if each.kind == "runs" else "was made later")
    return f"set {chosen.id} is for its {'group' if chosen.kind == 'group' else 'run'}, which goes before"


def conflicts(new: VariableSet, sets: Sequence[VariableSet]) -> list[VariableSet]:
    """Sets that would keep the new one from applying where it is meant to: the same group, the same condition, or a
    start within its runs."""
    if new.kind == "group":
        return [each for each in sets if each.group == new.group]
    if new.kind == "filter":
        return [each for each in sets if each.where == new.where]
    assert new.first_run is not None
    return [each for each in sets if each.first_run is not None and new.first_run <= each.first_run <= new.end]


def displaced(old: VariableSet, new: VariableSet) -> VariableSet | None:
    """What is left of a set that a new one displaces: what lies beyond its runs; None if nothing is."""
    if new.kind != "runs" or old.end <= new.end:
        return None
    return replace(old, first_run=new.end + 1)


def standing(each: VariableSet, sets: Sequence[VariableSet], latest: int | None) -> str:
    """How a set stands when the newest run is `latest`: ``current``, ``upcoming``, ``past``; ``covered``, where another
    one lies over it for the time being."""
    if each.first_run is None:
        return "current"
    if latest is None or each.first_run > latest:
        return "upcoming"
    if each.end < latest:
        return "past"
    by_runs = [one for one in sets if one.covers(latest)]
    return "current" if max(by_runs, key=_precedence) is each else "covered"
