"""A query in SQL means what it says, on both databases, against an answer worked out in Python."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from procession.clock import micros
from procession.model.event import NewEvent
from procession.model.query import Query, parse
from procession.model.term import Names, Since, States, Versions
from procession.store import queries, schema, tasks
from procession.store.database import Store, Tx
from tests.store.making import AT, NOW, born, chain

pytestmark = pytest.mark.feature("P14")

PARAMS = [{"sat": "L8"}, {"sat": "l8", "n": 3}, {"n": [1, 2]}, {"sat": "a*b", "ok": True, "x": 1.5}, {}, {"sat": None}]
TITLES = ["Scene_1", "50% of it", "scene A", "", "O'Hara; DROP TABLE event", "back\\slash [x] ?"]
STATES_ = ["waiting", "running", "succeeded", "failed", "cancelled", "skipped"]


def written(params: dict[str, Any]) -> str:
    """As events are stored."""
    return NewEvent("e", params).params_json()


def fill(tx: Tx) -> list[int]:
    """Twelve processings of two tasks, each different."""
    tasks.keep(tx, (chain("scene"), chain("sum")), NOW)
    ids = born(tx, 6, task="scene", steps=1) + born(tx, 6, task="sum", steps=1)
    for n, pid in enumerate(ids):
        state = STATES_[n % 6]
        ended = NOW + n * 1_000_000 if state in ("succeeded", "failed", "cancelled", "skipped") else None
        tx.connection.execute(
            schema.processing.update().where(schema.processing.c.id == pid).values(
                state=state, version=1 + n % 3, created_at=NOW + n * 1_000_000, finished_at=ended, errors=n % 2,
                held_at=NOW if n in (0, 7) else None, pinned_at=NOW if n == 4 else None,
                reason="load: No Such file 100%" if state == "failed" else None,
            )
        )  # fmt: skip
        tx.connection.execute(
            schema.step.update().where(schema.step.c.processing_id == pid).values(
                name=("load", "calibrate")[n % 2], state="ready" if state == "waiting" else state
            )
        )  # fmt: skip
        (event_id,) = tx.connection.exec_driver_sql(f"SELECT event_id FROM processing WHERE id = {pid}").one()
        tx.connection.execute(
            schema.event.update().where(schema.event.c.id == event_id).values(
                title=TITLES[n % 6], key=f"k{n},x" if n % 2 else None, params=written(PARAMS[n % 6]),
                name=("scene", "sum:day")[n // 6],
            )
        )  # fmt: skip
    return ids


@pytest.fixture
def found(store: Store) -> Callable[[str], list[int]]:
    with store.begin() as tx:
        first = fill(tx)[0]

    def ask(text: str) -> list[int]:
        with store.read() as tx:
            query = parse(text, AT + timedelta(seconds=100))
            newest = [p.id - first for p in queries.find(tx, query, before=None, limit=500)]
            assert [pid - first for pid in queries.ids(tx, query)] == newest[::-1]
            return newest[::-1]

    return ask


ALL = list(range(12))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ALL),
        ("task:scene", ALL[:6]),
        ("-task:scene", ALL[6:]),
        ("task:s*", ALL),
        ("task:sc*,sum", ALL),
        ("task:S*", []),
        ("event:sum:day", ALL[6:]),
        ("state:failed", [3, 9]),
        ("state:failed,cancelled", [3, 4, 9, 10]),
        ("-state:failed,cancelled", [n for n in ALL if n not in (3, 4, 9, 10)]),
        ("state:waiting task:sum", [6]),
        ("state:amber", []),
        ("state:amber,failed", [3, 9]),
        ("state:held", [0, 7]),
        ("-state:held", [n for n in ALL if n not in (0, 7)]),
        ("state:pinned", [4]),
        ("version:2", [1, 4, 7, 10]),
        ("version:2,3 task:scene", [1, 2, 4, 5]),
        ("step:load", [0, 4, 6, 10]),
        ("step:cal*", [1, 3, 7, 9]),
        ("-step:load", [n for n in ALL if n not in (0, 4, 6, 10)]),
        ("key:k1,x", [1]),
        ("key:k*", [1, 3, 5, 7, 9, 11]),
        ("-key:k1,x", [n for n in ALL if n != 1]),
        ("param.sat:L8", [0, 6]),
        ("param.sat:l*", [1, 7]),
        ('param.sat:"a*b"', [3, 9]),
        ("-param.sat:L8", [n for n in ALL if n not in (0, 6)]),
        ("param.n:3", [1, 7]),
        ('param.n:"[1,2]"', [2, 8]),
        ("param.ok:true", [3, 9]),
        ("param.x:1.5", [3, 9]),
        ("reason:FILE", [3, 9]),
        ("reason:100%", [3, 9]),
        ("reason:1_0", []),
        ("-reason:file", [n for n in ALL if n not in (3, 9)]),
        ("scene", [0, 2, 6, 8]),
        ("e_1", [0, 6]),
        ("50%", [1, 7]),
        ('"O\'Hara; DROP TABLE event"', [4, 10]),
        ('"slash [x] ?"', [5, 11]),
        ("k3", [3]),
        ("-scene", [n for n in ALL if n not in (0, 2, 6, 8)]),
        ("after:2026-05-04T12:00:08Z", [8, 9, 10, 11]),
        ("before:2026-05-04T12:00:02Z", [0, 1]),
        ("ended-after:2026-05-04T12:00:09Z", [9, 10, 11]),
        ("ended-before:2026-05-04T12:00:04Z", [2, 3]),
        ("-ended-before:2026-05-04T12:00:04Z", [n for n in ALL if n not in (2, 3)]),
        ("after:-1d", ALL),
        ("group:none", []),
    ],
)
def test_a_query_finds_what_it_says(found: Callable[[str], list[int]], text: str, wanted: list[int]) -> None:
    assert found(text) == wanted


def test_ids_and_ranges_of_them_and_pages_of_a_list(store: Store) -> None:
    with store.begin() as tx:
        ids = fill(tx)
    with store.read() as tx:
        query = parse(f"{ids[1]},{ids[4]}-{ids[6]} -{ids[5]}", AT)
        assert queries.ids(tx, query) == [ids[1], ids[4], ids[6]]
        pages: list[int] = []
        before = None
        while page := queries.find(tx, Query(()), before=before, limit=5):
            pages += [p.id for p in page]
            before = page[-1].id
        assert pages == ids[::-1]


def test_a_group_is_that_of_the_definition_a_processing_was_born_with(store: Store) -> None:
    with store.begin() as tx:
        tasks.keep(tx, (chain("a"), chain("b")), NOW)
        body = tx.connection.exec_driver_sql("SELECT body FROM definition WHERE task = 'a'").scalar_one()
        changed = json.dumps({**json.loads(body), "group": "mission 1"})
        tx.connection.execute(schema.definition.update().where(schema.definition.c.task == "a").values(body=changed))
        (one,) = born(tx, task="a")
        born(tx, task="b")
    with store.read() as tx:
        assert queries.ids(tx, parse('group:"mission 1"', AT)) == [one]
        assert queries.ids(tx, parse("group:mission*", AT)) == [one]
        assert len(queries.ids(tx, parse("-group:mission*", AT))) == 1


TERMS = st.one_of(
    st.builds(Names, st.just("task"), st.sampled_from([("scene",), ("s*m",), ("x", "sum"), ("*",)]), st.booleans()),
    st.builds(States, st.frozensets(st.sampled_from(STATES_), min_size=1, max_size=3), st.booleans()),
    st.builds(Versions, st.sampled_from([(1,), (2, 3)]), st.booleans()),
    st.builds(
        Since, st.sampled_from(["after", "before", "ended-after", "ended-before"]),
        st.integers(-1, 13).map(lambda n: AT + timedelta(seconds=n)), st.booleans(),
    ),
)  # fmt: skip


def holds(term: Any, n: int) -> bool:
    """What a term says of the n-th processing, by the words of `model/term.py`."""
    match term:
        case Names():
            name = "scene" if n < 6 else "sum"
            said = any(re.fullmatch(re.escape(p).replace(r"\*", ".*"), name) for p in term.patterns)
        case States():
            said = STATES_[n % 6] in term.states
        case Versions():
            said = 1 + n % 3 in term.numbers
        case Since():
            at = NOW + n * 1_000_000
            known = not term.field.startswith("ended") or n % 6 > 1
            said = known and (at >= micros(term.at) if term.field.endswith("after") else at < micros(term.at))
        case _:
            raise AssertionError(term)
    return bool(said) != term.negated


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TERMS, max_size=4))
def test_any_terms_together_mean_all_of_them(found_rows: tuple[Store, int], terms: list[Any]) -> None:
    store, first = found_rows
    with store.read() as tx:
        assert [pid - first for pid in queries.ids(tx, Query(tuple(terms)))] == [
            n for n in ALL if all(holds(term, n) for term in terms)
        ]


@pytest.fixture
def found_rows(store: Store) -> tuple[Store, int]:
    with store.begin() as tx:
        return store, fill(tx)[0]


@pytest.mark.feature("M125")
@pytest.mark.parametrize(
    ("text", "index"),
    [("state:failed", "ix_processing_ended"), ("task:t", "ix_processing_task"), ("17", "PRIMARY|rowid")],
)
def test_common_queries_go_by_an_index(store: Store, text: str, index: str) -> None:
    if store.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by statistics; tests/store/test_plans.py has the hot statements")
    with store.read() as tx:
        conditions = queries.conditions(tx, parse(text, AT))
        asked = schema.processing.select().where(*conditions).order_by(schema.processing.c.id.desc()).limit(20)
        sql = str(asked.compile(store.engine, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(row[3] for row in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))
    assert re.search(f"USING.*({index})", plan, re.IGNORECASE), plan
