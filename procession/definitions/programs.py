"""Finding the files that a command names: in the project's directory first, then on the PATH.

Everything found becomes absolute, and symbolic links are kept: the ``python`` of a virtual environment is
such a link and works only under its own name. What would fail at its first start is a mistake here already:
no such file, a directory, not executable, no ``#!`` line, an interpreter that is not there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from procession.errors import Invalid

PYTHON = re.compile(r"python[0-9.]*")
_ASK = "import sys; print(sys.executable)"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/opt/conda", "/nix")


def find_program(name: str, root: Path) -> Path:
    """The program of this name, ready to be started; raises Invalid."""
    path = root / name
    if "/" in name:
        _check_starts(path, name)
        return path
    if path.is_file() and os.access(path, os.X_OK):
        _check_starts(path, name)
        return path
    elsewhere = shutil.which(name)
    if elsewhere:
        found = Path(elsewhere).absolute()
        return real_python(found, root) if PYTHON.fullmatch(name) else found
    if path.is_file():
        _check_starts(path, name)
    if name.startswith("~"):
        raise Invalid(f"program {name} is not found: ~ means nothing here; write the whole path")
    raise Invalid(f"program {name} is neither in {root} nor on the PATH; check the name, or install it")


def find_script(name: str, root: Path, interpreter: str) -> Path:
    """The script of this name, for an interpreter to read; raises Invalid."""
    path = root / name
    if not path.exists() and "/" not in name:
        path = Path(shutil.which(name) or path).absolute()
    if path.is_dir():
        raise Invalid(f"script {name} is a directory; name the file that {interpreter} is to run")
    if not path.exists():
        raise Invalid(f"script {name} is not found: there is no {path}; check the name")
    if not path.is_file() or not os.access(path, os.R_OK):
        raise Invalid(f"script {name} cannot be read: {path}; it must be a regular file that you may read")
    return path


def find_python(choice: str | None, root: Path) -> Path:
    """What ``python`` means: the choice of the file, else a virtual environment beside it, else python3."""
    if choice is None:
        beside = (root / venv / "bin" / "python" for venv in (".venv", "venv"))
        found = next((path for path in beside if path.exists()), None)
        return real_python(found, root) if found else find_program("python3", root)
    if "/" not in choice:
        return find_program(choice, root)
    path = root / choice
    if not path.exists():
        raise Invalid(f"there is no {path}; make the environment (python3 -m venv DIRECTORY) or correct the path")
    if path.is_dir():
        raise Invalid(f"{path} is a directory; name the interpreter in it, as in {choice.rstrip('/')}/bin/python")
    if not os.access(path, os.X_OK):
        raise Invalid(f"{path} is not executable; name a Python interpreter")
    return real_python(path, root)


def real_python(path: Path, root: Path) -> Path:
    """The interpreter itself where the path is a wrapper script, which costs 50 ms at each start (pyenv)."""
    if not os.access(path, os.R_OK) or _head(path).startswith(b"\x7fELF"):
        return path
    return _asked(path, root, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _asked(path: Path, root: Path, mtime: int) -> Path:
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _ASK], cwd=root, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} does not answer as a Python interpreter ({type(error).__name__})") from None
    lines = answer.stdout.splitlines()
    if not lines or not os.access(lines[-1], os.X_OK):
        raise Invalid(f"{path} does not say which Python interpreter it is; name the interpreter itself")
    return Path(lines[-1])


def is_ours(path: Path, root: Path) -> bool:
    """Is this a file of the project's people, worth keeping with each attempt, or part of the system?"""
    if (root / ".venv") in path.parents or (root / "venv") in path.parents:
        return False
    return root in path.parents or not str(path).startswith(_SYSTEM)


def writable_by_all(path: Path) -> bool:
    """May everyone change this file, and so what is run?"""
    return bool(path.stat().st_mode & 0o002)


def _check_starts(path: Path, name: str) -> None:
    """Refuse what the kernel would not start."""
    if path.is_dir():
        raise Invalid(f"{name} is a directory; name the program in it")
    if not path.exists():
        raise Invalid(f"program {name} is not found: there is no {path}; check the name")
    if not path.is_file():
        raise Invalid(f"{name} is not a regular file and cannot be run")
    if not os.access(path, os.X_OK):
        by_hand = interpreter_for(path)
        also = f', or write "{by_hand} {name}"' if by_hand else ""
        raise Invalid(f"{name} is not executable; do: chmod +x {path}{also}")
    _check_first_line(path, name)


def _check_first_line(path: Path, name: str) -> None:
    try:
        head = _head(path)
    except OSError:
        return  # executable, but not readable: the kernel can start it, we cannot look
    if head.startswith(b"#!"):
        _check_interpreter(head, name)
    elif b"\0" not in head:
        by_hand = interpreter_for(path) or "sh"
        raise Invalid(
            f'{name} has no #! line, so it cannot be started directly; write "{by_hand} {name}", '
            f"or make its first line #!/usr/bin/env {by_hand}"
        )


def _check_interpreter(head: bytes, name: str) -> None:
    line, newline, _ = head[2:].partition(b"\n")
    words = os.fsdecode(line).split()
    if newline and line.endswith(b"\r"):
        raise Invalid(f"{name} has Windows line ends, so its #! line is not understood; do: sed -i 's/\\r$//' {name}")
    if not words or not os.access(words[0], os.X_OK):
        raise Invalid(f"the #! line of {name} names {words[0] if words else 'nothing'}, which cannot be run here")
    asked = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if Path(words[0]).name == "env" and asked and not shutil.which(asked[0]):
        raise Invalid(f"the #! line of {name} asks for {asked[0]}, which is not on the PATH")


def interpreter_for(path: Path) -> str | None:
    """The interpreter that people use for files of this suffix."""
    return {
        ".py": "python", ".sh": "bash", ".pl": "perl", ".R": "Rscript", ".r": "Rscript",
        ".jl": "julia", ".js": "node", ".rb": "ruby", ".lua": "lua", ".php": "php",
    }.get(path.suffix)  # fmt: skip


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)
