"""The words of a query as arguments: ``-state:failed`` is a term that is turned round, and no option."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from procession.model.query import FIELDS

_TURNED = re.compile(rf"-(?:(?:{'|'.join(FIELDS[:-1])}|param\.[^:]+):.*|[0-9][0-9,-]*)", re.DOTALL | re.IGNORECASE)
_MINUS = "\N{MINUS SIGN}"
"""Stands for the ``-`` of such a term while the options are parsed."""


class Querying(click.Command):
    """A command that takes the words of a query. A plain word that is turned round needs ``--`` before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        turned = [_MINUS + a[1:] if n < end and _TURNED.fullmatch(a) else a for n, a in enumerate(args)]
        return super().parse_args(ctx, turned)


def _words(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("-" + word[1:] if _TURNED.fullmatch("-" + word[1:]) and word[0] == _MINUS else word for word in words)


def words_argument(metavar: str) -> Callable[[Any], Any]:
    """The argument ``words`` of a command of the class `Querying`."""
    return click.argument("words", nargs=-1, metavar=metavar, callback=_words)
