"""A query means what a person wrote, reads back as itself, and what cannot be meant is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.errors import Invalid
from procession.model.query import FIELDS, MAX_ID, MAX_LENGTH, Query, parse
from procession.model.term import STAR, STATES, Ids, Names, Since, States, Term, Versions, Words

pytestmark = pytest.mark.feature("P14")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def terms(text: str) -> tuple[Term, ...]:
    return parse(text, NOW).terms


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("task:scene", Names("task", ("scene",))),
        ("task:b,a,b", Names("task", ("a", "b"))),
        ("Task:sce*", Names("task", ("sce*",))),
        ("-task:scene", Names("task", ("scene",), True)),
        ("step:load", Names("step", ("load",))),
        ("event:scene", Names("event", ("scene",))),
        ("group:mission", Names("group", ("mission",))),
        ("key:LC08_*", Names("key", ("LC08_*",))),
        ("key:a,b", Names("key", ("a,b",))),
        (r'key:"a\*b*"', Names("key", (f"a{STAR}b*",))),
        (r"key:a\*b", Names("key", (r"a\*b",))),
        (r'param.sat:"a\\*",""', Names("param.sat", ("", r"a\*"))),
        (r'reason:"a\*b"', Words("reason", "a*b")),
        ("key:a:b", Names("key", ("a:b",))),
        ("param.sat:L8,L9", Names("param.sat", ("L8", "L9"))),
        ('param.a.b:"x,y"', Names("param.a.b", ("x,y",))),
        ("state:failed", States(frozenset({"failed"}))),
        ("state:FAILED,amber,held,pinned", States(frozenset({"failed", "amber", "held", "pinned"}))),
        ("-state:succeeded", States(frozenset({"succeeded"}), True)),
        ("id:1,4-6", Ids(((1, 1), (4, 6)))),
        ("17", Ids(((17, 17),))),
        ("17,19-21,20,18", Ids(((17, 21),))),
        ("-17", Ids(((17, 17),), True)),
        ("version:2,1", Versions((1, 2))),
        ("after:2026-02-01", Since("after", at("2026-02-01"))),
        ("before:2026-02-01T06:30", Since("before", at("2026-02-01 06:30"))),
        ("before:'2026-02-01 06:30:15.5'", Since("before", at("2026-02-01 06:30:15.500"))),
        ("ended-after:2026-02-01T06:30:00Z", Since("ended-after", at("2026-02-01 06:30"))),
        ("ended-before:2026-02-01T06:30+02:00", Since("ended-before", at("2026-02-01 04:30"))),
        ("after:-1d", Since("after", at("2026-02-28 12:00"))),
        ("after:-2h", Since("after", at("2026-03-01 10:00"))),
        ("after:-1d12h", Since("after", at("2026-02-28 00:00"))),
        ('after:"-90 min"', Since("after", at("2026-03-01 10:30"))),
        ("reason:disk", Words("reason", "disk")),
        ('-reason:"no such file"', Words("reason", "no such file", True)),
        ("LC08", Words("", "LC08")),
        ("-LC08", Words("", "LC08", True)),
        ('"no such file"', Words("", "no such file")),
        ("'17'", Words("", "17")),
        ('"task:scene"', Words("", "task:scene")),
        (r'"a \"b\" \\ \n"', Words("", r'a "b" \ \n')),
        ("12:30", Words("", "12:30")),
        ("-", Words("", "-")),
    ],
)
def test_a_term_is_read(text: str, term: Term) -> None:
    assert terms(text) == (term,)
    assert terms(parse(text, NOW).text) == (term,)


def test_terms_hold_together() -> None:
    query = parse("  after:-1d state:failed  task:scene 'no disk' -key:x ", NOW)
    assert query.text == 'task:scene state:failed -key:x after:2026-02-28T12:00:00Z "no disk"'
    assert query == parse(query.text, NOW + timedelta(days=99)), "relative times have become moments"
    assert query == parse('task:scene task:scene -key:x state:failed after:-24h "no disk"', NOW)


def test_numbers_beside_each_other_mean_each_of_them() -> None:
    assert terms("17 18 id:30 5-7") == (Ids(((5, 7), (17, 18), (30, 30))),)
    assert terms("17-20 -18") == (Ids(((17, 20),)), Ids(((18, 18),), True))


def test_no_terms_mean_everything_and_it_can_be_told() -> None:
    assert parse("", NOW) == parse(" \n", NOW) == Query(())
    assert parse("", NOW).everything and not parse("-17", NOW).everything
    assert parse("", NOW).text == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("taks:scene", "no term taks: .did you mean task:"),
        ("status:failed", "did you mean state:"),
        ("http://x", 'write "http://x"'),
        ("state:done", "no state 'done'; there are waiting, running"),
        ("state:faild", "did you mean failed"),
        ("state:unmatched", "no state 'unmatched'"),
        ("task:", "needs a name"),
        ("task:a,,b", "needs a name"),
        ("key:", "needs a text"),
        ('""', "needs a text"),
        ("param.:x", "names no parameter"),
        ("param.1:x", "names no parameter"),
        ("id:", "no list of numbers"),
        ("id:x", "no list of numbers"),
        ("id:-1", "no list of numbers"),
        ("id:0", "is not an id"),
        ("9-7", "end before they begin"),
        ("99999999999999999999", "is not an id"),
        (f"{MAX_ID + 1}", "is not an id"),
        ("9" * 5000, "is not an id"),
        ("version:0", "is not a version"),
        ("version:two", "is not a version"),
        ("version:2147483648", "is not a version"),
        ("after:yesterday", "is no moment; write a date"),
        ("after:1d", "is no moment"),
        ("after:0000-01-01", "is no moment"),
        ("after:10000-01-01", "is no moment"),
        ("after:9999-12-31T23:59:59-23:59", "is no moment"),
        ("after:0001-01-01T00:00+23:59", "is no moment"),
        ("after:1969-12-31", "years 1970 to 2999"),
        ("after:2026-02-30", "is no moment"),
        ("after:2026-W01", "is no moment"),
        ("after:20260101", "is no moment"),
        ("after:-1", "is not a duration"),
        ("after:-999999d", "hundred years"),
        ("'no end", "quote begins near .*that does not end"),
        ("it's", "quote begins"),
        ("task:a task:b", "nothing is both task:a and task:b; for either write task:ONE,OTHER"),
        ("state:failed state:running", "nothing is both"),
        ("task:a,b task:b task:a", "nothing is both"),
        ("a\0b", "NUL"),
        ("\ud800", "Unicode"),
        ("x" * (MAX_LENGTH + 1), "too long"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(text: str, said: str) -> None:
    """B27."""
    with pytest.raises(Invalid, match=said) as refused:
        parse(text, NOW)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_terms_that_can_hold_together_are_not_refused() -> None:
    for text in (
        "task:a* task:*b",
        "task:a,b task:b,c",
        "state:failed state:held,pinned",
        "task:a -task:b",
        "step:a step:b",
    ):
        assert len(terms(text)) == 2, text


def test_the_list_of_terms_is_told_whole() -> None:
    with pytest.raises(Invalid) as refused:
        parse("nonsense:1", NOW)
    assert all(f"{field}:" in str(refused.value) for field in FIELDS)


def test_a_span_longer_than_the_calendar_reaches_back_to_its_beginning() -> None:
    assert terms("after:-99w52w5000w") == terms("after:1970-01-01")


# ── properties ─────────────────────────────────────────────────────────────────────────────────────

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
) | st.sampled_from(["17", "-x", "task:a", "a,b", 'say "x"', "it's", "\\", "a b", "*", "-", "\\'", '\\"'])
negated = st.booleans()
stars = st.sampled_from([STAR, f"a{STAR}b", f"{STAR}*", f"\\{STAR}", f'"{STAR}'])
lists = st.lists(texts, min_size=1, max_size=3, unique=True).map(sorted).map(tuple)
patterns = st.lists(texts | stars, min_size=1, max_size=3, unique=True).map(sorted).map(tuple)
fields = st.sampled_from(["task", "step", "event", "group", "param.sat", "param.a-b.c"])
moments = st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC))
ranges = st.lists(st.integers(1, 10**6), min_size=1, max_size=4, unique=True).map(
    lambda numbers: tuple((n * 10, n * 10 + n % 5) for n in sorted(numbers))
)
any_term = (
    st.builds(Names, fields, patterns, negated)
    | st.builds(Names, st.just("key"), texts.map(lambda text: (text,)), negated)
    | st.builds(States, st.frozensets(st.sampled_from(STATES), min_size=1), negated)
    | st.builds(Ids, ranges, negated)
    | st.builds(Versions, st.lists(st.integers(1, 2**31 - 1), min_size=1, unique=True).map(sorted).map(tuple), negated)
    | st.builds(Since, st.sampled_from(["after", "before", "ended-after", "ended-before"]), moments, negated)
    | st.builds(Words, st.sampled_from(["", "reason"]), texts, negated)
)


@given(any_term)
@settings(max_examples=150)
def test_every_term_reads_back_as_itself(term: Term) -> None:
    assert terms(Query((term,)).text) == (term,)


@given(st.lists(any_term, max_size=5))
def test_equal_queries_have_equal_texts_however_they_are_written(wanted: list[Term]) -> None:
    written = [Query((term,)).text for term in wanted]
    try:
        query = parse(" ".join(written), NOW)
    except Invalid as refused:
        assert "nothing is both" in str(refused)
        with pytest.raises(Invalid, match="nothing is both"):
            parse(" ".join(reversed(written)), NOW)
        return
    assert parse(" ".join([*reversed(written), *written]), NOW) == query
    assert parse(query.text, NOW) == query
    assert parse(query.text, NOW).text == query.text


pieces = st.sampled_from(
    [*(f"{field}:" for field in FIELDS), "param.x:", "-", '"', "'", "a", "1", ",", " ", "\\", "*", "-1d", "é"]
)


@given(st.lists(pieces, max_size=12).map("".join))
@settings(max_examples=150)
def test_any_text_is_understood_or_refused_in_one_line(text: str) -> None:
    try:
        query = parse(text, NOW)
    except Invalid as refused:
        assert "\n" not in str(refused)
        return
    assert parse(query.text, NOW) == query
