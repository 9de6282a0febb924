"""The reference has a line for everything there is, and for nothing that is not."""

from __future__ import annotations

import ast
import errno
import inspect
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import click
import pytest

from procession import contract, definitions, errors, present, units
from procession.cli import events as cli_events
from procession.cli import launcher as cli_launcher
from procession.cli import tasks as cli_tasks
from procession.cli.main import group
from procession.commands import reasons
from procession.definitions import project_tables, task_tables
from procession.definitions.tables import Table
from procession.model import command, obstacles, outcome
from procession.model.states import MACHINES
from procession.model.task import RetryPolicy, StepPlan
from procession.supervise import sighting
from tests.docs.reading import DOCS, blocks, first_cells, sections

REFERENCE = DOCS / "reference"


def page(name: str) -> dict[str, str]:
    return sections((REFERENCE / name).read_text())


# ── commands ───────────────────────────────────────────────────────────────────────────────────────


def test_every_command_and_option_has_its_place() -> None:
    text = page("cli.md")
    context = click.Context(group, **group.context_settings)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found
        inner = click.Context(found, parent=context)
        options = {o for p in found.get_params(inner) if isinstance(p, click.Option) for o in p.opts}
        written = " ".join(first_cells(text[name]))
        assert options == set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", written.replace("-h,", "-h ,"))), name


def test_every_error_and_exit_code_has_a_line() -> None:
    text = page("errors.md")
    classes = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert set(first_cells(text["The tree"])) == classes
    codes = {error.exit_code for _, error in inspect.getmembers(errors, inspect.isclass)}
    written = re.findall(r"^\| (\d+) \|", text["Errors and exit codes"], re.MULTILINE)
    assert codes <= set(map(int, written))
    assert "130" in written


# ── the task file ──────────────────────────────────────────────────────────────────────────────────


def names_in(table: type[Table]) -> set[str]:
    """The keys of a table, as they are written."""
    return {field.alias or name for name, field in table.model_fields.items()}


KEYS = {
    "[project]": set(project_tables.ProjectTable.model_fields),
    "[launcher]": set(project_tables.LauncherTable.model_fields),
    "[environment]": set(project_tables.EnvironmentTable.model_fields),
    "[tasks.NAME]": names_in(task_tables.TaskTable) - names_in(task_tables.Options) | {"uses"},
    "steps": names_in(task_tables.StepTable) - names_in(task_tables.ReduceOptions) | {"reduce"},
    "reduce": names_in(task_tables.ReduceOptions) - names_in(task_tables.Options) - {"reduce"},
    "Options of a step": names_in(task_tables.Options),
    "retry": names_in(task_tables.Retry),
    "limits of a step": names_in(task_tables.LimitsOfStep),
    "soft": names_in(task_tables.SoftTable),
    "expect": names_in(task_tables.ExpectTable),
    "[sets]": names_in(task_tables.SetTable),
    "pieces": names_in(task_tables.PiecesTable),
    "[work]": names_in(project_tables.WorkTable),
    "[web]": names_in(project_tables.WebTable),
    "[reruns]": names_in(project_tables.RerunsTable),
    "[tasks.NAME.variables]": names_in(task_tables.VariableTable),
    "[queues.NAME]": names_in(project_tables.QueueTable),
    "keep": names_in(project_tables.KeepTable),
    "[alerts]": names_in(project_tables.AlertsTable),
    "[rules]": names_in(project_tables.RuleTable),
    "results": names_in(task_tables.ResultsTable),
}


@pytest.mark.feature("P2")
def test_every_key_of_the_task_file_has_a_line() -> None:
    text = page("toml.md")
    for heading, keys in KEYS.items():
        rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \| [^|]+ \|$", text[heading], re.MULTILINE)
        assert sorted(rows) == sorted(keys), heading
    many = {"tasks", "queues"}
    known = set(project_tables.MainFile.model_fields)
    tables = {f"[{name}]" for name in known - many} | {f"[{name}.NAME]" for name in many}
    assert tables <= set(text)


@pytest.mark.parametrize(
    ("heading", "key", "value"),
    [
        ("retry", "attempts", RetryPolicy().attempts),
        ("retry", "soft_attempts", RetryPolicy().soft_attempts),
        ("retry", "delay", RetryPolicy().delay),
        ("retry", "factor", RetryPolicy().factor),
        ("retry", "max_delay", RetryPolicy().max_delay),
        ("Options of a step", "cpus", StepPlan(1, "a", command.Command(()), ()).cpus),
        ("Options of a step", "grace", StepPlan(1, "a", command.Command(()), ()).grace),
    ],
)
def test_defaults_are_those_of_the_code(heading: str, key: str, value: float) -> None:
    row = re.search(rf"^\| `{key}` \| [^|]+ \| ([^|]+) \|", page("toml.md")[heading], re.MULTILINE)
    assert row
    said = row[1].strip()
    assert (float(said) if said.replace(".", "").isdigit() else units.to_seconds(said)) == value


