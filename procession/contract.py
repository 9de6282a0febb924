"""What a script finds, and what it leaves: environment, files, exit codes.

This is the whole contract between Procession and a script in any language; `docs/reference/scripts.md` tells it to
people. In: an attempt about to start, or one that has ended. Out: the environment and files it starts with; the
ending, outputs, events and metrics it left. Always: what a script left is read with limits, and a line that cannot be
understood is named by its number.
"""

from __future__ import annotations

import errno as errnos
import json
import math
import os
import signal as signals
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from procession.clock import read_moment
from procession.errors import Invalid
from procession.model.body import Body
from procession.model.event import MAX_DEPTH, PARAMETER, NewEvent, check_text, variable
from procession.model.outcome import SKIP, SOFT, Ending, Outcome

MAX_VARIABLE = 128 * 1024
"""Bytes of one environment variable, with its name, ``=`` and the NUL at its end; a larger parameter is only in the
event file (the kernel takes no more: MAX_ARG_STRLEN, execve(2))."""
MAX_EVENT_LINES = 10_000
MAX_EVENT_BYTES = 16 << 20
MAX_OUTPUT_BYTES = 1 << 20
MAX_OUTPUTS = 1_000
"""Names; as many as an event may have parameters."""
MAX_ERRORS = 1_000
MAX_ERROR = 1_000
"""Characters of one recorded error."""
MAX_RETRY_AFTER = 366 * 86_400.0
"""Seconds; a script that asks for longer waits this long."""
TAIL = 4096
"""Bytes at the end of a log in which its last line is looked for."""

_encode = json.JSONEncoder(ensure_ascii=False).encode
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

FILES = ("output", "events", "progress", "errors", "metrics", "retry_after")
"""Files in the attempt's directory that a script may write, by the names of their variables."""


COMMAND = json.dumps(
    [
        sys.executable,
        "-P",  # a file called procession.py in the working directory is the one for scripts, not this program
        "-c",
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r})\n"
        "from procession.cli.main import main; main()",
    ]
)
"""How a script calls this very Procession, as a JSON list of words."""

_program = f"{sys.prefix}/bin/procession"
PROGRAM = {"PROCESSION_PROGRAM": _program} if os.access(_program, os.X_OK) else {}
"""The same as a path, for shell scripts: where Procession is served by the system, it is not on their PATH."""

