"""``procession``: the group of all commands, each imported when it is used, so that ``--help`` is quick.

Exit codes: 0 done · 1 unexpected · 2 usage · 3 the definitions are wrong · 4 no such thing · 5 not in this state ·
6 the database · 7 this machine or directory · 8 the executor · 130 interrupted. They are part of the surface.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from procession import __version__
from procession.errors import HostError, ProcessionError

COMMANDS = {
    "Make and check": {
        "init": ("tasks", "Make a new project; 'init demo', 'mosaic', 'sum' and 'reduction' make working examples."),
        "adopt": ("adopt", "Put scripts, or the lines of a crontab, into production as they are."),
        "check": ("tasks", "Say everything that is wrong in the files, and what each command becomes."),
        "run": ("tasks", "Run one processing of a task here, output as by hand."),
        "completion": ("service", "Print what lets your shell complete commands and options."),
        "sdk": ("sdk", "Put the file for Python scripts, procession.py, into any environment."),
    },
    "Serve": {
        "up": ("launcher", "Serve this project: discover, start, retry. Ctrl-C leaves scripts running."),
        "stop": ("launcher", "Stop serving this project; scripts run on."),
        "launcher": ("hosts", "Serve this project from another place or host: only the launcher, for these queues."),
        "web": ("web", "Serve only the web server (pages and HTTP API) in a process of its own; 'up' has one inside."),
        "bridge": ("bridges", "Serve one bridge in a process of its own; 'up' serves all of them."),
        "service": ("service", "Print or install a systemd unit that serves this project."),
    },
    "Launchers and bridges": {
        "launchers": ("hosts", "Who serves this project, on which hosts, and what each does."),
        "host": ("resources", "One host: its launchers, what runs there, and the last attempts."),
        "drain": ("hosts", "Let a launcher start nothing new, wherever it runs."),
        "maintenance": ("hosts", "Let a launcher serve only the queue maintenance."),
        "undrain": ("hosts", "Let a launcher start work again: end its draining or maintenance."),
        "give-up": ("hosts", "Give up a launcher that never comes back."),
        "bridges": ("bridges", "The bridges to brokers: how each stands, and what went over it."),
        "republish": ("bridges", "Publish again the messages that a broker has refused too often."),
    },
    "Look": {
        "status": ("launcher", "What is going on: who serves, what runs, what failed last."),
        "overview": ("pages", "How every task stands, what came and how it ended, and what is new."),
        "tasks": ("standing", "The tasks, and how each stands."),
        "sources": ("sources", "Where data come from, and which sources are paused."),
        "queues": ("resources", "Every queue: how many wait, how many run, and how many may."),
        "limits": ("resources", "Every limit: how much there is of it, how much is taken, and by whom."),
        "locks": ("locks", "Who holds which lock, and who waits for it."),
        "disk": ("disk", "How full the disk is, who takes it, and what goes next."),
        "settings": ("settings", "What holds now, and what the file says."),
        "doctor": ("doctor", "Check whether all is well, and say what to do where it is not."),
        "about": ("resources", "What this installation is: versions, database, places, licences."),
    },
    "Count": {
        "stats": ("counting", "How much came, how it ended, how long it took."),
        "count": ("pages", "How many processings a query means."),
        "books": ("counting", "Everything that came, and where it is: both sides balance."),
        "missed": ("missed", "What a watch, a counter or a list has and the books have not."),
        "arrivals": ("pages", "How many events came in every ten minutes, and from where."),
        "durations": ("pages", "How long the steps of a task took, and since when one takes longer."),
        "grid": ("pages", "The newest processings of a task as one picture."),
        "gallery": ("pages", "Which of the newest processings of a task have an artifact."),
    },
    "Events and processings": {
        "emit": ("events", "Submit an event."),
        "events": ("events", "Events, newest first."),
        "event": ("events", "Everything about one event."),
        "refused": ("refusals", "What came and could not be taken, and why."),
        "list": ("processings", "Processings, newest first."),
        "show": ("processings", "Everything about one processing."),
        "why": ("processings", "Why a processing waits, runs or failed, in one sentence."),
        "logs": ("steps", "What a script printed; -f follows it."),
        "changes": ("changes", "What is different from the last time that a step went well."),
        "versions": ("versions", "All versions of a processing: variables, scripts, outcome, who asked."),
        "diff": ("versions", "What is different between two versions of a processing."),
        "sets": ("sets", "Sets that are being collected: which pieces are there, which are missing."),
        "questions": ("questions", "What people are asked and nobody has answered."),
    },
    "Act": {
        "retry": ("acting", "Give the failed step of a processing another attempt."),
        "restart": ("acting", "Run again what has ended, from a step on or as a new version."),
        "rerun": ("versions", "Run again with other variables: one, the runs of a list, or several as one."),
        "trial": ("versions", "Try other variables on a processing; it makes no version."),
        "variables": ("variables", "Variables of a task, and the sets that change them for runs to come."),
        "cancel": ("acting", "Cancel a processing; what runs of it is ended."),
        "cancel-key": ("bridges", "Cancel an event by its name and key, whether it has come or not."),
        "hold": ("acting", "Start nothing more of a processing until it is released; it keeps its place."),
        "release": ("acting", "Let a processing that is held go on."),
        "run-now": ("acting", "Start a processing as soon as there is room, not at a set time."),
        "delete": ("acting", "Delete what has ended; its event stays known."),
        "batches": ("batches", "Verbs over all that a query finds, asked for over HTTP or Python."),
        "shell": ("steps", "A terminal in the directory and environment of a failed step."),
        "accept": ("steps", "Accept what you did by hand as the result of a failed step; the chain goes on."),
        "answer": ("questions", "Answer the question of a step; its value goes to the steps after it."),
        "note": ("notes", "Add a note to a processing or to a cause."),
        "pin": ("disk", "Keep the files of processings: the cleaner never removes them."),
        "unpin": ("disk", "Let the cleaner remove the files of processings again."),
    },
    "Failures and messages": {
        "causes": ("causes", "Why processings have failed, one line for each cause."),
        "cause": ("causes", "One cause: what its processings have in common that good ones have not."),
        "assign": ("causes", "Say who owns a cause and what is known about it."),
        "resolve": ("causes", "Say that a cause is resolved."),
        "mute": ("causes", "Mute a cause: nobody is told of it."),
        "unmute": ("causes", "Unmute a cause: people are told of it again."),
        "messages": ("messages", "What people should know: errors, failures, silence."),
        "read": ("messages", "Mark messages as read."),
        "alerts": ("alerts", "Send a test message to everybody whom [alerts] names."),
    },
    "Steer": {
        "pause": ("settings", "Let a task, a group, a source, a queue or everything start nothing."),
        "resume": ("settings", "Let what is paused start again."),
        "set": ("settings", "Change a value while it runs: a limit, at_once of a task, processors and others."),
        "reset": ("settings", "Go back to the value in procession.toml."),
        "unlock": ("locks", "Release a lock that somebody else holds."),
        "banner": ("settings", "Show a text at the top of every page."),
    },
    "People and programs": {
        "login": ("callers", "Print a link that logs a browser in, once."),
        "user": ("callers", "Users: people who log in with a browser."),
        "token": ("callers", "Tokens of programs that call the HTTP API."),
        "audit": ("callers", "Who asked for what, from where, and what came of it."),
    },
    "Instances": {
        "register": ("instances", "Define a task by its name; programs submit instances of it."),
        "unregister": ("instances", "Forget a task that a program defined."),
        "submit": ("instances", "Submit an instance of a task, known by its key."),
        "instance": ("instances", "How an instance stands, its journal; or the newest of a task."),
        "result": ("instances", "What a processing came to, byte for byte."),
        "wait": ("instances", "Wait until a processing has ended."),
        "deliveries": ("instances", "What was sent out when instances ended, and what could not be."),
        "redeliver": ("instances", "Send what was sent out once more."),
    },
    "Workers": {
        "claim": ("work", "Claim work that may start now, to do it elsewhere."),
        "start": ("work", "Say that claimed work starts."),
        "heartbeat": ("work", "Say that claimed work goes on, and ask what is wanted."),
        "succeed": ("work", "Say that claimed work is done, and what it came to."),
        "fail": ("work", "Say that claimed work has failed, and why."),
        "give-back": ("work", "Give claimed work back; it waits again, and nothing is counted."),
    },
    "In scripts": {
        "with-lock": ("holding", "Run a command while locks are held, all of them or none."),
        "acquire": ("locks", "Acquire locks, all of them or none."),
        "release-lock": ("locks", "Release locks that were acquired."),
    },
    "Keep": {
        "backup": ("backup", "Write everything that is needed to go on elsewhere to one file."),
        "restore": ("backup", "Make a working project of a backup."),
        "export": ("backup", "Write all rows of the database as lines of JSON."),
        "import": ("backup", "Fill an empty database from an export, SQLite or PostgreSQL."),
    },
}
"""Help section → command → (module, its line in the help)."""


class Lazy(click.Group):
    """Knows the commands by name and line; imports one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in COMMANDS.values():
            if cmd_name in section:
                module = importlib.import_module(f"procession.cli.{section[cmd_name][0]}")
                command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
                return self._instead(ctx, cmd_name, command)
        return None

    def _instead(self, ctx: click.Context, name: str, command: click.Command) -> click.Command:
        """The command, or where a server elsewhere is meant the one that asks it."""
        if ctx.params.get("url") is None and not os.environ.get("PROCESSION_URL"):
            return command
        from procession.cli import far  # noqa: PLC0415  a project here needs no HTTP

        where = far.chosen(ctx)
        return command if where is None else far.instead(name, command, *where)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415

            near = get_close_matches(args[0], self.list_commands(ctx), 1)
            if near and near[0] != args[0]:
                raise click.UsageError(f"there is no command {args[0]!r}; did you mean {near[0]!r}?", ctx) from error
            raise


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "-V", "--version", message="procession %(version)s")
@click.option(
    "--project",
    "directory",
    metavar="DIR",
    envvar="PROCESSION_PROJECT",
    help="The project; else PROCESSION_PROJECT, or the one that the working directory is in.",
)
@click.option(
    "--url",
    metavar="URL",
    help="A server elsewhere, as http://host:8750, instead of a project here; where there is none, PROCESSION_URL.",
)
@click.option("--token-file", metavar="FILE", help="The file with the token for --url; else PROCESSION_TOKEN_FILE.")
@click.pass_context
def group(context: click.Context, directory: str | None, url: str | None, token_file: str | None) -> None:
    """Your scripts, in production.

    Plain scripts in any language, run for every event that comes: durably, supervised, explained.
    Start with: procession init demo
    """
    if token_file is not None and url is None:
        raise click.UsageError("--token-file is for a server; say which with --url")
    context.obj = directory


def main() -> None:
    """Run the command line; every error of ours or of the system becomes one line and an exit code."""
    try:
        group.main(prog_name="procession", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has left, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ProcessionError as error:
        click.echo(f"procession: {error}", err=True)
        for problem in getattr(error, "problems", ()):
            click.echo(f"  {problem}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # this machine said no where nothing better was known to say
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"procession: {where}{error.strerror or error}", err=True)
        sys.exit(HostError.exit_code)
