"""``rerun``, ``trial``, ``versions``, ``diff``: process anew with other variables, and compare what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from procession.cli.context import answer, id_argument, json_option, reason_option
from procession.cli.door import asked, values_of
from procession.cli.numbers import Id, Whole
from procession.cli.table import clean, many, plain, state, table

Command = Callable[..., None]
ID = Id()
set_option = click.option(
    "--set", "words", multiple=True, metavar="NAME=VALUE", help="Over all other values; NAME:=JSON for any value."
)
variables_option = click.option(
    "--variables", type=click.Choice(["kept", "original", "current"]), default="kept", show_default=True,
    help="Values of this version, of the first one, or those that a new run would get.",
)  # fmt: skip
description_option = click.option("--description", metavar="TEXT", help="What it is for, for people.")
fresh_option = click.option("--fresh", is_flag=True, help="Among new data, not behind them.")


@click.command("rerun")
@click.argument("processing_id", metavar="[ID]", type=ID, required=False)
@click.option("--task", metavar="TASK", help="With --runs: runs of this task.")
@click.option("--runs", metavar="LIST", help="These runs of the task, as 1,4-6: all of them or none.")
@click.option("--together", is_flag=True, help="With --runs: all of them as one processing.")
@set_option
@variables_option
@click.option(
    "--script", type=click.Choice(["original", "current"]), default="current", show_default=True,
    help="Definition and scripts as the first version had them, or as they are now.",
)  # fmt: skip
@description_option
@click.option("--priority", type=Whole(-1_000_000, 1_000_000), help="The higher number goes first.")
@fresh_option
@click.option("--dry-run", is_flag=True, help="With --runs: say what would become of each; do nothing.")
@reason_option
@json_option
def rerun_command(
    processing_id: int | None, task: str | None, runs: str | None, together: bool, words: tuple[str, ...],
    dry_run: bool, as_json: bool, **how: Any,
) -> None:  # fmt: skip
    """Run again what has ended, as its next version: ID, or the runs of a list (--task TASK --runs 1,4-6)."""
    values, texts = values_of(words)
    if (processing_id is None) == (runs is None) or (runs is None) != (task is None):
        raise click.UsageError("name a processing by its ID, or runs by --task TASK --runs 1,4-6")
    if processing_id is not None:
        if together or dry_run:
            raise click.UsageError("--together and --dry-run are for --runs")
        found = asked("rerun", id=processing_id, values=values, texts=texts, **how)
        said = f"processing {processing_id} runs again as processing {found['id']}, version {found['version']}"
        answer(as_json, lambda: found, lambda: click.echo(said))
        return
    found = asked(
        "rerun-runs", task=task, runs=runs, together=together, dry_run=dry_run, values=values, texts=texts, **how
    )
    answer(as_json, lambda: found, lambda: _runs(found))


def _runs(found: dict[str, Any]) -> None:
    for each in found["items"]:
        click.echo(clean(each["text"]))
    done = sum(1 for each in found["items"] if each["done"])
    would = "would run again" if found["dry_run"] else "run again"
    click.echo(f"{many(done, 'run')} {would}, {len(found['items']) - done} refused", err=True)


@click.command("trial")
@id_argument
@set_option
@variables_option
@description_option
@fresh_option
@json_option
def trial_command(processing_id: int, words: tuple[str, ...], as_json: bool, **how: Any) -> None:
    """Try other variables on what was processed: no version of it; what comes of it stays in its directory."""
    values, texts = values_of(words)
    found = asked("trial", id=processing_id, values=values, texts=texts, **how)
    said = f"processing {found['id']} tries it; see: procession show {found['id']}"
    answer(as_json, lambda: found, lambda: click.echo(said))


@click.command("versions")
@id_argument
@json_option
def versions_command(processing_id: int, as_json: bool) -> None:
    """All versions of a processing that are kept: variables, scripts, outcome, who asked for each."""
    found = asked("versions", id=processing_id)
    rows = [
        (each["version"], each["id"], state(each["state"]), clean(_values(each["variables"])),
         ", ".join(digest[:8] for digest in each["code"].values()), clean(each["by"]), clean(each["description"] or ""))
        for each in found["items"]
    ]  # fmt: skip
    answer(
        as_json, lambda: found,
        lambda: table(("version", "id", "state", "variables", "scripts", "by", "description"), rows),
    )  # fmt: skip


def _values(found: dict[str, Any] | None) -> str:
    if found is None:
        return "defaults"
    values = {**found["standard_vars"], **found["advanced_vars"]}
    return ", ".join(f"{name}={plain(value)}" for name, value in values.items()) or "defaults"


@click.command("diff")
@id_argument
@click.option("--with", "version", type=ID, help="This version; else the one before.")
@json_option
def diff_command(processing_id: int, version: int | None, as_json: bool) -> None:
    """What is different in this version of a processing: outcome, variables, scripts, parameters."""
    found = asked("diff", id=processing_id, version=version)

    def tell() -> None:
        numbers = [found[side]["version"] for side in ("before", "after")]
        click.echo(f"version {numbers[0]} → version {numbers[1]}")
        for each in found["changes"]:
            click.echo(f"  {clean(each['text'])}")
            for line in (each["diff"] or "").splitlines():
                click.echo(f"    {clean(line)}")
        if not found["changes"]:
            click.echo("  nothing is different")

    answer(as_json, lambda: found, tell)
