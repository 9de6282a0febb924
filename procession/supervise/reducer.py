"""A step ``{ reduce = "reduce.py" }``: places made and checked, the script run, what it made carried where it belongs.

    python reducer.py --script=PATH --text FILE --into=DIR --input=PATH... [--output=DIR] [...]

*In:* a script with ``main(input_file, output_dir)``, its variables, templates of places. *Out:* what ``main`` left in
the output directory: first in the directories that it returned, then in the archive; plots among the artifacts; what
was done, line by line, in ``framework.log``. *Always:* nothing of the script begins before every place is there and
can be written and every input can be read; the text that was kept at the claim is what is executed; a reader of the
archive sees whole files only; what a reduction left that failed is kept with its log.

Exit codes: as the script's own · 75 the surroundings said no (a permission, a disk, a mount): try again, later.

The script runs in a process of its own, forked from this one: however that ends, this one tells. Standard library
only, Python 3.8 or newer; `reducing.py` and `deliver.py` are loaded from beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import time
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from procession.supervise import deliver, places, reduced, reducing
else:  # this interpreter need not have Procession: what lies beside this file is a package of its own
    _parts = ModuleType("procession_reducer")
    _parts.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules[_parts.__name__] = _parts
    deliver, places, reduced, reducing = (
        importlib.import_module(f"procession_reducer.{name}") for name in ("deliver", "places", "reduced", "reducing")
    )

SOFT = 75


class Terminated(BaseException):
    """This process was asked to end while it copied."""


class Told:
    """The framework's log: what this driver did, with the moments."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", encoding="utf-8", errors="surrogateescape", buffering=1)  # noqa: SIM115

    def __call__(self, text: str) -> None:
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        line = " ".join(text.split())
        with contextlib.suppress(OSError):  # a full disk ends no reduction for want of this line
            self._file.write(f"{moment}.{int(now * 1000) % 1000:03d}Z {line}\n")

    def write(self, text: str) -> None:
        """What `deliver` prints."""
        if text.strip():
            self(text)

    def flush(self) -> None:
        """Lines are written at once."""


class Attempt:
    """Where this attempt has its own things."""

    def __init__(self) -> None:
        environ = os.environ
        self.directory = os.path.dirname(environ["PROCESSION_OUTPUT"])
        self.step_dir = environ["PROCESSION_STEP_DIR"]
        self.number = int(environ["PROCESSION_ATTEMPT"])
        self.version = int(environ.get("PROCESSION_VERSION", "1"))
        self.label = f"{environ['PROCESSION_PROCESSING']}-{environ['PROCESSION_STEP']}-{environ['PROCESSION_ATTEMPT']}"
        self.kept = os.path.join(self.directory, "reduced")
        """What a failed reduction left."""
        self.returned = os.path.join(self.directory, "returned")

    def before(self) -> str:
        """Where to keep what the attempt before this one has left."""
        earlier = os.path.join(self.step_dir, str(self.number - 1))
        place = os.path.join(earlier, "reduced")
        return place if os.path.isdir(earlier) and not os.path.lexists(place) else f"{self.kept}-before"


# ── before the script ──────────────────────────────────────────────────────────────────────────────


def make_ready(options: argparse.Namespace, mine: Attempt, own: deliver.Mark, told: Told) -> None:
    """Every place there and writable, every input readable, an empty output directory."""
    for path in options.inputs:
        places.check_input(path)
        told(f"input {path}: {os.path.getsize(path)} bytes")
    for path in filter(None, (options.output, options.logs)):
        fixed = next((each for each in options.fixed if f"{path}/".startswith(f"{each}/")), None)
        places.check_place(path, fixed, own)
        told(f"{path} is there and can be written")
    with places.asking("the output directory cannot be made"):
        if os.path.lexists(options.into):
            before = mine.before()
            os.rename(options.into, before)
            told(f"what an attempt before had left is in {before}")
        os.makedirs(options.into)
    places.check_place(options.into, None, own)


