"""What people do on pages: one way for all of it, only for who may, only from our own forms, and once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest

from procession.commands import settings
from procession.commands.asked import asked
from procession.store import audit
from tests.api.served import Served
from tests.web.visiting import Visitor, begun

pytestmark = pytest.mark.feature("M111", "P27", "P29")

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}</textarea><script>"


def failed(served: Served) -> int:
    """A processing that a person may retry."""
    found = begun(served)
    served.driven.end(found, 1)
    assert served.driven.state(found) == "failed"
    return found


def lines(served: Served, verb: str) -> list[Any]:
    """What the audit says of a verb, newest first."""
    with served.project.store.read() as tx:
        return audit.page(tx, before=None, verb=verb, limit=100)


def test_a_form_does_a_verb_as_who_sends_it_and_leads_back_with_a_notice(served: Served, admin: Visitor) -> None:
    which = failed(served)
    seen = admin.send(admin.get(f"ask/retry?id={which}&back=help"), "do/retry", reason="disk was full")
    assert (seen.status, seen.url) == (200, "/help")
    assert f"{which} gets another attempt" in seen.page.text
    assert seen.page.one("div", class_="toast").text.strip().startswith(str(which))
    assert f"{which} gets another attempt" not in admin.get("help").page.text, "a notice is shown once"
    assert served.driven.state(which) == "waiting"
    line = lines(served, "retry")[0]
    assert line.by.startswith("admin") and line.via == "http" and "disk was full" in line.asked


def test_a_form_that_is_sent_twice_is_done_once(served: Served, admin: Visitor) -> None:
    dialog = admin.get("ask/emit?event=scene&back=")
    first = admin.send(dialog, "do/emit", follow=False, key="twice")
    again = admin.send(dialog, "do/emit", follow=False, key="twice")
    assert (first.status, again.status) == (303, 303)
    assert len(lines(served, "emit")) == 1
    other = admin.send(dialog, "do/emit", key="thrice")
    assert other.status == 422 and other.page.form("do/emit")["key"] == "thrice"


def test_a_notice_that_somebody_kept_is_not_shown_later(served: Served, admin: Visitor) -> None:
    dialog = admin.get("ask/emit?event=scene&back=")
    admin.send(dialog, "do/emit", follow=False, key="noticed")
    kept = dict(admin.cookies)
    assert "scene was submitted" in admin.get("help").page.text
    admin.cookies = dict(kept)
    served.driven.clock.advance(120)
    assert "scene was submitted" not in admin.get("help").page.text


def test_a_form_that_comes_many_times_at_once_is_done_once_and_answered_in_words(
    served: Served, admin: Visitor
) -> None:
    before = len(lines(served, "emit"))
    dialog = admin.get("ask/emit?event=scene&back=")
    with ThreadPoolExecutor(8) as some:
        asked = [some.submit(admin.send, dialog, "do/emit", follow=False, key="at once") for _ in range(8)]
        found = Counter(each.result().status for each in asked)
    assert found[303] >= 1 and set(found) <= {303, 409}
    assert len(lines(served, "emit")) == before + 1


@pytest.mark.check(39)
def test_a_viewer_sees_why_a_button_does_nothing_and_a_form_made_by_hand_is_refused(
    served: Served, viewer: Visitor
) -> None:
    which = failed(served)
    seen = viewer.get("")
    buttons = [e for e in seen.page.all("button", type="button") if "aria-disabled" in e.attributes]
    assert {e.text for e in buttons} >= {"Pause all…"}
    assert {e["title"] for e in buttons} == {"operators only – you are a viewer"}
    proof = seen.page.form("preferences")["csrf"]
    body = urlencode({"csrf": proof, "id": which, "back": ""}).encode()
    refused = viewer.ask("POST", "/do/retry", body)
    assert refused.status == 403 and "This needs the role operator; you are viewer." in refused.page.text
    assert lines(served, "retry")[0].outcome == "Denied"
    assert served.driven.state(which) == "failed"


@pytest.mark.check(39)
def test_a_form_without_the_proof_of_its_session_does_nothing(served: Served, admin: Visitor, viewer: Visitor) -> None:
    which = failed(served)
    before = len(lines(served, "retry"))
    other = viewer.get("").page.form("preferences")["csrf"]
    own = admin.get("").page.form("preferences")["csrf"]
    for proof in ([], [("csrf", "")], [("csrf", other)], [("csrf", own), ("csrf", own)], [("csrf", own[:-1] + "é")]):
        got = admin.ask("POST", "/do/retry", urlencode([*proof, ("id", which), ("back", "")]).encode())
        assert got.status == 403, proof
    foreign = urlencode([("csrf", own), ("id", which)]).encode()
    assert admin.ask("POST", "/do/retry", foreign, Sec_Fetch_Site="cross-site").status == 403
    assert admin.ask("POST", "/do/retry", foreign, Origin="http://evil.example").status == 403
    assert admin.ask("POST", "/do/retry", foreign, Sec_Fetch_Site="").status == 403
    assert served.driven.state(which) == "failed" and len(lines(served, "retry")) == before


@pytest.mark.check(39)
def test_a_token_that_may_only_look_does_nothing(served: Served) -> None:
    which = failed(served)
    program = Visitor(served)
    program.headers = {"Authorization": f"Bearer {served.token('read')}"}
    assert program.ask("POST", "/do/retry", urlencode({"id": which}).encode()).status == 403
    assert program.get("").status == 200
    nobody = Visitor(served)
    assert nobody.ask("POST", "/do/retry", urlencode({"id": which}).encode()).status == 401


def test_a_refusal_stands_beside_its_field_with_all_that_was_typed(served: Served, admin: Visitor) -> None:
    seen = admin.send(admin.get("ask/emit?event=scene&back=help"), "do/emit", priority="soon", title=HOSTILE)
    assert seen.status == 400
    wrong = seen.page.one("span", class_="error")
    assert "whole number" in wrong.text
    assert seen.page.one("input", name="priority")["aria-describedby"].split()[0] == wrong["id"]
    fields = seen.page.form("do/emit")
    assert (fields["priority"], fields["title"], fields["back"]) == ("soon", HOSTILE, "help")
    assert seen.page.form("preferences")["back"] == "help" and not seen.page.one("body")["data-live"]
    mended = admin.send(seen, "do/emit", priority="5")
    assert mended.url == "/help" and "scene was submitted" in mended.page.text


def test_who_sends_a_form_by_a_script_is_told_what_to_say_and_where_to_go(served: Served, admin: Visitor) -> None:
    here = f"http://{served.host}/help"
    admin.headers |= {"HX-Request": "true", "HX-Current-URL": here}
    dialog = admin.get("ask/pause?task=radar&back=help")
    assert dialog.page.elements[0].tag == "section" and dialog.page.form("do/pause")["action"] == "./do/pause"
    told = admin.send(dialog, "do/pause", follow=False)
    assert told.status == 204 and told.headers["x-notice"] == "Paused%20radar"
    assert "hx-redirect" not in told.headers and not told.cookies
    away = admin.send(admin.get("ask/resume?task=radar&back=ask/pause"), "do/resume", follow=False)
    assert away.headers["hx-redirect"] == "../ask/pause"
    refused = admin.send(admin.get("ask/resume?task=radar&back=help"), "do/resume", follow=False)
    assert refused.status == 409 and "not paused" in refused.page.one("p", class_="error").text
    assert "<html" not in refused.html


@pytest.mark.feature("M113")
def test_staff_say_something_on_every_page_and_take_it_back(served: Served, admin: Visitor, viewer: Visitor) -> None:
    seen = admin.send(admin.get("ask/banner?back="), "do/banner", text=HOSTILE)
    assert "The banner stands on every page" in seen.page.text
    for path in ("", "help", "nothing"):
        assert HOSTILE in viewer.get(path).page.banner
    assert "img" not in {e.tag for e in viewer.get("").page.elements}
    cleared = admin.send(seen, "do/banner")
    assert not cleared.page.banner
    long = admin.send(admin.get("ask/banner?back="), "do/banner", text="x" * 301)
    assert long.status == 400 and "at most 300" in long.page.text


@pytest.mark.feature("M113")
def test_a_pause_of_everything_stands_on_every_page_with_who_and_why(served: Served, admin: Visitor) -> None:
    settings.pause(served.project, settings.Scope(), "stop", asked(HOSTILE, "operator1"))
    seen = admin.get("help")
    assert f"Paused by operator1: {HOSTILE}" in seen.page.banner
    assert not admin.send(seen, "do/resume").page.banner


def test_a_paused_queue_stands_on_every_page_with_a_button_that_resumes_it(served: Served, admin: Visitor) -> None:
    settings.pause(served.project, settings.Scope(queue="general"), "stop", asked("disk is being changed", "root"))
    seen = admin.get("help")
    assert "Queue general is paused by root: disk is being changed" in seen.page.banner
    assert not admin.send(seen, "do/resume").page.banner


def test_what_is_hostile_in_an_address_stays_text(admin: Visitor) -> None:
    """B28, B44."""
    quoted = urlencode({"id": HOSTILE, "reason": HOSTILE, "back": HOSTILE, HOSTILE: HOSTILE})
    for path in (f"ask/retry?{quoted}", f"login?next={quoted}", f"?{quoted}", "ask/%3Cscript%3Ealert(1)%3C/script%3E"):
        seen = admin.get(path)
        assert not [e for e in seen.page.elements if e.tag in ("img", "script") and not e["nonce"]], path
        assert "49" not in seen.page.one("main").text
    assert admin.get(f"ask/retry?{quoted}").page.form("do/retry")["back"] == ""


def test_one_group_of_tasks_sees_and_does_nothing_of_another(served: Served) -> None:
    somebody = Visitor(served).log_in("operator", groups=["sar"])
    seen = somebody.get("")
    assert "radar" in seen.page.text and "scene" not in seen.page.one("main").text
    which = failed(served)
    proof = seen.page.form("preferences")["csrf"]
    got = somebody.ask("POST", "/do/retry", urlencode({"csrf": proof, "id": which}).encode())
    assert got.status == 404 and served.driven.state(which) == "failed"
