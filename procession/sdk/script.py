"""What a script may say to Procession, and ask of it: ``import procession``.

One file, standard library only, Python 3.8 or newer: ``procession sdk PATH`` puts it into any environment. Nothing of
it is needed: everything here is a line in a file whose name is in the environment, and any language can write it.

*In:* the variables ``PROCESSION_*``. *Out:* lines, whole or not at all, also from many processes at once. *Always:* the
same script runs by hand; what it would have said is then printed to standard error, and nothing else is different.

::

    import procession

    scene = procession.current().params["scene"]
    procession.progress(0.5, "calibrated")
    procession.output(cloud=0.12)
    procession.emit("product", key=scene, path="out.tif")
    with procession.lock("account:17", "account:18") as locks:
        if not locks:
            raise procession.Retry("the accounts are busy", after="5 min")
"""

import atexit
import contextlib
import json
import math
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, TypeVar, Union

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

__all__ = [
    "Deadlock", "LockError", "Result", "Retry", "Skip", "Status", "Task", "artifact", "ask", "current", "emit",
    "error", "lock", "metric", "output", "progress", "skip", "task",
]  # fmt: skip

_channel: Any = None
"""Inside a call of a function: how this process speaks to its launcher. Scripts have none, they write files."""

# ── what the script asks ───────────────────────────────────────────────────────────────────────────


class Event(NamedTuple):
    """The event that this processing is about. Outside Procession all texts are empty and the id is 0."""

    id: int
    name: str
    key: str
    title: str


class Params(Dict[str, Any]):
    """The event's parameters by name, with their types: text, number, true or false, None, list, dict."""

    def __missing__(self, name: str) -> Any:
        there = ", ".join(sorted(self)) or "none" + ("" if _inside() else " outside Procession")
        raise KeyError(f"{name}: the event has no such parameter; it has {there}")


class Current:
    """Who this script is at present. Outside Procession: no names, no parameters, and the working directory."""

    def __init__(self) -> None:
        self.task: str = _variable("TASK")
        """Name of the task."""
        self.processing: int = int(_variable("PROCESSING") or 0)
        """Id of the processing; 0 outside."""
        self.step: str = _variable("STEP")
        """Name of the step."""
        self.attempt: int = int(_variable("ATTEMPT") or 0)
        """Number of this attempt, from 1; 0 outside."""
        self.key: str = _variable("KEY")
        """The same for all attempts of this step, and for no other step: for effects that must not happen twice."""
        self._told: Optional[Dict[str, Any]] = None

    @property
    def work(self) -> "Path":
        """Directory that the steps of the processing share."""
        return _directory("WORK")

    @property
    def step_dir(self) -> "Path":
        """Directory of the step."""
        return _directory("STEP_DIR")

    @property
    def artifacts(self) -> "Path":
        """What is left here is kept with the attempt and shown."""
        return _directory("ARTIFACTS")

    @property
    def event(self) -> Event:
        """The event: id, name, key, title."""
        told = self._tell()
        return Event(told.get("id", 0), told.get("name", ""), told.get("key", ""), told.get("title", ""))

    @property
    def params(self) -> Params:
        """The event's parameters, with their types. Outside Procession there are none: use ``params.get``."""
        return Params(self._tell().get("params", {}))

    @property
    def children(self) -> List[Dict[str, Any]]:
        """After a ``wait`` step: id, state, outputs, result and directory of each processing that was waited for."""
        path = _variable("CHILDREN")
        if not path:
            return []
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.strip()]

    def _tell(self) -> Dict[str, Any]:
        if self._told is None:
            self._told = {} if _channel is None else _channel.event
            if _channel is None and _variable("EVENT"):
                with open(_variable("EVENT"), encoding="utf-8") as file:
                    self._told = json.load(file)
        return self._told or {}


def current() -> Current:
    """Who this script is: task, processing, step, attempt, key, event, params, work, step_dir, artifacts, children."""
    return Current()


