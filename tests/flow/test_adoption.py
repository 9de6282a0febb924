"""A launcher that comes anew finds a thousand scripts running, and has them all in hand within a few turns (G13)."""

from collections.abc import Callable

import pytest

from procession.commands import events
from procession.model.event import NewEvent
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
MANY = 1_000


@pytest.mark.feature("M26", "M30")
def test_a_thousand_running_attempts_are_adopted_in_one_turn_and_none_is_lost_or_started_again(drive: Drive) -> None:
    d = drive('[tasks.t]\non = "e"\nrun = "./one.sh"\ncpus = 0\n', cpus=1)
    with d.project.store.begin() as tx:
        events.submit_all(d.project, tx, [NewEvent("e", {}, str(n), source="test") for n in range(MANY)])
    while len(d.executor.queue) < MANY:
        d.turn()
    began = d.begin()
    assert len(began) == MANY
    old = d.post.launcher_id
    for key in began[:300]:  # these end while nobody is there to hear of it
        d.executor.end(key, tell=False)
    d.crash()
    d.turn()
    rows = d.rows("SELECT launcher_id, outcome FROM attempt")
    assert len(rows) == MANY, "none was started again"
    accounted = sum(row.launcher_id != old or row.outcome is not None for row in rows)
    assert accounted == MANY, "all in one turn"
    d.turn(2)
    assert d.rows("SELECT count(*) FROM attempt WHERE outcome = 'succeeded'")[0][0] == 300
    for key in began[300:]:
        d.executor.end(key)
    turns = 0
    while d.rows("SELECT count(*) FROM processing WHERE state = 'running'")[0][0]:
        d.turn()
        turns += 1
        assert turns < 10
    assert {row.outcome for row in d.rows("SELECT outcome FROM attempt")} == {"succeeded"}
    assert len(d.executor.began) == MANY
