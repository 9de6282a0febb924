"""The script of an attempt as text: what repeats it by hand, and why it could not be started.

Pure but for looking at the program that could not be started.
"""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import stat

_ULIMIT = {resource.RLIMIT_NOFILE: "n", resource.RLIMIT_CPU: "t"}
_plain = re.compile(r"[A-Za-z0-9_@%+=:,./-]+", re.ASCII).fullmatch


def quote(text: str) -> str:
    """The word as a shell reads it back unchanged."""
    return text if _plain(text) else "'" + text.replace("'", "'\"'\"'") + "'"


class Base:
    """The environment that scripts inherit, less some names, in each form an attempt needs. Made once."""

    def __init__(self, environ: dict[str, str], drop: tuple[str, ...]) -> None:
        self.environ = {name: value for name, value in environ.items() if name not in drop}
        self.json = json.dumps(self.environ, separators=(",", ":")).encode()
        self.shell = pairs(self.environ)


def pairs(environ: dict[str, str]) -> str:
    """Variables as arguments of ``env``, one a line."""
    words = [f"{name}={value}" for name, value in environ.items()]
    return "".join([f"  '{word}' \\\n" if "'" not in word else f"  {quote(word)} \\\n" for word in words])


def repeat(spec: dict[str, object], base: Base, umask: int, held: list[tuple[int, int, int]]) -> bytes:
    """The text of ``run.sh``: the same program, arguments, environment, directory, umask and limits, and no input,
    as then.

    The program is called by its path, whatever name (``argv[0]``) the attempt gave it.
    """
    argv: list[str] = spec["argv"]  # type: ignore[assignment]
    program: str = spec["program"]  # type: ignore[assignment]
    words = [program, *argv[1:]]
    if "=" in program:  # `env` would take it for a variable
        words = ["/bin/sh", "-c", 'exec "$0" "$@"', *words]
    label = str(spec["label"]).replace("\n", " ")
    limits = "".join(
        [f"ulimit -S{_ULIMIT[kind]} {soft}\nulimit -H{_ULIMIT[kind]} {hard}\n" for kind, soft, hard in held]
    )
    text = (
        f"#!/bin/sh\n# {label}: repeats attempt {spec['key']} of Procession exactly\n"
        f"{limits}umask {umask:04o}\ncd {quote(str(spec['cwd']))} || exit\nexec env -i \\\n"
        f"{base.shell}{pairs(spec['env_set'])}"  # type: ignore[arg-type]
        f"  {' '.join(map(quote, words))} </dev/null\n"
    )
    return os.fsencode(text)


def refusal(program: str, number: int) -> str:
    """One line for a person: why the system did not start this program. Called in the attempt's directory."""
    shown = repr(program)
    try:
        mode = os.stat(program).st_mode
    except FileNotFoundError:
        return f"the program {shown} does not exist"
    except OSError as error:
        return f"the program {shown} cannot be reached: {error.strerror}"
    if stat.S_ISDIR(mode):
        return f"the program {shown} is a directory"
    if number == errno.E2BIG:
        return "the arguments and the environment are too long for the system: pass large values in a file"
    if number == errno.EACCES and not os.access(program, os.X_OK):
        return f"the program {shown} is not executable: chmod +x, or name its interpreter"
    if number == errno.ENOEXEC:
        return f"the program {shown} has no #! line and is no program of this machine"
    interpreter = _interpreter(program)
    if interpreter is not None and number in (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ELOOP):
        return f"{shown} asks in its #! line for {interpreter!r}, which {_fault(interpreter, number)}"
    if number == errno.ENOENT:
        return f"the program {shown} needs a loader that does not exist here (built for another system?)"
    return f"the program {shown} could not be started: {os.strerror(number)}"


def _interpreter(program: str) -> str | None:
    """What stands after ``#!``, its arguments left out; None if there is no such line."""
    try:
        with open(program, "rb") as source:
            first = source.readline(512)
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    words = first[2:].rstrip(b"\n").strip(b" \t").split(None if b"\r" not in first else b" ")
    return os.fsdecode(words[0]) if words else ""


def _fault(interpreter: str, number: int) -> str:
    if interpreter.endswith("\r"):
        return "ends in a carriage return: save the script with Unix line ends"
    if not os.path.exists(interpreter):
        return "does not exist"
    return f"cannot be started: {os.strerror(number)}"
