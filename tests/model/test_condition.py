"""A condition means what it says for whatever values there are, and what it cannot mean it refuses with the place."""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from procession.errors import Invalid
from procession.model.condition import MAX_DEPTH, MAX_LENGTH, from_table, parse

pytestmark = pytest.mark.feature("P3")

PARAMS = {
    "sat": "L8",
    "cloud": "0.3",
    "level": 2,
    "quick": "false",
    "night": True,
    "bands": ["B1", "B2"],
    "nothing": None,
    "orbit-no": 17,
    "a.b": "dotted",
    "in": "word",
}
OUTPUTS = {"load": {"bands": "7", "cloud": 0.25, "ok": "True"}, "2.cal:x": {"level": 3}}


def holds(text: str, **params: Any) -> bool:
    return parse(text).holds({**PARAMS, **params}, OUTPUTS)


@pytest.mark.parametrize(
    "text",
    [
        'sat == "L8"',
        "sat == 'L8'",
        "sat != 'L9'",
        "level == 2 and sat == 'L8'",
        "level == 1 or sat == 'L8'",
        "not level == 1",
        "not (level == 1 or level == 3)",
        "sat in ['L8', 'L9']",
        "sat not in ['L7']",
        "level in [1, 2,]",
        "'B1' in bands",
        "'B9' not in bands",
        "'8' in sat",
        "load.bands >= 7",
        "load.cloud < 0.5",
        "{load.cloud} < 0.5",
        "{2.cal:x.level} == 3",
        "{sat} == 'L8'",
        "orbit-no == 17",
        "`a.b` == 'dotted'",
        "`in` == 'word'",
        "night",
        "night == true and night == True",
        "0.1 < cloud < 0.5",
        "level == +2",
        "bands == ['B1', 'B2']",
        "(level) == 2",
        "level > -1e3",
        "level\n  == 2",
    ],
)
def test_what_is_so_holds(text: str) -> None:
    assert holds(text)
    assert not holds(f"not ({text})")


def test_and_binds_closer_than_or_and_not_closest() -> None:
    assert holds("true or false and false")
    assert not holds("(true or false) and false")
    assert holds("not false and true")
    assert not holds("not (false and true) and false")


def test_a_number_from_the_command_line_counts_as_a_number() -> None:
    assert holds("cloud < 0.5 and cloud == 0.3 and cloud in [0.30, 1]")
    assert holds("load.bands == 7 and load.bands > cloud"), "free texts beside each other, too"
    assert holds("a < b", a="9", b="10")
    assert holds("a == b", a="1.0", b="1")


def test_text_in_quotes_is_text() -> None:
    assert not holds("cloud == '0.30'")
    assert holds("cloud == '0.3'")
    assert holds("a < '9'", a="10"), "letter by letter"
    assert not holds("'10' == 10")
    assert not holds("level == '2'")


def test_true_and_false_from_the_command_line_count_as_such() -> None:
    assert holds("quick == false and load.ok == true and load.ok and not quick")
    assert holds("quick == 'false'")
    assert not holds("quick == 'False'")
    for word in ("", "false", "False", "0", "0.0", " "):
        assert not holds("word", word=word), word
    for word in ("no", "1", "true", "null", "00x"):
        assert holds("word", word=word), word
    assert not holds("night == 1"), "true is not a number"


def test_what_is_missing_is_null_and_compares_with_nothing() -> None:
    assert holds("gone == null and nothing == null and load.gone == null and never.ran == None")
    assert holds("sat != null and gone != 'x' and gone not in [1] and gone in [null]")
    for sign in ("<", "<=", ">", ">="):
        assert not holds(f"gone {sign} 1")
        assert not holds(f"1 {sign} gone")
        assert not holds(f"gone {sign} gone")
        assert not holds(f"sat {sign} 3")
        assert not holds(f"bands {sign} bands")
        assert not holds(f"night {sign} false")
    assert not holds("gone") and not holds("1 in level") and not holds("8 in sat")


def test_a_backslash_stands_before_quotes_and_itself() -> None:
    assert holds(r'''word == "a\"b\\c\n"''', word='a"b\\c\\n')
    assert holds(r"""word == 'it\'s'""", word="it's")


def test_it_says_what_it_asks_for() -> None:
    condition = parse("sat == 'L8' and (load.bands > 3 or {rgb.size} in [`a.b`, cloud]) and not load.cloud < 1")
    assert condition.parameters() == {"sat", "a.b", "cloud"}
    assert condition.outputs() == {("load", "bands"), ("rgb", "size"), ("load", "cloud")}
    assert parse("1 < 2").parameters() == parse("1 < 2").outputs() == frozenset()


def test_its_text_is_all_there_is_to_store() -> None:
    condition = parse(" sat  == 'L8' ")
    assert parse(json.loads(json.dumps(condition.text))) == condition
    assert condition.text == " sat  == 'L8' "


