"""What a batch would do is only looked at, by the rules of the act itself; on both databases."""

from collections.abc import Callable, Mapping

import pytest
from click.testing import CliRunner

from procession import verbs
from procession.cli.main import group
from procession.commands import batches, bulk
from procession.commands.asked import Asked
from procession.commands.steps import RERUN
from procession.errors import Invalid, Refused
from procession.model import query
from procession.store import queries, search
from procession.verbs import Caller
from tests.commands.test_bulk import TOML, zoo
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.store.making import dump

pytestmark = pytest.mark.feature("P14")
Drive = Callable[..., Driven]
GIVEN: Mapping[str, Mapping[str, str]] = {
    "accept": {"note": "as it is"},
    "hold": {"step": "1"},
    "release": {"step": "1"},
}


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML, cpus=400)


def test_what_is_foreseen_of_each_is_what_becomes_of_it(d: Driven) -> None:
    found = zoo(d)
    ids = sorted(found.values())
    text = f"id:{','.join(map(str, ids))}"
    for verb in batches.VERBS:
        for given in ({}, GIVEN.get(verb, {})):
            before = dump(d.project.store)
            seen = batches.foresee(d.project, verb, text, given)
            act = batches.doing(verb, given).act(given)
            tried = bulk.each(d.project, ids, act, Asked("me"), dry_run=True)
            foreseen = {each.id: each.refused for each in seen.judged}
            assert foreseen == {each.id: None if each.done else each.text for each in tried}, verb
            assert set(foreseen.values()) != {None}
            assert dump(d.project.store) == before
            assert sum(seen.states.values()) == seen.count.n == len(ids)


@pytest.mark.feature("P14", "N1")
def test_why_many_are_accepted_does_not_say_what_was_done_instead_of_a_rerun_that_failed(d: Driven) -> None:
    bad, good = d.born("e"), d.born("e")
    d.turn()
    for each in (bad, good):
        d.end(each, 1)
    (d.project.var.attempt(bad, 1, "one", 1) / RERUN).write_text("3\n")
    text, why = f"id:{bad},{good}", {"reason": "a general reason"}
    seen = {each.id: each.refused for each in batches.foresee(d.project, "accept", text, why).judged}
    assert seen[good] is None and "ended with exit code 3" in str(seen[bad])
    general = batches.begin(d.project, "accept", text, why, "ann")
    d.turn(3)
    ended = batches.get(d.project, general.id)
    assert (ended.done, [pid for pid, _ in ended.problems], d.state(bad)) == (1, [bad], "failed")
    noted = batches.begin(d.project, "accept", text, why | {"note": "mended the table"}, "ann")
    d.turn(3)
    assert d.state(bad) == "succeeded" and batches.get(d.project, noted.id).done == 1
    told = "SELECT processing_id, noun, verb, reason FROM journal WHERE verb IN ('accept', 'complete') ORDER BY id"
    assert [tuple(row) for row in d.rows(told)] == [
        (pid, noun, verb, f"batch {batch.id}: a general reason")
        for pid, batch in ((good, general), (bad, noted))
        for noun, verb in (("step", "accept"), ("processing", "complete"))
    ]
    assert d.get(bad).steps[0].attempts[-1].note == "mended the table"


def test_to_look_waits_for_no_writer_and_leaves_no_line(d: Driven) -> None:
    pid = d.born("e")
    asked = {"verb": "hold", "query": f"id:{pid}", "dry_run": True}
    before = dump(d.project.store)
    with d.project.store.begin():  # on SQLite nobody else writes meanwhile
        seen = verbs.call(d.project, Caller("ann", "http"), "batch-add", asked)
    assert (seen["total"], seen["exact"], seen["states"], seen["until"]) == (1, True, {"waiting": 1}, pid)
    assert seen["done"] == [{"id": pid}] and dump(d.project.store) == before


