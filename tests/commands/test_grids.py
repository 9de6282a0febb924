"""Pivots: every cell stands for some processings, and its query finds these and no others; on both databases."""

from collections.abc import Callable
from typing import Any

import pytest

from procession.commands import bulk, grids
from procession.errors import Invalid
from procession.model.pivot import query_of
from procession.store import queries
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

pytestmark = pytest.mark.feature("M105", "P14")
Drive = Callable[..., Driven]

TOML = """
[tasks.t]
on = "e"
run = "./one.sh"
[tasks.other]
on = "o"
run = "./two.sh"
"""
VALUES: tuple[Any, ...] = (
    "plain", "two words", 'say "x"', "it's", "a,b", "a*b", "axb", "a**b", "a\\*b", "back\\slash", "-x", "state:failed",
    "17", 17, 1.5, True, None, "null", "", "*", "?", "[a]", "%", "_", [1, 2], {"a": "b"}, "zwei\nZeilen", "<b>ä",
)  # fmt: skip


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML, cpus=400)


def found_by(d: Driven, query: str) -> list[int]:
    """What the text of a query means, as a command that acts has it."""
    with d.project.store.read() as tx:
        return queries.ids(tx, bulk.read_text(d.project, query))


def check(d: Driven, query: str, rows: str, columns: str, newest: int = 5000) -> dict[str, list[int]]:
    """Every cell's query finds as many as the cell has, and all cells together each processing once."""
    found, _ = grids.grid(d.project, "t", query, newest, rows, columns)
    cells: dict[str, list[int]] = {}
    for at, column in enumerate(found.columns):
        for row, place in enumerate(found.rows):
            text = query_of(found.query, {rows: place, columns: column.title}, found.oldest)
            ids = found_by(d, text)
            assert len(ids) == found.counts[at][row], text
            if ids:
                assert text not in cells
                cells[text] = ids
    return cells


def test_the_query_of_a_cell_finds_what_it_stands_for_whatever_the_values_are(d: Driven) -> None:
    pids = [d.born("e", v=value) for value in VALUES]
    pids.append(d.born("e", other=1))
    d.born("o", v="plain")
    cells = check(d, "", "param.v", "day")
    assert sorted(pid for ids in cells.values() for pid in ids) == pids
    assert sum(len(ids) for ids in cells.values() if len(ids) > 1) == 4, "17 and '17', null and 'null' look the same"


def test_a_cell_of_an_hour_ends_with_the_hour_and_a_day_with_the_day(d: Driven) -> None:
    for _ in range(40):
        d.born("e", v="x")
        d.after(2_400)
    cells = check(d, "", "hour", "day")
    assert len(cells) > 24 and {len(ids) for ids in cells.values()} <= {1, 2}
    days = check(d, "", "day", "param.v")
    assert 2 <= len(days) <= 3 and sum(map(len, days.values())) == 40


def test_a_cell_means_no_more_than_was_looked_at_and_keeps_the_filter(d: Driven) -> None:
    mine = [d.born("e", v="x") for _ in range(12)]
    (few,) = check(d, "", "param.v", "day", newest=5).values()
    assert few == mine[-5:]
    (some,) = check(d, f"id:{mine[0]},{mine[3]}-{mine[8]} after:-1d", "param.v", "day", newest=3).values()
    assert some == mine[6:9], "ids that are wanted stay those that are wanted"


def test_where_no_query_can_say_it_there_is_none() -> None:
    assert query_of("task:t", {"hour": "06", "param.v": "x"}, None) == "", "an hour of every day"
    assert query_of("task:t", {"param.v": "x" * 10_000}, None) == ""


def test_what_can_be_no_row_is_refused(d: Driven) -> None:
    for rows, columns in (("steps", "day"), ("day", "processings"), ("param.<b>", "day"), ("week", "day")):
        with pytest.raises(Invalid):
            grids.grid(d.project, "t", "", 10, rows, columns)
