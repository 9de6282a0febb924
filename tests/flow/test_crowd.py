"""Those who bring events by the thousand come first; what has ended waits a moment, and is settled all the same."""

import threading
from collections.abc import Callable, Iterator

import pytest

from procession.commands.gathering import CROWD, LATELY, Gathering
from procession.launcher.loop import Loop
from procession.model.event import NewEvent
from tests.flow.driven import Driven
from tests.waiting import eventually

Drive = Callable[..., Driven]

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'


@pytest.fixture
def crowd(drive: Drive) -> Iterator[Callable[[], Driven]]:
    """A script that has ended, and a crowd of events that was stored at once right afterwards."""
    d = drive(ONE)

    def come() -> Driven:
        pid = d.born()
        d.turn()
        d.begin()
        d.executor.end(d.latest(pid), 0)
        d.post.hear(d.executor.drain())
        gathering = d.project.gathering = Gathering(d.project)
        d.post.crowded = lambda: gathering.crowded
        events = [NewEvent("other", {}, str(n), source="test").check() for n in range(4 * CROWD)]
        threads = [threading.Thread(target=gathering.submit, args=(event,)) for event in events]
        with d.project.store.begin():  # nobody else writes until all have come
            for each in threads:
                each.start()
            eventually(lambda: gathering.waiting >= 3 * CROWD, what="events wait to be stored")
        for each in threads:
            each.join()
        return d

    yield come
    if d.project.gathering is not None:
        d.project.gathering.close()


def turn(d: Driven, rest: float) -> None:
    """One turn of a launcher that rests until then."""
    loop = Loop(d.project)
    loop.finished = lambda: True
    loop.rests_until = rest
    loop.run()


@pytest.mark.feature("P19")
def test_while_events_crowd_in_what_has_ended_waits_for_the_rest_and_is_settled_then(
    crowd: Callable[[], Driven],
) -> None:
    d = crowd()
    rest = d.clock.monotonic() + LATELY / 2
    assert d.post.ended
    turn(d, rest)
    assert d.post.ended, "it waits: those who bring events come first"
    d.clock.advance(LATELY / 2)
    turn(d, rest)
    assert not d.post.ended
    assert d.state(1) == "succeeded"


@pytest.mark.feature("P19")
def test_as_soon_as_fewer_come_nothing_waits(crowd: Callable[[], Driven]) -> None:
    d = crowd()
    d.clock.advance(2 * LATELY)
    turn(d, d.clock.monotonic() + 60)
    assert d.state(1) == "succeeded"
