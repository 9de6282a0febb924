"""The site: which page an address means, who may see it, in which form, and what is said where there is none."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from procession.api.problems import Problem
from procession.commands import tokens
from procession.commands.asked import asked
from procession.commands.deletions import delete_one
from procession.verbs import Caller
from procession.web.page import Ask
from procession.web.refusals import refusal
from procession.web.tombstone import deleted
from tests.api.served import Served
from tests.web.visiting import Visitor, begun

pytestmark = pytest.mark.feature("M104", "M112")


def test_the_overview_counts_what_there_is_and_leads_to_the_failing_line(served: Served, admin: Visitor) -> None:
    failed = begun(served)
    served.driven.end(failed, 1)
    page = admin.get("").page
    name = served.project.settings.name
    assert page.one("title").text == f"(1) Overview · {name} · Procession", "one knows a tab by its project"
    assert name in [each.text for each in page.all("span", class_="project")]
    chip = page.one("a", class_="chip state-failed")
    assert chip["href"] == f"./p/{failed}/s/one#error"
    tiles = {e.text.strip()[1:].strip(): e["href"] for e in page.all("a", class_="tile bad")}
    assert tiles == {"failed": "./p?query=state%3Afailed%20ended-after%3A-1d", "open causes": "./failures"}
    assert [e["title"] for e in page.all("i")][-1] == f"{failed}: Failed"
    assert {"optical", "sar"} <= {e.text for e in page.all("th", scope="colgroup")}


def test_one_address_is_a_page_a_part_and_json(served: Served, admin: Visitor) -> None:
    whole, part = admin.get(""), admin.get("?part=now", HX_Request="true")
    assert part.page.elements[0]["id"] == "now" and "<html" not in part.html
    assert [e.attributes for e in part.page.all("td")] == [e.attributes for e in whole.page.all("td")]
    told = admin.get("", Accept="application/json")
    assert told.headers["content-type"] == "application/json"
    assert {each["name"] for group in json.loads(told.body)["groups"] for each in group["tasks"]} == {"scene", "radar"}
    nothing = admin.get("?part=nothing")
    assert nothing.status == 404
    head = admin.ask("HEAD", "/help")
    assert head.status == 200 and not head.body


def test_who_has_not_logged_in_is_led_there_and_back(served: Served, visitor: Visitor) -> None:
    seen = visitor.ask("GET", "/ask/pause?task=scene&back=help")
    assert seen.status == 303
    login = visitor.follow(seen)
    assert login.page.form("login")["next"] == "ask/pause?task=scene&back=help"
    there = visitor.send(login, "login", code=tokens.link(served.project, "tests").secret)
    assert there.status == 200 and "Pause scene" in there.page.text
    assert visitor.ask("GET", "/", Accept="application/json", Cookie="").status == 401
    assert visitor.ask("GET", "/", HX_Request="true", Cookie="").status == 401


def test_after_logging_in_nobody_is_sent_to_another_site(served: Served, visitor: Visitor) -> None:
    code = tokens.link(served.project, "tests").secret
    got = visitor.send(visitor.get("login"), "login", follow=False, code=code, next="https://evil.example")
    assert got.status == 303 and got.headers["location"] == "./"


def test_a_password_opens_a_session_and_a_wrong_one_keeps_the_user(served: Served, visitor: Visitor) -> None:
    tokens.add_account(served.project, "anna", "viewer", password="correct horse")
    wrong = visitor.send(visitor.get("login?next=help"), "login", user="anna", password="wrong horse!", code="")
    assert wrong.status == 401 and wrong.page.one("p", role="alert").text
    assert wrong.page.one("input", name="user")["value"] == "anna"
    assert "wrong horse!" not in wrong.html
    right = visitor.send(wrong, "login", user="anna", password="correct horse", code="")
    assert right.status == 200 and right.url == "/help" and "anna" in right.page.text
    left = visitor.send(right, "logout")
    assert left.url == "/login" and visitor.get("").url.startswith("/login")


def test_a_link_is_used_once(served: Served, visitor: Visitor) -> None:
    code = tokens.link(served.project, "tests").secret
    assert visitor.send(visitor.get("login"), "login", code=code).status == 200
    again = Visitor(served).send(Visitor(served).get("login"), "login", code=code)
    assert again.status == 401 and "used" in again.page.one("p", role="alert").text


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [("nothing/here", 404, "no page"), ("ask/nothing", 404, "no action"), ("ask/retry?id=%FF", 400, "read")],
)
def test_what_is_not_there_is_said_inside_the_frame(admin: Visitor, path: str, status: int, says: str) -> None:
    seen = admin.get(path)
    assert seen.status == status and says in seen.page.text
    assert seen.page.one("nav", id="side") and seen.page.one("main", id="main")
    if status == 404:
        assert seen.page.one("input", name="query")
    told = admin.get(path, Accept="application/json")
    assert told.status == status and json.loads(told.body)["status"] == status


def test_a_page_that_fails_says_a_number_that_stands_in_the_log(
    served: Served, admin: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("inside of the server")

    monkeypatch.setattr("procession.web.page.Ask.verb", fails)
    seen = admin.get("")
    assert seen.status == 500 and "inside of the server" not in seen.html
    number = seen.page.one("main").text.partition("under the number ")[2][:8]
    assert any(f"request {number}" in record.getMessage() for record in caplog.records)
    assert any("inside of the server" in str(record.exc_info) for record in caplog.records)


@pytest.mark.feature("M96")
def test_an_old_link_to_what_was_deleted_says_who_did_it_and_why(served: Served) -> None:
    which = begun(served)
    served.driven.end(which, 1)
    served.project.store.change(lambda tx: delete_one(served.project, tx, which, asked("bad data <b>", "anna")))
    missing = Problem(404, "NotFound", "there is no such processing")
    everybody = Caller("somebody", "http")
    ask = Ask(served.project, everybody, f"p/{which}", {"id": str(which)})
    told = deleted(ask, missing)
    assert told.status == 410 and "deleted by anna at 2026-03-01 12:00:00 UTC: bad data <b>" in told.detail
    assert refusal(ask, told).status == 410
    limited = Ask(served.project, replace(everybody, groups=frozenset({"sar"})), ask.path, ask.values)
    assert deleted(limited, missing) is missing
    assert deleted(Ask(served.project, everybody, "p/999", {"id": "999"}), missing) is missing


@pytest.mark.feature("P32")
def test_nothing_of_the_pages_is_loaded_before_somebody_asks_for_one() -> None:
    code = (
        "import sys, procession.api.server, procession.launcher.loop\n"
        "print([name for name in sys.modules if name.startswith(('jinja2', 'procession.web.pages', 'babel'))])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert found.stdout == "[]\n"


def test_how_pages_look_is_kept_in_a_cookie_without_a_script(visitor: Visitor) -> None:
    seen = visitor.get("help")
    for changed in ({"theme": "dark"}, {"zone": "doy"}, {"zone": "nonsense"}):
        seen = visitor.send(seen, "preferences", **changed)
    assert seen.url == "/help"
    html = seen.page.one("html")
    assert (html["data-theme"], html["data-zone"]) == ("dark", "doy")


def test_a_method_that_an_address_does_not_know_is_refused(admin: Visitor) -> None:
    assert admin.ask("POST", "/help", b"").status == 405
    assert admin.ask("GET", "/do/pause").status == 405
    assert admin.ask("DELETE", "/").status == 405
