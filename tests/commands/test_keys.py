"""Cancelling by name and key: before, during and after, in every state, in any order of the two (F46, F49)."""

import os
import random
import threading
from collections.abc import Callable

import pytest

from procession.commands import events, holds, keys
from procession.commands.asked import Asked
from procession.doctor import examine
from procession.errors import Invalid
from procession.model.event import NewEvent
from procession.store import events as stored
from tests.commands.asking import ask, balanced
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

pytestmark = pytest.mark.feature("M90", "N14")

TOML = """
    [limits]
    one = 1
    [tasks.t]
    on = "e"
    at_once = 2
    uses = ["one"]
    steps = ["./one.sh", { run = "./two.sh", retry = { on = ["failed"], attempts = 3, delay = "1 h" } }]
    """
ENDED = ("succeeded", "failed", "cancelled", "skipped")


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML)


def cancel(d: Driven, key: str = "k") -> keys.KeyCancelled:
    return keys.cancel(d.project, "e", key, who=Asked("bridge:isis"))


def test_an_event_that_comes_after_its_cancel_is_stored_and_nothing_of_it_begins(d: Driven) -> None:
    assert cancel(d).state == "before"
    pid = d.born("e", key="k")
    assert d.state(pid) == "cancelled"
    assert "before it came" in (d.get(pid).reason or "")
    d.turn(3)
    assert d.get(pid).steps[0].attempt == 0
    again = d.submit("e", key="k")
    assert again.duplicate and again.processings == (pid,)
    assert cancel(d).state == "too_late"
    assert balanced(d)


def test_what_a_cancel_waits_for_is_forgotten_in_time(d: Driven) -> None:
    keys.cancel(d.project, "e", "old", who=Asked("x"), keep=60)
    keys.cancel(d.project, "e", "older", who=Asked("x"), keep=30)
    d.after(120)
    pid = d.born("e", key="old")
    assert d.state(pid) == "waiting"
    cancel(d, "new")
    with d.project.store.read() as tx:
        assert set(stored.known_keys(tx, [{"name": "e", "key": k} for k in ("old", "older", "new")])) == {
            ("e", "old"), ("e", "new"),
        }  # fmt: skip
    assert d.state(d.born("e", key="older")) == "waiting"


@pytest.mark.feature("M91")
def test_a_cancel_is_accepted_in_every_state_in_which_it_has_not_ended(d: Driven) -> None:
    waiting, held, running = d.born("e", key="a"), d.born("e", key="b"), d.born("e", key="c")
    ask(d, holds.hold_one, held)
    assert {cancel(d, key).state for key in "ab"} == {"accepted"}
    assert {d.state(pid) for pid in (waiting, held)} == {"cancelled"}
    d.turn()
    assert d.state(running) == "running"
    answer = cancel(d, "c")
    assert (answer.state, answer.processings[0][0]) == ("accepted", running)
    d.end(running, 143)
    d.turn(2)
    assert d.state(running) == "cancelled"


@pytest.mark.feature("M91")
def test_a_cancel_ends_the_chain_of_tries(d: Driven) -> None:
    pid = d.born("e", key="k")
    d.turn()
    d.end(pid)
    d.turn()
    d.end(pid, 1)
    d.turn()
    assert d.step(pid, 2).due_at is not None
    assert cancel(d).state == "accepted"
    d.after(3 * 3600)
    d.turn(2)
    assert (d.state(pid), len(d.step(pid, 2).attempts)) == ("cancelled", 1)


@pytest.mark.feature("M91")
def test_one_that_fails_while_its_cancel_is_on_its_way_is_not_tried_again(d: Driven) -> None:
    pid = d.born("e", key="k")
    d.turn()
    d.end(pid)
    d.turn()
    assert cancel(d).state == "accepted"
    d.end(pid, 1)
    d.turn(2)
    d.after(3 * 3600)
    d.turn()
    assert (d.state(pid), len(d.step(pid, 2).attempts)) == ("cancelled", 1)


def test_all_tasks_that_took_the_event_are_cancelled(drive: Drive) -> None:  # noqa: F811
    d = drive(TOML + '[tasks.other]\n    on = "e"\n    run = "./one.sh"\n')
    both = d.submit("e", key="k").processings
    answer = cancel(d)
    assert [pid for pid, _ in answer.processings] == list(both)
    assert {d.state(pid) for pid in both} == {"cancelled"}


def test_an_event_that_no_task_took_stays_cancelled_when_one_does(drive: Drive) -> None:  # noqa: F811
    d = drive(TOML.replace('on = "e"', 'on = "e"\n    where = "sat == 1"'))
    assert d.submit("e", key="k").processings == ()
    assert cancel(d).state == "before"
    d.write(TOML)
    d.project.refresh()
    (pid,) = d.submit("e", key="k").processings
    assert d.state(pid) == "cancelled"


def test_no_cancel_without_a_proper_name_and_key(d: Driven) -> None:
    for name, key in (("e e", "k"), ("e", ""), ("e", "k" * 2000), ("call:t", "k")):
        with pytest.raises(Invalid):
            keys.cancel(d.project, name, key)


