"""Runs of timetables that found nothing: one click hides them, here and from now on, and the filter says so."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from procession.commands import arrivals
from tests.api.served import Served, serving
from tests.web.visiting import Seen, Visitor

pytestmark = pytest.mark.feature("M107", "M34")
TOML = """
[tasks.discover]
every = "10 min"
run = "./one.sh"
[tasks.scene]
on = "scene"
run = "./one.sh"
"""
CHIP = "Hide timetable runs that found nothing"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "project", TOML) as made:
        yield made


def looked(served: Served, found: int, code: int = 0) -> int:
    """One run of the timetable, with so many events."""
    d = served.driven
    d.after(600)
    d.turn()
    (pid,) = d.claimed()
    lines = "".join(json.dumps({"event": "scene", "key": f"{pid}-{n}"}) + "\n" for n in range(found))
    d.end(pid, code, left={"events": lines} if found else {})
    d.turn()
    for child in d.claimed():
        d.end(child)
    return pid


def ids(seen: Seen) -> list[int]:
    return [int(box["value"]) for box in seen.page.all("input", name="id")]


def test_what_found_nothing_is_hidden_by_a_term_and_the_choice_is_kept(served: Served) -> None:
    idle, busy, failed, last = looked(served, 0), looked(served, 2), looked(served, 0, 1), looked(served, 0, 77)
    ann = Visitor(served).log_in("admin")
    seen = ann.get("p")
    every = ids(seen)
    assert {idle, busy, failed, last} < set(every)
    button = next(e for e in seen.page.all("button", name="quiet"))
    assert (button["aria-pressed"], button.text.strip()) == ("false", CHIP)
    (back,) = (e["value"] for e in seen.page.all("input", name="back") if "quiet" in e["value"])
    loud = ann.send(seen, "preferences", quiet="hidden", back=back)
    assert "query=-state%3Aquiet" in loud.url
    assert ids(loud) == [each for each in every if each not in (idle, last)]
    assert "4 found" in " ".join(loud.page.text.split())
    later = ann.get("p")
    assert "-state%3Aquiet" in later.url, "it is remembered, and stands in the address"
    assert ids(ann.get("p?query=")) == every, "whoever takes the term away sees them all"
    states = [e["href"] for e in later.page.all("a") if e.text == "Succeeded"]
    assert "-state%3Aquiet" in states[0] and "state%3Asucceeded" in states[0]
    assert ids(ann.get("p?query=state:quiet")) == [last, idle]
    events = ann.get("events")
    assert "timetables=hidden" in events.url
    assert any(e["id"].startswith("event-") for e in events.page.all("tr"))
    assert "timetable:discover" not in events.html
    shown = ann.get("events?timetables=shown")
    assert "timetable:discover" in shown.html and "on time" in shown.page.text and "late=" not in shown.page.text


@pytest.mark.feature("P14")
def test_counts_bulk_and_lists_mean_the_same(served: Served) -> None:
    idle, busy = looked(served, 0), looked(served, 1)
    again = served.ask("POST", f"/api/v1/processings/{busy}/restart").json["id"]
    served.driven.turn()
    served.driven.end(again)
    query = "task:discover -state:quiet"
    found = served.ask("GET", f"/api/v1/processings?query={quote(query)}").json["items"]
    assert [each["id"] for each in found] == [again, busy], "what came of the first version came of all"
    assert served.ask("GET", f"/api/v1/processings/count?query={quote(query)}").json["n"] == 2
    foreseen = served.ask("POST", "/api/v1/batches", {"verb": "hold", "query": "state:quiet", "dry_run": True}).json
    assert foreseen["total"] == 1 and str(idle) in str(foreseen["refused"])


def test_a_page_of_events_without_timetables_looks_at_so_many(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    looked(served, 1)
    for _ in range(3):
        looked(served, 0)
    monkeypatch.setattr(arrivals, "LOOKED", 2)
    seen, cursor = list[str](), ""
    for _ in range(4):
        page = served.ask("GET", f"/api/v1/events?no_timetables=true&limit=1{cursor}").json
        seen += [each["name"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == ["scene"]
