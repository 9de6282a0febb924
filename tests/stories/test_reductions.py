"""Reductions as real processes: retried where the surroundings said no, refused, skipped, seen in two logs."""

import hashlib
import json
import sqlite3

import pytest

from procession import Client
from tests.stories.site import Site
from tests.waiting import eventually

TASK = """\
    [tasks.reduction]
    on = "run"
    OPTIONS
    steps = [{ reduce = "reduce.py", input = "{path}", output = "archive/{run}" MORE }]
"""
SCRIPT = """\
    import reduce_vars as web_var
    def main(input_file, output_dir):
        print("factor", web_var.standard_vars["factor"])
        open(output_dir + "/out.txt", "w").write(open(input_file).read())
"""


def write(site: Site, options: str = "", more: str = "", script: str = SCRIPT) -> None:
    toml = TASK.replace("OPTIONS", options).replace("MORE", f", {more}" if more else "")
    site.write(toml, reduce_py=script, reduce_vars_py='standard_vars = {"factor": 2}\n', run_nxs="data")


def reasons(site: Site, processing_id: int) -> list[str | None]:
    return [one["reason"] for one in site.json("show", str(processing_id))["steps"][0]["attempts"]]


@pytest.mark.feature("M7", "M56", "M77", "M72")
def test_a_run_is_reduced_and_its_record_says_what_was_done(site: Site) -> None:
    write(site)
    done = site.run("run", "reduction", f"path={site.path('run.nxs')}", "run:=7", "--title", "vanadium")
    assert done.stdout == "factor 2\n"
    assert site.path("archive/7/version-1/out.txt").read_text() == "data"
    shown = site.json("show", "1")
    assert (shown["version"], shown["title"], shown["params"]["run"]) == (1, "vanadium", 7)
    outputs, (attempt,) = shown["outputs"]["reduce"], shown["steps"][0]["attempts"]
    assert outputs["inputs"] == [str(site.path("run.nxs"))]
    assert outputs["archive"] == str(site.path("archive/7/version-1"))
    for name in ("reduce.py", "reduce_vars.py"):
        text = site.path(name).read_bytes()
        assert attempt["code"][str(site.path(name))] == hashlib.sha256(text).hexdigest()
        assert (site.attempt_dir(1, 1, "reduce") / name).read_bytes() == text
    assert attempt["host"]
    assert attempt["surroundings"]["version"]
    assert attempt["surroundings"]["inputs"]["path"][0] == 4

    assert site.run("logs", "1", "reduce").stdout == "factor 2\n"
    framework = site.run("logs", "1", "--framework").stdout
    assert "archive/7/version-1: 1 of 1 files copied" in framework
    assert "factor" not in framework
    assert Client(site.root).logs(1, framework=True)["text"] == framework
    assert "".join(Client(site.root).log(1, framework=True)) == framework


@pytest.mark.feature("M77")
def test_what_is_no_reduction_has_no_framework_log(site: Site) -> None:
    site.write('[tasks.t]\non = "e"\nrun = "./one.sh"\n', one_sh="#!/bin/sh\necho one\n")
    site.run("run", "t")
    assert "has no framework log: it is no reduction" in site.run("logs", "1", "--framework", code=4).stderr


@pytest.mark.feature("M85", "M84", "M91")
def test_an_environment_error_waits_six_hours_is_shown_and_can_be_cancelled(site: Site) -> None:
    write(site)
    site.up()
    site.run("emit", "run", "path=/nowhere/run.nxs", "run:=7")
    eventually(lambda: site.get(1).steps[0].due_at is not None, what="it waits for its next try")
    step = site.get(1).steps[0]
    assert step.due_at is not None
    assert 21_500 < (step.due_at - site.project.clock.now()).total_seconds() <= 21_600
    reason = "environment: an input cannot be read: /nowhere/run.nxs: No such file or directory"
    assert reasons(site, 1) == [reason]
    assert reason in site.run("why", "1").stdout
    assert reason in site.run("show", "1").stdout
    assert site.json("cancel", "1")["answer"] == "accepted"
    assert site.get(1).state == "cancelled"


