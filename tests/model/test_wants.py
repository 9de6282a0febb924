"""What a step wants is text that is equal where the wants are equal, and comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.errors import Invalid
from procession.model.wants import MAX_NAME, NOTHING, Opening, Wants, named, read, read_opening, together

pytestmark = pytest.mark.feature("M44", "N6", "P16")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
USES = st.dictionaries(NAMES, st.floats(0.001, 1e6), max_size=4).map(lambda found: tuple(sorted(found.items())))
WANTS = st.builds(Wants, USES, st.lists(NAMES, max_size=3).map(tuple), st.sampled_from(["", "night", "größer"]))


@given(WANTS)
def test_wants_come_back_as_they_were_and_nothing_is_no_text(wants: Wants) -> None:
    assert read(wants.to_json()) == wants
    assert (wants.to_json() is None) == (wants == NOTHING)


@given(WANTS, WANTS)
def test_equal_wants_and_only_they_have_equal_texts(one: Wants, other: Wants) -> None:
    assert (one == other) == (one.to_json() == other.to_json())


@given(USES, st.dictionaries(st.integers(1, 20), WANTS.map(Wants.to_json).filter(bool), max_size=3))
def test_what_a_processing_begins_with_comes_back_as_it_was(uses: object, steps: dict[int, str]) -> None:
    opening = Opening(uses, None, steps)  # type: ignore[arg-type]
    found = read_opening(opening.to_json())
    assert (found.uses, found.steps or {}) == (uses, steps)


@given(USES, USES)
def test_together_is_the_sum_of_each_name(
    one: tuple[tuple[str, float], ...], other: tuple[tuple[str, float], ...]
) -> None:
    found = dict(together(one, other))
    assert list(found) == sorted({*dict(one), *dict(other)})
    for name, amount in found.items():
        assert amount == dict(one).get(name, 0) + dict(other).get(name, 0)


def test_templates_that_come_to_the_same_name_are_added() -> None:
    templates = (("sat:{a}", 1.0), ("sat:{b}", 0.5), ("tape", 1.0))
    assert named(templates, lambda text: text.format(a="L8", b="L8")) == (("sat:L8", 1.5), ("tape", 1.0))


@pytest.mark.parametrize("value", ["", "x" * (MAX_NAME + 1), "a\nb", "a\0"])
def test_a_value_that_makes_no_name_is_refused_and_shown(value: str) -> None:
    with pytest.raises(Invalid, match=r"the limit \{x\} would be called"):
        named((("{x}", 1.0),), lambda _: value)


def test_what_no_index_can_hold_is_refused_at_birth() -> None:
    uses = tuple((f"limit-{n}:" + "x" * 200, 1.0) for n in range(30))
    with pytest.raises(Invalid, match="at most 2000"):
        Opening(uses).to_json()
    with pytest.raises(Invalid, match="at most 2000"):
        Wants(uses).to_json()