def ask(request: str, **arguments: Any) -> Any:
    """Ask the HTTP API of the Procession that runs this script, with the token of this attempt, and return its JSON.

    `request` is method and path as in the reference of the API: ``ask("POST /processings/17/retry", reason="again")``.
    What it may ask beyond its own processing the ``grants`` of its task say. RuntimeError says why it was refused;
    OSError where nobody answers. Outside Procession, and in ``procession shell`` and its ``rerun``, it prints what it
    would ask, and None comes back. People are asked by a step with ``ask``.
    """
    method, _, path = request.partition(" ")
    by_hand = _by_hand()
    if by_hand or not _variable("URL"):
        if _inside() and not by_hand:
            raise RuntimeError(
                "no HTTP API is there for this attempt: [web] in procession.toml switches it on; "
                "functions have no token of their own"
            )
        _print("would ask " + request + (" " + _json("an argument", arguments) if arguments else ""))
        return None
    import http.client  # noqa: PLC0415  20 ms, for those who ask
    from urllib.parse import urlencode, urlsplit  # noqa: PLC0415

    headers = {"Authorization": "Bearer " + _token(), "Content-Type": "application/json"}
    url, path, body = urlsplit(_variable("URL")), "/api/v1" + path, None
    if method != "GET":
        body = _json("an argument", arguments)
        headers["Idempotency-Key"] = os.urandom(16).hex()
    elif arguments:
        path += "?" + urlencode({n: v if isinstance(v, str) else json.dumps(v) for n, v in arguments.items()})
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(url.netloc, timeout=60)) as connection:
        connection.request(method, url.path.rstrip("/") + path, body and body.encode(), headers)
        answer = connection.getresponse()
        told = answer.read().decode("utf-8", "replace")
    if answer.status < 300:
        return json.loads(told)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        told = json.loads(told)["detail"]
    raise RuntimeError(f"{request}: {told}")


# ── what the script says ───────────────────────────────────────────────────────────────────────────

_pace = [100.0, 0.0]  # lines of progress that may be written at once; the moment of the last one


def progress(share: Optional[float], text: str = "") -> None:
    """Say how far it is: a share from 0 to 1 (None where nobody knows), and in words what was done.

    More than ten a second are left out; one that cannot be written is no mistake of the script.
    """
    now = time.monotonic()
    _pace[:] = [min(100.0, _pace[0] + (now - _pace[1]) * 10), now]
    if _pace[0] < 1 and share != 1:
        return
    _pace[0] -= 1
    words = _line(text)
    if share is not None:
        share = float(share)
        share = 0.0 if math.isnan(share) else min(max(share, 0.0), 1.0)
    if _channel is not None:
        _channel.say("progress", [share, words])
        return
    if share is None:
        line, told = words, words
    else:
        line, told = f"{share:.4g} {words}", f"{share:.0%} {words}"
    with contextlib.suppress(OSError):
        _append("PROGRESS", line.rstrip(), "progress " + told.rstrip())


def output(**values: Any) -> None:
    """Leave values for later steps (``{step.name}`` in their commands) and for the result of the processing.

    They count if the attempt succeeds; the newest value of a name counts. TypeError if a value is not JSON.
    """
    for name in values:
        _check_name("an output", name)
    line = _json("output", values)
    _append("OUTPUT", line, "would leave " + line)


def emit(
    event: str,
    key: Union[str, int, float, None] = None,
    title: str = "",
    priority: Optional[int] = None,
    params: Optional[Mapping[str, Any]] = None,
    **named: Any,
) -> None:
    """Emit an event when this attempt succeeds, in the same transaction, or never.

    The same name and key is one event, however often it is emitted. Without a key it gets one of this step and its
    place among the events, the same in every attempt. Its parameters are `named`; those called as an argument of this
    function is go into `params`. TypeError if a value is not JSON.
    """
    told: Dict[str, Any] = {"event": str(event)}
    if key is not None:
        told["key"] = key
    if title:
        told["title"] = str(title)
    if priority is not None:
        told["priority"] = priority
    told["params"] = dict(params or {}, **named)
    for name in told["params"]:
        _check_name("a parameter", name)
    line = _json("event", told)
    _append("EVENTS", line, "would emit " + line)


def error(text: str) -> None:
    """Record an error: the chain goes on, and people see that something was wrong."""
    line = _line(text) or "an error without a text"
    _append("ERRORS", line, "would record the error: " + line)


def metric(**numbers: float) -> None:
    """Record numbers, to be compared from processing to processing. ValueError if one is not finite."""
    for name, number in numbers.items():
        _check_name("a metric", name)
        value = float(number)
        if not math.isfinite(value):
            raise ValueError(f"the metric {name} is {value}; only a finite number can be recorded")
        line = f"{name}={value!r}"
        _append("METRICS", line, "would record " + line)


