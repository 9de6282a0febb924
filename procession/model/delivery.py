"""Delivery: something that is to be sent out, told at least once and in the order of its processing.

It is written in the transaction of the change that it tells of, so it is never forgotten and never told of what did not
happen. The receiver knows a repeat by its name. What is not taken is tried again, further and further apart, for about
a day; then people are told, and can send it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

TRIES = 10
FIRST, FACTOR = 15.0, 2.7
"""Seconds before the second try, and what each next span is multiplied with: ten tries are spread over 19 hours."""
SPREAD = 0.2
"""Part of each span that is left to chance, so that what failed together does not come together again."""
INLINE = 65_536
"""Bytes of a result that are sent along; a larger one, or bytes, are fetched from where the body says."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row."""

    id: int
    kind: str
    processing_id: int | None
    target: str
    body: str
    made_at: int
    due_at: int | None
    """The next try; None: it is over."""
    tries: int
    done_at: int | None
    problem: str | None

    @property
    def state(self) -> str:
        """``waiting``, ``delivered`` or ``failed``."""
        if self.done_at is not None:
            return "delivered"
        return "failed" if self.due_at is None else "waiting"


def next_try(tries: int, chance: Callable[[], float]) -> float | None:
    """Seconds until the next try after so many; None: there is none. `chance` is a number in [0, 1)."""
    if tries >= TRIES:
        return None
    span: float = FIRST * FACTOR ** (tries - 1)
    return span * (1 + SPREAD * (2 * chance() - 1))


def result_said(task: str, key: str | None, mime: str, content: bytes) -> dict[str, Any]:
    """What a body says of a result: the value itself where it is JSON or text and not large, else where it is."""
    said: dict[str, Any] = {"mime": mime, "size": len(content), "value": None, "inline": False}
    if len(content) <= INLINE:
        kind = mime.partition(";")[0].strip().lower()
        try:
            if kind == "application/json":
                return {**said, "value": json.loads(content), "inline": True}
            if kind.startswith("text/"):
                return {**said, "value": content.decode(), "inline": True}
        except ValueError:
            pass
    return {**said, "at": f"/api/v1/tasks/{task}/instances/{key}/result"}


def body(facts: Mapping[str, Any], result: Mapping[str, Any] | None) -> str:
    """The JSON that is sent."""
    return json.dumps({**facts, "result": result}, ensure_ascii=False, separators=(",", ":"))
