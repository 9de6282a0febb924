"""Door: commands that are verbs and nothing else, asked of the project here or of a server elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click

from procession.cli.context import opened
from procession.cli.events import parameters
from procession.errors import Invalid
from procession.project import person


def asked(name_of_verb: str, /, **arguments: Any) -> Any:
    """The answer of a verb, as JSON; arguments that are None, empty or false are left out."""
    given = {name: value for name, value in arguments.items() if value not in (None, False, "") and value != {}}
    if where := _elsewhere():
        from procession.sdk.client import Client  # noqa: PLC0415  a project here needs no HTTP

        with Client(where[0], token_file=where[1]) as client:
            return client.call(name_of_verb, given)
    from procession.verbs import Caller, call  # noqa: PLC0415  only what a command uses is loaded

    with opened() as project:
        return call(project, Caller(person(), "cli"), name_of_verb, given)


def _elsewhere() -> tuple[str, str | None] | None:
    root = click.get_current_context().find_root()
    if root.params.get("url") is None and not os.environ.get("PROCESSION_URL"):
        return None
    from procession.cli import far  # noqa: PLC0415

    return far.chosen(root)


def values_of(words: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """``name:=JSON`` as values, and ``name=text`` as texts, which are read by the types of the variables."""
    typed = {word.partition("=")[0].removesuffix(":") for word in words if word.partition("=")[0].endswith(":")}
    try:
        found = parameters(tuple(words))
    except Invalid as error:
        raise Invalid(str(error).replace("parameter", "variable")) from None
    values = {name: value for name, value in found.items() if name in typed}
    return values, {name: value for name, value in found.items() if name not in typed}