@pytest.mark.feature("M85", "M86")
def test_environment_errors_are_tried_five_times_and_errors_of_the_script_once(site: Site) -> None:
    write(site, more='environment_delay = "0 s"', script='def main(i, o): raise PermissionError(13, "denied", "/x")\n')
    site.up()
    site.run("emit", "run", "path=/nowhere/run.nxs", "run:=7")
    site.run("emit", "run", f"path={site.path('run.nxs')}", "run:=8")
    eventually(lambda: {site.get(1).state, site.get(2).state} == {"failed"}, what="both have failed")
    assert [len(reasons(site, n)) for n in (1, 2)] == [5, 1]
    assert str(site.get(1).reason).endswith("(soft error, 5 of 5 tries used)")
    assert reasons(site, 2) == ["exit code 1: PermissionError: [Errno 13] denied: '/x'"]


@pytest.mark.feature("M69")
def test_a_rule_skips_runs_and_is_the_reason(site: Site) -> None:
    write(site, options='skip_when = "run in [12, 13] or counts < 100"')
    for run, counts, state in ((12, 500, "skipped"), (14, 5, "skipped"), (15, 500, "waiting")):
        answer = site.json("emit", "run", f"path={site.path('run.nxs')}", f"run:={run}", f"counts:={counts}")
        found = site.json("show", str(answer["processings"][0]))
        assert found["state"] == state
        assert found["reason"] == ("skip_when holds: run in [12, 13] or counts < 100" if state == "skipped" else None)


@pytest.mark.feature("M69")
def test_a_script_skips_its_run_with_a_reason(site: Site) -> None:
    write(site, script='import sys\ndef main(i, o):\n    print("fewer than 100 counts")\n    sys.exit(77)\n')
    site.run("run", "reduction", f"path={site.path('run.nxs')}", "run:=7")
    found = site.get(1)
    assert (found.state, found.reason) == ("skipped", "reduce: fewer than 100 counts")
    assert not any(path.is_file() for path in site.path("archive").rglob("*"))


@pytest.mark.feature("M7", "M53")
def test_the_script_of_a_message_is_refused_unless_the_task_accepts_scripts(site: Site) -> None:
    """B30."""
    text = "def main(input_file, output_dir): print('from the message')\n"
    given = ("run", f"path={site.path('run.nxs')}", "run:=7", f"reduction_script={text}")
    write(site)
    refused = site.run("emit", *given, code=2).stderr
    assert "executes its own script alone, and the event brings one in reduction_script" in refused
    site.run("emit", *given[:3], "reduction_script= ")

    write(site, options="accept_scripts = true")
    site.run("run", "reduction", *given[1:])
    found = site.get(2)
    assert site.log(2, 1, "reduce") == b"from the message\n"
    assert (site.attempt_dir(2, 1, "reduce") / "reduce.py").read_text() == text
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert found.steps[0].attempts[0].code[str(site.path("reduce.py"))] == digest
    assert site.path("var/code", digest).read_text() == text


@pytest.mark.feature("M61", "M59", "M57")
def test_the_values_of_a_version_reach_its_script(site: Site) -> None:
    write(site)
    site.run("emit", "run", f"path={site.path('run.nxs')}", "run:=7")
    site.project.close()
    with sqlite3.connect(site.path("var/procession.db")) as database:
        chosen = json.dumps({"standard_vars": {"factor": 5}, "advanced_vars": {}})
        database.execute("UPDATE processing SET variables = ?", (chosen,))
    site.up()
    eventually(lambda: site.get(1).state == "succeeded", what="it is reduced")
    assert site.log(1, 1, "reduce") == b"factor 5\n"
    assert json.loads((site.attempt_dir(1, 1, "reduce") / "variables").read_text()) == json.loads(chosen)


@pytest.mark.feature("M73", "M57", "M7")
def test_a_new_version_has_a_folder_of_its_own_and_may_run_the_recorded_script(site: Site) -> None:
    write(site)
    site.up()
    site.run("emit", "run", f"path={site.path('run.nxs')}", "run:=7")
    eventually(lambda: site.get(1).state == "succeeded", what="the first version")
    site.path("reduce.py").write_text("def main(i, o): print('another script')\n")
    site.run("restart", "1", "--code", "recorded")
    eventually(lambda: site.get(2).state == "succeeded", what="the second version")
    assert site.log(2, 1, "reduce") == b"factor 2\n"
    assert site.path("archive/7/version-2/out.txt").read_text() == "data"


