"""In which order tests are run: what takes long begins first, so that no process is left with it at the end.

Several processes share the tests (`--dist worksteal`): each begins with an equal share of the list, in one piece, and
who has nothing left takes half of what another has not begun. So every share begins with some of the long ones, and
goes on with tests that stand beside each other and share the fixtures of their modules.
"""

from collections.abc import Sequence
from typing import TypeVar

import pytest

LONG = (
    "tests/bridges/test_restarts.py",
    "tests/demo/",
    "tests/docs/test_blocks.py",
    "tests/flow/test_lock_threads.py",
    "tests/flow/test_machine.py",
    "tests/flow/test_random_limits.py",
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


def spread(long: Sequence[Item], others: Sequence[Item], shares: int) -> list[Item]:
    """All of them: in equal shares, each of which begins with some of the long ones."""
    found: list[Item] = []
    left = len(long) + len(others)
    rest = iter(others)
    for share in range(shares):
        size = left // (shares - share)
        first = long[share::shares]
        found += first
        found += [next(rest) for _ in range(size - len(first))]
        left -= size
    return found


def put_in_order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order these in place, in all processes alike; as they stand where one process runs all of them."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.nodeid.startswith(LONG)]
    if workers > 1 and len(long) * 2 < len(items):
        others = [item for item in items if not item.nodeid.startswith(LONG)]
        items[:] = spread(long, others, workers)
