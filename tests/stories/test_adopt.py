"""Three unmodified scripts in three languages go into production with at most three commands and no edited file."""

import hashlib
from pathlib import Path

import pytest

from tests.stories.site import Site
from tests.waiting import eventually

SCRIPTS = {
    "a.sh": '#!/bin/sh\necho "from ${1:-nobody}" > text\n',
    "b.py": 'text = open("text").read()\nopen("upper", "w").write(text.upper())\n',
    "c.pl": 'open(my $in, "<", "upper"); print "perl has ", <$in>;\n',
}


@pytest.fixture
def site(site: Site) -> Site:
    """Scripts as they lie about: one executable, the others not; no task file."""
    for name, text in SCRIPTS.items():
        site.path(name).write_text(text)
    site.path("a.sh").chmod(0o755)
    return site


def untouched(site: Site) -> bool:
    return all(site.path(name).read_text() == text for name, text in SCRIPTS.items())


@pytest.mark.feature("N7")
def test_three_scripts_are_in_production_periodically_by_two_commands(site: Site) -> None:
    said = site.run("adopt", "./a.sh", "./b.py", "./c.pl", "--every", "1 s")
    assert "perl has FROM NOBODY" in said.stdout  # it ran once, before our eyes
    site.up()
    eventually(lambda: len(site.json("list", "--state", "succeeded")["items"]) >= 3, timeout=30)
    assert untouched(site)
    assert sorted(p.name for p in site.root.iterdir() if p.is_file()) == [*SCRIPTS, "procession.toml", "up.out"]


@pytest.mark.feature("N7")
def test_three_scripts_are_in_production_for_events_by_three_commands(site: Site) -> None:
    said = site.run("adopt", "./a.sh", "./b.py", "./c.pl", "--event", "scene", "--name", "scene", "--arg", "{key}")
    assert "procession emit scene" in said.stdout
    site.up()
    site.run("emit", "scene", "--key", "LC08")
    found = site.until(1, "succeeded")
    assert [step.name for step in found.steps] == ["a", "b", "c"]
    assert site.log(1, 3, "c") == b"perl has FROM LC08\n"
    assert untouched(site)


@pytest.mark.feature("N7")
def test_three_scripts_are_in_production_for_new_files_by_two_commands(site: Site) -> None:
    inbox = site.path("in")
    inbox.mkdir()
    (inbox / "first.h5").write_text("x")
    said = site.run("adopt", "./a.sh", "./b.py", "./c.pl", "--on", "in/*.h5", "--name", "scene")
    assert f"FROM {inbox}/FIRST.H5".upper() in said.stdout.upper()
    site.up()
    (inbox / "second.h5").write_text("y")
    eventually(lambda: any("second.h5" in str(p["params"]) and p["state"] == "succeeded"
                           for p in site.json("list")["items"]), timeout=30)  # fmt: skip
    assert untouched(site)


@pytest.mark.feature("N7")
def test_a_crontab_is_taken_over_and_nothing_is_overwritten(site: Site, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("MAILTO=x\n*/5 * * * * echo hello\n@reboot no\n")
    done = site.run("adopt", "--crontab", str(lines))
    assert "line 3 was not taken" in done.stderr
    assert "1 task" in done.stdout
    assert "echo" in site.run("check").stdout
    before = hashlib.sha256(site.path("tasks/crontab.toml").read_bytes()).digest()
    assert "nothing is overwritten" in site.run("adopt", "--crontab", str(lines), code=5).stderr
    assert hashlib.sha256(site.path("tasks/crontab.toml").read_bytes()).digest() == before
    assert "stands alone" in site.run("adopt", "./a.sh", "--crontab", "-", code=2).stderr
    assert "name the scripts" in site.run("adopt", "./a.sh", code=2).stderr
