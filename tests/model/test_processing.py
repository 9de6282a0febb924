"""What follows from the end of an attempt, for any graph of steps, in any order of endings (G7, G10, G18)."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.model.command import Command
from procession.model.outcome import Again, Done
from procession.model.processing import MET, Consequences, next_ready, settle
from procession.model.states import PROCESSING, STEP, State
from procession.model.task import StepPlan, Task

ENDS = ("succeed", "fail", "skip", "cancel", "again", "give_back")


def graph(*needs: tuple[int, ...]) -> Task:
    """A task whose first step has the first needs, and so on."""
    return Task("t", "e", tuple(StepPlan(n, f"s{n}", Command(("/x",)), need) for n, need in enumerate(needs, 1)))


CHAIN = graph((), (1,), (2,))
DIAMOND = graph((), (1,), (1,), (2, 3))
APART = graph((), ())


@st.composite
def graphs(draw: st.DrawFn) -> Task:
    """Any graph in which a step needs earlier ones only, as `check` makes sure of."""
    n = draw(st.integers(1, 7))
    return graph(*(tuple(sorted(draw(st.sets(st.integers(1, o - 1))))) if o > 1 else () for o in range(1, n + 1)))


def how(end: str) -> Again | Done:
    return Again(1.0, "soft") if end == "again" else Done(end, "because")


class Story:
    """One processing as the flow moves it: what is allowed by the machines, checked at every move."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.steps = dict.fromkeys((plan.ordinal for plan in task.steps), State.PENDING)
        self.whole = State.RUNNING
        self.cancel_asked = False
        for ordinal in next_ready(task, self.steps):
            self.step(ordinal, "ready")

    def step(self, ordinal: int, verb: str) -> None:
        assert STEP.allows(verb, self.steps[ordinal]), (ordinal, verb, self.steps)
        self.steps[ordinal] = STEP.moves[verb].target

    def claim(self, ordinal: int) -> None:
        assert self.whole is State.RUNNING, "nothing starts in a processing that has ended"
        assert not self.cancel_asked, "nothing starts after a cancel was accepted"
        assert all(self.steps[need] in MET for need in self.task.step(ordinal).needs), "what it needs is done"
        self.step(ordinal, "claim")

    def cancel(self) -> None:
        """As `commands.processings.cancel` does it while something runs."""
        self.cancel_asked = True
        for ordinal in self.among(State.PENDING, State.READY):
            self.step(ordinal, "cancel")

    def end(self, ordinal: int, end: str) -> Consequences:
        then = settle(self.task, self.steps, ordinal, how(end), cancel_asked=self.cancel_asked)
        self.step(ordinal, then.verb)
        for each in then.ready:
            self.step(each, "ready")
        for each, verb in then.ended:
            self.step(each, verb)
        if then.processing:
            assert PROCESSING.allows(then.processing, self.whole), (then, self.whole)
            self.whole = PROCESSING.moves[then.processing].target
        return then

    def among(self, *states: State) -> list[int]:
        return [ordinal for ordinal, state in self.steps.items() if state in states]

    def play(self, chance: random.Random, ends: tuple[str, ...], cancel: float = 0.0) -> None:
        """Claim and end in any order until nothing can happen any more; again and give_back at most 20 times."""
        patience = 20
        while busy := self.among(State.READY, State.RUNNING):
            ordinal = chance.choice(busy)
            if self.steps[ordinal] is State.READY:
                self.claim(ordinal)
            else:
                if not self.cancel_asked and chance.random() < cancel:
                    self.cancel()
                end = chance.choice(ends)
                if end in ("again", "give_back"):
                    patience -= 1
                    end = end if patience > 0 else "succeed"
                self.end(ordinal, end)


