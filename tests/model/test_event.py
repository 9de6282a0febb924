"""What can be an event, on every way in (B12, B15, B16, B17, B25)."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.errors import Invalid
from procession.model.event import MAX_KEY, MAX_PARAMETERS, MAX_TEXT, NewEvent, check_params, payload_hash, variable

pytestmark = pytest.mark.feature("M36", "M53")

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=8,
)


def with_params(**params: object) -> NewEvent:
    return NewEvent("e", params).check()


@pytest.mark.parametrize("name", ["e", "scene.ready", "a:daily", "A-b_c.9", "x" * 128])
def test_these_are_names(name: str) -> None:
    assert NewEvent(name).check().name == name


@pytest.mark.parametrize(
    "name",
    ["", "x" * 129, "a b", "a\n", "a\0", "../x", "<b>", "javascript:(1)", "a;b", "ä", "e\u0301", "-" + "\u202e", "a/b"],
)
def test_these_are_not(name: str) -> None:
    """B25."""
    with pytest.raises(Invalid, match="cannot be an event name") as refused:
        NewEvent(name).check()
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("key", ["k", " ", "ключ", "\u202e", "x" * MAX_KEY, "é" * (MAX_KEY // 2), "a\nb"])
def test_these_are_keys(key: str) -> None:
    assert NewEvent("e", key=key).check().key == key


@pytest.mark.parametrize("key", ["", "x" * (MAX_KEY + 1), "é" * (MAX_KEY // 2 + 1), "a\0b", "\ud800"])
def test_these_are_no_keys(key: str) -> None:
    """B41: at most 1 KiB, counted in bytes."""
    with pytest.raises(Invalid):
        NewEvent("e", key=key).check()


@pytest.mark.parametrize("title", ["a\0", "\udfff", "x" * 2000])
def test_a_title_is_text_of_reasonable_length(title: str) -> None:
    with pytest.raises(Invalid):
        NewEvent("e", title=title).check()


@pytest.mark.parametrize(
    "name",
    ["LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PATH", "BASH_ENV", "ENV", "IFS", "PERL5LIB",
     "NODE_OPTIONS", "GIT_SSH_COMMAND", "a=b", "", "=", "a\0", "9a", "-a", "a b", "a\n", "ä", "x" * 129],
)  # fmt: skip
def test_names_that_change_how_programs_start_are_refused(name: str) -> None:
    """B17."""
    with pytest.raises(Invalid, match="cannot be the name of a parameter"):
        with_params(**{name: 1})


@pytest.mark.parametrize("name", ["path", "a", "_", "a.b", "a-b", "A9", "x" * 128, "PATHS", "MY_PATH", "__class__"])
def test_these_are_names_of_parameters(name: str) -> None:
    assert with_params(**{name: 1}).params == {name: 1}


def test_two_parameters_that_would_share_a_variable_are_refused() -> None:
    with pytest.raises(Invalid, match=r"PROCESSION_PARAM_A_B"):
        with_params(**{"a-b": 1, "A_B": 2})
    assert variable("scene.id-2") == "PROCESSION_PARAM_SCENE_ID_2"


@pytest.mark.parametrize(
    "value",
    ["a\0b", "\ud800", ["x", {"y": "\udc00"}], {"in\0ner": 1}, {"\ud800": 1}, math.inf, -math.inf, math.nan, [math.nan],
     2**63, -(2**63) - 1, 10**400, {"deep": 10**400}, "x" * (MAX_TEXT + 1), ["é" * (MAX_TEXT // 2)]],
    ids=range(15),
)  # fmt: skip
def test_values_that_could_not_be_stored_or_passed_are_refused(value: object) -> None:
    """B12, B15."""
    with pytest.raises(Invalid) as refused:
        with_params(p=value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    str(refused.value).encode()


def test_a_value_nested_too_deeply_is_refused_however_deep() -> None:
    """B12: 10^5 levels do not end the process."""
    for depth in (33, 1000, 100_000):
        value: object = 1
        for _ in range(depth):
            value = [value]
        with pytest.raises(Invalid, match="deeper than 32 levels"):
            with_params(p=value)
    value = 1
    for _ in range(31):
        value = [value]
    with_params(p=value)


def test_too_many_parameters_are_refused() -> None:
    """B15."""
    check_params({f"p{n}": n for n in range(MAX_PARAMETERS)})
    with pytest.raises(Invalid, match="1001 parameters are too many"):
        check_params({f"p{n}": n for n in range(MAX_PARAMETERS + 1)})


@pytest.mark.parametrize(
    "value", ["", "   ", "; touch /tmp/pwn-1", "$(id)", "`id`", "{x.__class__}", "{{7*7}}", "%(x)s", "\u202eabc", "🛰️",
              "e\u0301", "--output=/etc/x", "-", "line\nline", "\ufeffx", 2**63 - 1, -(2**63), 1e308, 5e-324,
              True, None],
)  # fmt: skip
def test_odd_values_are_taken_as_they_are(value: object) -> None:
    """B13 to B16: data, never read as anything else."""
    assert with_params(p=value).params == {"p": value}


@given(st.dictionaries(st.text("abcdefg_", min_size=1, max_size=8).filter(lambda n: n[0] != "9"), VALUES, max_size=6))
def test_equal_parameters_have_the_same_text_whatever_their_order(params: dict[str, object]) -> None:
    """G3: what decides whether a repeat is a conflict."""
    one = NewEvent("e", params).check()
    two = NewEvent("e", dict(reversed(params.items()))).check()
    assert one.params_json() == two.params_json()
    assert payload_hash(one.params_json()) == payload_hash(two.params_json())
    assert json.loads(one.params_json()) == params


def test_other_parameters_have_another_hash() -> None:
    texts = [NewEvent("e", p).params_json() for p in ({}, {"a": 1}, {"a": "1"}, {"a": 1.0}, {"a": True}, {"a": None})]
    assert len({payload_hash(text) for text in texts}) == len(texts)
