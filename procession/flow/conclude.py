"""What follows from the end of attempts: record it → consequences (pure) → apply.

In: endings of live attempts, however they came to be known. Out: attempts with an outcome, steps and processings
moved, outputs and events stored, in the caller's transaction.
Always: an attempt gets its outcome once; whoever comes later changes nothing but the journal. Events of a script are
stored together with its success, or not at all.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from procession import contract
from procession.commands import events
from procession.commands.endings import Ended, note_ends
from procession.commands.outgoing import Change, publish
from procession.contract import Left
from procession.errors import Invalid
from procession.flow.candidates import Definitions, values_of
from procession.flow.causes import causes_of, count_causes
from procession.flow.notice import LONG, Concluded, notice, suspend
from procession.model.cause import Cause
from procession.model.chosen import Chosen
from procession.model.outcome import UNCERTAIN, Ending, Outcome, Used, follow, soften
from procession.model.processing import Consequences, settle
from procession.model.states import PROCESSING, STEP, State
from procession.project import Project
from procession.store import attempts, bodies, causes, moves, processings, scripts, steps
from procession.store.bodies import Result
from procession.store.database import Tx
from procession.store.moves import Moving

BY = "procession"
"""Who moves, in the journal, when nobody asked."""

Which = tuple[int, int, int]
"""Processing id, ordinal and attempt number."""


Rows = Mapping[int, Mapping[int, Any]]
"""Processing id → ordinal → how the step stands."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One ended attempt: which, how, and what it used and left."""

    which: Which
    ending: Ending
    left: Left = field(default_factory=Left)
    attempt_dir: str = ""
    started_at: int | None = None
    finished_at: int | None = None
    max_rss: int | None = None
    cpu_seconds: float | None = None
    log_bytes: int | None = None
    peak_tree: int | None = None


def conclude(project: Project, tx: Tx, ended: Sequence[Conclusion]) -> None:
    """Give these attempts their outcome and do what follows.

    An attempt is live if its step runs and this is its number; the processings are locked while that is looked at.
    """
    now = project.now()
    ids = {e.which[0] for e in ended}
    standing = processings.standings(tx, ids)
    rows = steps.states(tx, ids)
    live = [e for e in ended if _is_live(rows, e.which)]
    if len(live) < len(ended):
        late = (e.which for e in ended if not _is_live(rows, e.which))
        noted = [Moving(p, now, o, n, reason="late result ignored") for p, o, n in late]
        moves.note(tx, "attempt", "late", noted, BY)
    if post := project.post:  # none where a backup is restored
        for each in ended:
            tx.after(partial(post.forget, project.attempt_key(*each.which), each.which))
    if live:
        definitions = Definitions(tx)
        live = [_judged(project, tx, _softened(definitions, standing, each)) for each in live]
        bodies.set_results(tx, [(e.which[0], Result(*e.left.result, now)) for e in live if e.left.result])
        why = causes_of(project, live, standing, rows)
        attempts.end(tx, [_row(e, now, why.get(e.which)) for e in live])
        count_causes(project, tx, live, why, rows, standing)
        _apply(project, tx, live, standing, rows, why, now)
        said = [e for e in live if not (e.left.events and _is_trial(standing[e.which[0]]))]
        events.submit_all(project, tx, [event for e in said for event in e.left.events])


def _is_trial(standing: processings.Standing) -> bool:
    """What a trial leaves is only to be looked at: nothing follows from its events."""
    return standing.variables is not None and Chosen.from_json(standing.variables).trial


def _is_long(ended: Conclusion) -> bool:
    """Has its script asked to wait so long that people want to know of it?"""
    return ended.ending.retry_after is not None and ended.ending.retry_after >= LONG


def _is_live(rows: Rows, which: Which) -> bool:
    pid, ordinal, number = which
    row = rows.get(pid, {}).get(ordinal)
    return row is not None and row.state == State.RUNNING and row.attempt == number


def _softened(definitions: Definitions, standing: Mapping[int, processings.Standing], ended: Conclusion) -> Conclusion:
    """A failure that the rules of its step call a soft error."""
    plan = definitions[standing[ended.which[0]].definition_id].step(ended.which[1])
    if ended.ending.outcome is not Outcome.FAILED or not (plan.soft.exit or plan.soft.output):
        return ended
    ending = soften(ended.ending, plan.soft, lambda: contract.last_lines(ended.attempt_dir))
    if ending.outcome is Outcome.RETRY and ending.retry_after is None:
        ending = replace(ending, retry_after=contract.retry_after(ended.attempt_dir))
    return replace(ended, ending=ending)


def _judged(project: Project, tx: Tx, ended: Conclusion) -> Conclusion:
    """An attempt whose events could not be stored is a failure, whatever its exit code."""
    if not ended.left.events or ended.ending.outcome is not Outcome.SUCCEEDED:
        return ended
    try:
        events.check(project, tx, ended.left.events)
    except Invalid as error:
        return replace(ended, ending=Ending(Outcome.FAILED, f"its events were not taken: {error}", 0), left=Left())
    return ended


