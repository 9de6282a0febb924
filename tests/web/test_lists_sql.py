"""What lists, grids and the pages of tasks ask of the database is bounded, however many processings there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from procession.project import Project
from procession.verbs import Caller
from procession.web.page import Ask, Gone, Piece, Shown, load
from procession.web.pages import books, disk, grid, overview, places, processings, stats, task, tasks
from tests.web.big import SMALL, big, opened
from tests.web.test_sql import MOST_STEPS
from tests.web.watching import watching

pytestmark = [pytest.mark.feature("M105"), pytest.mark.check(4)]
ANYBODY = Caller("ada", "http")
TASK = {"task": "s2-l2a"}
WAITING = 330
"""Each that waits is asked why, by an index."""
PAGES: list[tuple[Callable[[Ask], Shown | Gone | Piece], dict[str, str], dict[str, str], int]] = [
    (processings.processings, {}, {}, WAITING),
    (processings.processings, {}, {"query": "state:failed"}, 40),
    (processings.processings, {}, {"query": "task:s2-l2a param.tile:36UUA after:-7d"}, WAITING),
    (processings.processings, {}, {"query": "state:failed task:s2-l2a after:2100-01-01 nosuchword"}, 120),
    (processings.processings, {}, {"query": "state:waiting"}, WAITING),
    (task.task, TASK, {"tab": "list", "query": "state:failed"}, 40),
    (task.task, TASK, {"tab": "grid"}, WAITING),
    (task.task, TASK, {"tab": "grid", "rows": "param.tile"}, WAITING),
    (task.task, TASK, {"tab": "settings"}, 20),
    (task.task, TASK, {"tab": "code"}, 40),
    (grid.grid_json, TASK, {}, 20),
    (grid.grid_json, TASK, {"query": "state:failed after:-7d"}, 40),
    (tasks.tasks, {}, {}, 10),
    (overview.overview, {}, {}, 40),
    (places.group, {"group": "Sentinel-2"}, {}, WAITING),
    (stats.stats, {}, {}, 20),
    (books.books, {}, {}, 10),
    (disk.disk, {}, {}, 240),
    (disk.disk, {}, {"dry": "1"}, 640),
]
"""Page, what stands in its path, its query, and how many queries it may take."""


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    load()
    found = opened(big(SMALL))
    yield found
    found.close()


@pytest.mark.parametrize(("page", "values", "query", "queries"), PAGES, ids=map(str, range(len(PAGES))))
def test_what_a_page_asks_is_bounded(
    project: Project, page: Callable[[Ask], Shown], values: dict[str, str], query: dict[str, str], queries: int
) -> None:
    with watching(project) as watched:
        shown = page(Ask(project, ANYBODY, "p", values, query))
        assert shown.body if isinstance(shown, Piece) else shown.values is not None
    assert len(watched.queries) <= queries, "\n".join(watched.queries)
    assert watched.steps <= MOST_STEPS
    assert watched.unbounded(project) == []
