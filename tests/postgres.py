"""A real PostgreSQL for one test run: in a temporary directory, on a free loopback port, gone afterwards.

*In:* the server's programs, from the PATH or where Debian puts them. *Out:* `Postgres`, a server with as
many fresh databases as asked for. *Always:* it is ended by its own pid, and ends by itself if the tests
are killed; it never runs as root; a crash loses nothing that was committed (`synchronous_commit` is on;
only `fsync` is off, which a crash of the server, unlike one of the machine, does not notice).
"""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import psycopg

from tests.waiting import eventually

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
}
UNPRIVILEGED = "postgres", "nobody"
"""Accounts to run as when the tests run as root, which the server refuses."""


class Missing(Exception):
    """This machine has no PostgreSQL server, or no way to run one; the text says what to do."""


def programs() -> Path:
    """The directory with initdb and postgres; of several versions the newest. Raises Missing."""
    if (found := shutil.which("initdb")) and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if installed:
        return max(installed, key=lambda path: float(path.parent.name))
    raise Missing("no PostgreSQL server (initdb) on the PATH or in /usr/lib/postgresql: try `make services`")


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Postgres:
    """A server of one's own. Use it as a context manager, or `start` and `stop` it."""

    def __init__(self) -> None:
        self.programs = programs()
        self.directory = Path(tempfile.mkdtemp(prefix="procession-pg."))
        self.port = free_port()
        self._prefix: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._drop_privileges()
        self._run("initdb", "-D", "data", "-U", "app", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")

    def _drop_privileges(self) -> None:
        """Choose whom to run as, and hand the directory over. Raises Missing."""
        setpriv = shutil.which("setpriv")
        if os.geteuid() == 0:
            if setpriv is None:
                raise Missing("PostgreSQL refuses root, and setpriv (util-linux) is not there to become another")
            for name in UNPRIVILEGED:
                with contextlib.suppress(KeyError):
                    account = pwd.getpwnam(name)
                    break
            else:
                raise Missing(f"PostgreSQL refuses root, and there is no account {' or '.join(UNPRIVILEGED)}")
            os.chown(self.directory, account.pw_uid, account.pw_gid)
            self._prefix = [
                setpriv,
                f"--reuid={account.pw_uid}",
                f"--regid={account.pw_gid}",
                "--clear-groups",
            ]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._prefix, self.programs / program, *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    def __enter__(self) -> "Postgres":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The server's main process, for tests that end it."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it answers; also after `kill`, on the same port with the same data."""
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.directory)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        die_with_parent = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
        with open(self.directory / "log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, *die_with_parent, self.programs / "postgres", "-D", "data", *options],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._answers, timeout=30, what="PostgreSQL answers")

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended: {(self.directory / 'log').read_text()[-2000:]}")
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End it politely: connections are cut, nothing is lost. Harmless if it has ended."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

    def dsn(self, database: str) -> str:
        """How libpq finds a database."""
        return f"host=127.0.0.1 port={self.port} user=app dbname={database}"

    def url(self, database: str) -> str:
        """How SQLAlchemy finds a database."""
        return f"postgresql+psycopg://app@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template1") -> str:
        """Make a fresh database, a copy of `template`, and return its name."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            quickest = " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
            connection.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"{quickest}'.encode())
        return name

    def drop(self, name: str) -> None:
        """Remove a database with whoever is still connected to it."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
