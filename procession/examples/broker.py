"""A message broker for the length of a demo: ActiveMQ as Debian installs it, on this machine alone.

*In:* the package ``activemq``, where it is. *Out:* where it speaks STOMP, and the file with its credentials; None where
it is not installed. *Always:* it listens on 127.0.0.1 only, on a port of its own; its files are in a directory of its
own, which goes; it is ended by its own id, also when the demo is killed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = Path("/usr/share/activemq/lib")
STARTS_WITHIN = 60.0
"""Seconds."""
LOGIN = "facility"
XML = """<beans xmlns="http://www.springframework.org/schema/beans"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans
  http://www.springframework.org/schema/beans/spring-beans-2.0.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
 <broker xmlns="http://activemq.apache.org/schema/core" brokerName="facility" useJmx="false" persistent="true"
   useShutdownHook="true" dataDirectory="{home}/data">
  <plugins>
   <simpleAuthenticationPlugin anonymousAccessAllowed="false"><users>
    <authenticationUser username="{login}" password="{passcode}" groups="users"/>
   </users></simpleAuthenticationPlugin>
  </plugins>
  <systemUsage><systemUsage>
   <memoryUsage><memoryUsage limit="64 mb"/></memoryUsage>
   <storeUsage><storeUsage limit="256 mb"/></storeUsage>
   <tempUsage><tempUsage limit="64 mb"/></tempUsage>
  </systemUsage></systemUsage>
  <persistenceAdapter><kahaDB directory="{home}/data/kahadb" journalMaxFileLength="4mb"/></persistenceAdapter>
  <transportConnectors>
   <transportConnector name="stomp" uri="stomp://127.0.0.1:{port}"/>
  </transportConnectors>
 </broker></beans>"""


def is_installed() -> bool:
    """Can one be started here?"""
    return LIBRARIES.is_dir() and shutil.which("java") is not None


@contextlib.contextmanager
def own_broker() -> Iterator[list[str] | None]:
    """A broker meanwhile: its ``host:port`` and the file with login and passcode; None where it does not come up."""
    with tempfile.TemporaryDirectory(prefix="procession-broker.", ignore_cleanup_errors=True) as name:
        home, port = Path(name), _free_port()
        for each in ("conf", "data", "tmp"):
            (home / each).mkdir()
        passcode, credentials = secrets.token_hex(8), home / "credentials"
        credentials.touch(mode=0o600)
        credentials.write_text(f"{LOGIN}\n{passcode}\n")
        (home / "conf/activemq.xml").write_text(XML.format(home=home, port=port, login=LOGIN, passcode=passcode))
        process = _start(home)
        try:
            yield [f"127.0.0.1:{port}", str(credentials)] if _listens(process, port) else None
        finally:
            _end(process)


def _start(home: Path) -> subprocess.Popen[bytes]:
    command = [
        "java", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        f"-Djava.io.tmpdir={home}/tmp", "-Djava.net.preferIPv4Stack=true", "-Dactivemq.home=/usr/share/activemq",
        f"-Dactivemq.base={home}", f"-Dactivemq.conf={home}/conf", f"-Dactivemq.data={home}/data",
        "-cp", f"{home}/conf:{LIBRARIES}/*:{LIBRARIES}/optional/*",
        "org.apache.activemq.console.Main", "start", f"xbean:file:{home}/conf/activemq.xml",
    ]  # fmt: skip
    dies_with_us = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    with open(home / "log", "ab") as log:
        return subprocess.Popen(
            [*dies_with_us, *command],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        time.sleep(0.1)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
