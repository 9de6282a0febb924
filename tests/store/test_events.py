"""Statements of events, their keys and the journal, on both databases."""

import pytest

from procession.store import events, journal, moves
from procession.store.database import Store
from procession.store.moves import Moving
from tests.store.making import NOW, born, dump


def row(event_id: int, key: str | None = None, **fields: object) -> dict[str, object]:
    base = {"id": event_id, "name": "e", "key": key, "title": "", "params": "{}", "source": "s", "created_at": NOW,
            "last_seen_at": NOW, "origin_id": None, "depth": 0, "taken": 0, "alone": None}  # fmt: skip
    return {**base, **fields}


def key(name: str, text: str, event_id: int, payload: str = "p") -> dict[str, object]:
    return {"name": name, "key": text, "event_id": event_id, "payload": payload}


@pytest.mark.feature("M36", "M94")
def test_a_key_is_taken_once_for_each_name(store: Store) -> None:
    """G2: the answer names the first event."""
    with store.begin() as tx:
        assert events.take_keys(tx, [key("e", "a", 1), key("e", "b", 2), key("f", "a", 3)]) == {}
        assert events.take_keys(tx, [key("e", "b", 8, "other"), key("e", "c", 9)]) == {("e", "b"): (2, "p")}
        assert events.take_keys(tx, []) == {}
        taken = events.known_keys(tx, [key("e", "b", 0), key("e", "c", 0), key("g", "a", 0)])
        assert {each: event_id for each, (event_id, _) in taken.items()} == {("e", "b"): 2, ("e", "c"): 9}
        found = events.known_keys(tx, [key("e", "a", 0), key("f", "a", 0), key("f", "b", 0)])
        assert found == {("e", "a"): (1, "p"), ("f", "a"): (3, "p")}


def test_a_key_outlives_its_event(store: Store) -> None:
    """G2: a repeat is known long after the event was cleaned away."""
    with store.begin() as tx:
        (event_id,) = tx.reserve_ids("event", 1)
        events.add(tx, [row(event_id, "a")])
        events.take_keys(tx, [key("e", "a", event_id)])
        tx.connection.exec_driver_sql("DELETE FROM event")
    with store.begin() as tx:
        assert events.take_keys(tx, [key("e", "a", 99)]) == {("e", "a"): (event_id, "p")}
        assert events.find(tx, event_id) is None


def test_repeats_and_conflicts_add_up_on_the_first_event(store: Store) -> None:
    """G3: what was stored first never changes."""
    with store.begin() as tx:
        one, two = tx.reserve_ids("event", 2)
        events.add(tx, [row(one, "a", params='{"x":1}'), row(two, "b")])
        events.count_repeats(tx, [{"id": one, "repeats": 2, "conflicts": 1, "at": NOW + 5}])
        events.count_repeats(tx, [{"id": n, "repeats": 1, "conflicts": 0, "at": NOW + 9} for n in (one, two, 999)])
        events.count_repeats(tx, [])
        first, second = events.find(tx, one), events.find(tx, two)
    assert first is not None
    assert second is not None
    assert (first.repeats, first.conflicts, first.params) == (3, 1, {"x": 1})
    assert (second.repeats, second.conflicts) == (1, 0)
    assert (first.last_seen_at - first.created_at).microseconds == 9


def test_no_rows_are_no_work(store: Store) -> None:
    before = dump(store)
    with store.begin() as tx:
        events.add(tx, [])
        assert events.known_keys(tx, []) == {}
    assert dump(store) == before


@pytest.mark.feature("M78", "M103")
def test_the_journal_is_followed_by_its_ids_and_read_by_processing(store: Store) -> None:
    with store.begin() as tx:
        assert journal.end(tx) == 0
        one, two = born(tx, 2)
        moves.note(tx, "processing", "submit", [Moving(one, NOW), Moving(two, NOW + 1)], "ann", "waiting")
        cursor = journal.end(tx)
        moves.processings(tx, "begin", [Moving(two, NOW + 2)], "procession")
        moves.processings(tx, "cancel", [Moving(one, NOW + 3, reason="not needed")], "ann")
    with store.read() as tx:
        assert [(e.processing_id, e.verb, e.state, e.by) for e in journal.since(tx, cursor)] == [
            (two, "begin", "running", "procession"), (one, "cancel", "cancelled", "ann"),
        ]  # fmt: skip
        assert [e.verb for e in journal.of(tx, one)] == ["submit", "cancel"]
        assert [e.verb for e in journal.since(tx, 0, 3)] == ["submit", "submit", "begin"]
        ids = [e.id for e in journal.since(tx, 0)]
        assert ids == sorted(set(ids))
        assert journal.end(tx) == ids[-1]
        assert journal.since(tx, ids[-1]) == []
