"""Several launchers, each with a place of its own, share the queues of one PostgreSQL."""

import signal
from collections import Counter
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest

from procession.commands import events
from procession.model.event import NewEvent
from tests.stories.serving import Launchers
from tests.stories.site import GATED, TOUCH_COUNT, Site, title
from tests.waiting import eventually

CHAINS = 200
QUICK = 'cpus = 2\nlost_after = "5 s"'  # a launcher on a loaded machine may be silent for three


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


def submit(site: Site, n: int) -> list[int]:
    """Submit events; return the ids of their processings."""
    with site.project.store.begin() as tx:
        new = [NewEvent("e", {"n": i}, source="story").check() for i in range(n)]
        return [pid for answer in events.submit_all(site.project, tx, new) for pid in answer.processings]


def scripts(site: Site) -> list[int]:
    """Processes of gated scripts that live."""
    return [pid for pid in site.everything() if "gated.sh" in title(pid) and not title(pid).startswith("procession")]


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


LOSABLE = """
[tasks.t]
on = "e"
retry = { delay = "0.1 s" }
grace = "1 s"
%s
run = "./gated.sh x{id}"
"""


@pytest.mark.feature("M26", "P19")
def test_a_stopped_launcher_loses_its_scripts_to_another_and_they_end_before_that(
    site: Site, launchers: Launchers, postgres_url: str
) -> None:
    """F11, G8, I8: the old tree is dead before the new start; what the old launcher brings is late."""
    site.write(project(postgres_url, LOSABLE % 'on_lost = "retry"', QUICK), gated_sh=GATED)
    launchers.up("a")
    (running,) = submit(site, 1)
    site.began(f"x{running}")
    (tree,) = scripts(site)
    launchers.up("b")
    launchers.signal("a", signal.SIGSTOP)
    eventually(lambda: began(site)[f"x{running}"] == 2, timeout=90)  # stopped in a transaction, it ends in 15 s
    assert scripts(site) and tree not in scripts(site), "the old tree had ended before"
    launchers.signal("a", signal.SIGCONT)
    site.open(f"x{running}")
    found = site.until(running)
    assert [str(one.outcome) for one in found.steps[0].attempts] == ["lost", "succeeded"]
    assert began(site)[f"x{running}"] == 2
    (second,) = submit(site, 1)
    site.open(f"x{second}")
    assert site.until(second).state == "succeeded", "it serves on, both do"


@pytest.mark.feature("M26", "N5", "M114")
def test_a_step_of_a_silent_host_waits_for_a_person(site: Site, launchers: Launchers, postgres_url: str) -> None:
    """G8: its end is not certain, so nobody starts it anew; a person hears of it, and its launcher may come back."""
    site.write(project(postgres_url, LOSABLE % "", QUICK), gated_sh=GATED)
    launchers.up("a")
    (running,) = submit(site, 1)
    site.began(f"x{running}")
    launchers.up("b")
    launchers.signal("a", signal.SIGSTOP)
    told = eventually(lambda: [m for m in site.json("messages")["items"] if m["kind"] == "host"], timeout=60)
    assert "launcher a" in told[0]["text"]
    assert "give-up a" in told[0]["text"]
    launchers.signal("a", signal.SIGCONT)
    eventually(lambda: not [m for m in site.json("messages")["items"] if m["kind"] == "host"], timeout=60)
    site.open(f"x{running}")
    assert len(site.until(running).steps[0].attempts) == 1


@pytest.mark.feature("P19")
def test_what_ended_at_a_place_of_this_host_that_nobody_serves_is_settled(
    site: Site, launchers: Launchers, postgres_url: str
) -> None:
    site.write(project(postgres_url, LOSABLE % ""), gated_sh=GATED)
    launchers.up("a")
    (running,) = submit(site, 1)
    site.began(f"x{running}")
    launchers.up("b")
    launchers.kill("a")
    site.open(f"x{running}")
    assert site.until(running).state == "succeeded"
    assert began(site) == {f"x{running}": 1}


@pytest.mark.feature("M12", "M23")
def test_many_launchers_start_at_once(site: Site, launchers: Launchers, postgres_url: str) -> None:
    site.write(project(postgres_url, CHAIN), touch_count_sh=TOUCH_COUNT)
    for name in "abcdef":
        launchers.start(name)
    for name in "abcdef":
        eventually(lambda name=name: launchers.serves(name), timeout=60)
    submit(site, 30)
    eventually(lambda: states(site) == {"succeeded": 30}, timeout=60)
    assert set(began(site).values()) == {1}


@pytest.mark.feature("M27", "M28", "N5")
def test_launchers_are_drained_put_to_maintenance_and_stopped_from_afar(
    site: Site, launchers: Launchers, postgres_url: str
) -> None:
    tasks = CHAIN + '[tasks.care]\non = "care"\nqueue = "maintenance"\nrun = "./touch_count.sh care{id} 0 0"\n'
    site.write(project(postgres_url, tasks), touch_count_sh=TOUCH_COUNT)
    launchers.up("a", "--queue", "general")
    launchers.up("b", "--queue", "general")

    def state(name: str) -> str:
        return next((each["state"] for each in site.json("launchers")["items"] if each["name"] == name), "stopped")

    site.run("drain", "a", "-m", "a new disk")
    site.run("maintenance", "b")
    assert (state("a"), state("b")) == ("draining", "maintenance")
    (waits,) = submit(site, 1)
    site.run("emit", "care")
    eventually(lambda: [key for key in began(site) if key.startswith("care")], timeout=30)
    assert site.json("why", str(waits))["code"] == "draining"
    site.run("undrain", "b")
    assert site.until(waits).state == "succeeded"
    launchers.kill("a")
    launchers.up("a", "--queue", "general")
    assert state("a") == "draining", "it holds over a restart"
    site.run("set", "launcher:b:cpus=7")
    assert next(each for each in site.json("launchers")["items"] if each["name"] == "b")["cpus"] == 7
    site.run("stop", "--launcher", "a")
    eventually(lambda: launchers.running["a"].poll() == 0, timeout=30)
    assert state("a") == "stopped"
    assert "no launcher" in site.run("drain", "nobody", code=4).stderr
    assert "heard of" in site.run("give-up", "b", "-y", code=5).stderr


@pytest.mark.feature("P19", "N5")
def test_a_chain_goes_on_where_its_directory_is_or_is_given_up(
    site: Site, launchers: Launchers, postgres_url: str
) -> None:
    chain = '[tasks.t]\non = "e"\nretry = { delay = "0.1 s" }\nsteps = ['
    chain += '{ name = "one", run = "./gated.sh one{id}" }, { name = "two", run = "./gated.sh two{id}" }]\n'
    site.write(project(postgres_url, chain, "cpus = 4"), gated_sh=GATED)
    launchers.up("a")
    first, second = submit(site, 2)
    site.open(f"one{first}")
    site.began(f"two{first}")
    site.began(f"one{second}")
    launchers.up("b")
    launchers.kill("a")
    site.open(f"two{first}")
    assert site.until(first).state == "succeeded"
    site.open(f"one{second}")
    eventually(lambda: site.json("why", str(second))["code"] == "place", timeout=30)
    told = site.run("give-up", "a", "-y").stdout
    assert "1 processings need" in told
    site.run("cancel", str(second), "-y")
    again = int(site.json("restart", str(second), "-y")["id"])
    site.open(f"one{again}")
    site.open(f"two{again}")
    assert site.until(again).state == "succeeded"
