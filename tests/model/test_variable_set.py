"""Which set applies: against a plain model, for any sets made, replaced and deleted in any order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.runs import read_runs, write_runs
from procession.model.variable_set import VariableSet, choose, conflicts, displaced, explain

RUNS = range(30)
starts = st.integers(0, 24)
spans = st.one_of(st.none(), st.integers(0, 8))
made = st.tuples(st.just("add"), starts, spans)
gone = st.tuples(st.just("delete"), st.integers(0, 20), st.none())


def winner(sets: list[VariableSet], run: int) -> int | None:
    found = choose(sets, run, None, {})
    return None if found is None else found.id


def put(sets: list[VariableSet], new: VariableSet) -> list[VariableSet]:
    """The sets when a new one has displaced what was in its way."""
    in_the_way = conflicts(new, sets)
    left = [displaced(each, new) for each in in_the_way]
    return [each for each in sets if each not in in_the_way] + [each for each in left if each is not None] + [new]


@pytest.mark.feature("M62", "M63")
@given(st.lists(st.one_of(made, made, gone), max_size=14))
def test_a_set_applies_to_all_of_its_runs_and_changes_nothing_for_others(
    steps: list[tuple[str, int, int | None]],
) -> None:
    """After each act the winner of every run is what a person expects who knows only the winners before it: a new set
    wins all of its runs and nothing else moves; where a set is deleted, only the runs that it won move."""
    sets: list[VariableSet] = []
    for number, (act, start, span) in enumerate(steps, 1):
        before = {run: winner(sets, run) for run in RUNS}
        if act == "add":
            end = None if span is None else start + span
            new = VariableSet("t", first_run=start, last_run=end, made_for=start, id=number).check()
            sets = put(sets, new)
            expected = {run: number if new.covers(run) else before[run] for run in RUNS}
            assert {run: winner(sets, run) for run in RUNS} == expected
        elif sets:
            lost = sets[start % len(sets)]
            sets = [each for each in sets if each is not lost]
            after = {run: winner(sets, run) for run in RUNS}
            assert {run: after[run] for run in RUNS if before[run] != lost.id} == {
                run: won for run, won in before.items() if won != lost.id
            }


scopes = st.one_of(
    st.builds(lambda g: {"group": g}, st.sampled_from("AB")),
    st.builds(lambda a, n: {"first_run": a, "last_run": None if n is None else a + n, "made_for": a}, starts, spans),
    st.builds(lambda v: {"where": f"x == {v}"}, st.integers(0, 2)),
)


def by_the_book(sets: list[VariableSet], run: int | None, group: str | None, x: int) -> int | None:
    """The rule, as slowly and plainly as it can be said."""
    for each in reversed(sets):
        if group is not None and each.group == group:
            return each.id
    best: VariableSet | None = None
    for each in sets:
        if run is None or each.first_run is None or each.first_run > run:
            continue
        if each.last_run is not None and each.last_run < run:
            continue
        if best is None or (best.first_run or 0) <= each.first_run:
            best = each
    if best is not None:
        return best.id
    for each in reversed(sets):
        if each.where == f"x == {x}":
            return each.id
    return None


@pytest.mark.feature("M62")
@given(
    st.lists(scopes, max_size=10), st.one_of(st.none(), st.sampled_from(RUNS)),
    st.one_of(st.none(), st.sampled_from("ABC")), st.integers(0, 3),
)  # fmt: skip
def test_group_goes_before_run_and_run_before_filter(
    given_scopes: list[dict[str, object]], run: int | None, group: str | None, x: int
) -> None:
    sets = [replace(VariableSet("t", id=n), **scope) for n, scope in enumerate(given_scopes, 1)]  # type: ignore[arg-type]
    found = choose(sets, run, group, {"x": x})
    assert (None if found is None else found.id) == by_the_book(sets, run, group, x)
    told = explain(sets, run, group, {"x": x})
    assert sorted(each.id for each, _ in told) == [each.id for each in sets]
    assert [each.id for each, why in told if why == "it applies"] == ([] if found is None else [found.id])


@pytest.mark.feature("M67")
@given(st.sets(st.integers(0, 10**6), min_size=1, max_size=8))
def test_runs_are_read_as_they_are_written(runs: set[int]) -> None:
    assert read_runs(write_runs(sorted(runs)), 100) == sorted(runs)


@pytest.mark.feature("M68")
def test_many_runs_that_lie_apart_are_named_by_their_ends() -> None:
    assert write_runs([1, 4, 5, 6]) == "1,4-6"
    assert write_runs(range(0, 1000, 2)) == "0..998"