def artifact(name: str) -> "Path":
    """Where to save a file that people shall see, such as a picture: ``savefig(procession.artifact("map.png"))``.

    Outside Procession that is the working directory. Directories in the name are made.
    """
    parts = os.path.normpath(os.fspath(name)).split(os.sep)
    if os.path.isabs(name) or parts[0] == ".." or parts == ["."]:
        raise ValueError(f"an artifact has a name within the directory of artifacts, not {name!r}")
    path = _directory("ARTIFACTS").joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


# ── locks ──────────────────────────────────────────────────────────────────────────────────────────


class Lock:
    """A lock that is held."""

    def __init__(self, name: str, fence: int, count: int) -> None:
        self.name = name
        self.fence = fence
        """Grows with every grant of this name. What must not be changed by one that lost its lock compares it."""
        self.count = count
        """So often it was acquired, by nested contexts or by other steps of the processing."""

    def __repr__(self) -> str:
        return "<lock {} fence {}>".format(self.name, self.fence)


class LockError(Exception):
    """The locks could not be asked for, or were refused: the text says why."""


class lock:
    """``with procession.lock("account:17", "account:18") as locks:``: all of these, or nothing, for the block.

    `locks` is the list of them, or an empty list where one of them is taken: then nothing is held, and the block says
    what to do. What the processing holds already counts as granted, so contexts may be nested in any order; at its end
    each releases exactly what it acquired. A name that a limit of the project has is that limit.

    `wait`: so long it waits for them, in seconds or as ``"5 min"``; first come, first served. None: not at all.
    `owner`: ``"processing"``: what is not released falls when the processing ends; ``"attempt"``: when this attempt
    ends. Whatever happens, nothing is held by what has ended. Raises `Deadlock` where it would wait for somebody who
    waits for what is held here, `LockError` where it cannot be asked.
    """

    def __init__(self, *names: str, wait: Union[float, str, "timedelta", None] = None, owner: str = "processing"):
        if not names:
            raise ValueError('name at least one lock: procession.lock("account:17")')
        self._names = sorted(set(names))
        self._wait = 0.0 if wait is None else _seconds(wait)
        self._owner = owner
        self._held: List[bool] = []

    def __enter__(self) -> List[Lock]:
        if not _inside() or _by_hand():
            _print("would lock " + ", ".join(self._names))
            self._held.append(False)
            return [Lock(name, 0, 1) for name in self._names]
        found = self._acquire()
        self._held.append(bool(found))
        return found

    def __exit__(self, *_: Any) -> None:
        if self._held.pop():
            _ask("release-lock", {"names": self._names, "owner": self._owner})

    def _acquire(self) -> List[Lock]:
        until = time.monotonic() + self._wait
        asked: Dict[str, Any] = {"names": self._names, "owner": self._owner}
        while True:
            rest = until - time.monotonic()
            answer = _ask("acquire", dict(asked, wait=max(0.0, rest)))
            if answer["granted"]:
                return [Lock(each["name"], each["fence"], each["count"]) for each in answer["locks"]]
            if rest <= 0:
                return []
            time.sleep(max(0.0, min(answer["waiting"]["again"], until - time.monotonic())))


_ROUTES = {"acquire": "/api/v1/locks", "release-lock": "/api/v1/locks/release"}


def _ask(verb: str, asked: Dict[str, Any]) -> Dict[str, Any]:
    """Ask Procession, and return its answer: over HTTP where a server runs, else by its command.

    ``wait`` is in seconds; an answer may come before they are over, and is then asked for again.
    """
    url, command = _variable("URL"), _variable("COMMAND")
    if url:
        try:
            return _ask_server(url.rstrip("/") + _ROUTES[verb], asked)
        except OSError as problem:  # nobody is there, or has an answer now
            if not command:
                raise LockError("the server at {} does not answer: {}".format(url, problem)) from problem
    if not command:
        raise LockError("there is no way to ask Procession: PROCESSION_URL and PROCESSION_COMMAND are not set")
    return _ask_command(json.loads(command), verb, asked)


def _token() -> str:
    """Of this attempt, for the HTTP API."""
    if _channel is not None:
        return str(_channel.token)
    with open(_variable("TOKEN_FILE"), encoding="ascii") as file:
        return file.read().strip()