@pytest.mark.parametrize(
    ("text", "place", "token"),
    [
        ("sat = 'L8'", 5, '"=" cannot stand here; write ==;'),
        ("a && b", 3, '"&" cannot stand here; write and;'),
        ("a || b", 3, "write or;"),
        ("!a", 1, "write not"),
        ("a + b", 3, '"+" cannot stand here;'),
        ("f(x)", 2, '"(" cannot stand here'),
        ("a.b.c == 1", 4, '"."'),
        ("sat == ", 8, "something is missing"),
        ("(a == 1", 8, "something is missing"),
        ("a == 1)", 7, '")"'),
        ("[1, 2", 6, "something is missing"),
        ("[1 2]", 4, '"2"'),
        ("a not b", 7, '"b"'),
        ("sat == 'L8", 8, "a text begins that does not end"),
        ("a == 1.2.3", 6, '"1"'),
        ("a == 1e999", 6, '"1e999"'),
        ("and", 1, '"and"'),
        ("a b", 3, '"b"'),
        ("{a b} == 1", 1, '"{a b}"'),
        ("`a b` == 1", 1, '"`a b`"'),
        ("x if a else y", 3, '"if"'),
        ("a; b", 2, '";"'),
        ("__import__('os').system('id')", 11, '"("'),
        ("lambda: 1", 7, '":"'),
        ("a == é", 6, '"é"'),
    ],
)
def test_a_refusal_names_the_place_and_what_is_allowed(text: str, place: int, token: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text)
    message = str(refused.value)
    assert f"at character {place}: " in message and token in message and "allowed are names" in message
    assert "\n" not in message and len(message) < 400


def test_there_are_limits() -> None:
    assert parse("(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH).holds({}, {})
    assert parse("not " * MAX_DEPTH + "true").holds({}, {})
    for deep in ("(" * 33 + "1" + ")" * 33, "not " * 33 + "1", "[" * 33 + "]" * 33, "(" * 1999, "(not [" * 300):
        with pytest.raises(Invalid, match="deeper than 32"):
            parse(deep)
    wide = " or ".join(["a == 1"] * 180)
    assert parse(wide.ljust(MAX_LENGTH)).holds({"a": 1}, {})
    with pytest.raises(Invalid, match="2001 characters is too long"):
        parse(wide.ljust(MAX_LENGTH + 1))
    for nothing in ("", "  "):
        with pytest.raises(Invalid, match="empty"):
            parse(nothing)
    with pytest.raises(Invalid, match="NUL"):
        parse("a == '\0'")


# ── tables ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_table_is_a_condition_on_each_of_its_names() -> None:
    condition = from_table({"sat": "L8", "level": [1, 2], "night": True, "a.b": "dotted", "in": "word"})
    assert (
        condition.text == 'sat == "L8" and level in [1, 2] and night == true and `a.b` == "dotted" and `in` == "word"'
    )
    assert condition.holds(PARAMS, {})
    assert not condition.holds({**PARAMS, "level": 3}, {})
    assert from_table({"cloud": 0.3}).holds({"cloud": "0.30"}, {})


@pytest.mark.parametrize(
    "table", [{}, {"a": []}, {"a": {"b": 1}}, {"a": [[1]]}, {"a": float("nan")}, {"a b": 1}, {"a": 2**63}, {"a": "\0"}]
)
def test_a_table_that_cannot_be_a_condition_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        from_table(table)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
constants = texts | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True).filter(lambda n: n not in ("PATH", "ENV"))


@given(st.dictionaries(names, constants | st.lists(constants, min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_table_holds_for_its_own_values(table: dict[str, Any]) -> None:
    try:
        condition = from_table(table)
    except Invalid as refused:
        assume("too long" not in str(refused))
        raise
    values = {name: value[-1] if isinstance(value, list) else value for name, value in table.items()}
    assert condition.holds(values, {})
    assert condition.parameters() == set(table)
    assert not condition.holds({}, {})


# ── properties ─────────────────────────────────────────────────────────────────────────────────────

leaves = st.sampled_from(["a", "b", "c", "0", "1", "-2", "3.5"])
expressions = st.recursive(
    st.builds("{} {} {}".format, leaves, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), leaves)
    | st.builds("{} < {} <= {}".format, leaves, leaves, leaves)
    | st.builds("{} {} [{}, {}]".format, leaves, st.sampled_from(["in", "not in"]), leaves, leaves),
    lambda inner: (
        st.builds("({})".format, inner)
        | st.builds("not {}".format, inner)
        | st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner)
    ),
    max_leaves=8,
)
small = st.sampled_from([-2, 0, 1, 2, 3.5])


@given(expressions, small, small, small)
@settings(max_examples=150)
def test_over_numbers_it_is_what_python_would_say(text: str, a: float, b: float, c: float) -> None:
    values = {"a": a, "b": b, "c": c}
    expected = bool(eval(text, {"__builtins__": {}}, values))
    assert parse(text).holds(values, {}) == expected
    assert parse(text).holds({name: str(value) for name, value in values.items()}, {}) == expected, "as text, too"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1", "true"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(expressions, json_values, json_values, json_values)
def test_no_value_makes_it_fail(text: str, a: Any, b: Any, c: Any) -> None:
    assert parse(text).holds({"a": a, "b": b, "c": c}, {}) in (True, False)
    parse("a.x < b.y or a in c or c.z").holds({"a": a, "c": c}, {"a": {"x": b}, "b": {"y": a}})


pieces = st.sampled_from(["a", "load.x", "'t'", '"', "1", ".", "==", "<", "in", "not", "and", "or", "(", ")", "[", ","])


@given(st.lists(pieces | st.sampled_from(["]", "{", "}", "`", "\\", "\n", "é", "true"]), max_size=15).map(" ".join))
@settings(max_examples=150)
def test_any_text_is_understood_or_refused_in_one_line(text: str) -> None:
    try:
        condition = parse(text)
    except Invalid as refused:
        assert "\n" not in str(refused)
        return
    assert condition.holds({}, {}) in (True, False)
    assert parse(condition.text) == condition
