"""A shim: the tiny parent of scripts, one attempt after the other.

In: specifications from a socket shared by all shims of a launcher, each taken by whoever is free.
Out: the attempt's record, log and ``run.sh``; a line ``end <key>`` for whoever launches at that moment.
Always: `started` is on record before the script is executed; the exit line is written when no descendant
exists any more; a launcher that dies stops nothing: what is held and what is queued is finished, then the
shim leaves. An error of ours ends one attempt, never the shim. Scripts get nothing of ours: no descriptor, no
signal setting, no mask, no umask. Order matters for speed here: what the script need not wait for comes after
its start.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import signal

from procession.supervise import record
from procession.supervise.attempt import Attempt
from procession.supervise.cgroup import delegated
from procession.supervise.lease import has_passed
from procession.supervise.process import Title, become_subreaper, boot_id
from procession.supervise.script import Base
from procession.supervise.start import Manner
from procession.supervise.tree import Alarm, boot_seconds

LARGEST_MESSAGE = 100_000
"""Bytes of a specification that travels by socket; a longer one by file."""
LEAVE = b"leave"
"""What an idle shim is told that is not needed any more."""
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode


class Surroundings:
    """What whoever started the launcher gives to its children. Read by the forge before it changes any."""

    def __init__(self, spool: str) -> None:
        self.known_blocks = record.has_known_blocks(spool)
        with open("/proc/self/environ", "rb", buffering=0) as source:  # os.environ may hold what Python added
            pairs = [pair.partition(b"=") for pair in (source.readall() or b"").split(b"\0") if b"=" in pair]
        self.environ = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
        self.umask = os.umask(0o077)
        os.umask(self.umask)
        was_default = [number for number in _IGNORED if signal.getsignal(number) != signal.SIG_IGN]
        to_default = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGUSR1, *was_default]
        self.manner = Manner(signal.pthread_sigmask(signal.SIG_BLOCK, ()), to_default)
        self.groups = delegated()
        names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
        limits = {name[7:]: resource.getrlimit(getattr(resource, name)) for name in names}
        self.prefix = f'"boot":{_encode(boot_id())},"umask":{self.umask},"limits":{_encode(limits)}'
        self.bases: dict[tuple[str, ...], Base] = {(): Base(self.environ, ())}

    def base(self, drop: tuple[str, ...]) -> Base:
        """The inherited environment without these names."""
        if drop not in self.bases:
            self.bases[drop] = Base(self.environ, drop)
        return self.bases[drop]


def ignore_signals() -> None:
    """Let nothing that is typed at a terminal or sent to a service end us; the end of the launcher does."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class Bell:
    """Tells the present launcher, if there is one, that an attempt ended; else the record is enough."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pipe = -1

    def ring(self, text: str) -> None:
        """Write one line without waiting. A pipe that nobody reads is opened anew by its name, once."""
        data = f"{text}\n".encode()
        for _ in range(2):
            try:
                if self._pipe < 0:
                    self._pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                os.write(self._pipe, data)
            except OSError as error:
                if self._pipe < 0 or error.errno == errno.EAGAIN:
                    return
                os.close(self._pipe)
                self._pipe = -1
            else:
                return


class Shim:
    """One shim, for the life of its process."""

    def __init__(self, around: Surroundings, title: Title, tasks: int, spool: str, fifo: str) -> None:
        os.setsid()
        become_subreaper()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        title.name("procession shim")
        self._around = around
        self._title = title
        self._tasks = tasks
        self._spool = spool
        self._alarm = Alarm()
        self._bell = Bell(fifo)
        head = f'{{"kind":"spec","v":{record.VERSION},"shim":{os.getpid()},{around.prefix},"env_base":'
        self._head = head.encode()

    def run(self) -> None:
        """Take attempts until the launcher is gone and the queue is empty."""
        buffer = bytearray(LARGEST_MESSAGE + 1024)
        while True:
            self._title.set(b"procession shim idle")
            try:
                size = os.readv(self._tasks, [buffer])
            except ConnectionResetError:
                continue
            if size == 0 or buffer[:size] == LEAVE:
                return
            try:
                self._take(bytes(memoryview(buffer)[:size]))
            except Exception as error:  # one attempt, never the shim
                self._bell.ring(f"refused - {error!r:.200}".replace("\n", " "))

    def _take(self, message: bytes) -> None:
        """One message: a specification and, on a second line, what to make first; or the file with both."""
        if message.startswith(b'{"spec_file"'):
            path: str = json.loads(message)["spec_file"]
            try:
                with open(path, "rb") as source:
                    message = source.read()
                os.unlink(path)
            except FileNotFoundError:
                return  # voided and cleared away
        text, _, todo = message.partition(b"\n")
        spec = _decode(text.decode())
        key: str = spec["key"]
        path = f"{self._spool}/{key}"
        try:
            descriptor = record.own(path)
        except OSError as error:
            self._bell.ring(f"refused {key} {error.strerror}: {path}")
            return
        lease: str | None = spec.get("lease")
        late = boot_seconds() > spec["not_after"] or (lease is not None and has_passed(lease))
        if descriptor is None or late:  # voided, or nobody counts on it any more
            if descriptor is not None:
                os.close(descriptor)
            self._leave_voided(key, path)
            return
        try:
            self._title.set(b"procession shim " + str(spec["label"]).encode("utf-8", "replace").replace(b"\0", b""))
            base = self._around.base(tuple(spec["env_drop"]))
            head = b"%b%b,%b" % (self._head, base.json, text[1:])
            attempt = Attempt(spec, f"{self._spool}/.cancel/{key}", self._around, base, self._alarm)
            attempt.run(descriptor, head, _decode(todo.decode()))
        finally:
            os.close(descriptor)
        self._bell.ring(f"end {key}")

    def _leave_voided(self, key: str, path: str) -> None:
        """Clear away a void record, or our own empty one of a job that waited too long: no message can start it now.

        A record that says anything else is the only proof of what ran: it stays.
        """
        try:
            with open(path, "rb", opener=_plainly) as source:
                text = source.read(64)
        except FileNotFoundError:
            text = b""
        except OSError as error:
            self._bell.ring(f"refused {key} {error.strerror}: {path}")
            return
        if text not in (b"", record.VOID_ON_FULL_DISK) and not text[record.FRAME - 1 :].startswith(b'{"kind":"void"'):
            self._bell.ring(f"refused {key} record is not void")
            return
        for name in (path, f"{self._spool}/.cancel/{key}"):
            try:
                os.unlink(name)
            except OSError:
                continue
        self._bell.ring(f"skip {key}")


def _plainly(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def set_close_on_exec(*descriptors: int) -> None:
    """Keep these from every script."""
    for descriptor in descriptors:
        fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
