"""Several launchers, each with a place of its own, share the queues of one PostgreSQL."""

from collections import Counter
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest

from procession.commands import events
from procession.model.event import NewEvent
from tests.stories.serving import Launchers
from tests.stories.site import TOUCH_COUNT, Site
from tests.waiting import eventually

CHAINS = 200


@pytest.fixture
def launchers(site: Site) -> Iterator[Launchers]:
    """Launchers of one site, ended with the test."""
    several = Launchers(site)
    try:
        yield several
    finally:
        several.close()


def project(url: str, tasks: str, launcher: str = "cpus = 2") -> str:
    return f'[project]\ndatabase = "{url}"\n[launcher]\n{launcher}\n{tasks}'


CHAIN = """
[tasks.chain]
on = "e"
retry = { delay = "0.1 s" }
steps = [
    { name = "first", run = "./touch_count.sh {id}.1 0.02 0" },
    { name = "second", run = "./touch_count.sh {id}.2 0.02 0" },
]
"""


def submit(site: Site, n: int) -> None:
    with site.project.store.begin() as tx:
        events.submit_all(site.project, tx, [NewEvent("e", {"n": i}, source="story").check() for i in range(n)])


def rows(site: Site, sql: str) -> list[tuple[Any, ...]]:
    with site.project.store.read() as tx:
        return [tuple(row) for row in tx.connection.exec_driver_sql(sql).fetchall()]


def states(site: Site) -> dict[str, int]:
    return dict(rows(site, "SELECT state, count(*) FROM processing GROUP BY state"))


def began(site: Site) -> Counter[str]:
    """How often each script began, by its own word."""
    return Counter(line.split()[1] for line in site.true_lines() if line.startswith("start"))


@pytest.mark.feature("M12", "M19", "M20", "P19", "N2")
def test_two_launchers_share_a_queue_and_one_is_killed_in_the_middle(
    site: Site, launchers: Launchers, postgres_url: str
) -> None:
    """G8, G24: all chains end, nothing runs twice; what the killed one had goes on when its place is served again."""
    site.write(project(postgres_url, CHAIN), touch_count_sh=TOUCH_COUNT)
    launchers.up("a")
    launchers.up("b")
    submit(site, CHAINS)
    eventually(lambda: states(site).get("succeeded", 0) >= CHAINS // 4, timeout=60)
    launchers.kill("a")
    left = "SELECT count(*) FROM processing WHERE state IN ('waiting', 'running')"
    its = f"{left} AND place = '{site.path('var-a/place-id').read_text()}'"
    eventually(lambda: rows(site, left) == rows(site, its), timeout=90, what="the other has done all the rest")
    assert rows(site, its)[0][0] > 0, "it was killed too late"
    launchers.up("a")
    eventually(lambda: states(site) == {"succeeded": CHAINS}, timeout=90)
    assert len(began(site)) == 2 * CHAINS
    assert set(began(site).values()) == {1}, "nothing was lost, so nothing ran twice"
    shares = dict(
        rows(site, "SELECT l.name, count(*) FROM attempt a JOIN launcher l ON l.id = a.launcher_id GROUP BY 1")
    )
    assert set(shares) == {"a", "b"}, "both have worked"


@pytest.mark.feature("M23", "P19", "M37")
def test_each_takes_only_its_queues_and_labels(site: Site, launchers: Launchers, postgres_url: str) -> None:
    tasks = """
    [tasks.heavy]
    on = "e"
    queue = "heavy"
    run = "./touch_count.sh heavy{id} 0 0"
    [tasks.common]
    on = "e"
    run = "./touch_count.sh common{id} 0 0"
    [tasks.device]
    on = "e"
    labels = ["gpu"]
    run = "./touch_count.sh device{id} 0 0"
    """
    site.write(project(postgres_url, dedent(tasks)), touch_count_sh=TOUCH_COUNT)
    launchers.up("a", "--queue", "heavy")
    launchers.up("b", "--queue", "general", "--label", "gpu")
    submit(site, 10)
    eventually(lambda: states(site) == {"succeeded": 30}, timeout=60)
    who = rows(
        site,
        "SELECT p.task, l.name, count(*) FROM attempt a JOIN launcher l ON l.id = a.launcher_id"
        " JOIN processing p ON p.id = a.processing_id GROUP BY 1, 2 ORDER BY 1",
    )
    assert who == [("common", "b", 10), ("device", "b", 10), ("heavy", "a", 10)]
