"""Only moves write states, and every move is a compare and set (G10, I8)."""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from procession.errors import StaleState
from procession.model.states import PROCESSING, STEP, Machine, State
from procession.store import journal, moves, schema
from procession.store.database import Store, Tx
from procession.store.moves import COUNTING, Moving
from tests.store.making import NOW, born, dump, find

pytestmark = pytest.mark.feature("M92")
PACKAGE = Path(moves.__file__).parents[1]


def put(tx: Tx, machine: Machine, pid: int, state: State, attempt: int = 3) -> None:
    """Put a thing into a state, whatever the machine says."""
    if machine is STEP:
        query = "UPDATE step SET state = :s, attempt = :a WHERE processing_id = :p"
    else:
        query = "UPDATE processing SET state = :s, cancel_requested_at = 7, launcher_id = 8 WHERE id = :p"
    tx.connection.execute(text(query), {"s": str(state), "a": attempt, "p": pid})


def moving(machine: Machine, pid: int, attempt: int = 3, **fields: object) -> Moving:
    return Moving(pid, NOW + 9, 1 if machine is STEP else 0, attempt if machine is STEP else 0, **fields)  # type: ignore[arg-type]


def move(tx: Tx, machine: Machine, verb: str, *given: Moving) -> None:
    if machine is STEP:
        moves.steps(tx, verb, given, "me")
    else:
        moves.processings(tx, verb, given, "me")


def cases(allowed: bool) -> Iterator[tuple[Machine, str, State]]:
    for machine in (PROCESSING, STEP):
        for verb, state in itertools.product(machine.moves, machine.states):
            if machine.allows(verb, state) is allowed:
                yield machine, verb, state


def state_of(tx: Tx, machine: Machine, pid: int) -> str:
    table = "step WHERE processing_id" if machine is STEP else "processing WHERE id"
    return str(tx.connection.execute(text(f"SELECT state FROM {table} = :p"), {"p": pid}).scalar_one())


def test_every_move_is_made_from_each_of_its_sources_and_told_exactly_once(store: Store) -> None:
    """Every row of both tables; the journal line is in the same transaction."""
    for machine, verb, state in cases(True):
        with store.begin() as tx:
            (pid,) = born(tx)
            put(tx, machine, pid, state)
            since = journal.end(tx)
        with store.begin() as tx:
            move(tx, machine, verb, moving(machine, pid, reason="because", due_at=NOW + 50))
            target = machine.moves[verb].target
            assert state_of(tx, machine, pid) == target, (machine.noun, verb, state)
            (line,) = journal.since(tx, since)
            number = (3 + (verb in COUNTING)) if machine is STEP else None
            assert (line.noun, line.verb, line.state, line.by, line.reason) == (
                machine.noun, verb, target, "me", "because",
            )  # fmt: skip
            assert (line.processing_id, line.ordinal, line.attempt) == (pid, 1 if machine is STEP else None, number)
            table = schema.step if machine is STEP else schema.processing
            key = table.c.processing_id if machine is STEP else table.c.id
            row = tx.connection.execute(table.select().where(key == pid)).one()
            assert row.finished_at == (NOW + 9 if target in machine.terminal else None)
            assert (row.due_at, row.reason) == (NOW + 50, "because")
            if machine is STEP:
                assert row.attempt == 3 + (verb in COUNTING)
                assert row.renewed == (3 if verb in ("retry", "restart") else 0)
                assert row.started_at == (NOW + 9 if verb in COUNTING else None)
            else:
                gone = verb in ("retry", "resume", "restart")
                assert (row.cancel_requested_at, row.launcher_id) == ((None, None) if gone else (7, 8))
                assert row.started_at == (NOW + 9 if verb in ("begin", "resume", "complete") else None)
                assert row.waiting_at == (NOW + 9 if target is State.WAITING else None)


def test_every_move_is_refused_from_every_other_state_and_nothing_changes(store: Store) -> None:
    """The rest of both tables."""
    for machine, verb, state in cases(False):
        with store.begin() as tx:
            (pid,) = born(tx)
            put(tx, machine, pid, state)
        before = dump(store)
        with pytest.raises(StaleState, match=verb), store.begin() as tx:
            move(tx, machine, verb, moving(machine, pid))
        assert dump(store) == before, (machine.noun, verb, state)


@pytest.mark.parametrize("verb", STEP.moves)
def test_a_step_that_has_another_attempt_by_now_does_not_move(store: Store, verb: str) -> None:
    """G10: fenced, also where the state would do."""
    with store.begin() as tx:
        (pid,) = born(tx)
        put(tx, STEP, pid, STEP.moves[verb].sources[0], attempt=3)
    before = dump(store)
    for attempt in (0, 2, 4, 2**31 - 1):
        with pytest.raises(StaleState), store.begin() as tx:
            move(tx, STEP, verb, moving(STEP, pid, attempt))
    assert dump(store) == before


@pytest.mark.parametrize("machine", [PROCESSING, STEP], ids=lambda m: m.noun)
@pytest.mark.parametrize("bad", [0, 57, 99])
def test_a_set_moves_as_a_whole_or_not_at_all(store: Store, machine: Machine, bad: int) -> None:
    with store.begin() as tx:
        ids = born(tx, 100)
        for pid in ids:
            put(tx, machine, pid, State.RUNNING)
        put(tx, machine, ids[bad], State.SUCCEEDED)
    before = dump(store)
    with pytest.raises(StaleState), store.begin() as tx:
        move(tx, machine, "fail", *(moving(machine, pid) for pid in ids))
    assert dump(store) == before
    with store.begin() as tx:
        since = journal.end(tx)
        rest = [pid for n, pid in enumerate(ids) if n != bad]
        move(tx, machine, "fail", *(moving(machine, pid, reason=f"r{pid}") for pid in rest))
        assert [(line.processing_id, line.reason) for line in journal.since(tx, since)] == [
            (pid, f"r{pid}") for pid in rest
        ]


