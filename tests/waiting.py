"""The only wait that tests may do: until something is so, with a deadline that fails loudly."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def eventually(ask: Callable[[], Answer], timeout: float = 30.0, interval: float = 0.02, what: str = "") -> Answer:
    """Ask until the answer is true, and return it; fail after `timeout` seconds with the last answer.

    An AssertionError inside `ask` counts as "not yet", so that a whole assertion may be waited for.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            last: object = None
            if answer := ask():
                return answer
            last = answer
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what or ask}; the last answer was {last!r}")
        time.sleep(interval)
