"""The page of a processing: opens at what matters, says why in words, and does what can be done."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from procession.commands import processings, settings
from procession.commands.asked import Asked
from procession.commands.settings import Scope
from tests.api.served import Served, serving
from tests.web.visiting import Visitor

pytestmark = pytest.mark.feature("M110", "N8")

TOML = """
[project]
[limits]
ftp = 1
[tasks.scene]
on = "scene"
group = "optical"
steps = ["./one.sh", "./two.sh", "./three.sh"]
retry = { attempts = 2, on = ["failed"], delay = 1 }
[tasks.scene.variables]
resolution = 10
gain = "v14"
[tasks.radar]
on = "echo"
group = "sar"
at_once = 1
uses = { ftp = 1 }
run = "./one.sh"
"""
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}</pre><script>alert(1)</script>"


def failed(served: Served, text: str = "one\ntwo\nKeyError: 'B10'\n", **params: Any) -> int:
    """A processing whose second step failed twice, with a log of each attempt."""
    found = served.driven.born("scene", **params)
    served.driven.turn()
    served.driven.end(found)
    for number in (1, 2):
        directory = served.project.var.attempt(found, 2, "two", number)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "log").write_text(text)
        served.driven.end(found, 1)
        served.driven.after(120)
    assert served.driven.state(found) == "failed"
    return found


def test_a_retry_by_hand_of_what_is_not_retried_by_itself_is_no_attempt_of_three(
    served: Served, admin: Visitor
) -> None:  # fmt: skip
    found = served.driven.born("echo")
    served.driven.turn()
    served.driven.end(found, 1)
    processings.retry(served.project, found)
    served.driven.turn()
    served.driven.end(found, 1)
    card = admin.get(f"p/{found}").page.one("section", class_="card card-failed").text
    assert "failed, attempt 2" in card and "attempt 2 of" not in card


def test_how_long_a_failure_took_is_no_reason_for_it(served: Served, admin: Visitor) -> None:
    pids = []
    for seconds, code in ((2, 0), (200, 1)):
        pids.append(served.driven.born("echo"))
        served.driven.turn()
        served.driven.begin()
        served.driven.clock.advance(seconds)
        served.driven.end(pids[-1], code)
    told = served.ask("GET", f"/api/v1/processings/{pids[1]}/changes").json["changes"]
    assert "duration" in {each["kind"] for each in told}
    card = admin.get(f"p/{pids[1]}").page.one("section", class_="card card-failed").text
    assert "Since the last success" in card and "duration" not in card


def test_what_was_retried_waits_since_then_and_not_since_its_birth(tmp_path: Path) -> None:
    with serving(tmp_path / "project", TOML) as served:
        settings.pause(served.project, Scope(task="radar"), "stop", Asked("ann"))
        waited = []
        for pid in (served.driven.born("echo"), served.driven.born("echo")):
            processings.cancel(served.project, pid)
            served.driven.clock.advance(50 * 86400)
            processings.retry(served.project, pid)
            seen = Visitor(served).log_in("admin").get(f"p/{pid}")
            card = seen.page.one("section", class_="card card-waiting").text
            waited.append(int(re.findall(r"Waiting (\d+) days", card)[0]))
        assert waited[0] - waited[1] in (49, 50, 51), "both were born at one time, and retried so many days apart"


def left(served: Served, found: int, name: str, content: bytes, step: tuple[int, str] = (2, "two")) -> str:
    """A file among the artifacts; its path below the directory of the processing."""
    place = served.project.var.attempt(found, *step, 2) / "artifacts" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return str(place.relative_to(served.project.var.work(found)))


def test_it_opens_at_the_failing_step_and_the_line_is_there(served: Served, admin: Visitor) -> None:
    found = failed(served, tile="36UUA")
    seen = admin.get(f"p/{found}").page
    card = seen.one("section", class_="card card-failed").text
    assert "two failed, attempt 2 of 2" in card and f"procession shell {found} two" in card
    assert seen.one("div", class_="gantt-row", aria_current="true").text.strip().startswith("2 two")
    assert seen.one("span", id="error") and seen.one("div", class_="l error")["id"] == "L3"
    assert "tile 36UUA" in " ".join(seen.one("div", id="about").text.split())
    rows = [" ".join(e.text.split()) for e in seen.all("div", class_="gantt-row")]
    assert (
        rows[2].endswith("not run") and "attempt 1, Failed, tried again" in rows[1] and "attempt 2, Failed" in rows[1]
    )
    assert re.search("attempt 1, Failed, tried again.*waited 2 min before attempt 2 attempt 2, Failed", rows[1])
    before = admin.get(f"p/{found}/s/two?a=1").page
    assert before.one("x-log")["data-src"].endswith("two/1.json")
    assert admin.get(f"p/{found}/s/one").page.one("x-log")["data-src"].endswith("one/1.json")
    for wrong in ("s/four", "s/two?a=9", "s/two?tab=none", "v/7"):
        assert admin.get(f"p/{found}/{wrong}").status in (400, 404), wrong
    told = json.loads(admin.get(f"p/{found}/s/two", Accept="application/json").body)
    assert told["id"] == found and told["shown"] == {"step": "two", "attempt": 2, "tab": "log"}


def test_each_part_is_a_fragment_by_itself(served: Served, admin: Visitor) -> None:
    found = failed(served)
    page = admin.get(f"p/{found}").page
    for name, root in (("about", "div"), ("timeline", "section"), ("panel", "section")):
        assert page.one(root, id=name)["data-live"] == f"proc:{found}"
        part = admin.get(f"p/{found}?part={name}", HX_Request="true")
        assert part.status == 200 and part.page.elements[0]["id"] == name and "<html" not in part.html


def test_what_is_offered_says_what_it_does_and_retry_leads_back(served: Served, admin: Visitor) -> None:
    found = failed(served)
    seen = admin.get(f"p/{found}")
    menu = " ".join(seen.page.one("details", id="again").text.split())
    for said in ("Retry from two", "Restart from one", "Restart all", "Re-run with changes"):
        assert said in menu
    more = " ".join(seen.page.one("details", id="more").text.split())
    for said in ("Accept two", "Pin", "Delete", "Delete and emit again"):
        assert said in more
    after = admin.send(seen, "do/retry")
    assert after.url.startswith(f"/p/{found}") and "gets another attempt" in after.page.text
    assert served.driven.state(found) == "waiting"


@pytest.mark.feature("M96")
def test_a_processing_is_deleted_and_emitted_again(served: Served, admin: Visitor) -> None:
    found = failed(served)
    dialog = admin.get(f"ask/delete?id={found}&again=true&back=p/{found}")
    after = admin.send(dialog, "do/delete", back="help")
    assert after.status == 200
    gone = admin.get(f"p/{found}")
    assert gone.status in (404, 410)
    newest = served.driven.rows("SELECT max(id) FROM processing")[0][0]
    assert newest > found and served.driven.get(newest).event == "scene"


@pytest.mark.feature("N5")
@pytest.mark.check(21)
def test_why_it_waits_names_every_holder_and_what_to_do(served: Served, admin: Visitor) -> None:
    first = served.driven.born("echo")
    served.driven.turn()
    second = served.driven.born("echo")
    card = admin.get(f"p/{second}").page.one("section", class_="card card-waiting")
    said = " ".join(card.text.split())
    assert "1 of 1 processings of task radar are running" in said
    assert f"1 of 1 of ftp are taken, by processing {first}" in said and f"Open {first}" in said
    raised = [
        e["href"] for e in admin.get(f"p/{second}").page.all("a", class_="btn btn-small") if "ask/set" in e["href"]
    ]
    assert any("at_once%3Aradar" in each for each in raised) and any("limit%3Aftp" in each for each in raised)
    settings.pause(served.project, Scope(task="radar"), "stop", Asked("operator1", "disk swap"))
    said = " ".join(admin.get(f"p/{second}").page.one("section", class_="card card-waiting").text.split())
    assert "disk swap" in said and "operator1" in said and "ftp" in said
    settings.resume(served.project, Scope(task="radar"), Asked("operator1"))
    served.driven.end(first)
    served.driven.end(second)


def test_held_and_cancelled_are_said_and_undone(served: Served, admin: Visitor) -> None:
    found = served.driven.born("scene")
    admin.send(admin.get(f"ask/hold?id={found}&back=p/{found}"), "do/hold", reason="wait for the new gains")
    seen = admin.get(f"p/{found}")
    assert "wait for the new gains" in seen.page.one("section", class_="card card-waiting").text
    admin.send(seen, "do/release")
    assert not served.driven.get(found).held_at
    admin.send(admin.get(f"ask/cancel?id={found}&back=p/{found}"), "do/cancel", reason="not needed")
    served.driven.turn()
    assert "not needed" in admin.get(f"p/{found}").page.text
    assert "Restart all" in admin.get(f"p/{found}").page.one("details", id="again").text


@pytest.mark.check(20)
def test_it_runs_again_with_changes_shown_before_and_kept_on_error(served: Served, admin: Visitor) -> None:
    found = failed(served)
    form = admin.get(f"p/{found}/rerun").page.form(f"p/{found}/rerun")
    assert (form["texts.resolution"], form["texts.gain"]) == ("10", "v14")
    wrong = admin.get(f"p/{found}/rerun?show=1&texts.resolution=many&texts.gain=v14")
    assert wrong.page.one("input", name="texts.resolution")["value"] == "many"
    assert "resolution" in wrong.page.one("span", id="e-resolution").text and not wrong.page.all(
        "section", id="changes"
    )
    shown = admin.get(f"p/{found}/rerun?show=1&texts.resolution=20&texts.gain=v14&description=finer")
    changes = " ".join(shown.page.one("section", id="changes").text.split())
    assert "1 value changes" in changes and "resolution1020" in changes and "gain" not in changes
    refused = admin.send(shown, "do/rerun", texts__resolution="odd", **{"texts.resolution": "odd"})
    assert refused.status in {400, 422}
    assert refused.page.one("input", name="texts.resolution")["value"] == "odd"
    done = admin.send(shown, "do/rerun")
    assert done.status == 200
    second = served.driven.get(found).replaced_by
    assert second is not None and served.driven.get(second).values.standard_vars == {"resolution": 20}
    told = admin.get(f"p/{second}?tab=variables").page.text
    assert "variable resolution: 10 (default) → 20" in told
    assert admin.get(f"p/{found}/v/2").url == f"/p/{second}"
    assert [e.text.strip() for e in admin.get(f"p/{second}").page.all("a") if e.text.strip() in ("v1", "v2")] == [
        "v1",
        "v2",
    ]
    assert f"{found}" in admin.get(f"p/{second}/compare/{found}").page.text


def test_neighbours_are_those_of_the_list_that_one_came_from(served: Served, admin: Visitor) -> None:
    some = [failed(served, batch="x") for _ in range(3)]
    seen = admin.get(f"p/{some[1]}?in=task%3Ascene+param.batch%3Ax").page
    links = {e["data-key"]: e["href"] for e in seen.all("a") if e["data-key"] in ("j", "k")}
    assert f"p/{some[2]}?in=" in links["k"] and f"p/{some[0]}?in=" in links["j"] and "2 of 3" in seen.text
    assert admin.get(f"p/{some[1]}?in=((").status == 200


@pytest.mark.feature("M81")
@pytest.mark.check(24)
def test_artifacts_are_shown_and_nothing_in_them_runs(served: Served, admin: Visitor) -> None:
    """B24, B43."""
    found = failed(served)
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c489".replace(" ", "")
        + "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
    paths = {
        "plot.png": left(served, found, "plot.png", png),
        "table.csv": left(served, found, "table.csv", b"a,b\n1,<b>2</b>\n=HYPERLINK(1),3\n"),
        "page.html": left(served, found, "page.html", b"<script>parent.document.title=document.cookie</script>"),
        "x.svg": left(
            served, found, "x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
        ),
        "data.json": left(served, found, "sub/data.json", b'{"a": {"b": [1]}}'),
        "odd": left(served, found, 'x"; filename=evil.html', b"text"),
    }
    seen = admin.get(f"p/{found}/s/two?tab=artifacts")
    assert "plot.png" in seen.page.text and "<b>2</b>" in seen.page.text and "<b>2</b>" not in seen.html
    frame = seen.page.one("iframe", title="page.html")
    assert "sandbox" in frame.attributes and frame["sandbox"] == "" and frame["src"].endswith("?frame=1")

    def get(name: str, query: str = "") -> Any:
        from urllib.parse import quote  # noqa: PLC0415

        return admin.get(f"files/{found}/{quote(paths[name])}{query}")

    for name, mime in (
        ("plot.png", "image/png"),
        ("x.svg", "image/svg+xml"),
        ("table.csv", "text/plain; charset=utf-8"),
    ):
        got = get(name)
        assert got.headers["content-type"] == mime and got.headers["content-disposition"].startswith("inline")
    for name, query in (("page.html", ""), ("odd", ""), ("plot.png", "?save=1")):
        got = get(name, query)
        assert got.headers["content-disposition"].startswith("attachment"), name
        assert "\n" not in got.headers["content-disposition"]
    assert 'filename="x__ filename_evil.html"' in get("odd").headers["content-disposition"]
    for name in paths:
        got = get(name, "?frame=1")
        policy = got.headers["content-security-policy"]
        assert policy.startswith("sandbox; default-src 'none'") and "script" not in policy
        assert got.headers["x-content-type-options"] == "nosniff"
    assert get("data.json").body == b'{"a": {"b": [1]}}'
    part = admin.ask("GET", f"/files/{found}/{paths['table.csv']}", Range="bytes=0-2")
    assert (part.status, part.body) == (206, b"a,b")


def test_only_what_scripts_left_for_people_is_given_out(served: Served, admin: Visitor) -> None:
    """B19, B20."""
    found = failed(served)
    work = served.project.var.work(found)
    directory = served.project.var.attempt(found, 2, "two", 2)
    own = "02-two/2"
    (directory / "token").write_text("secret")
    (directory / "record").write_text("secret")
    (work / "event.json").write_text("{}")
    (directory / "artifacts").mkdir(exist_ok=True)
    (directory / "artifacts/link").symlink_to("/etc/passwd")
    (directory / "artifacts/up").symlink_to("/etc")
    os.mkfifo(directory / "artifacts/pipe")
    (directory / "artifacts/good.txt").write_text("good")
    for path in (
        f"{own}/token", f"{own}/record", "event.json", f"{own}/artifacts/link", f"{own}/artifacts/up/passwd",
        f"{own}/artifacts/pipe", f"{own}/artifacts", f"{own}/artifacts/../token", "../../procession.db",
        f"{own}/artifacts/..%2ftoken", f"{own}/artifacts/%2e%2e/token", "files/../event.json", "%2fetc/passwd",
        "files/%00", "files//x", f"{own}/artifacts/none",
    ):  # fmt: skip
        got = admin.get(f"files/{found}/{path}")
        assert got.status in (400, 404) and b"secret" not in got.body and b"root:" not in got.body, path
    assert admin.get(f"files/{found}/{own}/artifacts/good.txt").body == b"good"
    shown = admin.get(f"p/{found}/s/two?tab=files&dir={own}/artifacts").page.text
    assert "good.txt" in shown and "link or device, not followed" in shown
    for odd in ("..", "/etc", f"{own}", f"{own}/../..", "files/../.."):
        assert admin.get(f"p/{found}?tab=files&dir={odd}").status == 404, odd
    theirs = Visitor(served).log_in("viewer", groups=["sar"])
    assert theirs.get(f"files/{found}/{own}/artifacts/good.txt").status == 404
    assert theirs.get(f"p/{found}").status == 404


def test_whatever_a_name_or_a_log_says_stays_text(served: Served, admin: Visitor) -> None:
    """B24, B25."""
    found = failed(served, f"{HOSTILE}\nValueError: {HOSTILE}\n", tile=HOSTILE, x="\u202eabc")
    left(served, found, f"{HOSTILE[:40].replace('/', '_')}.txt", HOSTILE.encode())
    for tab in ("log", "artifacts", "variables", "environment", "files", "history"):
        for place in (f"p/{found}?tab={tab}", f"p/{found}/s/two?tab={tab}&dir=02-two/2/artifacts"):
            seen = admin.get(place)
            assert seen.status == 200, place
            assert "<img src=x" not in seen.html and "<script>alert" not in seen.html and ">49<" not in seen.html
            for form in seen.page.all("form"):
                assert "javascript" not in form["action"]
    assert HOSTILE in admin.get(f"p/{found}").page.text


def test_a_viewer_sees_all_of_it_and_can_do_nothing(served: Served, viewer: Visitor) -> None:
    found = failed(served)
    seen = viewer.get(f"p/{found}").page
    assert not [e for e in seen.all("form") if "do/" in e["action"]]
    assert all("aria-disabled" in e.attributes for e in seen.elements if e.tag == "button" and e.within[-1:] == ("li",))
    assert not [e for e in seen.all("details") if e["id"] in ("again", "more")], "no menu of what is all refused"
    shut = [e for e in seen.all("button") if e["aria-disabled"]]
    assert len(shut) >= 2 and all(e["title"].startswith("operators only") for e in shut), "and each says why"
    assert not [e for e in shut if "disabled" in e.attributes], "it can be reached by the keyboard"
    assert viewer.get(f"p/{found}/rerun").status == 403
    for tab in ("artifacts", "variables", "environment", "files", "history"):
        assert viewer.get(f"p/{found}?tab={tab}").status == 200


def test_secrets_of_an_environment_are_not_sent(served: Served, admin: Visitor) -> None:
    from procession.web.processing.surroundings import MASK, ended, variables  # noqa: PLC0415

    shown = dict(variables({"PATH": "/bin", "DB_PASSWORD": "x", "API_KEY": "y", "PROCESSION_TOKEN_FILE": "z"}))
    assert shown == {"PATH": "/bin", "DB_PASSWORD": MASK, "API_KEY": MASK, "PROCESSION_TOKEN_FILE": MASK}
    bare = {"outcome": "memory", "signal": 9, "exit_code": None, "made_by": None, "reason": None}
    assert ended(bare) == "Killed by SIGKILL (9), for it took more memory than it may"
    found = failed(served)
    assert "Ended with exit code 1" in admin.get(f"p/{found}/s/two?tab=environment").page.text
