"""What an attempt came to, and what follows for its step.

`Ending` is the plain fact, read from the exit record. `follow` is the rule: try again (when?), or done with it. The
rule is pure; it sees the ending, the policy and how much of the budget is used, and nothing else.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from procession.model.task import RetryPolicy, Soft

SOFT = 75
"""EX_TEMPFAIL of sysexits.h: try again later."""
SKIP = 77
"""EX_NOPERM, used by test harnesses (automake) for "skipped": skip the rest of the processing."""

UNCERTAIN_LIMIT = 3
"""So many attempts in a row that were lost, could not be started or took too much memory fail the step as quarantined,
whatever is left."""


class Outcome(StrEnum):
    """All outcomes of an attempt. Unknown is never success."""

    SUCCEEDED = "succeeded"
    RETRY = "retry"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    LOST = "lost"
    NOT_STARTED = "not_started"
    MEMORY = "memory"
    """It took more memory than it may, and was ended."""
    VOID = "void"
    """Claimed but never begun: the script was not executed and the attempt counts against nothing. Also a call that was
    ended because its launcher was stopped."""


UNCERTAIN = (Outcome.LOST, Outcome.NOT_STARTED, Outcome.MEMORY)
"""Outcomes of which a few in a row quarantine a step: what ends so endangers what runs beside it."""

TEMPORARY = frozenset(
    {
        errno.EAGAIN,
        errno.ENOMEM,
        errno.ENFILE,
        errno.EMFILE,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.ETXTBSY,
        errno.ESTALE,
    }
)
"""Errors of starting a program that the machine may get over; all others come back however often one tries."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The fact: how an attempt ended."""

    outcome: Outcome
    reason: str = ""
    exit_code: int | None = None
    signal: int | None = None
    errno: int | None = None
    """Why the program could not be started."""
    retry_after: float | None = None
    """Seconds that the script itself asks to wait."""
    told: str = ""
    """The reason without what differs from one occurrence to the next, where it is not seen from its words."""
    decided: bool = False
    """A person has just said that it fails: nobody is told what they know."""


@dataclass(frozen=True, slots=True)
class Used:
    """How much of its budget a step has used since it was last renewed, this attempt included."""

    soft: int = 0
    hard: int = 0
    """Everything else that was tried: time-outs, certain losses, programs that did not start; failures and memory where
    the policy retries them."""
    uncertain_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Again:
    """The step gets another attempt after so many seconds."""

    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The step moves by this verb and is not tried again."""

    verb: str
    reason: str


def soften(ending: Ending, soft: Soft, lines: Callable[[], Sequence[str]]) -> Ending:
    """A failure that the step's own rules call a soft error becomes one; `lines` are the last of its log."""
    if ending.outcome is not Outcome.FAILED:
        return ending
    if ending.exit_code in soft.exit:
        return replace(ending, outcome=Outcome.RETRY)
    if soft.output:
        said = lines()
        for pattern in soft.output:
            if found := next((line for line in said if re.search(pattern, line)), None):
                return replace(ending, outcome=Outcome.RETRY, reason=found.strip()[:500] or ending.reason)
    return ending


def follow(ending: Ending, policy: RetryPolicy, used: Used, jitter: Callable[[], float]) -> Again | Done:
    """Say what follows from an ending.

    `used` counts this attempt too. `jitter` returns a number in [0, 1); full jitter spreads retries of many steps
    that failed together (Brooker, "Exponential backoff and jitter", 2015). The delay a script asks for is kept as is.
    """
    match ending.outcome:
        case Outcome.SUCCEEDED:
            return Done("succeed", ending.reason)
        case Outcome.SKIPPED:
            return Done("skip", ending.reason)
        case Outcome.CANCELLED:
            return Done("cancel", ending.reason)
        case Outcome.VOID:
            return Done("give_back", ending.reason)
        case Outcome.RETRY:
            return _again("soft error", ending, policy, used.soft, policy.soft_attempts, jitter)
        case Outcome.FAILED if "failed" not in policy.on:
            return Done("fail", ending.reason)
        case Outcome.MEMORY if "memory" not in policy.on:
            return Done("fail", ending.reason)
        case outcome if outcome in UNCERTAIN and used.uncertain_in_a_row >= UNCERTAIN_LIMIT:
            return Done(
                "fail", f"quarantined after {used.uncertain_in_a_row} attempts without a certain end: {ending.reason}"
            )
        case Outcome.NOT_STARTED if ending.errno not in TEMPORARY:
            return Done("fail", ending.reason)
        case _:
            return _again(str(ending.outcome), ending, policy, used.hard, policy.attempts, jitter)


def _again(
    what: str, ending: Ending, policy: RetryPolicy, used: int, budget: int, jitter: Callable[[], float]
) -> Again | Done:
    if used >= budget:
        tries = f"{used} of {budget} tries used"
        return Done("fail", f"{ending.reason} ({what}, {tries})" if ending.reason else f"{what}, {tries}")
    if ending.retry_after is not None:
        return Again(ending.retry_after, ending.reason)
    try:
        span = min(policy.max_delay, policy.delay * policy.factor ** max(0, used - 1))
    except OverflowError:  # after hundreds of tries
        span = policy.max_delay
    return Again(span * jitter(), ending.reason)
