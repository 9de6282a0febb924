"""How a list goes on: the whole command that shows what comes next, ready to be pasted.

*In:* the command that is running, as it was given, and where its list ended. *Out:* the same command with the place to
go on from. *Always:* every word that was given is in it once, quoted for a shell, also the server or project it asks.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import click
from click.core import ParameterSource

from procession.cli.table import table

PLACES = ("before", "after")
"""Parameters that say where a list goes on."""


def listed(head: Sequence[str], rows: Sequence[Sequence[object]], following: object, nothing: str) -> None:
    """Print a page of a list, and how to go on; `nothing`: what is said where it is empty."""
    table(head, rows, nothing)
    tell(following)


def tell(following: object) -> None:
    """Print how to go on, if there is more."""
    if following:
        click.echo(f"more: {command(following)}")


def command(following: object) -> str:
    """The whole command; of one that has no place to go on from, how to see more of it."""
    context = click.get_current_context()
    place = next((each.name for each in context.command.params if each.name in PLACES), None)
    if place is None:
        return "--limit shows more of them"
    before = list(_options(context.parent)) if context.parent else []
    rest = list(_options(context, but=place))
    words = list(_arguments(context))
    turned = ["--"] if any(word.startswith("-") for word in words) else []  # behind "--" nothing is an option
    name = context.info_name or ""
    return shlex.join(["procession", *before, name, *rest, f"--{place}", str(following), *turned, *words])


def _options(context: click.Context, but: str | None = None) -> Iterator[str]:
    """Options that were given on the command line, each in its longest name."""
    for each in context.command.params:
        name = each.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not isinstance(each, click.Option) or name == but or not given:
            continue
        value = context.params[name]
        if each.is_flag and isinstance(value, bool):
            yield max(each.opts if value else each.secondary_opts, key=len)
        else:
            for one in value if each.multiple else (value,):
                yield from (max(each.opts, key=len), str(one))


def _arguments(context: click.Context) -> Iterator[str]:
    for each in context.command.params:
        if isinstance(each, click.Argument) and (value := context.params[each.name or ""]) is not None:
            yield from (map(str, value) if each.nargs == -1 else (str(value),))
