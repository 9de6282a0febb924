"""Scripts and cron lines that exist become tasks: the small TOML, written where nothing stands yet.

In: paths of scripts and what starts them, or the text of a crontab. Out: `procession.toml`, where there was none, or a
file of its own under `tasks/`; checked, or not written at all.
Always: no script is changed, no file is overwritten.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from procession import definitions
from procession.definitions.files import FILE, name_for
from procession.definitions.programs import interpreter_for
from procession.definitions.values import check_name
from procession.errors import HostError, Invalid, NotFound, Refused


@dataclass(frozen=True, slots=True)
class Start:
    """What starts an adopted task: one key of the file and its value."""

    key: str
    """``watch``, ``on``, ``every`` or ``cron``."""
    value: str

    @property
    def brings(self) -> str:
        """The argument that the first script gets, where nothing else is said."""
        return "{path}" if self.key == "watch" else ""


_SAYS = {
    "watch": "every new file that fits, once it is written; {path}, {name} and {stem} are its own",
    "on": "every event of this name: procession emit NAME key=value; {key} is then the value",
    "every": "periodically, never twice at once",
    "cron": 'at these times; timezone = "Europe/Berlin" says of which clock',
}


def task_text(name: str, scripts: Sequence[Path], start: Start, argument: str | None, root: Path) -> str:
    """The table of a task that runs these scripts one after the other.

    `argument` is what every script is given; None: the first one what the start brings, the others nothing. Raises
    Invalid where a file cannot be run.
    """
    check_name(name)
    lines = [f"[tasks.{_key(name)}]", f"{start.key} = {_text(start.value)}    # {_SAYS[start.key]}", "steps = ["]
    names: list[str] = []
    for number, script in enumerate(scripts):
        given = argument if argument is not None else start.brings if number == 0 else ""
        command = f"{command_for(script, root)} {given}".strip()
        stem = name_for(Path(script.stem))
        if stem in names:
            stem = f"{stem}-{number + 1}"
        if stem != script.stem:
            lines.append(f"  {{ name = {_text(stem)}, run = {_text(command)} }},")
        else:
            lines.append(f"  {_text(command)},")
        names.append(stem)
    return "\n".join([*lines, "]    # one after the other, in one directory", ""])


def command_for(script: Path, root: Path) -> str:
    """How this file is run, as a person would write it in the file; Invalid if it cannot be."""
    path = script.resolve()
    if not path.is_file():
        raise Invalid(f"{script} is not there, or no file; name scripts that exist")
    inside = root in path.parents
    shown = str(path.relative_to(root)) if inside else str(path)
    word = shlex.quote(shown.replace("{", "{{").replace("}", "}}"))
    if os.access(path, os.X_OK) and path.open("rb").read(2) in (b"#!", b"\x7fE"):
        return f"./{word}" if inside and "'" not in word else word
    interpreter = interpreter_for(path)
    if interpreter is None:
        raise Invalid(f"{script} cannot be started: give it a #! line and do: chmod +x {script}")
    return f"{interpreter} {word}"


def project_here(directory: Path) -> Path:
    """The project that this directory is in; else this directory, which becomes one."""
    try:
        return definitions.find(directory)
    except NotFound:
        return directory.resolve()


def write_adopted(root: Path, name: str, text: str) -> Path:
    """Write this text where it belongs and check all that is defined; return the file.

    Refused where it is there already; ConfigError, and nothing written, where it is not right.
    """
    main = root / FILE
    if os.path.lexists(main):
        target, head = root / "tasks" / f"{name}.toml", "# Written by: procession adopt. Change it as you like.\n\n"
    else:
        target = main
        head = (
            "# Written by: procession adopt. Change it as you like; what is wrong then says: procession check\n\n"
            f"[project]\nname = {_text(name_for(root))}\n\n"
        )
    if os.path.lexists(target):
        raise Refused(f"{target} is there already, and nothing is overwritten; choose another --name")
    made = not target.parent.exists()
    try:
        target.parent.mkdir(exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(head + text)
        target.chmod(0o644)
    except OSError as error:
        raise HostError(f"{target} cannot be written ({error.strerror}); choose another place") from None
    try:
        definitions.read(root)
    except BaseException:
        target.unlink()
        if made:
            with suppress(OSError):
                target.parent.rmdir()
        raise
    return target


def newest(root: Path, pattern: str) -> Path | None:
    """The file that fits this pattern and was changed last; None if there is none."""
    base = root / pattern.removeprefix("{project}/")  # an absolute one stays as it is
    found = [path for path in Path(base.anchor).glob(str(base.relative_to(base.anchor))) if path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _key(name: str) -> str:
    return name if all(c.isascii() and (c.isalnum() or c in "_-") for c in name) else _text(name)


def _text(value: str) -> str:
    """A string of TOML."""
    return json.dumps(value, ensure_ascii=False)
