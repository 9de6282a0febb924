"""``token``, ``user``, ``login``, ``audit``: who is let in, and what they did."""

from __future__ import annotations

import sys
from typing import Any

import click

from procession.cli import going_on
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Id, Whole
from procession.cli.table import clean, table
from procession.errors import Refused
from procession.model.caller import ROLES, SCOPES
from procession.project import Project, person
from procession.store import launchers
from procession.verbs import Caller, call

group_option = click.option(
    "--group", "groups", multiple=True, metavar="GROUP", help="Only tasks of this group; may be given several times."
)


def ask(project: Project, name_of_verb: str, /, **arguments: Any) -> Any:
    """Ask as the person at this terminal, through the one door."""
    given = {name: value for name, value in arguments.items() if value is not None}
    return call(project, Caller(person(), "cli"), name_of_verb, given)


def _groups(names: list[str] | None) -> str:
    return "all" if names is None else " ".join(names) or "none"


def _listed(values: tuple[str, ...]) -> list[str] | None:
    return list(values) or None


@click.group("token")
def token_command() -> None:
    """Tokens of programs that call the HTTP API."""


@token_command.command("add")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it may; may be given several times."
)
@group_option
@click.option("--user", metavar="NAME", help="At most what this user may.")
@click.option("--expires", metavar="SPAN", help="Holds for so long, as '30 days'; otherwise until it is revoked.")
@json_option
def token_add(
    name: str, scopes: tuple[str, ...], groups: tuple[str, ...], user: str | None, expires: str | None, as_json: bool
) -> None:
    """Make a token and print its secret, which is kept nowhere. Without --scope it may only look."""
    with opened() as project:
        made = ask(
            project, "token-add", name=name, scopes=list(scopes or ("read",)), groups=_listed(groups), user=user,
            expires=expires,
        )  # fmt: skip
    answer(as_json, lambda: made, lambda: _tell_made(made))


def _tell_made(made: Any) -> None:
    """The secret alone on standard output; beside it what its user cuts off."""
    left = made["effective"]
    if (left["scopes"], left["groups"]) != (made["scopes"], made["groups"]):
        click.echo(f"procession: within what the user {made['user']} may, it may {_may(left)}", err=True)
    click.echo(made["secret"])


def _may(of: Any) -> str:
    groups = "" if of["groups"] is None else f", of the groups {' '.join(of['groups'])} alone"
    return " ".join(of["scopes"]) + groups


@token_command.command("list")
@json_option
def token_list(as_json: bool) -> None:
    """All tokens, by the first characters of their secrets."""
    with opened() as project:
        found = ask(project, "token-list")
    rows = [
        (t["key"], clean(t["name"]), clean(t["user"] or "–"), " ".join(t["effective"]["scopes"]) or "nothing",
         _groups(t["effective"]["groups"]), t["used_at"] or "–",
         "revoked" if t["revoked_at"] else t["expires_at"] or "")
        for t in found["items"]
    ]  # fmt: skip
    answer(
        as_json,
        lambda: found,
        lambda: table(
            ("key", "name", "user", "may", "groups", "last used", "until"),
            rows,
            "no tokens; make one: procession token add NAME",
        ),
    )


@token_command.command("revoke")
@click.argument("key")
@json_option
def token_revoke(key: str, as_json: bool) -> None:
    """Revoke a token, named by its first characters."""
    with opened() as project:
        done = ask(project, "token-revoke", key=key)
    answer(as_json, lambda: done, lambda: click.echo(f"token {clean(key)} is revoked"))


@click.group("user")
def user_command() -> None:
    """Users: people who log in with a browser."""


role_option = click.option("--role", type=click.Choice(list(ROLES)), help="What they may.")
password_option = click.option("--password", "ask_password", is_flag=True, help="Ask for a password here.")


def _password(wanted: bool) -> str | None:
    """A password as somebody types it, or as it comes in a pipe; never an argument, which everybody can see."""
    if not wanted:
        return None
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    typed: str = click.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
    return typed


