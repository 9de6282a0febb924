"""The example's scripts run as a researcher runs them: by hand, one after the other, in one folder."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from procession.examples import LANDSAT, write_demo

WATER_AND_LAND = "LC08_L1TP_224077_20200518_tile1"
LATE = "LC08_L1TP_224077_20200518_tile2"
DAMAGED = "LC08_L1TP_224078_20200518_tile3"


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    write_demo(tmp_path / "landsat")
    return tmp_path / "landsat"


@pytest.fixture
def folder(demo: Path) -> Path:
    """The one folder to work in by hand."""
    (demo / "try").mkdir()
    return demo / "try"


def run(*command: str | Path, cwd: Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell in `cwd` would; `python` is the one that runs the tests."""
    words = [sys.executable if word == "python" else str(word) for word in command]
    return subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | {name: str(value) for name, value in variables.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def well(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed that must have ended well and without complaint."""
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def fill_inbox(demo: Path, *options: str) -> Path:
    well(run("python", "station.py", "--pace", "0", *options, cwd=demo))
    return demo / "inbox"


def manifest(demo: Path, scene: str) -> Path:
    return demo / "inbox" / f"{scene}.sha256"


# --- the data --------------------------------------------------------------------------------------------


def test_the_data_are_what_their_checksums_say() -> None:
    lines = (LANDSAT / "outbox/SHA256SUMS").read_text().splitlines()
    assert len(lines) == 18
    for line in lines:
        checksum, name = line.split()
        assert hashlib.sha256((LANDSAT / "outbox" / name).read_bytes()).hexdigest() == checksum, name


def test_the_manifests_are_the_same_lines_scene_by_scene() -> None:
    manifests = sorted((LANDSAT / "outbox").glob("*.sha256"))
    assert len(manifests) == 6
    assert "".join(path.read_text() for path in manifests) == (LANDSAT / "outbox/SHA256SUMS").read_text()
    for path in manifests:
        assert [line.split()[1] for line in path.read_text().splitlines()] == [
            f"{path.stem}_B{band}.tif" for band in (2, 3, 4)
        ]


def test_pillow_reads_every_band() -> None:
    bands = sorted((LANDSAT / "outbox").glob("*.tif"))
    assert len(bands) == 18
    for path in bands:
        with Image.open(path) as band:
            assert (band.mode, band.size) == ("I;16", (256, 256))
            darkest, brightest = band.getextrema()
        assert 5000 < darkest < brightest < 30000, path.name


# --- the copy --------------------------------------------------------------------------------------------


def test_the_demo_is_copied_whole_and_can_be_executed(demo: Path) -> None:
    def files(root: Path) -> set[Path]:
        paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return {path for path in paths if "__pycache__" not in path.parts}

    assert files(demo) == files(LANDSAT)
    for script in (*demo.glob("*.py"), *demo.glob("*.sh")):
        assert os.access(script, os.X_OK), script.name
        assert script.read_text().startswith("#!"), script.name


def test_the_copy_names_the_interpreter_that_made_it(demo: Path) -> None:
    assert f'python = "{sys.executable}"' in (demo / "procession.toml").read_text()


# --- by hand ---------------------------------------------------------------------------------------------


@pytest.mark.feature("M100", "P1")
def test_the_commands_of_the_readme_make_the_picture_that_it_promises(demo: Path) -> None:
    readme = (demo / "README.md").read_text()
    by_hand = readme.partition("## By hand")[2].partition("## In production")[0]
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", by_hand, re.DOTALL | re.MULTILINE))
    assert commands.count("\n") >= 8
    promised = re.findall(r"The picture is `([^`]+)`", by_hand)
    bin_first = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    well(run("bash", "-euc", commands, cwd=demo, PATH=bin_first))

    assert len(promised) == 1
    with Image.open(demo / promised[0]) as picture:
        assert (picture.mode, picture.size) == ("RGB", (256, 256))


@pytest.mark.feature("M100", "P1")
@pytest.mark.parametrize("scene", [path.stem for path in sorted((LANDSAT / "outbox").glob("*.sha256"))])
def test_the_chain_makes_products_of_every_scene(demo: Path, folder: Path, scene: str) -> None:
    fill_inbox(demo, "--no-mishaps", scene)

    well(run(demo / "load.sh", manifest(demo, scene), cwd=folder))
    assert "B2.tif: reflectance 0.0" in well(run("python", demo / "calibrate.py", cwd=folder))
    well(run("python", demo / "rgb.py", cwd=folder))
    assert "mean blue reflectance 0." in well(run("python", demo / "quicklook.py", cwd=folder))
    well(run(demo / "deliver.sh", scene, demo / "archive", cwd=folder))

    archive = demo / "archive" / scene
    assert sorted(path.name for path in archive.iterdir()) == sorted(
        [f"{scene}_B{band}_toa.tif" for band in (2, 3, 4)] + [f"{scene}_quicklook.png", f"{scene}_rgb.png"]
    )
    with Image.open(archive / f"{scene}_rgb.png") as picture:
        for channel in picture.split():
            assert channel.getextrema() == (0, 255)  # the whole range is used
            histogram = channel.histogram()
            assert max(histogram[1:255]) < 256 * 256 / 3  # and it is a picture, not an area
    with Image.open(archive / f"{scene}_quicklook.png") as quicklook:
        assert (quicklook.mode, quicklook.size) == ("RGB", (320, 344))
        caption = quicklook.crop((0, 320, 320, 344)).convert("L")
        assert caption.getextrema() == (0, 255)  # black letters on white


def test_calibration_follows_the_formula_and_keeps_the_geotags(demo: Path, folder: Path) -> None:
    fill_inbox(demo, "--no-mishaps", WATER_AND_LAND)
    well(run(demo / "load.sh", manifest(demo, WATER_AND_LAND), cwd=folder))
    source = folder / f"{WATER_AND_LAND}_B3.tif"
    with Image.open(source) as band:
        band.putpixel((0, 0), 0)  # fill
        band.save(source, tiffinfo={tag: band.tag_v2[tag] for tag in (33550, 33922, 34735, 34737)})
    well(run("python", demo / "calibrate.py", cwd=folder))

    with Image.open(source) as band, Image.open(folder / f"{WATER_AND_LAND}_B3_toa.tif") as reflectance:
        assert reflectance.mode == "F"
        for place in ((1, 0), (100, 200), (255, 255)):
            expected = (2.0e-5 * band.getpixel(place) - 0.1) / 0.58708  # sin 35.95°
            assert reflectance.getpixel(place) == pytest.approx(expected, rel=1e-4)
        assert reflectance.getpixel((0, 0)) < 0 < min(reflectance.crop((1, 0, 256, 256)).getextrema())
        assert reflectance.tag_v2[33922] == band.tag_v2[33922]
        assert reflectance.tag_v2[34737].startswith("WGS 84 / UTM zone 21N")


def test_discover_prints_the_scenes_that_are_there(demo: Path) -> None:
    assert well(run("python", "discover.py", "inbox", cwd=demo)) == ""
    fill_inbox(demo, "--no-mishaps", WATER_AND_LAND)
    assert well(run("python", "discover.py", "inbox", cwd=demo)) == f"{WATER_AND_LAND}  2020-05-18  3 bands\n"


@pytest.mark.feature("M100")
@pytest.mark.parametrize("script", ["calibrate.py", "rgb.py", "quicklook.py"])
def test_a_script_run_too_early_says_what_to_run_first(demo: Path, folder: Path, script: str) -> None:
    done = run("python", demo / script, cwd=folder)
    assert done.returncode == 1
    assert re.search(r"run (load\.sh|calibrate\.py|rgb\.py) first", done.stderr)
    assert "Traceback" not in done.stderr


# --- mishaps ---------------------------------------------------------------------------------------------


def test_a_late_band_is_a_soft_error_until_it_is_there(demo: Path, folder: Path) -> None:
    inbox = fill_inbox(demo, "--no-mishaps", LATE)
    late = inbox / f"{LATE}_B4.tif"
    late.rename(demo / "held back")

    done = run(demo / "load.sh", manifest(demo, LATE), cwd=folder)
    assert (done.returncode, done.stderr) == (75, f"{LATE}_B4.tif has not arrived yet\n")
    after = folder / "retry_after"
    assert run(demo / "load.sh", manifest(demo, LATE), cwd=folder, PROCESSION_RETRY_AFTER=after).returncode == 75
    assert float(after.read_text()) == 3

    (demo / "held back").rename(late)
    well(run(demo / "load.sh", manifest(demo, LATE), cwd=folder))


def test_a_damaged_band_fails_by_its_name_and_the_good_one_in_the_outbox_mends_it(demo: Path, folder: Path) -> None:
    inbox = fill_inbox(demo, DAMAGED)
    band = f"{DAMAGED}_B4.tif"
    size = (demo / "outbox" / band).stat().st_size // 2

    done = run(demo / "load.sh", manifest(demo, DAMAGED), cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{band} is damaged: {size} bytes arrived")

    well(run("cp", demo / "outbox" / band, inbox, cwd=folder))
    well(run(demo / "load.sh", manifest(demo, DAMAGED), cwd=folder))


def test_the_station_sends_everything_and_holds_one_band_back(demo: Path) -> None:
    printed = well(run("python", "station.py", "--pace", "0", "--late", "0.3", cwd=demo))
    assert f"{LATE}: sent, but {LATE}_B4.tif is late" in printed
    assert f"only half of {DAMAGED}_B4.tif got through" in printed
    assert printed.rstrip().endswith(f"{LATE}_B4.tif: sent at last")
    arrived = {path.name: path.stat().st_size for path in (demo / "inbox").iterdir()}
    sent = {path.name: path.stat().st_size for path in (demo / "outbox").glob("LC08*")}
    assert {name for name in sent if arrived.get(name) != sent[name]} == {f"{DAMAGED}_B4.tif"}
    assert set(arrived) == set(sent)


# --- under Procession: one line in a file ----------------------------------------------------------------


def test_discover_reports_each_scene_as_an_event(demo: Path, tmp_path: Path) -> None:
    fill_inbox(demo, "--no-mishaps")
    events = tmp_path / "events"
    well(run("python", demo / "discover.py", demo / "inbox", cwd=tmp_path, PROCESSION_EVENTS=events))
    reported = [json.loads(line) for line in events.read_text().splitlines()]
    assert len(reported) == len({event["key"] for event in reported}) == 6
    assert reported[1] == {
        "event": "scene",
        "key": WATER_AND_LAND,
        "title": "224077_20200518_tile1",
        "params": {
            "scene": WATER_AND_LAND,
            "path": str(manifest(demo, WATER_AND_LAND)),
            "date": "2020-05-18",
        },
    }


def test_progress_output_metrics_and_artifacts_are_lines_and_files(demo: Path, folder: Path, tmp_path: Path) -> None:
    fill_inbox(demo, "--no-mishaps", WATER_AND_LAND)
    well(run(demo / "load.sh", manifest(demo, WATER_AND_LAND), cwd=folder))
    well(run("python", demo / "calibrate.py", cwd=folder, PROCESSION_PROGRESS=tmp_path / "progress"))
    well(run("python", demo / "rgb.py", cwd=folder))
    (tmp_path / "artifacts").mkdir()
    well(
        run(
            *("python", demo / "quicklook.py"),
            cwd=folder,
            PROCESSION_OUTPUT=tmp_path / "output",
            PROCESSION_METRICS=tmp_path / "metrics",
            PROCESSION_ARTIFACTS=tmp_path / "artifacts",
        )
    )
    assert (tmp_path / "progress").read_text() == "0.33 band 1 of 3\n0.67 band 2 of 3\n1.00 band 3 of 3\n"
    outputs = dict(line.split("=") for line in (tmp_path / "output").read_text().splitlines())
    assert outputs.keys() == {"reflectance", "cloud"}
    assert 0.05 < float(outputs["reflectance"]) < 0.2
    assert (tmp_path / "metrics").read_text() == f"reflectance={outputs['reflectance']}\n"
    assert (tmp_path / "artifacts" / f"{WATER_AND_LAND}_quicklook.png").exists()
