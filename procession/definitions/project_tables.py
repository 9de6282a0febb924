"""Which keys the project's file may have beside its tasks, one class for each kind of table."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from procession.definitions.addresses import Address, Brokers, CallbackUrl, Database, HostName
from procession.definitions.tables import Table
from procession.definitions.values import (
    Destination,
    Destinations,
    DroppedName,
    Duration,
    FilePath,
    Label,
    LimitName,
    Name,
    Pattern,
    Period,
    Queue,
    Run,
    SetName,
    Size,
    Template,
    Variables,
)


class AlertsTable(Table):
    """``[alerts]``: how a person is told."""

    command: Run | None = None
    to: Annotated[list[Address], Field(min_length=1, max_length=100)] | None = None
    to_file: FilePath | None = None


class RuleTable(Table):
    """One of ``[[rules]]``: see `Rule`."""

    task: Name | None = None
    step: Name | None = None
    kind: (
        Literal["error", "failure", "suspended", "silence", "incomplete", "disk", "watch", "host", "bridge", "question"]
        | None
    ) = None
    match: Pattern | None = None
    needs_person: bool
    after: Duration | None = None


class RerunsTable(Table):
    """``[reruns]``: see `Reruns`."""

    operator: Annotated[int, Field(ge=0, le=100_000)] | None = None
    admin: Annotated[int, Field(ge=0, le=100_000)] | None = None


class ProjectTable(Table):
    """``[project]``."""

    name: Name | None = None
    python: FilePath | None = None
    database: Database | None = None
    var: FilePath | None = None


class LauncherTable(Table):
    """``[launcher]``: what this host may use."""

    cpus: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] | None = None
    memory: Size | None = None
    gpus: Annotated[int, Field(ge=0, le=1000)] | None = None
    labels: list[Label] | None = None
    queues: Annotated[list[Queue], Field(min_length=1, max_length=1000)] | None = None
    patience: Duration | None = None
    workers: Annotated[int, Field(ge=0, le=10_000)] | None = None
    allow_pickle: bool | None = None
    lost_after: Period | None = None
    name: Name | None = None


class QueueTable(Table):
    """``[queues.NAME]``: see `QueuePlan`."""

    weight: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] | None = None
    at_once: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    max_waiting: Annotated[int, Field(ge=0, le=100_000_000)] | None = None


class WebTable(Table):
    """``[web]``: see `WebPlan`."""

    host: HostName | None = None
    port: Annotated[int, Field(ge=0, le=65_535)] | None = None
    hosts: Annotated[list[HostName], Field(max_length=100)] | None = None
    behind_proxy: bool | None = None
    callbacks: Annotated[list[CallbackUrl], Field(max_length=100)] | None = None
    anonymous: Literal["read"] | None = None


class PublishTable(Table):
    """``publish = {…}`` of a bridge: which changes are told, and where."""

    started: Destination | None = None
    succeeded: Destination | None = None
    failed: Destination | None = None
    skipped: Destination | None = None
    retried: Destination | None = None
    cancelled: Destination | None = None


class BridgeTable(Table):
    """``[bridges.NAME]``: see `BridgePlan`."""

    kind: Literal["stomp"]
    url: Brokers
    subscribe: Destinations | None = None
    event: Name | None = None
    key: Template | None = None
    title: Template | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | Annotated[str, Field(max_length=128)] | None = None
    one_at_a_time: LimitName | None = None
    cancel_when: Annotated[dict[str, str | int | float | bool], Field(min_length=1, max_length=20)] | None = None
    required: Annotated[list[str], Field(max_length=1000)] | None = None
    fields: dict[str, str] | None = None
    publish: PublishTable | None = None
    accept_scripts: bool | None = None
    max_size: Size | None = None
    credentials_file: FilePath | None = None
    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    heartbeat: Duration | None = None
    vhost: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    prefetch: Annotated[int, Field(ge=1, le=10_000)] | None = None


class KeepTable(Table):
    """``keep = {…}``: see `Keep`."""

    succeeded: Duration | None = None
    failed: Duration | None = None
    cancelled: Duration | None = None
    skipped: Duration | None = None
    failed_at_least: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    logs: Duration | None = None
    rows: Duration | None = None


class WorkTable(Table):
    """``[work]``: how much the work directories may take, and how long they stay."""

    keep_free: Size | None = None
    max_total: Size | None = None
    reserve: Size | None = None
    keep: KeepTable | None = None


class EnvironmentTable(Table):
    """``[environment]``: what scripts inherit besides, and what they do not."""

    set: dict[SetName, str] | None = None
    drop: list[DroppedName] | None = None


class MainFile(Table):
    """``procession.toml``."""

    project: dict[str, Any] | None = None
    launcher: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    work: dict[str, Any] | None = None
    limits: dict[str, Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]] | None = None
    variables: Variables | None = None
    sets: dict[str, Any] | None = None
    alerts: dict[str, Any] | None = None
    rules: Annotated[list[Any], Field(max_length=1000)] | None = None
    hosts: dict[str, Any] | None = None
    queues: dict[str, Any] | None = None
    web: dict[str, Any] | None = None
    reruns: dict[str, Any] | None = None
    bridges: dict[str, Any] | None = None
    tasks: dict[str, Any] | None = None
