"""N4 as a whole: whatever is killed, everything that came is accounted for, and is there once."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from procession.commands import books
from tests.stories.site import Site
from tests.stories.submitter import DIFFERENT, SENT, WORK
from tests.waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]
SUBMITTERS = 3
TOML = """
[launcher]
cpus = 2
[tasks.work]
on = "work"
run = "./work.sh {n}"
[tasks.copy]
on = "work"
run = "./work.sh {n}"
where = 'n == "1"'
[tasks.file]
on = "note"
steps = [{ run = "./work.sh {n}", when = 'kind == "b"' }]
"""


class Submitters:
    """Processes that submit, and are started again where they were killed."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.done: set[int] = set()
        self.kills = 0
        for share in range(SUBMITTERS):
            self.start(share)

    def start(self, share: int) -> None:
        words = [sys.executable, "-m", "tests.stories.submitter", str(self.site.root), str(share), str(SUBMITTERS)]
        self.running[share] = subprocess.Popen(words, cwd=REPOSITORY, env=self.site.environment)

    def kill_one(self) -> None:
        share = self.site.random.choice(sorted(self.running))
        self.running[share].kill()
        self.kills += self.running[share].wait(10) != 0

    def look(self) -> bool:
        """Start again whoever was killed; are all done?"""
        for share, one in list(self.running.items()):
            if one.poll() == 0:
                del self.running[share]
            elif one.returncode is not None:
                assert one.returncode < 0, one.returncode
                self.start(share)
        return not self.running


@pytest.mark.feature("N4")
def test_ten_thousand_events_with_repeats_and_kills_and_the_books_balance_at_every_check(site: Site) -> None:
    site.write(TOML, work_sh='#!/bin/sh\necho "$1" >> "$TRUTH"\n')
    site.run("check")
    site.up()
    submitters = Submitters(site)
    checks = kills = 0
    while not submitters.look() or kills < 3:
        pause = time.monotonic() + site.random.uniform(0.05, 0.6)
        eventually(lambda until=pause: time.monotonic() >= until)
        if submitters.running and site.random.random() < 0.3:
            submitters.kill_one()
        elif kills < 5:
            site.kill(forge_too=site.random.random() < 0.5)
            kills += 1
            site.up()
        found = books.books(site.project)
        assert found.balanced, found
        checks += 1
    print(f"{checks} checks, {kills} kills of the launcher, {submitters.kills} of submitters")

    def all_ended() -> bool:
        found = books.books(site.project)
        assert found.balanced, found
        return all(not (each.parts["waiting"] or each.parts["running"]) for each in found.tasks)

    eventually(all_ended, timeout=120, interval=0.5)
    with site.project.store.read() as tx:
        rows = tx.connection.exec_driver_sql("SELECT name, key FROM event").fetchall()
        born = tx.connection.exec_driver_sql("SELECT event_id, task FROM processing").fetchall()
    assert Counter((row.name, row.key) for row in rows) == Counter(
        (name, f"{name}-{n}") for n in range(DIFFERENT) for name in ["work" if n < WORK else "note"]
    )
    assert len(born) == len({(row.event_id, row.task) for row in born}) == DIFFERENT + 1
    found = books.books(site.project)
    repeats = sum(each.parts["repeats"] for each in found.events)
    assert repeats >= SENT - DIFFERENT  # more, where a submitter was killed between its commit and its word
    assert {each.name: each.parts["succeeded"] for each in found.tasks} == {"work": WORK, "copy": 1, "file": 0}
    assert {each.name: each.parts["skipped"] for each in found.tasks}["file"] == DIFFERENT - WORK
    assert sum(each.parts["refused"] for each in found.events) >= SENT // 300
    assert set(site.true_lines()) == set(map(str, range(WORK)))
    assert "the books balance" in site.run("books").stdout
    answer = site.json("books")
    assert answer["balanced"]
    assert {each["name"] for each in answer["events"]} == {"work", "note"}
