"""What pages say: durations, people, questions and what came of them, in words that are right and enough."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from procession import units, verbs
from procession.commands import questions, steps, tokens
from procession.commands.asked import Asked
from procession.verbs.meanings import meaning
from procession.web.notices import SAID
from procession.web.render import environment, read
from procession.web.static import Static
from procession.web.words import spark, tidy
from tests.api.served import Served
from tests.web.visiting import Document, Seen, Visitor, begun

TOML = """
[tasks.scene]
on = "scene"
group = "optical"
steps = [
  "./one.sh",
  { name = "check", ask = "Is {sat} good?", fail_on = ["no"] },
  "./two.sh",
]
[tasks.radar]
on = "echo"
group = "sar"
run = "./one.sh"
"""

OBVIOUS = frozenset({"id", "name", "signature", "verb", "query", "arguments", "dry_run", "value", "key"})
"""Arguments that are chosen before a dialog is opened, or whose name says all."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("project"), TOML)
    try:
        yield made
    finally:
        made.close()


def row(seen: Seen, pid: int) -> list[str]:
    """The cells of a line of a list, as they read."""
    html = seen.html.partition(f'id="row-{pid}"')[2].partition("</tr>")[0]
    return [" ".join(cell.text.split()) for cell in Seen(200, {}, f"<tr {html}".encode(), "").page.all("td")]


@pytest.mark.feature("M105")
def test_what_took_less_than_a_second_is_not_nothing(served: Served, admin: Visitor) -> None:
    pid = begun(served, "echo")
    served.driven.begin()
    served.driven.clock.advance(0.4)
    served.driven.end(pid)
    served.driven.turn()
    found = served.driven.get(pid)
    assert found.started_at and found.finished_at
    took = units.duration((found.finished_at - found.started_at).total_seconds())
    assert took.startswith("0.4")
    assert took in row(admin.get(f"p?query=id:{pid}"), pid)
    assert took in admin.get(f"p/{pid}").page.text


def asking(served: Served, sat: str = "L8") -> int:
    """A processing that asks."""
    pid = served.driven.born("scene", sat=sat)
    served.driven.turn()
    served.driven.end(pid)
    served.driven.turn()
    return pid


@pytest.mark.feature("P28", "M105", "M107")
def test_what_asks_a_person_is_seen_as_asking_wherever_it_is_seen(served: Served, admin: Visitor) -> None:
    pid = asking(served)
    line = row(admin.get("p?query=state:asking"), pid)
    assert "Asking" in line and any("check: Asking" in cell for cell in line) and "Running" not in line
    assert "Asking" in [a.text for a in admin.get("p").page.all("a")], "one click away"
    overview = admin.get("")
    assert "Asking" in overview.html.partition('id="task-scene"')[2].partition('</td>\n<td class="num"')[0]
    assert f'title="{pid}: Asking"' in overview.html and "check: Asking" in overview.page.text.replace("\n", "")
    page = admin.get(f"p/{pid}")
    assert "state-asking" in page.html and "state-running" not in page.html.partition("<main")[2].partition("<x-log")[0]
    assert "answer with: procession answer" not in page.html
    cells = json.loads(admin.get("t/scene/grid.json", Accept="application/json").body)
    column = [each["id"] for each in cells["columns"]].index(pid)
    assert base64.b64decode(cells["states"])[3 * column + 1] & 15 == 12


def settled(served: Served, pid: int, value: str, by: str, note: str | None = None) -> None:
    questions.answer(served.project, pid, "check", value, Asked(by, note))
    served.driven.turn()


def _running(admin: Visitor, path: str) -> str:
    """What the line of the task says of what runs."""
    line = admin.get(path).html.partition('id="task-scene"')[2].partition("</tr>")[0]
    cells = Document(f"<table><tr {line}</tr></table>").all("td")
    return next(each.text for each in cells if each["data-label"] == "Running")


@pytest.mark.feature("P28", "N10")
def test_the_notice_of_an_answer_says_what_it_does(served: Served, admin: Visitor) -> None:
    for value, said in (("no", "fails: check was answered no"), ("yes", "continues: check was answered yes")):
        pid = asking(served)
        seen = admin.send(admin.get(f"p/{pid}"), "do/answer", value=value)
        assert f"{pid} {said}" in seen.page.text
        served.driven.turn()


