"""The claim reads few rows however many wait: every index serves the query that it is there for (M125, G31)."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from procession.flow.candidates import Definitions, _Reading, choose
from procession.flow.room import Room, count_live
from procession.model.capacity import Capacity
from procession.model.wants import Opening
from procession.store import claiming, disk, families, loads, messages, of_tasks, pages, questions, wishes
from procession.store.database import Store, Tx
from procession.store.statement import Statement
from tests.store.making import NOW, born

pytestmark = pytest.mark.feature("M125", "M15")
MANY = 100_000
HALF = MANY // 2
BEGAN = NOW - 3 * MANY

QUERIES: list[tuple[Statement, dict[str, Any], str]] = [
    (claiming._WAITING[False, False], {"task": "t", "n": 5}, "ix_processing_waiting"),
    (claiming._WAITING[False, True], {"task": "t", "n": 5, "passing": '["x"]'}, "ix_processing_waiting"),
    (claiming._WAITING[True, False], {"task": "t", "launcher_id": 7, "n": 5}, "ix_processing_launcher"),
    (claiming._WAKE_PROCESSINGS, {"now": NOW}, "ix_processing_later"),
    (claiming._NEXT_PROCESSING, {}, "ix_processing_later"),
    (loads._OF_PROCESSINGS, {}, "ix_processing_running"),
    (of_tasks._ONLY_WAITING, {}, "ix_attempt_live"),
    (families._CHILDREN, {"id": 7}, "ix_processing_origin"),
    (of_tasks._LAST_END, {"task": "t"}, "ix_processing_finished"),
    (of_tasks._NTH_NEWEST, {"task": "t", "skip": 2}, "ix_processing_task|Backward using pk_processing"),
    (of_tasks._LAST_STATES, {"task": "t", "since": 0, "n": 3}, "ix_processing_finished"),
    (
        messages._FOUND,
        {"rows": '[{"kind": "error", "task": "t", "step": "s"}]'},
        "uq_message_active|Seq Scan on message",
    ),
    (messages._MENDED, {}, "ix_processing_cause"),
    (messages._MENDED, {}, "ix_processing_running"),
    (of_tasks._RUNNING, {}, "ix_processing_running"),
    (of_tasks._BUSY, {"task": "t"}, "ix_processing_waiting"),
    (claiming._BEFORE, {"task": "t", "id": 7, "priority": 0}, "ix_processing_waiting"),
    (of_tasks._BUSY, {"task": "t"}, "ix_processing_running"),
    (of_tasks._BUSY, {"task": "t"}, "ix_processing_later"),
    (disk._UNMEASURED, {"n": 5}, "ix_processing_unmeasured"),
    (disk._UNMEASURED_BY_TASK, {}, "ix_processing_unmeasured"),
    (disk._RUNNING, {}, "ix_processing_running"),
    (disk._USED, {}, "ix_processing_kept"),
    (
        disk._OLDEST,
        {"task": "t", "state": "succeeded", "n": 5, "least": 0},
        "ix_processing_kept|ix_processing_finished",
    ),
    (disk._NEWEST_FAILURES, {"task": "t", "n": 5}, "ix_processing_(kept|finished|ended)"),
    (disk._WITH_LOGS, {"n": 5}, "ix_processing_logs"),
    (disk._CLEANED, {"n": 5}, "ix_processing_cleaned"),
    (disk._SIZES, {"task": "t"}, "ix_processing_finished"),
    (claiming._TASKS_WAITING, {}, "ix_processing_waiting"),
    (pages._OLDEST, {}, "ix_processing_anew"),
    (wishes._CANCELS, {"launcher_id": 1}, "ix_processing_cancel|ix_attempt_live"),
    (claiming._ready_steps(False, False), {"free": 9.0, "n": 5}, "ix_step_ready"),
    (claiming._ready_steps(False, True), {"free": 9.0, "n": 5, "passing": '["x"]'}, "ix_step_ready"),
    (
        claiming._ready_steps(True, False),
        {"launcher_id": 7, "free": 9.0, "n": 5},
        "ix_step_ready|ix_processing_launcher",
    ),
    (loads._OF_STEPS, {}, "ix_step_taking"),
    (families._FOR_CHILDREN, {}, "ix_attempt_children|Scan using ix_attempt_live"),
    (questions._COUNT, {}, "ix_attempt_asks"),
    (questions._NEXT_DUE, {"launcher_id": None}, "ix_attempt_asks_until|Scan using ix_attempt_live"),
    (questions._DUE, {"launcher_id": 7, "now": NOW, "n": 5}, "ix_attempt_asks|Scan using ix_attempt_live"),
    (questions._CANCELLED, {"launcher_id": None, "n": 5}, "ix_attempt_asks|Scan using ix_attempt_live"),
    (claiming._WAKE_STEPS, {"now": NOW}, "ix_step_due"),
    (claiming._NEXT_STEP, {}, "ix_step_due"),
    (loads._LIVE, {"place": "h"}, "ix_attempt_live"),
]


def crowd(tx: Tx) -> None:
    """A hundred thousand that wait, the first half of them since a person let all of it go on, as many that have ended
    (some of them failed), and a handful that run."""
    (last,) = born(tx)
    tx.connection.exec_driver_sql(f"UPDATE processing SET created_at = {BEGAN}")  # it was let go on with the half
    sequence = (
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {2 * MANY}) SELECT"
        if tx.dialect == "sqlite"
        else "SELECT"
    )
    source = "n" if tx.dialect == "sqlite" else f"generate_series(1, {2 * MANY}) AS n(i)"
    definition_id = tx.connection.execute(text("SELECT id FROM definition")).scalar_one()
    for statement in (
        "INSERT INTO processing (id, event_id, task, definition_id, state, created_at, waiting_at)"
        f" {sequence} {last} + i, {last} + i, 't', {definition_id},"
        f" CASE WHEN i > {2 * MANY - 4} THEN 'running' WHEN i > {MANY} THEN 'succeeded' ELSE 'waiting' END,"
        f" {BEGAN} + i, CASE WHEN i <= {HALF} THEN {NOW} WHEN i <= {MANY} THEN {BEGAN} + i END FROM {source}",
        "INSERT INTO step (processing_id, ordinal, name, state, cpus)"
        f" {sequence} {last} + i, 1, 's', CASE WHEN i > {2 * MANY - 4} THEN 'ready' WHEN i > {MANY} THEN 'succeeded'"
        f" ELSE 'pending' END, 1.0 FROM {source}",
        "INSERT INTO attempt (processing_id, ordinal, number, launcher_id, cpus, outcome, claimed_at)"
        f" {sequence} {last} + i, 1, 1, 1, 1.0, 'succeeded', 1 FROM {source} WHERE i BETWEEN {MANY + 1}"
        f" AND {2 * MANY - 4}",
    ):
        tx.connection.exec_driver_sql(statement)
    tx.connection.exec_driver_sql(  # of two indexes with nothing in them either would do
        f"UPDATE processing SET state = 'failed', cause = 'c' || id WHERE id > {last + 2 * MANY - 2004}"
        " AND state = 'succeeded'"
    )


@pytest.fixture
def crowded(store: Store) -> Store:
    with store.begin() as tx:
        crowd(tx)
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return store


def plan(tx: Tx, query: Statement, parameters: dict[str, Any]) -> str:
    sql, own = query.compiled(tx.connection.engine)
    how = "EXPLAIN QUERY PLAN" if tx.dialect == "sqlite" else "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)"
    rows = tx.connection.exec_driver_sql(f"{how} {sql}", {**own, **parameters}).fetchall()
    return "\n".join(str(row[-1]) for row in rows)


def scanned(plan_text: str) -> str:
    """The tables that PostgreSQL reads from one end to the other, but for those that are tiny."""
    found = re.findall(r"Seq Scan on (?:\w+ )?(processing|step|attempt|event|journal)\b", plan_text)
    return ", ".join(found)


def test_every_query_of_the_claim_goes_by_its_index(crowded: Store) -> None:
    with crowded.begin() as tx:
        for query, parameters, index in QUERIES:
            found = plan(tx, query, parameters)
            assert re.search(index, found), f"{index} is not used:\n{found}"
            if tx.dialect == "sqlite":
                assert not re.search(r"SCAN (processing|step|attempt)(?! USING (COVERING )?INDEX ix_\w+)", found), found
                assert "TEMP B-TREE FOR ORDER BY" not in found or "launcher" in index, found
            else:
                assert not scanned(found), found
                touched = [int(n) for n in re.findall(r"Index (?:Only )?Scan.*?rows=(\d+)", found)]
                most = pages.MOST_ANEW if query is pages._OLDEST else 20
                assert all(n <= most for n in touched), found


def test_a_claim_touches_few_rows_however_many_wait(crowded: Store) -> None:
    """Counted in the database's own steps, not in time: SQLite calls back every 100 of them."""
    counted = 0

    def tick() -> int:
        nonlocal counted
        counted += 1
        return 0

    with crowded.begin() as tx:
        definitions = Definitions(tx)
        if tx.dialect == "sqlite":
            driver: Any = tx.connection.connection.dbapi_connection
            driver.set_progress_handler(tick, 100)
        claiming.wake_due(tx, NOW)
        live = count_live(tx, "h", NOW)
        reading = _Reading(tx, definitions, Room(Capacity(16.0 + live.cpus), live), None)
        found = sorted(reading.read(16, ()), key=lambda candidate: candidate.turn)
        before = counted
        (oldest,) = pages.oldest_waiting(tx).values()
        spent = counted - before
        if tx.dialect == "sqlite":
            driver.set_progress_handler(None, 0)
        assert live.processings == {"t": 4}
        assert oldest[1] == BEGAN + HALF + 1, "the first that waits since its birth, behind all that wait anew"
        assert 4 + 16 <= len(found) <= 4 + 17
        assert [c.begun for c in found[:4]] == [True] * 4
    assert spent * 100 < 6_000, "as many as it may pass, however many wait anew"
    assert counted * 100 < 26_000, "a scan of a hundred thousand rows takes many times as much"


