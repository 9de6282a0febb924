"""The small project that ``procession init`` writes: a periodic task, a chain, and two scripts; all work."""

from __future__ import annotations

from pathlib import Path

from procession.definitions.files import FILE, name_for
from procession.definitions.values import check_name
from procession.errors import HostError, Refused

SCHEMA = Path(__file__).parent / "procession.schema.json"
BESIDE = ".procession.schema.json"

_TOML = """\
#:schema ./.procession.schema.json
# Procession runs these tasks: procession up. What is wrong here says: procession check

[project]
name = "{name}"

[tasks.look]                     # every minute; its script submits an event
every = "1 min"
run = "sh look.sh"

[tasks.greet]                    # for every event "visitor": two steps, one after the other
on = "visitor"
steps = [
  "python greet.py {{name}}",      # {{name}} is a parameter of the event
  "cat greeting.txt",            # the steps share a directory
]
"""

_LOOK = """\
#!/bin/sh
# A line in the file $PROCESSION_EVENTS is an event. By hand (sh look.sh) the line is only shown.
now=$(date +%Y-%m-%dT%H:%M)
echo "it is $now, and somebody is at the door"
printf '{"event": "visitor", "key": "%s", "params": {"name": "visitor of %s"}}\\n' "$now" "$now" \\
    >> "${PROCESSION_EVENTS:-/dev/stdout}"
"""

_GREET = """\
#!/usr/bin/env python3
# By hand: python3 greet.py Ada
import sys

with open("greeting.txt", "w") as file:
    file.write("Hello, " + sys.argv[1] + "!\\n")
print("wrote greeting.txt")
"""


def write_new_project(directory: Path, name: str | None = None) -> tuple[Path, ...]:
    """Write the files and return their paths; raises Refused, with nothing written, if one exists."""
    directory = directory.resolve()
    name = check_name(name or name_for(directory))
    files = {
        directory / FILE: _TOML.format(name=name),
        directory / "look.sh": _LOOK,
        directory / "greet.py": _GREET,
        directory / BESIDE: SCHEMA.read_text(encoding="utf-8"),
    }
    for path in files:
        if path.exists() or path.is_symlink():
            raise Refused(f"{path} is there already, and nothing is overwritten; choose an empty directory")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with path.open("x") as file:
                file.write(text)
            path.chmod(0o644 if path.suffix in (".toml", ".json") else 0o755)
    except OSError as error:
        where = error.filename or directory
        raise HostError(f"{where} cannot be written ({error.strerror}); choose another place") from None
    return tuple(files)
