"""Statements of processings, and of the tasks and launchers they belong to, on both databases."""

import pytest
from sqlalchemy import text

from procession.model.states import PROCESSING, State
from procession.store import claiming, installation, launchers, moves, of_tasks, processings, tallies, tasks, wishes
from procession.store.database import Store
from procession.store.moves import Moving
from tests.store.making import NOW, born, chain, claimed, launcher_on


def moved(verb: str, *ids: int) -> list[Moving]:
    return [Moving(pid, NOW) for pid in ids]


@pytest.mark.feature("M15", "M16")
def test_waiting_processings_come_by_priority_then_age_for_each_task_and_owner(store: Store) -> None:
    with store.begin() as tx:
        mine = launcher_on(tx, kind="run")
        old, urgent, owned = born(tx, 3), born(tx, 1, priority=9), born(tx, 1, launcher_id=mine)
        other = born(tx, 1, task="other")
        assert [row.id for row in claiming.waiting(tx, "t", None, 10)] == [*urgent, *old]
        assert [row.id for row in claiming.waiting(tx, "t", None, 2)] == [*urgent, old[0]]
        assert [row.id for row in claiming.waiting(tx, "t", mine, 10)] == owned
        assert [row.id for row in claiming.waiting(tx, "other", None, 10)] == other
        assert sorted(claiming.tasks_waiting(tx)) == ["other", "t"]
        moves.processings(tx, "begin", moved("begin", *other, old[0]), "test")
        assert claiming.tasks_waiting(tx) == ["t"]
        assert [row.id for row in claiming.waiting(tx, "t", None, 10)] == [*urgent, *old[1:]]


@pytest.mark.feature("M38")
def test_running_processings_are_counted_from_rows(store: Store) -> None:
    """G24."""
    with store.begin() as tx:
        ids, other = born(tx, 4), born(tx, 1, task="other")
        assert of_tasks.running_by_task(tx) == {}
        moves.processings(tx, "begin", moved("begin", *ids[:3], *other), "test")
        assert of_tasks.running_by_task(tx) == {"t": 3, "other": 1}
        moves.processings(tx, "succeed", moved("succeed", ids[0], *other), "test")
        assert of_tasks.running_by_task(tx) == {"t": 2}
        assert of_tasks.is_busy(tx, "t")
        assert not of_tasks.is_busy(tx, "other")
        assert not of_tasks.is_busy(tx, "nobody")


@pytest.mark.feature("M90", "M91")
def test_a_wish_to_cancel_keeps_its_first_moment_and_is_seen_by_the_owner_of_what_is_live(store: Store) -> None:
    """G18."""
    with store.begin() as tx:
        one, two = launcher_on(tx), launcher_on(tx)
        ids = born(tx, 2)
        claimed(tx, ids[0], one)
        claimed(tx, ids[1], two)
        assert list(wishes.cancels_wanted(tx, one)) == []
        wishes.ask_cancel(tx, ids[0], NOW + 1)
        wishes.ask_cancel(tx, ids[0], NOW + 2)
        assert [tuple(row) for row in wishes.cancels_wanted(tx, one)] == [(ids[0], 1, 1)]
        assert list(wishes.cancels_wanted(tx, two)) == []
        found = processings.find(tx, ids[0])
        assert found is not None
        assert found.cancel_requested_at is not None
        assert found.cancel_requested_at.microsecond == 1
        assert {pid: s.cancel_asked for pid, s in processings.standings(tx, [*ids, 999]).items()} == {
            ids[0]: True, ids[1]: False,
        }  # fmt: skip


def test_what_a_gone_foreground_launcher_owned_is_given_to_everybody(store: Store) -> None:
    with store.begin() as tx:
        one, two = launcher_on(tx, kind="run"), launcher_on(tx, kind="run")
        left, kept = born(tx, 2, launcher_id=one), born(tx, 1, launcher_id=two)
        processings.release(tx, [])
        processings.release(tx, [one, 999])
        assert {pid: s.launcher_id for pid, s in processings.standings(tx, [*left, *kept]).items()} == {
            left[0]: None, left[1]: None, kept[0]: two,
        }  # fmt: skip


@pytest.mark.feature("M105")
def test_the_newest_are_listed_first_by_task_and_state_and_from_an_id_on(store: Store) -> None:
    with store.begin() as tx:
        ids, other = born(tx, 5), born(tx, 1, task="other")
        moves.processings(tx, "begin", moved("begin", *ids[:2]), "test")
        moves.processings(tx, "fail", moved("fail", ids[0]), "test")

        def listed(**by: object) -> list[int]:
            given = {"task": None, "state": None, "before": None, "limit": 50, **by}
            return [p.id for p in processings.newest(tx, **given)]  # type: ignore[arg-type]

        assert listed() == [*other, *reversed(ids)]
        assert listed(limit=2) == [*other, ids[4]]
        assert listed(task="t", before=ids[2]) == [ids[1], ids[0]]
        assert listed(state="failed") == [ids[0]]
        assert listed(state="waiting", task="t") == [ids[4], ids[3], ids[2]]
        assert listed(task="x' OR '1'='1") == []
        with pytest.raises(ValueError, match="not a valid State"):
            listed(state="failed' OR '1'='1")  # B26
        assert of_tasks.known(tx, "other")
        assert not of_tasks.known(tx, "nobody")


