"""Where the script stands in a command, and where code does.

Enough of how the usual interpreters read their options to tell ``python -u load.py x`` from ``python -c
CODE x``, and of the programs that only start another one (``nice -n 5 python load.py``).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from procession.definitions.programs import PYTHON


@dataclass(frozen=True, slots=True)
class Interpreter:
    """How a program that runs scripts reads its options, as far as needed to see where the script stands."""

    code: str = ""
    """Letters of the options whose argument is code."""
    takes: str = ""
    """Letters of the other options with an argument of their own."""
    long_code: tuple[str, ...] = ()
    long_takes: tuple[str, ...] = ()


_SHELL = Interpreter("c", "oO", (), ("--rcfile", "--init-file"))
_PYTHON = Interpreter("cm", "WX", (), ("--check-hash-based-pycs",))
_INTERPRETERS = {
    **dict.fromkeys(("sh", "bash", "dash", "zsh", "ksh"), _SHELL),
    "perl": Interpreter("eE"),
    "ruby": Interpreter("e", "IrC"),
    "node": Interpreter("ep", "rC", ("--eval", "--print"), ("--require", "--import")),
    "Rscript": Interpreter("e"),
    "julia": Interpreter("eE", "LtpJ", ("--eval", "--print"), ("--load",)),
    "php": Interpreter("r", "dc"),
    "lua": Interpreter("e", "l"),
    **dict.fromkeys(("pypy", "pypy3"), _PYTHON),
}
_WRAPPERS = (
    *("env", "nice", "ionice", "chrt", "taskset", "numactl", "setsid", "stdbuf"),
    *("timeout", "nohup", "time", "sudo", "xargs", "srun"),
)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What stands where in the words of a command."""

    program: int
    """The program that does the work: the first word, or the one that a wrapper starts."""
    script: int | None = None
    """The script of an interpreter."""
    code: tuple[int, ...] = ()
    """Words that an interpreter reads as code, or where its option says so."""
    module: str | None = None
    """``name`` of ``python -m name``."""


def dissect(words: list[str], root: Path) -> Anatomy:
    """Find the parts of a command; words with a placeholder in them are given as ""."""
    program = _wrapped(words, root)
    name = Path(words[program]).name
    interpreter = _PYTHON if PYTHON.fullmatch(name) else _INTERPRETERS.get(name)
    number = program + 1
    while interpreter and number < len(words):
        word = words[number]
        if word == "--":
            return Anatomy(program, number + 1 if number + 1 < len(words) else None)
        if word == "-":
            return Anatomy(program)
        if word[:1] not in ("-", "+"):
            return Anatomy(program, number)
        kind = _option(interpreter, word)
        if kind == "code":
            last = number + 1 < len(words)
            module = words[number + 1] if last and interpreter is _PYTHON and word.endswith("m") else None
            return Anatomy(program, code=(number, number + 1), module=module)
        number += 2 if kind == "takes" else 1
    return Anatomy(program)


def is_interpreter(name: str) -> bool:
    """Does this program run scripts of others?"""
    return bool(PYTHON.fullmatch(name)) or name in _INTERPRETERS


def _wrapped(words: list[str], root: Path) -> int:
    """Which word is the program that does the work."""
    if Path(words[0]).name not in _WRAPPERS:
        return 0
    for number, word in enumerate(words[1:], 1):
        if is_interpreter(Path(word).name):
            return number
        file = root / word
        if word[:1] not in ("", "-") and os.access(file, os.F_OK) and file.is_file():
            return number
    return 0


def _option(interpreter: Interpreter, word: str) -> str:
    """What follows this option: ``code``, a word that it ``takes``, or nothing of its own (``flag``)."""
    if word.startswith("--"):
        name = word.partition("=")[0]
        if name in interpreter.long_code:
            return "code"
        return "takes" if word in interpreter.long_takes else "flag"
    letters = word[1:]
    for position, letter in enumerate(letters):
        if letter in interpreter.code and letters.isalpha():
            return "code"
        if letter in interpreter.takes:
            return "takes" if position == len(letters) - 1 else "flag"
    return "flag"
