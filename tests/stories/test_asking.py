"""The verbs as commands, by hand and from a script: one, many, in a pipe, dry; and old code run again for real."""

import json

import pytest

from tests.stories.site import Site

TOML = """
[limits]
ftp = 1
[tasks.t]
on = "e"
run = "./say.sh {n}"
[tasks.python]
on = "p"
run = "python say.py"
"""
SAY = '#!/bin/sh\necho "first $1"\n[ "$1" != bad ]\n'


def written(site: Site, toml: str = TOML) -> None:
    site.write(toml, say_sh=SAY, say_py="import beside\nprint('first', beside.NAME)\n", beside_py="NAME = 'beside'\n")


@pytest.mark.feature("P14", "M97")
def test_many_at_a_time_from_the_command_line(site: Site) -> None:
    written(site)
    site.up()
    bad = [site.emit("e", n="bad") for _ in range(3)]
    good = site.emit("e", n="good")
    for pid in (*bad, good):
        site.until(pid)
    refused = site.run("retry", "task:t", "state:failed", code=5)
    assert "3 processings are meant" in refused.stderr
    assert "--yes" in refused.stderr
    dry = site.json("retry", "task:t", "--dry-run")
    assert [one["id"] for one in dry["done"]] == bad
    assert [one["id"] for one in dry["refused"]] == [good]
    assert "it has not failed" in dry["refused"][0]["text"]
    assert [site.get(pid).state for pid in bad] == ["failed"] * 3
    said = site.run("retry", "task:t", "--yes", "-m", "the table is back", code=5)
    assert [line for line in said.stdout.splitlines() if "gets another attempt" in line]
    assert f"processing {good} refused: step say" in said.stdout
    assert "3 done, 1 refused" in said.stderr
    for pid in bad:
        assert len(site.until(pid).steps[0].attempts) == 2
        assert any(line["reason"] == "the table is back" for line in site.json("show", str(pid))["journal"])
    assert [p["id"] for p in site.json("list", "state:failed", "--limit", "2")["items"]] == bad[::-1][:2]
    assert site.json("list", "-state:failed")["items"][0]["id"] == good
    left = site.run("list", "--json", f"-{bad[0]}", "state:failed", "--", "-xyz").stdout
    assert [p["id"] for p in json.loads(left)["items"]] == bad[:0:-1]
    assert site.run("delete", code=5).stderr.count("--all") == 1
    assert "no such processings" in site.run("delete", "state:cancelled").stdout
    site.run("delete", str(bad[0]))
    site.run("show", str(bad[0]), code=4)
    site.run("retry", str(bad[0]), code=4)
    site.run("hold", str(good), code=5)
    site.run("list", "task:tt", code=4)
    site.run("list", "stat:x", code=2)


@pytest.mark.feature("P26")
@pytest.mark.parametrize("event", ["e", "p"])
def test_the_scripts_of_then_really_run_again_and_those_of_now_too(site: Site, event: str) -> None:
    written(site)
    site.up()
    pid = site.emit(event, n="x")
    site.until(pid)
    (site.root / "say.sh").write_text("#!/bin/sh\necho second\n")
    (site.root / "say.py").write_text("print('second')\n")
    now = site.json("restart", str(pid))["id"]
    assert site.until(now).state == "succeeded"
    assert site.log(now, 1, "say") == b"second\n"
    old = site.emit(event, n="x")
    site.until(old)
    site.run("delete", str(now), "--yes")
    recorded = site.json("restart", str(pid), "--code", "recorded")
    assert (recorded["version"], recorded["code_of"]) == (2, pid)
    assert site.until(recorded["id"]).state == "succeeded", site.log(recorded["id"], 1, "say")
    assert site.log(recorded["id"], 1, "say") == (b"first x\n" if event == "e" else b"first beside\n")
    assert "processing" in site.run("show", str(pid)).stdout
    site.run("restart", str(pid), code=5)