def _ask_server(url: str, asked: Dict[str, Any]) -> Dict[str, Any]:
    from urllib.error import HTTPError  # noqa: PLC0415  80 ms, only for scripts that ask
    from urllib.request import ProxyHandler, Request, build_opener  # noqa: PLC0415

    headers = {"Authorization": "Bearer " + _token(), "Content-Type": "application/json"}
    if "wait" in asked:
        asked = dict(asked, wait=asked["wait"] > 0)
    request = Request(url, json.dumps(asked).encode(), headers, method="POST")  # noqa: S310  of our own environment
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:  # a proxy is for the world outside
            found: Dict[str, Any] = json.load(answer)
            return found
    except HTTPError as refused:
        if refused.code >= 500 or refused.code == 429:
            raise
        told = _problem(refused.read())
        raise _refusal(told.get("code") == "Deadlock", told.get("detail") or str(refused)) from None


def _problem(body: bytes) -> Dict[str, Any]:
    with contextlib.suppress(ValueError):
        told = json.loads(body)
        if isinstance(told, dict):
            return told
    return {}


def _ask_command(command: List[str], verb: str, asked: Dict[str, Any]) -> Dict[str, Any]:
    import subprocess  # noqa: PLC0415  10 ms, only for scripts that ask

    words = [verb, "--json", "--owner", asked["owner"], *(["--wait", str(asked["wait"])] if asked.get("wait") else [])]
    own = (
        {} if _channel is None else {"PROCESSION_" + name: str(_channel.variables[name]) for name in ("KEY", "ATTEMPT")}
    )
    done = subprocess.run(
        [*command, *words, "--", *asked["names"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, check=False, env=dict(os.environ, **own),
    )  # fmt: skip
    with contextlib.suppress(ValueError):
        found: Dict[str, Any] = json.loads(done.stdout.decode("utf-8", "replace"))
        return found
    said = _line(done.stderr.decode("utf-8", "replace")) or "exit code {}".format(done.returncode)
    raise _refusal(done.returncode == Deadlock.number, said)


def _refusal(deadlock: bool, said: str) -> BaseException:
    return Deadlock(said) if deadlock else LockError(said)


# ── how the script ends ────────────────────────────────────────────────────────────────────────────


class _Ending(SystemExit):
    """Ends the script as ``sys.exit`` does, with a code that Procession knows and the reason as the last line.

    It is a SystemExit, so that no traceback is printed, ``finally`` and ``with`` are honoured, and ``except Exception``
    does not swallow it. The interpreter asks for `code` only where it ends by it: what is told is told then.
    """

    number = 1
    chosen: "Optional[_Ending]" = None

    def __init__(self, reason: str = "") -> None:
        self.reason = _line(reason)
        super().__init__(self.reason)

    @property
    def code(self) -> int:  # type: ignore[override]
        _Ending.chosen = self
        return self.number

    def __str__(self) -> str:
        return self.reason

    def tell(self) -> None:
        """Leave what Procession has to know beside the code and the reason."""


class Retry(_Ending):
    """``raise procession.Retry("busy", after="5 min")``: end this attempt, and try again later (exit code 75).

    `after` is a number of seconds, a timedelta, or a text such as ``"1 h 30 min"``; without it the policy of the step
    decides. Not counted as a failure, but the step has only so many soft attempts.
    """

    number = 75

    def __init__(self, reason: str = "try again later", after: Union[float, str, "timedelta", None] = None) -> None:
        super().__init__(reason)
        self.after = None if after is None else _seconds(after)

    def tell(self) -> None:
        if not _inside():
            _print("would try again" + ("" if self.after is None else f" after {self.after:g} s"))
        elif self.after is not None and _variable("RETRY_AFTER"):
            with open(_variable("RETRY_AFTER"), "w", encoding="utf-8") as file:
                file.write(f"{self.after!r}\n")


class Deadlock(Retry):
    """`lock` would wait for a processing that waits for what is held here: let go, and acquire all at once.

    Where nobody catches it, the attempt ends, lets go and is tried again: it is a `Retry`.
    """


class Skip(_Ending):
    """``raise procession.Skip("no data over land")``: end here, well; the rest is skipped (exit code 77)."""

    number = 77

    def tell(self) -> None:
        if not _inside():
            _print("would skip the rest of the processing")


def skip(reason: str = "skipped") -> None:
    """The same as ``raise Skip(reason)``."""
    raise Skip(reason)


@atexit.register
def _end() -> None:
    """The reason is the last line of the log: this runs after what was registered later than our import."""
    ending = _Ending.chosen
    if ending is None:
        return
    with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or its reader has gone
        sys.stdout.flush()
    try:
        ending.tell()
    except OSError as error_:
        _print(f"the time to wait could not be left: {error_}")
    _print(ending.reason or type(ending).__name__, prefix="")


# ── functions ──────────────────────────────────────────────────────────────────────────────────────

_F = TypeVar("_F", bound=Callable[..., Any])


def task(function: _F) -> _F:
    """Mark a function as a task: its inputs become its arguments, by name from a dict, in order from a list.

    It stays the function that it is, and can be called by hand.
    """
    function.__procession_task__ = True  # type: ignore[attr-defined]
    return function


class Result:
    """What a function returns whose result is neither JSON nor plain bytes: ``Result("<svg…", "image/svg+xml")``."""

    def __init__(self, body: Any, mime: str = "") -> None:
        self.body = body
        """Bytes, a text, or any JSON value."""
        self.mime = mime or _mime_of(body)
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+(\s*;.*)?", self.mime, re.ASCII) or not self.mime.isprintable():
            raise ValueError(f"{mime!r} is not a MIME type; write e.g. image/png")


class Status:
    """What a function is told of its call, and what it may say: ``def handler(status, inputs): ...``."""

    def __init__(self) -> None:
        me = current()
        self.task: str = me.task
        """Name of the task."""
        self.key: str = me.event.key
        """Key of the event: by it and the task the caller knows this instance."""
        self.processing: int = me.processing
        """Id of the processing; 0 outside Procession."""
        self.attempt: int = me.attempt
        """Number of this attempt, from 1; 0 outside."""

    @property
    def directory(self) -> "Path":
        """Directory that the steps of the processing share; made when it is asked for."""
        return current().work

    @property
    def children(self) -> List[Dict[str, Any]]:
        """After a ``wait`` step: id, state, outputs and result of each processing that was waited for."""
        return current().children

    @property
    def cancelled(self) -> bool:
        """Is this call to end? Who looks has a moment to put things in order."""
        return _channel is not None and bool(_channel.cancelled())

    def progress(self, share: Optional[float], text: str = "") -> None:
        """The same as `procession.progress`."""
        progress(share, text)

    def message(self, text: str) -> None:
        """Write a line into the journal of the processing."""
        self._say("message", _line(text)[:1000])

    def fail(self, reason: str) -> None:
        """The attempt has failed when the function returns, for this reason."""
        self._say("fail", _line(reason) or "it failed")

    def store(self, body: Any, mime: str = "") -> None:
        """Keep this as the result, if the attempt succeeds; the newest counts. Bytes, a text, or any JSON value."""
        self._say("result", Result(body, mime))

    def emit(self, event: str, key: Union[str, int, float, None] = None, **named: Any) -> None:
        """The same as `procession.emit`."""
        emit(event, key, **named)

    def error(self, text: str) -> None:
        """The same as `procession.error`."""
        error(text)

    def pause(self) -> None:
        """Say that the function itself waits for something."""
        self._say("pause", None)

    def resume(self) -> None:
        """Say that it goes on."""
        self._say("resume", None)

    def checkpoint(self) -> None:
        """Wait here as long as an operator holds the processing."""
        if _channel is not None:
            _channel.checkpoint()

    def _say(self, what: str, value: Any) -> None:
        if _channel is not None:
            _channel.say(what, value)
        else:
            _print(f"would {what}" + ("" if value is None else f": {getattr(value, 'body', value)!r}"))


class Task:
    """A task as a class: annotated fields, and `process`, which may change them; they are saved with the processing.

    The fields come from the inputs, and at a further try as the try before left them; `status` is there in `process`.
    By hand: ``Scene(name="S2A").process()``.
    """

    def __init__(self, **fields: Any) -> None:
        self.status = Status()
        for name, value in fields.items():
            if name not in self.field_names():
                raise TypeError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self.field_names())}")
            setattr(self, name, value)

    @classmethod
    def field_names(cls) -> List[str]:
        """Names of the annotated fields, those of base classes first."""
        found: Dict[str, None] = {}
        for each in reversed(cls.__mro__):
            for name, kind in getattr(each, "__annotations__", {}).items():
                if not name.startswith("_") and "ClassVar" not in str(kind):
                    found[name] = None
        return list(found)

    def process(self) -> Any:
        """What is to be done; what it returns is the result."""
        raise NotImplementedError(f"{type(self).__name__} does not say what to do: write a method process(self)")


