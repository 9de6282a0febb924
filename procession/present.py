"""Model objects → JSON, for every surface. Nothing else turns a noun into a dictionary.

Moments are ISO 8601 in UTC, sizes bytes, durations seconds; a name that has no value yet is there and null, so that
programs can rely on it. `docs/reference/json.md` lists the fields.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from procession import contract
from procession.clock import iso, moment
from procession.model.states import PROCESSING, STEP, State
from procession.model.term import MARKS

if TYPE_CHECKING:  # what a command does not use it does not load
    from collections.abc import Mapping, Sequence

    from procession.commands.batches import Foreseen
    from procession.commands.books import Account, Books
    from procession.commands.bridges import Bridge
    from procession.commands.bulk import Answer
    from procession.commands.changes import Change, Comparison
    from procession.commands.claims import Claim
    from procession.commands.disk import Going, Picture
    from procession.commands.events import Submitted
    from procession.commands.hosts import Launcher
    from procession.commands.keys import KeyCancelled
    from procession.commands.launchers import Status
    from procession.commands.locks import Granted, Taken, Waiting
    from procession.commands.logs import Slice
    from procession.commands.missed import Found
    from procession.commands.processings import Cancelled
    from procession.commands.questions import Open
    from procession.commands.refusals import Refusal
    from procession.commands.runs import OfRun
    from procession.commands.sets import Standing
    from procession.commands.settings import Held
    from procession.commands.sources import Source
    from procession.commands.statistics import Durations, OfTask
    from procession.commands.tasks import Standing as OfOneTask
    from procession.commands.variable_sets import Listed
    from procession.commands.variables import Declared, Preview
    from procession.commands.versions import Difference, Version
    from procession.commands.work import Beat
    from procession.doctor import Finding
    from procession.model.admission import Obstacle
    from procession.model.delivery import Delivery
    from procession.model.event import Event
    from procession.model.journal import Entry
    from procession.model.locks import Hold
    from procession.model.message import Message
    from procession.model.processing import Attempt, Processing, Step
    from procession.model.retention import Kept
    from procession.model.setting import Pause
    from procession.model.variable import Variable
    from procession.store.causes import Known
    from procession.store.watches import Stand
    from procession.workdir import Var


def processing(found: Processing, var: Var, why: Obstacle | None = None) -> dict[str, Any]:
    """A processing with its steps and attempts; `why` where somebody asked for it."""
    return {
        "id": found.id,
        "task": found.task,
        "event": found.event_id,
        "event_name": found.event,
        "key": found.key,
        "title": found.title,
        "state": str(found.state),
        "reason": found.reason,
        "cause": found.cause,
        "errors": found.errors,
        "version": found.version,
        "priority": found.priority,
        "source": found.source,
        "experiment": found.experiment,
        "params": dict(found.params),
        "outputs": {name: dict(values) for name, values in (found.outputs or {}).items()},
        "result": None if found.result is None else {"mime": found.result[0], "size": found.result[1]},
        "created_at": iso(found.created_at),
        "due_at": iso(found.due_at),
        "started_at": iso(found.started_at),
        "finished_at": iso(found.finished_at),
        "seconds": None if found.finished_at is None else found.took(found.finished_at),
        "idle": found.idle.total_seconds(),
        "cancel_requested_at": iso(found.cancel_requested_at),
        "held_at": iso(found.held_at),
        "pinned_at": iso(found.pinned_at),
        "retire_at": iso(found.retire_at),
        "callback": found.callback,
        "description": found.description,
        "run": found.run,
        "run_group": found.group,
        "variables": variables_of(found),
        "cleaned_at": iso(found.cleaned_at),
        "bytes": found.bytes,
        "marks": marks(found),
        "backfill": found.backfill,
        "origin": found.origin_id,
        "replaced_by": found.replaced_by,
        "code_of": found.code_of,
        "why": None if why is None else obstacle(why),
        "offers": PROCESSING.offers(found.state),
        "definition": found.definition,
        "work": str(var.files(found.id)),
        "steps": [step(found, each, var) for each in found.steps],
    }


def variables_of(found: Processing) -> dict[str, Any] | None:
    """What replaces the defaults of its variables; null where nothing does."""
    values = found.values
    if not values:
        return None
    return {
        "standard_vars": dict(values.standard_vars),
        "advanced_vars": dict(values.advanced_vars),
        "origin": dict(values.origin),
        "set": values.set_id,
        "trial": values.trial,
    }


def variable(found: Variable) -> dict[str, Any]:
    """A variable as its task declares it."""
    return {
        "name": found.name,
        "type": found.type,
        "default": found.default,
        "help": found.help,
        "choices": list(found.choices),
        "min": found.minimum,
        "max": found.maximum,
        "advanced": found.advanced,
    }


def declared(found: Declared) -> dict[str, Any]:
    """The variables of a task."""
    return {
        "task": found.task.name,
        "file": found.task.variables_from or None,
        "script": found.digest,
        "problem": found.problem,
        "items": [variable(each) for each in found.variables],
        "next": None,
    }


def variable_set(found: Listed) -> dict[str, Any]:
    """A set of variables as it stands."""
    one = found.found
    return {
        "id": one.id,
        "task": one.task,
        "kind": one.kind,
        "scope": one.scope,
        "first_run": one.first_run,
        "last_run": one.last_run,
        "made_for": one.made_for,
        "group": one.group,
        "where": one.where,
        "standard_vars": dict(one.standard_vars),
        "advanced_vars": dict(one.advanced_vars),
        "follows": list(found.follows),
        "standing": found.standing,
        "unfit": list(found.unfit),
        "script_changed": found.script_changed,
        "description": one.description,
        "by": one.by,
        "at": iso(moment(one.at)),
    }


def preview(found: Preview) -> dict[str, Any]:
    """What a run would get, and why."""
    return {
        "task": found.declared.task.name,
        "run": found.run,
        "group": found.group,
        "set": None if found.chosen is None else found.chosen.id,
        "variables": [{**variable(v), "value": value, "origin": origin} for v, value, origin in found.effective()],
        "sets": [{"id": each.id, "scope": each.scope, "why": why} for each, why in found.looks],
        "unfit": found.unfit(),
        "problem": found.declared.problem,
    }


def of_run(found: OfRun) -> dict[str, Any]:
    """What became of one run of a list."""
    return {"run": found.run, "id": found.id, "now": found.now, "done": found.now is not None, "text": found.text}


def version(found: Version) -> dict[str, Any]:
    """One version of a processing."""
    one = found.processing
    return {
        "id": one.id,
        "version": one.version,
        "state": str(one.state),
        "reason": one.reason,
        "description": one.description,
        "by": found.by,
        "variables": variables_of(one),
        "code": dict(found.code),
        "code_of": one.code_of,
        "replaced_by": one.replaced_by,
        "definition": one.definition,
        "created_at": iso(one.created_at),
        "started_at": iso(one.started_at),
        "finished_at": iso(one.finished_at),
    }


def difference(found: Difference) -> dict[str, Any]:
    """Two versions, and what is different."""
    return {
        "before": version(found.before),
        "after": version(found.after),
        "changes": [change(each) for each in found.changes],
    }


def instance(found: Processing, var: Var, why: Obstacle | None = None) -> dict[str, Any]:
    """An instance: what a caller asks for most, and the whole processing below."""
    live = found.live
    return {
        "id": found.id,
        "task": found.task,
        "key": found.key,
        "title": found.title,
        "state": str(found.state),
        "phase": found.phase,
        "reason": found.reason,
        "progress": None if live is None or live.progress is None else dict(live.progress),
        "worker": None if live is None else live.worker,
        "ended": found.state in PROCESSING.terminal,
        "created_at": iso(found.created_at),
        "started_at": iso(found.started_at),
        "finished_at": iso(found.finished_at),
        "retire_at": iso(found.retire_at),
        "callback": found.callback,
        "processing": processing(found, var, why),
    }


def claim(found: Claim) -> dict[str, Any]:
    """An attempt that a program elsewhere has claimed, and all that it needs to do it."""
    return {
        "attempt": found.attempt,
        "processing": found.processing_id,
        "task": found.task,
        "step": found.step,
        "number": found.number,
        "key": found.key,
        "title": found.title,
        "params": dict(found.params),
        "inputs": found.inputs,
        "inputs_kind": found.inputs_kind,
        "outputs": {name: dict(values) for name, values in found.outputs.items()},
        "handler": found.handler,
        "timeout": found.timeout,
        "expires_at": _at(found.expires_at),
    }


def beat(found: Beat) -> dict[str, Any]:
    """The answer to a program elsewhere that tells how it goes on."""
    return {"wanted": found.wanted, "expires_at": _at(found.expires_at)}


def delivery(found: Delivery, name: str) -> dict[str, Any]:
    """What was sent out, or is to be."""
    return {
        "id": found.id,
        "name": name,
        "kind": found.kind,
        "processing": found.processing_id,
        "target": found.target,
        "state": found.state,
        "tries": found.tries,
        "made_at": _at(found.made_at),
        "due_at": _at(found.due_at),
        "done_at": _at(found.done_at),
        "problem": found.problem,
    }


def marks(found: Processing) -> list[str]:
    """What stands beside its state: of ``amber``, ``held``, ``pinned``, ``asking``."""
    said = {
        "amber": found.state is State.SUCCEEDED and found.errors > 0,
        "held": found.held_at is not None or any(each.held_at is not None for each in found.steps),
        "pinned": found.pinned_at is not None,
        "asking": any(each.asking is not None for each in found.steps),
    }
    return [mark for mark in MARKS if said[mark]]


def step(found: Processing, each: Step, var: Var) -> dict[str, Any]:
    """A step with its attempts."""
    return {
        "ordinal": each.ordinal,
        "name": each.name,
        "state": str(each.state),
        "reason": each.reason,
        "due_at": iso(each.due_at),
        "held_at": iso(each.held_at),
        "started_at": iso(each.started_at),
        "finished_at": iso(each.finished_at),
        "progress": progress(found, each, var),
        "offers": STEP.offers(each.state),
        "attempts": [attempt(found, each, one, var) for one in each.attempts],
    }


def progress(found: Processing, each: Step, var: Var) -> dict[str, Any] | None:
    """What a running step says of its progress: share from 0 to 1 (or null) and text."""
    if each.state is not State.RUNNING:
        return None
    if each.attempts and (each.attempts[-1].pooled or each.attempts[-1].progress is not None):
        told = each.attempts[-1].progress
        return None if told is None else dict(told)
    said = contract.progress(var.attempt(found.id, each.ordinal, each.name, each.attempt))
    return None if said is None else {"share": said[0], "text": said[1]}


def attempt(found: Processing, each: Step, one: Attempt, var: Var) -> dict[str, Any]:
    """One try at a step."""
    directory = var.attempt(found.id, each.ordinal, each.name, one.number)
    return {
        "number": one.number,
        "outcome": None if one.outcome is None else str(one.outcome),
        "reason": one.reason,
        "cause": one.cause,
        "exit_code": one.exit_code,
        "signal": one.signal,
        "errno": one.errno,
        "made_by": one.made_by,
        "note": one.note,
        "worker": one.worker,
        "claimed_at": iso(one.claimed_at),
        "expires_at": iso(one.expires_at) if one.outcome is None else None,
        "paused_at": iso(one.paused_at),
        "started_at": iso(one.started_at),
        "finished_at": iso(one.finished_at),
        "seconds": seconds(one),
        "max_rss": one.max_rss,
        "cpu_seconds": one.cpu_seconds,
        "log_bytes": one.log_bytes,
        "host": one.host,
        "code": dict(one.code),
        "surroundings": None if one.surroundings is None else dict(one.surroundings),
        "metrics": dict(one.metrics),
        "asks": one.asks,
        "asks_until": iso(one.asks_until),
        "answer": one.answer,
        "errors": one.errors,
        "log": str(directory / "log"),
        "directory": str(directory),
    }


def seconds(one: Attempt) -> float | None:
    """How long an ended attempt took."""
    if one.started_at is None or one.finished_at is None:
        return None
    return (one.finished_at - one.started_at).total_seconds()


def event(found: Event, processings: list[int]) -> dict[str, Any]:
    """A stored event."""
    return {
        "id": found.id,
        "name": found.name,
        "key": found.key,
        "title": found.title,
        "params": dict(found.params),
        "source": found.source,
        "created_at": iso(found.created_at),
        "repeats": found.repeats,
        "conflicts": found.conflicts,
        "last_seen_at": iso(found.last_seen_at),
        "processings": processings,
    }


def submitted(answer: Submitted, stored: Event) -> dict[str, Any]:
    """The answer to a submit."""
    return {
        **event(stored, list(answer.processings)),
        "duplicate": answer.duplicate,
        "conflict": answer.conflict,
        "matched": bool(answer.processings),
    }


def children(found: Sequence[tuple[int, State]]) -> list[dict[str, Any]]:
    """The newest versions of the processings of the events that one emitted."""
    return [{"id": child, "state": str(state)} for child, state in found]


def cancelled(processing_id: int, done: Cancelled) -> dict[str, Any]:
    """The answer to the cancel of one."""
    return {"id": processing_id, "answer": "accepted" if done.accepted else "too_late", "state": str(done.state)}


def answered(one: Answer) -> dict[str, Any]:
    """What came of one, where many were meant."""
    return {"id": one.id, "done": one.done is not None, "now": one.done.id if one.done else None, "text": one.text}


def answers(found: Sequence[Answer], *, dry_run: bool) -> dict[str, Any]:
    """What came of all."""
    return {
        "dry_run": dry_run,
        "done": [answered(one) for one in found if one.done],
        "refused": [answered(one) for one in found if not one.done],
    }


def foreseen(found: Foreseen) -> dict[str, Any]:
    """What a batch would do."""
    return {
        "dry_run": True,
        "total": found.count.n,
        "exact": found.count.exact,
        "states": dict(found.states),
        "until": found.until,
        "done": [{"id": each.id} for each in found.judged if each.refused is None],
        "refused": [{"id": each.id, "text": each.refused} for each in found.judged if each.refused is not None],
    }


def setting(held: Held) -> dict[str, Any]:
    """A value that can be set: what the file says, and what holds."""
    row = held.row
    return {
        "name": held.name,
        "file": held.file,
        "value": held.value,
        "by": None if row is None else row.by,
        "reason": None if row is None else row.reason,
        "at": None if row is None else iso(moment(row.at)),
    }


def pause(found: Pause) -> dict[str, Any]:
    """Something that starts nothing."""
    return {
        "scope": found.scope,
        "mode": found.mode,
        "by": found.by,
        "reason": found.reason,
        "at": iso(moment(found.at)),
    }


def account(found: Account) -> dict[str, Any]:
    """A line of the books."""
    return {"name": found.name, "came": found.came, "parts": dict(found.parts), "balanced": found.balanced}


def books(found: Books) -> dict[str, Any]:
    """All accounts."""
    return {
        "balanced": found.balanced,
        "events": [account(each) for each in found.events],
        "tasks": [account(each) for each in found.tasks],
    }


def durations(found: Durations | None) -> dict[str, Any] | None:
    """How long something took, in seconds."""
    return None if found is None else asdict(found)


def statistics(found: OfTask) -> dict[str, Any]:
    """The statistics of a task."""
    return {
        "task": found.name,
        "now": counts({found.name: found.now})[found.name],
        "ended": found.ended,
        "success": found.success,
        "days": found.days,
        "hours": found.hours,
        "durations": durations(found.durations),
        "steps": [
            {"name": s.name, "outcomes": s.outcomes, "success": s.success, "durations": durations(s.durations)}
            for s in found.steps
        ],
    }


def comparison(found: Comparison) -> dict[str, Any]:
    """A failed attempt beside the last good one."""
    return {
        "step": found.step,
        "attempt": found.attempt,
        "compared_with": None if found.good is None else {"processing": found.good[0], "attempt": found.good[1]},
        "changes": [change(each) for each in found.changes],
        "missing": list(found.missing),
    }


def change(each: Change) -> dict[str, Any]:
    """One difference."""
    return {
        "kind": each.kind,
        "name": each.name,
        "before": each.before,
        "after": each.after,
        "text": each.sentence,
        "diff": each.diff,
    }


def obstacle(why: Obstacle) -> dict[str, Any]:
    """Why something is where it is."""
    also = [{"code": o.code, "text": o.sentence, "name": o.name or None, "holders": list(o.holders)} for o in why.also]
    return {
        "code": why.code, "text": why.sentence, "name": why.name or None, "holders": list(why.holders), "also": also,
    }  # fmt: skip


def entry(line: Entry) -> dict[str, Any]:
    """A line of the journal."""
    return {
        "id": line.id,
        "at": iso(moment(line.at)),
        "noun": line.noun,
        "processing": line.processing_id,
        "step": line.ordinal,
        "attempt": line.attempt,
        "verb": line.verb,
        "state": line.state,
        "by": line.by,
        "reason": line.reason,
    }


def findings(found: Sequence[Finding]) -> dict[str, Any]:
    """What the doctor found."""
    return {
        "level": next((w for w in ("wrong", "warning") if any(f.level == w for f in found)), "ok"),
        "checks": [{"check": f.check, "level": f.level, "says": f.says, "advice": f.advice} for f in found],
    }


def message(found: Message) -> dict[str, Any]:
    """What people should know."""
    return {
        "id": found.id,
        "kind": found.kind,
        "task": found.task,
        "step": found.step,
        "text": found.text,
        "state": "occurs" if found.ended_at is None else "ended",
        "count": found.n,
        "processing": found.processing_id,
        "first_at": iso(moment(found.first_at)),
        "last_at": iso(moment(found.last_at)),
        "ended_at": _at(found.ended_at),
        "read_at": _at(found.read_at),
        "read_by": found.read_by,
        "needs_person_at": _at(found.needs_person_at),
        "told_at": _at(found.told_at),
        "problem": found.problem,
    }


def cause(found: Known, now: int) -> dict[str, Any]:
    """Why attempts at a step failed."""
    return {
        "signature": found.signature,
        "query": f"cause:{found.signature}",
        "task": found.task,
        "step": found.step,
        "text": found.text,
        "sample": found.sample,
        "failed": found.failed,
        "newest": found.newest,
        "attempts": found.n,
        "first_at": _at(found.first_at),
        "last_at": _at(found.last_at),
        "muted": found.mutes(now),
        "muted_at": _at(found.muted_at),
        "muted_until": _at(found.muted_until),
        "muted_by": found.muted_by,
        "muted_up_to": found.muted_up_to,
        "note": found.note,
        "standing": found.standing(now),
        "owner": found.owner,
        "known_at": _at(found.known_at),
        "resolved_at": _at(found.resolved_at),
        "resolved_by": found.resolved_by,
    }


def source(found: Source) -> dict[str, Any]:
    """A source or an experiment, and what there is of it."""
    return {
        "kind": found.known.kind,
        "name": found.known.name,
        "parent": found.known.parent,
        "first_at": _at(found.known.first_at),
        "last_at": _at(found.known.last_at),
        "processings": found.known.processings,
        "waiting": found.known.waiting,
        "paused": None if found.pause is None else pause(found.pause),
    }


def missed(found: Found) -> dict[str, Any]:
    """What a comparison of a source with the books came to."""
    return {
        "items": [
            {"event": each.event.name, "key": each.event.key, "path": each.path, "there": each.there}
            for each in found.missed
        ],
        "compared": found.looked,
        "submitted": found.submitted,
    }


def refusal(found: Refusal) -> dict[str, Any]:
    """What came and could not be taken."""
    return {
        "id": found.id,
        "at": iso(moment(found.at)),
        "source": found.source,
        "name": found.name,
        "reason": found.reason,
        "raw": found.raw,
        "size": found.size,
    }


def bridge(found: Bridge) -> dict[str, Any]:
    """A bridge as it stands."""
    counted, plan = found.counted, found.plan
    return {
        "name": found.name, "state": found.state, "problem": found.problem,
        "urls": [] if plan is None else [str(each) for each in plan.addresses],
        "subscribe": [] if plan is None else list(plan.subscribe),
        "publish": {} if plan is None else dict(plan.publish),
        "taken": counted.taken, "repeats": counted.repeats, "cancels": counted.cancels, "refused": counted.refused,
        "sent": counted.sent, "waiting": found.waiting, "given_up": found.given_up,
        "last_in_at": _at(counted.last_in_at), "last_out_at": _at(counted.last_out_at),
        "connections": [
            {
                "process": each.owner, "way": each.way, "connected": bool(each.connected), "url": each.url,
                "since": iso(moment(each.since)), "problem": each.problem,
            }
            for each in found.links
        ],
    }  # fmt: skip


def key_cancelled(found: KeyCancelled) -> dict[str, Any]:
    """The answer to a cancel by name and key."""
    what = f"event {found.event} {found.key}"
    text = {
        "before": f"{what} has not come; if it comes before {found.until:%Y-%m-%d %H:%M} UTC, nothing of it begins"
        if found.until
        else what,
        "accepted": f"{what}: its cancel is accepted",
        "too_late": f"{what}: too late, all of it had ended",
    }
    return {
        "event": found.event, "key": found.key, "state": found.state, "text": text[found.state],
        "until": None if found.until is None else iso(found.until),
        "processings": [
            {"id": pid, "answer": "accepted" if each.accepted else "too_late", "state": str(each.state)}
            for pid, each in found.processings
        ],
    }  # fmt: skip


def slot(standing: Standing) -> dict[str, Any]:
    """A set that is being collected, or was."""
    found = standing.slot
    state = "collecting" if found.done_at is None else "complete" if found.complete else "incomplete"
    return {
        "set": found.name,
        "key": found.key,
        "state": state,
        "wanted": found.plan.size,
        "pieces": list(standing.pieces),
        "missing": list(standing.missing),
        "first_at": iso(moment(found.first_at)),
        "due_at": _at(found.due_at),
        "done_at": _at(found.done_at),
        "event": found.event_id,
        "late": found.late,
    }


def watch(found: Stand) -> dict[str, Any]:
    """How a watched pattern stood at its last look."""
    return {"name": found.name, "growing": found.growing, "said": found.said, "problem": found.problem}


def status(found: Status, name: str, var: Var) -> dict[str, Any]:
    """What is going on in the project of this name."""
    serving = found.serving
    return {
        "project": name,
        "serving": None
        if serving is None
        else {
            "name": serving.name,
            "host": serving.host,
            "pid": serving.pid,
            "cpus": serving.cpus,
            "started_at": iso(serving.started_at),
            "closing": serving.closing,
        },
        "paused": [pause(each) for each in found.pauses],
        "problem": found.problem,
        "tasks": counts(found.counts),
        "running": [processing(p, var) for p in found.running],
        "failed": [processing(p, var) for p in found.failed],
        "messages": [message(m) for m in found.messages],
        "watches": [watch(w) for w in found.watches],
        "asking": dict(found.asking),
    }


def task(found: OfOneTask) -> dict[str, Any]:
    """A task as it stands."""
    plan = found.task
    return {
        "name": plan.name,
        "group": plan.group,
        "on": plan.on,
        "every": plan.every,
        "cron": plan.cron,
        "queue": plan.queue,
        "at_once": found.at_once,
        "steps": [each.name for each in plan.steps],
        "paused": None if found.pause is None else pause(found.pause),
        "now": counts({plan.name: found.counts})[plan.name],
        "asking": found.asking,
        "hash": plan.hash,
    }


def definition(found: OfOneTask) -> dict[str, Any]:
    """A task as it stands, with its definition as it was read."""
    return {**task(found), "definition": json.loads(found.task.to_json())}


def log(found: Slice) -> dict[str, Any]:
    """A piece of what a script printed."""
    return {
        "processing": found.processing_id,
        "step": found.step,
        "attempt": found.attempt,
        "offset": found.offset,
        "next": found.end,
        "size": found.size,
        "ended": found.ended,
        "gone": found.gone,
        "text": found.text,
    }


def disk(found: Picture) -> dict[str, Any]:
    """How full the disk is, and who takes it."""
    now = found.standing
    return {
        "total": now.space.total,
        "free": now.space.free,
        "keep_free": now.budget.keep_free,
        "max_total": now.budget.max_total,
        "reserve": now.budget.reserve,
        "full": found.full,
        "full_in": None if found.full_in is None else round(found.full_in),
        "used": found.used,
        "counted_from": found.counted_from or None,
        "committed": now.committed,
        "expected": dict(now.expected),
        "usage": [{"task": name, "state": str(s), "count": n, "bytes": total} for name, s, n, total in found.usage],
        "largest": [kept(each) for each in found.largest],
        "next": [kept(each) for each in found.next],
    }


def kept(found: Kept) -> dict[str, Any]:
    """A directory with working files."""
    return {
        "id": found.id,
        "task": found.task,
        "state": str(found.state),
        "bytes": found.bytes,
        "finished_at": iso(found.finished_at),
        "pinned": found.pinned,
    }


def going(found: Sequence[Going]) -> list[dict[str, Any]]:
    """What the cleaner would delete now, and why."""
    return [{**kept(each.kept), "what": each.what, "why": each.why} for each in found]


def _at(value: int | None) -> str | None:
    return None if value is None else iso(moment(value))


def question(found: Open) -> dict[str, Any]:
    """What a step asks people."""
    asked, form = found.asking, found.question
    return {
        "processing": asked.processing_id,
        "task": asked.task,
        "title": asked.title,
        "step": asked.step,
        "text": asked.text,
        "choices": list(form.choices),
        "type": "choice" if form.choices else form.type,
        "min": form.minimum,
        "max": form.maximum,
        "default": form.default,
        "form": form.form,
        "asked_at": _at(asked.asked_at),
        "until": _at(asked.until),
        "earlier": [
            {"value": each.value, "by": each.made_by, "at": _at(each.at), "note": each.note} for each in found.earlier
        ],
    }


def page(items: list[dict[str, Any]], following: int | str | None) -> dict[str, Any]:
    """A list: the items, and the cursor to go on from (null at the end)."""
    return {"items": items, "next": following}


def counts(found: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Task → state → how many, every state named."""
    return {task: {str(s): states.get(str(s), 0) for s in PROCESSING.states} for task, states in found.items()}


