"""Signatures: one cause, one text; rules: who needs to know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.message import MAX_SIGNATURE, Rule, needs_person_after, signature

pytestmark = pytest.mark.feature("M94")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cannot open /data/a/b.h5: No such file", "cannot open inbox/c.h5: No such file"),
        ('KeyError: "band7" at line 12', 'KeyError: "cloud" at line 7'),
        ("object at 0xdeadbeef is gone", "object at 0x7f41b2 is gone"),
        ("2026-03-01T12:00:00Z: late", "2025-12-31 08:01:02.345 UTC: late"),
        ("timeout after 3.5 s", "timeout after 12 s"),
        ("request 4f3a9c1e-77aa-4b1c-9e00-123456789abc failed", "request 0a1b2c3d-0000-4b1c-9e00-aaaaaaaaaaaa failed"),
        ("ftp://host/a refused", "https://other:81/b?c refused"),
        ("tab\tand  spaces 1", "tab and spaces 2"),
    ],
)
def test_what_differs_from_one_occurrence_to_the_next_does_not_make_another_cause(one: str, other: str) -> None:
    assert signature(one) == signature(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no such band", "no such scene"),
        ("exit code 1: out of memory", "exit code 1: no space left on device"),
        ("killed by SIGSEGV (11)", "killed by SIGKILL (9)"),
        ("don't know", "don't care, isn't there"),
    ],
)
def test_different_words_are_different_causes(one: str, other: str) -> None:
    assert signature(one) != signature(other)


words = st.lists(st.sampled_from(["cannot", "open", "band", "of", "scene", "refused"]), min_size=1, max_size=12)
KINDS = (
    st.integers(0, 10**12).map(str),
    st.floats(0, 1e6).map(lambda number: f"{number:.3f}"),
    st.integers(16, 2**64).map(hex),
    st.lists(st.sampled_from(["a", "b7", "x_y", "z.h5"]), min_size=1, max_size=4).map(
        lambda names: "/" + "/".join(names)
    ),
    st.text("abc 123", max_size=8).map(lambda name: f'"{name}"'),
    st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z" if at.year > 999 else "2026-01-01"),
)


pairs = st.one_of(*(st.tuples(kind, kind) for kind in KINDS))
"""Two values that may stand for each other."""


@given(words, st.lists(pairs, min_size=12, max_size=12))
def test_any_two_fillings_of_one_text_have_one_signature(said: list[str], values: list[tuple[str, str]]) -> None:
    one, other = (
        " ".join(f"{word} {value[side]}" for word, value in zip(said, values, strict=False)) for side in (0, 1)
    )
    if max(len(one), len(other)) < MAX_SIGNATURE:
        assert signature(one) == signature(other)


@given(st.text(max_size=3000))
def test_a_signature_is_short_and_is_its_own_signature(text: str) -> None:
    made = signature(text)
    assert len(made) <= MAX_SIGNATURE
    assert "\n" not in made
    assert signature(made) == made


def test_the_first_rule_that_fits_decides() -> None:
    rules = (
        Rule(False, task="noisy"),
        Rule(True, after=60.0, kind="error", match="disk"),
        Rule(True, step="two"),
    )
    assert needs_person_after(rules, "failure", "noisy", "one", "x") is None
    assert needs_person_after(rules, "error", "scene", "one", "the disk is slow") == 60
    assert needs_person_after(rules, "error", "scene", "two", "noise") == 0
    assert needs_person_after(rules, "error", "scene", "one", "noise") is None
    assert needs_person_after(rules, "failure", "scene", "one", "noise") == 0
