"""Commands of tests without the imports: one process has loaded the command line, and forks for each command.

A command is then a real process as ever, with its own arguments, environment, directory and pipes; it only has not to
load Python's modules first, which is most of what a command costs. What starts cold stays tested where it is the point
(`Site.start`, `tests/stories/test_looking.py`, the guides).

A request is one message on a Unix socket: JSON, and the descriptors of stdin, stdout and stderr. The answers are
the pid, and the exit status as `subprocess` gives it.
"""

from __future__ import annotations

import atexit
import contextlib
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
from typing import Any

import procession.cli
from procession.cli.main import main

LARGEST = 1 << 20


def run(
    arguments: Sequence[str], *, cwd: str | Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run ``procession ARGUMENTS`` to its end; subprocess.TimeoutExpired, and it is killed, after `timeout` seconds."""
    command = ["procession", *arguments]
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        Path(os.devnull).open("rb") as nothing,
    ):
        line.settimeout(timeout)
        line.connect(_server())
        request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
        socket.send_fds(line, [request], [nothing.fileno(), out.fileno(), err.fileno()])
        pid = int(line.recv(64))
        try:
            status = int(line.recv(64))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            line.settimeout(10)
            line.recv(64)
            raise subprocess.TimeoutExpired(command, timeout) from None
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, status, out.read().decode(), err.read().decode())


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
    """Load all commands, then fork for whoever asks, until the tests that started this have gone."""
    for module in pkgutil.iter_modules(procession.cli.__path__, "procession.cli."):
        importlib.import_module(module.name)
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
