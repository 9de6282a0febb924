"""Lists of processings: the filter in the address, pages by their keys, what hides everything, the whole as a file."""

import csv
import io
import json
import re
from urllib.parse import quote, unquote, urlencode, urljoin

import pytest

from procession.commands import processings, settings, statistics
from procession.commands.asked import Asked
from procession.commands.settings import Scope
from procession.web import filters, listing
from procession.web.words import brief
from tests.api.served import Served
from tests.web.visiting import Seen, Visitor, begun

pytestmark = pytest.mark.feature("M105", "M107")

HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}'


def asked(text: str, **more: str) -> str:
    return f"p?{urlencode({'query': text, **more})}"


def ids(seen: Seen) -> list[int]:
    return [int(box["value"]) for box in seen.page.all("input", name="id")]


def born(served: Served, count: int, **params: str) -> list[int]:
    return [served.driven.born("scene", n=str(n), **params) for n in range(count)]


def test_terms_are_links_to_the_filter_without_them_and_a_state_takes_the_place_of_another() -> None:
    text = 'task:scene  state:failed reason:"two words" -key:a'
    assert [chip.text for chip in filters.chips(text)] == [
        "task:scene", "state:failed", 'reason:"two words"', "-key:a",
    ]  # fmt: skip
    assert filters.chips(text)[1].without == 'task:scene reason:"two words" -key:a'
    assert filters.replaced(text, "state", "state:held") == 'task:scene reason:"two words" -key:a state:held'
    assert ("failed", text.replace("  ", " ").replace(" state:failed", "") + " state:failed", True) in filters.states(
        text
    )
    assert filters.chips('key:"a') == []


@pytest.mark.check(26)
def test_whoever_has_the_address_sees_the_same_rows_and_the_same_filter(served: Served, admin: Visitor) -> None:
    some = born(served, 3, tile="36UUA")
    born(served, 2, tile="36UUB")
    seen = admin.get(asked("param.tile:36UUA"))
    assert ids(seen) == sorted(some, reverse=True)
    assert seen.page.one("input", id="query")["value"] == "param.tile:36UUA"
    other = Visitor(served).log_in("viewer").get(asked("param.tile:36UUA"))
    assert ids(other) == ids(seen)
    without = [a for a in seen.page.all("a") if "chip plain" in a["class"]]
    assert [a.text for a in without] == ["param.tile:36UUAremove this filter"]
    assert len(ids(admin.follow(admin.ask("GET", urljoin(seen.url, without[0]["href"]))))) > 3


def test_a_task_that_is_added_joins_the_filter_in_the_address(admin: Visitor) -> None:
    seen = admin.get(asked("state:waiting", add="task:scene"))
    assert seen.page.one("input", id="query")["value"] == "state:waiting task:scene"
    assert "query=state%3Awaiting%20task%3Ascene" in seen.url


@pytest.mark.parametrize(
    "text",
    ["stat:failed", 'key:"a', "id:1;drop table processing", "after:0000-01-01", "state:nosuch", "id:9-3", "param.:x",
     "version:0", "task:" + "x" * 300, f"state:{HOSTILE}", "state:failed state:succeeded"],
)  # fmt: skip
def test_a_filter_that_cannot_be_read_stays_as_it_was_typed_with_what_is_wrong_beside_it(
    admin: Visitor, text: str
) -> None:
    """B25, B26, B27."""
    seen = admin.get(asked(text))
    assert seen.status == 400
    field = seen.page.one("input", id="query")
    assert (field["value"], field["aria-invalid"], field["aria-describedby"]) == (text, "true", "query-e")
    assert seen.page.one("p", id="query-e").text.strip()
    assert not seen.page.all("img"), "what was typed is text"
    assert ids(seen) == [] and "cannot be read" in seen.page.one("div", id="nothing").text


@pytest.mark.parametrize("cursor", ["-1", "x", "1e9", "9" * 30, "1;drop"])
def test_a_forged_cursor_is_refused(admin: Visitor, cursor: str) -> None:
    """B27."""
    assert admin.get(asked("", cursor=cursor)).status in (400, 422)


@pytest.mark.parametrize("text", ["%' or 1=1--", "\\", "_", "%", "a*b", "' OR '1'='1' --'"])
def test_what_looks_like_sql_is_looked_for_as_text(admin: Visitor, text: str) -> None:
    """B26."""
    seen = admin.get(asked(text))
    assert seen.status in (200, 400) and ids(seen) == []


def test_where_nothing_is_found_the_filter_that_hides_everything_is_named(served: Served, admin: Visitor) -> None:
    born(served, 4, tile="35VLG")
    seen = admin.get(asked("param.tile:35VLG after:2100-01-01"))
    said = seen.page.one("div", id="nothing")
    assert "4 match without after:2100-01-01" in " ".join(said.text.split())
    assert "without param.tile:35VLG" not in " ".join(said.text.split())
    found = [a for a in seen.page.all("a") if a.text == "remove it"]
    assert [unquote(a["href"]) for a in found] == ["./p?query=param.tile:35VLG"]
    assert "No single filter hides them" in admin.get(asked("param.tile:35VLH key:none")).page.text


