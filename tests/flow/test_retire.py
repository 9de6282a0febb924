"""Instances that have outlived the retention of their task go with all their rows, not before."""

from collections.abc import Callable

import pytest

from procession.commands import claims, instances, processings, work
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from procession.errors import NotFound
from tests.commands.asking import balanced
from tests.flow.driven import Driven

FILE = """
[tasks.Sum]
outside = true
retention = "10 min"
[tasks.kept]
outside = true
retention = 0
[tasks.scripted]
on = "e"
run = "./one.sh"
"""
WHO = Asked("somebody")
Drive = Callable[..., Driven]


def done(d: Driven, task: str = "Sum", *keys: str, fail: bool = False) -> list[int]:
    instances.submit_all(d.project, task, [NewInstance(key, [key]) for key in keys], WHO)
    ids = []
    for each in claims.claim(d.project, "w1", limit=1000, only=[task]):
        ids.append(
            work.fail(d.project, each.attempt, "no") if fail else work.succeed(d.project, each.attempt, each.key)
        )
    return ids


@pytest.mark.feature("M76")
def test_it_stays_at_least_as_long_as_told_and_then_goes_with_its_key(drive: Drive) -> None:
    d = drive(FILE)
    done(d, "Sum", "a")
    done(d, "kept", "a")
    pid = d.born("e", key="k")
    d.turn()
    d.end(pid)
    d.after(599)
    assert instances.status(d.project, "Sum", "a").phase == "succeeded"
    d.after(62)
    with pytest.raises(NotFound):
        instances.status(d.project, "Sum", "a")
    assert instances.status(d.project, "kept", "a").phase == "succeeded"
    for table, name in (("event_key", "name"), ("event", "name"), ("processing", "task")):
        assert not d.rows(f"SELECT 1 FROM {table} WHERE {name} IN ('Sum', 'call:Sum')"), table
    assert len(d.rows("SELECT 1 FROM result")) == len(d.rows("SELECT 1 FROM input")) == 1
    assert balanced(d)
    done(d, "Sum", "a")
    assert instances.status(d.project, "Sum", "a").phase == "succeeded"


@pytest.mark.feature("M76")
def test_one_that_is_tried_again_is_kept_until_it_has_ended_anew(drive: Drive) -> None:
    d = drive(FILE)
    (pid,) = done(d, "Sum", "a", fail=True)
    d.clock.advance(500)
    processings.retry(d.project, pid)
    d.after(3000)
    assert instances.status(d.project, "Sum", "a").phase == "waiting"
    done(d)
    d.after(599)
    assert instances.status(d.project, "Sum", "a").phase == "succeeded"
    d.after(70)
    assert not d.rows("SELECT 1 FROM processing")
    assert balanced(d)


@pytest.mark.feature("M76")
def test_what_is_pinned_or_not_delivered_yet_stays(drive: Drive) -> None:
    d = drive(FILE)
    one, other, third = done(d, "Sum", "a", "b", "c")
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE processing SET pinned_at = 1 WHERE id = {one}")
        tx.connection.exec_driver_sql(
            "INSERT INTO delivery (kind, processing_id, target, made_at, due_at)"
            f" VALUES ('callback', {other}, 'http://x.example/', 1, {2**60})"
        )
    d.after(700)
    assert {row.id for row in d.rows("SELECT id FROM processing")} == {one, other}
    assert third not in {one, other}


@pytest.mark.feature("M76")
def test_ten_thousand_retire_in_one_look(drive: Drive) -> None:
    d = drive(FILE)
    instances.submit_all(d.project, "Sum", [NewInstance(str(n), [n]) for n in range(10_000)], WHO)
    for row in d.rows("SELECT id FROM processing WHERE id % 1000 = 0"):
        d.project.var.work(row.id).mkdir(parents=True)
    with d.project.store.begin() as tx:  # as if each had been skipped long ago
        tx.connection.exec_driver_sql("UPDATE processing SET state = 'skipped', finished_at = 1, retire_at = 2")
        tx.connection.exec_driver_sql("UPDATE step SET state = 'skipped', finished_at = 1")
        tx.connection.exec_driver_sql(
            "INSERT INTO tally (hour, noun, name, what, n, seconds) VALUES (-1, 'task', 'Sum', 'skipped', 10000, 0)"
        )
    d.after(61)
    assert not d.rows("SELECT 1 FROM processing")
    assert not d.rows("SELECT 1 FROM event_key")
    assert not any(d.project.var.work(1).parent.iterdir())
    assert balanced(d)
