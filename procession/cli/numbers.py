"""Whole numbers of the command line, as its help shows them: ``N`` with its bounds, ``ID`` without."""

from __future__ import annotations

from typing import Any

import click


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "n"


class Id(click.ParamType[int]):
    """A number that names something. Its upper bound is that of the database, which nobody needs to read."""

    def __init__(self, called: str = "id", least: int = 1, most: int = 2**63 - 1) -> None:
        self.name = called
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            number = self._least - 1
        if not self._least <= number <= self._most:
            self.fail(f"{str(value)[:60]!r} is no {self.name}: it is a whole number from {self._least} on", param, ctx)
        return number
