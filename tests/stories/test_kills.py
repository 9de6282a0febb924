"""The launcher is killed and comes back: scripts outlive everything but their shims, and nothing of them is lost."""

import time
from collections import Counter

import pytest

from tests.stories.site import TOUCH_COUNT, Site
from tests.waiting import eventually

LONG = """
[launcher]
cpus = 50
[tasks.count]
on = "count"
run = "./touch_count.sh {id} {seconds} {code}"
"""


@pytest.mark.feature("N2", "M29", "M12", "M88")
def test_fifty_scripts_outlive_every_kill_each_executed_once_with_its_own_code(site: Site) -> None:
    """N2, G8, G11, G13, F9, F10, F13; I6, I8, I9: launcher and forge are killed at random moments, several times."""
    site.write(LONG, touch_count_sh=TOUCH_COUNT)
    codes = [code for code in range(60) if code not in (75, 77)][:50]
    seconds = {code: round(site.random.uniform(1, 16), 2) for code in codes}
    site.up()
    pids = {code: site.emit("count", id=f"s{code}", seconds=str(seconds[code]), code=str(code)) for code in codes}
    eventually(lambda: len(site.true_lines()) >= 25, timeout=60, what="scripts have begun")
    kills = 0
    while any(site.get(pid).finished_at is None for pid in pids.values()):
        pause = time.monotonic() + site.random.uniform(0.2, 2.5)
        eventually(lambda until=pause: time.monotonic() >= until, timeout=5)
        running = len([line for line in site.true_lines() if line.startswith("start")])
        site.kill(forge_too=site.random.random() < 0.8)
        kills += 1
        away = time.monotonic() + site.random.choice((0, 0, 0.5, 2))
        eventually(lambda until=away: time.monotonic() >= until, timeout=5)
        site.up()
        assert kills < 60, running
    print(f"{kills} kills")
    assert kills >= 4

    lines = Counter(site.true_lines())
    assert lines == Counter([f"start s{c}" for c in codes] + [f"end s{c}" for c in codes])
    for code, pid in pids.items():
        step = site.get(pid).steps[0]
        executed = [one for one in step.attempts if one.outcome != "void"]
        assert [(one.number, one.exit_code) for one in executed] == [(1, code)], step.attempts
        assert executed[0].outcome == ("succeeded" if code == 0 else "failed")
        assert site.log(pid, 1, "touch_count") == f"begin s{code}\ndone s{code}\n".encode()
        took = (executed[0].finished_at - executed[0].started_at).total_seconds()  # type: ignore[operator]
        assert seconds[code] <= took < seconds[code] + 10
    eventually(lambda: site.project.var.spool.exists() and list(site.project.var.spool.glob("[!.]*")) == [], timeout=15)


SHORT = """
[launcher]
cpus = 4
[tasks.count]
on = "count"
run = "./touch_count.sh {id} 0 {code}"
"""


@pytest.mark.feature("N2", "M12", "M29")
def test_a_restart_loop_under_load_makes_progress_and_executes_everything_once(site: Site) -> None:
    """F14, G9; I6, I7, I11: many short scripts, queued ahead at the shims; the launcher is killed each moment."""
    site.write(SHORT, touch_count_sh=TOUCH_COUNT)
    pids = {n: site.emit("count", id=f"s{n}", code=str(n % 3)) for n in range(400)}
    kills, longest = 0, 0.6
    while kills < 12 or (kills < 30 and not site.true_lines()):
        site.up()
        pause = time.monotonic() + site.random.uniform(0.1, longest)
        eventually(lambda until=pause: time.monotonic() >= until, timeout=60)
        site.kill(forge_too=site.random.random() < 0.5)
        kills += 1
        if not site.true_lines():
            longest *= 1.2  # a machine that is busy begins nothing so soon
    assert site.true_lines()
    site.up()
    for pid in pids.values():
        site.until(pid, timeout=90)
    lines = Counter(site.true_lines())
    assert set(lines.values()) == {1}, [line for line, n in lines.items() if n > 1]
    assert len(lines) == 2 * len(pids)
    for n, pid in pids.items():
        attempts = site.get(pid).steps[0].attempts
        assert [one.outcome for one in attempts[:-1]] == ["void"] * (len(attempts) - 1)
        assert attempts[-1].exit_code == n % 3
        assert attempts[-1].outcome == ("failed" if n % 3 else "succeeded")