@pytest.mark.feature("M32", "M38", "P15", "M18")
def test_pause_set_hold_and_run_now_as_commands(site: Site) -> None:
    written(site)
    site.up()
    site.run("pause", "t", "--drain", "-m", "no table")
    (pause,) = site.json("status")["paused"]
    assert (pause["scope"], pause["mode"], pause["reason"]) == ("task t", "drain", "no table")
    assert "task t is paused by" in site.run("status").stdout
    pid = site.emit("e", n="x")
    assert "no table" in site.run("why", str(pid)).stdout
    assert site.run("pause", "tt", code=4).stderr.count("did you mean 't'") == 1
    site.run("pause", code=2)
    site.run("hold", str(pid), "say")
    site.run("resume", "t")
    assert site.json("why", str(pid))["code"] == "held"
    assert site.json("list", "state:held")["items"][0]["marks"] == ["held"]
    assert site.json("release", str(pid))["held_at"] is None
    assert site.until(pid).state == "succeeded"
    later = site.json("emit", "e", "n=x", "--not-before", "+1h", "--backfill")["processings"][0]
    assert site.json("show", str(later))["backfill"]
    assert site.json("why", str(later))["code"] == "not_before"
    site.run("run-now", str(later))
    assert site.until(later).state == "succeeded"
    site.run("emit", "e", "n=x", "--not-before", "soon", code=2)
    found = site.json("set", "t", "at_once=8", "-m", "more")["items"]
    assert [(s["file"], s["value"], s["reason"]) for s in found if s["name"] == "at_once:t"] == [(0, 8, "more")]
    site.run("set", "limit", "ftp=3")
    assert "limit:ftp" in site.run("settings").stdout
    site.run("set", "cpus=none", code=2)
    site.run("set", "cpsu=1", code=4)
    site.run("set", "cpus", code=2)
    site.run("reset", "t", "at_once")
    site.run("reset", "t", "at_once", code=5)


@pytest.mark.feature("M118", "N4")
def test_stats_books_and_events_as_commands(site: Site) -> None:
    written(site)
    pids = [site.emit("e", n="bad" if n == 3 else "x") for n in range(4)]
    site.run("emit", "nobody", "--key", "k")
    site.run("emit", "nobody", "--key", "k")
    site.run("emit", "e", code=2)
    site.run("emit", "b d", code=2)
    site.up()
    for pid in pids:
        site.until(pid)
    books = site.json("books")
    parts = {each["name"]: (each["came"], each["parts"]) for each in books["events"]}
    assert books["balanced"]
    assert parts["e"] == (5, {"events": 4, "repeats": 0, "refused": 1, "removed": 0})
    assert parts["nobody"] == (2, {"events": 1, "repeats": 1, "refused": 0, "removed": 0})
    assert parts["?"] == (1, {"events": 0, "repeats": 0, "refused": 1, "removed": 0})
    (task,) = site.json("stats", "--task", "t", "--days", "2")["items"]
    assert (task["now"]["succeeded"], task["now"]["failed"], task["success"]) == (3, 1, 0.75)
    assert sum(day["matched"] for day in task["days"].values()) == 4
    assert task["steps"][0]["outcomes"] == {"succeeded": 3, "failed": 1}
    assert task["steps"][0]["durations"]["n"] == 3
    assert 0 < task["durations"]["median"] <= task["durations"]["longest"]
    assert "succeeded" in site.run("stats").stdout
    site.run("stats", "--task", "no", code=4)
    (event,) = site.json("events", "--unmatched")["items"]
    assert (event["name"], event["repeats"], event["processings"]) == ("nobody", 1, [])
    page = site.json("events", "--limit", "2")
    assert len(page["items"]) == 2
    assert site.json("events", "--before", str(page["next"]), "--name", "e")["items"][0]["id"] == page["next"] - 1
    assert site.json("event", str(event["id"]))["key"] == "k"
    assert "no task took it" in site.run("event", str(event["id"])).stdout
    site.run("event", "99", code=4)
    with site.project.store.begin() as tx:  # as if something were lost
        tx.connection.exec_driver_sql(f"DELETE FROM processing WHERE id = {pids[0]}")
    lost = json.loads(site.run("books", "--json", code=1).stdout)
    assert [each["name"] for each in lost["tasks"] if not each["balanced"]] == ["t"]
    assert "do not balance" in site.run("books", code=1).stdout
