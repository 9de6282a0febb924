"""Which keys a task, its steps and a set may have, one class for each kind of table."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from procession.definitions.tables import Table
from procession.definitions.values import (
    Asked,
    Budget,
    Choices,
    Condition,
    Cpus,
    Dotted,
    Duration,
    FilePath,
    Inputs,
    Label,
    Name,
    Pattern,
    Period,
    Piece,
    Queue,
    Run,
    Size,
    Template,
    Timeout,
    UsesTable,
    Variables,
    Wanted,
)


class Retry(Table):
    """``retry = {…}``: see `RetryPolicy`."""

    attempts: Budget | None = None
    soft_attempts: Budget | None = None
    delay: Duration | None = None
    factor: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] | None = None
    max_delay: Duration | None = None
    on: list[Literal["failed", "memory"]] | None = None


class SoftTable(Table):
    """``soft = {…}``: see `Soft`."""

    exit: list[Annotated[int, Field(ge=1, le=255)]] | None = None
    output: list[Pattern] | None = None


class LimitsOfStep(Table):
    """``limits = {…}`` of a step: see `Caps`."""

    cpu: Timeout | None = None
    files: Annotated[int, Field(ge=8, le=10_000_000)] | None = None
    log: Size | None = None


class Options(Table):
    """What a step may say, and a task for all its steps."""

    cpus: Cpus | None = None
    memory: Size | None = None
    gpus: Annotated[int, Field(ge=0, le=1000)] | None = None
    no_output: Timeout | None = None
    uses: UsesTable | None = None
    labels: list[Label] | None = None
    queue: Queue | None = None
    soft: SoftTable | None = None
    limits: LimitsOfStep | None = None
    fresh: bool | None = None
    on_lost: Literal["wait", "retry"] | None = None
    timeout: Timeout | None = None
    grace: Duration | None = None
    retry: Retry | None = None
    cwd: Literal["processing", "step"] | None = None
    python: FilePath | None = None
    shell: bool | None = None
    allow_dash: bool | None = None


class ReduceOptions(Options):
    """What a step says beside ``reduce``: see `definitions.reductions`."""

    reduce: FilePath | None = None
    vars: FilePath | None = None
    input: Inputs | None = None
    output: FilePath | None = None
    logs: FilePath | None = None
    overwrite: bool | None = None
    versions: bool | None = None
    artifacts: Annotated[list[FilePath], Field(max_length=100)] | None = None
    environment_delay: Duration | None = None


class StepTable(ReduceOptions):
    """One element of ``steps``."""

    name: Name | None = None
    run: Run | None = None
    function: Dotted | None = None
    needs: list[Name] | None = None
    when: Condition | None = None
    wait: Literal["children"] | None = None
    on_error: Literal["fail", "ignore"] | None = None
    ask: Asked | None = None
    choices: Choices | None = None
    type: Literal["text", "number"] | None = None
    min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False)] | None = None
    default: str | int | float | None = None
    fail_on: Choices | None = None
    skip_on: Choices | None = None


class ExpectTable(Table):
    """``expect = {…}``: see `Expect`."""

    at_least: Annotated[int, Field(ge=1, le=1_000_000)]
    per: Period


class PiecesTable(Table):
    """``pieces = {…}`` of a set: see `SetPlan`."""

    event: Name
    by: Template
    piece: Template
    wanted: Wanted
    critical: list[Piece] | None = None
    timeout: Timeout | None = None


class SetTable(Table):
    """``[sets.NAME]``."""

    pieces: PiecesTable
    emit: Name | None = None
    late: Literal["ignore", "emit"] | None = None


class ResultsTable(Table):
    """``results = {…}``: what is copied out of the working directory when all steps have succeeded."""

    copy_: Annotated[list[FilePath], Field(min_length=1, max_length=100, alias="copy")]
    to: FilePath
    extra: list[FilePath] | None = None
    optional: list[FilePath] | None = None
    overwrite: bool | None = None


class VariableTable(Table):
    """One of ``[tasks.NAME.variables]``: see `Variable`."""

    default: Any = None
    type: Literal["text", "number", "boolean", "list_text", "list_number", "enum"] | None = None
    help: Annotated[str, Field(max_length=1000)] | None = None
    choices: Annotated[list[str | int | float | bool], Field(min_length=1, max_length=1000)] | None = None
    min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False)] | None = None
    advanced: bool | None = None


class MissedTable(Table):
    """``missed = {…}``: see `ListPlan`."""

    run: Run | None = None
    event: Name | None = None
    key: Template | None = None
    title: Template | None = None


class TaskTable(Options):
    """``[tasks.NAME]``; its steps and defaults are read as tables of their own."""

    every: Period | None = None
    from_: Annotated[Literal["start", "end"] | None, Field(alias="from")] = None
    cron: str | None = None
    timezone: str | None = None
    catch_up: Literal["one", "all", "skip"] | None = None
    on: Name | None = None
    watch: FilePath | None = None
    counter: FilePath | None = None
    number: Pattern | None = None
    expect_path: FilePath | None = None
    expect_within: Duration | None = None
    params: Variables | None = None
    gap: Annotated[int, Field(ge=1, le=100_000)] | None = None
    emit: Name | None = None
    key: Template | None = None
    title: Template | None = None
    quiet: Duration | None = None
    ignore: Annotated[list[FilePath], Field(max_length=100)] | None = None
    empty: bool | None = None
    where: Condition | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | None = None
    delay: Duration | None = None
    group: Name | None = None
    source: Template | None = None
    experiment: Template | None = None
    max_failures: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    expect: ExpectTable | None = None
    disk: Size | None = None
    results: ResultsTable | None = None
    run: Run | None = None
    function: Dotted | None = None
    outside: bool | None = None
    retention: Duration | None = None
    max_waiting: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    grants: list[Literal["read", "trigger", "operate"]] | None = None
    inputs: Literal["json", "pickle"] | None = None
    accept_scripts: bool | None = None
    skip_when: Condition | None = None
    steps: Annotated[list[Any], Field(min_length=1, max_length=1000)] | None = None
    at_once: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    defaults: dict[str, Any] | None = None
    variables: dict[str, Any] | None = None
    variables_from: FilePath | None = None
    run_by: Template | None = None
    group_by: Template | None = None
    input_by: Template | None = None
    check_missed: Period | None = None
    missed: MissedTable | None = None


class TaskFile(Table):
    """A file of the directory ``tasks``."""

    tasks: dict[str, Any] | None = None
