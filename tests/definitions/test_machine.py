"""What the host has is what this process may use of it."""

from pathlib import Path

from procession.definitions.machine import _quotas, available_cpus


def test_there_is_at_least_a_part_of_a_processor() -> None:
    assert 0 < available_cpus() < 100_000


def test_quotas_of_the_control_group_and_of_those_around_it_count(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("12:cpu:/x\n0::/a/b\n")
    (tmp_path / "mount" / "a" / "b").mkdir(parents=True)
    (tmp_path / "mount" / "a" / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "mount" / "a" / "b" / "cpu.max").write_text("max 100000\n")
    assert _quotas(str(tmp_path / "cgroup"), str(tmp_path / "mount")) == [1.5]
    assert _quotas(str(tmp_path / "none"), str(tmp_path)) == []