def test_whatever_comes_first_what_was_answered_holds(drive: Drive) -> None:  # noqa: F811
    """Cancels among arrivals, turns and ends in any order (`CANCEL_STEPS` of them; a night: 10,000): what was accepted
    never begins again, what was too late had ended, and what came after its cancel never began."""
    d = drive(TOML.replace("at_once = 2", "at_once = 3").replace("one = 1", "one = 3"))
    chance = random.Random(46)
    answered: dict[str, str] = {}
    begun_then: dict[str, int] = {}

    def attempts(key: str) -> int:
        found = d.rows(f"SELECT count(*) AS n FROM attempt a JOIN processing p ON p.id = a.processing_id "
                       f"JOIN event e ON e.id = p.event_id WHERE e.key = '{key}'")  # fmt: skip
        return int(found[0].n)

    for n in range(int(os.environ.get("CANCEL_STEPS", "600"))):
        key = f"k{chance.randrange(n // 4 + 1)}"
        act = chance.random()
        if act < 0.4:
            d.submit("e", key=key)
        elif act < 0.75:
            answer = cancel(d, key).state
            if answered.get(key) not in ("accepted", "before"):
                answered[key], begun_then[key] = answer, attempts(key)
        elif act < 0.9:
            d.turn()
        elif running := d.rows("SELECT processing_id AS id FROM attempt WHERE outcome IS NULL ORDER BY 1"):
            d.end(chance.choice(running).id, chance.choice((0, 0, 1, 75)))
    for _ in range(60):
        d.turn()
        for row in d.rows("SELECT DISTINCT processing_id AS id FROM attempt WHERE outcome IS NULL"):
            d.end(row.id)
        d.after(3700)
    states = {row.key: row.state for row in d.rows(
        "SELECT e.key, p.state FROM processing p JOIN event e ON e.id = p.event_id")}  # fmt: skip
    for key, answer in answered.items():
        if answer in ("accepted", "before") and key in states:
            assert states[key] in ("cancelled", "succeeded", "failed"), key
            assert attempts(key) == begun_then[key], key
            if answer == "before":
                assert (states[key], attempts(key)) == ("cancelled", 0), key
        elif answer == "too_late":
            assert states[key] in ENDED, key
    assert set(states.values()) >= {"succeeded", "cancelled"}
    assert balanced(d)
    wrong = [f for f in examine(d.project, full=True) if f.level == "wrong" and f.check != "launcher"]
    assert wrong == []


def test_a_cancel_and_an_arrival_at_the_same_moment_meet_at_the_key(drive: Drive) -> None:  # noqa: F811
    """Threads with connections of their own, on both databases: no key ends up with an event that runs although its
    cancel was answered."""
    d = drive(TOML)
    projects = [d.project.beside() for _ in range(2)]
    answers: dict[str, str] = {}
    start = threading.Barrier(2)

    def arrive() -> None:
        for n in range(40):
            start.wait()
            events.submit(projects[0], NewEvent("e", key=f"s{n}", source="test"))

    def cancels() -> None:
        for n in range(40):
            start.wait()
            answers[f"s{n}"] = keys.cancel(projects[1], "e", f"s{n}", who=Asked("test")).state

    threads = [threading.Thread(target=arrive), threading.Thread(target=cancels)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    states = {row.state for row in d.rows("SELECT state FROM processing")}
    assert states == {"cancelled"}
    assert len(answers) == 40 and set(answers.values()) <= {"before", "accepted"}
    for project in projects:
        project.close()


def test_a_cancel_that_is_renewed_while_its_event_comes_says_what_holds(drive: Drive) -> None:  # noqa: F811
    """The older cancel holds no more, so the event lives; the new one must not call it one that has not come."""
    d = drive(TOML)
    keys.cancel(d.project, "e", "k", who=Asked("x"), keep=60)
    d.after(120)
    beside = d.project.beside()
    answers: list[str] = []
    cancelling = threading.Thread(target=lambda: answers.append(keys.cancel(beside, "e", "k", who=Asked("x")).state))
    with d.project.store.begin() as tx:
        (answer,) = events.submit_all(d.project, tx, [NewEvent("e", key="k", source="test").check()])
        cancelling.start()
        cancelling.join(0.5)  # so long it waits at least, for the event is not stored yet
        assert not answers
    cancelling.join(30)
    assert answers == ["accepted"]
    assert d.state(answer.processings[0]) == "cancelled"
    beside.close()


def test_a_cancel_that_is_renewed_is_not_forgotten_by_another_that_comes_beside(drive: Drive) -> None:  # noqa: F811
    d = drive(TOML)
    keys.cancel(d.project, "e", "k", who=Asked("x"), keep=60)
    d.after(120)
    beside = d.project.beside()
    other = threading.Thread(target=lambda: keys.cancel(beside, "e", "other", who=Asked("x")))
    with d.project.store.begin() as tx:
        assert keys.cancel_in(d.project, tx, "e", "k", Asked("x")).state == "before"
        other.start()
        other.join(0.5)
    other.join(30)
    assert d.state(d.born("e", key="k")) == "cancelled"
    beside.close()
