"""One verb for many: each thing once, one bad thing stops nothing, a dry run changes nothing; on both databases."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from procession.commands import bulk, deletions, holds, processings, restarts
from procession.commands.asked import Asked, Done
from procession.errors import Invalid, NotFound, Refused
from procession.model.states import PROCESSING
from procession.project import Project
from procession.store.database import Tx
from tests.commands.asking import balanced
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.store.making import dump

Drive = Callable[..., Driven]

TOML = """
[tasks.t]
on = "e"
run = "./one.sh"
[tasks.other]
on = "o"
run = "./two.sh"
"""
ME = Asked("me", "because")


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML, cpus=400)


def zoo(d: Driven) -> dict[str, int]:
    """A processing in every state, and one of each further kind."""
    found = {state: d.born() for state in ("succeeded", "failed", "skipped", "cancelled", "replaced", "running")}
    d.turn()
    for state, code in (("succeeded", 0), ("failed", 1), ("skipped", 77), ("replaced", 1)):
        d.end(found[state], code)
    processings.cancel(d.project, found["cancelled"])
    d.turn()
    new = next(iter(bulk.each(d.project, [found["replaced"]], restarts.restart_anew, ME))).done
    assert new
    found["second version"] = new.id
    d.turn()
    d.end(new.id, 1)
    found["retrying"] = d.born()
    d.turn()
    d.end(found["retrying"], 75, left={"retry_after": "1000"})
    d.leave()
    found["waiting"] = d.born()
    found["held"] = d.born()
    list(bulk.each(d.project, [found["held"]], holds.hold_one, ME))
    d.launch()
    return found


ENDED = {"succeeded", "failed", "skipped", "cancelled", "replaced", "second version"}
LIVE = {"running", "retrying", "waiting", "held"}
VERBS: dict[str, tuple[bulk.Act, set[str]]] = {
    "retry": (processings.retry_one, {"failed", "cancelled", "second version"}),
    "restart": (restarts.restart_anew, ENDED - {"replaced"}),
    "restart from": (lambda *a: restarts.restart_from(*a, "1"), ENDED - {"replaced"}),
    "cancel": (processings.cancel_one, LIVE),
    "hold": (holds.hold_one, LIVE - {"held"}),
    "release": (holds.release_one, {"held"}),
    "run now": (holds.run_one_now, {"retrying"}),
    "delete": (deletions.delete_one, ENDED),
    "delete again": (partial(deletions.delete_one, again=True), ENDED - {"replaced"}),
}


@pytest.mark.feature("P14", "M95", "M96", "M97", "P15", "M92")
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_done_or_refused_in_every_state_by_the_table_of_moves(d: Driven, verb: str) -> None:
    found = zoo(d)
    states = {kind: d.state(pid) for kind, pid in found.items()}
    assert set(states.values()) == set(map(str, PROCESSING.states))
    act, allowed = VERBS[verb]
    name = verb.split(maxsplit=1)[0]
    if name in PROCESSING.moves:
        by_table = {kind for kind, state in states.items() if PROCESSING.allows(name, state)}
        assert by_table - {"replaced"} == allowed
    before = dump(d.project.store)
    dry = list(bulk.each(d.project, sorted(found.values()), act, ME, dry_run=True))
    assert dump(d.project.store) == before
    answers = {one.id: one for one in bulk.each(d.project, sorted(found.values()), act, ME)}
    assert {kind for kind, pid in found.items() if answers[pid].done} == allowed
    assert {one.id: one.done is not None for one in dry} == {i: one.done is not None for i, one in answers.items()}
    for kind in found.keys() - allowed:
        assert isinstance(answers[found[kind]].error, Refused), (kind, answers[found[kind]].error)
        assert f"processing {found[kind]}" in answers[found[kind]].text
    journal = [row for row in d.rows("SELECT * FROM journal WHERE by = 'me'") if "because" in (row.reason or "")]
    assert {row.processing_id for row in journal} >= {found[kind] for kind in allowed}
    assert balanced(d)


@pytest.mark.feature("P14", "M97")
def test_each_is_answered_once_over_all_batches_and_a_bad_one_stops_nothing(d: Driven) -> None:
    pids = [d.born() for _ in range(2 * bulk.BATCH + 30)]
    d.turn(2)
    for pid in pids:
        if d.state(pid) == "running":
            d.executor.begin(d.key(pid))
            d.executor.end(d.key(pid), 1)
    d.turn(3)
    assert {d.state(pid) for pid in pids} == {"failed"}
    bad = pids[50]

    def act(project: Project, tx: Tx, processing_id: int, who: Asked) -> Done:
        done = processings.retry_one(project, tx, processing_id, who)
        if processing_id == bad:
            raise ZeroDivisionError("this one is odd")
        return done

    ids = bulk.chosen(d.project, ["task:t", "state:failed"])
    assert ids == pids
    answers = list(bulk.each(d.project, ids, act, ME))
    assert [one.id for one in answers] == pids
    assert [(one.id, one.text) for one in answers if not one.done] == [(bad, "this one is odd")]
    assert {d.state(pid) for pid in pids if pid != bad} == {"waiting"}
    assert d.state(bad) == "failed"
    assert balanced(d)


@pytest.mark.feature("P14")
def test_who_interrupts_between_batches_loses_nothing_of_what_was_done(d: Driven) -> None:
    pids = [d.born() for _ in range(bulk.BATCH + 5)]
    seen = []
    for one in bulk.each(d.project, pids, holds.hold_one, ME):
        seen.append(one.id)
        if len(seen) == 3:
            break
    assert seen == pids[:3]
    held = [row.id for row in d.rows("SELECT id FROM processing WHERE held_at IS NOT NULL ORDER BY id")]
    assert held == pids[: bulk.BATCH]


def test_what_is_meant_is_asked_for_in_full(d: Driven) -> None:
    pids = [d.born() for _ in range(3)]

    def chosen(*words: str, **options: Any) -> list[int]:
        return bulk.chosen(d.project, words, **options)

    assert chosen("task:t") == pids
    assert chosen(str(pids[0]), str(pids[2])) == [pids[0], pids[2]]
    assert chosen(str(pids[0]), "99") == [pids[0], 99]
    assert chosen("99", "state:failed") == []
    assert chosen("1-1000") == pids
    with pytest.raises(Refused, match="--all"):
        chosen()
    assert chosen(everything=True) == pids
    with pytest.raises(NotFound, match=r"there is no task 'oter'; did you mean 'other'\?"):
        chosen("task:oter")
    with pytest.raises(Invalid, match="no state"):
        chosen("state:fialed")
    (answer,) = bulk.each(d.project, [99], processings.retry_one, ME)
    assert isinstance(answer.error, NotFound)