BY_HAND = "PROCESSION_BY_HAND"
"""Variable of ``procession shell``: the attempt that was entered, KEY-ATTEMPT. It says nothing of any other attempt."""


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt as its script will see it."""

    key: str
    task: str
    processing_id: int
    ordinal: int
    step: str
    number: int
    params: Mapping[str, Any]
    work: str
    """Working directory shared by the chain; like all paths here a plain text: this is the hot path."""
    step_dir: str
    attempt_dir: str
    event_file: str
    project: str = ""
    """Directory of the project, so that commands inside a script find it."""
    children: str | None = None
    """What a step before it that waited for children has left."""
    gpus: tuple[int, ...] = ()
    """Numbers of the devices that it has for itself."""
    version: int = 1
    """Which version of the processing it is."""
    variables: str | None = None
    """JSON of the values that a person or a set chose for this version."""
    url: str | None = None
    """Where the HTTP API answers; its token is in `token_file`."""

    @property
    def token_file(self) -> str:
        """Where the attempt finds its own token."""
        return f"{self.attempt_dir}/token"

    @property
    def variables_file(self) -> str:
        """Where the attempt finds `variables`."""
        return f"{self.attempt_dir}/variables"

    @property
    def label(self) -> str:
        """As ``ps`` shows it."""
        return f"{self.processing_id}/{self.ordinal}/{self.number} {self.step}"


def environment(order: Order) -> dict[str, str]:
    """The variables that are added to what the script inherits."""
    prefix = order.attempt_dir
    added = {
        "PROCESSION_PROJECT": order.project,
        "PROCESSION_TASK": order.task,
        "PROCESSION_PROCESSING": str(order.processing_id),
        "PROCESSION_STEP": order.step,
        "PROCESSION_ATTEMPT": str(order.number),
        "PROCESSION_VERSION": str(order.version),
        "PROCESSION_KEY": order.key.rpartition("-")[0],
        "PROCESSION_EVENT": order.event_file,
        "PROCESSION_WORK": order.work,
        "PROCESSION_STEP_DIR": order.step_dir,
        "PROCESSION_OUTPUT": f"{prefix}/output",
        "PROCESSION_EVENTS": f"{prefix}/events",
        "PROCESSION_PROGRESS": f"{prefix}/progress",
        "PROCESSION_METRICS": f"{prefix}/metrics",
        "PROCESSION_ERRORS": f"{prefix}/errors",
        "PROCESSION_RETRY_AFTER": f"{prefix}/retry_after",
        "PROCESSION_ARTIFACTS": f"{prefix}/artifacts",
        "PROCESSION_COMMAND": COMMAND,
        **PROGRAM,
        "PYTHONUNBUFFERED": "1",
    }
    if order.children is not None:
        added["PROCESSION_CHILDREN"] = order.children
    if order.variables is not None:
        added["PROCESSION_VARIABLES"] = order.variables_file
    if order.gpus:
        added["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, order.gpus))
    if order.url is not None:
        added |= {"PROCESSION_URL": order.url, "PROCESSION_TOKEN_FILE": order.token_file}
    if BY_HAND in os.environ:  # begun from within a shell; this attempt lives
        added[BY_HAND] = ""
    for name, value in order.params.items():
        text = value if isinstance(value, str) else _compact(value)
        called = variable(name)
        room = MAX_VARIABLE - len(called) - 2
        if value is not None and (len(text) <= room // 4 or len(text.encode()) <= room):
            added[called] = text
    return added


def event_text(row: Any) -> str:
    """The event file: everything about the event, for scripts in any language."""
    name, key, title = _encode(row.name), _encode(row.key), _encode(row.title)
    return f'{{"id": {row.event_id}, "name": {name}, "key": {key}, "title": {title}, "params": {row.params}}}\n'


# ── what it leaves ─────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Left:
    """What a successful script has left."""

    outputs: dict[str, Any] = field(default_factory=dict)
    events: list[NewEvent] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    """What it recorded as going wrong while it went on."""
    result: tuple[str, Body] | None = None
    """MIME type and body of what a function came to."""


def ending(
    how: str, code: int | None, signal: int | None, errno: int | None, reason: str | None, attempt_dir: Path | str
) -> Ending:
    """What an exit record says, in our words. Only a recorded code 0 is a success."""
    match how:
        case "exited" if code == 0:
            return Ending(Outcome.SUCCEEDED, "", 0)
        case "exited" if code == SOFT:
            return Ending(
                Outcome.RETRY,
                _last_line(attempt_dir) or "soft error (exit code 75)",
                code,
                retry_after=retry_after(attempt_dir),
            )
        case "exited" if code == SKIP:
            return Ending(Outcome.SKIPPED, _last_line(attempt_dir) or "skipped (exit code 77)", code)
        case "exited":
            return Ending(Outcome.FAILED, _with_last_line(f"exit code {code}", attempt_dir), code)
        case "signalled":
            return Ending(
                Outcome.FAILED, _with_last_line(f"killed by {signal_name(signal)}", attempt_dir), signal=signal
            )
        case "timeout":
            return Ending(Outcome.TIMEOUT, reason or "time-out", code, signal)
        case "memory":
            return Ending(Outcome.MEMORY, reason or "it took more memory than it may", code, signal)
        case "cpu":
            return Ending(Outcome.TIMEOUT, reason or "it took more processor time than it may", code, signal)
        case "log":
            return Ending(Outcome.FAILED, reason or "its log grew larger than it may", code, signal)
        case "lease":
            return Ending(Outcome.LOST, f"lease: {reason or 'others may have taken its work over'}", code, signal)
        case "cancelled":
            return Ending(Outcome.CANCELLED, reason or "cancelled", code, signal)
        case _:
            return Ending(Outcome.NOT_STARTED, reason or os.strerror(errno or 0), errno=errno)


def signal_name(number: int | None) -> str:
    """``SIGSEGV (11)``."""
    try:
        return f"{signals.Signals(number or 0).name} ({number})"
    except ValueError:
        return f"signal {number}"


def read_left(
    attempt_dir: Path | str, names: frozenset[str], default_key: str, source: str, processing_id: int | None = None
) -> Left:
    """Read outputs, events, metrics and errors; Invalid names the file or the line that cannot be understood."""
    outputs = _outputs(_lines(f"{attempt_dir}/output", MAX_OUTPUT_BYTES)) if "output" in names else {}
    written = _lines(f"{attempt_dir}/events", MAX_EVENT_BYTES) if "events" in names else []
    events = _events(written, default_key, source, processing_id)
    metrics = _metrics(attempt_dir) if "metrics" in names else {}
    return Left(outputs, events, metrics, recorded_errors(attempt_dir) if "errors" in names else [])


def left_said(
    said: Mapping[str, Any], default_key: str, source: str, processing_id: int | None = None
) -> Left:  # fmt: skip
    """The same of a function, whose worker sends the lines that a script would write; `fields` are those of a class."""
    outputs = _outputs([*said.get("output", ()), *said.get("fields", ())])
    events = _events(_within(said.get("events", ())), default_key, source, processing_id)
    return Left(outputs, events, _numbers(said.get("metrics", ())), _errors(said.get("errors", ())))


def _within(lines: Sequence[str]) -> Sequence[str]:
    size = sum(map(len, lines))
    if size > MAX_EVENT_BYTES:
        raise Invalid(f"its events are larger than {MAX_EVENT_BYTES >> 20} MiB; emit fewer")
    return lines


def fit(text: str) -> str:
    """A text that a database can keep and a terminal can show."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()[:2000]


