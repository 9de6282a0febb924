"""Queries: which processings a person means, as ``task:scene state:failed after:-1d``.

*In:* a text, and the present moment for relative times. *Out:* a `Query` of typed terms; nothing of SQL. *Always:* a
processing is meant if all terms say so; in a list (``task:a,b``) one is enough; ``-`` before a term turns it round.
What cannot be meant is refused, never ignored: an operator who cancels "everything that …" must be understood
in full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from procession.errors import Invalid
from procession.model.event import PARAMETER, check_text
from procession.model.term import (
    FIELD,
    IDS,
    MARKS,
    QUIET,
    STAR,
    STATES,
    Batches,
    Ids,
    Names,
    Since,
    States,
    Term,
    Versions,
    Words,
    plain,
)
from procession.units import to_seconds

MAX_LENGTH = 10_000
MAX_ID = 2**63 - 1
MAX_VERSION = 2**31 - 1
YEARS = range(1970, 3000)

FIELDS = (
    *("id", "task", "state", "step", "event", "key", "group", "version", "batch", "cause", "source", "experiment"),
    *("after", "before", "ended-after", "ended-before", "reason", "param.NAME"),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = re.compile(r"""(?:[^\s"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+""", re.DOTALL)
_PIECE = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(,)|[^\s"',]+""", re.DOTALL)
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


@dataclass(frozen=True, slots=True)
class Query:
    """What a person means: all these terms hold. Equal queries have equal terms, in the order of `FIELDS`."""

    terms: tuple[Term, ...]

    @property
    def text(self) -> str:
        """The query as text that reads back as this one, whenever that is: relative times have become moments."""
        return " ".join(("-" if term.negated else "") + term.text for term in self.terms)

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks that it names, patterns aside."""
        named = [term for term in self.terms if isinstance(term, Names) and term.field == "task"]
        return frozenset(plain(each) for term in named for each in term.patterns if "*" not in each)

    @property
    def everything(self) -> bool:
        """Does it have no terms? Then every processing is meant, which a command that changes things may refuse."""
        return not self.terms


def parse(text: str, now: datetime) -> Query:
    """Read a query; Invalid says which term cannot be meant, and what there is."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"a query of {len(text)} characters is too long: at most {MAX_LENGTH}")
    check_text("a query", text)
    terms: dict[Term, None] = dict.fromkeys(_term(token, now) for token in _tokens(text))
    wanted = [term for term in terms if isinstance(term, Ids) and not term.negated]
    rest = [term for term in terms if not isinstance(term, Ids) or term.negated]
    if wanted:  # 17 18 means both, as everywhere on a command line
        rest.append(Ids(_merged([each for term in wanted for each in term.ranges])))
    _check_possible(rest)
    return Query(tuple(sorted(rest, key=_order)))


def split(text: str) -> list[str]:
    """The terms of a query as they were written, each by itself; Invalid for a quote that does not end."""
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while rest := text[place:].lstrip():
        place = len(text) - len(rest)
        token = _TOKEN.match(text, place)
        if not token or text[token.end() : token.end() + 1] in ('"', "'"):
            raise Invalid(
                f"a quote begins near {rest[:20]!r} that does not end; put the whole text into the other quotes"
            )
        place = token.end()
        yield token[0]


def _term(token: str, now: datetime) -> Term:
    found = FIELD.match(token)
    if not found:
        negated = len(token) > 1 and token[0] == "-"
        bare = token[negated:]
        return Ids(_ranges(bare), negated) if IDS.fullmatch(bare) else Words("", _one("a word", bare), negated)
    negated, field, raw = bool(found[1]), found[2], token[found.end() :]
    if field[:6].lower() == "param.":
        if not PARAMETER.fullmatch(field[6:]):
            raise Invalid(f"{field!r} names no parameter; write param.NAME:VALUE")
        return Names("param" + field[5:], _many(field, raw), negated)
    if field.lower() not in _READERS:
        near = get_close_matches(field.lower(), _READERS, 1)
        hint = f"did you mean {near[0]}:?" if near else f'to look for it as text write "{token[:40]}"'
        raise Invalid(f"there is no term {field[:40]}: ({hint}); there are {': '.join(FIELDS)}: and plain words")
    return _READERS[field.lower()](field.lower(), raw, negated, now)


# ── the terms ──────────────────────────────────────────────────────────────────────────────────────

_Reader = Callable[[str, str, bool, datetime], Term]


def _read_names(field: str, raw: str, negated: bool, now: datetime) -> Term:
    return Names(field, _many(field, raw), negated)


def _read_states(field: str, raw: str, negated: bool, now: datetime) -> Term:
    states = frozenset(each.lower() for each in _many(field, raw))
    for each in sorted(states.difference(STATES)):
        near = get_close_matches(each, STATES, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise Invalid(f"there is no state {each[:40]!r}; {hint}there are {', '.join(STATES)}")
    return States(states, negated)


def _read_since(field: str, raw: str, negated: bool, now: datetime) -> Term:
    return Since(field, _moment(field, _one(field, raw), now), negated)


_READERS: dict[str, _Reader] = {
    **dict.fromkeys(("task", "step", "event", "group", "cause", "source", "experiment"), _read_names),
    **dict.fromkeys(("after", "before", "ended-after", "ended-before"), _read_since),
    "state": _read_states,
    "key": lambda field, raw, negated, now: Names(field, (_pattern(field, raw),), negated),
    "reason": lambda field, raw, negated, now: Words(field, _one(field, raw), negated),
    "id": lambda field, raw, negated, now: Ids(_ranges(raw), negated),
    "version": lambda field, raw, negated, now: Versions(
        tuple(sorted({whole(each, "a version", MAX_VERSION) for each in _many(field, raw)})), negated
    ),
    "batch": lambda field, raw, negated, now: Batches(
        tuple(sorted({whole(each, "a batch") for each in _many(field, raw)})), negated
    ),
}


def _moment(field: str, value: str, now: datetime) -> datetime:
    if value[0] == "-":
        return max(_EPOCH, (now - timedelta(seconds=to_seconds(value[1:]))).astimezone(UTC))
    try:
        at = datetime.fromisoformat(value) if _DATE.fullmatch(value) else None
        at = at and (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.year not in YEARS:
        raise Invalid(
            f"{field}:{value[:40]} is no moment; write a date or time in UTC of the years {YEARS[0]} to {YEARS[-1]} "
            f"such as {field}:2026-03-01 or {field}:2026-03-01T12:00, or a span before now such as {field}:-1d"
        )
    return at


def _ranges(raw: str) -> tuple[tuple[int, int], ...]:
    if not IDS.fullmatch(raw):
        raise Invalid(f"id:{raw[:40]} is no list of numbers; write e.g. id:17,19-21")
    ranges = []
    for each in raw.split(","):
        first, _, last = each.partition("-")
        ranges.append((whole(first, "an id", MAX_ID), whole(last or first, "an id", MAX_ID)))
        if ranges[-1][0] > ranges[-1][1]:
            raise Invalid(f"the ids {each[:40]} end before they begin; write the smaller number first")
    return _merged(ranges)


def _merged(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def whole(text: str, what: str = "an id", most: int = MAX_ID) -> int:
    """The number that a person wrote; Invalid if it can be none."""
    if not re.fullmatch(r"[0-9]{1,19}", text) or not 1 <= int(text) <= most:
        raise Invalid(f"{text[:40]!r} is not {what}; it is a whole number from 1 to {most}")
    return int(text)


def _check_possible(terms: list[Term]) -> None:
    """Refuse two terms that no processing satisfies together, where a person meant either."""
    wanted: dict[str, tuple[Term, set[str]]] = {}
    for term in terms:
        if isinstance(term, Names) and term.field in ("task", "event", "group", "key") and "*" not in term.text:
            field, values = term.field, set(term.patterns)
        elif isinstance(term, States) and not term.states.intersection((*MARKS, QUIET)):
            field, values = "state", set(term.states)
        else:
            continue
        if not term.negated:
            other, before = wanted.setdefault(field, (term, values))
            wanted[field] = (term, values & before)
            if not values & before:
                raise Invalid(f"nothing is both {other.text} and {term.text}; for either write {field}:ONE,OTHER")


# ── texts ──────────────────────────────────────────────────────────────────────────────────────────


def _one(field: str, raw: str) -> str:
    """The whole text of a term in which stars mean nothing."""
    return plain(_pattern(field, raw))


def _pattern(field: str, raw: str) -> str:
    """The whole text of a term, quotes taken off; commas are part of it."""
    text = "".join(_bare(piece) for piece in _PIECE.finditer(raw))
    if not text:
        raise Invalid(f'{field} needs a text; leave the term out, or write e.g. {field}:TEXT or {field}:"two words"')
    return text


def _many(field: str, raw: str) -> tuple[str, ...]:
    """The texts of a list, growing, each once; commas inside quotes divide nothing. A parameter may be the empty text,
    which is written as ``""``."""
    texts, said = [""], [False]
    for piece in _PIECE.finditer(raw):
        if piece[2]:
            texts.append("")
            said.append(False)
        else:
            texts[-1] += _bare(piece)
            said[-1] = True
    if not all(said if field[:6].lower() == "param." else texts):
        raise Invalid(f"{field}: needs a name, or names divided by commas, e.g. {field}:ONE or {field}:ONE,OTHER")
    return tuple(sorted(set(texts)))


def _bare(piece: re.Match[str]) -> str:
    """The text of a piece; in quotes a backslash takes the meaning of a quote, a backslash or a star."""
    if not piece[1]:
        return piece[0]
    return re.sub(r"""\\([\\'"*])""", lambda found: STAR if found[1] == "*" else found[1], piece[0][1:-1])


def _order(term: Term) -> tuple[int, bool, str]:
    field = term.text.partition(":")[0]
    if isinstance(term, Words) and not term.field:
        return len(FIELDS), term.negated, term.text
    return FIELDS.index(field if field in FIELDS else "param.NAME"), term.negated, term.text
