"""From ``run`` in the file to a `Command`: words split, programs and scripts found, placeholders checked.

The program and the script after an interpreter are fixed here, once, by the people who wrote the file; no
event can choose them (C10), and no value can reach the text that a shell or an interpreter reads as code
(C12).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from procession.definitions import programs
from procession.definitions.interpreters import Anatomy, dissect, is_interpreter
from procession.definitions.sources import Place
from procession.definitions.values import NAME
from procession.errors import Invalid
from procession.model.command import MAX_BYTES, Command, parse_word, placeholders

_SHELL_SYNTAX = re.compile(
    r"^(?:\||\|\||&&|&|;|<<?|[0-9&]?>>?(?:&[0-9])?)$|^[0-9&]?>>?(?=[\w/.&])|^<(?=[\w/.])|;$|"
    r"\$\{?[A-Za-z_]\w*|\$\(|`|^~(?=/|$)|\*"
)
"""Words, or parts of them, that only a shell understands."""
_IN_SHELL = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a ``run`` became. After a mistake `command` is None or as written, and `stem` None if it cannot be told."""

    command: Command | None
    stem: str | None


def resolve(run: Any, options: dict[str, Any], root: Path, python: Callable[[], Path], place: Place) -> Found:
    """Make the command of one ``run``; mistakes are noted at the place. `python` finds ``python``."""
    if options.get("shell"):
        return _in_shell(run, root, place)
    try:
        words = shlex.split(run) if isinstance(run, str) else list(run)
    except ValueError as error:
        place.error(f"cannot be split into words as a shell would ({str(error).lower()}); check the quotes")
        return Found(None, None)
    plain = _check_words(words, place)
    if plain is None:
        return Found(None, None)
    try:
        anatomy = dissect(plain, root)
        command = _found(words, plain, anatomy, root, python)
        _warn(command, plain, anatomy, root, place)
        if isinstance(run, str):
            _warn_of_shell(run, anatomy, place)
    except (Invalid, OSError) as error:
        place.error(str(error) if isinstance(error, Invalid) else f"names no usable file ({error.strerror})")
        stem = _stem(plain, dissect(plain, root))
        return Found(Command(tuple(words)), stem if NAME.fullmatch(stem) else None)  # for the checks to come
    return Found(replace(command, allow_dash=bool(options.get("allow_dash"))), _stem(plain, anatomy))


def _check_words(words: list[str], place: Place) -> list[str] | None:
    """The words without their braces, "" where a placeholder is part of it; None if one is wrong."""
    if not words or not words[0]:
        place.error("names no program; write a command such as python load.py {path}")
        return None
    plain, wrong = [], False
    for word in words:
        try:
            parts = parse_word(word)
        except Invalid as error:
            place.error(str(error))
            wrong = True
            continue
        plain.append("".join(parts) if all(isinstance(part, str) for part in parts) else "")  # type: ignore[arg-type]
    if any("\0" in word for word in words) or sum(len(word.encode()) + 1 for word in words) > MAX_BYTES:
        place.error("contains a NUL character or more than 128 KiB; no program can be started with it")
        return None
    return None if wrong else plain


def _found(
    words: list[str],
    plain: list[str],
    anatomy: Anatomy,
    root: Path,
    python: Callable[[], Path],
) -> Command:
    """The command with absolute paths in place of names; raises Invalid."""
    absolute = list(words)
    scripts: list[Path] = []
    for number in sorted({0, anatomy.program}):
        _check_fixed("program", words[number], plain[number])
        ours = plain[number] in ("python", "python3")
        program = python() if ours else programs.find_program(plain[number], root)
        absolute[number] = _as_template(program)
        if not is_interpreter(program.name):
            scripts.append(program)
    for number in anatomy.code:
        named = next(placeholders(words[number]), None) if number < len(words) else None
        if named:
            raise Invalid(
                f"{named} stands in what {plain[anatomy.program]} reads as code, where a value could do "
                "anything; give it as an argument after the code, or write a script"
            )
    if anatomy.script is not None:
        _check_fixed("script", words[anatomy.script], plain[anatomy.script])
        scripts.append(programs.find_script(plain[anatomy.script], root, plain[anatomy.program]))
        absolute[anatomy.script] = _as_template(scripts[-1])
    if anatomy.module:
        file = root / anatomy.module.replace(".", "/")
        scripts += [path for path in (file.with_suffix(".py"), file / "__main__.py") if path.is_file()][:1]
    kept = dict.fromkeys(str(path) for path in scripts if programs.is_ours(path, root))
    return Command(tuple(absolute), tuple(kept))


