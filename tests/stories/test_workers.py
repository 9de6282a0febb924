"""Two programs elsewhere share the work of one task; one of them is killed: all is done, nothing twice."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from procession.commands import instances
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from tests.flow.both import drive  # noqa: F401
from tests.waiting import eventually

MANY = 60


@pytest.mark.feature("M12", "M13", "M87")
def test_two_workers_share_the_work_and_one_is_killed(drive: Any, tmp_path: Path) -> None:  # noqa: F811
    d = drive('[tasks.Sum]\noutside = true\ntimeout = "5 min"\nretry = { attempts = 3, delay = 0 }\n')
    new = [NewInstance(f"k{n}", [n]) for n in range(MANY)]
    instances.submit_all(d.project, "Sum", new, Asked("somebody"))
    d.clock.jump(0)
    truth = tmp_path / "truth"
    truth.touch()

    def worker(name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "tests.stories.worker", str(d.root), name, str(truth)])

    one, other = worker("one"), worker("other")
    eventually(lambda: truth.read_text().count("done one") >= 5, timeout=60, what="the first has done some")
    one.kill()
    one.wait()

    def all_done() -> bool:
        rows = d.rows("SELECT claimed_at, expires_at FROM attempt WHERE outcome IS NULL AND worker = 'one'")
        if rows:  # the clock of the launcher comes, step by step, to where the first is not believed any more
            d.clock.advance(1.0)
        d.turn()
        return not d.rows("SELECT 1 FROM processing WHERE state IN ('waiting', 'running')")

    eventually(all_done, timeout=120, what="all is done")
    other.wait(60)
    states = d.rows("SELECT state, count(*) AS n FROM processing GROUP BY 1")
    assert [(row.state, row.n) for row in states] == [("succeeded", MANY)]
    done = [line.split()[2] for line in truth.read_text().splitlines() if line.startswith("done")]
    assert len(done) == len(set(done)), "nothing was done twice"
    good = d.rows("SELECT processing_id FROM attempt WHERE outcome = 'succeeded'")
    assert len(good) == MANY
    lost = d.rows("SELECT outcome, worker FROM attempt WHERE outcome <> 'succeeded'")
    assert {row.worker for row in lost} <= {"one"}
