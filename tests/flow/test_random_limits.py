"""A thousand random sets of limits and a launcher that is killed again and again (N6, G24, I15).

Keyed limits and amounts, some for a step, some from the first step to the last. After every turn what is taken is
counted anew from what really lives: never over. In the end everybody was served and nothing is taken any more.
"""

import random
from collections.abc import Callable, Iterator

import pytest

from procession.flow.room import count_live
from procession.model.limits import limit_of
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
SETS = 1_000
LIMITS = {"ftp": 3.0, "tape": 2.0, "sat:{s}": 1.0, "sat:2": 2.0, "disk:{d}": 2.5}
TOML = (
    "[limits]\n"
    + "".join(f'"{name}" = {there:g}\n' for name, there in LIMITS.items())
    + """
    [tasks.plain]
    on = "plain"
    steps = [{ run = "./one.sh", uses = ["sat:{s}", "disk:{d}"] }, { run = "./two.sh", uses = { ftp = 2, tape = 1 } }]
    [tasks.large]
    on = "large"
    run = "./one.sh"
    cpus = 4
    defaults.uses = { ftp = 3, tape = 2 }
    [tasks.holding]
    on = "holding"
    uses = { "sat:{s}" = 1, tape = 0.5 }
    steps = ["./one.sh", { run = "./two.sh", uses = { "disk:{d}" = 1.5 } }]
    [tasks.cheap]
    on = "cheap"
    run = "./one.sh"
    cpus = 0.5
    defaults.uses = { "disk:{d}" = 0.5 }
""".replace("\n    ", "\n")
)
OF_STEPS = {
    ("plain", 1): {"sat:{s}": 1.0, "disk:{d}": 1.0}, ("plain", 2): {"ftp": 2.0, "tape": 1.0},
    ("large", 1): {"ftp": 3.0, "tape": 2.0}, ("holding", 2): {"disk:{d}": 1.5}, ("cheap", 1): {"disk:{d}": 0.5},
}  # fmt: skip
OF_TASKS = {"holding": {"sat:{s}": 1.0, "tape": 0.5}}


def taken(d: Driven, keys: dict[int, dict[str, int]]) -> dict[str, float]:
    """What is really taken: by live attempts, and by processings that have begun and not ended."""
    found: dict[str, float] = {}

    def take(pid: int, uses: dict[str, float]) -> None:
        for template, amount in uses.items():
            name = template.format(**keys[pid])
            found[name] = found.get(name, 0.0) + amount

    for row in d.rows(
        "SELECT p.id, p.task, a.ordinal FROM attempt a JOIN processing p ON p.id = a.processing_id"
        " WHERE a.outcome IS NULL"
    ):
        take(row.id, OF_STEPS.get((row.task, row.ordinal), {}))
    for row in d.rows("SELECT id, task FROM processing WHERE state = 'running'"):
        take(row.id, OF_TASKS.get(row.task, {}))
    return found


def births(d: Driven, chance: random.Random, keys: dict[int, dict[str, int]]) -> Iterator[None]:
    """Submit them a few at a time."""
    while len(keys) < SETS:
        for _ in range(min(chance.randint(1, 60), SETS - len(keys))):
            own = {"s": chance.randint(1, 4), "d": chance.randint(1, 3)}
            task = chance.choice(["plain", "plain", "large", "holding", "cheap"])
            keys[d.born(task, priority=chance.choice([0, 0, 0, 5]), **own)] = own
        yield


@pytest.mark.feature("N6", "M44", "P16", "P17")
@pytest.mark.parametrize("seed", [1])
def test_a_thousand_random_sets_of_limits_with_kills_are_all_served_and_never_exceed_one(
    drive: Drive, seed: int
) -> None:
    chance = random.Random(seed)
    d = drive(TOML, cpus=6)
    keys: dict[int, dict[str, int]] = {}
    coming, kills, idle = births(d, chance, keys), 0, 0
    for _ in range(6_000):
        next(coming, None)
        d.turn()
        for name, amount in taken(d, keys).items():
            there = limit_of(name, LIMITS)
            assert there is None or amount <= there + 1e-9, (name, amount)
        d.begin()
        running = d.executor.running
        chance.shuffle(running)
        for key in running[: chance.randint(0, len(running))]:
            d.executor.end(key, chance.choice([0, 0, 0, 0, 0, 75]), left={"retry_after": "20"})
        if chance.random() < 0.04:
            d.crash()
            kills += 1
        d.clock.advance(chance.choice([0.1, 1, 15]))
        left = d.rows("SELECT count(*) FROM processing WHERE state IN ('waiting', 'running')")[0][0]
        if len(keys) == SETS and not left:
            break
        idle = 0 if running else idle + 1
        assert idle < 60, "nobody starts: they wait for each other"
    assert [tuple(row) for row in d.rows("SELECT state, count(*) FROM processing GROUP BY state")] == [
        ("succeeded", SETS)
    ]
    assert kills > 5
    with d.project.store.read() as tx:
        live = count_live(tx, d.post.place, d.project.now())
    assert (live.taken, live.cpus, live.count) == ({}, 0, 0), "nothing leaked"