def read_kept(path: str, text: str, mine: Attempt, told: Told) -> reducing.Source:
    """A script as it was kept at the claim; its text stays with the attempt."""
    with places.asking("a script cannot be read"), open(text, "rb") as file:
        content = file.read()
    copy = os.path.join(mine.directory, os.path.basename(path))
    with places.asking("the script cannot be kept with the attempt"), open(copy, "wb") as file:
        file.write(content)
    told(f"{path}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}, kept as {copy}")
    return reducing.Source(path, content)


def read_variables(told: Told) -> tuple[dict[str, dict[str, Any]], bool]:
    """Values that replace defaults; what is no such value is left out, and said. And whether this is a trial."""
    path = os.environ.get("PROCESSION_VARIABLES")
    if not path:
        return {}, False
    with places.asking("the variables cannot be read"), open(path, encoding="utf-8") as file:
        raw = json.load(file)
    found = {kind: raw[kind] for kind in ("standard_vars", "advanced_vars") if isinstance(raw.get(kind), dict)}
    for kind, values in found.items():
        for name, value in values.items():
            told(f"{kind}[{name!r}] = {json.dumps(value)[:200]}")
    return found, raw.get("trial") is True


# ── the script ─────────────────────────────────────────────────────────────────────────────────────


def wait_for(pid: int, told: Told) -> int:
    """The wait status of the script, when it has ended; asked to end, this process waits for that end."""
    signal.signal(signal.SIGTERM, lambda *_: told("asked to end; the script is asked as well"))
    started = time.monotonic()
    status = os.waitpid(pid, 0)[1]
    how = f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
    told(f"the script ended after {time.monotonic() - started:.3f} s: {how}")
    return status


