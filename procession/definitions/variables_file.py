"""What a Python file such as ``reduce_vars.py`` says: its ``standard_vars``, ``advanced_vars`` and ``variable_help``.

*In:* a path, an interpreter. *Out:* the three dictionaries as JSON has them, and the hash of the text. *Always:* the
file is never executed in this process. Where all three are literals, which is nearly always, its text is parsed and
that is all (`docs/decisions/0029-variables-are-read.md`). Where one is computed, the task's own interpreter executes
the file in a child, with a limit of time and of what it may print.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from procession.errors import Invalid
from procession.model.variable import ADVANCED, MAX_VARIABLES, OTHER, SECTIONS, STANDARD, Variable, check_name, declare

HELP = "variable_help"
NAMES = (*SECTIONS, HELP)
MAX_FILE = 1 << 20
"""Bytes of the file."""
MAX_SAID = 1 << 20
"""Bytes that a child may say."""
SECONDS = 20.0
"""A file that imports large packages takes a few."""
MAX_HELP = 1_000
MARK = "procession variables: "
_CHILD = f"""
import json, os, resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({MAX_SAID} + 4096,) * 2)
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path.insert(0, os.path.dirname(sys.argv[1]))
found = runpy.run_path(sys.argv[1])
said = {{name: found.get(name, {{}}) for name in {NAMES!r}}}
out.write({MARK!r} + json.dumps(said, default=lambda value: value.tolist() if hasattr(value, "tolist") else None))
"""


@dataclass(frozen=True, slots=True)
class VariablesFile:
    """One such file as it was read."""

    path: str
    digest: str
    """SHA-256 of its text."""
    variables: tuple[Variable, ...]


def read_file(path: str, python: str) -> VariablesFile:
    """What the file says now; Invalid where it cannot be read, and why."""
    try:
        size = os.stat(path).st_size  # noqa: PTH116
        if size > MAX_FILE:
            raise Invalid(f"{path} is {size} bytes long; a file of variables has at most {MAX_FILE}")
        text = Path(path).read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read ({error.strerror}); put it there, or name another file") from None
    return read_text(path, text, python)


@lru_cache(maxsize=256)
def read_text(path: str, text: bytes, python: str) -> VariablesFile:
    """The same of a text that was kept; what was read once is known. A file beside it that it imports may have changed
    meanwhile: a child is asked anew in the next process."""
    said = _literal(path, text)
    if said is None:
        said = _executed(path, text, python)
    return VariablesFile(path, hashlib.sha256(text).hexdigest(), _variables(path, said))


def _literal(path: str, text: bytes) -> dict[str, Any] | None:
    """The dictionaries, where each is written out as one; None where one is not."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Invalid(f"{path} is no Python that can be read: {' '.join(str(error).split())}") from None
    found: dict[str, Any] = {}
    for node in tree.body:
        name, value = _assigned(node)
        if name in NAMES and value is not None:
            try:
                found[name] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                return None
        elif any(isinstance(each, ast.Name) and each.id in NAMES for each in ast.walk(node)):
            return None  # it is filled or changed afterwards
    return found


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return name, value
    return "", None


def _executed(path: str, text: bytes, python: str) -> dict[str, Any]:
    """The same, asked of a child that executes the text as a file at its place."""
    with tempfile.TemporaryDirectory(prefix="procession-variables-") as place:
        script = path
        if not Path(path).is_file() or Path(path).read_bytes() != text:  # a text that was kept
            script = f"{place}/{Path(path).name}"
            Path(script).write_bytes(text)
        said = Path(f"{place}/said")
        with said.open("wb") as out, Path(f"{place}/complaint").open("w+b") as complaint:
            code, trouble = _run([python, "-c", _CHILD, script], str(Path(path).parent), out, complaint)
        answer = said.read_bytes()[: MAX_SAID + 1]
    if code != 0 or not answer.startswith(MARK.encode()):
        raise Invalid(f"{path} could not be executed to learn its variables: {trouble or f'exit code {code}'}")
    if len(answer) > MAX_SAID:
        raise Invalid(f"{path} says more than {MAX_SAID} bytes of variables; say less")
    try:
        found: dict[str, Any] = json.loads(answer[len(MARK) :])
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path}: its variables are no JSON ({error})") from None
    return found


def _run(command: list[str], directory: str, out: IO[bytes], complaint: IO[bytes]) -> tuple[int | None, str]:
    """Exit code and last line of what it complained about; its whole group is ended after `SECONDS`."""
    where = directory if Path(directory).is_dir() else None
    try:
        child = subprocess.Popen(
            command, cwd=where, stdin=subprocess.DEVNULL, stdout=out, stderr=complaint, start_new_session=True
        )
    except OSError as error:
        return None, f"{command[0]} cannot be started ({error.strerror})"
    try:
        child.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return None, f"it took longer than {SECONDS:g} s"
    complaint.seek(0)
    lines = complaint.read().decode("utf-8", "replace").strip().splitlines()
    return child.returncode, lines[-1][:300] if lines else ""


def _variables(path: str, said: Mapping[str, Any]) -> tuple[Variable, ...]:
    for name in NAMES:
        if not isinstance(said.get(name, {}), dict):
            raise Invalid(f"{path}: {name} must be a dictionary")
    if sum(len(said.get(section, {})) for section in SECTIONS) > MAX_VARIABLES:
        raise Invalid(f"{path} has more than {MAX_VARIABLES} variables")
    found = []
    for section in (STANDARD, ADVANCED):
        helps = said.get(HELP, {}).get(section, {})
        for name, default in said.get(section, {}).items():
            text = helps.get(name, "") if isinstance(helps, dict) else ""
            found.append(_variable(path, name, default, _shown(text), section == ADVANCED))
    return tuple(found)


def _variable(path: str, name: Any, default: Any, text: str, advanced: bool) -> Variable:
    if not isinstance(name, str):
        raise Invalid(f"{path}: the name of a variable is a text, not {str(name)[:40]}")
    check_name(name)
    try:
        json.dumps(default, ensure_ascii=False, allow_nan=False).encode()
        return declare(name, default, help=text, advanced=advanced)
    except (Invalid, TypeError, ValueError, RecursionError):
        # bytes, a set, NaN, half a character: no JSON can show it, so it is the script's own business
        return Variable(name, OTHER, None, text, advanced=advanced)


def _shown(text: Any) -> str:
    """A help as every database and page can carry it."""
    return str(text)[:MAX_HELP].encode("utf-8", "replace").decode().replace("\0", "")
