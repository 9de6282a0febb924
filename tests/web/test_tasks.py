"""The pages of tasks: all of them, one with its tabs, the grid as a picture and as tables, groups and sources."""

import base64
import json
from pathlib import Path
from urllib.parse import urljoin

import pytest

from procession.store import events
from procession.web.grids import STATES
from procession.web.pages.task import ORDER, TABS
from tests.api.served import Served
from tests.web.visiting import Visitor

pytestmark = pytest.mark.feature("M104", "M105", "M109", "M32")

TOML = """
[limits]
ftp = 2
[tasks.scene]
on = "scene"
group = "optical"
at_once = 3
source = "{station}"
uses = ["ftp"]
steps = [{name = "fetch", run = "./fetch.sh {tile} {station}"}, {name = "draw", run = "./draw.sh"}]
[tasks.clock]
every = "1h"
run = "./draw.sh"
"""
NAMES = {number: mark.name for mark, number in STATES.items() if mark.name != "OK_AMBER"}


def furnish(root: Path) -> None:
    """The scripts, which its pages show."""
    for name in ("fetch.sh", "draw.sh"):
        (root / name).write_text("#!/bin/sh\necho one\n")
        (root / name).chmod(0o755)


@pytest.fixture(scope="module")
def some(served: Served) -> dict[str, int]:
    """One that went well, one that failed in its second step, one that waits."""
    found = {}
    for name, codes in (("good", (0, 0)), ("bad", (0, 1))):
        found[name] = served.driven.born("scene", tile=f"36{name}", station="kiruna")
        served.driven.turn()
        for code in codes:
            served.driven.end(found[name], code)
    found["waits"] = served.driven.born("scene", tile="36waits", station='<b>"svalbard')
    return found


def test_every_task_is_in_one_line_by_its_group(served: Served, admin: Visitor, some: dict[str, int]) -> None:
    seen = admin.get("tasks")
    row = " ".join(seen.page.one("tr", id="task-scene").text.split())
    assert "every event scene" in row and "fetch → draw" in row
    assert "every 1 h" in seen.page.one("tr", id="task-clock").text
    assert json.loads(admin.get("tasks", Accept="application/json").body)["items"]


def test_the_head_of_a_task_leads_to_its_tabs(served: Served, admin: Visitor, some: dict[str, int]) -> None:
    assert admin.get("t/scene").status == 200
    there = [name for name in ORDER if name in TABS]
    assert {"grid", "list", "settings", "code"} <= set(there)
    for name in there:
        seen = admin.get(f"t/scene?tab={name}")
        assert seen.status == 200, (name, seen.page.text)
        assert [a.text for a in seen.page.all("a", aria_current="page") if "tab=" in a["href"]] == [TABS[name][0]]
    assert admin.get("t/scene?tab=<script>").status == 404
    assert admin.get("t/nothing").status == 404


@pytest.mark.check(7)
def test_the_grid_says_of_every_cell_what_the_api_says(served: Served, admin: Visitor, some: dict[str, int]) -> None:
    told = json.loads(admin.get("t/scene/grid.json", Accept="application/json").body)
    assert told["steps"] == ["fetch", "draw"]
    assert [column["id"] for column in told["columns"]] == sorted(some.values())
    cells = base64.b64decode(told["states"])
    assert len(cells) == 2 * len(told["columns"])
    drawn = {
        column["id"]: [(NAMES[byte & 15], byte >> 4) for byte in cells[2 * at : 2 * at + 2]]
        for at, column in enumerate(told["columns"])
    }
    assert drawn[some["good"]] == [("OK", 1), ("OK", 1)]
    assert drawn[some["bad"]] == [("OK", 1), ("FAILED", 1)]
    said = {step["name"]: step["state"] for step in _shown(served, some["bad"])["steps"]}
    assert said == {"fetch": "succeeded", "draw": "failed"}
    assert len(told["medians"]) == 2 and told["columns"][0]["seconds"] is not None
    few = json.loads(admin.get("t/scene/grid.json?query=state:failed&newest=1", Accept="application/json").body)
    assert [column["id"] for column in few["columns"]] == [some["bad"]]


def _shown(served: Served, which: int) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = served.ask("GET", f"/api/v1/processings/{which}").json
    return found


def test_a_grid_by_a_parameter_shows_the_worst_state_and_leads_to_the_rows(
    served: Served, admin: Visitor, some: dict[str, int]
) -> None:
    seen = admin.get("t/scene?tab=grid&rows=param.tile")
    cells = [a for a in seen.page.all("a") if a["class"].startswith("cell")]
    by = {a["class"].split()[-1]: a for a in cells}
    assert set(by) >= {"state-failed", "state-ok"}
    rows = admin.ask("GET", urljoin(seen.url, by["state-failed"]["href"]))
    assert [int(box["value"]) for box in rows.page.all("input", name="id")] == [some["bad"]]
    hours = admin.get("t/scene?tab=grid&rows=hour")
    links = [urljoin(hours.url, a["href"]) for a in hours.page.all("a") if a["class"].startswith("cell")]
    shown = [int(box["value"]) for link in links for box in admin.ask("GET", link).page.all("input", name="id")]
    assert sorted(shown) == sorted(some.values()), "each in the cell of its hour, and in no other"
    assert admin.get("t/scene?tab=grid&rows=param.<script>").page.one("p", id="query-e").text
    assert admin.get("t/scene?tab=grid&newest=1e9").status in (400, 422)
    assert admin.get("t/scene?tab=grid&view=table").page.all("table", id="list"), "the same as a table"


