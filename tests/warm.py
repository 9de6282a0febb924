"""Commands of tests without the imports: one process has loaded the command line, and forks for each command.

A command is then a real process as ever, with its own arguments, environment, directory and pipes; it only has not to
load Python's modules first, which is most of what a command costs, also of a launcher. What starts cold stays tested
where it is the point (`Site.start`, `tests/stories/test_looking.py`, the guides). ``/proc/PID/environ`` of such a
process is the server's; of what it executes, its own.

A request is one message on a Unix socket: JSON, and the descriptors of stdin, stdout and stderr. The answers are
the pid, and the exit status as `subprocess` gives it.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import procession.cli
from procession.cli.main import main

LARGEST = 1 << 20
SERVE = "procession.api.server", "procession.launcher.journal_log", "procession.launcher.loop", "procession.web.site"
"""What a launcher loads once it serves."""


class Started:
    """A command that runs, with what `subprocess.Popen` has."""

    def __init__(
        self, arguments: Sequence[str], *, cwd: str | Path, env: Mapping[str, str], out: BinaryIO, err: BinaryIO
    ) -> None:
        self.args = ["procession", *arguments]
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(60)
        self._line.connect(_server())
        request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
        with Path(os.devnull).open("rb") as nothing:
            socket.send_fds(self._line, [request], [nothing.fileno(), out.fileno(), err.fileno()])
        self.pid = int(self._line.recv(64))

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; subprocess.TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = int(self._line.recv(64))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._line.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its exit status; None: it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def run(
    arguments: Sequence[str], *, cwd: str | Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run ``procession ARGUMENTS`` to its end; subprocess.TimeoutExpired, and it is killed, after `timeout` seconds."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = Started(arguments, cwd=cwd, env=env, out=out, err=err)
        try:
            status = started.wait(timeout)
        except subprocess.TimeoutExpired:
            started.send_signal(signal.SIGKILL)
            started.wait(10)
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(started.args, status, out.read().decode(), err.read().decode())


@cache
def _server() -> str:
    """The address of this process's server, started now if it is the first time."""
    where = tempfile.mkdtemp(prefix="procession-warm-")
    address = f"{where}/socket"
    process = subprocess.Popen([sys.executable, "-m", "tests.warm", address], stdout=subprocess.PIPE, cwd=ROOT)

    def end() -> None:
        process.kill()
        process.wait()
        for path in (address, where):
            with contextlib.suppress(OSError):
                os.unlink(path) if path == address else os.rmdir(path)

    atexit.register(end)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return address


ROOT = Path(__file__).resolve().parents[1]


# ── the server ──────────


def serve(address: str) -> None:
    """Load all commands and what serves, then fork for whoever asks, until the tests that started this have gone."""
    commands = [each.name for each in pkgutil.iter_modules(procession.cli.__path__, "procession.cli.")]
    for name in (*commands, *SERVE):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen(64)
    parent = os.getppid()
    os.write(1, b"ready\n")
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while os.getppid() == parent:
            for key, _ in selector.select(timeout=5):
                if key.fileobj is listener:
                    _begin(listener, selector)
                else:
                    _end(key, selector)


def _begin(listener: socket.socket, selector: selectors.BaseSelector) -> None:
    line = listener.accept()[0]
    request, descriptors, _, _ = socket.recv_fds(line, LARGEST, 3)
    wanted = json.loads(request)
    pid = os.fork()
    if pid == 0:
        _become(wanted, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    line.send(str(pid).encode())
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, line))


def _end(key: selectors.SelectorKey, selector: selectors.BaseSelector) -> None:
    pid, line = key.data
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    selector.unregister(key.fileobj)
    os.close(key.fd)
    with line, contextlib.suppress(OSError):
        line.send(str(status).encode())


def _become(wanted: dict[str, Any], descriptors: list[int]) -> None:
    """The forked process: the command, as if it had been started."""
    code = 1
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.closerange(3, 256)
        os.environ.clear()
        os.environ.update(wanted["env"])
        os.chdir(wanted["cwd"])
        sys.argv[1:] = wanted["arguments"]
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for last in (sys.stdout.flush, sys.stderr.flush, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
            with contextlib.suppress(Exception):
                last()
        os._exit(code)


if __name__ == "__main__":
    sys.argv[0] = str(ROOT / "procession/__main__.py")
    serve(sys.argv[1])
