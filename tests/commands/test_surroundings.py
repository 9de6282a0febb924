"""What an attempt is started in is found out without waiting for a network."""

from pathlib import Path

import pytest

from procession.surroundings import inputs_of, is_local


@pytest.mark.feature("N10")
def test_inputs_are_looked_at_inside_the_project_and_on_local_disks_alone(tmp_path: Path) -> None:
    mounts = [("/", "ext4"), ("/data", "nfs4"), ("/data/fast", "xfs"), ("/net", "autofs")]
    paths = ("/a", "/data/a", "/data/fast/a", "/datas/a", "/net/host/a")
    assert [is_local(path, lambda: mounts) for path in paths] == [True, False, True, True, False]
    (tmp_path / "in.h5").write_text("data")
    found = inputs_of(str(tmp_path), {"path": "in.h5", "kernel": "/proc/version"})
    assert found["path"][0] == 4
    assert "kernel" not in found, "proc is no disk"
