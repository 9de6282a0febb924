"""What scripts and accidents do to the records of attempts: nothing runs twice at once, and the launcher serves on."""

import time
from pathlib import Path

import pytest

from tests.stories.site import GATED, Site
from tests.waiting import eventually

TWO = '[launcher]\ncpus = 2\n[tasks.t]\non = "e"\nretry = { delay = "0 s" }\nrun = "./gated.sh x"\n'


def record_of(site: Site, processing_id: int) -> Path:
    return site.project.var.spool / site.project.attempt_key(processing_id, 1, 1)


@pytest.mark.feature("M88")
def test_a_script_whose_record_is_deleted_has_ended_before_it_is_tried_again(site: Site) -> None:
    site.write(
        TWO,
        gated_sh=GATED.replace(
            'echo "start $1" >> "$TRUTH"', 'trap \'echo ended >> "$TRUTH"; exit 1\' TERM\necho "start $1" >> "$TRUTH"'
        ),
    )
    site.up()
    pid = site.emit("e")
    site.began("x")
    record_of(site, pid).unlink()
    eventually(lambda: site.true_lines().count("start x") == 2, timeout=30)
    assert site.true_lines() == ["start x", "ended", "start x"]
    site.open("x")
    assert site.until(pid).state == "succeeded"
    assert [str(a.outcome) for a in site.get(pid).steps[0].attempts] == ["lost", "succeeded"]


@pytest.mark.feature("M88")
def test_a_script_whose_record_is_damaged_runs_on_and_its_end_is_believed(site: Site) -> None:
    site.write(TWO, gated_sh=GATED)
    site.up()
    pid = site.emit("e")
    site.began("x")
    with record_of(site, pid).open("r+b") as record:
        record.seek(3)
        record.write(b"zz")
    time.sleep(5)  # several looks
    site.open("x")
    assert site.until(pid).state == "succeeded"
    assert site.true_lines() == ["start x", "end x"]


def test_a_script_that_puts_a_file_in_place_of_its_directory_disturbs_nobody(site: Site) -> None:
    spoil = '#!/bin/sh\ncd /\nrm -rf "$PROCESSION_STEP_DIR/1"\ntouch "$PROCESSION_STEP_DIR/1"\n'
    site.write('[tasks.t]\non = "e"\nrun = "./bad.sh"\n', bad_sh=spoil)
    site.up()
    pid = site.emit("e")
    site.until(pid)
    eventually(lambda: not record_of(site, pid).exists())
    assert [p.name.startswith(record_of(site, pid).name) for p in site.path("var/spool.quarantine").iterdir()] == [True]
    assert "failed" not in (site.root / "up.out").read_text()
