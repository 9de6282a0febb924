"""The demo as somebody sees it who has just cloned Procession: whole system, real processes, real scenes."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from PIL import Image


def look_at_the_pages(link: str) -> None:
    """From the Overview to the failing line in one click, as the demo says."""
    place, _, code = link.partition("login#")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    headers = {"Content-Type": "application/json", "Origin": place.rstrip("/")}
    browser.open(urllib.request.Request(f"{place}login", json.dumps({"code": code}).encode(), headers), timeout=30)
    overview = browser.open(place, timeout=30).read().decode()
    (click,) = re.findall(r'href="([^"]+/s/load)#error"', overview)
    assert (
        "LC08_L1TP_224078_20200518_tile3_B4.tif is damaged" in browser.open(place + click, timeout=30).read().decode()
    )


@pytest.mark.feature("M5", "M34", "M35", "M36", "M83", "M124", "P1")
def test_five_scenes_become_pictures_and_one_needs_a_person(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "procession.examples.demo", "--plain", "--stay", "demo", "--pace", "0.3"],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdin is not None and demo.stdout is not None
        told = ""
        for line in demo.stdout:
            told += line
            if line.startswith("Press Enter"):
                look_at_the_pages(re.findall(r"http://\S+/login#\S+", told)[-1])
                demo.stdin.write("\n")
                demo.stdin.flush()
        assert demo.wait(30) == 0, told
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
