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
import time

from procession.supervise import record
from procession.supervise.process import Title, become_subreaper, boot_id
from procession.supervise.script import Base, refusal, repeat
from procession.supervise.tree import Alarm, Tree, boot_seconds

LARGEST_MESSAGE = 100_000
"""Bytes of a specification that travels by socket; a longer one by file."""
LEAVE = b"leave"
"""What an idle shim is told that is not needed any more."""
LEFT = ("output", "events", "progress", "errors", "metrics", "retry_after", "artifacts")
"""What a script may leave in the attempt's directory for Procession; the exit line names those it left."""

_AGREED = frozenset(LEFT)
_LONGEST_REASON = 500
_LOG = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_NEW = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_EXIT = (
    '{"kind":"exit","v":%d,"key":%s,"incarnation":%s,"how":"%s","code":%s,"signal":%s,"errno":%s,"reason":%s,'
    '"started_at":%d,"finished_at":%d,"seconds":%.6f,"max_rss":%d,"cpu":%.6f,"log_bytes":%d,"left":%s}'
)


class Surroundings:
    """What whoever started the launcher gives to its children. Read by the forge before it changes any."""

    def __init__(self, spool: str) -> None:
        self.known_blocks = record.has_known_blocks(spool)
        with open("/proc/self/environ", "rb", buffering=0) as source:  # os.environ may hold what Python added
            pairs = [pair.partition(b"=") for pair in (source.readall() or b"").split(b"\0") if b"=" in pair]
        self.environ = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
        self.umask = os.umask(0o077)
        os.umask(self.umask)
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        was_default = [number for number in _IGNORED if signal.getsignal(number) != signal.SIG_IGN]
        self.to_default = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGUSR1, *was_default]
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
        if descriptor is None or boot_seconds() > spec["not_after"]:  # voided, or nobody counts on it any more
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


