"""What a pattern means; nothing is looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.errors import Invalid
from procession.watch import read_pattern

NAMES = st.text("ab.[]*?{}!^\\-~|&", min_size=1, max_size=6).filter(lambda name: name not in (".", ".."))


def parts(text: str, path: str, **given: str) -> dict[str, str] | None:
    """The named parts that a path gives, or None where it is not meant."""
    pattern = read_pattern(text, "/", given)
    match = pattern.whole.fullmatch(path.removeprefix(pattern.start.rstrip("/") + "/"))
    return match and match.groupdict()


@pytest.mark.feature("P7")
def test_named_parts_are_the_text_that_stands_there() -> None:
    assert parts("/in/{sat}_{date}.h5", "/in/L8_20200518.h5") == {"sat": "L8", "date": "20200518"}
    assert parts("/in/{sat}_{date}.h5", "/in/L8_a_b.h5") == {"sat": "L8", "date": "a_b"}
    assert parts("/in/{sat}/{sat}_*.h5", "/in/L8/L8_1.h5") == {"sat": "L8"}
    assert parts("/in/{sat}/{sat}_*.h5", "/in/L8/L9_1.h5") is None
    assert parts("/in/{sat}_{date}.h5", "/in/_1.h5") is None


@pytest.mark.feature("P7")
def test_wildcards_stay_within_a_name_and_two_stars_do_not() -> None:
    assert parts("/in/*.h5", "/in/a.h5") == {}
    assert parts("/in/*.h5", "/in/a/b.h5") is None
    assert parts("/in/**/*.h5", "/in/b.h5") == {}
    assert parts("/in/**/**/*.h5", "/in/a/a/b.h5") == {}
    assert parts("/in/**", "/in/a/a/b.h5") == {}
    assert parts("/in/?[0-9][!x].h5", "/in/a1b.h5") == {}
    assert parts("/in/?[0-9][!x].h5", "/in/a1x.h5") is None
    assert parts("/in/[]a]", "/in/]") == {}
    assert parts("/in/{{a}}[*]", "/in/{a}*") == {}


def test_what_is_given_stands_for_itself() -> None:
    pattern = read_pattern("{project}/in/*.h5", "/", {"project": "/data/[x]*{y}"})
    assert pattern.start == "/data/[x]*{y}/in"
    assert read_pattern("in/*.h5", "/home/{me}").start == "/home/{me}/in"
    assert read_pattern("./in/a.h5", "/home").start == "/home/in"


@given(NAMES, NAMES)
def test_a_given_text_and_an_escaped_one_mean_exactly_one_path(first: str, second: str) -> None:
    assert parts("/in/{name}", f"/in/{first}", name=first) == {}
    assert (parts("/in/{name}", f"/in/{second}", name=first) is not None) == (first == second)
    escaped = "".join({"{": "{{", "}": "}}", "*": "[*]", "?": "[?]", "[": "[[]"}.get(c, c) for c in first)
    assert parts(f"/in/{escaped}", f"/in/{first}") == {}


@given(st.text("ab*?[]{}/!-.\0", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_pattern(text)
    except Invalid as error:
        assert "watch = " in str(error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no files"),
        ("/", "names no files"),
        (".", "names no files"),
        ("/in/a**b", "stands alone"),
        ("/in/{path}", "choose another name"),
        ("/in/{1}", "a named part is"),
        ("/in/{a", "for a literal brace"),
        ("/in/../*.h5", "without it"),
        ("/in/[z-a]", "no set of characters"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_refused(text: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        read_pattern(text)
