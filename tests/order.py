"""In which order tests are run, and which of the longest there is time for today.

Several processes share the tests (`--dist worksteal`): each begins with an equal share of the list, in one piece, and
who has nothing left takes half of what another has not begun. So every share begins with some of those that take long,
and goes on with tests that stand beside each other and share the fixtures of their modules.

``.ci/run`` runs the `STORIES` last, as far as its time allows, each day beginning with another one.
``python -m tests.order`` prints them as they come today, each with its seconds.
"""

import time
from collections.abc import Sequence
from typing import TypeVar

import pytest

STORIES = {
    "tests/docs/test_blocks.py": 100,
    "tests/bridges/test_restarts.py": 80,
    "tests/demo": 60,
    "tests/flow/test_random_limits.py": 45,
    "tests/flow/test_lock_threads.py": 30,
    "tests/flow/test_machine.py": 15,
}
"""What a run of CI may leave out → seconds that it takes alone on two processors. At most seven: one for each day."""
TESTS = 600
"""Seconds that all others take there: where they take longer, so do the stories."""
LONG = (
    *STORIES,
    "tests/stories/test_backup.py",
    "tests/stories/test_disk.py::test_the_budget",
    "tests/stories/test_kills.py",
    "tests/stories/test_locks.py",
    "tests/web/test_crawl.py",
    "tests/web/test_pictures.py",
    "tests/web/test_roles.py",
)
"""How the ids of tests begin that take ten seconds and more."""

Item = TypeVar("Item")


def today(day: int) -> list[str]:
    """The stories, beginning with the one whose turn it is on this day, counted from whenever."""
    stories = list(STORIES)
    first = day % len(stories)
    return stories[first:] + stories[:first]


def spread(long: Sequence[Item], others: Sequence[Item], shares: int) -> list[Item]:
    """All of them: in equal shares, each of which begins with some of the long ones. There are more others."""
    found: list[Item] = []
    rest = iter(others)
    for share in range(shares):
        size = (len(long) + len(others) - len(found)) // (shares - share)
        first = long[share::shares]
        found += first
        found += [next(rest) for _ in range(size - len(first))]
    return found


def put_in_order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order these in place, in all processes alike; as they stand where one process runs all of them."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.nodeid.startswith(LONG)]
    if workers > 1 and len(long) * 2 < len(items):
        others = [item for item in items if not item.nodeid.startswith(LONG)]
        items[:] = spread(long, others, workers)


if __name__ == "__main__":
    for name in today(int(time.time() // 86_400)):
        print(name, STORIES[name])
