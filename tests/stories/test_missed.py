"""What a source has and the books have not is submitted by itself, once, and people are told how many."""

from typing import Any

import pytest

from tests.stories.site import Site
from tests.waiting import eventually

pytestmark = pytest.mark.feature("M116")

TASKS = """\
    [tasks.reduce]
    on = "run"
    run = "./one.sh {run}"
    check_missed = "1 s"
    missed = { run = "python list_runs.py known", key = "LRM{run}", title = "run {run}" }
"""
LIST = """\
    import pathlib, sys
    print("looking at the archive", file=sys.stderr)
    print((pathlib.Path(__file__).parent / sys.argv[1]).read_text(), end="")
"""


def write(site: Site, known: str) -> None:
    site.write(TASKS, list_runs_py=LIST, one_sh="#!/bin/sh\necho run $1\n")
    site.path("known").write_text(known)


def runs(site: Site, task: str) -> list[int]:
    items: list[dict[str, Any]] = site.json("list", "--task", task, "--limit", "100")["items"]
    return sorted(int(each["params"]["run"]) for each in items)


def test_what_a_command_lists_and_the_books_have_not_is_submitted_once_and_told(site: Site) -> None:
    write(site, '{"run": 1}\n{"run": 2}\n\n{"run": 3, "sample": "V"}\n')
    site.run("emit", "run", "run:=2", "--key", "LRM2")
    site.up()
    eventually(lambda: runs(site, "reduce") == [1, 2, 3], timeout=60, what="what the command lists is there")
    titles = {each["key"]: each["title"] for each in site.json("list", "--task", "reduce")["items"]}
    assert (titles["LRM1"], titles["LRM3"]) == ("run 1", "run 3")
    said = "of reduce 2 were missed and are submitted now"
    eventually(lambda: said in str(site.json("messages", "--all")), timeout=60, what="people are told")
    before = len(site.json("list", "--task", "reduce:missed", "--limit", "100")["items"])
    eventually(
        lambda: len(site.json("list", "--task", "reduce:missed", "--limit", "100")["items"]) > before + 1,
        timeout=60, what="it is compared again",
    )  # fmt: skip
    assert runs(site, "reduce") == [1, 2, 3]


def test_a_list_that_cannot_be_trusted_submits_nothing(site: Site) -> None:
    write(site, '{"run": 1}\n')
    assert site.json("missed", "reduce")["items"] == [{"event": "run", "key": "LRM1", "path": None, "there": True}]
    assert runs(site, "reduce") == [], "looking submits nothing"
    for bad, reason in (
        ('{"run": 1}\n["run"]\n', "line 2 that the command of reduce printed is unfit: it is no object"),
        ('{"run": 1}\nTraceback\n', "line 2 that the command of reduce printed is unfit"),
        ('{"other": 1}\n', "line 1 that the command of reduce printed is unfit: {run} has no value"),
    ):
        site.path("known").write_text(bad)
        assert reason in site.run("missed", "reduce", "--submit", code=5).stderr
    site.path("known").unlink()
    refused = site.run("missed", "reduce", "--submit", code=5).stderr
    assert "the command of reduce ended with 1: FileNotFoundError" in refused
    assert runs(site, "reduce") == []
    assert "leave out the range" in site.run("missed", "reduce", "--range", "1-2", code=2).stderr
