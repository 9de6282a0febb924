"""What a launcher was given over the file holds for everybody as long as it serves."""

import time

import pytest

from tests.stories.site import Site
from tests.waiting import eventually

ONE = '[launcher]\ncpus = 1\n[tasks.t]\non = "e"\nrun = "./one.sh"\n'


@pytest.mark.feature("M119")
def test_commands_without_them_leave_the_overrides_of_who_serves_in_force(site: Site) -> None:
    site.write(ONE, one_sh="#!/bin/sh\n")
    said = site.run("check", "--set", "launcher.cpus=3").stdout
    assert "over the file: launcher.cpus = 3 (--set launcher.cpus)" in said
    launcher = site.start("up", "--set", "launcher.cpus=3")
    eventually(lambda: site.json("status")["serving"], timeout=30)
    assert site.json("status")["serving"]["cpus"] == 3
    began = time.monotonic()
    for _ in range(3):
        assert site.run("emit", "e").stderr == ""
        assert site.run("status").stderr == ""
    assert time.monotonic() - began < 15  # nobody waits for what never comes
    assert site.project.settings.cpus == 3
    assert "a launcher serves" in site.run("run", "t", "--set", "launcher.cpus=2", code=5).stderr
    site.write(ONE + "at_once = 2\n")  # changed files are taken in, and the overrides stay
    eventually(lambda: "over the file" in site.run("check", "--set", "launcher.cpus=3").stdout)
    site.until(site.json("emit", "e")["processings"][0], "succeeded")
    assert site.json("status")["problem"] is None
    site.run("stop")
    assert launcher.wait(20) == 0
    assert site.run("status").stderr == ""
