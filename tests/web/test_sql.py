"""What pages ask of the database is bounded, however many processings there are (check 3, house rule 9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from procession import verbs
from procession.commands import batches
from procession.model import query
from procession.project import Project
from procession.store import batches as store
from procession.store import causes, queries, search
from procession.verbs import Caller
from tests.web.big import AT, SMALL, big, opened
from tests.web.watching import watching

pytestmark = pytest.mark.feature("M118", "N8")
ANYBODY = Caller("ada", "http")
MOST_STEPS = 700_000
"""Of SQLite: what 50 ms are good for on a slow machine. Reading one column of all processings takes more."""
S2 = {"name": "s2-l2a"}


@pytest.fixture(scope="session")
def project() -> Iterator[Project]:
    found = opened(big(SMALL))
    yield found
    found.close()


PAGES: list[tuple[str, dict[str, Any], int]] = [
    ("overview", {}, 16),
    ("overview", {"days": 7}, 16),
    ("grid", S2, 8),
    ("grid", {**S2, "query": "state:failed after:-7d"}, 30),
    ("grid", {**S2, "colour": "metric.cloud"}, 9),
    ("grid", {**S2, "rows": "param.tile", "columns": "day", "newest": 5000}, 8),
    ("list", {"limit": 100, "query": "state:failed"}, 10),
    ("list", {"limit": 100, "query": "task:s2-l2a state:failed after:-7d"}, 30),
    ("list", {"limit": 100, "query": "nosuchword"}, 10),
    ("list", {"limit": 100, "query": "state:running"}, 100),
    ("list", {"limit": 100, "query": "state:amber"}, 10),
    ("list", {"limit": 100, "query": "step:calibrate"}, 10),
    ("list", {"limit": 100, "query": "after:-2d before:-1d"}, 60),
    ("list", {"limit": 100, "why": False, "query": "-state:quiet"}, 10),
    ("list", {"limit": 100, "why": False, "query": "state:quiet"}, 10),
    ("count", {"query": "-state:quiet"}, 5),
    ("list", {"limit": 100, "why": False, "sort": "ended"}, 10),
    ("list", {"limit": 100, "why": False, "sort": "ended", "query": "task:s2-l2a state:failed"}, 10),
    ("list", {"limit": 100, "why": False, "sort": "duration", "query": "task:s2-l2a after:-1d"}, 30),
    ("list", {"limit": 20}, 300),
    ("list", {"limit": 100, "query": "state:waiting", "why": False}, 10),
    ("list", {"limit": 20, "query": "state:waiting"}, 300),
    ("count", {}, 5),
    ("count", {"query": "state:failed"}, 5),
    ("count", {"query": "param.tile:36UUA"}, 5),
    ("neighbours", {"id": 9000, "query": "state:failed"}, 10),
    ("neighbours", {"id": 9000, "query": "task:s2-l2a param.tile:36UUA"}, 10),
    ("complete", {"text": "task:s2"}, 2),
    ("causes", {}, 6),
    ("durations", S2, 8),
    ("gallery", S2, 8),
    ("arrivals", {}, 30),
    ("events", {"limit": 100}, 5),
    ("events", {"limit": 100, "unmatched": True}, 5),
    ("events", {"limit": 100, "no_timetables": True}, 6),
    ("event", {"id": 17}, 5),
    ("show", {"id": 17}, 20),
    ("status", {}, 15),
    ("tasks", {}, 8),
    ("books", {"quick": True}, 5),
    ("disk", {"quick": True}, 220),
    ("disk-preview", {"quick": True}, 420),
    ("doctor", {}, 200),
    ("stats", {"task": "s2-l2a", "days": 1}, 8),
    ("batch-add", {"verb": "retry", "query": "state:failed", "dry_run": True}, 20),
    ("batch-add", {"verb": "delete", "query": "task:s2-l2a param.tile:36UUA", "dry_run": True}, 240),
    ("batch-add", {"verb": "restart", "query": "after:-30d", "dry_run": True}, 1100),
    ("batch-add", {"verb": "hold", "query": "state:waiting", "dry_run": True}, 20),
]
"""Verb, arguments, and how many queries it may take."""


@pytest.mark.parametrize(("name", "arguments", "queries"), PAGES, ids=lambda each: str(each)[:60])
def test_what_a_page_asks_is_bounded(project: Project, name: str, arguments: dict[str, Any], queries: int) -> None:
    with watching(project) as watched:
        answer = verbs.call(project, ANYBODY, name, arguments)
    assert answer
    assert len(watched.queries) <= queries, "\n".join(watched.queries)
    assert watched.steps <= MOST_STEPS
    assert watched.unbounded(project) == []


@pytest.mark.feature("P14")
@pytest.mark.parametrize(
    "text",
    ["state:failed", "state:failed,cancelled", "state:waiting", "task:s2-l2a", "task:s2-l2a,wx-fit state:succeeded",
     "param.tile:36UUA state:failed", "nosuchword", "cause:*", "after:-2d -state:succeeded", "id:7,90,70000-90000"],
)  # fmt: skip
def test_a_piece_of_a_batch_costs_its_own_size_wherever_it_stands(project: Project, text: str) -> None:
    with project.store.read() as tx:
        asked, last = query.parse(text, AT), search.newest_id(tx)
        wanted = queries.ids(tx, asked)
    for after in (0, last // 3, last - 300):
        with watching(project) as watched, project.store.read() as tx:
            ids, cursor, over = search.onwards(tx, asked, after, last, 200)
        assert watched.steps <= MOST_STEPS // 2
        assert watched.unbounded(project) == []
        assert ids == [each for each in wanted if after < each <= cursor]
        assert over is (not [each for each in wanted if each > cursor]) or cursor < last


@pytest.mark.feature("P14")
def test_what_became_of_a_large_batch_is_counted_within_bounds(project: Project) -> None:
    made = batches.begin(project, "hold", "task:s2-l2a", {}, "ann")
    done = 30_000
    with project.store.begin() as tx:
        tx.connection.exec_driver_sql(
            f"INSERT INTO batch_done SELECT {made.id}, id FROM processing ORDER BY id DESC LIMIT {done}"
        )
        store.cancel(tx, made.id, 1)
    for name, arguments in (
        ("batch", {"id": made.id}),
        ("list", {"query": f"batch:{made.id} state:failed", "limit": 100, "why": False}),
        ("count", {"query": f"batch:{made.id} state:failed"}),
    ):
        with watching(project) as watched:
            answer = verbs.call(project, ANYBODY, name, arguments)
        assert len(watched.queries) <= 10
        assert watched.steps <= MOST_STEPS, name
        assert watched.unbounded(project) == []
        if name == "batch":
            assert answer["became"]["total"] == 10_000 and not answer["became"]["exact"]
            assert sum(answer["became"]["states"].values()) in (10_000, 10_001)


def test_reading_all_processings_would_be_seen(project: Project) -> None:
    """The guard itself: what reads whole tables has an unbounded plan and takes many steps."""
    with watching(project) as watched:
        verbs.call(project, ANYBODY, "books", {})
    assert watched.unbounded(project)
    assert watched.steps > MOST_STEPS


def test_a_cause_is_compared_with_good_ones_within_bounds(project: Project) -> None:
    with project.store.read() as tx:
        (known, *_) = causes.listed(tx, task="s2-l2a", since=None, everything=False, limit=1)
    with watching(project) as watched:
        found = verbs.call(project, ANYBODY, "cause", {"signature": known.signature})
    assert found["compared"] == {"failed": min(200, known.failed), "good": 200}
    assert len(watched.queries) <= 20
    assert watched.steps <= MOST_STEPS
    assert watched.unbounded(project) == []
