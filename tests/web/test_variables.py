"""The tab Variables: what is declared, what a run would get, sets, trials, runs anew; what was typed stays."""

from collections.abc import Iterator

import pytest

from tests.web.failing import HOSTILE, Failing
from tests.web.visiting import Visitor

TAB = "t/reduce?tab=variables"


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    made = Failing(tmp_path_factory.mktemp("variables"))
    made.runs()
    yield made
    made.close()


@pytest.fixture
def ann(failing: Failing) -> Visitor:
    return Visitor(failing).log_in("admin")


@pytest.mark.feature("M59", "M61")
def test_the_tab_says_type_rule_help_value_and_which_step_uses_it_and_markup_stays_text(ann: Visitor) -> None:
    seen = ann.get(TAB)
    page = seen.page
    said = " ".join(page.text.split())
    assert "number, 0 to 1" in said
    assert "enum: fast, exact" in said
    assert "How it <b>counts</b>." in said
    assert "<b>counts" not in seen.html
    assert page.all("span", class_="tag")[0].text == "four"


@pytest.mark.feature("M62", "M63", "M66")
def test_a_set_that_is_refused_comes_back_as_it_was_typed_with_the_rule_beside_its_variable(
    ann: Visitor, failing: Failing
) -> None:
    form = ann.get("ask/variable-set-add?task=reduce&back=t%2Freduce%3Ftab%3Dvariables")
    typed = {"first_run": "100", "last_run": "150", "texts.threshold": "7", "texts.title": HOSTILE}
    refused = ann.send(form, "variable-set-add", **typed)
    assert refused.status == 400
    assert HOSTILE not in refused.html
    assert refused.page.one("input", name="first_run")["value"] == "100"
    assert refused.page.one("input", name="texts.title")["value"] == HOSTILE
    wrong = refused.page.one("input", name="texts.threshold")
    assert (wrong["value"], wrong["aria-invalid"]) == ("7", "true")
    beside = refused.page.one("span", id=wrong["aria-describedby"])
    assert beside.text == "variable threshold: must be at most 1, not 7"
    done = ann.send(refused, "variable-set-add", **{"texts.threshold": "0.75"})
    assert done.status == 200
    assert "runs 100 to 150" in done.page.text
    preview = ann.get(f"{TAB}&run=120")
    assert "0.75" in preview.page.text
    assert "it applies" in preview.page.text
    assert HOSTILE not in preview.html, "a value is text"
    assert HOSTILE in preview.page.text
    outside = ann.get(f"{TAB}&run=999")
    assert "the run is 999" in outside.page.text
    conflict = ann.send(form, "variable-set-add", **{"first_run": "90", "last_run": "160", "texts.live": "true"})
    assert conflict.status == 409
    assert "conflicts with set" in conflict.page.text, "the set in the way is named"
    assert conflict.page.one("input", name="last_run")["value"] == "160"


@pytest.mark.feature("M62", "M63")
def test_a_set_is_changed_from_what_it_is_and_removed(ann: Visitor) -> None:
    form = ann.get("ask/variable-set-add?task=reduce&back=t%2Freduce%3Ftab%3Dvariables")
    made = ann.send(form, "variable-set-add", group="RB7", **{"texts.method": "exact"})
    (change,) = [e["href"] for e in made.page.all("a") if "edit=" in e["href"] and _row_of(made.page, e) == "group RB7"]
    editing = ann.get(change.replace("../", ""))
    assert editing.page.one("input", name="group")["value"] == "RB7"
    assert editing.page.form("variable-set-add")["texts.method"] == "exact"
    changed = ann.send(editing, "variable-set-add", **{"texts.method": "fast", "texts.live": "true"})
    assert changed.page.text.count("group RB7") == 1
    assert "method = fast" in changed.page.text
    remove = next(e["href"] for e in changed.page.all("a") if "variable-set-remove" in e["href"])
    gone = ann.send(ann.get(remove.replace("../", "")), "variable-set-remove")
    assert gone.status == 200
    assert "group RB7" not in gone.page.text


