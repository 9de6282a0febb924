"""What the pages show is what is there: counts, lists, grids and neighbours against the rows themselves."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from procession import verbs
from procession.model import query
from procession.model.grid import Mark, read_cell
from procession.project import Project
from procession.store import queries
from procession.verbs import Caller
from tests.web.big import AT, CAUSES, SMALL, big, longest, names, opened

pytestmark = pytest.mark.feature("M118")
ANYBODY = Caller("ada", "http")
LIMITED = Caller("eve", "http", groups=frozenset({"Landsat"}))


@pytest.fixture(scope="session")
def project() -> Iterator[Project]:
    found = opened(big(SMALL))
    yield found
    found.close()


def ask(project: Project, name: str, who: Caller = ANYBODY, /, **arguments: Any) -> Any:
    return verbs.call(project, who, name, arguments)


def rows(project: Project, sql: str) -> list[Any]:
    with project.store.read() as tx:
        return list(tx.connection.exec_driver_sql(sql))


def test_the_fixture_is_what_it_promises(project: Project) -> None:
    states = dict(rows(project, "SELECT state, COUNT(*) FROM processing GROUP BY state"))
    assert len(names()) == 40 and len({group for group, _, _ in names()}) == 6
    assert sum(states.values()) == SMALL and 0.044 < states["failed"] / SMALL < 0.046 and states["running"] == 36
    assert rows(project, "SELECT COUNT(DISTINCT cause) FROM processing WHERE state = 'failed'")[0][0] > 0.9 * CAUSES
    path = project.var.attempt(*longest(project)) / "log"
    with path.open("rb") as log:
        lines = sum(1 for _ in log)
    assert lines == SMALL - 1 and b"LinAlgError" in path.read_bytes()[-200:]


def test_the_overview_counts_what_the_rows_say(project: Project) -> None:
    found = ask(project, "overview", days=2)
    there = Counter({(task, state): n for task, state, n in rows(project, "SELECT task, state, COUNT(*) FROM processing"
                     " GROUP BY task, state")})  # fmt: skip
    for each in found["tasks"]:
        assert (each["waiting"], each["running"]) == (there[each["task"], "waiting"], there[each["task"], "running"])
        newest = [row[0] for row in rows(project, f"SELECT id FROM processing WHERE task = '{each['task']}'"
                  " ORDER BY id DESC LIMIT 24")]  # fmt: skip
        assert [one["id"] for one in each["recent"]] == newest
    assert found["waiting"] == sum(n for (_, state), n in there.items() if state == "waiting")
    assert sum(hour["failed"] for hour in found["hours"]) == found["ended"]["failed"] > 0
    since = min(rows(project, "SELECT MIN(hour) FROM tally WHERE noun = 'task' AND hour >= 1777723200000000")[0])
    ended = rows(project, f"SELECT COUNT(*) FROM processing WHERE state = 'failed' AND finished_at >= {since}")
    assert found["ended"]["failed"] == ended[0][0]
    oldest = rows(project, "SELECT id FROM processing WHERE state = 'waiting' AND due_at IS NULL AND held_at IS NULL"
                  " ORDER BY id LIMIT 1")  # fmt: skip
    assert found["oldest_waiting"]["id"] == oldest[0][0]


def test_who_may_see_one_group_sees_nothing_of_the_others(project: Project) -> None:
    found = ask(project, "overview", LIMITED)
    assert {each["group"] for each in found["tasks"]} == {"Landsat"}
    assert found["waiting"] < ask(project, "overview")["waiting"]
    assert all(each["task"].startswith("ls-") for each in found["new_causes"])
    assert ask(project, "count", LIMITED, query="state:running")["n"] < 36
    assert [each["text"] for each in ask(project, "complete", LIMITED, text="task:s2")["items"]] == []


QUERIES = (
    "task:s2-l2a state:failed", "state:running", "state:waiting task:xrd-fit", "param.tile:36UVA state:cancelled",
    "after:-3d before:-2d state:failed,skipped", "step:calibrate state:failed task:wx-l2a",
    "-task:s2-* state:cancelled",
    "id:500-600 state:succeeded", "state:amber task:ls-fit", "group:Weather state:cancelled",
)  # fmt: skip


@pytest.mark.parametrize("text", QUERIES)
def test_all_pages_of_a_query_are_what_a_command_would_act_on(project: Project, text: str) -> None:
    """The pages look at so many rows each, and leave out nothing in the end."""
    with project.store.read() as tx:
        wanted = queries.ids(tx, query.parse(text, AT))[::-1]
    found: list[int] = []
    cursor: int | None = None
    while True:
        page = ask(project, "list", query=text, limit=500, **({"cursor": cursor} if cursor else {}))
        found += [each["id"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == wanted
    counted = ask(project, "count", query=text)
    assert counted["n"] <= len(wanted) and (counted["n"] == len(wanted) or not counted["exact"])


def test_neighbours_are_those_of_the_list(project: Project) -> None:
    text = "task:s2-l2a state:failed"
    items = [each["id"] for each in ask(project, "list", query=text, limit=50)["items"]]
    for place, pid in enumerate(items[1:9], 2):
        found = ask(project, "neighbours", id=pid, query=text)
        assert (found["newer"], found["older"], found["place"]) == (items[place - 2], items[place], place)
    assert ask(project, "neighbours", id=items[0], query=text)["newer"] is None


def test_a_grid_says_of_every_cell_what_the_processing_says(project: Project) -> None:
    found = ask(project, "grid", name="s2-l2a", newest=300)
    cells, height = base64.b64decode(found["cells"]), len(found["rows"])
    assert found["rows"] == ["download", "calibrate", "rgb", "upload"]
    assert len(found["columns"]) == 300 and len(cells) == 300 * height
    said = {"succeeded": {Mark.OK, Mark.OK_AGAIN}, "failed": {Mark.FAILED}, "running": {Mark.RUNNING},
            "skipped": {Mark.SKIPPED}, "cancelled": {Mark.CANCELLED}}  # fmt: skip
    for column in range(0, 300, 37):
        shown = ask(project, "show", id=found["columns"][column]["id"])
        for row, step in enumerate(shown["steps"]):
            mark, attempts = read_cell(cells[column * height + row])
            assert attempts == len(step["attempts"])
            ended = shown["state"] not in ("waiting", "running")
            pending = {Mark.NOTHING} if ended else {Mark.WAITING, Mark.HELD}
            assert mark in said.get(step["state"], pending), (shown["id"], step["name"])


def test_a_pivot_has_the_worst_of_each_cell(project: Project) -> None:
    found = ask(project, "grid", name="s2-l2a", rows="param.tile", columns="day", newest=2000, query="before:-2d")
    cells, height = base64.b64decode(found["cells"]), len(found["rows"])
    assert found["rows"][0] == "36UUA" and len(found["columns"]) > 3
    day = found["columns"][-2]["title"]
    states = {state for (state,) in rows(project, "SELECT p.state FROM processing p JOIN event e ON e.id = p.event_id"
              f" WHERE p.task = 's2-l2a' AND strftime('%Y-%m-%d', p.created_at / 1000000, 'unixepoch') = '{day}'"
              " AND json_extract(e.params, '$.tile') = '36UUA'")}  # fmt: skip
    mark, _ = read_cell(cells[(len(found["columns"]) - 2) * height])
    assert mark is (Mark.FAILED if "failed" in states else Mark.CANCELLED if "cancelled" in states else mark)
    assert mark is not Mark.NOTHING


@pytest.mark.parametrize(
    ("text", "some"),
    [("sta", "state:"), ("task:s2-l", "task:s2-l2a"), ("state:failed,can", "state:failed,cancelled"),
     ("x -gro", "-group:"), ("group:Wea", "group:Weather"), ("step:cal", "step:calibrate"), ("after:", "after:-1d")],
)  # fmt: skip
def test_the_last_word_of_a_query_goes_on(project: Project, text: str, some: str) -> None:
    assert some in [each["text"] for each in ask(project, "complete", text=text)["items"]]


@pytest.mark.feature("N8")
def test_the_inbox_has_a_trend_for_each_cause_and_says_what_is_new(project: Project) -> None:
    found = ask(project, "causes", limit=1000)["items"]
    assert {each["standing"] for each in found} == {"new", "known"}
    for each in found[:20]:
        assert len(each["trend"]) == 8 and sum(each["trend"]) > 0 and set(each["hosts"]) <= {"node3", "node5"}
    new = next(each for each in found if each["standing"] == "new")
    detail = ask(project, "cause", signature=new["signature"])
    assert detail["members"][0] == new["newest"] == detail["example"]["processing"]


def test_a_step_that_became_slower_is_told_with_the_day(project: Project) -> None:
    found = ask(project, "durations", name="s2-l2a")
    shifts = {each["name"]: each["shift"] for each in found["steps"]}
    assert shifts["calibrate"]["change"] == pytest.approx(0.38, abs=0.05)
    assert shifts["calibrate"]["at"].startswith("2026-04-30")
    assert [shifts[name] for name in ("download", "rgb", "upload")] == [None] * 3
    assert sum(len(each["points"]) for each in found["steps"]) <= 2000


def test_a_gallery_shows_the_pictures_that_are_there(project: Project) -> None:
    found = ask(project, "gallery", name="s2-l2a", newest=50)
    assert found["artifact"] == "rgb/preview.png"
    for each in found["items"]:
        place = project.var.attempt(each["id"], 3, "rgb", each["attempt"]) / "artifacts/preview.png"
        assert each["size"] == (place.stat().st_size if place.exists() else None)
    assert sum(each["size"] is not None for each in found["items"]) > 30
    older = ask(project, "gallery", name="s2-l2a", newest=50, cursor=found["next"])
    assert older["items"][0]["id"] < found["items"][-1]["id"]


def test_arrivals_count_events_by_ten_minutes(project: Project) -> None:
    found = ask(project, "arrivals", hours=3)
    total = rows(project, "SELECT COUNT(*) FROM event WHERE created_at >= 1777885200000000")[0][0]
    assert found["since"].startswith("2026-05-04T09:00") and sum(each["n"] for each in found["spans"]) == total
    assert found["sources"][0]["name"] == "watch:isis"


def test_every_event_says_what_became_of_it(project: Project) -> None:
    taken = ask(project, "event", id=17)
    assert [each["code"] for each in taken["decisions"]] == ["took"]
    assert taken["decisions"][0]["processings"] == [17]
    assert all(each["decisions"] == [] for each in ask(project, "events", unmatched=True)["items"])
