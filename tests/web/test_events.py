"""Events: each task's decision, repeats, what was refused, emitting, tables of events, sources, the books."""

import json
from collections.abc import Iterator

import pytest

from procession.errors import Invalid
from procession.web.pages import events
from procession.web.sheet import MOST_LINES, read_events
from tests.web.failing import HOSTILE, Failing
from tests.web.visiting import Seen, Visitor


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    made = Failing(tmp_path_factory.mktemp("events"))
    made.failures(singular=2, good=2)
    made.arrivals()
    yield made
    made.close()


@pytest.fixture
def ann(failing: Failing) -> Visitor:
    return Visitor(failing).log_in("admin")


def said(seen: Seen) -> str:
    return " ".join(seen.page.text.split())


def event_of(failing: Failing, name: str) -> int:
    return int(failing.driven.rows(f"SELECT max(id) AS id FROM event WHERE name = '{name}'")[0].id)


@pytest.mark.feature("M35", "N4")
def test_every_event_says_what_each_task_made_of_it_and_markup_stays_text(ann: Visitor, failing: Failing) -> None:
    seen = ann.get("events")
    assert HOSTILE not in seen.html
    assert "mosaic did not take it: where cloud < 50" in said(seen)
    assert "repeat 1" in said(seen)
    assert "no task takes events called nobody-takes-it" in said(seen)
    chips = [e for e in seen.page.all("a") if e["class"] == "chip state-failed"]
    assert chips, "a failed processing is drawn as one"
    assert all("p/" in e["href"] for e in chips)
    unmatched = ann.get("events?tab=unmatched")
    assert [e.text for e in unmatched.page.all("a") if "name=" in e["href"] and "/events" in "/" + e["href"][2:]]
    rows = [e["id"] for e in unmatched.page.all("tr") if e["id"].startswith("event-")]
    assert len(rows) == 2
    only = json.loads(ann.get("events?name=mosaic", Accept="application/json").body)["items"]
    assert {each["name"] for each in only} == {"mosaic"}
    assert "Nothing is called zebra." in said(ann.get("events?name=zebra"))
    assert ann.get("events?cursor=no").status == 400


@pytest.mark.feature("N4")
def test_what_was_refused_is_there_as_it_came(ann: Visitor) -> None:
    seen = ann.get("events?tab=refused")
    assert HOSTILE not in seen.html
    assert "it is no JSON: <i>half</i> of it" in said(seen)
    assert f'{{"event": "{HOSTILE}' in [e.text for e in seen.page.all("pre")]
    assert "No set is being collected." in said(ann.get("events?tab=sets"))


@pytest.mark.feature("M35", "M36")
def test_an_event_is_shown_whole_and_emitted_again_with_what_it_brought(ann: Visitor, failing: Failing) -> None:
    pid = event_of(failing, "mosaic")
    seen = ann.get(f"e/{pid}")
    assert "Not taken" in said(seen)
    assert "came again" in said(seen).lower()
    again = next(e["href"] for e in seen.page.all("a") if "ask/emit" in e["href"])
    form = ann.get(again.replace("../", ""))
    assert json.loads(form.page.one("textarea", name="params").text) == {"cloud": 99}
    refused = ann.send(form, "do/emit", params='{"cloud": ')
    assert refused.status == 400
    wrong = refused.page.one("textarea", name="params")
    assert (wrong.text.strip(), wrong["aria-invalid"]) == ('{"cloud":', "true")
    assert "no JSON" in refused.page.one("span", id=wrong["aria-describedby"].split()[0]).text
    done = ann.send(refused, "do/emit", params='{"cloud": 4}')
    assert done.status == 200
    newest = event_of(failing, "mosaic")
    assert newest > pid
    (born,) = failing.driven.rows(f"SELECT task FROM processing WHERE event_id = {newest}")
    assert born.task == "mosaic"
    assert ann.get("e/999999").status == 404


