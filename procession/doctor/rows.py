"""The rows: what must be so in the database at every moment (promises I2 to I11, I15, I20)."""

from __future__ import annotations

from collections.abc import Iterator

from procession.doctor.finding import Finding, ok, some, warning, wrong
from procession.flow.room import count_live, standing_of
from procession.model.states import State
from procession.project import Project
from procession.store import invariants, schema, settings, steps, tasks
from procession.store.database import Tx

SMALL = 50_000
"""Up to so many processings whole tables are read without being asked: it takes no longer than a second or two."""
MEND = "this should never be: keep a copy (procession export FILE) and report it with: procession doctor --json"


def examine(project: Project, full: bool) -> Iterator[Finding]:
    """Every invariant of the rows, in one transaction."""
    with project.store.read() as tx:
        if lacking := invariants.differences(tx):
            yield wrong("schema", f"the database lacks {some(lacking)}", MEND)
            return
        yield ok("schema", f"tables, columns and indexes are those of version {schema.VERSION}")
        deep = full or invariants.size(tx) <= SMALL
        for each in (*invariants.LIVE, *(invariants.DEEP if deep else ())):
            cases = invariants.broken(tx, each)
            yield (
                wrong(each.name, f"not so: {each.says}; see {some(cases)}", MEND) if cases else ok(each.name, each.says)
            )
        if not deep:
            names = ", ".join(each.name for each in invariants.DEEP)
            yield ok("whole tables", f"not read, since there are many: {names}; to read them: procession doctor --full")
        yield from _needs(tx)
        yield from _limits(project, tx)
        yield from _circles(project, tx)


def _needs(tx: Tx) -> Iterator[Finding]:
    """What runs may run: what it needs has ended well (I5)."""
    cases = []
    for pid, ordinal, _, definition_id in invariants.live_attempts(tx):
        definition = tasks.get(tx, definition_id)
        states = steps.states(tx, [pid])[pid]
        missing = [n for n in definition.step(ordinal).needs if states[n].state not in (State.SUCCEEDED, State.SKIPPED)]
        cases += [f"{pid}/{ordinal}"] if missing else []
    says = "what runs has all that it needs"
    yield wrong("needs", f"not so: {says}; see {some(cases)}", MEND) if cases else ok("needs", says)


def _circles(project: Project, tx: Tx) -> Iterator[Finding]:
    """Nobody waits for itself (I14). One that begins to is refused when it asks the next time."""
    limits = settings.all_of(tx).limits(dict(project.settings.limits))
    if circle := standing_of(tx, limits, project.now()).circles():
        what = f"processings {', '.join(map(str, circle[:5]))} wait for each other's locks"
        yield warning("circles", what, "the first that asks again is refused, within seconds; see: procession locks")
    else:
        yield ok("circles", "nobody waits for a lock of one that waits for it")


def _limits(project: Project, tx: Tx) -> Iterator[Finding]:
    """No more runs than is allowed; more may, if the limit was made smaller while it ran (I15)."""
    now = settings.all_of(tx)
    live = count_live(tx, "", project.now())
    allowed = {task.name: now.at_once(task.name, task.at_once) for task in tasks.current(tx).values()}
    above = [
        f"{name}: {n} run, at_once is {allowed[name]}"
        for name, n in live.processings.items()
        if allowed.get(name) and n > allowed[name]
    ]
    there = now.limits(dict(project.settings.limits))
    above += [f"{name}: {n:g} taken of {there[name]:g}" for name, n in live.taken.items() if n > there.get(name, n)]
    if above:
        yield warning("limits", some(above), "right if it was lowered meanwhile; else wait, and ask again")
    else:
        yield ok("limits", "nothing takes more than at_once and the limits allow")