FACILITY = """\
    [tasks.reduction]
    on = "run"
    run_by = "{run}"
    experiment = "RB{rb}"
    steps = [{ reduce = "reduce.py", input = "{path}", output = "archive/RB{rb}/{run}", logs = "logs" }]
"""
ANY_INPUT = """\
    import os
    import reduce_vars as web_var
    def main(input_file, output_dir):
        files = input_file if isinstance(input_file, list) else [input_file]
        print(type(input_file).__name__, "factor", web_var.standard_vars["factor"])
        with open(os.path.join(output_dir, "out.txt"), "w") as out:
            out.write("".join(open(file).read() for file in files) * web_var.standard_vars["factor"])
        return os.path.join(os.environ["PROCESSION_PROJECT"], "users")
"""


def facility(site: Site, *runs: int, toml: str = FACILITY) -> None:
    """A facility that has reduced these runs of one experiment."""
    site.write(toml, reduce_py=ANY_INPUT, reduce_vars_py='standard_vars = {"factor": 1}\n')
    site.up()
    for number, run in enumerate(runs, 1):
        site.path(f"{run}.nxs").write_text(f"{run} ")
        site.run("emit", "run", f"path={site.path(f'{run}.nxs')}", f"run:={run}", "rb:=1")
        ended(site, number)


def ended(site: Site, number: int, state: str = "succeeded") -> None:
    eventually(lambda: site.get(number).state == state, timeout=60, what=f"processing {number} is {state}")


@pytest.mark.feature("M66", "M57")
def test_what_a_trial_makes_stays_in_its_directory(site: Site) -> None:
    facility(site, 5)
    before = {path: path.read_bytes() for name in ("archive", "users", "logs") for path in site.path(name).rglob("*.*")}
    assert sorted(path.name for path in before) == ["1-reduce-1.framework.log", "1-reduce-1.log", "out.txt", "out.txt"]
    site.run("trial", "1", "--set", "factor=3")
    ended(site, 2)
    assert site.log(2, 1, "reduce") == b"str factor 3\n"
    after = {path: path.read_bytes() for name in ("archive", "users", "logs") for path in site.path(name).rglob("*.*")}
    assert after == before
    made = site.project.var.root / "work" / "2" / "files/reduce-output/out.txt"
    assert made.read_text() == "5 5 5 "
    outputs = site.json("show", "2")["outputs"]["reduce"]
    assert outputs["extra"] == []
    assert "archive" not in outputs
    framework = site.run("logs", "2", "--framework").stdout
    assert "a trial: what it makes stays in" in framework
    assert f"main returned {site.path('users')}, to which nothing is copied: this is a trial" in framework


@pytest.mark.feature("M68", "M67")
def test_several_runs_are_reduced_as_one_and_main_gets_the_list_of_their_files(site: Site) -> None:
    facility(site, 5, 6, 9)
    answer = site.json("rerun", "--task", "reduction", "--runs", "5,6,9", "--together", "--set", "factor=2")
    assert {each["now"] for each in answer["items"]} == {4}
    ended(site, 4)
    assert site.log(4, 1, "reduce") == b"list factor 2\n"
    assert site.path("archive/RB1/5-6,9/version-1/out.txt").read_text() == "5 6 9 5 6 9 "
    shown = site.json("show", "4")
    assert shown["outputs"]["reduce"]["inputs"] == [str(site.path(f"{run}.nxs")) for run in (5, 6, 9)]
    assert (shown["run_group"], shown["experiment"]) == ("RB1", "RB1")


@pytest.mark.feature("M68", "M70")
def test_of_several_files_every_one_is_read_before_the_script_begins(site: Site) -> None:
    facility(site, 5, 6)
    site.path("6.nxs").unlink()
    site.run("rerun", "--task", "reduction", "--runs", "5,6", "--together")
    eventually(lambda: site.get(3).steps[0].due_at is not None, what="it waits for its next try")
    (reason,) = reasons(site, 3)
    assert reason == f"environment: an input cannot be read: {site.path('6.nxs')}: No such file or directory"
    assert site.log(3, 1, "reduce").startswith(b"environment: ")


@pytest.mark.feature("M68")
def test_runs_whose_files_are_parts_of_a_template_are_not_reduced_as_one_by_guessing(site: Site) -> None:
    facility(site, 5, 6, toml=FACILITY.replace('"{path}"', '"{project}/{run}.nxs"'))
    shown = site.json("show", "1")
    assert shown["outputs"]["reduce"]["inputs"] == [str(site.path("5.nxs"))]
    refused = site.run("rerun", "--task", "reduction", "--runs", "5,6", "--together", code=5).stderr
    assert "no part of {project}/{run}.nxs" in refused