def test_what_came_after_it_was_shown_is_left_out_and_does_not_stand_in_its_way(d: Driven) -> None:
    shown = [d.born("e") for _ in range(3)]
    seen = batches.foresee(d.project, "hold", "task:t", {})
    later = d.born("e")
    with pytest.raises(Refused, match="finds 4 processings now, not 3"):
        batches.begin(d.project, "hold", "task:t", {}, "ann", expect=3)
    made = batches.begin(d.project, "hold", "task:t", {}, "ann", expect=3, until=seen.until)
    assert (made.total, made.until_id) == (3, shown[-1])
    d.turn(3)
    ended = batches.get(d.project, made.id)
    assert (ended.done, ended.refused, ended.finished_at is not None) == (3, 0, True)
    held = [row.id for row in d.rows("SELECT id FROM processing WHERE held_at IS NOT NULL ORDER BY id")]
    assert held == shown and later not in held


def test_few_among_many_are_found_piece_by_piece_and_a_restart_goes_on(
    d: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procession.store.search.LOOKED", 5)
    monkeypatch.setattr("procession.store.search.LOOKED_DEEP", 5)
    monkeypatch.setattr(batches, "PIECE", 2)
    pids = [d.born("e", n=number % 4) for number in range(24)]
    made = batches.begin(d.project, "hold", "param.n:3", {}, "ann")
    d.turn(2)
    assert 0 < batches.get(d.project, made.id).done < 6
    d.crash()
    d.launch()
    d.turn(12)
    ended = batches.get(d.project, made.id)
    assert (ended.total, ended.done, ended.refused, ended.finished_at is not None) == (6, 6, 0, True)
    held = [row.id for row in d.rows("SELECT id FROM processing WHERE held_at IS NOT NULL ORDER BY id")]
    assert held == pids[3::4]


def test_what_became_of_them_is_counted_and_found_by_a_query_also_as_new_versions(d: Driven) -> None:
    pids = [d.born("e") for _ in range(3)]
    d.turn()
    for pid in pids:
        d.end(pid, 1)
    left = d.born("e")
    made = batches.begin(d.project, "restart", f"id:{pids[0]},{pids[1]},{left}", {}, "ann")
    d.turn(3)
    (first, second) = (d.get(pid).replaced_by for pid in pids[:2])
    assert first and second
    d.end(first)
    d.turn()
    found = verbs.call(d.project, Caller("ann", "http"), "batch", {"id": made.id})
    assert (found["done"], found["refused"]) == (2, 1)
    assert found["became"] == {"total": 2, "exact": True, "states": {"succeeded": 1, "running": 1}}
    with d.project.store.read() as tx:
        for text, wanted in (
            (f"batch:{made.id}", [first, second]),
            (f"batch:{made.id} state:succeeded", [first]),
            (f"batch:{made.id + 1}", []),
            (f"-batch:{made.id} id:{left},{first}", [left]),
        ):
            asked = query.parse(text, d.clock.now())
            assert queries.ids(tx, asked) == wanted
            assert search.newest(tx, asked, 10) == (wanted[::-1], True)
    said = CliRunner().invoke(group, ["--project", str(d.root), "batches", str(made.id)]).output
    assert f"1 running, 1 succeeded; see: procession list batch:{made.id}" in said


def test_what_comes_to_match_later_is_done_and_counted(d: Driven) -> None:
    held, free = d.born("e"), d.born("e")
    verbs.call(d.project, Caller("ann", "http", frozenset({"operate"})), "hold", {"id": held})
    made = batches.begin(d.project, "release", "state:held", {}, "ann", until=free)
    verbs.call(d.project, Caller("ann", "http", frozenset({"operate"})), "hold", {"id": free})
    d.turn(3)
    ended = batches.get(d.project, made.id)
    assert (made.total, ended.total, ended.done) == (1, 2, 2)


def test_bounds_of_a_look_are_checked_as_those_of_the_act(d: Driven) -> None:
    older, newer = d.born("e"), d.born("e")
    ask = {"verb": "hold", "query": "task:t", "dry_run": True}
    seen = verbs.call(d.project, Caller("ann", "http"), "batch-add", {**ask, "until": older})
    assert (seen["total"], [each["id"] for each in seen["done"]]) == (1, [older]) and newer > older
    for wrong in ({"until": -5}, {"expect": -1}):
        with pytest.raises(Invalid):
            verbs.call(d.project, Caller("ann", "http"), "batch-add", {**ask, **wrong})
