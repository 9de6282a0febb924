"""``with-lock``: a command that runs while locks are held, for scripts in any language.

In: names, and a command after ``--``. Out: the exit code of the command; 75 where the locks could not be had, and then
the command has not run. Always: what was acquired here is released when the command has ended, however it ended; no
database is open while it runs. Where no attempt is around, as by hand, it says what it would lock and runs the command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from procession.cli.context import noted_as, opened
from procession.cli.locks import TAKEN, attempt_of, by_hand, lacking, patiently, span, wait_option, whose_options, would
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
    context: click.Context, names: tuple[str, ...], key: str | None, owner: str, wait: str | None
) -> None:
    """For scripts: run COMMAND while all of these locks are held, and release them when it has ended.

    Its exit code is that of COMMAND. Where not all could be had it is 75, and COMMAND does not run.
    """
    command: tuple[str, ...] = context.meta[COMMAND]
    if not command:
        raise click.UsageError("say what runs while they are held: procession with-lock account:17 -- ./import.sh")
    seconds = span(wait)
    if by_hand(key):
        would("lock", names)
        sys.exit(_run(command, dict.fromkeys(names, 0)))
    fences = _acquire(names, key, owner, seconds)
    code = 1
    try:
        code = _run(command, {name: fences[name] for name in names})
    finally:
        _release(fences, key, owner, code)
    sys.exit(code)


def _acquire(names: tuple[str, ...], key: str | None, owner: str, seconds: float) -> Mapping[str, int]:
    """Fence by name; it leaves with `TAKEN` where not all could be had."""
    with noted_as("acquire"), opened() as project:
        found = patiently(project, attempt_of(project, key), names, owner, seconds)
        if isinstance(found, Waiting):
            click.echo(f"procession: {lacking(found)}", err=True)
            sys.exit(TAKEN)
    return {lock.name: lock.fence for lock in found.locks}


def _release(fences: Mapping[str, int], key: str | None, owner: str, code: int) -> None:
    """Release what was acquired. Who has lost it meanwhile must know, unless the command has failed anyway."""
    try:
        with noted_as("release-lock"), opened() as project:
            locks.give_back(project, attempt_of(project, key), fences, owner)
    except ProcessionError as error:
        if code == 0:
            raise
        click.echo(f"procession: {error}", err=True)


def _run(command: Sequence[str], fences: Mapping[str, int]) -> int:
    """The exit code of the command, as a shell would have it."""
    environment = {**os.environ, FENCE: " ".join(map(str, fences.values()))}
    with _passing_on() as begin:
        try:
            child = begin(lambda: subprocess.Popen(command, env=environment))
        except OSError as error:
            click.echo(f"procession: {command[0]} cannot be run: {error.strerror}", err=True)
            return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUNNABLE
        code = child.wait()
    return code if code >= 0 else 128 - code


Child = subprocess.Popen[bytes]


@contextmanager
def _passing_on() -> Iterator[Callable[[Callable[[], Child]], Child]]:
    """Signals that would end this process are the command's, which begins within: this one must release what it holds.

    A terminal sends Ctrl-C to both, so SIGINT and SIGQUIT are not sent once more. What is ignored stays ignored.
    """
    children: list[Child] = []
    early: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGHUP):
            early.append(number) if not children else children[0].send_signal(number)

    def begin(start: Callable[[], Child]) -> Child:
        children.append(start())
        for number in early:
            children[0].send_signal(number)
        return children[0]

    ending = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, pass_on) for n in ending if signal.getsignal(n) is not signal.SIG_IGN}
    try:
        yield begin
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