@pytest.mark.feature("P28", "N10")
def test_one_question_leads_to_its_processing_and_several_to_their_list(served: Served, admin: Visitor) -> None:
    for each in questions.unanswered(served.project)[0]:
        settled(served, each.asking.processing_id, "yes", "ann")
    first = asking(served, "S1")

    def told() -> tuple[list[str], str]:
        needs = Document(admin.get("").html.partition('id="needs"')[2].partition("</section>")[0])
        links = [a for a in needs.all("a") if "questions" in a["href"] or "/p/" in f"/{a['href']}"]
        said = [a for a in links if "questions wait" in a.text or a.text.startswith("Is ")]
        return [a["href"].removeprefix("./") for a in said], needs.text

    links, text = told()
    assert links == [f"p/{first}"] and "Is S1 good?" in text
    second = asking(served, "S2")
    links, text = told()
    assert links == ["questions?task=scene"] and "2 questions wait for an answer" in text
    assert re.search(r"\d+ times since 20\d\d-", text) and "×" not in text, "what it counts is not what still stands"
    overview = admin.get("").page
    tile = next(a for a in overview.all("a", class_="tile") if "running" in a.text)
    alive = served.driven.rows("SELECT COUNT(*) AS n FROM processing WHERE state = 'running'")[0].n - 2
    assert tile.text.strip().startswith(f"{alive or '–'}running"), "who asks does not run"
    assert "2 ask a person" in tile.text
    assert tile["href"].endswith("query=state%3Arunning%20-state%3Aasking")
    assert all(
        str(alive or "–") in line and "2 asking" in line for line in (_running(admin, ""), _running(admin, "tasks"))
    )
    queues = json.loads(admin.get("hosts", Accept="application/json").body)["queues"]
    steps = served.driven.rows("SELECT COUNT(*) AS n FROM step WHERE state = 'running'")[0].n
    assert sum(each["running"] for each in queues) == steps - 2
    assert "procession answer" not in text + admin.get("messages").page.text + admin.get("p").page.text
    settled(served, second, "yes", "ann")
    assert told()[0] == [f"p/{first}"]


@pytest.mark.feature("P28", "N8")
def test_who_answered_makes_no_cause_of_its_own_and_the_question_is_told(served: Served, admin: Visitor) -> None:
    some = [asking(served, sat) for sat in ("L8", "S2")]
    for pid, by, note in zip(some, ("ann", "bob"), ("clouds", None), strict=True):
        settled(served, pid, "no", by, note)
    found = [served.driven.step(pid, 2).attempts[-1].cause for pid in some]
    assert found[0] and found[0] == found[1]
    page = admin.get(f"failures/{found[0]}").page.text
    assert 'answered no to "Is {sat} good?"' in page
    assert "There is no log of it." in page and f"Open processing {some[1]}" in page
    failed = admin.get(f"p/{some[0]}")
    assert 'answered no to "Is L8 good?" by ann: clouds' in failed.page.text
    assert "to the line" not in failed.page.text, "where a person answered there is no log"


@pytest.mark.feature("P26", "M103")
def test_people_are_called_by_their_names_and_tokens_by_theirs(served: Served) -> None:
    visitor = Visitor(served)
    made = tokens.use_link(served.project, tokens.link(served.project, "ann").secret)
    visitor.cookies[f"procession_{served.port}"] = made.secret
    pid = served.driven.born("echo")
    assert ">ann</span>" in visitor.get("").html
    visitor.send(visitor.get(f"ask/cancel?id={pid}"), "do/cancel")
    program = tokens.add(served.project, "nightly", ["read", "operate"], "test")
    assert (
        served.ask("POST", f"/api/v1/processings/{served.driven.born('echo')}/hold", token=program.secret).status == 200
    )
    assert [line["by"] for line in served.ask("GET", "/api/v1/audit?limit=2").json["items"]] == ["token nightly", "ann"]
    assert ">ann</td>" in visitor.get(f"p/{pid}?tab=history").html


@pytest.mark.feature("P13")
def test_what_a_person_accepted_says_who_when_and_why(served: Served, admin: Visitor) -> None:
    pid = begun(served, "echo")
    served.driven.end(pid, 3)
    steps.accept(served.project, pid, None, "copied by hand", Asked("ann"))
    served.driven.turn()
    page = admin.get(f"p/{pid}")
    text = " ".join(page.page.text.split())
    assert "one was accepted by ann 2026-03-01" in text and ": copied by hand attempt 1 had failed: " in text
    assert "attempt 1, Failed" in text and "attempt 2, Accepted by ann" in text and "ill retry" not in text
    row = admin.get(f"p?query={pid}").html
    assert "Succeeded after retry" in text
    assert "Succeeded after retry" in row  # it failed before: head and list say the same
    assert 'data-label="Tries">2<' in row
    asked = admin.get(f"ask/restart?id={pid}").html
    assert '<option value="">all, from the first step</option><option value="one"' in asked
    assert "now: the scripts as they are now" in asked
    around = admin.get(f"p/{pid}?tab=environment").page.text
    assert "Accepted by ann: copied by hand" in around and "nothing is kept" not in around


