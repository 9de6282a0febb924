"""The log of an accepted attempt: what the last rerun printed, from a plain file and not without bounds."""

import os
from pathlib import Path

import pytest

from procession.commands import steps


def test_the_end_of_what_rerun_printed_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MAX_RERUN_LOG", 5)
    (tmp_path / steps.RERUN_LOG).write_text("0123456789\n")
    steps._keep_log(tmp_path, tmp_path / "2", "accepted\n")
    assert (tmp_path / "2/log").read_text() == "6789\naccepted\n"


@pytest.mark.parametrize("name", ["fifo", "link"])
def test_what_is_no_plain_file_is_neither_read_nor_written(tmp_path: Path, name: str) -> None:
    def make(path: Path) -> None:
        os.mkfifo(path) if name == "fifo" else path.symlink_to(tmp_path / "secret")

    (tmp_path / "secret").write_text("secret\n")
    make(tmp_path / steps.RERUN_LOG)
    steps._keep_log(tmp_path, tmp_path / "2", "accepted\n")
    assert (tmp_path / "2/log").read_text() == "accepted\n"
    (tmp_path / "2/log").unlink()
    make(tmp_path / "2/log")
    with pytest.raises(OSError):
        steps._keep_log(tmp_path, tmp_path / "2", "accepted\n")
    assert (tmp_path / "secret").read_text() == "secret\n"