@pytest.mark.feature("M36")
def test_a_table_is_seen_line_by_line_before_it_is_submitted_and_then_each_line_says_its_result(
    ann: Visitor, failing: Failing
) -> None:
    count = len(failing.driven.rows("SELECT id FROM event"))
    wrong = ann.send(ann.get("events/upload"), "events/upload", event="s2-scene", table="key,priority\na,1\nb,high\n")
    assert wrong.status == 400
    assert "priority is a whole number, not 'high'" in said(wrong)
    assert wrong.page.one("textarea", id="table-f").text.strip() == "key,priority\na,1\nb,high"
    text = f"key;cloud;event;note\nk-1;0.5;mosaic;{HOSTILE}\nk-2;;nobody;x\nk-1;0.5;mosaic;{HOSTILE}\n"
    seen = ann.send(wrong, "events/upload", table=text)
    assert "3 events would be submitted." in said(seen)
    assert HOSTILE not in seen.html
    assert len(failing.driven.rows("SELECT id FROM event")) == count, "nothing is submitted unseen"
    done = ann.send(seen, "events/upload")
    assert "3 events were submitted." in said(done)
    assert "A repeat" in said(done)
    assert "No task matched" in said(done)
    assert len(failing.driven.rows("SELECT id FROM event")) == count + 2
    (taken,) = failing.driven.rows("SELECT params FROM event WHERE name = 'mosaic' AND id > 0 ORDER BY id DESC LIMIT 1")
    assert json.loads(taken.params) == {"cloud": 0.5, "note": HOSTILE}
    viewer = Visitor(failing).log_in("viewer")
    assert viewer.get("events/upload").status == 403


@pytest.mark.feature("M31", "M109")
def test_a_source_is_held_skipped_and_resumed(ann: Visitor, failing: Failing) -> None:
    seen = ann.get("events")
    skip = next(e["href"] for e in seen.page.all("a") if "ask/pause" in e["href"] and "skip" in e["href"])
    done = ann.send(ann.get(skip.replace("../", "")), "do/pause", reason="no beam")
    assert "no beam" in said(done)
    assert failing.driven.rows("SELECT value FROM setting WHERE name = 'pause:source:scihub'")
    ann.send(done, "do/resume")
    assert not failing.driven.rows("SELECT value FROM setting WHERE name = 'pause:source:scihub'")


@pytest.mark.feature("N4")
def test_the_books_balance_and_every_number_leads_to_what_it_counts(ann: Visitor) -> None:
    seen = ann.get("books")
    assert "They do not balance" not in said(seen)
    places = [e["href"] for e in seen.page.all("a") if "query=" in e["href"]]
    assert places
    for place in places[:3]:
        number = next(e.text for e in seen.page.all("a") if e["href"] == place)
        shown = json.loads(ann.get(place.removeprefix("./"), Accept="application/json").body)
        assert len(shown["items"]) == int(number), place


def test_a_table_of_events_is_read_with_what_divides_its_cells_and_what_they_are() -> None:
    (line,) = read_events('event\tkey\tn\ttext\tlist\ne\tk\t3\t"3x"\t[1, 2]\n\n')
    assert line.event == {"event": "e", "key": "k", "params": {"n": 3, "text": "3x", "list": [1, 2]}}
    assert line.number == 2
    assert [each.problem[:18] for each in read_events("a,b\n1\n1,2,3\n", "e")] == ["", "it has 3 cells, an"]
    assert read_events("a\n1\n")[0].problem.startswith("it names no event")
    for wrong in ("", "a,a\n1,2", "a,\n1,2", "a\n", 'a\n"', "a\n" + "1\n" * (MOST_LINES + 1), "x" * 300_000):
        with pytest.raises(Invalid):
            read_events(wrong, "e")


def test_arrivals_have_the_ten_minutes_that_are_not_over_yet() -> None:
    span = {"at": "2026-03-02T12:00:00Z", "n": 7}
    arrived = events._arrived({"since": "2026-03-01T12:00:00Z", "spans": [span], "sources": []})
    assert (arrived["counts"][-1], arrived["total"]) == (7, 7)
