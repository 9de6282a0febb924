"""``service`` and ``completion``: what the system and the shell need to know of us."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from procession import definitions
from procession.cli.context import directory
from procession.errors import HostError, Invalid, Refused

UNIT = """\
# Printed by: procession service. Install it with --install, or by hand.
[Unit]
Description=Procession serves {name}
After=network-online.target{after}
Wants=network-online.target

[Service]
WorkingDirectory={root}
ExecStart={program} --project {root} up --quiet
ExecStop={program} --project {root} stop
# a stop or restart of the service leaves scripts running, and the next start takes them up again
KillMode=process
# limits of memory are kept by control groups of its own
Delegate=yes
Restart=on-failure
RestartSec=5
{user}
[Install]
WantedBy={target}
"""


@click.command("service")
@click.option("--user", is_flag=True, help="A unit of yours (systemctl --user) instead of one of the system.")
@click.option("--install", is_flag=True, help="Write it where systemd looks for it, instead of printing it.")
def service_command(user: bool, install: bool) -> None:
    """Print a systemd unit that serves this project from now on and after a restart of the machine."""
    root = definitions.find(directory())
    name = definitions.read(root).name
    unit = f"procession-{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}.service"
    text = unit_text(name, root, user=user)
    if not install:
        click.echo(text, nl=False)
        return
    place = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd/user"
    target = (place if user else Path("/etc/systemd/system")) / unit
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Refused(f"{target} is there already, and nothing is overwritten; remove it first") from None
    except OSError as error:
        raise HostError(f"{target} cannot be written ({error.strerror}); try --user, or sudo") from None
    word = "systemctl --user" if user else "systemctl"
    click.echo(f"wrote {target}; now:\n  {word} daemon-reload\n  {word} enable --now {unit}")
    if user:
        click.echo("  loginctl enable-linger    # so that it also runs while you are not logged in")


def unit_text(name: str, root: Path, *, user: bool) -> str:
    """The text of the unit; Invalid if the directory cannot stand in one."""
    program = Path(sys.prefix) / "bin" / "procession"
    called = str(program) if os.access(program, os.X_OK) else f"{sys.executable} -m procession"
    if re.search(r"[\s\"'\\]", str(root)):
        raise Invalid(f"{root} has blanks or quotes in it, which a unit takes badly; move the project")
    who = "" if user else f"User={_who()}\n"
    return UNIT.format(
        name=name, root=str(root).replace("%", "%%"), program=called.replace("%", "%%"), user=who,
        after="" if user else " postgresql.service", target="default.target" if user else "multi-user.target",
    )  # fmt: skip


def _who() -> str:
    import pwd  # noqa: PLC0415

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


_HOW = {
    "bash": "# in every shell:  procession completion bash > ~/.local/share/bash-completion/completions/procession",
    "zsh": "# in every shell, with a directory of your fpath:  procession completion zsh > ~/.zfunc/_procession",
    "fish": "# in every shell:  procession completion fish > ~/.config/fish/completions/procession.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_HOW)))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the completion of commands and options for your shell; its first lines say where to put it."""
    found = get_completion_class(shell)
    assert found
    text = found(context.find_root().command, {}, "procession", "_PROCESSION_COMPLETE").source()
    head, note = ("#compdef procession\n", _HOW[shell]) if shell == "zsh" else ("", _HOW[shell])
    click.echo(f"{head}{note}\n{text.removeprefix('#compdef procession').lstrip()}")