def _check_fixed(what: str, word: str, plain: str) -> None:
    if not plain:
        raise Invalid(f"the {what} {word} would be chosen by an event; name it here, values are for arguments")


def _stem(plain: list[str], anatomy: Anatomy) -> str:
    if anatomy.module:
        return anatomy.module.rpartition(".")[2]
    return Path(plain[anatomy.program if anatomy.script is None else anatomy.script]).stem


def _warn(command: Command, plain: list[str], anatomy: Anatomy, root: Path, place: Place) -> None:
    _warn_of_writable(command, place)
    last = anatomy.program if anatomy.script is None else anatomy.script
    for word in plain[last + 1 :]:
        if word and word[0] not in "-/" and len(word) < 256 and (root / word).is_file():
            place.warning(
                f"{word} lies in the project's directory, but the command runs in its own; "
                f"if this file is meant, write {{project}}/{word}"
            )


def _warn_of_shell(run: str, anatomy: Anatomy, place: Place) -> None:
    """What a shell would act upon reaches the program as it is written; said once, for the first such word."""
    words = shlex.split(run, posix=False)  # with their quotes: what is quoted is meant as it is
    code = {words[n] for n in anatomy.code if n < len(words)}  # sh -c '…' has a shell of its own
    for word in words[1:]:
        if word[0] not in "'\"" and word not in code and (found := _SHELL_SYNTAX.search(word)):
            place.warning(
                f"{found[0]} means nothing here, because no shell reads the command: the program gets "
                f"{word[:40]} as it is; if a shell is meant, write shell = true, otherwise put it into quotes"
            )
            return


def _in_shell(run: Any, root: Path, place: Place) -> Found:
    """The text as one word for bash, with the files of the project that it names as commands."""
    if not isinstance(run, str):
        place.error("must be one text where shell = true; a list never goes through a shell")
        return Found(None, None)
    if "\0" in run or len(run.encode()) > MAX_BYTES - 100:
        place.error("contains a NUL character or more than 128 KiB; no program can be started with it")
        return Found(None, None)
    for name in _IN_SHELL.findall(run):
        place.warning(
            f"{{{name}}} is left as it is, because shell = true takes no placeholders; "
            f'if a parameter is meant, write "$PROCESSION_PARAM_{name.upper()}"'
        )
    bash = os.path.realpath(shutil.which("bash") or "/bin/bash")
    if not os.access(bash, os.X_OK):
        place.error("needs bash for shell = true, which is not on this host; install it, or write a script")
    try:
        words = shlex.split(run, comments=True)
    except ValueError:
        words = run.split()  # legal for bash, not for shlex: a here-document, say
    files = [root / word.strip(";&|()") for word in words if word.strip(";&|()")]
    scripts = dict.fromkeys(str(path) for path in files if _looks_run(path, root))
    first = next((Path(word).stem for word in scripts), Path(words[0]).stem if words else "")
    command = Command((bash, "-euo", "pipefail", "-c", run), tuple(scripts), True)
    _warn_of_writable(command, place)
    return Found(command, first)


def _looks_run(path: Path, root: Path) -> bool:
    """Is this a file of ours, and one that is run rather than read?"""
    try:
        runs = path.is_file() and bool(programs.interpreter_for(path) or os.access(path, os.X_OK))
    except OSError:  # the word is no path at all: too long, say
        return False
    return runs and root in path.parents


def _warn_of_writable(command: Command, place: Place) -> None:
    for script in command.scripts:
        if programs.writable_by_all(Path(script)):
            place.warning(f"everyone may write to {script}, and so decide what is run; do: chmod o-w {script}")


def _as_template(path: Path) -> str:
    return str(path).replace("{", "{{").replace("}", "}}")
