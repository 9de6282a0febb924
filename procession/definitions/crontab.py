"""A person's crontab as tasks: the same commands at the same times, by the same clock.

In: the text, as ``crontab -l`` prints it. Out: the text of a file of tasks, and a note for each line that could not be
taken or whose meaning is another here.
Always: a line becomes a task whole or not at all; nothing is run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from procession.errors import Invalid
from procession.model.timetable import Cron

SPECIAL = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_SETTING = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|\"[^\"]*\"|'[^']*')\s*=\s*(.*?)\s*")
_FIELDS = re.compile(r"\s*(@\w+|\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*?)\s*")
_END = "END_OF_INPUT"
_AS_CRON = "set +e +u +o pipefail; cd"
"""What is otherwise with cron: a shell that goes on after a failure, in the home directory."""


@dataclass(slots=True)
class Adopted:
    """What became of a crontab."""

    text: str = ""
    tasks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be taken, or means something else, each with its line."""


def read_crontab(text: str, zone: str | None = None) -> Adopted:
    """Make tasks of a crontab. `zone` is the name of this host's time zone; None: found out."""
    adopted = Adopted()
    parts: list[str] = []
    above: list[str] = []
    settings: dict[str, str] = {}
    timezone = zone or local_zone()
    if timezone is None:
        adopted.notes.append("the time zone of this host is not known; the tasks go by UTC, correct timezone")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            above = []
        elif line.lstrip().startswith("#"):
            above.append(f"# {line.lstrip()[1:].strip()}")
        elif setting := _SETTING.fullmatch(line):
            _set(settings, setting[1].strip("\"'"), setting[2], number, adopted)
        else:
            try:
                parts.append(_task(line, settings, timezone or "UTC", adopted, above))
            except Invalid as error:
                adopted.notes.append(f"line {number} was not taken: {error}")
            above = []
    adopted.text = "\n".join(parts)
    return adopted


def local_zone(link: str = "/etc/localtime") -> str | None:
    """The name of this host's time zone: TZ, or where its file leads."""
    if name := os.environ.get("TZ", "").lstrip(":"):
        return name
    _, found, name = os.path.realpath(link).partition("/zoneinfo/")
    return name if found else None


def _set(settings: dict[str, str], name: str, value: str, number: int, adopted: Adopted) -> None:
    value = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
    if name in ("MAILTO", "MAILFROM", "CONTENT_TYPE"):
        adopted.notes.append(f"line {number}: {name} is left out; what scripts print is in their logs")
    elif name == "SHELL" and Path(value).name not in ("sh", "bash"):
        adopted.notes.append(f"line {number}: SHELL={value} is left out; commands are run by bash")
    elif name in ("RANDOM_DELAY", "START_HOURS_RANGE"):
        adopted.notes.append(f"line {number}: {name} is left out")
    elif name != "SHELL":
        settings[name] = value


def _task(line: str, settings: dict[str, str], timezone: str, adopted: Adopted, above: list[str]) -> str:
    """The table of one line."""
    found = _FIELDS.fullmatch(line)
    if not found:
        raise Invalid("it has no five fields and a command")
    when, rest = found[1].lower() if found[1].startswith("@") else found[1], found[2]
    expression = SPECIAL.get(when, when)
    if expression.startswith("@"):
        raise Invalid(f"{found[1]} is no time; start it otherwise (as a service, or with: procession emit)")
    expression = " ".join(expression.split())
    zone = settings.get("CRON_TZ", timezone)
    Cron(expression, zone).check()
    command, stdin = _percents(rest)
    name = _name(command, adopted.tasks)
    exports = "".join(f"export {n}={shlex.quote(v)}; " for n, v in settings.items() if n != "CRON_TZ")
    run = f"{_AS_CRON}; {exports}{command}"
    if stdin is not None:
        run = f"{_AS_CRON}; {exports}{{ {command}\n}} <<'{_END}'\n{stdin}\n{_END}\n"
    adopted.tasks.append(name)
    return "\n".join(
        [
            *above,
            f"[tasks.{name}]    # {line.strip()}",
            f"cron = {_text(expression)}",
            f"timezone = {_text(zone)}",
            'catch_up = "skip"    # as cron does; "one" runs what was missed once',
            f"steps = [{{ name = {_text(name)}, shell = true, run = {_text(run)} }}]",
            "",
        ]
    )


def _percents(text: str) -> tuple[str, str | None]:
    """The command, and what follows the first % as its input; ``\\%`` is a percent sign, a further % a new line."""
    pieces = [piece.replace("\\%", "%") for piece in re.split(r"(?<!\\)%", text)]
    if not pieces[0].strip():
        raise Invalid("it has no command")
    return pieces[0].strip(), "\n".join(pieces[1:]) if len(pieces) > 1 else None


def _name(command: str, taken: list[str]) -> str:
    """A name for people: of the script or program, with a number if it occurs again."""
    stem = next(_stems(command), "task")
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _stems(command: str) -> Iterator[str]:
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.split()
    for word in words:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(word.strip(";&|()")).stem).strip("-")
        passing = stem in (
            "cd",
            "env",
            "nice",
            "ionice",
            "timeout",
            "sh",
            "bash",
            "python",
            "python3",
            "perl",
            "test",
            "",
        )
        if not passing and "=" not in word and not word.startswith(("-", "/dev/", "$")) and not stem.isdigit():
            yield stem[:100]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