def told(
    outputs: Mapping[str, Any], events: Sequence[Mapping[str, Any]], default_key: str, source: str, processing_id: int
) -> Left:
    """As `read_left`, of what a program elsewhere hands in instead of leaving it in files."""
    try:
        found = _outputs([json.dumps(dict(outputs), allow_nan=False)]) if outputs else {}
        lines = [json.dumps(dict(each), allow_nan=False) for each in events]
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"outputs and events must be objects of JSON: {error}") from None
    return Left(found, _events(lines, default_key, source, processing_id))


def recorded_errors(attempt_dir: Path | str) -> list[str]:
    """Lines of the errors file; those beyond `MAX_ERRORS` are counted in the last. It never fails an attempt."""
    try:
        return _errors(_lines(f"{attempt_dir}/errors", MAX_OUTPUT_BYTES))
    except Invalid as error:
        return [str(error)]


def _errors(lines: Sequence[str]) -> list[str]:
    found = [text for line in lines if (text := line.strip()[:MAX_ERROR])]
    if len(found) > MAX_ERRORS:
        return [*found[: MAX_ERRORS - 1], f"and {len(found) - MAX_ERRORS + 1} more errors"]
    return found


def last_lines(attempt_dir: Path | str, size: int = 64 * 1024) -> list[str]:
    """The last lines of an attempt's log, for rules that look into it; none if it has no log."""
    try:
        with open_regular(f"{attempt_dir}/log") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return _split(file.read(size))
    except OSError:
        return []


def present(attempt_dir: Path | str) -> frozenset[str]:
    """Which of the files that a script may leave are there."""
    return frozenset(name for name in FILES if os.path.lexists(f"{attempt_dir}/{name}"))