@pytest.mark.parametrize("machine", [PROCESSING, STEP], ids=lambda m: m.noun)
def test_nothing_moves_twice_in_one_set(store: Store, machine: Machine) -> None:
    with store.begin() as tx:
        (pid,) = born(tx)
        put(tx, machine, pid, State.RUNNING)
    before = dump(store)
    with pytest.raises(StaleState), store.begin() as tx:
        move(tx, machine, "fail", moving(machine, pid), moving(machine, pid))
    assert dump(store) == before


def test_what_is_not_there_does_not_move(store: Store) -> None:
    with pytest.raises(StaleState), store.begin() as tx:
        moves.processings(tx, "begin", [Moving(2**62, NOW)], "me")
    with pytest.raises(StaleState), store.begin() as tx:
        moves.steps(tx, "ready", [Moving(1, NOW, 1, 0)], "me")


def test_a_quiet_move_writes_no_line_and_an_empty_set_does_nothing(store: Store) -> None:
    with store.begin() as tx:
        (pid,) = born(tx)
        since = journal.end(tx)
        moves.steps(tx, "ready", [Moving(pid, NOW, 1)], "me", quiet=True)
        moves.steps(tx, "claim", [], "me")
        moves.processings(tx, "begin", [], "me")
        moves.note(tx, "event", "submit", [], "me")
        assert journal.since(tx, since) == []
        assert state_of(tx, STEP, pid) == "ready"


def test_what_is_noted_and_not_moved_has_no_state(store: Store) -> None:
    with store.begin() as tx:
        (pid,) = born(tx)
        moves.note(tx, "attempt", "late", [Moving(pid, NOW, 2, 5, reason="too late")], "me")
        line = journal.of(tx, pid)[-1]
    assert (line.noun, line.verb, line.state, line.ordinal, line.attempt, line.reason) == (
        "attempt", "late", None, 2, 5, "too late",
    )  # fmt: skip


def test_a_move_that_is_rolled_back_leaves_no_line(store: Store) -> None:
    with store.begin() as tx:
        (pid,) = born(tx)
    before = dump(store)
    with pytest.raises(ZeroDivisionError), store.begin() as tx:
        moves.processings(tx, "begin", [Moving(pid, NOW)], "me")
        raise ZeroDivisionError
    assert dump(store) == before


def test_a_state_that_no_machine_knows_is_refused_by_the_database(store: Store) -> None:
    """From the same tables: the CHECK constraints."""
    from procession.errors import StoreError  # noqa: PLC0415

    with store.begin() as tx:
        (pid,) = born(tx)
    for table, key, state in (("processing", "id", "pending"), ("step", "processing_id", "waiting"), ("step", "processing_id", "x")):  # noqa: E501  # fmt: skip
        with pytest.raises(StoreError), store.begin() as tx:
            tx.connection.execute(text(f"UPDATE {table} SET state = :s WHERE {key} = :p"), {"s": state, "p": pid})
    with store.read() as tx:
        assert find(tx, pid).state is State.WAITING


# ── nothing else writes a state ────────────────────────────────────────────────────────────────────


def writes_of_state(path: Path) -> Iterator[str]:
    """Places that could write a state column: `values(state=…)`, `{"state": …}` in an update, SQL text."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "values":
            if any(keyword.arg == "state" for keyword in node.keywords):
                yield f"{path.name}:{node.lineno}: values(state=…)"
        elif isinstance(node, ast.Dict):
            keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            if "state" in keys:
                yield f"{path.name}:{node.lineno}: a row with a state"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = node.value.lower().split()
            if "set" in words and any(word.startswith("state") for word in words) and "update" in words:
                yield f"{path.name}:{node.lineno}: UPDATE … SET state"


def test_nothing_but_moves_writes_a_state() -> None:
    """But the birth, which writes the first states of new rows (`commands/birth.py`), and what is only shown."""
    found = {
        str(path.relative_to(PACKAGE)): list(writes_of_state(path))
        for path in PACKAGE.rglob("*.py")
        if path.is_relative_to(PACKAGE / "store")
        or path.is_relative_to(PACKAGE / "flow")
        or path.is_relative_to(PACKAGE / "commands")
        or path.is_relative_to(PACKAGE / "launcher")
    }
    found = {name: places for name, places in found.items() if places}
    assert len(found.pop("commands/endings.py")) == 1, "what is told to a callback"
    assert set(found) == {"store/moves.py", "commands/birth.py"}, found
    birth = (PACKAGE / "commands/birth.py").read_text()
    assert birth.count("ended[0] if ended else State.WAITING") == 1
    assert birth.count("ended[0] if ended else State.SKIPPED if passed else State.PENDING") == 1
    assert len(found["commands/birth.py"]) == 2


def test_only_the_store_updates_rows() -> None:
    """No other folder could write a state: none of them speaks SQL."""
    for path in PACKAGE.rglob("*.py"):
        if not path.is_relative_to(PACKAGE / "store") and not path.is_relative_to(PACKAGE / "examples"):
            source = path.read_text()
            assert "exec_driver_sql" not in source, path
            assert "sqlalchemy" not in source, path
