"""The mosaic as somebody sees it who enters `procession init mosaic`: real processes, real scenes, random order."""

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from procession import definitions
from procession.examples import LANDSAT, MOSAIC, write_mosaic
from tests.stories.site import Site
from tests.waiting import eventually

SCENE = "LC08_L1TP_{}_20200518_tile{}"
WITHOUT_RED = SCENE.format("224077", 3)
LATE = SCENE.format("224078", 3)
BARE = SCENE.format("224078", 2)
COMPLETE = sorted([*(SCENE.format("224077", n) for n in (0, 1, 2)), BARE, LATE])


@pytest.fixture
def mosaic(tmp_path: Path) -> Iterator[Site]:
    """A project as `procession init mosaic` makes it; whatever was started in it is ended with the test."""
    site = Site(tmp_path / "elsewhere", seed=0)
    site.run("init", "mosaic", str(tmp_path / "mosaic"))
    site.root = tmp_path / "mosaic"
    try:
        yield site
    finally:
        site.clean()


Span = tuple[str, str]


def span(told: dict[str, Any], start: str = "started_at") -> Span:
    """From when to when something was going on, as JSON tells it."""
    return told[start], told["finished_at"]


def overlap(spans: list[Span]) -> list[tuple[Span, Span]]:
    """Those that follow each other and were going on at the same time."""
    return [(one, other) for one, other in itertools.pairwise(sorted(spans)) if other[0] < one[1]]


@pytest.mark.feature("N9", "P3", "P16", "N6", "P7", "P14", "N12", "M94")
def test_bands_in_random_order_become_one_event_for_each_complete_scene_and_a_picture_of_each_place(
    mosaic: Site,
) -> None:
    mosaic.up()
    eventually(lambda: len(mosaic.json("sets")["items"]) >= 2, timeout=60, what="some scenes have begun to arrive")
    mosaic.kill()
    mosaic.up()
    eventually(lambda: _states(mosaic).count("succeeded") == len(COMPLETE), timeout=120, what="all scenes are done")
    eventually(
        lambda: mosaic.json("messages")["items"], timeout=120, interval=0.5, what="a message says what is missing"
    )

    slots = {slot["key"]: slot for slot in mosaic.json("sets", "scene")["items"]}
    assert sorted(key for key, slot in slots.items() if slot["state"] == "complete") == COMPLETE
    assert (slots[WITHOUT_RED]["state"], slots[WITHOUT_RED]["missing"]) == ("incomplete", ["B4"])
    (message,) = mosaic.json("messages")["items"]
    assert (message["kind"], message["task"]) == ("incomplete", "scene")
    assert f"{WITHOUT_RED} was given up: its time is over without B4" in message["text"]

    ids = [item["id"] for item in mosaic.json("list", "--task", "scene")["items"]]
    scenes = {told["key"]: told for told in (mosaic.json("show", str(found)) for found in ids)}
    assert (sorted(scenes), len(ids)) == (COMPLETE, len(COMPLETE))
    for key, told in scenes.items():
        assert told["params"]["pieces"] == ["B2", "B3", "B4"]
        assert mosaic.get(told["id"]).backfill == ("224078" in key), "old time stamps wait for what is fresh"
    _branches_run_side_by_side_and_meet_again(list(scenes.values()))
    _limits_were_never_exceeded(list(scenes.values()))
    _a_list_that_is_late_is_a_soft_error(scenes[LATE])
    _what_is_in_the_archive_is_whole(mosaic.path("archive"), scenes)


def _states(site: Site) -> list[str]:
    return [item["state"] for item in site.json("list", "--task", "scene")["items"]]


def _steps(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in told["steps"]}


def _branches_run_side_by_side_and_meet_again(scenes: list[dict[str, Any]]) -> None:
    for told in scenes:
        steps = _steps(told)
        green, rgb = (steps[name]["attempts"][-1] for name in ("green", "rgb"))
        loaded = steps["load"]["attempts"][-1]["finished_at"]
        assert loaded <= min(green["started_at"], rgb["started_at"])
        assert overlap([span(green, "claimed_at"), span(rgb, "claimed_at")]), "both have their places at once"
        met = max(green["finished_at"], rgb["finished_at"])
        last = [steps[name]["attempts"][-1]["started_at"] for name in ("report", "results") if steps[name]["attempts"]]
        assert all(met <= moment for moment in last)


