"""Waiting until a processing has ended: in the loop, so that whoever waits holds no thread.

*In:* who asks, and the arguments of the verb ``wait``. *Out:* its answer as soon as the processing has ended, or as it
stands when the time is over. *Always:* each look is a call of the verb with no time to wait, which checks anew what the
caller may see; more than `MOST` at once are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from procession.api.problems import Problem
from procession.model.states import PROCESSING
from procession.verbs.instances import span

MOST = 200
"""Callers who wait at the same time."""
LOOK_EVERY = (0.1, 1.0)
"""Seconds between two looks: at first, and at last."""

Look = Callable[[dict[str, Any]], Awaitable[Any]]
"""Arguments → what the verb answers to them now."""


class Waiting:
    """All who wait."""

    def __init__(self) -> None:
        self.waiting = 0

    async def until_ended(self, given: dict[str, Any], look: Look) -> Any:
        """What the verb answers in the end; Problem 429 where too many wait."""
        if self.waiting >= MOST:
            raise Problem(429, "TooMany", f"{MOST} callers wait already; ask later, or look without waiting")
        self.waiting += 1
        try:
            return await _until_ended(given, look)
        finally:
            self.waiting -= 1


async def _until_ended(given: dict[str, Any], look: Look) -> Any:
    loop = asyncio.get_running_loop()
    until = loop.time() + span(given.get("timeout"))
    pause, most = LOOK_EVERY
    while True:
        found = await look({**given, "timeout": 0.0})
        left = until - loop.time()
        if found["state"] in PROCESSING.terminal or left <= 0:
            return found
        await asyncio.sleep(min(pause, left))
        pause = min(1.5 * pause, most)
