"""Queues share the starts by their weights; priorities are stronger (P15, M20)."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.capacity import Candidate
from procession.model.sharing import Accounts, charge, in_turn
from procession.model.wants import Wants

pytestmark = pytest.mark.feature("P15", "M20")


def one(pid: int, queue: str, priority: int = 0, *, begun: bool = False) -> Candidate:
    return Candidate(pid, 1, "t", 1.0, 0, begun, priority=priority, wants=Wants(queue=queue))


def starts(weights: dict[str, float], rounds: int, room: int) -> Counter[str]:
    """What each queue was given, where all have more than enough and so many start at a time."""
    accounts: Accounts = {}
    given_: Counter[str] = Counter()
    for n in range(rounds):
        found = [one(1000 * n + i, queue) for i, queue in enumerate(q for q in weights for _ in range(room))]
        admitted = in_turn(found, weights, accounts)[:room]
        accounts = charge(weights, admitted, weights, accounts)
        given_.update(c.wants.queue for c in admitted)
    return given_


@given(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0, 10.0]), min_size=2, max_size=4), st.integers(1, 5))
def test_starts_are_in_proportion_to_the_weights_however_little_room_there_is(weights: list[float], room: int) -> None:
    by_name = {f"q{n}": weight for n, weight in enumerate(weights)}
    total = 60 * room
    given_ = starts(by_name, 60, room)
    for name, weight in by_name.items():
        assert abs(given_[name] - total * weight / sum(weights)) <= len(weights), (by_name, given_)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.booleans()), max_size=20),
    st.dictionaries(st.sampled_from("abc"), st.floats(0, 9)),
)
def test_priorities_and_what_has_begun_are_stronger_and_within_a_queue_the_older_is_first(
    drawn: list[tuple[str, int, bool]], accounts: Accounts
) -> None:
    found = [one(pid, queue, priority, begun=begun) for pid, (queue, priority, begun) in enumerate(drawn)]
    ordered = in_turn(found, {"a": 2.0}, accounts)
    assert sorted(ordered, key=lambda c: c.processing_id) == found, "all of them, once"
    assert [c.turn[:2] for c in ordered] == sorted(c.turn[:2] for c in found)
    for queue in "abc":
        own = [c.turn for c in ordered if c.wants.queue == queue]
        assert own == sorted(own)
    assert in_turn(found, {}, accounts) == sorted(found, key=lambda c: c.turn), "no weight, no sharing"


def test_a_queue_that_was_idle_saves_nothing_up_and_one_that_had_more_waits() -> None:
    weights = {"a": 1.0, "b": 1.0}
    accounts = charge(["a"], [one(n, "a") for n in range(50)], weights, {})
    assert [c.wants.queue for c in in_turn([one(0, "a"), one(1, "b")], weights, accounts)] == ["a", "b"], (
        "joins beside a"
    )
    ahead = charge(["a", "b"], [one(n, "a") for n in range(3)], weights, accounts)
    found = [one(n, "a" if n < 4 else "b") for n in range(8)]
    assert [c.wants.queue for c in in_turn(found, weights, ahead)][:4] == ["b", "b", "b", "a"]
