"""Statements of steps, attempts and outputs, with real rows on both databases."""

import json

import pytest
from sqlalchemy import text

from procession.clock import moment
from procession.errors import StaleState
from procession.model.outcome import Outcome
from procession.model.states import State
from procession.store import attempts, claiming, loads, moves, processings, scripts, steps
from procession.store.database import Store, Tx
from procession.store.moves import Moving
from tests.store.making import NOW, born, claimed, dump, ending, launcher_on


def ready(tx: Tx, pid: int, ordinal: int = 1, attempt: int = 0) -> None:
    moves.steps(tx, "ready", [Moving(pid, NOW, ordinal, attempt)], "test")


@pytest.mark.feature("M16", "M15")
def test_ready_steps_come_by_priority_then_age_and_only_to_whom_they_belong(store: Store) -> None:
    with store.begin() as tx:
        mine = launcher_on(tx, kind="run")
        old = born(tx, 2, steps=2)
        urgent = born(tx, 1, priority=5)
        owned = born(tx, 1, launcher_id=mine)
        for pid in (*old, *urgent, *owned):
            moves.processings(tx, "begin", [Moving(pid, NOW)], "test")
            ready(tx, pid)
        ready(tx, old[0], 2)
        assert [(row.processing_id, row.ordinal) for row in claiming.ready(tx, None, 99, 10)] == [
            (urgent[0], 1), (old[0], 1), (old[0], 2), (old[1], 1),
        ]  # fmt: skip
        assert [row.processing_id for row in claiming.ready(tx, None, 99, 2)] == [urgent[0], old[0]]
        (row,) = claiming.ready(tx, mine, 99, 10)
        assert (row.processing_id, row.attempt, row.cpus, row.priority, row.task) == (owned[0], 0, 1.0, 0, "t")
        assert claiming.ready(tx, mine + 1, 99, 10) == []


@pytest.mark.feature("M18", "P10")
def test_a_step_waits_for_its_time_and_then_joins_the_others(store: Store) -> None:
    with store.begin() as tx:
        ids = born(tx, 3)
        launcher_id = launcher_on(tx)
        for n, pid in enumerate(ids):
            claimed(tx, pid, launcher_id)
            moves.steps(tx, "again", [Moving(pid, NOW, 1, 1, due_at=NOW + 10 * n)], "test")
        assert claiming.ready(tx, None, 99, 10) == []
        assert claiming.next_due(tx) == NOW
        claiming.wake_due(tx, NOW - 1)
        assert claiming.ready(tx, None, 99, 10) == []
        claiming.wake_due(tx, NOW + 10)
        assert [row.processing_id for row in claiming.ready(tx, None, 99, 10)] == ids[:2]
        assert claiming.next_due(tx) == NOW + 20
        claiming.wake_due(tx, NOW + 20)
        assert claiming.next_due(tx) is None


@pytest.mark.feature("M38", "P17")
def test_what_is_live_is_counted_from_rows_for_each_place(store: Store) -> None:
    """G24: ended attempts and foreground launchers do not count; no counter can leak."""
    with store.begin() as tx:
        here, also_here, there, front = (
            launcher_on(tx, "here"), launcher_on(tx, "here"), launcher_on(tx, "there"), launcher_on(tx, "here", "run"),
        )  # fmt: skip
        assert loads.live(tx, "here")[:4] == (0.0, 0, 0, 0)
        ids = born(tx, 5)
        for pid, launcher_id, cpus in zip(ids, (here, also_here, there, front, here), (1, 2.5, 4, 8, 0.5), strict=True):
            claimed(tx, pid, launcher_id, cpus=cpus)
        assert loads.live(tx, "here")[:4] == (4.0, 3, 2, 0)
        assert loads.live(tx, "there")[:4] == (4.0, 1, 1, 0)
        assert loads.live(tx, "nowhere")[:4] == (0.0, 0, 0, 0)
        attempts.end(tx, [ending(ids[1])])
        assert loads.live(tx, "here")[:4] == (1.5, 2, 1, 0)


