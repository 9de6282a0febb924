"""Grids that are coloured by a number: what scripts report, durations beside the usual, attempts, hosts."""

# ruff: noqa: F811  the fixture of both databases

import base64
from collections.abc import Callable
from typing import Any

import pytest

from procession.errors import Invalid
from procession.model.grid import LEVELS, beside, between
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.verbs.calling import ask

Drive = Callable[..., Driven]

pytestmark = pytest.mark.feature("P5", "M118")
TOML = """
[tasks.t]
on = "e"
steps = ["./one.sh", "./two.sh"]
retry = { attempts = 2, on = ["failed"], delay = 1 }
"""


def done(d: Driven, cloud: str | None, seconds: float = 10) -> int:
    """A processing whose first step reported this, and took so long."""
    pid = d.born()
    d.turn()
    key = d.key(pid)
    d.executor.begin(key)
    d.turn()
    d.clock.advance(seconds)
    d.executor.end(key, 0, left={} if cloud is None else {"metrics": f"cloud={cloud}\n"})
    d.turn()
    d.end(pid)
    assert d.state(pid) == "succeeded"
    return pid


def rows(found: dict[str, Any], row: int) -> tuple[list[int], list[float | None]]:
    """Levels and values of a row."""
    shades, height = found["colour"], len(found["rows"])
    return list(base64.b64decode(shades["levels"]))[row::height], shades["values"][row::height]


def test_a_number_that_scripts_report_has_shades_from_the_least_to_the_most(drive: Drive) -> None:
    d = drive(TOML)
    for cloud in ("0.1", "0.5", None, "0.9"):
        done(d, cloud)
    found = ask(d, "grid", name="t", colour="metric.cloud")
    assert rows(found, 0) == ([1, 4, 0, 7], [0.1, 0.5, None, 0.9])
    assert rows(found, 1) == ([0] * 4, [None] * 4), "the other step reports none"
    assert (found["colour"]["low"], found["colour"]["high"]) == (0.1, 0.9)
    assert ask(d, "grid", name="t")["colour"] is None
    none = ask(d, "grid", name="t", colour="metric.nothing")["colour"]
    assert (none["low"], set(none["values"])) == (None, {None}), "what nobody reports is no error"


def test_durations_stand_beside_the_median_of_their_step(drive: Drive) -> None:
    d = drive(TOML)
    for seconds in (10, 10, 10, 45, 2):
        done(d, None, seconds)
    found = ask(d, "grid", name="t", colour="duration")
    levels, values = rows(found, 0)
    assert levels == [4, 4, 4, 7, 1]
    assert [round(value or 0) for value in values] == [10, 10, 10, 45, 2]


def test_attempts_and_hosts_have_shades_too(drive: Drive) -> None:
    d = drive(TOML)
    first = done(d, None)
    again = d.born()
    d.turn()
    d.end(again, 1)
    d.after(120)
    d.end(again)
    d.end(again)
    assert rows(ask(d, "grid", name="t", colour="attempts"), 0) == ([1, 7], [1.0, 2.0])
    waiting = ask(d, "grid", name="t", query=f"id:{first},{again},{d.born()}", colour="host")
    assert len(waiting["colour"]["names"]) == 1
    assert rows(waiting, 0)[0] == [1, 1, 0]


@pytest.mark.parametrize("colour", ["cloud", "metric.", "metric.a b", "x" * 300, ""])
def test_what_is_no_colour_is_refused(drive: Drive, colour: str) -> None:
    d = drive(TOML)
    with pytest.raises(Invalid, match="nothing that cells can be coloured by"):
        ask(d, "grid", name="t", colour=colour)
    with pytest.raises(Invalid, match="worst state"):
        ask(d, "grid", name="t", rows="hour", columns="day", colour="host")


def test_shades_are_within_their_bounds_whatever_the_numbers() -> None:
    for value, low, high in ((0, 0, 0), (1e308, -1e308, 1e308), (-5, -5, 5), (5, -5, 5), (1e-320, 0, 1e-320)):
        assert 1 <= between(value, low, high) <= LEVELS
    assert [beside(value, 10) for value in (1, 4, 6, 10, 15, 30, 90)] == [1, 2, 3, 4, 5, 6, 7]
    assert beside(3, 0) == 4