@pytest.mark.feature("M106")
def test_where_nothing_sounds_like_an_error_the_last_words_are_marked(served: Served, admin: Visitor) -> None:
    pid = begun(served, "echo")
    served.driven.end(pid, 3, left={"log": "reading the disk\nno room for the picture\n\n"})
    told = json.loads(admin.get(f"log/{pid}/one/1.json").body)
    assert (told["error_line"], told["errors"]) == (2, [])
    log = admin.get(f"p/{pid}").html.partition("<x-log")[2]
    assert 'class="l error" id="L2"' in log and 'class="l error" id="L1"' not in log


@pytest.mark.feature("N10")
def test_dialogs_say_what_each_field_means_and_take_parameters_as_lines(served: Served, admin: Visitor) -> None:
    dialog = admin.get("ask/emit?back=events")
    names = [one["value"] for one in dialog.page.all("option")]
    assert ("echo" in names, "scene" in names) == (True, True)
    for name in ("event", "params", "key", "title", "priority", "backfill", "not_before"):
        assert dialog.page.one("span", id=f"{name}-h").text and f'aria-describedby="{name}-h"' in dialog.html
    assert "8 h" in admin.get("ask/mute?signature=0123456789").page.one("span", id="span-h").text
    seen = admin.send(dialog, "do/emit", event="echo", params="sat=L8 A\norbit:=64\n\nurl=a=b")
    params = json.loads(admin.get("events", Accept="application/json").body)["items"][0]["params"]
    assert params == {"sat": "L8 A", "orbit": 64, "url": "a=b"}
    assert "echo was submitted: processing" in seen.page.one("div", class_="toast").text
    refused = admin.send(dialog, "do/emit", event="echo", params="sat L8", follow=False)
    assert refused.status == 400 and "write name=text, name:=JSON, or all as JSON" in refused.page.text
    wrong = [f"{v.name}.{n}" for v in verbs.load().values() if v.name in SAID for n in v.parameters
             if not meaning(v.name, n) and n not in OBVIOUS]  # fmt: skip
    assert wrong == []


@pytest.mark.feature("N10")
def test_what_a_script_sent_is_told_on_the_page_that_comes_next(served: Served, admin: Visitor) -> None:
    form = admin.get("ask/emit?back=events").page.form("do/emit")
    form.pop("action")
    sent = admin.ask("POST", "/do/emit", urlencode({**form, "event": "echo"}).encode(), HX_Request="true")
    assert (sent.status, sent.headers["hx-redirect"]) == (204, "../events")
    assert "echo was submitted" in admin.get("events").page.one("div", class_="toast").text


@pytest.mark.feature("N10", "M107")
def test_a_gallery_compares_files_that_carry_the_name_of_their_scene(served: Served, admin: Visitor) -> None:
    made = []
    for number, key in enumerate(("LC80-a", "LC80-b")):
        pid = begun(served, "echo", key=key)
        place = served.project.var.attempt(pid, 1, "one", 1) / "artifacts"
        place.mkdir(parents=True, exist_ok=True)
        for name in (f"preview-{key}.png", f"at-{1700 + number}.png", "same.png"):
            (place / name).write_bytes(b"png")
        served.driven.end(pid)
        made.append(pid)
    told = served.ask("GET", f"/api/v1/tasks/radar/gallery?query=id:{made[0]}-{made[1]}").json
    assert sorted(told["artifacts"]) == ["one/at-*.png", "one/preview-*.png", "one/same.png"]
    told = served.ask("GET", "/api/v1/tasks/radar/gallery?artifact=one/preview-*.png&newest=2").json
    assert [each["name"] for each in told["items"]] == ["preview-LC80-b.png", "preview-LC80-a.png"]
    pictures = admin.get("t/radar?tab=gallery&artifact=one/at-*.png").page.all("img")
    assert [one["src"].partition("artifacts/")[2] for one in pictures] == ["at-1701.png?thumb=1", "at-1700.png?thumb=1"]
    exact = served.ask("GET", "/api/v1/tasks/radar/gallery?artifact=one/preview-LC80-a.png&newest=2").json
    assert [each["name"] for each in exact["items"]] == [None, "preview-LC80-a.png"]


