"""Two texts side by side: what is another is seen, however long they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.difference import AROUND, SHOWN, beside

pytestmark = pytest.mark.feature("N10")
LONG = "/opt/conda/envs/production/lib:" * 8


@pytest.mark.parametrize(
    ("before", "after", "others"),
    [
        ("v13", "v14", ("v13", "v14")),
        ("abc", "abc def", ("", " def")),
        (f"{LONG}/a/1/x{LONG}", f"{LONG}/a/2/x{LONG}", ("1", "2")),
        ("cloud < 50", "cloud < 5", ("50", "5")),
        ("same", "same", ("", "")),
        ("a b", "a  b", ("", "·")),
        ("a b", "a\tb", ("·", "⇥")),
        ("x" * 90 + "1", "x" * 90 + "2", ("1", "2")),
    ],
)
def test_what_differs_is_a_piece_of_its_own(before: str, after: str, others: tuple[str, str]) -> None:
    one, two = beside(before, after)
    assert (one.other, two.other) == others


def test_texts_of_a_mebibyte_are_told_apart_at_once() -> None:
    """A look back over the whole of a long word, from each of its letters, would take hours."""
    word = "a" * (1 << 20)
    one, two = beside(f"{word}-X", f"{word}-Y")
    assert (one.other, two.other) == ("X", "Y")


@given(st.text(max_size=200), st.text(max_size=80), st.text(max_size=80), st.text(max_size=200))
def test_two_texts_that_differ_never_look_the_same_and_never_fill_the_page(
    head: str, before: str, after: str, tail: str
) -> None:
    one, two = beside(head + before + tail, head + after + tail)
    if (head + before + tail).split() != (head + after + tail).split():
        assert one.text != two.text
    assert max(len(one.text), len(two.text)) <= SHOWN + 2 * AROUND
