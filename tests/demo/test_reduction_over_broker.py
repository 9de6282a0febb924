"""The neutron facility whose messages go over a real broker: withdrawn before it arrives, reduced, told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

brokers = pytest.importorskip("tests.brokers")


@pytest.mark.feature("M52", "M90", "M124", "N14")
def test_runs_arrive_over_a_broker_and_one_is_cancelled_before_it_arrives(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(f"{brokers.LOGIN}\n{brokers.PASSCODE}\n")
    credentials.chmod(0o600)
    with brokers.ActiveMQ() as broker:
        done = subprocess.run(
            [sys.executable, "-m", "procession.examples.demo_reduction", "--plain", "--pace", "0.3",
             "--broker", broker.url.partition("://")[2], "--credentials", str(credentials)],
            cwd=tmp_path, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LRM37014 version 1  cancelled" in done.stdout
    assert done.stdout.count(": succeeded\n") == 6
