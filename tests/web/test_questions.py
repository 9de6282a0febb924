"""Questions over HTTP and on their page: asked, shown with what was made, answered by whoever may."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, expect

from procession.cli.main import group
from procession.commands import tokens
from tests.api.served import Got, Served, serving

pytestmark = pytest.mark.feature("P28")

TOML = """
[tasks.scene]
on = "scene"
group = "optical"
steps = [
  "./one.sh",
  { name = "check", ask = "Is {sat} good?", choices = ["yes", "no <b>"] },
  { name = "stars", ask = "How many stars?", type = "number", max = 5 },
  ["./two.sh", "{stars.value}"],
]
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "project", TOML) as made:
        yield made


def asking(served: Served, sat: str = "L8") -> int:
    d = served.driven
    pid = d.born("scene", sat=sat)
    d.turn()
    d.end(pid, left={"output": "best=<i>7</i>\n"})
    d.turn()
    return pid


def answer(served: Served, pid: int, token: str = "", **said: Any) -> Got:
    return served.ask("POST", f"/api/v1/processings/{pid}/answer", said, token=token)


def visit(served: Served, role: str) -> dict[str, str]:
    """Headers of somebody of this role who has logged in."""
    tokens.add_account(served.project, role, role)
    made = tokens.use_link(served.project, tokens.link(served.project, "tests", role).secret)
    return {"Cookie": f"procession_{served.port}={made.secret}", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


def look(served: Served, headers: dict[str, str]) -> str:
    got = served.ask("GET", "/questions", token=None, headers=headers)
    assert got.status == 200, got.body
    return got.body.decode()


def send(served: Served, headers: dict[str, str], form: str, **more: str) -> Got:
    """Send this form of a page."""
    given = {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form)}
    kind = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    return served.ask("POST", "/do/answer", token=None, headers=kind, raw=urlencode({**given, **more}).encode())


@pytest.mark.feature("P26")
def test_questions_are_answered_over_http_by_whoever_may(served: Served) -> None:
    pid = asking(served)
    (one,) = served.ask("GET", "/api/v1/questions").json["items"]
    assert {k: one[k] for k in ("processing", "step", "text", "choices", "type")} == {
        "processing": pid, "step": "check", "text": "Is L8 good?", "choices": ["yes", "no <b>"], "type": "choice"
    }  # fmt: skip
    assert answer(served, pid, served.token("read"), value="yes").status == 403
    assert served.ask("GET", "/api/v1/questions", token=served.token("read", groups=["sar"])).json["items"] == []
    refused = answer(served, pid, step="check", value="perhaps")
    assert (refused.status, "must be one of yes" in refused.json["detail"]) == (400, True)
    done = answer(served, pid, step="check", value="yes", note="a bit dark")
    assert (done.status, done.json["steps"][1]["attempts"][0]["answer"]) == (200, "yes")
    assert answer(served, pid, value="yes").status == 409
    served.driven.turn()
    assert answer(served, pid, value=4.5).status == 200
    served.driven.turn()
    assert served.driven.executor.job(served.driven.key(pid, 4)).argv[1:] == ["4.5"]
    (line, *_) = served.ask("GET", "/api/v1/audit").json["items"]
    assert (line["verb"], line["outcome"]) == ("answer", "done")


def test_artifacts_that_a_script_made_a_link_are_not_listed(served: Served, tmp_path: Path) -> None:
    """B19."""
    pid = asking(served)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.png").write_bytes(b"png")
    attempt = served.project.var.attempt(pid, 1, "one", 1)
    (attempt / "artifacts").rmdir()
    (attempt / "artifacts").symlink_to(elsewhere)
    assert "secret" not in look(served, visit(served, "viewer"))
    assert served.ask("GET", "/api/v1/tasks/scene/gallery").json["artifacts"] == []
    told = served.ask("GET", "/api/v1/tasks/scene/gallery?artifact=one%2Fsecret.png").json
    assert [each["size"] for each in told["items"]] == [None]
    (attempt / "artifacts").unlink()
    (attempt / "artifacts").mkdir()
    (attempt / "artifacts" / "inner").symlink_to(elsewhere)
    told = served.ask("GET", "/api/v1/tasks/scene/gallery?artifact=one%2Finner%2Fsecret.png").json
    assert [each["size"] for each in told["items"]] == [None]
    (attempt / "artifacts" / "inner").unlink()
    (attempt / "artifacts" / "true.png").write_bytes(b"png")
    assert served.ask("GET", "/api/v1/tasks/scene/gallery").json["artifacts"] == ["one/true.png"]


@pytest.mark.feature("N10")
def test_the_page_has_a_button_for_each_answer_and_texts_stay_texts(served: Served) -> None:
    pid = asking(served, "<script>L8</script>")
    artifacts = served.project.var.attempt(pid, 1, "one", 1) / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    (artifacts / "a b.png").write_bytes(b"png")
    (artifacts / "link.png").symlink_to("/etc/passwd")
    viewer, operator = visit(served, "viewer"), visit(served, "operator")
    assert 'do/answer"' not in look(served, viewer)
    text = look(served, operator)
    assert "<script>L8" not in text
    assert "<i>7" not in text
    assert f"files/{pid}/01-one/1/artifacts/a%20b.png" in text
    assert "link.png" not in text
    forms = [f for f in re.findall(r"<form.*?</form>", text, re.DOTALL) if 'do/answer"' in f]
    assert re.findall(r'name="value" value="([^"]*)"', forms[0]) == ["yes", "no &lt;b&gt;"] and len(forms) == 1
    done = send(served, operator, forms[0], note="too <dark>")
    assert (done.status, done.headers.get("Location", done.headers.get("location"))) == (303, "../questions")
    served.driven.turn()
    assert (served.driven.get(pid).outputs or {})["check"] == {"value": "no <b>"}
    assert served.driven.step(pid, 2).attempts[0].note == "too <dark>"
    (form,) = [f for f in re.findall(r"<form.*?</form>", look(served, operator), re.DOTALL) if "do/answer" in f]
    assert 'type="number"' in form
    assert send(served, operator, form, value="9").status == 400
    assert send(served, operator, form, value="3").status == 303
    assert "No open question" in look(served, operator)


