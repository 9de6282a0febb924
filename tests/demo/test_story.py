"""The demo as somebody sees it who has just cloned Procession: whole system, real processes, real scenes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


@pytest.mark.feature("M5", "M34", "M35", "M36", "M83", "M124", "P1")
def test_five_scenes_become_pictures_and_one_needs_a_person(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "procession.examples.demo", "--plain", "demo", "--pace", "0.3"],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert told.count(": succeeded, ") == 5
    assert len(re.findall(r"^\d+_\d+_tile\d: failed, ", told, re.MULTILINE)) == 1
    assert "load, attempt 1: try again later, LC08_L1TP_224077_20200518_tile2_B4.tif has not arrived yet" in told
    assert "LC08_L1TP_224078_20200518_tile3_B4.tif is damaged: 39486 bytes arrived" in told
    assert " shell " in told
    pictures = sorted((tmp_path / "demo" / "archive").glob("*/*_rgb.png"))
    assert len(pictures) == 5
    for path in pictures:
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("RGB", (256, 256))


def test_a_second_run_leaves_the_first_alone(tmp_path: Path) -> None:
    mine = tmp_path / "demo"
    mine.mkdir()
    (mine / "notes").write_text("precious")
    for arguments in (["demo"], ["demo", "--again"]):
        done = subprocess.run(
            [sys.executable, "-m", "procession.examples.demo", "--plain", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
    assert [path.name for path in mine.iterdir()] == ["notes"]
