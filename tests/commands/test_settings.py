"""Pause, resume, set, reset: at once, by whom and why, over the file until they are reset; on both databases."""

from collections.abc import Callable

import pytest

from procession.commands import launchers, reasons, settings
from procession.commands.asked import Asked
from procession.commands.settings import Scope
from procession.errors import Invalid, NotFound, Refused
from procession.store import settings as store
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

TOML = """
[limits]
ftp = 2
[tasks.a]
on = "a"
group = "mission"
steps = ["./one.sh", "./two.sh"]
at_once = 1
[tasks.b]
on = "b"
run = { run = "./one.sh", uses = ["ftp"] }
"""
TOML = TOML.replace('run = { run = "./one.sh", uses = ["ftp"] }', 'steps = [{ run = "./one.sh", uses = ["ftp"] }]')
ME = Asked("me", "the table is wrong")
SCOPES = [Scope(task="a"), Scope(group="mission"), Scope()]


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML)


@pytest.mark.feature("M32", "M30")
@pytest.mark.parametrize("scope", SCOPES, ids=lambda s: s.row)
def test_a_pause_starts_nothing_and_still_collects_and_is_shown_with_who_and_why(d: Driven, scope: Scope) -> None:
    pid = d.born("a")
    d.turn()
    settings.pause(d.project, scope, "stop", ME)
    waiting = d.born("a")
    d.end(pid)
    assert d.states(pid) == ["succeeded", "ready"]
    assert d.claimed() == []
    for each in (pid, waiting):
        why = reasons.why(d.project, each)
        assert (why.code, "paused by me: the table is wrong" in why.sentence) == ("paused", True)
    (pause,) = launchers.status(d.project).pauses
    assert (pause.scope, pause.by, pause.reason, pause.mode) == (scope.text, "me", "the table is wrong", "stop")
    settings.resume(d.project, scope, ME)
    d.turn()
    assert d.claimed() == [pid]
    assert launchers.status(d.project).pauses == ()
    lines = d.rows("SELECT noun, verb, by, reason FROM journal WHERE noun = 'setting' ORDER BY id")
    assert [(row.verb, row.by) for row in lines] == [("pause", "me"), ("resume", "me")]
    assert scope.text in lines[0].reason


@pytest.mark.feature("P15", "M32")
def test_a_drain_lets_go_on_what_has_begun(d: Driven) -> None:
    pid, waiting = d.born("a"), d.born("a")
    d.turn()
    settings.pause(d.project, Scope(task="a"), "drain", ME)
    d.end(pid)
    d.end(pid)
    d.turn()
    assert (d.state(pid), d.state(waiting)) == ("succeeded", "waiting")


@pytest.mark.feature("M32")
def test_what_there_is_not_cannot_be_paused_and_near_misses_are_named(d: Driven) -> None:
    with pytest.raises(NotFound, match="there is no task 'aa'"):
        settings.pause(d.project, Scope(task="aa"), "stop", ME)
    with pytest.raises(NotFound, match=r"there is no group 'mision'; did you mean 'mission'\?"):
        settings.pause(d.project, Scope(group="mision"), "stop", ME)
    with pytest.raises(Invalid, match="no way to pause"):
        settings.pause(d.project, Scope(), "sleep", ME)
    with pytest.raises(Refused, match=r"task a is not paused$"):
        settings.resume(d.project, Scope(task="a"), ME)
    settings.pause(d.project, Scope(), "stop", ME)
    with pytest.raises(Refused, match="task a is not paused, but the project is paused by me"):
        settings.resume(d.project, Scope(task="a"), ME)


def test_resuming_a_task_forgives_its_failures_and_ends_a_suspension(d: Driven) -> None:
    with d.project.store.begin() as tx:
        store.put(tx, "pause:task:a", "stop", "procession", d.project.now(), "3 failures in a row")
    pid = d.born("a")
    d.turn()
    assert reasons.why(d.project, pid).code in ("paused", "suspended")
    d.clock.advance(5)
    settings.resume(d.project, Scope(task="a"), ME)
    assert d.rows("SELECT resumed_at FROM task WHERE name = 'a'")[0].resumed_at == d.project.now()
    d.turn()
    assert d.claimed() == [pid]


@pytest.mark.feature("M38", "M44")
@pytest.mark.parametrize(
    ("name", "text", "event", "before", "after"),
    [
        ("at_once:a", "3", "a", 1, 3),
        ("limit:ftp", "1", "b", 2, 1),
        ("limit:ftp", "3", "b", 2, 3),
        ("cpus", "1", "b", 2, 1),
    ],
)
def test_a_limit_that_is_set_holds_at_once_and_until_it_is_reset(
    d: Driven, name: str, text: str, event: str, before: int, after: int
) -> None:
    settings.change(d.project, name, text, ME)
    pids = [d.born(event) for _ in range(4)]
    d.turn()
    assert len(d.claimed()) == after
    row = next(each for each in settings.list_all(d.project) if each.name == name)
    assert (row.value, row.row and row.row.by, row.row and row.row.reason) == (int(text), "me", "the table is wrong")
    d.crash()
    d.turn()
    assert [d.state(pid) for pid in pids].count("running") == after
    settings.reset(d.project, name, ME)
    assert next(each for each in settings.list_all(d.project) if each.name == name).row is None
    for pid in pids:
        if d.state(pid) == "running":
            for _ in d.get(pid).steps:
                d.end(pid)
    more = [d.born(event) for _ in range(6)]
    d.turn()
    alive = [pid for pid in (*pids, *more) if d.state(pid) == "running"]
    assert len(alive) == before


@pytest.mark.feature("M38")
def test_values_that_cannot_be_are_refused_and_change_nothing(d: Driven) -> None:
    for name, text in (
        ("at_once:a", "-1"),
        ("at_once:a", "1.5"),
        ("cpus", "0"),
        ("limit:ftp", "many"),
        ("memory", "x"),
    ):
        with pytest.raises(Invalid):
            settings.change(d.project, name, text, ME)
    for name in ("at_once:aa", "limit:fpt", "cpu", "limits:ftp"):
        with pytest.raises(NotFound):
            settings.change(d.project, name, "1", ME)
    with pytest.raises(Refused, match="at_once:a is not set"):
        settings.reset(d.project, "at_once:a", ME)
    assert not d.rows("SELECT * FROM setting")
    said = {each.name: each.value for each in settings.list_all(d.project)}
    assert (said["cpus"], said["limit:ftp"], said["at_once:a"], said["at_once:b"]) == (4, 2, 1, 0)


@pytest.mark.feature("M113")
def test_a_banner_stands_until_it_is_cleared_and_says_by_whom(d: Driven) -> None:
    said = settings.announce(d.project, "  maintenance <b>\n", ME)
    assert (said.value, said.row and said.row.by) == ("maintenance <b>", "me")
    assert [held.value for held in settings.list_all(d.project) if held.name == "banner"] == ["maintenance <b>"]
    assert settings.announce(d.project, None, ME).value is None
    for wrong, error in ((None, Refused), ("", Refused), ("x" * 301, Invalid), ("a\0b", Invalid)):
        with pytest.raises(error):
            settings.announce(d.project, wrong, ME)
