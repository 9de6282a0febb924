"""A worker: a warm Python that calls functions for the launcher that started it, one after the other.

In: lines of orders on one pipe. Out: a line for each call that has ended, at once, on another; before each call its
place on the board (`supervise/board.py`), so that whoever finds this process dead knows which call that was.
Always: standard library only, Python 3.8 or newer, whatever the project runs; when its launcher is gone it is gone; a
call that raises ends that call alone; code of the project that has changed is never called as it was: this process
leaves what it has not begun and ends, and a new one takes over.

Run as a file by `executors/worker.py`: CALLER ORDERS ANSWERS BOARD ROOT PARENT, the first two descriptors.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hmac
import importlib
import importlib.util
import inspect
import io
import json
import os
import sys
import threading
import time
import traceback
import zlib
from typing import Any, Callable, Iterator, NoReturn

HERE = os.path.dirname(os.path.abspath(__file__))
LOOK_EVERY = 0.5
"""Seconds between two looks at the code, at least before each batch."""
HELD_LOOK = 0.05
"""Seconds between two looks of a call that is held."""
LOG_MAX = 256 << 20
"""Bytes of a call's log; what comes after is left out."""
MAX_RESULT = 100 << 20
"""Bytes of a result."""
SHORT = 512
"""Bytes up to which a result is not worth compressing; as `model/body.py` has it."""


