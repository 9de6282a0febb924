"""The neutron facility whose messages go over a real broker: withdrawn before it arrives, reduced, told."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from procession.examples import broker


@pytest.mark.feature("M52", "M90", "M124", "N14")
def test_the_demo_starts_a_broker_of_its_own_and_one_run_is_cancelled_before_it_arrives(tmp_path: Path) -> None:
    if not broker.is_installed():
        pytest.skip("no ActiveMQ (/usr/share/activemq) or no Java: try `make services`")
    done = subprocess.run(
        [sys.executable, "-m", "procession.examples.demo_reduction", "--plain", "--pace", "0.3"],
        cwd=tmp_path, env=os.environ | {"COLUMNS": "200"}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LRM37014 version 1  cancelled" in done.stdout
    assert done.stdout.count(": succeeded\n") == 6
    address = re.search(r"It listens on 127\.0\.0\.1:(\d+)\.", done.stdout)
    assert address, done.stdout
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address[1])), 5)