@settings(max_examples=120, deadline=None)
@given(graphs(), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3]))
def test_whatever_happens_every_story_ends_once(task: Task, chance: random.Random, cancel: float) -> None:
    """Liveness and safety: when nothing runs and nothing may start, the processing has ended, by exactly one move that
    its machine allows, and no step is left that could still be claimed."""
    story = Story(task)
    story.play(chance, ENDS, cancel)
    assert story.whole in PROCESSING.terminal, story.steps
    assert not story.among(State.READY, State.RUNNING)
    if story.whole is State.SUCCEEDED:
        assert not story.among(State.FAILED, State.CANCELLED, State.PENDING)
    if story.among(State.FAILED) and not story.cancel_asked:
        assert story.whole in (State.FAILED, State.CANCELLED), "a failure is never hidden"


@settings(max_examples=100, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_where_all_steps_succeed_at_last_the_processing_succeeds_and_all_have_run(
    task: Task, chance: random.Random
) -> None:
    story = Story(task)
    story.play(chance, ("succeed", "again", "give_back"))
    assert story.whole is State.SUCCEEDED
    assert set(story.steps.values()) == {State.SUCCEEDED}


@settings(max_examples=100, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_after_a_failure_exactly_what_needs_it_stays_undone(task: Task, chance: random.Random) -> None:
    """Other branches go on to their end; so a retry has only the failed part to do."""
    story = Story(task)
    bad = chance.randint(1, len(task.steps))
    while busy := story.among(State.READY, State.RUNNING):
        ordinal = chance.choice(busy)
        if story.steps[ordinal] is State.READY:
            story.claim(ordinal)
        else:
            story.end(ordinal, "fail" if ordinal == bad else "succeed")
    behind = {bad}
    for plan in task.steps:
        if behind & set(plan.needs):
            behind.add(plan.ordinal)
    assert story.whole is State.FAILED
    assert set(story.among(State.PENDING)) == behind - {bad}
    assert set(story.among(State.SUCCEEDED)) == set(story.steps) - behind


@settings(max_examples=100, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_after_a_cancel_nothing_is_readied_or_tried_again(task: Task, chance: random.Random) -> None:
    """G18: accepted means that nothing of it starts later."""
    story = Story(task)
    for ordinal in story.among(State.READY):
        if chance.random() < 0.7:
            story.claim(ordinal)
    if not story.among(State.RUNNING):
        return
    story.cancel()
    for ordinal in story.among(State.RUNNING):
        then = story.end(ordinal, chance.choice(ENDS))
        assert then.ready == ()
        assert then.verb not in ("again", "give_back")
        assert story.steps[ordinal] in STEP.terminal
    done = set(story.steps.values()) <= MET
    assert story.whole in ({State.SUCCEEDED, State.SKIPPED} if done else {State.CANCELLED})


def test_a_chain_goes_on_step_by_step() -> None:
    """G7."""
    story = Story(CHAIN)
    for ordinal, more in ((1, (2,)), (2, (3,)), (3, ())):
        assert story.among(State.READY) == [ordinal]
        story.claim(ordinal)
        assert story.end(ordinal, "succeed").ready == more
    assert story.whole is State.SUCCEEDED


@pytest.mark.feature("P3")
def test_branches_start_together_and_join_when_both_are_done() -> None:
    story = Story(DIAMOND)
    story.claim(1)
    assert story.end(1, "succeed").ready == (2, 3)
    story.claim(2)
    story.claim(3)
    assert story.end(3, "succeed").ready == ()
    assert story.end(2, "succeed").ready == (4,)


@pytest.mark.feature("P3")
def test_a_failed_branch_waits_for_the_other_and_then_fails_the_processing() -> None:
    """In whatever order: the processing never hangs, and nothing of it starts when it has ended."""
    story = Story(APART)
    story.claim(1)
    story.claim(2)
    assert story.end(1, "fail").processing is None
    assert story.end(2, "succeed").processing == "fail"
    story = Story(APART)
    story.claim(1)
    assert story.end(1, "fail").processing is None, "the other branch may still start"
    story.claim(2)
    assert story.end(2, "fail").processing == "fail"


@pytest.mark.feature("P3")
def test_one_retry_does_not_hold_up_the_other_branch() -> None:
    story = Story(DIAMOND)
    story.claim(1)
    story.end(1, "succeed")
    story.claim(2)
    story.claim(3)
    then = story.end(2, "again")
    assert (then.verb, then.delay, then.processing, then.ready) == ("again", 1.0, None, ())
    assert story.end(3, "succeed").processing is None


@pytest.mark.feature("M69")
def test_a_script_that_skips_the_rest_ends_all_that_has_not_begun() -> None:
    story = Story(DIAMOND)
    story.claim(1)
    then = story.end(1, "skip")
    assert then.ended == ((2, "skip"), (3, "skip"), (4, "skip"))
    assert story.whole is State.SKIPPED
    story = Story(APART)
    story.claim(1)
    story.claim(2)
    story.end(1, "fail")
    assert story.end(2, "skip").processing == "fail", "a failure is never hidden"


@pytest.mark.feature("M91", "M90")
def test_a_wish_to_cancel_wins_over_another_try_but_not_over_the_truth() -> None:
    """G18."""
    last = {1: State.SUCCEEDED, 2: State.SUCCEEDED, 3: State.RUNNING}
    then = settle(CHAIN, last, 3, Done("succeed", ""), cancel_asked=True)
    assert (then.verb, then.processing) == ("succeed", "succeed")
    then = settle(CHAIN, last, 3, Again(5, "soft"), cancel_asked=True)
    assert (then.verb, then.delay, then.processing) == ("cancel", None, "cancel")
    then = settle(CHAIN, last, 3, Done("give_back", "void"), cancel_asked=True)
    assert (then.verb, then.processing) == ("cancel", "cancel")
    then = settle(CHAIN, last, 3, Done("fail", "code 1"), cancel_asked=True)
    assert (then.verb, then.processing) == ("fail", "cancel")
    first = {1: State.RUNNING, 2: State.PENDING, 3: State.PENDING}
    then = settle(CHAIN, first, 1, Done("succeed", ""), cancel_asked=True)
    assert (then.verb, then.ready, then.ended, then.processing) == (
        "succeed", (), ((2, "cancel"), (3, "cancel")), "cancel",
    )  # fmt: skip


def test_a_success_beside_an_earlier_failure_never_makes_a_cancelled_processing_succeed() -> None:
    states = {1: State.FAILED, 2: State.RUNNING}
    assert settle(APART, states, 2, Done("succeed", ""), cancel_asked=True).processing == "cancel"
    assert settle(APART, states, 2, Done("succeed", ""), cancel_asked=False).processing == "fail"


def test_what_was_claimed_and_never_begun_is_given_back_without_a_consequence() -> None:
    """G9."""
    then = settle(CHAIN, {1: State.RUNNING, 2: State.PENDING, 3: State.PENDING}, 1, Done("give_back", "void"),
                  cancel_asked=False)  # fmt: skip
    assert then == Consequences("give_back", "void", None)


def test_the_states_that_were_given_are_not_changed() -> None:
    states = {1: State.RUNNING, 2: State.PENDING, 3: State.PENDING}
    for end in ENDS:
        for cancel_asked in (False, True):
            settle(CHAIN, states, 1, how(end), cancel_asked=cancel_asked)
    assert states == {1: State.RUNNING, 2: State.PENDING, 3: State.PENDING}


def test_steps_are_next_when_their_needs_are_met_and_only_once() -> None:
    pending = dict.fromkeys((1, 2, 3, 4), State.PENDING)
    assert next_ready(DIAMOND, pending) == (1,)
    assert next_ready(DIAMOND, {**pending, 1: State.SKIPPED}) == (2, 3)
    assert next_ready(DIAMOND, {**pending, 1: State.SUCCEEDED, 2: State.READY}) == (3,)
    assert next_ready(DIAMOND, {**pending, 1: State.FAILED}) == ()
