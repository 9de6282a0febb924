"""``with-lock``: a command that runs while locks are held, for scripts in any language.

In: names, and a command after ``--``. Out: the exit code of the command; 75 where the locks could not be had, and then
the command has not run. Always: what was acquired here is released when the command has ended, however it ended, and
when a signal comes before it begins; no database is open while it runs. By hand it says what it would lock and runs the
command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Self

import click

from procession.cli.context import noted_as, opened
from procession.cli.locks import (
    TAKEN,
    attempt_of,
    lacking,
    nobody_lives,
    patiently,
    span,
    wait_option,
    whose_options,
    would,
)
from procession.clock import Clock
from procession.commands import locks
from procession.commands.locks import Waiting
from procession.errors import ProcessionError

NOT_RUNNABLE, NOT_FOUND = 126, 127
"""Exit codes of shells, env and nice for a command that cannot be run, and for one that is not there."""
COMMAND = "procession.command"
"""Under this name the words behind ``--`` stand in the context."""
FENCE = "PROCESSION_FENCE"
"""Variable of the command: the fences of its locks, in the order in which they were named."""


class Wrapping(click.Command):
    """A command whose own words end at ``--``; those behind it are of another command, whatever they look like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta[COMMAND] = tuple(args[cut + 1 :])
        return super().parse_args(ctx, args[:cut])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


@click.command("with-lock", cls=Wrapping)
@whose_options
@wait_option
@click.pass_context
def with_lock_command(
    context: click.Context, names: tuple[str, ...], key: str | None, by_hand: bool, owner: str, wait: str | None
) -> None:
    """For scripts: run COMMAND while all of these locks are held, and release them when it has ended.

    Its exit code is that of COMMAND. Where not all could be had it is 75, and COMMAND does not run.
    """
    command: tuple[str, ...] = context.meta[COMMAND]
    if not command:
        raise click.UsageError("say what runs while they are held: procession with-lock account:17 -- ./import.sh")
    seconds = span(wait)
    with Signals() as signals:
        if nobody_lives(key, by_hand):
            would("lock", names)
            code = _run(command, dict.fromkeys(names, 0), signals)
        else:
            code = _locked(command, names, Whose(key, owner), seconds, signals)
    sys.exit(128 + signals.number if signals.number else code)


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose the locks are."""

    key: str | None
    owner: str


def _locked(command: Sequence[str], names: Sequence[str], whose: Whose, seconds: float, signals: Signals) -> int:
    """The exit code of the command, which has run while they were held; `TAKEN` where they could not be had."""
    fences: dict[str, int] = {}
    code = 1
    try:
        if _acquire(fences, names, whose, seconds, signals):
            code = _run(command, {name: fences[name] for name in names}, signals)
        else:
            code = TAKEN
    finally:
        if fences:
            _release(fences, whose, code)
    return code


def _acquire(
    fences: dict[str, int], names: Sequence[str], whose: Whose, seconds: float, signals: Signals
) -> bool:  # fmt: skip
    """Were they had? Then their fences, by name, are filled in before anything else can fail."""
    with noted_as("acquire"), opened() as project:
        found = patiently(project, attempt_of(project, whose.key), names, whose.owner, seconds, signals.sleep)
        if isinstance(found, Waiting):
            click.echo(f"procession: {lacking(found)}", err=True)
            return False
        fences.update({lock.name: lock.fence for lock in found.locks})
    return True


def _release(fences: Mapping[str, int], whose: Whose, code: int) -> None:
    """Release what was acquired. Who has lost it meanwhile must know, unless the command has failed anyway."""
    try:
        with noted_as("release-lock"), opened() as project:
            locks.give_back(project, attempt_of(project, whose.key), fences, whose.owner)
    except ProcessionError as error:
        if code == 0:
            raise
        click.echo(f"procession: {error}", err=True)


def _run(command: Sequence[str], fences: Mapping[str, int], signals: Signals) -> int:
    """The exit code of the command, as a shell would have it; 1 if a signal came before it began."""
    environment = {**os.environ, FENCE: " ".join(map(str, fences.values()))}
    if signals.number:
        return 1
    try:
        code = signals.of(lambda: subprocess.Popen(command, env=environment))
    except OSError as error:
        click.echo(f"procession: {command[0]} cannot be run: {error.strerror}", err=True)
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
    return code if code >= 0 else 128 - code


class Woken(Exception):
    """A signal came while this slept."""


class Signals:
    """Signals that would end this process, which must first release what it holds. Python's handler of Ctrl-C, too.

    Before the command begins, and after it, the first is remembered. While it runs they are the command's; a terminal
    sends Ctrl-C to both, so SIGINT and SIGQUIT are not sent once more. What is ignored stays ignored.
    """

    def __init__(self) -> None:
        self.number = 0
        """The one that this process has to end by; 0: none came."""
        self._child = 0
        """Process id of the command while it runs; it is not waited for before this is 0 again, so it is no other's."""
        self._sleeps = False

    def __enter__(self) -> Self:
        ending = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
        listened = [number for number in ending if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._came) for number in listened}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _came(self, number: int, _: FrameType | None) -> None:
        if self._child:
            if number in (signal.SIGTERM, signal.SIGHUP):
                self._send(number)
            return
        self.number = self.number or number
        if self._sleeps:
            self._sleeps = False
            raise Woken

    def _send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._child, number)

    def sleep(self, clock: Clock, seconds: float) -> bool:
        """Sleep, or until one comes; may this go on?"""
        with suppress(Woken):
            self._sleeps = True
            if not self.number:
                clock.sleep(seconds)
            self._sleeps = False  # within: from here on none raises
        return not self.number

    def of(self, start: Callable[[], subprocess.Popen[bytes]]) -> int:
        """Start a command, to which they belong until it has ended; its exit code. One that came at its very beginning
        is the command's as well."""
        child = start()
        self._child = child.pid
        if self.number:
            self._send(self.number)
            self.number = 0
        with suppress(ChildProcessError):  # where nobody waits for children, by SIGCHLD, it is gone at once
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        self._child = 0
        return child.wait()