def lock(found: Taken) -> dict[str, Any]:
    """How a name stands: who has it and who waits for it."""
    return {
        "name": found.name,
        "there": found.there,
        "taken": found.taken,
        "holders": [hold(each) for each in found.holds],
        "uses": [{"processing": pid, "amount": amount} for pid, amount in found.uses],
        "waiters": [
            {"processing": w.processing_id, "owner": _owner(w.ordinal), "names": list(w.names), "by": w.by,
             "since": iso(moment(w.since))}
            for w in found.waits
        ],
        "gone": sorted(found.gone),
    }  # fmt: skip


def hold(found: Hold) -> dict[str, Any]:
    """A lock that somebody has."""
    return {
        "name": found.name,
        "processing": found.processing_id,
        "owner": _owner(found.ordinal),
        "fence": found.fence,
        "count": found.count,
        "since": iso(moment(found.at)),
        "by": found.by,
    }


def _owner(ordinal: int) -> str:
    return "attempt" if ordinal else "processing"


def acquired(answer: Granted | Waiting) -> dict[str, Any]:
    """What came of a request for locks."""
    granted = getattr(answer, "locks", None)
    return {
        "granted": granted is not None,
        "locks": [{"name": each.name, "fence": each.fence, "count": each.count} for each in granted or ()],
        "waiting": None if granted is not None else _waiting(answer),
    }


def _waiting(answer: Any) -> dict[str, Any]:
    lacking = [
        {"name": each.name, "holders": sorted({pid for pid, _ in each.holders}), "before": list(each.before)}
        for each in answer.lacking
    ]
    return {"lacking": lacking, "queued": answer.queued, "ahead": answer.ahead, "again": answer.again}


def launcher(found: Launcher) -> dict[str, Any]:
    """A launcher, as people see it."""
    return {
        "id": found.id, "name": found.name, "host": found.host, "var": found.var, "pid": found.pid,
        "state": found.state, "started_at": iso(found.started_at), "heard_at": iso(found.heard_at),
        "cpus": found.cpus, "used": found.used, "running": found.running, "gpus": found.gpus,
        "labels": list(found.labels), "queues": list(found.queues), "url": found.url,
        "memory": found.memory, "used_memory": found.used_memory, "version": found.version,
        "mode": None if found.mode is None else {
            "by": found.mode.by, "reason": found.mode.reason, "at": iso(moment(found.mode.at)),
        },
    }  # fmt: skip