@user_command.command("add")
@click.argument("name")
@role_option
@group_option
@password_option
@json_option
def user_add(name: str, role: str | None, groups: tuple[str, ...], ask_password: bool, as_json: bool) -> None:
    """Make a user, who may log in; without --password by 'procession login NAME'. Without --role they may only look."""
    password = _password(ask_password)
    with opened() as project:
        made = ask(project, "user-add", name=name, role=role, groups=_listed(groups), password=password)
    answer(as_json, lambda: made, lambda: click.echo(f"{name} may log in as {made['role']}"))


@user_command.command("list")
@json_option
def user_list(as_json: bool) -> None:
    """All users."""
    with opened() as project:
        found = ask(project, "user-list")
    rows = [
        (a["name"], a["role"], " ".join(a["groups"] or ()) or "all", "yes" if a["password"] else "by link",
         "disabled" if a["disabled_at"] else "")
        for a in found["items"]
    ]  # fmt: skip
    answer(
        as_json,
        lambda: found,
        lambda: table(("name", "role", "groups", "password", ""), rows, "no users; make one: procession user add NAME"),
    )


@user_command.command("set")
@click.argument("name")
@role_option
@group_option
@click.option("--all-groups", is_flag=True, help="All tasks again.")
@password_option
@click.option("--disable/--enable", "disabled", default=None, help="May they log in?")
@json_option
def user_set(
    name: str, role: str | None, groups: tuple[str, ...], all_groups: bool, ask_password: bool, disabled: bool | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Change a user; a new password, or --disable, ends their sessions and tokens."""
    password = _password(ask_password)
    with opened() as project:
        done = ask(
            project, "user-set", name=name, role=role, groups=_listed(groups), password=password, disabled=disabled,
            all_groups=all_groups,
        )  # fmt: skip
    answer(as_json, lambda: done, lambda: click.echo(f"{name} is changed"))


@user_command.command("remove")
@click.argument("name")
@json_option
def user_remove(name: str, as_json: bool) -> None:
    """Remove a user, with all their sessions and tokens."""
    with opened() as project:
        done = ask(project, "user-remove", name=name)
    answer(as_json, lambda: done, lambda: click.echo(f"{name} is removed"))


@click.command("login")
@click.argument("user", required=False)
@json_option
def login_command(user: str | None, as_json: bool) -> None:
    """Print a link that logs a browser in, once, within five minutes: as USER, or as an administrator."""
    with opened() as project:
        with project.store.read() as tx:
            url = next((row.url for row in reversed(launchers.not_stopped(tx)) if row.url), None)
        if url is None:
            raise Refused("no web server is known that a link could lead to; start one with: procession up")
        made = ask(project, "login-link", user=user)
    found = {"url": url + made["path"], "expires_at": made["expires_at"]}
    answer(as_json, lambda: found, lambda: click.echo(found["url"]))


@click.command("audit")
@click.option("--by", metavar="WHO", help="Only what this one asked for.")
@click.option("--verb", metavar="VERB", help="Only this verb.")
@click.option("--subject", metavar="THING", help="Only what concerns this, as processing:12 or task:scene.")
@click.option("--limit", type=Whole(1, 500), default=50, show_default=True, help="At most this many.")
@click.option("--before", type=Id(), help="Go on below this id ('next' of the answer before).")
@json_option
def audit_command(
    by: str | None, verb: str | None, subject: str | None, limit: int, before: int | None, as_json: bool
) -> None:
    """Who asked for what, from where, and what came of it; the newest first."""
    with opened() as project:
        found = ask(project, "audit", by=by, verb=verb, subject=subject, limit=limit, cursor=before)
    rows = [
        (line["id"], line["at"], clean(line["by"]), line["via"], line["verb"], clean(line["subject"] or ""),
         line["outcome"], clean(line["problem"] or ""))
        for line in found["items"]
    ]  # fmt: skip
    head = ("id", "at", "by", "via", "verb", "about", "outcome", "")
    answer(
        as_json,
        lambda: found,
        lambda: going_on.listed(head, rows, found["next"], "nobody asked for anything like that"),
    )