def _apply(
    project: Project,
    tx: Tx,
    ended: Sequence[Conclusion],
    standing: Mapping[int, processings.Standing],
    rows: Rows,
    why: Mapping[Which, Cause],
    now: int,
) -> None:
    definitions = Definitions(tx)
    states = {pid: {o: State(row.state) for o, row in found.items()} for pid, found in rows.items()}
    step_moves: dict[str, list[Moving]] = defaultdict(list)
    ready: list[Moving] = []
    retried: list[Change] = []
    concluded: list[Concluded] = []
    processing_moves: dict[str, list[Moving]] = defaultdict(list)
    told: dict[int, dict[str, str | None]] = {pid: _told(found) for pid, found in rows.items()}
    scripts.set_outputs(tx, [_output(e, name, value) for e in ended for name, value in e.left.outputs.items()])
    for each in ended:
        pid, ordinal, number = each.which
        task = definitions[standing[pid].definition_id]
        row = rows[pid][ordinal]
        follows = follow(each.ending, task.step(ordinal).retry, _used(tx, each, row.renewed), random.random)
        then = settle(
            task,
            states[pid],
            ordinal,
            follows,
            cancel_asked=standing[pid].cancel_asked,
            skip_asked="skip" in told[pid],
            values=partial(values_of, tx, task, pid),
        )
        _remember(states[pid], ordinal, then)
        due = None if then.delay is None else now + int(then.delay * 1e6)
        step_moves[then.verb].append(Moving(pid, now, ordinal, number, due, then.reason or None))
        cause = why[each.which].signature if each.which in why else None
        concluded.append(
            Concluded(
                pid,
                task.name,
                row.name,
                then.verb,
                then.reason,
                each.left.errors,
                cause,
                due if _is_long(each) else None,
                each.ending.decided,
            )
        )
        ready += [Moving(pid, now, o, rows[pid][o].attempt) for o in then.ready]
        for o, verb in then.ended:
            step_moves[verb].append(Moving(pid, now, o, rows[pid][o].attempt))
        if then.verb in ("fail", "skip"):
            told[pid].setdefault(then.verb, f"{row.name}: {then.reason}" if then.reason else None)
        if then.verb == "again" and (callback := standing[pid].callback):
            retried.append(Change(pid, callback, "retried", f"{row.name}: {then.reason}", due_at=due or now))
        if then.processing:
            reason = f"{row.name}: {then.reason}" if then.reason else None
            reason = told[pid].get(then.processing, reason)
            processing_moves[then.processing].append(Moving(pid, now, reason=reason))
    for verb, moving in step_moves.items():
        moves.steps(tx, verb, moving, BY)
    moves.steps(tx, "ready", ready, BY, quiet=True)
    publish(project, tx, retried, now)
    for verb, moving in processing_moves.items():
        moves.processings(tx, verb, moving, BY)
        target = PROCESSING.moves[verb].target
        note_ends(
            project, tx, [Ended.of(standing[m.processing_id], target, m.reason) for m in moving], definitions, now
        )
    causes.blame(tx, [m.processing_id for m in processing_moves["fail"]])
    errors = Counter({e.which[0]: 0 for e in ended})
    for each in ended:
        errors[each.which[0]] += len(each.left.errors)
    processings.add_errors(tx, [{"id": pid, "n": n} for pid, n in errors.items() if n])
    notice(project, tx, concluded)
    suspend(project, tx, [standing[m.processing_id].task for m in processing_moves["fail"]])


def _told(rows: Mapping[int, Any]) -> dict[str, str | None]:
    """Why a step of another branch has failed, or asked to skip the rest: that is what the whole ends for."""
    ended = [row for row in rows.values() if row.attempt > row.renewed]
    found = {}
    for verb in ("fail", "skip"):
        first = next((row for row in ended if row.state == STEP.moves[verb].target), None)
        if first is not None:
            found[verb] = f"{first.name}: {first.reason}" if first.reason else None
    return found


def _remember(states: dict[int, State], ordinal: int, then: Consequences) -> None:
    """Keep the picture true for another attempt of the same processing in the same batch."""
    target = STEP.moves
    states[ordinal] = target[then.verb].target
    for o in then.ready:
        states[o] = State.READY
    for o, verb in then.ended:
        states[o] = target[verb].target


def _used(tx: Tx, ended: Conclusion, renewed: int) -> Used:
    """How much of the budget is gone; only a failure has to be counted."""
    if ended.ending.outcome in (Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.CANCELLED):
        return Used()
    pid, ordinal, _ = ended.which
    outcomes = [o for o in attempts.outcomes_since(tx, pid, ordinal, renewed) if o is not Outcome.VOID]
    in_a_row = next((n for n, o in enumerate(reversed(outcomes)) if o not in UNCERTAIN), len(outcomes))
    soft = outcomes.count(Outcome.RETRY)
    return Used(soft, len(outcomes) - soft, in_a_row)


def _row(ended: Conclusion, now: int, cause: Cause | None) -> dict[str, Any]:
    pid, ordinal, number = ended.which
    return {
        "processing_id": pid, "ordinal": ordinal, "number": number,
        "outcome": str(ended.ending.outcome), "reason": ended.ending.reason or None,
        "started_at": ended.started_at, "finished_at": ended.finished_at or now,
        "exit_code": ended.ending.exit_code, "signal": ended.ending.signal, "errno": ended.ending.errno,
        "max_rss": ended.max_rss, "cpu_seconds": ended.cpu_seconds, "log_bytes": ended.log_bytes,
        "metrics": json.dumps(ended.left.metrics) if ended.left.metrics else None,
        "errors": len(ended.left.errors), "peak_tree": ended.peak_tree,
        "cause": None if cause is None else cause.signature,
    }  # fmt: skip


def _output(ended: Conclusion, name: str, value: Any) -> dict[str, Any]:
    pid, ordinal, _ = ended.which
    return {"processing_id": pid, "ordinal": ordinal, "name": name, "value": json.dumps(value)}
