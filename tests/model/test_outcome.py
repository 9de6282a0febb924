"""What follows from an outcome: how often, when, and when no more (G12, G15)."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.outcome import TEMPORARY, UNCERTAIN, UNCERTAIN_LIMIT, Again, Done, Ending, Outcome, Used, follow
from procession.model.task import RetryPolicy

POLICY = RetryPolicy(attempts=3, soft_attempts=10, delay=60, factor=2, max_delay=3600)


def no_jitter() -> float:
    return 1.0


def tries(outcome: Outcome, policy: RetryPolicy = POLICY, **fields: object) -> int:
    """How many attempts in all, if every one of them ends like this."""
    for n in range(1, 1000):
        soft = n if outcome is Outcome.RETRY else 0
        used = Used(soft, n - soft, n if outcome in UNCERTAIN else 0)
        if isinstance(follow(Ending(outcome, "why", **fields), policy, used, no_jitter), Done):  # type: ignore[arg-type]
            return n
    raise AssertionError("it is tried for ever")


@pytest.mark.feature("M86", "M83")
@given(st.integers(1, 40), st.integers(1, 40))
def test_every_budget_is_used_up_exactly(hard: int, soft: int) -> None:
    """G15: soft errors have a budget of their own; the others share one."""
    policy = RetryPolicy(attempts=hard, soft_attempts=soft)
    assert tries(Outcome.RETRY, policy) == soft
    assert tries(Outcome.TIMEOUT, policy) == hard
    assert tries(Outcome.FAILED, RetryPolicy(attempts=hard, soft_attempts=soft, on=("failed",))) == hard
    assert tries(Outcome.LOST, policy) == min(hard, UNCERTAIN_LIMIT)
    assert tries(Outcome.NOT_STARTED, policy, errno=errno.ENOMEM) == min(hard, UNCERTAIN_LIMIT)


@pytest.mark.feature("M85")
def test_a_plain_failure_is_tried_again_only_where_the_task_says_so() -> None:
    failed = Ending(Outcome.FAILED, "exit code 1", 1)
    assert follow(failed, POLICY, Used(0, 1), no_jitter) == Done("fail", "exit code 1")
    assert isinstance(follow(failed, RetryPolicy(on=("failed",)), Used(0, 1), no_jitter), Again)


@pytest.mark.feature("M86")
def test_the_reason_says_which_budget_was_used_up() -> None:
    done = follow(Ending(Outcome.RETRY, "no link"), POLICY, Used(soft=10), no_jitter)
    assert done == Done("fail", "no link (soft error, 10 of 10 tries used)")
    done = follow(Ending(Outcome.TIMEOUT), POLICY, Used(hard=3), no_jitter)
    assert done == Done("fail", "timeout, 3 of 3 tries used")


def test_soft_errors_and_hard_ones_do_not_use_each_other_s_budget() -> None:
    assert isinstance(follow(Ending(Outcome.TIMEOUT), POLICY, Used(soft=9, hard=2), no_jitter), Again)
    assert isinstance(follow(Ending(Outcome.RETRY), POLICY, Used(soft=9, hard=2), no_jitter), Again)
    assert isinstance(follow(Ending(Outcome.RETRY), POLICY, Used(soft=10, hard=0), no_jitter), Done)


@pytest.mark.parametrize(
    ("outcome", "verb"),
    [
        (Outcome.SUCCEEDED, "succeed"),
        (Outcome.SKIPPED, "skip"),
        (Outcome.CANCELLED, "cancel"),
        (Outcome.VOID, "give_back"),
    ],
)
def test_what_is_certain_is_done_whatever_was_used(outcome: Outcome, verb: str) -> None:
    for used in (Used(), Used(99, 99, 99)):
        assert follow(Ending(outcome, "r"), POLICY, used, no_jitter) == Done(verb, "r")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_consequence_and_only_success_succeeds(outcome: Outcome) -> None:
    """G12: unknown is never success."""
    for policy in (POLICY, RetryPolicy(on=("failed",))):
        for used in (Used(), Used(1, 1, 1), Used(50, 50, 50)):
            then = follow(Ending(outcome), policy, used, no_jitter)
            assert isinstance(then, Again | Done)
            if isinstance(then, Done):
                assert (then.verb == "succeed") is (outcome is Outcome.SUCCEEDED)


# ── without a certain end ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outcome", UNCERTAIN)
def test_three_attempts_in_a_row_without_a_certain_end_are_quarantined_whatever_is_left(outcome: Outcome) -> None:
    """G15."""
    generous = RetryPolicy(attempts=1000, soft_attempts=1000, on=("memory",))
    ending = Ending(outcome, "shim_died", errno=errno.EAGAIN)
    for in_a_row in (1, 2):
        assert isinstance(follow(ending, generous, Used(0, 50, in_a_row), no_jitter), Again)
    done = follow(ending, generous, Used(0, 3, 3), no_jitter)
    assert isinstance(done, Done)
    assert done.verb == "fail"
    assert done.reason == "quarantined after 3 attempts without a certain end: shim_died"


def test_a_program_that_can_never_start_is_not_tried_again() -> None:
    for number in (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.EISDIR, errno.E2BIG, None):
        done = follow(Ending(Outcome.NOT_STARTED, "no such file", errno=number), POLICY, Used(0, 1, 1), no_jitter)
        assert done == Done("fail", "no such file")


@pytest.mark.parametrize("number", sorted(TEMPORARY))
def test_a_program_that_the_machine_could_not_start_now_is_tried_again(number: int) -> None:
    assert isinstance(follow(Ending(Outcome.NOT_STARTED, errno=number), POLICY, Used(0, 1, 1), no_jitter), Again)


# ── when ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("P10")
@given(
    st.floats(0.001, 1e5),
    st.floats(1, 10),
    st.floats(0.001, 1e6),
    st.integers(1, 900),
    st.floats(0, 1, exclude_max=True),
)
def test_the_delay_is_a_part_of_a_growing_span_that_is_capped(
    delay: float, factor: float, cap: float, used: int, chance: float
) -> None:
    """G15: full jitter; also where the span has grown beyond all numbers."""
    policy = RetryPolicy(soft_attempts=1000, delay=delay, factor=factor, max_delay=cap)
    then = follow(Ending(Outcome.RETRY), policy, Used(soft=used), lambda: chance)
    assert isinstance(then, Again)
    assert 0 <= then.delay <= cap
    longest = follow(Ending(Outcome.RETRY), policy, Used(soft=used), no_jitter)
    assert isinstance(longest, Again)
    assert then.delay <= longest.delay
    if used > 1:
        before = follow(Ending(Outcome.RETRY), policy, Used(soft=used - 1), no_jitter)
        assert isinstance(before, Again)
        assert before.delay <= longest.delay


def test_the_span_doubles_from_try_to_try() -> None:
    spans = [follow(Ending(Outcome.RETRY), POLICY, Used(soft=n), no_jitter) for n in range(1, 9)]
    assert [s.delay for s in spans if isinstance(s, Again)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert follow(Ending(Outcome.RETRY), POLICY, Used(soft=1), lambda: 0.0) == Again(0.0, "")


@pytest.mark.feature("M84")
@given(st.floats(0, 1e7), st.integers(1, 9))
def test_the_delay_that_a_script_asks_for_is_kept_as_it_is(wanted: float, used: int) -> None:
    """But it uses the budget as any other try does."""
    ending = Ending(Outcome.RETRY, "later", 75, retry_after=wanted)
    assert follow(ending, POLICY, Used(soft=used), lambda: 0.5) == Again(wanted, "later")
    assert isinstance(follow(ending, POLICY, Used(soft=10), no_jitter), Done)