def end_as(status: int) -> NoReturn:
    """End as the script did, so that whoever looks at this process sees how that was."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the script has left its own, if any
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    sys.exit(os.WEXITSTATUS(status))


def answer_of(mine: Attempt) -> dict[str, Any]:
    """What ``main`` returned; Refused where it never did."""
    try:
        with open(mine.returned, encoding="utf-8", errors="surrogateescape") as file:
            found: dict[str, Any] = json.load(file)
    except FileNotFoundError:
        raise deliver.Refused(
            "the script ended its process (os._exit?) before main returned; let main return"
        ) from None
    return found


# ── after the script ───────────────────────────────────────────────────────────────────────────────


def keep(options: argparse.Namespace, mine: Attempt, told: Told) -> None:
    """What a reduction left that did not come to its end stays with its log."""
    with contextlib.suppress(OSError):
        if os.listdir(options.into):
            os.rename(options.into, mine.kept)
            told(f"what the script had left by then is kept in {mine.kept}")


def copy_logs(options: argparse.Namespace, mine: Attempt, told: Told) -> None:
    """Both logs, to where the task wants them; whichever way it ended."""
    if not options.logs:
        return
    for name, to in (("log", ".log"), ("framework.log", ".framework.log")):
        source = os.path.join(mine.directory, name)
        target = os.path.join(options.logs, mine.label + to)
        part = f"{target}.part"
        try:
            if os.path.isfile(source) and not os.path.islink(source):
                shutil.copyfile(source, part)
                os.replace(part, target)  # whoever reads there sees a whole log, or the one before
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(part)
            reduced.record(f"the log was not copied to {target}: {error.strerror}", told)


# ── all of it ──────────────────────────────────────────────────────────────────────────────────────


def read_options() -> argparse.Namespace:
    """The command line as the task's definition makes it."""
    parser = argparse.ArgumentParser(description="Run a reduction script and carry away what it made.")
    parser.add_argument("--script", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--vars", default="")
    parser.add_argument("--vars-text", default="")
    parser.add_argument("--input", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--into", required=True)
    parser.add_argument("--output", default="")
    parser.add_argument("--logs", default="")
    parser.add_argument("--fixed", action="append", default=[])
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--versions", action="store_true")
    parser.add_argument("--artifact", action="append", default=[])
    parser.add_argument("--delay", type=float, default=21600.0)
    options = parser.parse_args()
    options.inputs, several = [], options.list
    for word in options.input:
        many = _listed(word)
        several = several or many is not None
        options.inputs += [word] if many is None else many
    options.inputs = [os.path.abspath(path) for path in options.inputs]
    options.given = options.inputs if several else options.inputs[0]
    options.fixed.sort(key=len, reverse=True)
    return options


def _listed(word: str) -> list[str] | None:
    """The paths of a parameter that is a list; None: it is one path."""
    if not word.startswith("["):
        return None
    try:
        found = json.loads(word)
    except ValueError:
        return None
    return found if isinstance(found, list) and found and all(isinstance(each, str) for each in found) else None


def main() -> None:
    """Prepare, run the script, carry away; and say how it went by exit code and last line."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names that are not UTF-8
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    options, mine = read_options(), Attempt()
    told, own = Told(os.path.join(mine.directory, "framework.log")), deliver.mark()
    if options.output and options.versions:
        options.output = os.path.join(options.output, f"version-{mine.version}")
    try:
        variables, options.trial = read_variables(told)
        if options.trial:
            told(f"a trial: what it makes stays in {options.into}; nothing goes to the archive, or anywhere else")
            options.output = options.logs = ""
        script = read_kept(options.script, options.text, mine, told)
        there = options.vars_text and os.path.exists(options.vars_text)
        defaults = read_kept(options.vars, options.vars_text, mine, told) if there else None
        make_ready(options, mine, own, told)
    except (deliver.Refused, places.Surroundings) as problem:
        _give_up(options, mine, problem, told)
    told(f"{sys.executable} (Python {sys.version.split()[0]}) runs the script")
    pid = os.fork()
    if pid == 0:
        sys.path[:] = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]
        order = reducing.Order(script, defaults, variables, options.given, options.into, mine.returned)
        reducing.reduce(order)
        return
    status = wait_for(pid, told)
    reduced.show(options, told)
    try:
        if status != 0:
            keep(options, mine, told)
            copy_logs(options, mine, told)
            end_as(status)
        _finish(options, mine, own, told)
    except (deliver.Refused, deliver.Changed, places.Surroundings) as problem:
        keep(options, mine, told)
        _give_up(options, mine, problem, told)


def _finish(options: argparse.Namespace, mine: Attempt, own: deliver.Mark, told: Told) -> None:
    """Carry away what the script made."""
    answer = answer_of(mine)
    for message in answer["messages"]:
        reduced.record(message, told)

    def stop(*_: object) -> NoReturn:
        raise Terminated

    signal.signal(signal.SIGTERM, stop)
    try:
        with contextlib.redirect_stdout(told), places.asking("this machine"):  # type: ignore[type-var]
            reduced.publish(options, mine.step_dir, own, answer["places"], told)
        copy_logs(options, mine, told)
    except Terminated:
        told("asked to end while copying")
        keep(options, mine, told)
        end_as(signal.SIGTERM)


def _give_up(options: argparse.Namespace, mine: Attempt, problem: Exception, told: Told) -> NoReturn:
    """Say why, and whether trying again may help."""
    surroundings = isinstance(problem, places.Surroundings)
    text = f"environment: {problem}" if surroundings else str(problem)
    told(text)
    if surroundings:
        with contextlib.suppress(OSError), open(os.environ["PROCESSION_RETRY_AFTER"], "w", encoding="ascii") as file:
            file.write(f"{options.delay:g}\n")
    copy_logs(options, mine, told)
    sys.stdout.flush()
    print(" ".join(text.split()), file=sys.stderr)
    sys.exit(1 if isinstance(problem, deliver.Refused) else SOFT)


if __name__ == "__main__":
    main()
