"""``procession sdk PATH``: the file for scripts, put where it is wanted."""

import subprocess
import sys
from pathlib import Path

import pytest

from procession.errors import Invalid, NotFound, Refused
from procession.sdk import copy


def cli(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "procession", "sdk", *map(str, words)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_file_is_written_kept_and_renewed(tmp_path: Path) -> None:
    target = tmp_path / "procession.py"
    assert copy.place(tmp_path) == (target, "written")
    assert target.read_text() == copy.text()
    assert copy.place(target) == (target, "kept")
    target.write_text(copy.OURS + ", version 0.0.1.\n")
    assert copy.place(tmp_path) == (target, "renewed")
    assert target.read_text() == copy.text()
    assert [path.name for path in tmp_path.iterdir()] == ["procession.py"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_what_is_not_ours_is_overwritten_only_if_told(tmp_path: Path) -> None:
    target = tmp_path / "procession.py"
    target.write_text("print('mine')\n")
    done = cli(tmp_path)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        f"procession: {target} is not a copy of ours: rename it, choose another directory, or overwrite it: --force\n"
    )
    assert target.read_text() == "print('mine')\n"
    assert cli(target, "--force").stdout == f"renewed {target}\n"
    assert cli(target).stdout == f"{target} is up to date\n"
    assert target.read_text() == copy.text()


def test_a_place_where_it_would_not_be_found_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"a file called procession\.py"):
        copy.place(tmp_path / "sdk.py")
    with pytest.raises(NotFound, match="does not exist"):
        copy.place(tmp_path / "nowhere" / "procession.py")
    with pytest.raises(Refused, match="has Procession itself"):
        copy.place(Path(copy.__file__).parents[2])
    (tmp_path / "procession.py").mkdir()
    with pytest.raises(Refused, match="is a directory"):
        copy.place(tmp_path)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/procession.py").write_text(copy.OURS)
    (tmp_path / "procession.py").symlink_to("shared/procession.py")
    assert copy.place(tmp_path) == (tmp_path / "shared/procession.py", "renewed")
    assert (tmp_path / "procession.py").is_symlink()
