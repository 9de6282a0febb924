"""``variables``: what a task declares, the sets that change it for runs to come, what a run would get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from procession.cli.context import answer, json_option
from procession.cli.door import asked, values_of
from procession.cli.events import parameters
from procession.cli.numbers import Id
from procession.cli.table import clean, plain, table
from procession.errors import HostError, Refused

RUN = Id("run", 0, 2**63 - 2)
task_argument = click.argument("task")
run_option = click.option("--run", type=RUN, help="What this run would get.")
group_option = click.option("--group", metavar="GROUP", help="What a run of this group would get.")
param_option = click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of its event, for sets with a condition; may be given several times.",
)


@click.group("variables")
def variables_command() -> None:
    """Variables of a task, and the sets that change them for runs to come."""


@variables_command.command("show")
@task_argument
@json_option
def variables_show(task: str, as_json: bool) -> None:
    """The variables of a task: types, present defaults of the script, rules, help."""
    found = asked("variables", task=task)

    def tell() -> None:
        if found["problem"]:
            click.echo(f"not all is known: {clean(found['problem'])}")
        if not found["items"]:
            click.echo("its script declares no variables")
            return
        rows = [
            (clean(v["name"]), v["type"], clean(plain(v["default"])), "advanced" if v["advanced"] else "", _rule(v),
             clean(v["help"]))
            for v in found["items"]
        ]  # fmt: skip
        table(("name", "type", "default", "", "rule", "help"), rows)

    answer(as_json, lambda: found, tell)


def _rule(found: dict[str, Any]) -> str:
    said = [f"one of {', '.join(clean(plain(each)) for each in found['choices'])}"] if found["choices"] else []
    said += [f"{name} {found[name]:g}" for name in ("min", "max") if found[name] is not None]
    return ", ".join(said)


@variables_command.command("list")
@task_argument
@json_option
def variables_list(task: str, as_json: bool) -> None:
    """The sets of a task, also those for runs to come, and which no longer fit the script."""
    found = asked("variable-sets", task=task)
    answer(as_json, lambda: found, lambda: _sets(found["items"]))


def _sets(items: list[dict[str, Any]]) -> None:
    if not items:
        click.echo("no sets: every run gets the script's own defaults")
        return
    rows = [
        (each["id"], clean(each["scope"]), each["standing"], clean(_fixed(each)), clean(each["by"]),
         clean(each["description"]))
        for each in items
    ]  # fmt: skip
    table(("set", "for", "stands", "fixes", "by", "description"), rows)
    for each in items:
        for line in each["unfit"]:
            click.echo(f"set {each['id']} no longer fits: {clean(line)}")


def _fixed(found: dict[str, Any]) -> str:
    values = {**found["standard_vars"], **found["advanced_vars"]}
    return ", ".join(f"{name}={plain(value)}" for name, value in values.items()) or "nothing: all follows the script"


@variables_command.command("add")
@task_argument
@click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--from", "first_run", type=RUN, help="For runs from this one on.")
@click.option(
    "--to", "last_run", type=RUN, help="Up to this run, then the earlier set holds again; otherwise for ever."
)
@click.option("--group", metavar="GROUP", help="For all runs of this group; it goes before sets by run.")
@click.option("--where", metavar="CONDITION", help="Where this holds for the event; it comes after sets by run.")
@click.option(
    "--fix-all", is_flag=True, help="Fix the others at their present defaults; otherwise they follow the script."
)
@click.option("--replace", is_flag=True, help="Take the place of sets that are in the way.")
@click.option("--description", default="", help="What it is for.")
@json_option
def variables_add(
    task: str, words: tuple[str, ...], first_run: int | None, last_run: int | None, group: str | None,
    where: str | None, fix_all: bool, replace: bool, description: str, as_json: bool,
) -> None:  # fmt: skip
    """Set variables for runs to come: NAME=VALUE, or NAME:=JSON. What is not named follows the script."""
    values, texts = values_of(words)
    made = asked(
        "variable-set-add", task=task, values=values, texts=texts, first_run=first_run, last_run=last_run, group=group,
        where=where, fix_all=fix_all, replace=replace, description=description,
    )  # fmt: skip

    def tell() -> None:
        click.echo(f"set {made['id']}: {clean(made['scope'])}: {clean(_fixed(made))}")
        for what, ids in (("is replaced", made["removed"]), ("begins behind it now", made["cut"])):
            for each in ids:
                click.echo(f"set {each} {what}")

    answer(as_json, lambda: made, tell)


@variables_command.command("delete")
@task_argument
@click.argument("set_id", metavar="SET", type=Id())
@json_option
def variables_delete(task: str, set_id: int, as_json: bool) -> None:
    """Delete a set; the earlier one holds again. What was processed with it keeps its values."""
    gone = asked("variable-set-remove", task=task, id=set_id)
    answer(as_json, lambda: gone, lambda: click.echo(f"set {gone['id']} ({clean(gone['scope'])}) is deleted"))


@variables_command.command("preview")
@task_argument
@run_option
@group_option
@param_option
@json_option
def variables_preview(task: str, run: int | None, group: str | None, params: tuple[str, ...], as_json: bool) -> None:
    """What a run would get now, and why."""
    found = asked("variables-preview", task=task, run=run, group=group, params=_object(params))

    def tell() -> None:
        rows = [
            (clean(v["name"]), clean(plain(v["value"])), clean(v["origin"]), clean(plain(v["default"])))
            for v in found["variables"]
        ]
        if rows:
            table(("name", "value", "from", "default"), rows)
        else:
            click.echo("its script declares no variables")
        for each in found["sets"]:
            click.echo(f"set {each['id']} ({clean(each['scope'])}): {clean(each['why'])}")
        if found["problem"]:
            click.echo(f"not all is known: {clean(found['problem'])}")
        for line in found["unfit"]:
            click.echo(f"does not fit: {clean(line)}")

    answer(as_json, lambda: found, tell)


def _object(params: tuple[str, ...]) -> str | None:
    return json.dumps(parameters(params), ensure_ascii=False) if params else None


@variables_command.command("script")
@task_argument
@run_option
@group_option
@param_option
@click.option("--output", metavar="DIR", help="Write the files there, where they must not be yet.")
@json_option
def variables_script(
    task: str, run: int | None, group: str | None, params: tuple[str, ...], output: str | None, as_json: bool
) -> None:
    """The script with the values that a run would get, to be run by hand: python run.py INPUT OUTPUT."""
    found = asked("variables-script", task=task, run=run, group=group, params=_object(params))
    if output is not None:
        _write(Path(output), found["files"])

    def tell() -> None:
        for name, text in found["files"].items():
            click.echo(f"{output}/{name}" if output is not None else f"# ── {name} ──\n{text}")

    answer(as_json, lambda: found, tell)


def _write(target: Path, files: dict[str, str]) -> None:
    for name in files:
        if (target / name).exists():
            raise Refused(f"{target / name} is there already, and nothing is overwritten; choose another --output")
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (target / Path(name).name).write_text(text, "utf-8")
    except OSError as error:
        raise HostError(f"{target} cannot be written ({error.strerror}); choose another --output") from None