def _mime_of(body: Any) -> str:
    if isinstance(body, (bytes, bytearray, memoryview)):
        return "application/octet-stream"
    return "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"


# ── how it is written ──────────────────────────────────────────────────────────────────────────────

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_PIECE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")
_UNITS = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0,
    "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0, "w": 604800.0, "week": 604800.0, "weeks": 604800.0,
}  # fmt: skip


def _variable(name: str) -> str:
    if _channel is not None:
        return str(_channel.variables.get(name, ""))
    return os.environ.get("PROCESSION_" + name, "")


def _inside() -> bool:
    return bool(_variable("PROCESSING"))


def _by_hand() -> bool:
    """Is this ``procession shell``, or ``rerun`` in it? The attempt has ended then; what has ended can hold nothing."""
    output = _variable("OUTPUT")
    if _channel is not None or not output:
        return False
    if _variable("BY_HAND") == _variable("KEY") + "-" + _variable("ATTEMPT"):  # of this attempt, and of no other
        return True
    try:
        return os.stat(os.path.join(os.path.dirname(output), "rerun")).st_size == 0
    except OSError:
        return False


def _directory(name: str) -> "Path":
    from pathlib import Path  # noqa: PLC0415  not every script asks for a directory

    path = Path(_variable(name) or os.getcwd())
    if _channel is not None:
        _channel.made(path)
    return path