def test_what_is_set_stands_beside_what_the_file_says_until_it_is_reset(served: Served, admin: Visitor) -> None:
    seen = admin.get("t/scene?tab=settings")
    assert {tr["id"] for tr in seen.page.all("tr")} >= {"held-at_once-scene", "held-limit-ftp", "held-cpus"}
    fields = seen.page.form("do/set")
    assert (fields["name"], fields["value"]) == ("at_once:scene", "3")
    done = admin.send(seen, "do/set", value="7", reason="night shift")
    row = done.page.one("tr", id="held-at_once-scene")
    assert "night shift" in row.text and "set by" in row.text
    assert done.page.form("do/set")["value"] == "7"
    assert "up to 7 at once" in done.page.text
    back = admin.send(done, "do/reset")
    assert "as the file says" in back.page.one("tr", id="held-at_once-scene").text
    wrong = admin.send(seen, "do/set", value="many")
    assert wrong.status >= 400 and "many" in wrong.html


def test_an_event_is_emitted_with_the_parameters_that_the_task_asks_for(served: Served, admin: Visitor) -> None:
    seen = admin.get("t/scene")
    (link,) = [a for a in seen.page.all("a") if "Emit event" in a.text]
    form = admin.ask("GET", urljoin(seen.url, link["href"]))
    fields = form.page.form("do/emit")
    assert fields["event"] == "scene" and {"params.tile", "params.station"} <= fields.keys()
    done = admin.send(form, "do/emit", **{"params.tile": "34UAA", "params.station": "lund", "key": "typed"})
    assert done.status == 200 and done.url.startswith("/t/scene")
    with served.project.store.read() as tx:
        newest = events.newest(tx, name="scene", untaken=False, before=None, limit=1)[0]
    assert (newest.key, dict(newest.params)) == ("typed", {"tile": "34UAA", "station": "lund"})
    again = admin.send(form, "do/emit", **{"params.tile": "", "Idempotency-Key": "another"})
    assert again.status >= 400 and again.page.form("do/emit")["params.station"] == "", "the form is there once more"


def test_a_task_is_paused_with_a_reason_and_says_so_until_it_is_resumed(served: Served, admin: Visitor) -> None:
    seen = admin.send(admin.get("ask/pause?task=scene&mode=stop&back=t/scene"), "do/pause", reason="disk swap")
    assert "Paused by admin" in seen.page.text and "disk swap" in seen.page.text
    seen = admin.send(seen, "do/resume")
    assert "Paused" not in seen.page.one("div", id="head-of-task").text


def test_a_periodic_task_runs_now(served: Served, admin: Visitor) -> None:
    seen = admin.send(admin.get("t/clock"), "do/submit")
    assert seen.status == 200
    assert json.loads(admin.get("p?query=task:clock", Accept="application/json").body)["items"]


def test_the_code_says_what_has_changed_since_the_last_success(
    served: Served, admin: Visitor, some: dict[str, int]
) -> None:
    place: Path = served.project.root / "fetch.sh"
    kept = place.read_text()
    assert "changed since" not in admin.get("t/scene?tab=code").page.text
    place.write_text("#!/bin/sh\necho <script>two\n")
    try:
        seen = admin.get("t/scene?tab=code")
        assert "changed since the last success" in seen.page.one("section", id="code-fetch").text
        assert "-echo one" in seen.page.text and "+echo <script>two" in seen.page.text
        assert "changed since" not in seen.page.one("section", id="code-draw").text
    finally:
        place.write_text(kept)


def test_a_group_and_a_source_have_pages_of_their_own(served: Served, admin: Visitor, some: dict[str, int]) -> None:
    seen = admin.get("g/optical")
    assert seen.page.all("tr", id="task-scene") and not seen.page.all("tr", id="task-clock")
    assert admin.get("g/none").status == 404
    seen = admin.get("s/kiruna")
    assert {int(box["value"]) for box in seen.page.all("input", name="id")} == {some["good"], some["bad"]}
    held = admin.send(admin.get("ask/pause?source=kiruna&mode=stop&back=s/kiruna"), "do/pause", reason="calibration")
    assert "What comes is held" in held.page.text and "calibration" in held.page.text
    assert "What comes is held" not in admin.send(held, "do/resume").page.text
    assert admin.get("s/none").status == 404


def test_somebody_of_another_group_does_not_find_the_task(served: Served) -> None:
    other = Visitor(served).log_in("operator", groups=["radar"])
    for path in ("t/scene", "t/scene?tab=code", "t/scene/grid.json", "g/optical"):
        assert other.get(path).status in (403, 404), path
