"""Verbs on processings: the JSON of the command line comes back, and who asked stands in the journal."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from procession import verbs
from procession.errors import Denied, Invalid, NotFound, Refused
from procession.verbs import Caller
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.verbs.calling import SOMEBODY, ask, said, story

Drive = Callable[..., Driven]
CHAIN = """
[tasks.t]
on = "e"
steps = ["./one.sh", "./two.sh"]
retry = { attempts = 1 }
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(CHAIN)


def failed(d: Driven) -> int:
    pid = d.born()
    d.turn()
    d.end(pid, 1)
    assert d.state(pid) == "failed"
    return pid


@pytest.mark.feature("P27")
def test_a_list_is_paged_by_its_cursor_and_chosen_by_a_query(d: Driven) -> None:
    ids = [d.born() for _ in range(5)]
    first = ask(d, "list", limit=3)
    assert ([p["id"] for p in first["items"]], first["next"]) == (ids[:1:-1], ids[2])
    rest = ask(d, "list", limit=3, cursor=first["next"])
    assert ([p["id"] for p in rest["items"]], rest["next"]) == (ids[1::-1], None)
    assert [p["id"] for p in ask(d, "list", query=f"task:t {ids[1]}")["items"]] == [ids[1]]
    assert first["items"][0]["why"]["code"]
    for wrong in ({"limit": 501}, {"limit": 0}, {"cursor": -1}, {"limit": True}, {"query": "stat:failed"}):
        with pytest.raises(Invalid):
            ask(d, "list", **wrong)


@pytest.mark.feature("P27")
def test_what_is_shown_is_everything_and_is_json(d: Driven) -> None:
    pid = failed(d)
    found = ask(d, "show", id=pid)
    assert json.loads(json.dumps(found)) == found
    assert (found["state"], found["steps"][0]["attempts"][0]["exit_code"]) == ("failed", 1)
    assert [line["verb"] for line in found["journal"]] == story(d, pid)
    assert ask(d, "why", id=pid)["code"] == "failed"
    assert ask(d, "changes", id=pid)["compared_with"] is None
    for unknown in (pid + 1, 2**63 - 1):
        with pytest.raises(NotFound):
            ask(d, "show", id=unknown)
    for wrong in (0, 2**63, True, "1"):
        with pytest.raises(Invalid):
            ask(d, "show", id=wrong)


@pytest.mark.feature("P27", "M98")
def test_every_act_is_done_in_the_name_of_who_asked(d: Driven) -> None:
    pid = failed(d)
    assert ask(d, "retry", id=pid, reason="once more")["state"] == "waiting"
    assert said(d, "retry")[0] == ("ada", "once more")
    assert ask(d, "hold", id=pid)["held_at"]
    assert not ask(d, "release", id=pid)["held_at"]
    assert ask(d, "cancel", id=pid, reason="too old") == {"id": pid, "answer": "accepted", "state": "cancelled"}
    assert ask(d, "cancel", id=pid)["answer"] == "too_late"
    assert ask(d, "pin", id=pid)["pinned_at"]
    with pytest.raises(Refused, match="unpin"):
        ask(d, "delete", id=pid)
    assert not ask(d, "unpin", id=pid)["pinned_at"]
    new = ask(d, "restart", id=pid, priority=7)
    assert (new["version"], new["priority"]) == (2, 7)
    assert ask(d, "delete", id=pid)["done"]
    assert {by for verb in ("retry", "hold", "release", "cancel", "pin", "unpin", "restart", "delete")
            for by, _ in said(d, verb)} == {"ada"}  # fmt: skip
    assert said(d, "cancel")[-1][1] == "too late"


@pytest.mark.feature("P27")
def test_a_restart_from_a_step_and_one_as_a_new_version_exclude_each_other(d: Driven) -> None:
    pid = failed(d)
    with pytest.raises(Invalid, match="make a new one"):
        ask(d, "restart", id=pid, step="one", fresh=True)
    with pytest.raises(Invalid, match="'now' or 'recorded'"):
        ask(d, "restart", id=pid, code="old")
    assert ask(d, "restart", id=pid, step="one")["id"] == pid


@pytest.mark.feature("P27")
def test_a_processing_that_waits_for_a_moment_can_be_hurried(d: Driven) -> None:
    ask(d, "emit", event="e", not_before="+1h")
    assert ask(d, "run-now", id=1)["due_at"] is None


@pytest.mark.feature("M98", "P27")
def test_a_delete_with_again_answers_with_the_new_processing(d: Driven) -> None:
    pid = failed(d)
    anew = ask(d, "delete", id=pid, again=True)
    assert (anew["state"], anew["event"]) == ("waiting", 1)
    assert anew["id"] != pid


def test_whoever_lacks_the_scope_learns_nothing_not_even_what_is_there(d: Driven) -> None:
    pid = failed(d)
    reader = replace(SOMEBODY, scopes=frozenset({"read"}))
    assert ask(d, "show", reader, id=pid)["id"] == pid
    for verb in verbs.load().values():
        if verb.scope != "read":
            with pytest.raises(Denied, match=verb.scope):
                ask(d, verb.name, reader, id=10**9)
    with pytest.raises(Denied):
        ask(d, "show", replace(SOMEBODY, scopes=frozenset()), id=pid)


@pytest.mark.parametrize("wrong", ["a\0b", "x" * 1001, "\ud800"])
def test_a_reason_that_no_journal_can_carry_is_refused(d: Driven, wrong: str) -> None:
    pid = failed(d)
    with pytest.raises(Invalid):
        ask(d, "retry", id=pid, reason=wrong)
    assert d.state(pid) == "failed"


def test_every_verb_has_a_line_of_help_and_a_route_of_its_own(d: Driven) -> None:
    found = verbs.load()
    routes = [(verb.method, verb.path) for verb in found.values()]
    assert len(set(routes)) == len(routes)
    for verb in found.values():
        assert (verb.act.__doc__ or "").strip(), verb.name
        named = {part.strip("{}") for part in verb.path.split("/") if part.startswith("{")}
        assert named <= set(verb.parameters), verb.name
        assert verb.method in ("GET", "POST", "PUT", "DELETE"), verb.name


def test_a_caller_is_a_value() -> None:
    assert replace(SOMEBODY, by="bob") == Caller("bob", "http")