def _append(name: str, line: str, told: str) -> None:
    """Add a line to a file of this attempt in one call of the system; where there is none, print what it would be."""
    if _channel is not None:
        _channel.append(name, line)
        return
    path = _variable(name)
    if not path:
        _print(told)
        return
    data = (line + "\n").encode("utf-8")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        written = os.write(descriptor, data)
    finally:
        os.close(descriptor)
    if written != len(data):
        raise OSError(f"only a part of a line could be written to {path}: the disk is full")


def _print(text: str, prefix: str = "procession: ") -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody listens
        sys.stderr.write(prefix + text + "\n")
        sys.stderr.flush()


def _line(text: Any) -> str:
    """One line, whatever was in it."""
    return " ".join(str(text).replace("\0", " ").split()).encode("utf-8", "replace").decode("utf-8")


def _check_name(what: str, name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be the name of {what}: start with a letter or _, go on with letters, digits, _ . -"
        )


def _json(what: str, values: Dict[str, Any]) -> str:
    try:
        line = json.dumps(values, ensure_ascii=False, allow_nan=False, default=_plain)
        line.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the {what} has text that is not UTF-8, such as the name of an odd file") from None
    except ValueError as problem:
        raise ValueError(f"the {what} has a value that JSON cannot hold ({problem}): {values!r}") from None
    return line


def _plain(value: Any) -> Any:
    """A value that JSON does not know: a path is a text, a number of numpy is a number; nothing else is guessed."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if getattr(value, "shape", None) == () and callable(getattr(value, "item", None)):
        plain = value.item()
        if isinstance(plain, (bool, int, float, str)):
            return plain
    raise TypeError(
        f"a value of the type {type(value).__name__} is not JSON: {repr(value)[:60]}; "
        "give a text, a number, true or false, None, a list or a dict"
    )


def _seconds(after: Any) -> float:
    """Seconds of a number, a timedelta or a text such as ``"5 min"``."""
    seconds = after
    if isinstance(after, str):
        pieces = _PIECE.findall(after)
        if not pieces or _PIECE.sub("", after) or not all(unit in _UNITS for _, unit in pieces):
            raise ValueError(f'{after!r} is not a duration; write e.g. "5 min" or a number of seconds')
        seconds = math.fsum(float(number) * _UNITS[unit] for number, unit in pieces)
    elif hasattr(after, "total_seconds"):
        seconds = after.total_seconds()
    elif isinstance(after, bool) or not isinstance(after, (int, float)):
        raise TypeError(f'after={after!r} is not a duration; write e.g. "5 min" or a number of seconds')
    if not 0 <= seconds < math.inf:
        raise ValueError(f"after={after!r} is not a time that one can wait")
    return float(seconds)