def _row_of(page: object, link: object) -> str:
    """What stands first in the row of a link."""
    elements = page.elements  # type: ignore[attr-defined]
    before = elements[: elements.index(link)]
    row = next(each for each in reversed(before) if each.tag == "tr")
    return " ".join(row.text.split())[:9]


@pytest.mark.feature("M67", "M64")
def test_a_trial_and_a_version_with_changes_are_made_from_the_same_form(ann: Visitor, failing: Failing) -> None:
    pid = min(each.id for each in failing.driven.rows("SELECT id FROM processing WHERE run_number = 101"))
    form = ann.get(f"ask/trial?id={pid}&back=t%2Freduce%3Ftab%3Dvariables")
    refused = ann.send(form, "trial", **{"texts.threshold": "no", "description": "Try it"})
    assert refused.page.one("input", name="texts.threshold")["value"] == "no"
    assert refused.page.one("input", name="description")["value"] == "Try it"
    tried = ann.send(refused, "trial", **{"texts.threshold": "0.9"})
    assert tried.status == 200
    (newest,) = failing.driven.rows("SELECT id, variables FROM processing ORDER BY id DESC LIMIT 1")
    assert '"trial": true' in newest.variables
    assert '"threshold": 0.9' in newest.variables
    again = ann.get(f"ask/rerun?id={pid}")
    assert "Run as version 2" in again.page.text
    ann.send(again, "rerun", **{"texts.method": "exact", "script": "current"})
    assert failing.driven.get(pid).replaced_by is not None


@pytest.mark.feature("M68", "M65")
def test_runs_of_a_list_are_seen_before_they_are_processed_anew(ann: Visitor, failing: Failing) -> None:
    first = ann.get("ask/rerun-runs?task=reduce&back=t%2Freduce%3Ftab%3Dvariables")
    assert first.page.form("rerun-runs")["runs"] == ""
    wrong = ann.get("ask/rerun-runs?task=reduce&runs=1,x")
    assert wrong.page.one("input", name="runs")["value"] == "1,x"
    assert "'x'" in wrong.page.text
    missing = ann.get("ask/rerun-runs?task=reduce&runs=100,777")
    assert "run 777" in missing.page.text
    assert missing.page.all("button", class_="btn btn-primary")[-1]["aria-disabled"]
    seen = ann.get("ask/rerun-runs?task=reduce&runs=100,102-103&texts.threshold=0.1&back=t%2Freduce%3Ftab%3Dvariables")
    assert "3 runs" in seen.page.text
    assert "threshold = 0.1" in seen.page.text
    before = len(failing.driven.rows("SELECT id FROM processing"))
    done = ann.send(seen, "rerun-runs")
    assert done.status == 200
    rows = failing.driven.rows("SELECT run_number AS run, version, variables FROM processing ORDER BY id DESC LIMIT 3")
    assert len(failing.driven.rows("SELECT id FROM processing")) == before + 3
    assert {(row.run, row.version) for row in rows} == {(100, 2), (102, 2), (103, 2)}
    assert all('"threshold": 0.1' in row.variables for row in rows)


@pytest.mark.feature("M66")
def test_what_cannot_be_read_of_a_run_is_said_and_the_rest_is_shown(ann: Visitor) -> None:
    for wrong in ("run=many", "params=%5B1%5D", "params=%7B", "run=-1"):
        seen = ann.get(f"{TAB}&{wrong}")
        assert seen.status == 200, wrong
        assert seen.page.one("p", id="preview-e").text, wrong
        assert "threshold" in seen.page.text
    none = ann.get("t/mosaic?tab=variables")
    assert "This task has no variables." in none.page.text
    assert ".variables]\nthreshold = 0.5</code>" in none.html  # two lines, as they are copied


@pytest.mark.feature("M111")
def test_a_viewer_sees_the_buttons_but_they_do_nothing(failing: Failing) -> None:
    viewer = Visitor(failing).log_in("viewer")
    page = viewer.get(TAB).page
    refused = [each for each in page.all("button") if each["title"].startswith("operators only")]
    assert len(refused) >= 2 + 4, "to set, to process anew, and for each processing"
    assert all(each["aria-disabled"] for each in refused)
    assert not [each for each in page.all("a") if "ask/" in each["href"]]