def _beside(name: str, path: str) -> Any:
    """A module of Procession by its file: this interpreter need not have Procession."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _sdk() -> Any:
    """The file for scripts; where no Procession of our kind is installed, it is made importable as `procession`."""
    try:
        found = importlib.import_module("procession.sdk.script")
        if hasattr(found, "Status"):
            return found
    except ImportError:
        pass
    for name in [name for name in sys.modules if name == "procession" or name.startswith("procession.")]:
        del sys.modules[name]
    return _beside("procession", os.path.join(os.path.dirname(HERE), "sdk", "script.py"))


# ── what a call prints ─────────────────────────────────────────────────────────────────────────────


class _Log(io.RawIOBase):
    """Where output goes: the log of the call at work, made at its first byte; between calls, that of the workers."""

    def __init__(self) -> None:
        super().__init__()
        self.path: str | None = None
        self.size = 0
        self.dropped = 0
        """Bytes that could not be written."""
        self.why = ""
        self._file = -1

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self.path is None:
            return 2
        if self._file < 0:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(self.path, flags, 0o600)
        return self._file

    def write(self, data: Any) -> int:
        size = len(data)
        if self.size < LOG_MAX:
            view = memoryview(data)[: LOG_MAX - self.size]
            self.size += len(view)
            try:
                while view:
                    view = view[os.write(self.fileno(), view) :]
            except OSError as error:  # a full disk costs the log, not the work
                self.size -= len(view)
                self.dropped += len(view)
                self.why = error.strerror or str(error)
        return size

    def end(self) -> int:
        """The call is over: how many bytes it wrote."""
        size, self.path, self.size, self.dropped = self.size, None, 0, 0
        if self._file >= 0:
            with contextlib.suppress(OSError):  # closed by the function, or the disk is full
                os.close(self._file)
            self._file = -1
        return size


def _stream(log: _Log) -> io.TextIOWrapper:
    """What calls print into."""
    stream = io.TextIOWrapper(io.BufferedWriter(log, 1), "utf-8", "backslashreplace", line_buffering=True)
    stream._CHUNK_SIZE = 1 << 16  # type: ignore[attr-defined]
    return stream


# ── the code of the project ────────────────────────────────────────────────────────────────────────


class _Code:
    """Which files the loaded modules came from, and how these stood."""

    def __init__(self, root: str) -> None:
        self._root = os.path.join(os.path.realpath(root), "")
        self._known: dict[str, tuple[str, tuple[int, int]]] = {}
        """Module → its file, and how it stood when it was seen first."""
        self._others: dict[str, None] = {}
        self._wanted: dict[str, None] = {}
        self._seen = 0
        self.looked = 0.0

    def want(self, module: str) -> None:
        """Look after this module wherever it lies: a function of it is called."""
        self._wanted[module] = None
        if self._others.pop(module, self) is None:
            self._seen = 0

    def changed(self) -> bool:
        """Has one of them changed since it was loaded?"""
        self.looked = time.monotonic()
        self.note()
        return any(_stand(path) != stood for path, stood in self._known.values())

    def _is_ours(self, path: str) -> bool:
        """Below the project; not what is installed in an environment there."""
        real = os.path.realpath(path)
        return real.startswith(self._root) and "site-packages" not in real[len(self._root) :].split(os.sep)

    def note(self) -> None:
        """Take in what has been loaded since; soon after it was, so that what changes later is seen to change."""
        if len(sys.modules) == self._seen:
            return
        self._seen = len(sys.modules)
        for name, module in list(sys.modules.items()):
            if name in self._known or name in self._others:
                continue
            try:
                path = getattr(module, "__file__", None)
            except Exception:  # a module that is made when it is first used, and cannot be
                path = None
            ours = isinstance(path, str) and (name in self._wanted or self._is_ours(path))
            if ours and isinstance(path, str):
                self._known[name] = (path, _stand(path))
            else:
                self._others[name] = None


def _stand(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (-1, -1)
    return (found.st_mtime_ns, found.st_size)


# ── one call ───────────────────────────────────────────────────────────────────────────────────────


class Channel:
    """How a call speaks to its launcher; the file for scripts (`sdk/script.py`) uses it instead of files."""

    def __init__(self, answers: int, board: Any, sdk: Any) -> None:
        self._answers = answers
        self._board = board
        self._sdk = sdk
        self._lock = threading.Lock()
        self.number = 0
        self.begin(0, {}, [])

    def begin(self, number: int, plan: dict[str, Any], order: list[Any]) -> None:
        """A new call."""
        self.number = number
        self.plan = plan
        self.order = order
        self.left: dict[str, list[str]] = {}
        self.result: Any = None
        self.failed: str | None = None
        self.directory = False
        self._variables: dict[str, Any] | None = None

    # ── what the file for scripts asks ──────────

    @property
    def variables(self) -> dict[str, Any]:
        """What a script finds in its environment."""
        if self._variables is None:
            self._variables = self._named() if self.order else {}
        return self._variables

    def _named(self) -> dict[str, Any]:
        plan, order = self.plan, self.order
        work = "%s/work/%d" % (plan["var"], order[2])
        step = "%s/%02d-%s" % (work, plan["ordinal"], plan["step"])
        return {
            "TASK": plan["task"], "PROCESSING": order[2], "STEP": plan["step"], "ATTEMPT": order[3],
            "KEY": "%s-%d-%d" % (plan["installation"], order[2], plan["ordinal"]), "WORK": work + "/files",
            "STEP_DIR": step, "ARTIFACTS": "%s/%d/artifacts" % (step, order[3]), "PROJECT": plan["root"],
            "CHILDREN": self.extra.get("children", ""), "COMMAND": plan["command"], "URL": plan.get("url", ""),
        }  # fmt: skip

    @property
    def token(self) -> str:
        """With which this call may ask the HTTP API: `model.caller.attempt_token`, made where one is asked for."""
        with open("%s/secret" % self.plan["var"], "rb") as file:
            secret = file.read()
        key = "%s-%d" % (self.variables["KEY"], self.order[3])
        mark = hmac.new(secret, b"attempt:" + key.encode(), "sha256").digest()
        return "procession_attempt_%s_%s" % (key, base64.urlsafe_b64encode(mark).decode().rstrip("="))

    @property
    def extra(self) -> dict[str, Any]:
        """What only some calls are told."""
        return (len(self.order) > 8 and self.order[8]) or {}

    @property
    def event(self) -> dict[str, Any]:
        """The event of the processing."""
        if not self.order:
            return {}
        return {
            "id": self.order[4],
            "name": self.extra.get("event", self.plan["event"]),
            "key": self.order[5],
            "title": self.order[6],
            "params": self.order[7],
        }

    def append(self, name: str, line: str) -> None:
        """A line that a script would leave in a file."""
        self.left.setdefault(name.lower(), []).append(line)

    def made(self, path: Any) -> None:
        """Make a directory that the call asks for."""
        os.makedirs(path, mode=0o700, exist_ok=True)
        self.directory = True

    def say(self, what: str, value: Any) -> None:
        """Tell the launcher now, or with the end."""
        if what == "fail":
            self.failed = value
        elif what == "result":
            self.result = value
        else:
            self.send({"seq": self.number, "say": what, "value": value})

    def cancelled(self) -> bool:
        """Is this call to end?"""
        return bool(self._board.wanted(self.number) == "end")

    def checkpoint(self) -> None:
        """Wait as long as the call is held."""
        if self._board.wanted(self.number) != "hold":
            return
        self.say("pause", None)
        while self._board.wanted(self.number) == "hold":
            time.sleep(HELD_LOOK)
        self.say("resume", None)

    # ── lines out ──────────

    def send(self, frame: dict[str, Any], raw: bytes = b"") -> None:
        """A line, and the bytes that follow it."""
        if raw:
            frame["raw"] = len(raw)
        self.write(json.dumps(frame).encode("ascii") + b"\n" + raw)

    def write(self, data: bytes) -> None:
        """All of it, and nothing else in between; the launcher may be gone, and then so are we."""
        with self._lock:
            view = memoryview(data)
            while view:
                view = view[os.write(self._answers, view) :]


Call = Callable[[Channel, Any], Any]


def resolve(function: str, sdk: Any, code: _Code) -> Call:
    """How this function, or class, is called; whatever is wrong with it is raised."""
    module_name, _, name = function.rpartition(".")
    importlib.invalidate_caches()
    module = importlib.import_module(module_name)
    code.want(module_name)
    try:
        found = getattr(module, name)
    except AttributeError:
        raise LookupError("%s has no %s: correct function = %r" % (module_name, name, function)) from None
    if inspect.isclass(found) and issubclass(found, sdk.Task):
        return _calls_class(found)
    if not callable(found) or inspect.isclass(found):
        raise TypeError("%s is no function, and no class that derives from procession.Task" % function)
    if getattr(found, "__procession_task__", False):
        return _awaited(found, _spread(found))
    return _awaited(found, _by_position(found, function, sdk))


def _calls_class(found: Any) -> Call:
    def call(channel: Channel, inputs: Any) -> Any:
        names = found.field_names()
        one = found.__new__(found)
        found.__init__(one)
        known = dict(inputs) if isinstance(inputs, dict) else {}
        for values in channel.extra.get("outputs", ()):
            known.update(values)
        for key in names:
            if key in known:
                setattr(one, key, known[key])
        try:
            return one.process()
        finally:
            saved = {key: value for key in names if _is_json(value := getattr(one, key, _NOTHING))}
            if saved:
                channel.append("FIELDS", json.dumps(saved))

    return call


_NOTHING = object()


def _is_json(value: Any) -> bool:
    try:
        return value is not _NOTHING and bool(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return False


def _spread(found: Any) -> Call:
    def call(_: Channel, inputs: Any) -> Any:
        if isinstance(inputs, dict):
            return found(**inputs)
        return found(*inputs) if isinstance(inputs, (list, tuple)) else found(inputs)

    return call


def _by_position(found: Any, function: str, sdk: Any) -> Call:
    parameters = list(inspect.signature(found).parameters.values())
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in places)
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if needed > 2 or named:
        raise TypeError(
            "%s must be called with %s; a function takes (status, inputs), (inputs) or nothing; "
            "to take the inputs by name mark it with @procession.task"
            % (function, ", ".join(named) or "%d arguments" % needed)
        )
    if needed == 2 or (not places and any(p.kind is p.VAR_POSITIONAL for p in parameters)):
        return lambda channel, inputs: found(sdk.Status(), inputs)
    if places:
        return lambda channel, inputs: found(inputs)
    return lambda channel, inputs: found()


def _awaited(found: Any, call: Call) -> Call:
    """A coroutine function is run to its end."""
    if not inspect.iscoroutinefunction(found):
        return call
    import asyncio  # noqa: PLC0415  not every worker needs it

    return lambda channel, inputs: asyncio.run(call(channel, inputs))


def body_of(value: Any, sdk: Any) -> tuple[str, bytes]:
    """MIME type and bytes of what a function returned or stored; TypeError or ValueError if it can be neither."""
    if not isinstance(value, sdk.Result):
        mime = "application/octet-stream" if isinstance(value, (bytes, bytearray, memoryview)) else "application/json"
        value = sdk.Result(value, mime)
    body = value.body
    if isinstance(body, (bytes, bytearray, memoryview)):
        content = bytes(body)
    elif isinstance(body, str) and not value.mime.startswith("application/json"):
        content = body.encode("utf-8", "surrogatepass")
    else:
        content = json.dumps(body, ensure_ascii=False, allow_nan=False, default=sdk._plain).encode()
    if len(content) > MAX_RESULT:
        raise ValueError("it has %d bytes, more than %d; write a file and return its path" % (len(content), MAX_RESULT))
    return value.mime, content


def kept(content: bytes) -> tuple[str, bytes]:
    """The form in which a result is stored, and its text; the same as `model.body.keep`, here, where it takes time."""
    if len(content) > SHORT:
        packed = zlib.compress(content, 6)
        if len(packed) < 0.7 * len(content):
            return "zlib", base64.b64encode(packed)
    try:
        content.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(content)
    return ("base64", base64.b64encode(content)) if b"\0" in content else ("text", content)


# ── the worker ─────────────────────────────────────────────────────────────────────────────────────


class Worker:
    """Reads orders, calls, answers."""

    def __init__(self, orders: int, answers: int, board: Any, root: str) -> None:
        self._orders = orders
        self._answers = answers
        self._board = board
        self._sdk = _sdk()
        self._code = _Code(root)
        self._channel = Channel(answers, board, self._sdk)
        self._plans: dict[int, dict[str, Any]] = {}
        self._calls: dict[str, Call] = {}
        self._log = _Log()
        self._stream = _stream(self._log)
        self._pid = os.getpid()

    def run(self) -> None:
        """Until there are no more orders, or the code has changed."""
        self._listen()
        os.register_at_fork(after_in_child=self._alone)
        for batch in self._batches():
            if self._code.changed():
                self._leave()
            for order in batch:
                if time.monotonic() - self._code.looked > LOOK_EVERY and self._code.changed():
                    self._leave()
                self._one(order)

    def _listen(self) -> None:
        """Have what is printed from now on, whatever the call before has done to its output."""
        try:
            usable = self._stream.writable() and not self._stream.closed and not self._log.closed
        except ValueError:  # it was closed, or taken from its buffer
            usable = False
        if not usable:
            self._log = _Log()
            self._stream = _stream(self._log)
        sys.stdout = sys.stderr = self._stream

    def _end_log(self, said: dict[str, Any]) -> None:
        """Write out what is left of the log; what could not be written is said and costs nothing else."""
        with contextlib.suppress(OSError, ValueError):  # the function has closed it
            self._stream.flush()
        if self._log.dropped:
            words = "%d bytes of its log could not be written: %s" % (self._log.dropped, self._log.why)
            self._channel.say("message", words)
        if size := self._log.end():
            said["log"] = size

    def _alone(self) -> None:
        """A process that a function forks has nothing to say to the launcher."""
        self._sdk._channel = None

    def _end_of_child(self, error: BaseException | None) -> None:
        """A process that a function has forked and that comes back from it ends here: orders and answers are ours."""
        if os.getpid() == self._pid:
            return
        code = error.code if isinstance(error, SystemExit) else error and 1
        os._exit(code & 0xFF if isinstance(code, int) else int(code is not None))

    def _leave(self) -> NoReturn:
        self._channel.send({"stale": True})
        os._exit(0)

    def _batches(self) -> Iterator[list[Any]]:
        parts: list[bytes] = []
        while True:
            chunk = os.read(self._orders, 1 << 18)
            if not chunk:
                return
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                frame = json.loads(b"".join(parts) + line)
                parts = []
                if isinstance(frame, dict):
                    self._plans[frame["plan"]] = frame
                else:
                    yield frame
            if rest:
                parts.append(rest)

    def _one(self, order: list[Any]) -> None:
        number, plan = order[0], self._plans[order[1]]
        channel = self._channel
        if not self._board.begin(number, order[2], plan["ordinal"], order[3]):
            channel.write(b'{"skipped":%d}\n' % number)
            return
        began = time.time_ns() // 1000
        channel.begin(number, plan, order)
        self._listen()
        self._log.path = "%s/work/%d/%02d-%s/%d/log" % (plan["var"], order[2], plan["ordinal"], plan["step"], order[3])
        self._sdk._channel = channel
        raised: BaseException | None = None
        try:
            call = self._calls.get(plan["function"])
            if call is None:
                call = self._calls[plan["function"]] = resolve(plan["function"], self._sdk, self._code)
            extra = channel.extra
            value = call(channel, self._inputs(extra, order) if extra else order[7])
            if value is not None:
                channel.result = value
        except BaseException as error:  # whatever a function raises ends that call alone
            raised = error
        self._end_of_child(raised)
        try:
            said, raw = self._outcome(raised)
        except BaseException as error:  # what a function leaves behind may be anything
            said, raw = {"how": "failed", "code": 1, "reason": "how it ended cannot be told: %r" % type(error)}, b""
        raised = None
        self._sdk._channel = None
        self._code.note()
        self._end_log(said)
        ended = time.time_ns() // 1000
        if said or channel.left or channel.directory:
            said.update(seq=number, began=began, ended=ended, **channel.left)
            if channel.directory:
                said["directory"] = True
            channel.send(said, raw)
        else:
            channel.write(b"[%d,%d,%d]\n" % (number, began, ended))
        self._board.end()

    def _outcome(self, raised: BaseException | None) -> tuple[dict[str, Any], bytes]:
        """How the call ended, and the bytes of its result; nothing where it ended plainly."""
        channel = self._channel
        said = {} if raised is None else self._ending(raised)
        if said:
            return said, b""
        if channel.failed is not None:
            return {"how": "failed", "code": 1, "reason": channel.failed}, b""
        if channel.result is None:
            return {}, b""
        try:
            mime, content = body_of(channel.result, self._sdk)
        except Exception as error:
            return {"how": "failed", "code": 1, "reason": "its result cannot be kept: %s" % error}, b""
        form, raw = kept(content)
        return {"mime": mime, "form": form, "size": len(content)}, raw

    def _inputs(self, extra: dict[str, Any], order: list[Any]) -> Any:
        if "pickle" in extra:
            pickled = _beside("procession_pickled", os.path.join(HERE, "pickled.py"))
            return pickled.opened(base64.b64decode(extra["pickle"]), extra["pickle_key"])
        return extra["inputs"] if "inputs" in extra else order[7]

    def _ending(self, error: BaseException) -> dict[str, Any]:
        """What an exception says, as an exit code would."""
        if isinstance(error, self._sdk._Ending):
            found = {"how": "retry" if error.number == 75 else "skipped", "code": error.number, "reason": str(error)}
            if getattr(error, "after", None) is not None:
                found["after"] = error.after
            return found
        if isinstance(error, SystemExit):
            code = error.code
            if code is None or code == 0:
                return {}
            number = code if isinstance(code, int) else 1
            how = {75: "retry", 77: "skipped"}.get(number, "failed")
            return {"how": how, "code": number, "reason": "" if isinstance(code, int) else str(code)[:1000]}
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace))
        try:
            sys.stderr.write(text)
        except Exception:  # the function has closed or replaced it
            self._log.write(text.encode("utf-8", "backslashreplace"))
        words = " ".join(str(error).split())[:1000]
        name = type(error).__name__
        return {"how": "failed", "code": 1, "reason": "%s: %s" % (name, words) if words else name}


def die_with(parent: int) -> None:
    """Be killed when the launcher is gone, whatever is being called then."""
    ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != parent:
        os._exit(0)


def main(arguments: list[str]) -> None:
    """Serve."""
    orders, answers, board, root, parent = arguments
    die_with(int(parent))
    sys.path[:] = [root, *(path for path in sys.path if path not in ("", root))]
    sys.argv = ["procession worker"]
    sys.dont_write_bytecode = True  # its check is by whole seconds: what is edited twice in one would be missed
    boards = _beside("procession_board", os.path.join(HERE, "board.py"))
    Worker(int(orders), int(answers), boards.Board(board), root).run()
    os._exit(0)