@pytest.mark.feature("N6", "M44")
def test_a_hundred_thousand_that_wait_for_one_key_hide_nothing_and_are_passed_once(crowded: Store) -> None:
    """The claim reads on past all that want the same text, and goes by them once."""
    hot, cold = (Opening((("satellite:" + name, 1.0),)).to_json() for name in ("L8", "L9"))
    counted = 0

    def tick() -> int:
        nonlocal counted
        counted += 1
        return 0

    with crowded.begin() as tx:
        ids = "SELECT max(id) FROM processing WHERE state = 'waiting'"
        tx.connection.exec_driver_sql(f"UPDATE processing SET wants = '{hot}' WHERE state = 'waiting'")
        (last,) = tx.connection.exec_driver_sql(ids).one()
        tx.connection.exec_driver_sql(f"UPDATE processing SET wants = '{cold}' WHERE id = {last}")
        live = count_live(tx, "h", NOW)
        live.take((("satellite:L8", 1.0),), 7)
        capacity = Capacity(16.0 + live.cpus, limits={"satellite:{sat}": 1.0}, now=10**15, patience=1.0)
        if tx.dialect == "sqlite":
            driver: Any = tx.connection.connection.dbapi_connection
            driver.set_progress_handler(tick, 100)
        choice = choose(tx, Definitions(tx), Room(capacity, live), None, 16)
        if tx.dialect == "sqlite":
            driver.set_progress_handler(None, 0)
        assert last in [c.processing_id for c in choice.admitted], "however long the hot ones have waited"
        waited = [c for c in choice.found if not c.begun and c.processing_id != last]
        assert len(waited) <= 16
        assert {o.code for o in choice.obstacles.values()} <= {"limit", "kept"}
        tx.connection.rollback()
    assert counted * 100 < 2_000_000, "once past a hundred thousand entries, not once for each round"
