"""A full disk: the end of what runs is recorded all the same, and what cannot be recorded does not run."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from procession.supervise import record
from procession.supervise.sighting import Unstarted
from tests.executors.running import local
from tests.waiting import eventually


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "tiny"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.call(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place]):
        pytest.skip("a full disk needs the right to mount one")
    try:
        yield place
    finally:
        eventually(lambda: subprocess.call(["umount", place]) == 0)


def fill(place: Path) -> None:
    with open(place / "ballast", "wb", buffering=0) as ballast:
        size = 65536
        while size:
            try:
                ballast.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
                size //= 2


@pytest.mark.parametrize("length", range(0, 4200, 420))
def test_an_exit_is_recorded_on_a_full_disk(tmp_path: Path, tiny_disk: Path, length: int) -> None:
    """G11, G28, F26: wherever in its block the specification ends."""
    with full(tmp_path, tiny_disk) as runner:
        job = runner.shell("until [ -e go ]; do sleep 0.02; done; echo lost; exit 42", "x" * length)
        runner.submit(job)
        runner.running(job.key)
        fill(tiny_disk)
        (Path(job.cwd) / "go").touch()
        assert runner.ended(job.key).code == 42
        voided = runner.shell("touch ran")
        assert runner.executor.void(voided.key, "a test")
        runner.submit(voided)
        eventually(lambda: runner.drain() and voided.key in runner.notices.skipped)
        refused = runner.shell("touch ran")
        runner.submit(refused)
        eventually(lambda: runner.drain() and refused.key in runner.notices.ended)
        assert isinstance(runner.executor.look(refused.key), Unstarted)
        (tiny_disk / "ballast").unlink()
        assert runner.executor.void(refused.key, "no room")
        assert runner.run(runner.shell("exit 3")).code == 3


def full(tmp_path: Path, disk: Path) -> Any:
    """An executor whose spool is on this disk, and whose work is not."""
    (tmp_path / "two").mkdir()
    (tmp_path / "two/var").mkdir()
    (tmp_path / "two/var/spool").symlink_to(disk)
    return local(tmp_path / "two")


def test_padding_always_leaves_the_room_that_is_promised() -> None:
    for size in range(1, 10_000):
        padded = size + record.padding(size)
        assert -padded % 4096 >= record.TAIL
