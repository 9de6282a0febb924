"""An attempt: one script, from its owned record to its exit line.

In: a specification, and what the script finds. Out: the record's lines, the log, ``run.sh``.
Always: `started` is on record before the script is executed; the exit line is written when no descendant exists any
more. Whatever fails here is told in that line. Order matters for speed: what the script need not wait for comes after
its start.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import time

from procession.supervise import record
from procession.supervise.cgroup import group
from procession.supervise.guard import Guard, Quiet
from procession.supervise.lease import Lease
from procession.supervise.limits import Limits, size
from procession.supervise.log import Log
from procession.supervise.script import refusal, repeat
from procession.supervise.start import make_directory, spawn, spawn_limited, write_new
from procession.supervise.tree import Tree, boot_seconds
from procession.supervise.usage import Memory, Processor, spent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from procession.supervise.cgroup import Group
    from procession.supervise.guard import Watcher
    from procession.supervise.script import Base
    from procession.supervise.shim import Surroundings
    from procession.supervise.tree import Alarm

LEFT = ("output", "events", "progress", "errors", "metrics", "retry_after", "artifacts")
"""What a script may leave in the attempt's directory for Procession; the exit line names those it left."""

_AGREED = frozenset(LEFT)
_LONGEST_REASON = 500
_NEW = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_encode = json.JSONEncoder(separators=(",", ":")).encode
_EXIT = (
    '{"kind":"exit","v":%d,"key":%s,"incarnation":%s,"how":"%s","code":%s,"signal":%s,"errno":%s,"reason":%s,'
    '"started_at":%d,"finished_at":%d,"seconds":%.6f,"max_rss":%d,"cpu":%.6f,"log_bytes":%d,"left":%s,"peak_tree":%s}'
)


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
        self._log: Log | None = None
        self._tree: Tree | None = None
        self._guard: Guard | None = None
        self._memory: Memory | None = None
        self._group: Group | None = None
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
            limits = Limits(self._spec)
            self._grace = limits.grace
            self._start(limits)
            how, reason = self._watch(limits)
        except NotStarted as error:
            how, reason, number = "not_started", str(error), error.number
        except Exception as error:  # ends this attempt, with what is known of it
            reason = f"the shim failed: {error!r}"
            how = None if self._tree else "not_started"
            number = error.errno if isinstance(error, OSError) else None
        finally:
            if self._tree:
                self._tree.end(self._grace, self._guard)
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
                make_directory(path)
            for path, text in todo["files"].items():  # type: ignore[attr-defined]
                write_new(path, text)
            self._log = Log(spec["log"])  # type: ignore[arg-type]
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

    def _start(self, limits: Limits) -> None:
        """Execute the script, then write down what need not come before."""
        assert self._log is not None
        spec, manner, log = self._spec, self._around.manner, self._log.descriptor
        program: str = spec["program"]  # type: ignore[assignment]
        argv: list[str] = spec["argv"]  # type: ignore[assignment]
        environ = self._base.environ | spec["env_set"]  # type: ignore[operator]
        held = limits.for_the_system()
        self._group = group(self._around.groups, limits.memory)
        self._started_at, self._started_boot = time.time(), boot_seconds()
        try:
            if held or self._group:
                pid = spawn_limited(program, argv, environ, log, manner, held, self._group)
            else:
                pid = spawn(program, argv, environ, log, manner)
        except OSError as error:
            raise NotStarted(error.errno, refusal(program, error.errno or 0)) from error
        except (ValueError, TypeError) as error:
            raise NotStarted(errno.EINVAL, f"the command cannot be passed to the system: {error}") from error
        finally:
            os.chdir("/")  # nobody's directory is kept busy by us
            self._write_run_sh(held)
        self._tree = Tree(pid, self._alarm)
        self._append(b'{"kind":"spawned","pid":%d}' % pid)

    def _write_run_sh(self, held: list[tuple[int, int, int]]) -> None:
        """Leave the command for a person; with a full disk it is not there, and does not matter."""
        try:
            path = f"{self._spec['attempt_dir']}/run.sh"
            descriptor = os.open(path, _NEW, 0o700)
            try:
                os.write(descriptor, repeat(self._spec, self._base, self._around.umask, held))
            finally:
                os.close(descriptor)
        except (OSError, UnicodeError):
            return

    def _watch(self, limits: Limits) -> tuple[str | None, str | None]:
        """Wait for the end of the script, or for what must end it."""
        assert self._tree is not None
        assert self._log is not None
        started = self._started_boot
        self._log.begin(limits.log_max, str(limits.log_over), started)
        watchers: list[Watcher] = [self._log]
        if limits.memory is not None and self._group is None:
            self._memory = Memory(limits.memory, started)
            watchers.append(self._memory)
        if limits.cpu_seconds is not None:
            watchers.append(Processor(limits.cpu_seconds, self._tree, started))
        if limits.quiet is not None:
            progress = f"{self._spec['attempt_dir']}/progress"
            watchers.append(Quiet(limits.quiet, self._log.descriptor, progress, started))
        if lease := self._spec.get("lease"):
            watchers.append(Lease(str(lease), started))
        self._guard = Guard(limits, started, self._cancel, watchers)
        self._tree.wait(self._guard)
        if self._guard.how:
            return self._guard.how, self._guard.reason
        return self._limit_of_the_system(limits)

    def _limit_of_the_system(self, limits: Limits) -> tuple[str | None, str | None]:
        """Was it the kernel that ended the script, at a limit that we gave it?"""
        assert self._tree is not None
        status = self._tree.status
        if self._group is not None and limits.memory is not None and status != 0 and self._group.has_killed():
            return "memory", f"memory: the kernel ended the tree, it may take {size(limits.memory)}"
        if limits.cpu_seconds is not None and status is not None and os.WIFSIGNALED(status):
            used, number = self._tree.cpu, os.WTERMSIG(status)
            if number == signal.SIGXCPU or (number == signal.SIGKILL and used >= limits.cpu_seconds):
                return "cpu", spent(used, limits.cpu_seconds)
        return None, None

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
        log_bytes = self._log.close() if self._log else 0
        if self._log and self._log.trouble:
            reason = f"{reason}; {self._log.trouble}" if reason else self._log.trouble
        peak = self._peak()
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
            log_bytes,
            _encode(self._left()) if tree else "[]",
            "null" if peak is None else peak,
        )
        self._append(text.encode())

    def _peak(self) -> int | None:
        """The most memory that the whole tree was seen to take; None: nobody looked."""
        if self._group is None:
            return self._memory.peak if self._memory else None
        peak = self._group.peak()
        self._group.remove()
        return peak

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