def test_a_list_goes_on_by_the_last_id_and_says_how_many_there_are(
    served: Served, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS", 5)
    some = born(served, 12, tile="31TCJ")
    seen, found = admin.get(asked("param.tile:31TCJ")), list[int]()
    for _ in range(3):
        assert "12 found" in seen.page.text
        found += ids(seen)
        older = seen.page.all("a", rel="next")
        seen = admin.follow(admin.ask("GET", urljoin(seen.url, older[0]["href"]))) if older else seen
    assert found == sorted(some, reverse=True)
    assert not seen.page.all("a", rel="next")


def test_a_count_that_is_not_whole_says_so(served: Served, admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    born(served, 6, tile="32UMF")
    monkeypatch.setattr("procession.store.search.MOST_COUNTED", 5)
    seen = admin.get(asked("param.tile:32UMF"))
    assert "5+ found" in seen.page.text
    assert seen.page.one("button", type="button", class_="btn btn-quiet", data_select_all="5+")


def test_the_queue_says_why_each_waits_and_who_submitted_it(served: Served, admin: Visitor) -> None:
    (one,) = born(served, 1, tile="33UUP")
    settings.pause(served.project, Scope(task="scene"), "stop", Asked("eva", "disk swap"))
    try:
        seen = admin.get("p?q=state:waiting+param.tile:33UUP")
    finally:
        settings.resume(served.project, Scope(task="scene"), Asked("eva"))
    row = seen.page.one("tr", id=f"row-{one}")
    assert "Waiting" in row.text and "disk swap" in row.text and "eva" in row.text
    assert "test" in row.text, "the source of its event"
    assert "Why it waits" in seen.page.text and "Submitted by" in seen.page.text


def test_somebody_of_one_group_finds_and_counts_only_what_is_theirs(served: Served) -> None:
    (theirs,) = born(served, 1, tile="37UDB")
    served.driven.born("echo", tile="37UDB")
    seen = Visitor(served).log_in("viewer", groups=["optical"]).get(asked("param.tile:37UDB"))
    assert ids(seen) == [theirs] and "1 found" in seen.page.text
    hidden = Visitor(served).log_in("viewer", groups=["sar"]).get(asked("param.tile:37UDB task:scene"))
    assert ids(hidden) == [] and "1 found" not in hidden.page.text


def test_programs_get_the_same_rows_from_the_same_address(served: Served, admin: Visitor) -> None:
    some = born(served, 2, tile="38UMB")
    told = json.loads(admin.get(asked("param.tile:38UMB"), Accept="application/json").body)
    assert [item["id"] for item in told["items"]] == sorted(some, reverse=True)
    assert told["count"] == {"n": 2, "exact": True} and told["next"] is None and told["problem"] is None


@pytest.mark.feature("P27")
def test_everything_that_is_found_comes_as_a_file_and_no_cell_is_a_formula(
    served: Served, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B44."""
    monkeypatch.setattr("procession.web.export.AT_ONCE", 4)
    some = born(served, 11, tile="39UUB")
    cruel = served.driven.born("scene", key='=HYPERLINK("http://evil.example")', tile="39UUB", n="@SUM(A1)")
    seen = admin.get(f"p/export.csv?query={quote('param.tile:39UUB')}")
    assert seen.headers["content-type"].startswith("text/csv")
    assert seen.headers["content-disposition"] == 'attachment; filename="processings.csv"'
    rows = list(csv.DictReader(io.StringIO(seen.html)))
    assert [int(row["id"]) for row in rows] == sorted([*some, cruel], reverse=True)
    assert rows[0]["key"] == '\'=HYPERLINK("http://evil.example")'
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    lines = admin.get(f"p/export.json?query={quote('param.tile:39UUB')}").html.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [int(row["id"]) for row in rows]
    assert admin.get("p/export.csv?query=stat:x").status in (400, 422), "before anything is sent"


def test_what_an_event_brings_stays_text(served: Served, admin: Visitor) -> None:
    """B24, B25."""
    which = served.driven.born("scene", key=HOSTILE, tile=HOSTILE)
    row = admin.get(asked(f"id:{which}")).page.one("tr", id=f"row-{which}")
    assert HOSTILE in row.text
    assert not admin.get(asked(f"id:{which}")).page.all("img")


def test_the_order_stands_in_the_address_and_pages_go_on_in_it(served: Served, admin: Visitor) -> None:
    ended = [served.driven.born("echo", order="x") for _ in range(3)]
    served.driven.turn()
    while left := served.driven.claimed():
        for each in left:
            served.driven.end(each)
    last_first = sorted(ended, key=lambda pid: (served.driven.get(pid).finished_at, pid), reverse=True)
    seen = admin.get(asked("param.order:x", sort="ended"))
    assert ids(seen) == last_first
    assert "Ended last" in [a.text for a in seen.page.all("a") if a["aria-current"] == "true"]
    assert seen.page.form("p")["sort"] == "ended", "another filter keeps the order"
    longest = admin.get(asked("param.order:x", sort="duration"))
    assert set(ids(longest)) == set(ended)
    assert longest.page.form("p")["query"] == "param.order:x after:-7d", "durations are ordered within a range of time"
    assert set(ids(admin.get(asked("param.order:x after:-1d", sort="duration")))) == set(ended)
    assert admin.get(asked("", sort="nosuch")).status == 400


def test_a_filter_is_saved_under_a_name_offered_and_removed(served: Served, viewer: Visitor) -> None:
    """Also by who may only look: it is their own."""
    seen = viewer.get(asked("state:failed after:-1d", sort="ended"))
    (link,) = [a["href"] for a in seen.page.all("a") if "ask/save-view" in a["href"]]
    form = viewer.follow(viewer.ask("GET", urljoin(seen.url, link)))
    assert viewer.send(form, "save-view", name="bad ones").status == 200
    (view,) = [a for a in viewer.get("p").page.all("a") if a.text == "bad ones"]
    assert view["title"] == "state:failed after:-1d" and "sort=ended" in view["href"]
    assert "bad ones" not in Visitor(served).log_in("viewer").get("p").page.text
    left = viewer.send(viewer.get("p"), "remove-view")
    assert not [a for a in left.page.all("a") if a.text == "bad ones"]


def test_of_a_long_path_a_list_shows_the_end_and_has_all_of_it_in_the_title(served: Served, admin: Visitor) -> None:
    deep = "/srv/archive/sentinel2/level1c/2026/11/21/tiles/36/U/UA/GRANULE/IMG_DATA"
    long = "T36UUA_20261121T083251_N0511_B05.jp2"
    pid = served.driven.born("scene", cal="v3", path=f"{deep}/{long}", link=f"https://hub/{deep}/b.jp2")
    for address in (f"p?query=id:{pid}", "events?name=scene"):
        cell = next(e for e in admin.get(address).page.all("td", class_="cut full about") if long in e["title"])
        assert f"path={deep}/{long}" in cell["title"] and "cal=v3" in cell["title"]
        words = cell.text.split()
        assert words[-3:] == ["link=https:…/b.jp2", "path=…/T36UUA_2…251_N0511_B05.jp2", "cal=v3"], "paths first"
    head = admin.get(f"p/{pid}").page.text
    assert "…/T36UUA_2…251_N0511_B05.jp2" in head, "and so does the head of its page"
    assert brief("short/path of 3") == "short/path of 3"
    assert brief(f"OSError: cannot read '{deep}/b.jp2': truncated") == "OSError: cannot read '…/b.jp2': truncated"
    assert brief("a" * 40 + " b") == "a" * 8 + "…" + "a" * 17 + " b"
    assert brief(f"{deep}/") == "…/IMG_DATA"


def test_statistics_are_drawn_and_each_bar_leads_to_the_rows_that_it_counts(served: Served, admin: Visitor) -> None:
    good = begun(served)
    for _ in range(2):
        served.driven.clock.advance(20)
        served.driven.end(good)
        served.driven.turn()
    served.driven.end(begun(served), 1)
    served.driven.turn()
    now, page = served.driven.clock.now(), admin.get("stats").page
    for when in (f"{now:%Y-%m-%d} UTC", f"{now:%Y-%m-%d %H}:00 UTC"):
        (bar,) = (each for each in page.all("a") if each["title"].startswith(f"{when}: "))
        ok, failed = (int(word) for word in re.findall(r"(\d+) (?:ok|failed)", bar["title"]))
        assert ok >= 1 <= failed
        of = [admin.get(f"{bar['href']}%20state:{state}").page for state in ("succeeded", "failed")]
        assert [sum(e["id"].startswith("row-") for e in each.all("tr")) for each in of] == [ok, failed]
    row = page.elements.index(page.one("tr", id="of-scene"))
    sparks = [each["aria-label"] for each in page.elements[row:] if each["class"] == "spark"][:2]
    processings.cancel(served.driven.project, served.driven.born("scene"))
    told = json.loads(admin.get("stats", Accept="application/json").body)["tasks"]
    (line,) = (each for each in told if each["name"] == "scene")
    (counted,) = statistics.stats(served.driven.project, "scene")
    assert counted.ended["cancelled"] == line["cancelled"] and counted.success is not None
    assert line["share"] == round(100 * counted.success), "the command and the page count alike"
    assert line["mean"] == pytest.approx(counted.durations.mean if counted.durations else 0), "with its ms"
    days = [[float(n) for n in each.rpartition(": ")[2].split(", ")] for each in sparks]
    assert [len(each) for each in days] == [7, 7] and days[0][-1] >= 2 and days[1][-1] > 0, "today is the last"
