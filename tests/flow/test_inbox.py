"""The inbox of causes, and hours as history: on a living project."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from procession.store import tallies
from procession.verbs import call
from tests.flow.driven import Driven
from tests.verbs.calling import SOMEBODY, ask, said

pytestmark = pytest.mark.feature("N8", "M118")
Drive = Callable[..., Driven]
ONE = "[tasks.t]\non = 'e'\nrun = './one.sh'"


def failed(d: Driven, code: int = 1) -> int:
    pid = d.born()
    d.turn()
    d.end(pid, code)
    assert d.state(pid) == "failed"
    return pid


def standing(d: Driven) -> str:
    (found,) = ask(d, "causes", everything=True)["items"]
    return str(found["standing"])


def test_a_cause_is_new_then_known_then_resolved_then_regressed(drive: Drive) -> None:
    d = drive(ONE)
    failed(d)
    (found,) = ask(d, "causes")["items"]
    assert (found["standing"], found["trend"][-1], sum(found["trend"])) == ("new", 1, 1)
    assert [each["signature"] for each in ask(d, "overview")["new_causes"]] == [found["signature"]]
    known = ask(d, "assign", signature=found["signature"], owner="anna", note="the gain table", reason="mine")
    assert (known["standing"], known["owner"], known["note"]) == ("known", "anna", "the gain table")
    assert ask(d, "overview")["new_causes"] == []
    d.clock.advance(60)
    assert ask(d, "resolve", signature=found["signature"])["standing"] == "resolved"
    d.clock.advance(60)
    failed(d)
    (again,) = ask(d, "causes")["items"]
    assert (again["standing"], again["owner"], again["resolved_by"], again["failed"]) == ("regressed", "anna", "ada", 2)
    assert [each["signature"] for each in ask(d, "overview")["new_causes"]] == [found["signature"]]
    assert said(d, "assign")[0][0] == "ada" and "mine" in str(said(d, "assign")[0][1])
    assert said(d, "resolve")[0][0] == "ada"


def test_a_cause_may_be_muted_until_it_has_occurred_so_many_more_times(drive: Drive) -> None:
    d = drive(ONE)
    failed(d)
    signature = ask(d, "causes")["items"][0]["signature"]
    assert ask(d, "mute", signature=signature, more=2)["muted_up_to"] == 3
    failed(d)
    assert standing(d) == "muted"
    failed(d)
    assert standing(d) == "known", "somebody has looked at it, and people are told again"


def test_an_hour_is_history_and_a_retry_is_counted_off_where_it_had_failed(drive: Drive) -> None:
    d = drive(ONE)
    pid, other = failed(d), failed(d)
    then = d.project.now()
    d.after(3 * 3600)
    call(d.project, SOMEBODY, "retry", {"id": pid})
    d.turn()
    d.end(pid, 0)
    with d.project.store.read() as tx:
        hours = tallies.by_hour(tx, "task", then)
        before, now = (hours[at // tallies.HOUR * tallies.HOUR] for at in (then, d.project.now()))
        totals = tallies.totals(tx, "task")["t"]
    assert before["failed"] == 1 and before.get("succeeded", 0) == 0, "only the other one failed in that hour"
    assert now["succeeded"] == 1 and now.get("failed", 0) == 0, "nothing is ever counted below nothing"
    assert (totals["failed"], totals["succeeded"]) == (1, 1)
    call(d.project, SOMEBODY, "delete", {"id": other})
    with d.project.store.read() as tx:
        assert tallies.by_hour(tx, "task", then)[then // tallies.HOUR * tallies.HOUR]["failed"] == 0
        assert tallies.totals(tx, "task")["t"]["deleted"] == 1
    found = call(d.project, SOMEBODY, "overview", {})
    assert (found["waiting"], found["running"]) == (0, 0)
    assert call(d.project, SOMEBODY, "books", {})["balanced"]


def test_what_is_cleaned_away_stays_in_its_hour(drive: Drive) -> None:
    d = drive("[work]\nkeep = { succeeded = '1 h', logs = '1 h', rows = '2 h' }\n" + ONE)
    pid = d.born()
    d.turn()
    d.end(pid, 0)
    then = d.project.now()
    for _ in range(6):
        d.after(3600)
    assert not d.rows("SELECT 1 FROM processing")
    with d.project.store.read() as tx:
        assert tallies.by_hour(tx, "task", then)[then // tallies.HOUR * tallies.HOUR]["succeeded"] == 1
        assert tallies.totals(tx, "task")["t"]["succeeded"] == 0