@pytest.mark.feature("M56", "P22", "M21")
def test_an_attempt_is_kept_as_it_ended_and_ends_once(store: Store) -> None:
    """G10: whoever comes later changes nothing."""
    with store.begin() as tx:
        launcher_id = launcher_on(tx, "the-host")
        (pid,) = born(tx, steps=2)
        claimed(tx, pid, launcher_id)
        attempts.confirm(tx, [{"processing_id": pid, "ordinal": 1, "number": 1, "started_at": NOW + 1}])
        full = {
            "reason": "exit code 3", "exit_code": 3, "signal": 9, "errno": 2, "max_rss": 2**40, "cpu_seconds": 1.25,
            "log_bytes": 2**33, "metrics": json.dumps({"rows": 7}),
        }  # fmt: skip
        attempts.end(tx, [ending(pid, outcome="failed", **full)])
    before = dump(store)
    with pytest.raises(StaleState), store.begin() as tx:
        attempts.end(tx, [ending(pid)])
    with pytest.raises(StaleState), store.begin() as tx:
        attempts.end(tx, [ending(pid, number=2)])
    with store.begin() as tx:
        attempts.confirm(tx, [{"processing_id": pid, "ordinal": 1, "number": 1, "started_at": 5}])
        attempts.adopt(tx, [{"processing_id": pid, "ordinal": 1, "number": 1}], 99)
        attempts.end(tx, [])
    assert dump(store) == before
    with store.read() as tx:
        first, second = steps.of(tx, pid)
        (attempt,) = first.attempts
    assert second.attempts == ()
    assert (attempt.outcome, attempt.reason, attempt.exit_code, attempt.signal, attempt.errno) == (
        Outcome.FAILED, "exit code 3", 3, 9, 2,
    )  # fmt: skip
    assert (attempt.max_rss, attempt.cpu_seconds, attempt.log_bytes, attempt.metrics) == (
        2**40,
        1.25,
        2**33,
        {"rows": 7},
    )
    assert (attempt.claimed_at, attempt.started_at, attempt.finished_at) == (
        moment(NOW), moment(NOW + 1), moment(NOW + 5),
    )  # fmt: skip
    assert (attempt.host, attempt.made_by, attempt.code) == ("the-host", None, {})


def test_a_set_of_ends_is_taken_as_a_whole_or_not_at_all(store: Store) -> None:
    with store.begin() as tx:
        ids = born(tx, 20)
        launcher_id = launcher_on(tx)
        for pid in ids:
            claimed(tx, pid, launcher_id)
        attempts.end(tx, [ending(ids[7])])
    before = dump(store)
    with pytest.raises(StaleState), store.begin() as tx:
        attempts.end(tx, [ending(pid) for pid in ids])
    assert dump(store) == before


@pytest.mark.feature("M86")
def test_outcomes_are_counted_since_the_budget_was_renewed(store: Store) -> None:
    """G15."""
    with store.begin() as tx:
        (pid,) = born(tx)
        launcher_id = launcher_on(tx)
        for n, outcome in enumerate(("retry", "lost", "void", "retry", "timeout")):
            claimed(tx, pid, launcher_id, attempt=n)
            attempts.end(tx, [ending(pid, number=n + 1, outcome=outcome)])
            tx.connection.execute(text("UPDATE step SET state = 'pending'"))
        claimed(tx, pid, launcher_id, attempt=5)
        assert attempts.outcomes_since(tx, pid, 1, 0) == ["retry", "lost", "void", "retry", "timeout"]
        assert attempts.outcomes_since(tx, pid, 1, 3) == ["retry", "timeout"]
        assert attempts.outcomes_since(tx, pid, 1, 5) == []
        assert attempts.outcomes_since(tx, pid, 2, 0) == []