def _limits_were_never_exceeded(scenes: list[dict[str, Any]]) -> None:
    for place in ("224077", "224078"):
        of_place = [span(told) for told in scenes if told["params"]["place"] == place]
        assert len(of_place) >= 2
        assert overlap(of_place) == []
    tries = [attempt for told in scenes for attempt in _steps(told)["report"]["attempts"]]
    reports = [span(attempt) for attempt in tries if attempt["outcome"] != "void"]
    assert len(reports) == 4
    assert overlap(reports) == []


def _a_list_that_is_late_is_a_soft_error(told: dict[str, Any]) -> None:
    *tries, last = [attempt for attempt in _steps(told)["load"]["attempts"] if attempt["outcome"] != "void"]
    assert tries
    assert {(attempt["outcome"], attempt["exit_code"]) for attempt in tries} == {("retry", 1)}
    assert "No such file or directory" in tries[0]["reason"]
    assert last["outcome"] == "succeeded"


def _what_is_in_the_archive_is_whole(archive: Path, scenes: dict[str, Any]) -> None:
    reported = sorted(set(COMPLETE) - {BARE})
    assert _steps(scenes[BARE])["report"]["state"] == "skipped"
    assert {key: float(told["outputs"]["green"]["share"]) >= 0.4 for key, told in scenes.items()} == {
        key: key in reported for key in COMPLETE
    }
    for key in COMPLETE:
        products = [f"{key}_green.png", *([f"{key}_report.txt"] if key in reported else []), f"{key}_rgb.png"]
        assert sorted(path.name for path in (archive / key).iterdir()) == products
    assert [line.split(",")[0] for line in (archive / "catalogue.csv").read_text().splitlines()] == reported
    for place in ("224077", "224078"):
        tiles = [int(key[-1]) for key in reported if place in key]
        with Image.open(archive / f"{place}.png") as picture:
            assert (picture.mode, picture.size) == ("RGB", (512, 512))
            for number in range(4):
                x, y = number % 2 * 256, number // 2 * 256
                tile = picture.crop((x, y, x + 256, y + 256)).getcolors(256 * 256)
                assert (tile is not None and len(tile) == 1) == (number not in tiles), f"{place}, tile {number}"


@pytest.mark.feature("M100", "P1")
def test_the_scripts_are_plain_and_run_by_hand_as_its_readme_says(mosaic: Site) -> None:
    readme = (mosaic.root / "README.md").read_text()
    by_hand = readme.partition("By hand")[2].partition("In production")[0]
    commands = [" ".join(command.split()) for command in re.findall(r"`([^`]+)`", by_hand)]
    assert len(commands) == 6
    done = subprocess.run(
        ["bash", "-euc", "\n".join(commands)],
        cwd=mosaic.root,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "LC08_L1TP_224077_20200518_tile0: 77% vegetation" in done.stdout
    assert (mosaic.root / "archive/catalogue.csv").read_text().count("\n") == 1
    for script in (*mosaic.root.glob("*.py"), *mosaic.root.glob("*.sh")):
        assert os.access(script, os.X_OK)
        assert script.read_bytes() == (MOSAIC / script.name).read_bytes()
        assert not re.search(r"import procession|from procession", script.read_text())


def test_its_definitions_are_right_and_its_scenes_are_those_of_the_first_example(tmp_path: Path) -> None:
    write_mosaic(tmp_path)
    found = definitions.read(tmp_path)
    assert not found.warnings
    assert [task.name for task in found.tasks] == ["station", "scene"]
    names = {path.name for path in (tmp_path / "outbox").iterdir()}
    assert names == {path.name for path in (LANDSAT / "outbox").iterdir()}