def test_the_page_of_a_processing_asks_what_it_asks(served: Served) -> None:
    other, pid = asking(served, "S2"), asking(served)
    artifacts = served.project.var.attempt(pid, 1, "one", 1) / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    (artifacts / "scene.png").write_bytes(b"png")
    headers = visit(served, "operator")
    got = served.ask("GET", f"/p/{pid}", token=None, headers=headers)
    assert got.status == 200
    text = got.body.decode()
    assert "Is L8 good?" in text and "Is S2 good?" not in text and "no &lt;b&gt;" in text
    assert f"files/{pid}/01-one/1/artifacts/scene.png" in text, "one sees what one is asked about"
    assert "check asks a person" in text and "<x-log" not in text
    (form,) = [each for each in re.findall(r"<form[^>]*do/answer.*?</form>", text, re.S) if 'value="yes"' in each]
    assert send(served, headers, form).status == 303
    assert served.ask("GET", f"/api/v1/processings/{pid}/why").json["code"] != "person" or other
    assert [each["processing"] for each in served.ask("GET", "/api/v1/questions").json["items"]] == [other]


def test_a_question_that_is_asked_again_says_so_with_the_answer_before(served: Served) -> None:
    pid = asking(served)
    answer(served, pid, value="yes", note="a bit dark")
    served.driven.turn()
    answer(served, pid, value=2)
    served.driven.turn()
    served.driven.end(pid)
    assert served.ask("POST", f"/api/v1/processings/{pid}/restart", {"step": "check"}).status == 200
    served.driven.turn()
    (one,) = served.ask("GET", "/api/v1/questions").json["items"]
    (before,) = one["earlier"]
    assert (before["value"], before["note"], one["step"]) == ("yes", "a bit dark", "check") and before["at"]
    text = html.unescape(re.sub(r"<[^>]*>|\s+", " ", look(served, visit(served, "operator"))))
    assert "Asked again. Earlier answer: yes by" in " ".join(text.split()) and ": a bit dark" in text
    assert "check.value" not in text, "no output that is not true any more"
    said = CliRunner().invoke(group, ["--project", str(served.driven.root), "questions"]).output
    assert "asked again, answered before: yes by" in said
    rows = CliRunner().invoke(group, ["--project", str(served.driven.root), "show", str(pid)]).output
    assert "answered yes by" in rows and ": a bit dark" in rows and "asks: Is L8 good?" in rows


@pytest.mark.check(28)
def test_an_answered_question_stays_in_its_place_and_the_next_takes_no_click_meant_for_it(
    served: Served, browser: Browser
) -> None:
    first, second = asking(served, "S1"), asking(served, "S2")
    name, _, value = visit(served, "operator")["Cookie"].partition("=")
    context = browser.new_context(viewport={"width": 390, "height": 900})
    context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{served.port}/"}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"http://127.0.0.1:{served.port}/questions")
    page.locator("#live[data-state=live]").wait_for()
    card, other = (page.locator(f"#question-{pid}-check") for pid in (first, second))
    before, place = other.bounding_box(), card.get_by_role("button", name="yes").bounding_box()
    assert place
    for _ in range(2):
        page.mouse.click(place["x"] + 5, place["y"] + 5)
    expect(card).to_contain_text("Answered: yes")
    other.get_by_role("button", name="yes").click()  # too soon after the list has changed
    served.driven.turn()
    assert other.bounding_box() == before, "nothing slides"
    following = page.locator(f"#question-{first}-stars")
    following.wait_for()
    boxes = other.bounding_box(), following.bounding_box()
    assert boxes[0] == before and boxes[1] and before and boxes[1]["y"] > before["y"], "what is new comes below"
    open_ = [each["processing"] for each in served.ask("GET", "/api/v1/questions").json["items"]]
    assert open_ == [first, second], "one click, one answer"
    expect(other.get_by_role("button", name="yes")).to_be_enabled()
    assert complaints == []
    page.goto(f"http://127.0.0.1:{served.port}/questions")
    expect(card).to_have_count(0)
    context.close()


@pytest.mark.feature("M107", "M109")
def test_what_asks_a_person_is_told_apart_from_what_runs(served: Served) -> None:
    asking(served), asking(served, "L9")
    served.driven.born("scene", sat="L7")
    served.driven.turn()
    (general,) = served.ask("GET", "/api/v1/queues").json["items"]
    assert (general["running"], general["asking"], general["waiting"]) == (1, 2, 0)
    headers = visit(served, "admin")

    def said(path: str) -> str:
        page = served.ask("GET", path, token=None, headers=headers).body.decode()
        return " ".join(re.sub(r"<[^>]+>", " ", page).split())

    assert "0 failed 1 running 2 ask a person 0 waiting" in said("/g/optical")
    assert "1 · 2 asking" in said("/g/optical") and "1 · 2 asking" in said("/tasks")
    assert "1 no limit · 2 asking" in said("/hosts") or "1 · 2 asking" in said("/hosts")


def test_every_form_has_a_key_of_its_own(served: Served) -> None:
    asking(served)
    headers = visit(served, "operator")
    keys = [re.findall(r'name="Idempotency-Key" value="([^"]+)"', look(served, headers)) for _ in range(2)]
    assert keys[0] and not set(keys[0]) & set(keys[1])
