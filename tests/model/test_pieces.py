"""Sets: which slot and piece an event is, and what is missing."""

import json
import random
from typing import Any

import pytest

from procession.errors import Invalid
from procession.model.pieces import SetPlan, expand, in_order

pytestmark = pytest.mark.feature("N9")


def plan(wanted: Any, critical: tuple[str, ...] = (), **more: Any) -> SetPlan:
    return SetPlan("slot", "segment", "{sat}-{time}", "{segment}", "slot", wanted, critical, **more)


def test_an_event_has_its_slot_and_its_name_by_its_parameters() -> None:
    assert plan(3).place({"sat": "L8", "time": 1200, "segment": "7"}) == ("L8-1200", "7")
    assert plan(3).values({"sat": "L8", "time": 1200, "segment": "7", "path": "/x"}) == {"sat": "L8", "time": 1200}
    with pytest.raises(Invalid, match=r"set slot, by: \{time\} has no value"):
        plan(3).place({"sat": "L8", "segment": "7"})
    with pytest.raises(Invalid, match="longer than"):
        plan(3).place({"sat": "L8", "time": 1, "segment": "7" * 300})


def test_a_number_means_so_many_beside_the_critical_ones_named_where_they_are_numbered() -> None:
    seen = plan(24, ("prologue",))
    assert seen.size == 25
    have = {str(n) for n in range(1, 25)} - {"7", "9"}
    assert seen.missing(have) == ("prologue", "7", "9")
    assert seen.lacking(have) == 3
    assert seen.missing_critical(have) == ("prologue",)
    assert seen.missing({*have, "prologue", "7", "9"}) == ()


def test_numbers_may_begin_with_zero_and_have_leading_ones() -> None:
    assert plan(4).missing({"0", "1", "3"}) == ("2",)
    assert plan(12).missing({f"{n:02d}" for n in range(1, 13)} - {"03"}) == ("03",)
    assert plan(3).missing({"a", "b"}) == ("1 more",)
    assert plan(3).missing(()) == ("3 more",)
    assert plan(3).lacking({"a"}) == 2


def test_a_list_means_names_ranges_and_patterns() -> None:
    seen = plan(expand(["1..3", "seg-*", "end"]), ("end",))
    assert seen.wanted == ("1", "2", "3", "seg-*", "end")
    assert seen.size == 5
    assert seen.missing({"1", "seg-x"}) == ("end", "2", "3")
    assert seen.missing({"1", "2", "3", "seg-x", "end", "other"}) == ()
    assert expand(["08..11"]) == ("08", "09", "10", "11")
    with pytest.raises(Invalid, match="no range"):
        expand(["9..1"])


def test_the_order_of_arrival_changes_nothing() -> None:
    seen, chance = plan(24, ("prologue", "epilogue")), random.Random(3)
    names = [*map(str, range(1, 25)), "prologue", "epilogue"]
    for _ in range(20):
        chance.shuffle(names)
        lacking = [seen.lacking(names[:n]) for n in range(27)]
        assert lacking == list(range(26, -1, -1))
    assert in_order(names) == [*map(str, range(1, 25)), "epilogue", "prologue"]


def test_a_plan_survives_being_kept() -> None:
    for one in (plan(24, ("a",), timeout=600.0, late="emit"), plan(("1", "2"))):
        assert SetPlan.from_raw(json.loads(one.to_json())) == one
