"""What must be so at every moment (I2–I9, I11, I15), asked of the database and of what the executor really did."""

import hashlib
import json
from collections import Counter, defaultdict
from typing import Any

from procession.model.task import Task
from procession.store import invariants, settings
from tests.flow.driven import Driven

MET = {"succeeded", "skipped"}
ENDED_BADLY = {"failed", "timeout", "lost", "not_started", "retry", "memory"}


def check(driven: Driven) -> None:
    """Assert every invariant."""
    events_are_unique(driven)
    births_are_whole(driven)
    attempts_and_states_agree(driven)
    executions_are_known_and_single(driven)
    limits_hold(driven)
    locks_are_of_the_living(driven)


def locks_are_of_the_living(driven: Driven) -> None:
    """I12, I13: no hold or wait of what has ended."""
    (rule,) = (each for each in invariants.LIVE if each.name == "locks")
    with driven.project.store.read() as tx:
        assert invariants.broken(tx, rule) == []


def _definitions(driven: Driven) -> dict[int, Task]:
    return {row.id: Task.from_json(row.body) for row in driven.rows("SELECT id, body FROM definition")}


def events_are_unique(driven: Driven) -> None:
    """I2: one event for each name and key; its key remembers its payload."""
    found = driven.rows("SELECT id, name, key, params FROM event WHERE key IS NOT NULL")
    assert all(n == 1 for n in Counter((row.name, row.key) for row in found).values())
    keys = {(row.name, row.key): row for row in driven.rows("SELECT * FROM event_key")}
    for row in found:
        known = keys[row.name, row.key]
        assert known.event_id == row.id
        assert known.payload == hashlib.sha256(row.params.encode()).hexdigest()


def births_are_whole(driven: Driven) -> None:
    """I3: one processing for each event, task and version, with all the steps of its definition."""
    definitions = _definitions(driven)
    steps = defaultdict(list)
    for row in driven.rows("SELECT processing_id, ordinal, name FROM step ORDER BY processing_id, ordinal"):
        steps[row.processing_id].append((row.ordinal, row.name))
    born = driven.rows("SELECT id, event_id, task, version, definition_id FROM processing")
    assert all(n == 1 for n in Counter((row.event_id, row.task, row.version) for row in born).values())
    for row in born:
        assert steps.pop(row.id) == [(plan.ordinal, plan.name) for plan in definitions[row.definition_id].steps]
    assert not steps


def attempts_and_states_agree(driven: Driven) -> None:
    """I4, I5, I8, I9, I11: numbers never repeat, a state is that of the last attempt, budgets are kept."""
    definitions = _definitions(driven)
    attempts: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for row in driven.rows("SELECT * FROM attempt ORDER BY processing_id, ordinal, number"):
        attempts[row.processing_id, row.ordinal].append(row)
    processings = {row.id: row for row in driven.rows("SELECT * FROM processing")}
    states: dict[int, dict[int, str]] = defaultdict(dict)
    for step in driven.rows("SELECT * FROM step ORDER BY processing_id, ordinal"):
        tries = attempts[step.processing_id, step.ordinal]
        processing = processings[step.processing_id]
        task = definitions[processing.definition_id]
        states[step.processing_id][step.ordinal] = step.state
        assert [one.number for one in tries] == list(range(1, step.attempt + 1))  # I8
        live = [one.number for one in tries if one.outcome is None]
        assert live == ([step.attempt] if step.state == "running" else [])  # I6, I8
        last = tries[-1].outcome if tries else None
        match step.state:
            case "succeeded":
                assert last == "succeeded"
            case "failed":
                assert last in ENDED_BADLY, last
            case "pending" | "ready":
                assert processing.state in ("waiting", "running") or processing.state == "failed"
        for one in tries:
            assert (one.outcome != "succeeded") or one.exit_code == 0 or one.made_by  # I9, G12
            assert one.outcome != "lost" or one.exit_code is None
        if tries:  # I5
            assert all(states[step.processing_id][need] in MET for need in task.step(step.ordinal).needs) or (
                step.state in ("pending", "cancelled", "failed", "skipped")
            )
        counted = [one.outcome for one in tries if one.number > step.renewed and one.outcome not in (None, "void")]
        counted = [outcome for outcome in counted if outcome not in ("succeeded", "skipped", "cancelled")]
        policy = task.step(step.ordinal).retry
        assert counted.count("retry") <= policy.soft_attempts  # I11
        assert len(counted) - counted.count("retry") <= max(policy.attempts, 1)
    for processing_id, processing in processings.items():
        mine = set(states[processing_id].values())
        if processing.state == "succeeded":
            assert mine <= MET
        if processing.state in ("succeeded", "failed", "cancelled", "skipped"):
            assert "running" not in mine  # I4
            assert processing.finished_at is not None
        if processing.state == "waiting":
            assert "running" not in mine


def executions_are_known_and_single(driven: Driven) -> None:
    """I6, I7: a key begins once, only after its attempt was committed, and one at a time of each step."""
    began = driven.executor.began
    assert len(set(began)) == len(began)
    known = {
        driven.key(row.processing_id, row.ordinal, row.number)
        for row in driven.rows("SELECT processing_id, ordinal, number FROM attempt")
    }
    deleted = {row.processing_id for row in driven.rows("SELECT processing_id FROM journal WHERE verb = 'delete'")}
    there = {row.id for row in driven.rows("SELECT id FROM processing")}
    forgot = bool(driven.rows("SELECT id FROM journal WHERE verb = 'forget' LIMIT 1"))  # retention took some of them
    found = {key: (driven.project.read_key(key) or (0,))[0] for key in began}
    assert {key for key, pid in found.items() if pid not in deleted and (not forgot or pid in there)} <= known
    running = [key.rpartition("-")[0] for key in driven.executor.running]
    assert len(set(running)) == len(running), running


def limits_hold(driven: Driven) -> None:
    """I15: what lives takes no more processors than there are, and no more of a task run than are allowed."""
    live = driven.rows(
        "SELECT a.cpus FROM attempt a JOIN launcher l ON l.id = a.launcher_id WHERE a.outcome IS NULL"
        f" AND l.place = '{driven.project.var.place_id()}' AND a.worker IS NULL"
    )
    assert sum(row.cpus for row in live) <= driven.cpus
    definitions = {task.name: task for task in _definitions(driven).values()}  # the newest of each name
    with driven.project.store.read() as tx:
        set_now = settings.all_of(tx)
    for name, n in Counter(
        row.task for row in driven.rows("SELECT task FROM processing WHERE state = 'running'")
    ).items():
        at_once = set_now.at_once(name, definitions[name].at_once)
        assert not at_once or n <= at_once


def ground_truth(driven: Driven, said: dict[str, int]) -> None:
    """I9: every settled attempt has the code with which its script ended."""
    for row in driven.rows("SELECT processing_id, ordinal, number, outcome, exit_code FROM attempt"):
        key = driven.key(row.processing_id, row.ordinal, row.number)
        if row.outcome in ("succeeded", "failed", "retry", "skipped") and row.exit_code is not None:
            assert said[key] == row.exit_code, (key, json.dumps(said))