def test_the_example_of_every_kind_of_key_is_right(tmp_path: Path) -> None:
    (example,) = [b.text for b in blocks((REFERENCE / "toml.md").read_text()) if b.language == "toml"]
    (tmp_path / "procession.toml").write_text(example)
    for name in ("discover.py", "calibrate.py", "rgb.py", "load.sh"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(os.path.realpath(sys.executable))
    found = definitions.read(tmp_path)
    assert not found.warnings
    assert [step.name for task in found.tasks for step in task.steps][1:] == ["load", "calibrate", "pictures", "count"]


# ── scripts ────────────────────────────────────────────────────────────────────────────────────────


def _order() -> contract.Order:
    fields: dict[str, Any] = {name: Path("/x") for name in contract.Order.__dataclass_fields__}
    plain = {
        "key": "a-1-1-1",
        "task": "t",
        "processing_id": 1,
        "ordinal": 1,
        "step": "s",
        "number": 1,
        "params": {},
        "gpus": (0,),
    }
    return contract.Order(**{**fields, **plain})


def test_every_variable_of_a_script_has_a_line() -> None:
    text = page("scripts.md")
    assert set(first_cells(text["Environment variables"])) - {"1"} == set(contract.environment(_order()))
    assert "`PROCESSION_PARAM_<NAME>`" in text["Environment variables"]


def test_every_file_exit_code_and_placeholder_of_a_script_has_a_line() -> None:
    text = page("scripts.md")
    assert set(contract.FILES) <= set(text)
    assert re.findall(r"^\| (\d+) \|", text["Exit codes"], re.MULTILINE) == ["0", str(outcome.SOFT), str(outcome.SKIP)]
    given = {f"{{{name}}}" for name in command.GIVEN}
    assert given <= set(first_cells(text["Placeholders in a command"]))


def test_limits_of_a_script_are_those_of_the_code() -> None:
    text = page("scripts.md")
    assert f"{contract.MAX_OUTPUT_BYTES >> 20} MiB" in text["output"]
    assert f"{contract.MAX_EVENT_LINES:,} lines and {contract.MAX_EVENT_BYTES >> 20} MiB" in text["events"]
    assert f"{contract.MAX_RETRY_AFTER / 86400:g} days" in text["retry_after"]
    assert f"{contract.MAX_VARIABLE >> 10} KiB" in text["Environment variables"]
    assert f"{command.MAX_BYTES >> 10} KiB" in text["Placeholders in a command"]


# ── states and outcomes ────────────────────────────────────────────────────────────────────────────


def test_every_state_and_outcome_has_a_line() -> None:
    text = page("outcomes-and-states.md")
    for machine in MACHINES.values():
        assert first_cells(text[f"States of a {machine.noun}"]) == list(map(str, machine.states))
    rows = re.findall(r"^\| `(\w+)` \|", text["Outcomes of an attempt"], re.MULTILINE)
    assert sorted(rows) == sorted(map(str, outcome.Outcome))
    written = set(re.findall(r"\bE[A-Z]+\b", text["Outcomes of an attempt"]))
    assert {errno.errorcode[number] for number in outcome.TEMPORARY} == written


# ── JSON ───────────────────────────────────────────────────────────────────────────────────────────


def keys_of(function: types.FunctionType) -> list[str]:
    """Keys of the first dictionary that is written out in a function."""
    tree = ast.parse(inspect.getsource(function))
    found = next(node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    return [str(key.value) for key in found.keys if isinstance(key, ast.Constant)]


@pytest.mark.parametrize(
    ("heading", "function"),
    [
        ("processing", present.processing),
        ("step", present.step),
        ("variables", present.variables_of),
        ("variable", present.variable),
        ("set", present.variable_set),
        ("preview", present.preview),
        ("run", present.of_run),
        ("version", present.version),
        ("difference", present.difference),
        ("progress", present.progress),
        ("attempt", present.attempt),
        ("event", present.event),
        ("submitted", present.submitted),
        ("obstacle", present.obstacle),
        ("comparison", present.comparison),
        ("change", present.change),
        ("entry", present.entry),
        ("page", present.page),
        ("instance", present.instance),
        ("claim", present.claim),
        ("beat", present.beat),
        ("delivery", present.delivery),
        ("findings", present.findings),
        ("children", present.children),
        ("message", present.message),
        ("cause", present.cause),
        ("source", present.source),
        ("slot", present.slot),
        ("watch", present.watch),
        ("status", present.status),
        ("question", present.question),
        ("launcher", present.launcher),
        ("stop", cli_launcher.stop_command.callback),
        ("check", cli_tasks.check_command.callback),
        ("task", present.task),
        ("log", present.log),
        ("disk", present.disk),
        ("directory", present.kept),
        ("cancel", present.cancelled),
        ("answer", present.answered),
        ("answers", present.answers),
        ("setting", present.setting),
        ("pause", present.pause),
        ("account", present.account),
        ("statistics", present.statistics),
        ("overview", present.overview),
        ("task of an overview", present.task_of_overview),
        ("grid", present.grid),
        ("neighbours", present.beside),
        ("completion", present.completion),
        ("durations of steps", present.spans),
        ("gallery", present.gallery),
        ("arrivals", present.arrivals),
        ("decision", present.decision),
    ],
)
def test_every_field_of_an_answer_has_a_line(heading: str, function: Any) -> None:
    first_table = page("json.md")[heading].partition("\n\n| code |")[0]
    rows = re.findall(r"^\| `(\w+)` \|", first_table, re.MULTILINE)
    assert rows == keys_of(function)


def test_every_code_of_an_obstacle_has_a_line() -> None:
    second_table = page("json.md")["obstacle"].partition("| code |")[2]
    codes = {
        node.args[0].value
        for module in (reasons, obstacles)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Obstacle"
        and isinstance(node.args[0], ast.Constant)
    }  # fmt: skip
    ended = {str(state) for state in MACHINES["processing"].terminal}
    assert set(first_cells(second_table)) == codes | ended


def test_every_command_with_json_is_listed() -> None:
    text = page("json.md")["The JSON of the commands"]
    context = click.Context(group)
    with_json = {
        name
        for name in group.list_commands(context)
        if any("--json" in p.opts for p in group.get_command(context, name).params)  # type: ignore[union-attr]
    }
    assert set(first_cells(text)) == with_json
    assert cli_events.emit_command.name in with_json


# ── files ──────────────────────────────────────────────────────────────────────────────────────────


def test_every_file_that_procession_makes_has_a_line(tmp_path: Path) -> None:
    (tmp_path / "procession.toml").write_text('[tasks.t]\non = "x"\nrun = "sh s.sh"\ncwd = "step"')
    (tmp_path / "s.sh").write_text(
        "for file in $PROCESSION_OUTPUT $PROCESSION_METRICS; do echo a=1 >> $file; done\n"
        'echo \'{"event": "y"}\' >> $PROCESSION_EVENTS; echo 1 >> $PROCESSION_PROGRESS\n'
        "echo 1 > $PROCESSION_RETRY_AFTER; touch $PROCESSION_ARTIFACTS/a\n"
    )
    base = [sys.executable, "-m", "procession", "--project", str(tmp_path)]
    for words in (["run", "t"], ["shell", "1", "-c", "rerun"]):
        subprocess.run([*base, *words], check=True, capture_output=True, timeout=60)
    text = (REFERENCE / "files.md").read_text()
    var = tmp_path / "var"
    patterns = [
        (r"procession\.db(-wal|-shm)?", "procession.db"),
        (r"launcher\.log", "launcher.log"),
        (r"place-id", "place-id"),
        (r"code/[0-9a-f]{64}", "code/<sha256>"),
        (r"work/1", "work/<processing>/"),
        (r"work/1/(event\.json|files|entered\.lock)", None),
        (r"work/1/01-s(/files|/\d+)?", "<nn>-<step>/<attempt>/"),
        (r"work/1/01-s/1/(\w+(\.\w+)*)", None),
        (r"work/1/01-s/1/artifacts/a", "artifacts/"),
        (r"(spool|code|foreground|work)", None),
    ]
    for path in var.rglob("*"):
        relative = str(path.relative_to(var))
        match = next(((m, told) for p, told in patterns if (m := re.fullmatch(p, relative))), None)
        assert match, f"files.md has no line for {relative}"
        told = match[1] or (match[0][1].removesuffix(".before"))
        assert f"`{told}" in text or f"`{told}/" in text, relative


def test_every_end_that_a_record_tells_has_a_name() -> None:
    text = page("files.md")["The exit record"]
    for how in sighting.HOW:
        assert f"`{how}`" in text
    assert {"spec", "started", "spawned", "exit", "void"} <= set(first_cells(text))