def test_a_cause_and_the_settings_of_a_task_read_well(served: Served, admin: Visitor) -> None:
    assert (
        tidy("no manifest of LC<number>_L<number>TP_<number> at line <number>")
        == "no manifest of <name> at line <number>"
    )
    assert tidy("took <number>s, port:<number>") == "took <number>s, port:<number>"
    pid = begun(served, "echo")
    served.driven.end(pid, 3)
    cause = served.driven.step(pid).attempts[-1].cause
    page = admin.get(f"failures/{cause}")
    assert "the 1 " not in page.page.text and 'class="inline" href="../t/radar"' in page.html
    admin.send(admin.get(f"ask/mute?signature={cause}&back=failures"), "do/mute")
    for each in (
        admin.get("failures", Accept="application/json")
        and json.loads(served.ask("GET", "/api/v1/causes").body)["items"]
    ):
        served.ask("POST", f"/api/v1/causes/{each['signature']}/mute", {})
    inbox = admin.get("failures").page.text
    assert "No open cause." in inbox and "muted" in inbox and "Nothing has failed" not in inbox
    served.ask("POST", "/api/v1/settings", {"name": "memory", "value": "8 GB"})  # what a host has is seldom so round
    settings = admin.get("t/scene?tab=settings")
    memory = served.ask("GET", "/api/v1/settings").json["items"]
    now = next(each["value"] for each in memory if each["name"] == "memory")
    field = next(f for f in settings.page.all("input", name="value") if f["aria-label"] == "memory")
    assert field["value"].endswith(" GB") and units.to_bytes(field["value"]) == now
    assert int(field["size"]) >= len(field["value"]) and "1 processor" in settings.page.text


@pytest.mark.feature("M107")
def test_a_filter_that_cannot_be_read_is_carried_nowhere(admin: Visitor) -> None:
    wrong = admin.get("p?query=state:zebra")
    assert wrong.status == 400 and "p/export.csv" not in wrong.html
    carried = [a["href"] for a in wrong.page.all("a") if "zebra" in a["href"]]
    assert carried == [], "only without the term that is wrong"
    assert "p/export.csv" in admin.get("p?query=state:failed").html


@pytest.mark.feature("N10")
def test_small_bars_are_drawn_without_scripts(served: Served, admin: Visitor) -> None:
    drawn = admin.get("events").html.partition('<svg class="spark"')[2].partition("</svg>")[0]
    assert drawn.count("<rect") == 145  # the ten minutes that are not over among them
    assert [bar["height"] for bar in spark([0, 1, 2])] == [0.5, 8.5, 17.0] and spark([]) == []


def test_a_server_goes_on_with_its_own_files_when_others_take_their_place(tmp_path: Path, served: Served) -> None:
    for name, text in (("a.css", "b{}"), ("t/page.html", "{{ 1 }}")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    static, templates = Static(tmp_path), read(tmp_path / "t")
    version = static.version
    shutil.rmtree(tmp_path)
    assert static.content("a.css") == b"b{}" and static.version == version and templates == {"page.html": "{{ 1 }}"}


def test_pages_that_were_updated_before_they_were_loaded_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Served(tmp_path / "project", TOML)
    try:
        monkeypatch.setattr("procession.web.door._installed", lambda: (0, 0))
        seen = Visitor(made).ask("GET", "/login")
        assert (seen.status, b"restart the server" in seen.body) == (503, True)
        assert made.ask("GET", "/api/v1/status").status == 200
    finally:
        made.close()


@pytest.mark.feature("M104", "P28")
def test_a_text_that_no_template_says_itself_stays_text() -> None:
    """B19: values go through `_` too, for some of them are words of ours."""
    made = environment()
    shown = made.from_string("{{ _(text) }} {{ _('%(name)s of %(n)s', name=text, n=1) }}")
    assert shown.render(text="<b>50 %(x)s") == "&lt;b&gt;50 %(x)s &lt;b&gt;50 %(x)s of 1"
    ours = made.from_string("{{ _(text) }}")
    assert ours.render(text="%(verb)s %(n)s processings?") == "%(verb)s %(n)s processings?", (
        "a name like a text of ours"
    )
    assert ours.render(text="90 %% of them within") == "90 % of them within"