@pytest.mark.feature("M118")
def test_all_states_are_counted_by_task(store: Store) -> None:
    with store.begin() as tx:
        assert of_tasks.counts(tx) == {}
        ids, _ = born(tx, 12), born(tx, 1, task="other")
        moves.processings(tx, "begin", moved("begin", *ids[:8]), "test")
        for verb, pid in zip(("succeed", "succeed", "fail", "cancel", "skip"), ids, strict=False):
            moves.processings(tx, verb, moved(verb, pid), "test")
            tallies.add(tx, NOW, [tallies.ended("t", PROCESSING.moves[verb].target, NOW - 5, NOW)])
    with store.read() as tx:
        assert of_tasks.counts(tx) == {
            "t": {"succeeded": 2, "failed": 1, "cancelled": 1, "skipped": 1, "running": 3, "waiting": 4},
            "other": {"waiting": 1},
        }


def test_how_many_come_before_is_counted_by_priority_then_age(store: Store) -> None:
    with store.begin() as tx:
        ids, urgent = born(tx, 4), born(tx, 2, priority=3)
        assert claiming.before(tx, "t", ids[0], 0) == 2
        assert claiming.before(tx, "t", ids[3], 0) == 5
        assert claiming.before(tx, "t", urgent[1], 3) == 1
        assert claiming.before(tx, "other", ids[3], 0) == 0


def test_a_processing_is_shown_with_its_event_and_its_definition(store: Store) -> None:
    with store.begin() as tx:
        (pid,) = born(tx, priority=4)
        found = processings.find(tx, pid)
        assert found is not None
        assert (found.id, found.task, found.event, found.state, found.priority, found.version) == (
            pid, "t", "e", State.WAITING, 4, 1,
        )  # fmt: skip
        assert found.definition == chain("t").hash
        assert processings.of_events(tx, [found.event_id]) == {found.event_id: [pid]}
        assert processings.find(tx, 2**62) is None
        assert processings.of_events(tx, [2**62]) == {}


# ── tasks, launchers, the installation ─────────────────────────────────────────────────────────────


@pytest.mark.feature("M1", "M2", "P26")
def test_definitions_are_kept_by_hash_and_a_removed_task_takes_no_events(store: Store) -> None:
    one, two, changed = chain("one"), chain("two"), chain("one", steps=2)
    with store.begin() as tx:
        tasks.keep(tx, (one, two), NOW)
        first = tasks.current(tx)
        assert sorted(t.name for t in first.values()) == ["one", "two"]
        tasks.keep(tx, (one, two), NOW + 1)
        assert tasks.current(tx) == first
        tasks.keep(tx, (changed,), NOW + 2)
        assert list(tasks.current(tx).values()) == [changed]
        assert tasks.names(tx) == ["one"]
        for definition_id, task in first.items():
            assert tasks.get(tx, definition_id) == task, "what was born with it keeps it"
        tasks.keep(tx, (one, two), NOW + 3)
        assert tasks.current(tx) == first, "coming back, it is the same one"
        assert tx.connection.execute(text("SELECT count(*) FROM definition")).scalar_one() == 3


@pytest.mark.feature("M34")
def test_the_last_nominal_time_is_remembered_for_each_task(store: Store) -> None:
    """G25: also while the definition changes."""
    with store.begin() as tx:
        tasks.keep(tx, (chain("one"), chain("two")), NOW)
        tasks.set_nominal(tx, "one", NOW + 7)
        tasks.keep(tx, (chain("one", steps=3), chain("two")), NOW)
        assert tasks.nominals(tx) == {"one": NOW + 7, "two": None}


@pytest.mark.feature("M19", "M26")
def test_launchers_say_that_they_live_and_that_they_stopped(store: Store) -> None:
    with store.begin() as tx:
        one, two = launcher_on(tx, "h1"), launcher_on(tx, "h2", "run", place="/p")
        assert [row.id for row in launchers.not_stopped(tx)] == [one, two]
        launchers.beat(tx, one, NOW + 5)
        rows = {row.id: row for row in launchers.not_stopped(tx)}
        assert (rows[one].beat_at, rows[two].beat_at, rows[one].started_at) == (NOW + 5, NOW, NOW)
        launchers.stop(tx, two, NOW + 9)
        assert [row.id for row in launchers.not_stopped(tx)] == [one]


@pytest.mark.feature("M20")
def test_a_launcher_is_unsettled_while_it_lives_or_owns_live_attempts(store: Store) -> None:
    """By ownership, never by age."""
    with store.begin() as tx:
        silent, owner, other = launcher_on(tx, place="/p"), launcher_on(tx, place="/p"), launcher_on(tx, place="/q")
        (pid,) = born(tx)
        claimed(tx, pid, owner)
        elsewhere = set() if tx.dialect == "postgresql" else {other}  # a database that is a file has one place
        assert {row.id for row in launchers.unsettled(tx, "/p")} == {silent, owner} | elsewhere
        for launcher_id in (silent, owner, other):
            launchers.stop(tx, launcher_id, NOW)
        assert {row.id for row in launchers.unsettled(tx, "/p")} == {owner}


def test_an_installation_is_made_once_and_keeps_what_was_read(store: Store) -> None:
    with store.begin() as tx:
        assert installation.find(tx) is None
        installation.create(tx, NOW)
        made = installation.find(tx)
        assert made is not None
        assert (len(made.key), len(made.incarnation), made.settings) == (6, 16, None)
        installation.keep_settings(tx, "f", '{"a": 1}')
        kept = installation.find(tx)
        assert kept is not None
        assert (kept.key, kept.incarnation, kept.fingerprint, kept.settings) == (
            made.key, made.incarnation, "f", '{"a": 1}',
        )  # fmt: skip
    from procession.errors import StoreError  # noqa: PLC0415

    with pytest.raises(StoreError), store.begin() as tx:
        installation.create(tx, NOW)