def _mkdir(path: str) -> None:
    """Make a directory that only we may enter, its parents too; one that is there is left as it is."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        _mkdir(os.path.dirname(path))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            return


def _write_new(path: str, text: str) -> None:
    """Write a file that is not there yet, whole or not at all."""
    if os.access(path, os.F_OK):
        return
    passing = f"{path}.{os.getpid()}"
    with open(os.open(passing, _NEW, 0o600), "wb") as target:
        target.write(os.fsencode(text))
    os.rename(passing, path)


class NotStarted(Exception):
    """The script cannot be executed: `number` is the errno, if the system gave one."""

    def __init__(self, number: int | None, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class Attempt:
    """One attempt, from its owned record to its exit line."""

    def __init__(
        self,
        spec: dict[str, object],
        cancel: str,
        around: Surroundings,
        base: Base,
        alarm: Alarm,
    ) -> None:
        self._spec = spec
        self._cancel = cancel
        self._record = -1
        self._around = around
        self._base = base
        self._alarm = alarm
        self._log = -1
        self._tree: Tree | None = None
        self._timeout: float | None = None
        self._grace = 0.0
        self._started_at = time.time()
        self._started_boot = boot_seconds()

    def run(self, descriptor: int, head: bytes, todo: dict[str, object]) -> None:
        """Do it all, writing to this record. Leaves an exit line, unless the disk is full at the start."""
        self._record = descriptor
        how: str | None = None
        reason: str | None = None
        number: int | None = None
        try:
            self._begin(head)
            self._prepare(todo)
            self._read_limits()
            self._start()
            how, reason = self._watch()
        except NotStarted as error:
            how, reason, number = "not_started", str(error), error.number
        except Exception as error:  # ends this attempt, with what is known of it
            reason = f"the shim failed: {error!r}"
            how = None if self._tree else "not_started"
            number = error.errno if isinstance(error, OSError) else None
        finally:
            if self._tree:
                self._tree.end(self._grace)
            self._finish(how, reason, number)

    def _begin(self, head: bytes) -> None:
        """Write the first lines, with room for the last one: from here on, the attempt counts as started."""
        at, boot = int(self._started_at * 1e6), int(self._started_boot * 1e9)
        started = record.line(b'{"kind":"started","at":%d,"boottime":%d}' % (at, boot))
        if self._around.known_blocks:
            head += b" " * record.padding(len(head) + record.FRAME + len(started))
        data = record.line(head) + started
        try:
            if not self._around.known_blocks:
                record.reserve(self._record, len(data) + record.TAIL)
            record.append(self._record, data)
        except OSError as error:
            raise NotStarted(error.errno, f"the record cannot be written: {error.strerror}") from error

    def _prepare(self, todo: dict[str, object]) -> None:
        """Make what the script finds, open its log and go to its directory."""
        spec = self._spec
        weird = self._around.umask & 0o700
        if weird:
            os.umask(0o077)
        try:
            for path in todo["dirs"]:  # type: ignore[attr-defined]
                _mkdir(path)
            for path, text in todo["files"].items():  # type: ignore[attr-defined]
                _write_new(path, text)
            self._log = os.open(spec["log"], _LOG, 0o600)  # type: ignore[arg-type]
        except OSError as error:
            raise NotStarted(error.errno, f"{error.filename} cannot be made: {error.strerror}") from error
        finally:
            if weird:
                os.umask(self._around.umask)
        try:
            os.chdir(spec["cwd"])  # type: ignore[arg-type]
        except OSError as error:
            reason = f"the working directory {spec['cwd']} cannot be entered: {error.strerror}"
            raise NotStarted(error.errno, reason) from error

    def _read_limits(self) -> None:
        """Understand the numbers before anything runs: one that is none ends an attempt that has not started."""
        timeout = self._spec["timeout"]
        self._timeout = None if timeout is None else float(timeout)  # type: ignore[arg-type]
        self._grace = float(self._spec["grace"])  # type: ignore[arg-type]

    def _start(self) -> None:
        """Execute the script, then write down what need not come before."""
        spec = self._spec
        program: str = spec["program"]  # type: ignore[assignment]
        environ = self._base.environ | spec["env_set"]  # type: ignore[operator]
        self._started_at, self._started_boot = time.time(), boot_seconds()
        try:
            pid = os.posix_spawn(
                program,
                spec["argv"],  # type: ignore[arg-type]
                environ,
                file_actions=((os.POSIX_SPAWN_DUP2, self._log, 1), (os.POSIX_SPAWN_DUP2, self._log, 2)),
                setsid=True,
                setsigmask=self._around.mask,
                setsigdef=self._around.to_default,
            )
        except OSError as error:
            raise NotStarted(error.errno, refusal(program, error.errno or 0)) from error
        except (ValueError, TypeError) as error:
            raise NotStarted(errno.EINVAL, f"the command cannot be passed to the system: {error}") from error
        finally:
            os.chdir("/")  # nobody's directory is kept busy by us
            self._write_run_sh()
        self._tree = Tree(pid, self._alarm)
        self._append(b'{"kind":"spawned","pid":%d}' % pid)

    def _write_run_sh(self) -> None:
        """Leave the command for a person; with a full disk it is not there, and does not matter."""
        try:
            path = f"{self._spec['attempt_dir']}/run.sh"
            descriptor = os.open(path, _NEW, 0o700)
            try:
                os.write(descriptor, repeat(self._spec, self._base, self._around.umask))
            finally:
                os.close(descriptor)
        except (OSError, UnicodeError):
            return

    def _watch(self) -> tuple[str | None, str | None]:
        """Wait for the end of the script, or for what must end it."""
        assert self._tree is not None
        timeout = self._timeout
        deadline = None if timeout is None else self._started_boot + timeout
        how = self._tree.wait(deadline, lambda: os.access(self._cancel, os.F_OK))
        if how == "timeout":
            return how, f"it ran for longer than its timeout of {timeout:g} s"
        return how, "cancelled while it ran" if how else None

    def _finish(self, how: str | None, reason: str | None, number: int | None) -> None:
        """Write the exit line: how it ended, and what it used and left."""
        spec, tree = self._spec, self._tree
        code: int | None = None
        signalled: int | None = None
        ended_at, ended_boot = time.time(), boot_seconds()
        if tree is not None and tree.status is not None:
            ended_at, ended_boot = tree.ended_at, tree.ended_boot
            result = os.waitstatus_to_exitcode(tree.status)
            code, signalled = (result, None) if result >= 0 else (None, -result)
        text = _EXIT % (
            record.VERSION,
            _encode(spec["key"]),
            _encode(spec["incarnation"]),
            how or ("exited" if signalled is None else "signalled"),
            "null" if code is None else code,
            "null" if signalled is None else signalled,
            "null" if number is None else number,
            _short(reason),
            self._started_at * 1e6,
            ended_at * 1e6,
            ended_boot - self._started_boot,
            tree.max_rss if tree else 0,
            tree.cpu if tree else 0.0,
            os.fstat(self._log).st_size if self._log >= 0 else 0,
            _encode(self._left()) if tree else "[]",
        )
        if self._log >= 0:
            os.close(self._log)
        self._append(text.encode())

    def _left(self) -> list[str]:
        """Which of the agreed names the script left with something in them."""
        home: str = self._spec["attempt_dir"]  # type: ignore[assignment]
        try:
            names = _AGREED.intersection(os.listdir(home))
        except OSError:
            return []
        return [name for name in LEFT if name in names and _has_content(f"{home}/{name}")] if names else []

    def _append(self, text: bytes) -> None:
        """Add a line; where even the reserved space is of no help, the record stays as it is."""
        try:
            record.append(self._record, record.line(text))
        except OSError:
            return


def _short(reason: str | None) -> str:
    """The reason as JSON, cut so that the exit line fits into the space that is kept for it."""
    if reason is None:
        return "null"
    text = _encode(reason)
    while len(text) > _LONGEST_REASON:
        reason = reason[: len(reason) * 2 // 3]
        text = _encode(reason + "...")
    return text


def _has_content(path: str) -> bool:
    try:
        return bool(os.listdir(path)) if os.path.isdir(path) else os.path.getsize(path) > 0
    except OSError:
        return False


def set_close_on_exec(*descriptors: int) -> None:
    """Keep these from every script."""
    for descriptor in descriptors:
        fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
