"""What holds over the file: tables of this host, the environment, ``--set``; the later goes before the earlier.

In: the tables of the files, and who overrides them. Out: the tables as they hold, each changed key with the place that
it comes from, so that a mistake in it is told there.
Always: only values are changed, never files; what is not known is a mistake with a near miss. Nothing here imports more
than the standard library.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from procession.errors import ConfigError

SECTIONS = ("project", "launcher", "work", "queues", "web", "limits", "environment", "variables", "tasks")
"""Tables that may be overridden."""
_VARIABLE = re.compile(r"PROCESSION_([A-Za-z]+)__(\w+)")
Tables = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Override:
    """One value over that of the file."""

    keys: tuple[str, ...]
    value: Any
    source: str
    """Who says so, for people: ``--set launcher.cpus``, the name of a variable, ``[hosts.alpha.launcher]``."""
    loose: bool = False
    """Names come from a variable: capital or small, and with _ for what no variable can hold."""

    def __str__(self) -> str:
        return f"{'.'.join(self.keys)} = {self.value!r} ({self.source})"


def given(options: Sequence[str], environ: Mapping[str, str] | None = None) -> list[Override]:
    """What the environment and ``--set`` say, in the order in which they hold; raises ConfigError."""
    found, wrong = [], []
    for name, text in sorted((os.environ if environ is None else environ).items()):
        match = _VARIABLE.fullmatch(name)
        if match and not name.startswith("PROCESSION_PARAM_"):  # of a script, from which a command is called
            keys = (match[1].lower(), *match[2].split("__"))
            found.append(Override(keys, _value(text), name, loose=True))
    for option in options:
        path, equals, text = option.partition("=")
        try:
            keys = _path(path)
        except tomllib.TOMLDecodeError:
            keys = ()
        if not equals or len(keys) < 2:
            wrong.append(f"--set {option[:60]}: is no SECTION.KEY=VALUE, as in launcher.cpus=4")
        else:
            found.append(Override(keys, _value(text), f"--set {path.strip()}"))
    wrong += [f"{o.source}: {_unknown(o.keys[0], SECTIONS, 'section')}" for o in found if o.keys[0] not in SECTIONS]
    wrong += [f"{o.source}: says no key; write TASK and KEY" for o in found if o.keys[0] == "tasks" and len(o.keys) < 3]
    if wrong:
        raise ConfigError("what is set over the file is wrong; correct what the lines name", tuple(wrong))
    return found


def of_host(tables: Tables, host: str | None = None) -> list[Override]:
    """What ``[hosts.NAME.…]`` says for this host, known by its whole name or its first part."""
    host = host or os.uname().nodename
    hosts = tables.get("hosts")
    found = []
    for name in dict.fromkeys((host.partition(".")[0], host)):
        sections = hosts.get(name) if isinstance(hosts, dict) else None
        for section, table in sections.items() if isinstance(sections, dict) else ():
            for keys, value in _leaves(section, table):
                found.append(Override(keys, value, f"[hosts.{name}.{section}]"))
    return found


def _leaves(section: str, table: Any) -> Iterable[tuple[tuple[str, ...], Any]]:
    if not isinstance(table, dict):
        return
    for key, value in table.items():
        if section == "tasks" and isinstance(value, dict):
            yield from (((section, key, inner), each) for inner, each in value.items())
        else:
            yield (section, key), value


def put(tables: Tables, override: Override) -> tuple[str, ...] | None:
    """Put one value into the tables of a file; return the keys at which it stands, None if its task is not there."""
    section = override.keys[0]
    inner = tables.get(section, {})
    if not isinstance(inner, dict):
        return None
    keys = [section]
    rest = list(override.keys[1:])
    if section == "tasks":
        name = _named(rest.pop(0), inner, loose=override.loose)
        if name not in inner or not isinstance(inner[name], dict):
            return None
        keys.append(name)
        tables[section] = {**inner, name: _with(inner[name], rest, override, keys)}
    else:
        tables[section] = _with(inner, rest, override, keys)
    return tuple(keys)


def _with(table: Tables, path: list[str], override: Override, keys: list[str]) -> Tables:
    key = _named(path[0], table, loose=override.loose)
    keys.append(key)
    if len(path) == 1:
        return {**table, key: override.value}
    below = table.get(key)
    return {**table, key: _with(below if isinstance(below, dict) else {}, path[1:], override, keys)}


def _named(key: str, table: Tables, *, loose: bool) -> str:
    """The key of the file that is meant: a variable cannot tell small from capital, nor hold every character."""
    if not loose:
        return key
    plain = re.sub(r"\W", "_", key).lower()
    return next((each for each in table if re.sub(r"\W", "_", each).lower() == plain), key.lower())


def _path(text: str) -> tuple[str, ...]:
    """The keys of a dotted key of TOML."""
    found: Any = tomllib.loads(f"{text.strip()} = 0") if "\n" not in text else {}
    keys = []
    while isinstance(found, dict):
        ((key, found),) = found.items() or (("", 0),)
        keys.append(key)
    return tuple(keys)


def _value(text: str) -> Any:
    """A value of TOML; a bare word is a text."""
    try:
        found = tomllib.loads(f"x = {text}") if "\n" not in text else {}
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return found["x"] if set(found) == {"x"} else text


def _unknown(name: str, known: Sequence[str], what: str) -> str:
    near = get_close_matches(name, known, 1)
    return f"unknown {what} {name[:40]}; " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}")


def unknown_task(override: Override, known: Sequence[str]) -> str:
    """What to say of an override for a task that nobody defines."""
    return f"{override.source}: {_unknown(override.keys[1], known, 'task')}"
