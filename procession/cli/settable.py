"""What can be set: how people name it at the command line, and what their shell completes.

In: the words of ``set`` and ``reset``. Out: names of settings as ``settings`` lists them, each with its value. Always:
the name as it is listed is understood, and so is the kind and the name as two words, as in ``limit ftp=1``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from procession.commands import settings
from procession.errors import ProcessionError
from procession.project import Project

NAMED = ("limit", "queue")
"""Kinds that may stand as a word of their own before names of theirs."""
WANTED = "TASK at_once=8, limit:NAME=2, queue:NAME=4, launcher:NAME:cpus=2 or cpus=4"


def named(words: Sequence[str], *, valued: bool) -> list[tuple[str, str]]:
    """Names and values of ``TASK at_once=8``, ``limit:ftp=1``, ``cpus=4``; UsageError says how they are written."""
    of = words[0] if len(words) > 1 and _is_scope(words, valued=valued) else None
    found: list[tuple[str, str]] = []
    for word in words[of is not None :]:
        name, equals, text = word.partition("=")
        if bool(equals) != valued or not name or (valued and not text):
            lacks = "no value" if valued else "a value, and reset takes none"
            wanted = WANTED if valued else "TASK at_once, limit:NAME, queue:NAME, launcher:NAME:cpus or cpus"
            raise click.UsageError(f"{word[:60]!r} has {lacks}; write {wanted}")
        found.append((_setting(of, name), text))
    if not found:
        raise click.UsageError(f"name what: {', '.join(settings.KINDS)}; see: procession settings")
    return found


def _is_scope(words: Sequence[str], *, valued: bool) -> bool:
    """Is the first word what the others are of, as a task, and not a setting by itself?"""
    first, colon, rest = words[0].partition(":")
    if "=" in words[0] or first in settings.WHOLE:
        return False
    if valued or not colon:
        return True
    return words[1] == "at_once" if first in ("task", "queue") else first == "launcher" and ":" not in rest


def _setting(of: str | None, name: str) -> str:
    """The name of a setting: ``limit:ftp`` of ``limit ftp``, ``at_once:scene`` of ``scene at_once``."""
    kind, colon, rest = name.partition(":")
    if kind == "task" and colon:
        return f"at_once:{rest}"
    if of is None or colon or of == "launcher":
        return name
    if name == "at_once" and of in NAMED:
        raise click.UsageError(f"{of} is a word of its own here; for a task of that name write task:{of} at_once")
    if of in NAMED or of.startswith("launcher:"):
        return f"{of}:{name}"
    if of.startswith("queue:") and name == "at_once":
        return of
    if ":" in of and not of.startswith("task:"):
        raise click.UsageError(f"{of[:60]!r} takes no {name[:60]!r}; write each by itself: {WANTED}")
    return f"{name}:{of.removeprefix('task:')}"


def complete_set(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names that can be set, each with the ``=`` that its value follows."""
    return _complete(context, incomplete, "=")


def complete_reset(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names that are set."""
    return _complete(context, incomplete, "")


def _complete(context: click.Context, incomplete: str, end: str) -> list[CompletionItem]:
    begun = _before_colon()
    found = (f"{name}{end}" for name in _names(context, only_set=not end))
    return [CompletionItem(name.removeprefix(begun)) for name in found if name.startswith(begun + incomplete)]


def _before_colon() -> str:
    """What stands before the word: bash takes ``limit:ft`` for three words and completes the last."""
    words = os.environ.get("COMP_WORDS", "").split()[: int(os.environ.get("COMP_CWORD", "0") or 0)]
    begun = ""
    while len(words) > 1 and words[-1] == ":":
        begun = f"{words[-2]}:{begun}"
        words = words[:-2]
    return begun


def _names(context: click.Context, *, only_set: bool) -> Iterable[str]:
    """Of the project here; none where there is no project, since a shell has no place for an error."""
    given = context.find_root().params.get("directory") or os.environ.get("PROCESSION_PROJECT")
    try:
        project = Project.open(Path(given) if given else Path.cwd(), lenient=True)
    except (ProcessionError, OSError):
        return []
    try:
        held = settings.list_all(project)
        return [each.name for each in held if each.row is not None] if only_set else settings.names(project)
    finally:
        project.close()
