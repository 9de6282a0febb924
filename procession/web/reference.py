"""The reference that goes with the program: commands, keys of the file, queries, the API, errors; and a search over it.

*In:* a topic, or words. *Out:* entries. *Always:* it is made of what the program itself goes by, so it is right for
this version; nothing is fetched from anywhere.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import click

from procession import definitions, errors, verbs
from procession.cli.main import COMMANDS, group
from procession.model.query import FIELDS
from procession.web.words import SAID

MOST = 100
"""Entries that a search shows."""
_LINK = re.compile(r"\[(.+?)\]\(#[^)]*\)")
"""A link to another part of the written reference, of which the words are kept."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that there is to know."""

    topic: str
    section: str
    name: str
    text: str
    more: str = ""
    """As it is written or used, word for word."""

    @property
    def anchor(self) -> str:
        """Where it is on the page of its topic."""
        return "".join(letter if letter.isalnum() else "-" for letter in f"{self.section}-{self.name}".lower())

    def has(self, words: list[str]) -> bool:
        """Is every one of these words in it?"""
        text = f"{self.section} {self.name} {self.text} {self.more}".lower()
        return all(word in text for word in words)


TOPICS: dict[str, tuple[str, str]] = {
    "commands": ("Commands", "What can be done in a terminal; each has --help, and most --json."),
    "queries": (
        "Queries",
        "Which processings are meant: task:scene state:failed after:-1d -task:discover. All terms must hold.",
    ),
    "file": ("procession.toml", "What a project says of its tasks, and of what they run on."),
    "api": ("HTTP API", "Below /api/v1, with a token. The same verbs are methods of procession.Client."),
    "errors": ("Errors", "What can go wrong, and the exit code of a command that it ends."),
    "states": ("States", "What stands beside each processing and each step."),
}
"""Name → heading, and what it is about."""

QUERIES = {
    "id": "these numbers and ranges: 17, id:1,4-6",
    "task": "of this task; a list means one of them: task:a,b",
    "state": "waiting, running, succeeded, failed, cancelled, skipped; or amber, asking, held, pinned, quiet",
    "step": "standing at this step: it is ready, running, failed or cancelled",
    "event": "of an event of this name",
    "key": "of an event with this key",
    "group": "of a task in this group",
    "version": "of this version: version:2",
    "batch": "what this bulk action has done, or the new versions of it: batch:17",
    "cause": "failed for this cause, and no newer version has replaced it",
    "source": "of this source",
    "experiment": "of this experiment",
    "after": "created at that moment or later: after:2026-03-01T12:00, after:-1d",
    "before": "created before that moment",
    "ended-after": "ended at that moment or later",
    "ended-before": "ended before that moment",
    "reason": "the text is part of its reason",
    "param.NAME": "with this value of a parameter: param.tile:36UUA",
}
STATES = {
    "ok": "Every step has succeeded or was skipped.",
    "retried": "It succeeded after a failed try.",
    "running": "A step of it runs.",
    "waiting": "It waits for its turn, or for its time.",
    "blocked": "It waits because something holds it: a lock, a limit, the disk, a pause.",
    "will-retry": "The last try failed; the next one comes by itself.",
    "failed": "It failed for good; a person looks.",
    "lost": "Nobody knows how the last try ended.",
    "held": "A person holds it.",
    "asking": "It asks a person, and goes on with the answer.",
    "cancelled": "A person cancelled it.",
    "skipped": "It said itself that there is nothing to do, or its condition did.",
    "not-run": "It never came to it: the processing ended before.",
}


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """All of them, topic after topic."""
    return (*_commands(), *_queries(), *_file(), *_api(), *_errors(), *_states())


def of(topic: str) -> list[Entry]:
    """Those of one topic."""
    return [each for each in entries() if each.topic == topic]


def search(text: str) -> list[Entry]:
    """Entries with all of these words, those first that are called so."""
    words = text.lower().split()[:10]
    found = [each for each in entries() if each.has(words)] if words else []
    return sorted(found, key=lambda each: not all(word in each.name.lower() for word in words))[:MOST]


def _commands() -> list[Entry]:
    context = click.Context(group, info_name="procession", **group.context_settings)
    found = []
    for section, names in COMMANDS.items():
        for name, (_, text) in names.items():
            command = group.get_command(context, name)
            usage = "" if command is None else command.get_help(click.Context(command, context, name))
            found.append(Entry("commands", section, name, text, usage))
    return found


def _queries() -> list[Entry]:
    return [Entry("queries", "", f"{name}:", QUERIES[name]) for name in FIELDS]


def _file() -> list[Entry]:
    schema = json.loads((Path(definitions.__file__).parent / "procession.schema.json").read_text("utf-8"))
    tables: dict[str, dict[str, Any]] = schema["$defs"]
    named = {_target(one): f"[{key}]" for key, one in schema["properties"].items() if _target(one)}
    named |= {
        _target(one["additionalProperties"]): f"[{key}.NAME]"
        for key, one in schema["properties"].items()
        if isinstance(one.get("additionalProperties"), dict) and _target(one["additionalProperties"])
    }
    return [
        Entry(
            "file",
            named.get(name, name.removesuffix("Table")),
            key,
            _LINK.sub(r"\1", one.get("description", "")),
            _kind(one),
        )
        for name, table in sorted(tables.items(), key=lambda pair: named.get(pair[0], f"~{pair[0]}"))
        for key, one in table.get("properties", {}).items()
    ]


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", text)


def _target(one: dict[str, Any]) -> str:
    return str(one.get("$ref", "")).rpartition("/")[2]


def _kind(one: dict[str, Any]) -> str:
    """What a key takes, in a few words."""
    if "enum" in one:
        return " | ".join(map(str, one["enum"]))
    if "const" in one:
        return str(one["const"])
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(filter(None, map(_kind, one["anyOf"]))))
    if one.get("type") == "array":
        return f"list of {_kind(one['items'])}" if isinstance(one.get("items"), dict) else "list"
    if isinstance(one.get("type"), list):
        return " or ".join(one["type"])
    return str(one.get("type") or _target(one).removesuffix("Table").lower())


def _api() -> list[Entry]:
    found = sorted(verbs.load().values(), key=lambda each: (each.path, each.method))
    return [
        Entry("api", f"scope {each.scope}", each.name, (inspect.getdoc(each.act) or "").partition("\n\n")[0],
              f"{each.method} /api/v1{each.path}" + "".join(f"  {name}" for name in each.parameters))
        for each in found
    ]  # fmt: skip


def _errors() -> list[Entry]:
    ours = (each for _, each in inspect.getmembers(errors, inspect.isclass))
    found = [each for each in ours if issubclass(each, errors.ProcessionError)]
    return [
        Entry("errors", f"exit code {each.exit_code}", each.__name__, (inspect.getdoc(each) or "").replace("\n", " "))
        for each in sorted(found, key=lambda each: (each.exit_code, each.__name__))
    ]


def _states() -> list[Entry]:
    return [
        Entry("states", "", f"{SAID[kind]}, blocked" if kind == "blocked" else SAID[kind], text, kind)
        for kind, text in STATES.items()
    ]
