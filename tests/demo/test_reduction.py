"""The neutron facility as somebody meets it who enters `make demo-reduction`, and its script by hand."""

import hashlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import h5py
import numpy
import pytest
from PIL import Image

from procession.examples import REDUCTION, broker, write_reduction


def python(directory: Path, *words: str, timeout: float = 120) -> str:
    """What a program prints that is run there."""
    done = subprocess.run(
        [sys.executable, *words], cwd=directory, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.feature("M6", "M52", "M57", "M61", "M72", "M73", "M81", "M84", "M85", "M90", "M124", "N14")
def test_five_runs_are_reduced_one_of_them_twice_and_one_is_withdrawn(tmp_path: Path) -> None:
    """Over a broker of its own where one is installed, otherwise by file; the guide goes by file everywhere."""
    demo = ("-m", "procession.examples.demo_reduction", "--plain", "--pace", "0.3")
    told = python(tmp_path, *demo, timeout=240)
    if broker.is_installed():
        address = re.search(r"It listens on 127\.0\.0\.1:(\d+)\.", told)
        assert address, told
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(address[1])), 5)
    assert told.count(": succeeded\n") == 6
    assert "LRM37014 version 1  cancelled" in told
    assert "attempt 1 of reduce: environment: an input cannot be read: " in told
    assert "between -20 and 120 meV" in told
    archive = tmp_path / "reduction/archive"
    spectra = [path.relative_to(archive).parts for path in sorted(archive.rglob("*.nxs"))]
    assert [(parts[0], parts[1], parts[2]) for parts in spectra] == [
        ("RB2201", "LRM37011", "version-1"), ("RB2201", "LRM37013", "version-1"), ("RB2201", "LRM37013", "version-2"),
        ("RB2201", "LRM37015", "version-1"), ("RB2202", "LRM37012", "version-1"), ("RB2202", "LRM37016", "version-1"),
    ]  # fmt: skip
    plots = sorted((tmp_path / "reduction/var/work").glob("*/01-reduce/*/artifacts/*.png"))
    assert len(plots) == 12
    for path in plots:
        with Image.open(path) as picture:
            assert picture.size[0] == 750


@pytest.mark.feature("M124")
def test_the_measurement_is_as_it_was_published_and_its_parts_are_parts_of_it(tmp_path: Path) -> None:
    digest, name = (REDUCTION / "source/SHA256SUMS").read_text().split()
    assert hashlib.sha256((REDUCTION / "source" / name).read_bytes()).hexdigest() == digest
    write_reduction(tmp_path / "r")
    python(tmp_path / "r", "arrive.py", "--pace", "0", "--no-mishaps")
    with h5py.File(REDUCTION / "source" / name) as whole:
        counts, parts = whole["entry/data/data"][()], []
        for path in sorted((tmp_path / "r/data").rglob("*.nxs"), key=lambda path: path.name):
            with h5py.File(path) as run:
                parts.append(run["entry/data/data"][()])
                assert run["entry/data/polar_angle"].shape == (len(parts[-1]),)
    assert numpy.array_equal(numpy.concatenate(parts), counts)


@pytest.mark.feature("M5", "M6")
def test_the_script_runs_by_hand_and_finds_the_energy_that_the_instrument_was_set_to(tmp_path: Path) -> None:
    write_reduction(tmp_path / "r")
    told = python(tmp_path / "r", "reduce.py", "source/chopper.nxs", "out")
    energy = float(told.split("incident energy ")[1].split(" meV")[0])
    with h5py.File(REDUCTION / "source/chopper.nxs") as file:
        assert abs(energy - file["entry/instrument/monochromator/energy"][0]) < 1
    with h5py.File(tmp_path / "r/out/chopper_spectrum.nxs") as file:
        intensity, edges = file["entry/data/intensity"][()], file["entry/data/energy_transfer"][()]
    assert abs(edges[intensity.argmax()]) < 6, "most neutrons change their energy little"
