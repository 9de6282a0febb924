"""A queue that is paused: no step that waits in it starts, everything else does, and why says who paused it."""

# ruff: noqa: F811  the fixture of both databases

from collections.abc import Callable
from dataclasses import replace

import pytest

from procession.commands import reasons, resources, settings
from procession.commands.asked import Asked
from procession.commands.settings import Scope
from procession.errors import Invalid, NotFound, Refused
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.verbs.calling import ask

Drive = Callable[..., Driven]
TOML = """
[tasks.day]
on = "d"
steps = ["./one.sh", { run = "./two.sh", queue = "night" }]
[tasks.night]
on = "n"
run = "./one.sh"
queue = "night"
"""
ME = Asked("me", "backup till six")
NIGHT, GENERAL = Scope(queue="night"), Scope(queue="general")

pytestmark = pytest.mark.feature("M32", "N5")


@pytest.fixture
def d(drive: Drive) -> Driven:
    d = drive(TOML, cpus=9)
    d.post.capacity = replace(d.post.capacity, queues=frozenset({"", "night"}))
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql('UPDATE launcher SET queues = \'["", "night"]\'')
    return d


def test_no_step_of_a_paused_queue_starts_until_it_is_resumed_and_why_says_who(d: Driven) -> None:
    begun = d.born("d")
    d.turn()
    settings.pause(d.project, NIGHT, "stop", ME)
    waiting = [d.born("n") for _ in range(3)]
    d.end(begun)
    d.turn()
    assert (d.states(begun), d.claimed()) == (["succeeded", "ready"], [])
    for each in (begun, *waiting):
        why = reasons.why(d.project, each)
        assert (why.code, why.name) == ("paused", "night")
        assert why.sentence == (
            "queue night is paused by me: backup till six; to go on: procession resume --queue night"
        )
    (queue,) = [each for each in resources.queues(d.project) if each.name == "night"]
    assert (queue.waiting, queue.pause and queue.pause.by) == (4, "me")
    fresh = d.born("d")
    d.turn()
    assert d.claimed() == [fresh], "other queues go on"
    settings.resume(d.project, NIGHT, ME)
    d.turn()
    assert sorted(d.claimed()) == sorted([fresh, begun, *waiting])


def test_those_behind_many_of_a_paused_queue_start(d: Driven) -> None:
    settings.pause(d.project, NIGHT, "stop", ME)
    for _ in range(600):
        d.born("n")
    fresh = d.born("d")
    d.turn()
    assert d.claimed() == [fresh]


UNLIKE = """
[limits]
"tile:{n}" = 1
ftp = 1
[tasks.a]
on = "a"
steps = ["./one.sh", { run = "./two.sh", queue = "night", uses = ["tile:{n}"] }]
[tasks.b]
on = "b"
steps = ["./one.sh", { run = "./two.sh", uses = ["ftp"] }]
"""


@pytest.mark.parametrize("closed", ["paused queue", "unserved queue", "stopped task"])
def test_begun_ones_that_want_different_things_in_a_closed_queue_hide_nobody_behind_them(
    drive: Drive, closed: str
) -> None:
    d = drive(UNLIKE, cpus=4)
    d.post.capacity = replace(d.post.capacity, cpus=201)
    if closed != "unserved queue":
        d.post.capacity = replace(d.post.capacity, queues=frozenset({"", "night"}))
    before = [d.born("a", n=n) for n in range(200)]
    behind = d.born("b")
    d.turn(10)
    assert len(d.begin()) == 201
    if closed != "unserved queue":
        settings.pause(d.project, NIGHT if closed == "paused queue" else Scope(task="a"), "stop", ME)
    d.post.capacity = replace(d.post.capacity, cpus=4)
    for each in (*before, behind):
        d.executor.end(d.latest(each), 0)
    d.turn(5)
    assert d.states(behind)[0] == d.states(before[-1])[0] == "succeeded"
    assert d.claimed() == [behind]


@pytest.mark.feature("P15")
def test_a_queue_that_drains_lets_go_on_what_has_begun(d: Driven) -> None:
    begun = d.born("d")
    d.turn()
    settings.pause(d.project, NIGHT, "drain", ME)
    waiting = d.born("n")
    d.end(begun)
    d.turn()
    assert (d.states(begun), d.state(waiting)) == (["succeeded", "running"], "waiting")


def test_the_general_queue_is_paused_by_its_name(d: Driven) -> None:
    settings.pause(d.project, GENERAL, "stop", ME)
    stopped, other = d.born("d"), d.born("n")
    d.turn()
    assert d.claimed() == [other]
    behind = d.born("d")
    for each in (stopped, behind):
        assert reasons.why(d.project, each).name == "general"
    d.end(other)
    settings.pause(d.project, GENERAL, "drain", ME)
    d.turn()
    assert d.claimed() == []
    settings.resume(d.project, GENERAL, ME)
    d.turn()
    assert d.claimed() == [stopped, behind]


def test_one_behind_a_begun_one_that_is_paused_is_not_said_to_be(d: Driven) -> None:
    """The second step of one is in the queue; the other has its first still to come, in another one."""
    begun = d.born("d")
    d.turn()
    settings.pause(d.project, NIGHT, "stop", ME)
    d.end(begun)
    fresh = d.born("d")
    assert reasons.why(d.project, begun).code == "paused"
    assert reasons.why(d.project, fresh).code == "starting"


def test_what_cannot_be_paused_so_is_refused(d: Driven) -> None:
    with pytest.raises(NotFound, match="did you mean 'night'"):
        settings.pause(d.project, Scope(queue="nigth"), "stop", ME)
    with pytest.raises(Invalid, match="events wait in no queue"):
        settings.pause(d.project, NIGHT, "skip", ME)
    with pytest.raises(Refused, match=r"^queue night is not paused$"):
        settings.resume(d.project, NIGHT, ME)
    with pytest.raises(Invalid, match="name one"):
        ask(d, "pause", queue="night", task="day")
    assert d.rows("SELECT name FROM setting") == []


@pytest.mark.feature("P27")
def test_the_verb_says_what_it_paused(d: Driven) -> None:
    found = ask(d, "pause", queue="night", mode="drain", reason="why not")
    assert (found["name"], found["value"], found["reason"]) == ("pause:queue:night", "drain", "why not")
    (queue,) = [each for each in ask(d, "queues")["items"] if each["name"] == "night"]
    assert (queue["paused"]["scope"], queue["paused"]["mode"]) == ("queue night", "drain")
    ask(d, "resume", queue="night")
    assert ask(d, "status")["paused"] == []
