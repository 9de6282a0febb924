"""``locks``, ``unlock``; and for scripts in any language ``acquire`` and ``release-lock``.

A script that runs again in ``procession shell`` goes the same way as in production: it is told what it would lock, and
nothing is locked, since locks belong to an attempt that lives. Elsewhere ``--by-hand`` asks for that: where sudo or
ssh cleaned the environment it looks like no attempt, and a script that lives must never go on without its locks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from procession import present
from procession.cli.context import answer, json_option, opened, reason_option
from procession.cli.numbers import Id
from procession.cli.table import age, clean, table
from procession.clock import Clock, moment
from procession.commands import locks
from procession.commands.asked import asked
from procession.commands.locks import OWNERS, Granted, Lock, Taken, Waiting, Which
from procession.commands.steps import RERUN
from procession.contract import BY_HAND
from procession.errors import Invalid, QueueFull
from procession.model.locks import checked
from procession.project import Project
from procession.units import to_seconds

TAKEN = QueueFull.exit_code
"""Exit code of ``acquire`` where not all could be had: that of a soft error, so that a script may end with it."""

Command = Callable[..., None]


@click.command("locks")
@click.argument("name", required=False)
@json_option
def locks_command(name: str | None, as_json: bool) -> None:
    """Who holds which lock, since when, and who waits for it; NAME: only that lock or limit."""
    with opened() as project:
        found = locks.find(project, name)
        value = {"items": [present.lock(taken) for taken in found]}
        answer(as_json, lambda: value if name is None else value["items"][0], lambda: _table(project, found))


@click.command("unlock")
@click.argument("name", required=False)
@click.option(
    "--processing",
    "processing_id",
    type=Id(),
    metavar="ID",
    help="Only the hold of this processing.",
)
@reason_option
@json_option
def unlock_command(name: str | None, processing_id: int | None, reason: str | None, as_json: bool) -> None:
    """Release a lock that somebody else holds; without NAME, all that a processing holds.

    Its owner is not told and runs on.
    """
    if name is None and processing_id is None:
        raise click.UsageError("name a lock, or --processing ID for all that it has")
    with opened() as project:
        who = asked(reason)
        if name is not None:
            taken = locks.unlock(project, name, who, processing_id)
        else:
            taken = locks.unlock_all(project, processing_id or 0, who)
    lines = [f"{hold.name} was taken from processing {hold.processing_id}" for hold in taken]
    answer(as_json, lambda: {"items": [present.hold(hold) for hold in taken]}, lambda: click.echo("\n".join(lines)))


def whose_options(command: Command) -> Command:
    """What all verbs of scripts take: names, and whose the locks are."""
    for decorate in (
        click.option(
            "--owner", type=click.Choice(OWNERS), default="processing", show_default=True,
            help="Whose they are: what is not released falls when that one ends.",
        ),
        click.option("--attempt", "key", metavar="KEY", help="Key of the attempt; else that of the script around it."),
        click.option("--by-hand", is_flag=True, help="Outside of any attempt: say what would be locked; lock nothing."),
        click.argument("names", nargs=-1, required=True, metavar="NAME..."),
    ):  # fmt: skip
        command = decorate(command)
    return command


wait_option = click.option(
    "--wait", metavar="SPAN", help="Wait so long for them, as 5min; else they are had now or not."
)


@click.command("acquire")
@whose_options
@wait_option
@json_option
def acquire_command(
    names: tuple[str, ...], key: str | None, by_hand: bool, owner: str, wait: str | None, as_json: bool
) -> None:  # fmt: skip
    """For scripts: acquire all of these locks or none. Exit code 75 where not all could be had."""
    seconds = span(wait)
    found: Granted | Waiting
    if nobody_lives(key, by_hand):
        would("lock", names)
        found = Granted(tuple(Lock(name, 0, 1) for name in checked(names)))
        text = ""
    else:
        with opened() as project:
            found = patiently(project, attempt_of(project, key), names, owner, seconds)
        text = lacking(found) if isinstance(found, Waiting) else _yours(found.locks)
    answer(as_json, lambda: present.acquired(found), lambda: click.echo(text, nl=bool(text)))
    if isinstance(found, Waiting):
        sys.exit(TAKEN)


@click.command("release-lock")
@whose_options
@json_option
def release_lock_command(names: tuple[str, ...], key: str | None, by_hand: bool, owner: str, as_json: bool) -> None:
    """For scripts: release each of these locks once."""
    if nobody_lives(key, by_hand):
        would("release", names)
        answer(as_json, lambda: present.acquired(Granted(())), lambda: None)
        return
    with opened() as project:
        left = locks.release(project, attempt_of(project, key), names, owner)
    text = [f"{lock.name} is still yours: it was acquired more often" for lock in left] or ["released"]
    answer(as_json, lambda: present.acquired(Granted(left)), lambda: click.echo("\n".join(text)))


def nobody_lives(key: str | None, said: bool) -> bool:
    """Is there surely no attempt that lives: in ``procession shell`` and its ``rerun``, or where somebody `said` so?

    Invalid where nothing tells, or an attempt is there although somebody says that none is.
    """
    step, number, output = (os.environ.get(f"PROCESSION_{name}", "") for name in ("KEY", "ATTEMPT", "OUTPUT"))
    around = f"{step}-{number}" if step and number else None
    if key is None and around is not None and (os.environ.get(BY_HAND) == around or _runs_again(output)):
        return True
    if said and (key or around):
        raise Invalid(f"--by-hand is for where no attempt is, and this is attempt {key or around}; leave it out")
    if key is None and around is None and not said:
        raise Invalid(
            "no attempt is around, or its environment was cleaned away (sudo, ssh, env -i), so nothing was locked: "
            "keep its PROCESSION_ variables, or give --attempt KEY; in a script that you run by hand: --by-hand"
        )
    return said


def _runs_again(output: str) -> bool:
    """Is it ``rerun`` that runs in the directory of this attempt?"""
    try:
        return bool(output) and (Path(output).parent / RERUN).stat().st_size == 0
    except OSError:
        return False


def would(what: str, names: Sequence[str]) -> None:
    """Say what a script would do to these locks, were it not by hand; Invalid where it could not."""
    click.echo(f"procession: would {what} {', '.join(checked(names))}; by hand nothing is locked", err=True)


def attempt_of(project: Project, key: str | None) -> Which:
    """The attempt with this key, or the one that this command is called from; Invalid where there is none."""
    step, number = os.environ.get("PROCESSION_KEY"), os.environ.get("PROCESSION_ATTEMPT")
    if key is None and step and number:
        key = f"{step}-{number}"
    which = None if key is None else project.read_key(key)
    if which is None:
        raise Invalid(
            "locks are for scripts that run, since they fall when these end: "
            "call it from a script of this project, or give --attempt KEY"
        )
    return which


def asleep(clock: Clock, seconds: float) -> bool:
    """Sleep, and go on; a signal ends the process."""
    clock.sleep(seconds)
    return True


def patiently(
    project: Project, which: Which, names: Sequence[str], owner: str, seconds: float,
    sleep: Callable[[Clock, float], bool] = asleep,
) -> Granted | Waiting:  # fmt: skip
    """Ask until all are had, the time is over or `sleep` says so; at last without waiting, so that no place is left."""
    until = project.clock.monotonic() + seconds
    while (rest := until - project.clock.monotonic()) > 0:
        found = locks.acquire(project, which, names, owner, wait=True)
        if isinstance(found, Granted):
            return found
        if not sleep(project.clock, min(found.again, max(0.0, rest))):
            break
    return locks.acquire(project, which, names, owner)


def span(text: str | None) -> float:
    """Seconds of ``90``, ``5min``; 0 for nothing."""
    if text is None:
        return 0.0
    return to_seconds(float(text) if text.replace(".", "", 1).isdecimal() else text)


def _yours(found: Sequence[Lock]) -> str:
    return "\n".join(f"{lock.name} is yours, with fence {lock.fence}" for lock in found)


def lacking(found: Waiting) -> str:
    """Who has what was not granted, a line for each name."""
    lines = []
    for lack in found.lacking:
        held = ", ".join(str(pid) for pid in sorted({pid for pid, _ in lack.holders}))
        before = ", ".join(map(str, lack.before))
        lines.append(
            f"{lack.name} is held by processing {held}"
            if held
            else f"{lack.name}: processing {before} has waited longer"
            if before
            else f"of {lack.name} there is nothing"
        )
    return "\n".join(lines)


def _table(project: Project, found: list[Taken]) -> None:
    now = project.clock.now()
    rows = []
    for taken in found:
        for h in taken.holds:
            count = f"{h.count} times" if h.count > 1 else ""
            rows.append((taken.name, "held", str(h.processing_id), h.by, age(moment(h.at), now), str(h.fence), count))
        rows += [(taken.name, "used", str(pid), "", "", "", f"{amount:g}") for pid, amount in taken.uses]
        for n, w in enumerate(taken.waits, 1):
            rows.append((taken.name, f"waits, {n}", str(w.processing_id), w.by, age(moment(w.since), now), "", ""))
    if not rows:
        click.echo("nothing is locked, and nobody waits for a lock")
        return
    names = ("name", "", "processing", "by", "since", "fence", "how much")
    table(names, [tuple(clean(cell) for cell in row) for row in rows])
