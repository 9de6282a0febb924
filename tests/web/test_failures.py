"""Failures: causes and not runs; what one says, what is done to all of it, and what became of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from procession.model.traceback import read_traceback
from procession.web.report import soft_rule
from tests.web.failing import HOSTILE, SINGULAR, Failing
from tests.web.visiting import Document, Seen, Visitor


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    made = Failing(tmp_path_factory.mktemp("failures"))
    made.failures()
    yield made
    made.close()


@pytest.fixture
def ann(failing: Failing) -> Visitor:
    return Visitor(failing).log_in("admin")


def causes(visitor: Visitor, query: str = "") -> list[dict[str, Any]]:
    """The inbox as programs get it."""
    found: list[dict[str, Any]] = json.loads(visitor.get(f"failures{query}", Accept="application/json").body)["items"]
    return found


def rows(page: Document) -> list[str]:
    return [e["id"] for e in page.all("tr") if e["id"].startswith("cause-")]


def said(seen: Seen) -> str:
    return " ".join(seen.page.text.split())


@pytest.mark.check(22)
@pytest.mark.feature("N8", "M108")
def test_equal_errors_with_other_numbers_are_one_cause_that_regresses_after_it_was_resolved(
    ann: Visitor, failing: Failing
) -> None:
    first = causes(ann)[0]
    assert (first["failed"], first["attempts"], first["standing"]) == (37, 37, "new")
    seen = ann.get("failures")
    assert rows(seen.page)[0] == f"cause-{first['signature']}"
    assert "41 failed processings, 3 causes" in said(seen)
    place = f"failures/{first['signature']}"
    done = ann.send(ann.get(f"ask/resolve?signature={first['signature']}&back={place}"), "resolve", reason="new gains")
    assert done.status == 200
    assert "Resolved" in said(done)
    assert first["signature"] not in {each["signature"] for each in causes(ann)}
    assert [each["signature"] for each in causes(ann, "?tab=resolved")] == [first["signature"]]
    failing.driven.clock.advance(60)
    failing.ended("s2-scene", (0, 1), (SINGULAR.replace("{n}", "999"), {"provider": "scihub", "scene": "again"}))
    again = causes(ann)[0]
    assert (again["signature"], again["failed"], again["standing"]) == (first["signature"], 38, "regressed")
    assert "Regressed" in said(ann.get("failures"))


@pytest.mark.feature("N8", "M108")
def test_a_cause_shows_the_users_own_lines_and_what_its_processings_have_in_common(
    ann: Visitor, failing: Failing
) -> None:
    first = causes(ann)[0]
    seen = ann.get(f"failures/{first['signature']}")
    own = [e.text for e in seen.page.all("code") if "calibrate.py:" in e.text]
    assert own[0] == "/srv/s2/calibrate.py:88", "the innermost of one's own is first, no library before it"
    assert "gain_table = v14" in said(seen)
    newest = json.loads(ann.get(f"failures/{first['signature']}", Accept="application/json").body)["newest"]
    assert [e["href"] for e in seen.page.all("a") if e["href"].endswith(f"p/{newest[0]}/s/two#error")]
    assert "soft = { output = ['numpy\\.linalg\\.LinAlgError: Singular matrix in band .*'] }" in said(seen)
    report = seen.page.one("pre", id="report").text
    assert report.startswith("\n## exit code 1: numpy.linalg.LinAlgError") or report.startswith("## exit code 1: numpy")
    assert "`gain_table = v14`" in report


@pytest.mark.feature("N8", "P14", "M108")
def test_all_that_failed_for_a_cause_are_retried_and_accepted_by_its_query(ann: Visitor, failing: Failing) -> None:
    d = failing.driven
    http = next(each for each in causes(ann) if "HTTPError" in each["text"])
    page = ann.get(f"failures/{http['signature']}").page
    (accept,) = [e["href"] for e in page.all("a") if "verb=accept" in e["href"]]
    asked = ann.get(accept.replace("../", ""))
    assert "Accept 3 processings?" in said(asked)
    ann.send(asked, "batch-add", **{"arguments.note": "fetched by hand"})
    d.turn(2)
    assert "fetched by hand" in str(d.rows("SELECT asked FROM batch")[0].asked)
    assert http["signature"] not in {each["signature"] for each in causes(ann)}, "they are mended"
    (batch,) = d.rows("SELECT verb, query, done, refused FROM batch")
    assert (batch.verb, batch.query, batch.done, batch.refused) == ("accept", f"cause:{http['signature']}", 3, 0)
    bulk = ann.get("failures")
    signature = rows(bulk.page)[0].removeprefix("cause-")
    fields = bulk.page.form("failures/chosen") | {"ids": signature, "verb": "retry"}
    asked = ann.send(bulk, "failures/chosen", **{k: v for k, v in fields.items() if k != "action"})
    assert f"cause:{signature}" in asked.html
    assert "batch-add" in asked.url


@pytest.mark.feature("N8")
def test_a_cause_is_muted_until_so_many_more_and_has_an_owner_and_a_note(ann: Visitor) -> None:
    cause = next(each for each in causes(ann) if each["task"] == "mosaic")
    place = f"failures/{cause['signature']}"
    noted = ann.send(ann.get(place), "do/assign", owner="bob", note=f"see {HOSTILE}")
    assert noted.status == 200
    assert HOSTILE not in noted.html
    assert noted.page.one("textarea", id="note-f").text.strip() == f"see {HOSTILE}"
    assert noted.page.one("input", id="owner-f")["value"] == "bob"
    wrong = ann.send(ann.get(f"ask/mute?signature={cause['signature']}&back={place}"), "do/mute", more="some")
    assert wrong.status == 400
    assert wrong.page.one("input", name="more")["value"] == "some"
    ann.send(wrong, "do/mute", more="5")
    (muted,) = causes(ann, "?tab=muted")
    assert (muted["signature"], muted["standing"], muted["owner"]) == (cause["signature"], "muted", "bob")
    assert cause["signature"] not in {each["signature"] for each in causes(ann)}
    ann.send(ann.get(place), "do/unmute")
    assert causes(ann, "?tab=muted") == []


@pytest.mark.feature("N8")
def test_causes_are_grouped_filtered_and_what_cannot_be_read_is_said(ann: Visitor) -> None:
    by_step = ann.get("failures?by=step")
    assert [e.text.split()[0] for e in by_step.page.all("th", scope="colgroup")] != []
    assert {each["task"] for each in causes(ann, "?task=mosaic")} == {"mosaic"}
    wrong = ann.get("failures?since=tomorrowish")
    assert wrong.status == 400
    assert wrong.page.one("p", id="since-e").text
    assert wrong.page.one("input", name="since")["value"] == "tomorrowish"
    hidden = ann.get("failures?task=reduce")
    assert "No open cause matches this filter." in said(hidden)
    assert HOSTILE not in ann.get("failures").html
    assert ann.get("failures/nothing-such").status in (400, 404)


@pytest.mark.feature("N8", "M111")
def test_a_viewer_reads_but_does_nothing(failing: Failing, ann: Visitor) -> None:
    viewer = Visitor(failing).log_in("viewer")
    seen = viewer.get("failures")
    buttons = [e for e in seen.page.all("button") if e["name"] == "verb"]
    assert buttons
    assert all(e["aria-disabled"] and e["title"].startswith("operators only") for e in buttons)
    assert not any("disabled" in e.attributes for e in buttons), "they can be reached, and the reason read"
    csrf = ann.get("failures").page.form("failures/chosen")["csrf"]
    refused = viewer.ask("POST", "/failures/chosen", f"csrf={csrf}&verb=retry&ids=abcd".encode())
    assert refused.status == 403


def test_a_traceback_is_read_with_its_lines_and_the_last_one_counts() -> None:
    text = "Traceback (most recent call last):\nKeyError: 1\n\nDuring handling\n" + SINGULAR.replace("{n}", "7")
    found = read_traceback(text.splitlines())
    assert found is not None
    assert found.raised == "numpy.linalg.LinAlgError: Singular matrix in band 7"
    assert [(f.line, f.function, f.code, f.own) for f in found.frames] == [
        (7, "<module>", "main()", True),
        (88, "main", "gains = solve(matrix)", True),
        (409, "solve", "r = gufunc(a, b, signature=signature, extobj=extobj)", False),
        (112, "_raise", 'raise LinAlgError("Singular matrix")', False),
    ]
    assert read_traceback(["Traceback (most recent call last):", '  File "x.py", line 1']) is None
    assert read_traceback(["fine"]) is None


def test_the_lines_for_a_soft_error_fit_the_message_that_they_were_made_of() -> None:
    import re  # noqa: PLC0415
    import tomllib  # noqa: PLC0415

    rule = tomllib.loads(soft_rule("exit code 1: KeyError: <name> at <number>+<number> (load.py, read)"))
    assert re.search(rule["soft"]["output"][0], "KeyError: 'b3' at 12+99")
    assert tomllib.loads(soft_rule("exit code 137"))["soft"] == {"exit": [137]}
