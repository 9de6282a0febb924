"""Verbs on tasks, settings, and of whoever operates the installation."""

from collections.abc import Callable

import pytest

from procession import verbs
from procession.errors import Denied, Invalid, NotFound, Refused
from procession.verbs import Caller
from procession.verbs.witness import subject_of
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.verbs.calling import ask, said

Drive = Callable[..., Driven]
TOML = """
[limits]
ftp = 2

[tasks.t]
on = "e"
run = "./one.sh"
group = "mission"
at_once = 3

[tasks.u]
every = "1 h"
run = "./two.sh"
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML)


@pytest.mark.feature("P27")
def test_a_task_is_shown_as_it_stands_with_its_definition(d: Driven) -> None:
    d.born()
    ask(d, "set", name="at_once:t", value=5)
    ask(d, "pause", task="t", mode="drain", reason="moving")
    found = ask(d, "task", name="t")
    assert (found["at_once"], found["now"]["waiting"], found["paused"]["mode"]) == (5, 1, "drain")
    assert found["definition"]["at_once"] == 3
    assert [task["name"] for task in ask(d, "tasks")["items"]] == ["t", "u"]
    with pytest.raises(NotFound, match="did you mean"):
        ask(d, "task", name="tt")


@pytest.mark.feature("P27", "P15")
@pytest.mark.parametrize("scope", [{"task": "t"}, {"group": "mission"}, {"everything": True}])
def test_whatever_can_be_paused_goes_on_again(d: Driven, scope: dict[str, object]) -> None:
    assert ask(d, "pause", reason="storm", **scope)["by"] == "ada"
    assert len(ask(d, "status")["paused"]) == 1
    assert ask(d, "resume", **scope)["value"] is None
    with pytest.raises(Refused):
        ask(d, "resume", **scope)
    with pytest.raises(Invalid):
        ask(d, "pause", **scope, **({"group": "mission"} if "group" not in scope else {"task": "t"}))
    with pytest.raises(Invalid, match="'stop', 'drain' or 'skip'"):
        ask(d, "pause", mode="nap", **scope)


@pytest.mark.feature("P27", "N6")
def test_a_limit_that_was_set_holds_until_it_is_reset(d: Driven) -> None:
    def held() -> object:
        return next(each["value"] for each in ask(d, "settings")["items"] if each["name"] == "limit:ftp")

    for value in (1, 1.0, "1"):
        ask(d, "set", name="limit:ftp", value=value, reason="slow")
        assert held() == 1
    assert said(d, "set")[0] == ("ada", "limit:ftp=1: slow")
    ask(d, "set", name="memory", value=8 * 10**15)
    assert next(s["value"] for s in ask(d, "settings")["items"] if s["name"] == "memory") == 8 * 10**15
    ask(d, "reset", name="limit:ftp")
    assert held() == 2
    with pytest.raises(Refused):
        ask(d, "reset", name="limit:ftp")


@pytest.mark.feature("P27")
def test_whoever_operates_sees_what_goes_on(d: Driven) -> None:
    pid = d.born()
    d.turn()
    d.begin()
    found = ask(d, "status")
    assert found["project"] == d.root.name
    assert pid in [p["id"] for p in found["running"]]
    assert ask(d, "stats", task="t", days=1)["items"][0]["now"]["running"] == 1
    assert ask(d, "books")["balanced"]
    assert ask(d, "disk")["total"] > 0
    assert ask(d, "disk-preview") == {"items": []}
    assert ask(d, "clean")["free"] > 0
    assert {each["check"] for each in ask(d, "doctor")["checks"]}
    with pytest.raises(Invalid):
        ask(d, "stats", days=0)


@pytest.mark.feature("P27")
def test_a_launcher_that_does_not_listen_is_not_told_to_leave(d: Driven) -> None:
    with pytest.raises(Invalid):
        ask(d, "stop", how="now")
    with pytest.raises(Refused, match="does not listen"):
        ask(d, "stop")
    d.leave()
    with pytest.raises(Refused, match="nobody serves"):
        ask(d, "stop", how="drain")


def test_an_empty_name_pauses_nothing_and_resumes_nothing(d: Driven) -> None:
    """The general queue is empty where work is claimed; here it has a name, and the whole project has a word."""
    ask(d, "pause", everything=True, reason="disk swap")
    for name in ("task", "group", "source", "queue"):
        for verb in ("pause", "resume"):
            with pytest.raises(Invalid, match="has a name"):
                ask(d, verb, **{name: ""})
    assert [each["reason"] for each in ask(d, "status")["paused"]] == ["disk swap"]


def test_a_paused_queue_that_has_gone_from_the_file_is_resumed(d: Driven) -> None:
    d.write(TOML.replace('run = "./one.sh"', 'run = "./one.sh"\nqueue = "night"'))
    d.project.refresh()
    ask(d, "pause", queue="night")
    d.write(TOML)
    d.project.refresh()
    assert ask(d, "resume", queue="night")["value"] is None
    with pytest.raises(NotFound):
        ask(d, "resume", queue="night")


@pytest.mark.feature("M111")
def test_who_only_tries_what_is_not_theirs_stands_in_the_audit_all_the_same(d: Driven) -> None:
    """C25: a word that a verb does not know, or that is said by who may not, hides nothing."""
    viewer = Caller("eve", "http", frozenset({"read"}))
    for verb, given in (("pause", {"everything": True}), ("batch-add", {"verb": "hold", "query": "task:t"})):
        before = d.rows("SELECT count(*) AS n FROM audit")[0].n
        with pytest.raises(Denied):
            verbs.call(d.project, viewer, verb, {**given, "dry_run": True})
        assert d.rows("SELECT count(*) AS n FROM audit")[0].n == before + 1, verb


@pytest.mark.feature("M58")
@pytest.mark.parametrize(
    ("verb", "given", "wanted"),
    [
        ("pause", {"queue": "night"}, "queue:night"),
        ("pause", {"group": "optical"}, "group:optical"),
        ("resume", {"source": "L8"}, "source:L8"),
        ("pause", {"everything": True}, "everything"),
        ("batch-add", {"verb": "retry", "query": "state:failed"}, "query:state:failed"),
        ("mute", {"signature": "ab12"}, "signature:ab12"),
    ],
)
def test_the_audit_names_what_each_call_is_about(verb: str, given: dict[str, object], wanted: str) -> None:
    assert subject_of(verb, given) == wanted
