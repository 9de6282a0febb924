"""A command template gives the arguments that were meant, whatever the values are."""

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.errors import Invalid
from procession.model.command import GIVEN, MAX_BYTES, Command, Placeholder, parse_word

PROGRAM = "/usr/bin/true"
GIVEN_VALUES = {"project": "/p", "work": "/w", "date": "2024-05-01", "id": 7, "key": "k"}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
hostile = st.sampled_from(
    [
        "; touch /tmp/pwn",
        "$(id)",
        "`id`",
        "|",
        "\n",
        "&&",
        ">${IFS}x",
        "{x.__class__}",
        "{{7*7}}",
        "%(x)s",
        "${x}",
        "{0}",
        "{",
        "}",
        "{b}",
        "{given.date}",
        "@file",
        "  ",
        "\u202e",
        "é\u0301",
        "🛰",
    ]
)
values = hostile | texts.filter(bool)


def rendered(*words: str, allow_dash: bool = False, **params: Any) -> list[str]:
    return Command((PROGRAM, *words), allow_dash=allow_dash).render(params, {}, GIVEN_VALUES)[1:]


@pytest.mark.feature("M5")
@given(value=values, prefix=texts)
@settings(max_examples=120, deadline=None)
def test_a_value_becomes_exactly_one_argument_and_is_never_read_again(value: str, prefix: str) -> None:
    """B13, B15, B16."""
    literal = prefix.replace("{", "{{").replace("}", "}}")
    assert rendered("--x={a}", f"x{literal}{{a}}", a=value) == [f"--x={value}", f"x{prefix}{value}"]
    assert rendered("{a}", allow_dash=True, a=value) == [value]


@given(text=texts)
@settings(deadline=None)
def test_a_literal_word_stays_as_it_is(text: str) -> None:
    assert rendered(text.replace("{", "{{").replace("}", "}}")) == [text]


@given(text=st.text("{}ab._-", max_size=12))
@settings(max_examples=150, deadline=None)
def test_every_text_is_a_template_or_refused_in_one_line(text: str) -> None:
    try:
        parts = parse_word(text)
    except Invalid as error:
        assert "\n" not in str(error)
        assert "{{" in str(error) or "}}" in str(error)
    else:
        again = "".join(
            str(part) if isinstance(part, Placeholder) else part.replace("{", "{{").replace("}", "}}") for part in parts
        )
        assert parse_word(again) == parts


@pytest.mark.parametrize(
    ("value", "argument"),
    [
        (3, "3"),
        (0.5, "0.5"),
        (True, "true"),
        ([1, "a", None], '[1,"a",null]'),
        ({"é": 1}, '{"é":1}'),
        ("007", "007"),
    ],
)
def test_what_is_not_a_text_becomes_compact_json(value: Any, argument: str) -> None:
    assert rendered("{a}", a=value) == [argument]


def test_a_parameter_goes_before_a_given_name_and_given_always_reaches_the_given_one() -> None:
    assert rendered("{date}", "{given.date}", "{id}", date="mine") == ["mine", "2024-05-01", "7"]
    assert rendered("{date}", date=None) == ["2024-05-01"]


@pytest.mark.feature("M43")
def test_an_output_of_an_earlier_step_is_reached_by_the_name_of_the_step() -> None:
    command = Command((PROGRAM, "{load.bands}", "{load.v2.n}", "{scene}", "{work}"))
    assert command.outputs() == {("load", "bands"), ("load.v2", "n")}
    assert command.parameters() == {"scene"}
    outputs = {"load": {"bands": 3}, "load.v2": {"n": "x"}}
    assert command.render({"scene": "s"}, outputs, GIVEN_VALUES) == [PROGRAM, "3", "x", "s", "/w"]
    with pytest.raises(Invalid, match="step load left no output bands"):
        command.render({"scene": "s", "bands": 1}, {}, GIVEN_VALUES)


@pytest.mark.parametrize(
    ("words", "params", "message"),
    [
        (("{a}",), {}, r"\{a\} has no value: the event brings no parameter a; submit it with a=VALUE"),
        (("{a}",), {"a": None}, "has no value"),
        (("x{a}",), {"a": "b\0c"}, "NUL"),
        (("{a}",), {"a": ""}, "would be empty"),
        (("{a}{b}",), {"a": "", "b": ""}, "would be empty"),
        (("{a}",), {"a": "-rf"}, "starts with -"),
        (("{a}",), {"a": "-"}, "starts with -"),
        (("{a}",), {"a": -5}, "starts with -"),
        (("{a}",), {"a": "--output=/etc/x"}, "allow_dash = true"),
        (("{a}{b}",), {"a": "", "b": "-x"}, "starts with -"),
        (("{a}",), {"a": "x" * 200_000}, "131072"),
        (("{a}", "{a}"), {"a": "é" * (MAX_BYTES // 4)}, "131072"),
        (("{a}",), {"a": "\ud800"}, "UTF-8"),
        (("{a}",), {"a": float("nan")}, "JSON"),
    ],
)
def test_a_value_that_cannot_be_an_argument_is_refused_in_words(
    words: tuple[str, ...], params: dict[str, Any], message: str
) -> None:
    """B14, B15, B18."""
    with pytest.raises(Invalid, match=message):
        rendered(*words, **params)


def test_a_dash_is_harmless_behind_a_text_and_welcome_where_the_task_says_so() -> None:
    """B14."""
    assert rendered("--x={a}", "-n{a}", a="-5") == ["--x=-5", "-n-5"]
    assert rendered("{a}", a="-rf", allow_dash=True) == ["-rf"]
    assert rendered("", "-v") == ["", "-v"]


def test_a_hundred_thousand_parameters_do_no_harm() -> None:
    """B15."""
    assert rendered("{p5}", **{f"p{n}": "x" for n in range(100_000)}) == ["x"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("{", "lone {.*write {{ for a literal brace"),
        ("a}", "lone }.*write }} for a literal brace"),
        ("{a", "lone {"),
        ("{}", "not a valid name"),
        ("{0}", "not a valid name"),
        ("{a b}", "not a valid name"),
        ("{a!r}", "not a valid name"),
        ("{a:>8}", "not a valid name"),
        ("{a[0]}", "not a valid name"),
        ("{x.__class__}", "not a valid name"),
        ("{x.__class__.__mro__}", "not a valid name"),
        ("{.a}", "not a valid name"),
        ("{given.nothing}", "not a given name; there are {given.project}"),
    ],
)
def test_a_wrong_template_says_what_is_wrong_with_it(word: str, message: str) -> None:
    """B16."""
    with pytest.raises(Invalid, match=message):
        parse_word(word)


def test_doubled_braces_are_literal() -> None:
    """B16."""
    assert parse_word("{{7*7}}") == ("{7*7}",)
    assert parse_word("{{{a}}}") == ("{", Placeholder("", "a"), "}")
    assert parse_word("") == ()


def test_a_shell_text_takes_no_placeholders() -> None:
    words = ("/bin/bash", "-euo", "pipefail", "-c", "echo {a} ${B} | wc")
    command = Command(words, shell=True)
    assert command.render({"a": "x"}, {}, {}) == list(words)
    assert not command.parameters() and not command.outputs()


def test_a_command_survives_the_database() -> None:
    command = Command((PROGRAM, "{a}"), ("/p/x.py",), allow_dash=True)
    assert Command.from_raw(json.loads(json.dumps(asdict(command)))) == command
    assert Command.from_raw({"words": [PROGRAM]}) == Command((PROGRAM,))
    assert set(GIVEN) == set(GIVEN_VALUES)