def retry_after(attempt_dir: Path | str) -> float | None:
    """Seconds that the script asks to wait before the next try; None if it does not say, or not in a number."""
    try:
        with open_regular(f"{attempt_dir}/retry_after") as file:
            seconds = float(file.read(64).decode("utf-8", "replace").strip())
    except (OSError, ValueError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if seconds == seconds else None  # noqa: PLR0124  not NaN


def progress(attempt_dir: Path | str) -> tuple[float | None, str] | None:
    """The newest complete line of the progress file: a share from 0 to 1 (or None) and a text."""
    line = _last_line(attempt_dir, "progress")
    if not line:
        return None
    number, _, text = line.partition(" ")
    try:
        return min(max(float(number), 0.0), 1.0), text
    except ValueError:
        return None, line


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file for reading that a script may have put there: only a regular one, no link, and never waiting.

    OSError says why not; a pipe or device in its place is an EINVAL.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errnos.EINVAL, "it is not a regular file", os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _lines(path: str, limit: int) -> list[str]:
    """The lines of a file that a script has left; Invalid if it is no plain file, or a larger one than we read."""
    try:
        with open_regular(path) as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Invalid(
            f"the file {Path(path).name} cannot be read ({error.strerror}); append lines to the file, "
            "do not put anything else in its place"
        ) from None
    if len(content) > limit:
        raise Invalid(
            f"the file {Path(path).name} is larger than {limit >> 20} MiB; write less, or into a file of its own"
        )
    return _split(content)


def _split(content: bytes) -> list[str]:
    """Lines as scripts write them: ended by a line feed (a carriage return before it is none of the text)."""
    return [line.removesuffix("\r") for line in content.decode("utf-8", "replace").replace("\0", "�").split("\n")]


def _outputs(lines: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.update(_output(line))
        except Invalid as error:
            raise Invalid(f"line {number} of the output file {error}: {line[:80]!r}") from None
        if len(found) > MAX_OUTPUTS:
            raise Invalid(
                f"line {number} of the output file is one too many: a step has at most {MAX_OUTPUTS} outputs; "
                "write the rest into a file and its path as an output"
            )
    return found


def _output(line: str) -> dict[str, Any]:
    """The outputs of one line: names that can be asked for as ``{step.name}``, values that can be kept and shown."""
    if line.lstrip().startswith("{"):
        found = _object(line)
    else:
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise Invalid("is neither name=value nor a JSON object")
        found = {name.strip(): value}
    for name, value in found.items():
        if not PARAMETER.fullmatch(name):
            raise Invalid(
                "has a name that no command can ask for (start with a letter or _, go on with letters, digits, _ . -)"
            )
        _check_value(value, 1)
    return found


def _check_value(value: Any, depth: int) -> None:
    """The rules of an event's parameters (`model.event`), for a value that a script has left."""
    if depth > MAX_DEPTH:
        raise Invalid(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        try:
            check_text("it", value)
        except Invalid as error:
            raise Invalid(f"cannot be kept ({error})") from None
    elif isinstance(value, dict):
        for inner, item in value.items():
            _check_value(inner, depth)
            _check_value(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_value(item, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Invalid("has a number that is too large")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Invalid("has a whole number of more than 64 bits; write it as text")


EVENT_NAMES = ("event", "key", "title", "params", "priority", "backfill", "not_before")
"""What a line of the events file may say."""


def _events(lines: Sequence[str], default_key: str, source: str, processing_id: int | None) -> list[NewEvent]:
    written = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len(written) > MAX_EVENT_LINES:
        raise Invalid(f"the events file has {len(written)} lines; one attempt emits at most {MAX_EVENT_LINES}")
    found = []
    for number, line in written:
        try:
            raw = _object(line)
        except Invalid as error:
            raise Invalid(f"line {number} of the events file {error}: {line[:80]!r}") from None
        if unknown := set(raw).difference(EVENT_NAMES):
            raise Invalid(
                f"line {number} of the events file: unknown name {min(unknown)!r}; "
                f"an event has {', '.join(EVENT_NAMES)}"
            )
        name, params, key, title = raw.get("event"), raw.get("params", {}), raw.get("key"), raw.get("title", "")
        if not isinstance(name, str) or not isinstance(params, dict) or not isinstance(title, str):
            raise Invalid(
                f'line {number} of the events file: it needs at least {{"event": "name"}}; '
                "params is an object, title a text"
            )
        try:
            key = default_key + str(number) if key is None else _key(key)
            found.append(
                NewEvent(
                    name, params, key, title, source, _priority(raw.get("priority")), _backfill(raw.get("backfill")),
                    _not_before(raw.get("not_before")), processing_id,
                ).check()
            )  # fmt: skip
        except Invalid as error:
            raise Invalid(f"line {number} of the events file: {error}") from None
    return found


def _priority(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 1_000_000):
        return value
    raise Invalid(f"priority is a whole number, not {value!r}")


def _backfill(value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Invalid(f"backfill is true or false, not {value!r}")


def _not_before(value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        return read_moment(value)
    raise Invalid(f"not_before is a moment such as 2026-03-01T12:00:00Z, not {value!r}")


def _key(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise Invalid("key is a text or a number")


def _object(line: str) -> dict[str, Any]:
    try:
        raw = strict_json(line)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"is not JSON ({error})") from None
    if not isinstance(raw, dict):
        raise Invalid("is JSON, but not an object")
    return raw


def strict_json(text: str) -> Any:
    """Read JSON as RFC 8259 has it; ValueError also for a name given twice, and for NaN and Infinity."""
    return _strict.decode(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} is given twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


_strict = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def _metrics(attempt_dir: Path | str) -> dict[str, float]:
    """Name and number of each line; what is not a number is left out, for a metric never fails an attempt."""
    try:
        lines = _lines(f"{attempt_dir}/metrics", MAX_OUTPUT_BYTES)
    except Invalid:
        return {}
    return _numbers(lines)


def _numbers(lines: Sequence[str]) -> dict[str, float]:
    found = {}
    for line in lines:
        name, equals, value = line.partition("=")
        try:
            number = float(value)
        except ValueError:
            continue
        if equals and name.strip() and number == number and abs(number) != float("inf"):  # noqa: PLR0124  not NaN
            found[name.strip()] = number
    return found


def _with_last_line(what: str, attempt_dir: Path | str) -> str:
    line = _last_line(attempt_dir)
    return f"{what}: {line}" if line else what


def _last_line(attempt_dir: Path | str, name: str = "log") -> str:
    """The last line of a file that is not empty, at most 300 characters of it, fit to be shown."""
    try:
        with open_regular(f"{attempt_dir}/{name}") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            lines = _split(file.read(TAIL))
    except OSError:
        return ""
    line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "".join(c if c.isprintable() else " " for c in line)[:300]