@pytest.mark.feature("P4", "M43")
def test_outputs_are_found_by_the_step_s_name_and_the_newest_value_wins(store: Store) -> None:
    def row(pid: int, ordinal: int, name: str, value: object) -> dict[str, object]:
        return {"processing_id": pid, "ordinal": ordinal, "name": name, "value": json.dumps(value)}

    with store.begin() as tx:
        one, two = born(tx, 2, steps=2)
        assert scripts.outputs(tx, [one]) == {}
        scripts.set_outputs(tx, [row(one, 1, "a", 1), row(one, 1, "b", {"x": [None, "é"]}), row(one, 2, "a", 2)])
        scripts.set_outputs(tx, [row(two, 1, "a", "of two")])
        scripts.set_outputs(tx, [row(one, 1, "a", "new")])
        scripts.set_outputs(tx, [])
        assert scripts.outputs(tx, [one, two, 999]) == {
            one: {"s1": {"a": "new", "b": {"x": [None, "é"]}}, "s2": {"a": 2}},
            two: {"s1": {"a": "of two"}},
        }
        assert scripts.outputs(tx, []) == {}


@pytest.mark.feature("N7", "P13")
def test_what_a_person_did_is_an_attempt_of_its_own(store: Store) -> None:
    with store.begin() as tx:
        (pid,) = born(tx)
        row = {"processing_id": pid, "ordinal": 1, "number": 2, "outcome": "succeeded", "note": "by hand: \"it's\"",
               "made_by": "ann", "claimed_at": NOW, "finished_at": NOW, "cpus": 0}  # fmt: skip
        attempts.accept(tx, row)
        (attempt,) = steps.of(tx, pid)[0].attempts
    assert (attempt.number, attempt.outcome, attempt.note, attempt.made_by, attempt.host) == (
        2, Outcome.SUCCEEDED, "by hand: \"it's\"", "ann", None,
    )  # fmt: skip


@pytest.mark.feature("M20", "M29")
def test_live_attempts_are_found_by_their_launchers_and_adopted(store: Store) -> None:
    """G13: only those without an outcome change their owner."""
    with store.begin() as tx:
        one, two = launcher_on(tx, boot="b1"), launcher_on(tx, boot="b2")
        ids = born(tx, 3)
        for pid, launcher_id in zip(ids, (one, one, two), strict=True):
            claimed(tx, pid, launcher_id)
        attempts.end(tx, [ending(ids[0])])
        assert attempts.live_of(tx, []) == ()
        found = {row.processing_id: row for row in attempts.live_of(tx, [one, two, 999])}
        assert set(found) == {ids[1], ids[2]}
        assert (found[ids[1]].boot, found[ids[2]].boot, found[ids[1]].launcher_id) == ("b1", "b2", one)
        assert (found[ids[1]].ordinal, found[ids[1]].number, found[ids[1]].started_at) == (1, 1, None)
        attempts.adopt(tx, [{"processing_id": pid, "ordinal": 1, "number": 1} for pid in ids], two)
        attempts.adopt(tx, [], two)
        assert [row.processing_id for row in attempts.live_of(tx, [one])] == []
        assert {row.processing_id for row in attempts.live_of(tx, [two])} == {ids[1], ids[2]}


def test_states_and_orders_are_read_for_a_set_of_processings(store: Store) -> None:
    with store.begin() as tx:
        one, two = born(tx, 2, steps=2)
        launcher_id = launcher_on(tx)
        claimed(tx, one, launcher_id)
        found = steps.states(tx, [one, two, two, 999])
        assert {(p, o): (s.name, s.state, s.attempt, s.renewed) for p, of in found.items() for o, s in of.items()} == {
            (one, 1): ("s1", "running", 1, 0), (one, 2): ("s2", "pending", 0, 0),
            (two, 1): ("s1", "pending", 0, 0), (two, 2): ("s2", "pending", 0, 0),
        }  # fmt: skip
        assert steps.states(tx, []) == {}
        orders = scripts.orders(tx, [one, two])
        assert set(orders) == {one, two}
        assert (orders[one].name, orders[one].key, orders[one].params) == ("e", None, "{}")
        standing = processings.standings(tx, [one])[one]
        assert standing.state is State.RUNNING
