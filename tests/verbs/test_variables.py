"""Variables and versions through the door: scopes, limits by role, the audit, the same answers everywhere."""

import json
from pathlib import Path

import pytest

from procession.errors import Denied, Invalid, NotFound, Refused
from procession.verbs import Caller
from tests.commands.adjusting import DECLARED
from tests.flow.driven import Driven
from tests.verbs.calling import ask

VIEWER = Caller("vic", "http", frozenset({"read"}))
OPERATOR = Caller("olga", "http", frozenset({"read", "trigger", "operate"}))
STRANGER = Caller("sam", "http", groups=frozenset({"elsewhere"}))


@pytest.fixture
def d(tmp_path: Path) -> Driven:
    found = Driven(tmp_path / "p", f"[reruns]\noperator = 3\nadmin = 5\n{DECLARED}")
    yield found  # type: ignore[misc]
    found.close()


def ended(d: Driven, run: int) -> int:
    pid = d.born(run=run, rb="RB1", path=f"/data/{run}.nxs")
    d.turn()
    d.end(pid)
    return pid


@pytest.mark.feature("M63", "M101")
def test_a_set_is_made_listed_previewed_and_deleted(d: Driven) -> None:
    made = ask(d, "variable-set-add", task="t", texts={"threshold": "2", "spectra": "1, 2.5"}, first_run=10,
               description="<i>new</i> detector")  # fmt: skip
    assert (made["standard_vars"], made["advanced_vars"]) == ({"threshold": 2}, {"spectra": [1, 2.5]})
    assert (made["by"], made["standing"], made["description"]) == ("ada", "upcoming", "<i>new</i> detector")
    (listed,) = ask(d, "variable-sets", task="t")["items"]
    assert {**listed, "removed": [], "cut": []} == made
    seen = ask(d, "variables-preview", task="t", run=12, params='{"a": 1}')
    assert (seen["set"], seen["variables"][0]["value"]) == (made["id"], 2)
    assert [v["name"] for v in ask(d, "variables", task="t")["items"]] == [
        "threshold", "method", "spectra", "title", "live",
    ]  # fmt: skip
    gone = ask(d, "variable-set-remove", task="t", id=made["id"])
    assert gone == {"id": made["id"], "task": "t", "scope": "runs from 10", "removed": True}


@pytest.mark.feature("M60", "M101")
def test_what_is_wrong_is_refused_with_the_variable_and_the_rule(d: Driven) -> None:
    with pytest.raises(Invalid, match="variable threshold: must be a number, not 'x'"):
        ask(d, "variable-set-add", task="t", values={"threshold": "x"}, first_run=1)
    with pytest.raises(Invalid, match="variable threshold: it is given twice"):
        ask(d, "variable-set-add", task="t", values={"threshold": 1}, texts={"threshold": "1"}, first_run=1)
    with pytest.raises(Invalid, match="too large, or is none"):
        ask(d, "variable-set-add", task="t", values={"threshold": float("inf")}, first_run=1)
    with pytest.raises(Invalid, match="first_run"):
        ask(d, "variable-set-add", task="t", values={"threshold": 1}, first_run="1")
    with pytest.raises(Invalid, match="params is no JSON"):
        ask(d, "variables-preview", task="t", params="{")
    with pytest.raises(Refused, match="no file of defaults"):
        ask(d, "variables-script", task="t", run=1)


@pytest.mark.feature("M67", "M71")
def test_a_list_of_runs_is_as_long_as_the_role_allows(d: Driven) -> None:
    for run in range(1, 7):
        ended(d, run)
    with pytest.raises(Denied, match="needs the scope operate"):
        ask(d, "rerun-runs", VIEWER, task="t", runs="1")
    with pytest.raises(Invalid, match="4 runs are too many in one go; take at most 3"):
        ask(d, "rerun-runs", OPERATOR, task="t", runs="1-4")
    with pytest.raises(Invalid, match="take at most 5"):
        ask(d, "rerun-runs", task="t", runs="1-6")
    seen = ask(d, "rerun-runs", OPERATOR, task="t", runs="1-3", values={"threshold": 9}, dry_run=True)
    assert [each["done"] for each in seen["items"]] == [True] * 3
    done = ask(d, "rerun-runs", OPERATOR, task="t", runs="1-3", values={"threshold": 9})
    assert [d.get(each["now"]).version for each in done["items"]] == [2, 2, 2]
    together = ask(d, "rerun-runs", task="t", runs="4-6", together=True, dry_run=True)
    assert together["together"]


@pytest.mark.feature("M57", "M56")
def test_a_rerun_a_trial_and_what_is_different(d: Driven) -> None:
    pid = ended(d, 1)
    tried = ask(d, "trial", id=pid, texts={"live": "yes"})
    assert tried["variables"]["trial"]
    assert tried["variables"]["standard_vars"] == {"live": True}
    new = ask(d, "rerun", id=pid, values={"threshold": 3}, description="why not", reason="asked by X")
    assert (new["version"], new["description"], new["run"], new["run_group"]) == (2, "why not", 1, "RB1")
    assert [each["version"] for each in ask(d, "versions", id=new["id"])["items"]] == [1, 2]
    found = ask(d, "diff", id=new["id"])
    assert {"kind": "variable", "name": "threshold", "before": "0.5 (default)", "after": "3", "diff": None,
            "text": "variable threshold: 0.5 (default) → 3"} in found["changes"]  # fmt: skip
    with pytest.raises(Invalid, match="variables"):
        ask(d, "rerun", id=pid, variables="newest")


@pytest.mark.feature("M108", "M63")
def test_who_is_limited_to_other_groups_sees_none_of_it_and_all_is_in_the_audit(d: Driven) -> None:
    pid = ended(d, 1)
    for verb, arguments in (
        ("variables", {"task": "t"}), ("variable-sets", {"task": "t"}), ("rerun-runs", {"task": "t", "runs": "1"}),
        ("variable-set-add", {"task": "t", "values": {"threshold": 1}, "first_run": 1}), ("rerun", {"id": pid}),
        ("versions", {"id": pid}), ("diff", {"id": pid}), ("trial", {"id": pid}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            ask(d, verb, STRANGER, **arguments)  # type: ignore[arg-type]
    ask(d, "variable-set-add", task="t", values={"threshold": 1}, first_run=1)
    rows = d.rows("SELECT verb, subject, asked, outcome FROM audit WHERE outcome = 'done'")
    assert [(row[0], row[1], json.loads(row[2])["first_run"]) for row in rows] == [("variable-set-add", "task:t", 1)]
