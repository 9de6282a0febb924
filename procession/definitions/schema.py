"""Which keys the files know, and what each may hold.

One class for each kind of table; a key that is not here is a mistake. `read_table` is the only way to use
them: it reports every mistake of a table in our words and gives back what is right of it, so that one
mistake never hides another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from procession.definitions.environment import check_dropped_name, check_set_name
from procession.definitions.sources import Place
from procession.errors import Invalid
from procession.model import condition
from procession.model.bridge import check_destination
from procession.model.command import GIVEN, placeholders
from procession.model.event import PARAMETER
from procession.model.pieces import MAX_PIECE, MAX_WANTED, expand
from procession.model.wants import queue_named
from procession.units import to_bytes, to_seconds

NAME = re.compile(r"(?![-.])[A-Za-z0-9._:-]{1,128}")
LIMIT = re.compile(r"(?![-.])(?:[A-Za-z0-9._:-]|\{[A-Za-z_][A-Za-z0-9._-]{0,127}\}){1,128}")


def _told(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same check, its Invalid told in pydantic's way."""

    def told(value: Any) -> Any:
        try:
            return check(value)
        except Invalid as error:
            raise PydanticCustomError("ours", "{text}", {"text": str(error)}) from None

    return told


def check_name(value: str) -> str:
    """Refuse what cannot name a task, step, event or project (B25)."""
    if not NAME.fullmatch(value):
        raise Invalid("is not a name; write 1 to 128 letters, digits and . _ : - only, not starting with - or .")
    return value


def _at_least_a_second(value: Any) -> float:
    seconds = to_seconds(value)
    if seconds < 1:
        raise Invalid('is less than a second; the shortest period is "1 s"')
    return seconds


def _some_time(value: Any) -> float:
    seconds = to_seconds(value)
    if seconds <= 0:
        raise Invalid("must be longer than nothing; leave it out where there is no limit")
    return seconds


def _some_bytes(value: Any) -> int:
    count = to_bytes(value)
    if count <= 0:
        raise Invalid("must be more than nothing; leave it out where there is no limit")
    return count


def _uses(value: Any) -> Any:
    """``["ftp", "satellite:{sat}"]`` or ``{ ftp = 2 }``: template → how much."""
    found = dict.fromkeys(value, 1.0) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value
    if not isinstance(found, dict):
        raise Invalid('must be a list of limits, such as ["ftp"], or a table that says how much of each, { ftp = 2 }')
    for name, amount in found.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount <= 1_000_000:
            raise Invalid(f"says {amount!r} of {name[:40]}; how much of a limit is a number above 0")
        check_limit_name(name)
    return tuple(sorted((name, float(amount)) for name, amount in found.items()))


def check_limit_name(value: str) -> str:
    """Refuse what cannot name a limit; ``{name}`` stands for a value (B25)."""
    if not LIMIT.fullmatch(value):
        raise Invalid(
            f"{value[:40]!r} is not the name of a limit; "
            "write letters, digits and . _ : - only, and {name} for a value"
        )
    return value


def _condition(value: Any) -> Any:
    made = condition.from_table(value) if isinstance(value, dict) else condition.parse(_text(value))
    return made.text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid('must be a condition, such as "cloud < 0.5", or a table, such as { sat = "L8" }')
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise Invalid(f"is not a regular expression: {error}") from None
    if len(value) > 500:
        raise Invalid("is longer than 500 characters; write a shorter pattern")
    return value


def _choice(value: str) -> str:
    if not value.strip() or value != value.strip() or not value.isprintable() or len(value) > 100:
        raise Invalid("must be words of 1 to 100 characters, without spaces at their ends")
    return value


def _asked(value: str) -> str:
    if not value.strip() or not value.isprintable() or len(value) > 1000:
        raise Invalid("must be a question in one line of 1 to 1000 characters")
    tuple(placeholders(value))
    return value


def _scalars(value: Any) -> Any:
    if not isinstance(value, dict):
        raise Invalid("must be a table of names and values")
    for name, each in value.items():
        if not PARAMETER.fullmatch(name) or name in GIVEN:
            raise Invalid(
                f"{name[:40]!r} cannot be the name of a variable; start with a letter, and do not use a name that "
                f"Procession gives ({', '.join(GIVEN)})"
            )
        if not isinstance(each, str | int | float | bool | list):
            raise Invalid(f"the variable {name} must be a text, a number, true or false, or a list")
    return value


def _run(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(word, str) for word in value) and value:
        return value
    if not isinstance(value, str) or not value.strip():
        raise Invalid('must be a command: a text such as "python load.py {path}", or a list of texts')
    return value


def _inputs(value: Any) -> Any:
    if isinstance(value, list) and value and len(value) <= 100 and all(isinstance(each, str) for each in value):
        return tuple(_template(each) for each in value)
    if not isinstance(value, str):
        raise Invalid('must be a path, such as "{path}", or a list of 1 to 100 paths')
    return _template(value)


def _template(value: str) -> str:
    if not value.strip() or len(value) > 1000:
        raise Invalid("must be a text of 1 to 1000 characters, with {name} for a value")
    tuple(placeholders(value))
    return value


def _wanted(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_WANTED:
        return value
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and _piece(v) for v in value):
        raise Invalid(
            f'must be how many pieces there are, from 1 to {MAX_WANTED}, or a list of their names, such as ["1..24"]'
        )
    names = expand(value)
    if len(names) > MAX_WANTED:
        raise Invalid(f"names {len(names)} pieces; a set has at most {MAX_WANTED}")
    return names


def _piece(value: str) -> str:
    if not value or len(value) > MAX_PIECE or "\0" in value:
        raise Invalid(f"must be the name of a piece, or a pattern, of 1 to {MAX_PIECE} characters")
    return value


def _postgres(value: str) -> str:
    if not re.match(r"postgres(ql)?(\+psycopg)?://[^\s]+$", value):
        raise Invalid(
            "must be the URL of a PostgreSQL database, postgresql://USER@HOST/NAME; "
            "leave it out to keep everything in a file of SQLite under var"
        )
    return value


def _dotted(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value, re.ASCII) or len(value) > 250:
        raise Invalid('must say where a function or a class is: "module.name", the module in the project or installed')
    return value


def _host_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[?[0-9a-fA-F:]{2,39}\]?", value):
        raise Invalid("must be the name or address of a host, without scheme, port or path")
    return value.strip("[]").lower()


def _callback_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise Invalid('must be the beginning of a URL, scheme and host at least: "https://results.example/procession/"')
    return value


def _broker(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("stomp", "stomp+ssl") or not parts.hostname or port is None:
        raise Invalid('must be where a broker listens: "stomp://host:61613", or "stomp+ssl://host:61614"')
    if parts.username is not None or parts.password is not None:
        raise Invalid("must not have a password in it; write login and passcode into a file and say credentials_file")
    if parts.path or parts.query or parts.fragment:
        raise Invalid("must end with the port; what is read there is said by subscribe")
    return value


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _path(value: str) -> str:
    if not value or "\0" in value or len(value.encode("utf-8", "surrogatepass")) > 4000:
        raise Invalid("must be a path")
    return value


def _address(value: str) -> str:
    """Where a person is told; Invalid if it can be none, or has a password in it."""
    kind, colon, rest = value.partition("://")
    if not colon or not re.fullmatch(r"[a-z][a-z0-9+.-]*", kind, re.IGNORECASE) or not rest or not value.isprintable():
        raise Invalid('is no address; write it as "mailto://mail.example.org?from=me@example.org&to=you@example.org"')
    if ":" in re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[0]:
        raise Invalid("has a password in it; write this address into a file of its own, and name that in to_file")
    return value


Name = Annotated[str, AfterValidator(_told(check_name))]
Queue = Annotated[str, AfterValidator(_told(lambda value: queue_named(check_name(value))))]
Duration = Annotated[float, BeforeValidator(_told(to_seconds))]
Timeout = Annotated[float, BeforeValidator(_told(_some_time))]
Period = Annotated[float, BeforeValidator(_told(_at_least_a_second))]
Run = Annotated[Any, BeforeValidator(_told(_run))]
FilePath = Annotated[str, AfterValidator(_told(_path))]
Dotted = Annotated[str, AfterValidator(_told(_dotted))]
Brokers = Annotated[
    list[Annotated[str, AfterValidator(_told(_broker))]],
    BeforeValidator(_one_or_more),
    Field(min_length=1, max_length=20),
]
Destination = Annotated[str, AfterValidator(_told(check_destination))]
Destinations = Annotated[list[Destination], BeforeValidator(_one_or_more), Field(min_length=1, max_length=100)]
HostName = Annotated[str, AfterValidator(_told(_host_name))]
CallbackUrl = Annotated[str, AfterValidator(_told(_callback_url))]
Size = Annotated[int, BeforeValidator(_told(_some_bytes))]
UsesTable = Annotated[Any, BeforeValidator(_told(_uses))]
Template = Annotated[str, AfterValidator(_told(_template))]
Wanted = Annotated[Any, BeforeValidator(_told(_wanted))]
Piece = Annotated[str, AfterValidator(_told(_piece))]
Condition = Annotated[Any, BeforeValidator(_told(_condition))]
Pattern = Annotated[str, AfterValidator(_told(_pattern))]
Choices = Annotated[list[Annotated[str, AfterValidator(_told(_choice))]], Field(min_length=1, max_length=100)]
Asked = Annotated[str, AfterValidator(_told(_asked))]
Address = Annotated[str, AfterValidator(_told(_address))]
Variables = Annotated[Any, BeforeValidator(_told(_scalars))]
Label = Annotated[str, AfterValidator(_told(check_name))]
Cpus = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
Budget = Annotated[int, Field(ge=1, le=100_000)]


class Table(BaseModel):
    """A table of the file. A key that was not written is None; `written` has the others."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=())

    def written(self) -> dict[str, Any]:
        """What the file says, by key."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


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
    input: Annotated[Any, BeforeValidator(_told(_inputs))] | None = None
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


class RerunsTable(Table):
    """``[reruns]``: see `Reruns`."""

    operator: Annotated[int, Field(ge=0, le=100_000)] | None = None
    admin: Annotated[int, Field(ge=0, le=100_000)] | None = None


class ProjectTable(Table):
    """``[project]``."""

    name: Name | None = None
    python: FilePath | None = None
    database: Annotated[str, AfterValidator(_told(_postgres))] | None = None
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
    one_at_a_time: Annotated[str, AfterValidator(_told(check_limit_name))] | None = None
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

    set: dict[Annotated[str, AfterValidator(_told(check_set_name))], str] | None = None
    drop: list[Annotated[str, AfterValidator(_told(check_dropped_name))]] | None = None


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


class TaskFile(Table):
    """A file of the directory ``tasks``."""

    tasks: dict[str, Any] | None = None


TableKind = TypeVar("TableKind", bound=Table)


def read_table(kind: type[TableKind], raw: object, place: Place) -> TableKind:
    """Everything right that the table says; everything wrong is noted at its place."""
    if not isinstance(raw, dict):
        place.error("must be a table")
        return kind.model_construct()
    try:
        return kind.model_validate(raw)
    except ValidationError as found:
        errors = found.errors(include_url=False, include_context=True)
    for error in errors:
        keys = tuple(key for key in error["loc"] if key != "[key]")
        place.at(*keys).error(_words(kind, keys, error))
    wrong = {error["loc"][0] for error in errors}
    right = {key: value for key, value in raw.items() if key not in wrong}
    return kind.model_validate(right) if not _lacks(kind, right) else kind.model_construct(**right)


def _lacks(kind: type[Table], raw: dict[str, Any]) -> bool:
    """Is something missing without which there is no such table?"""
    return any(field.is_required() and (field.alias or name) not in raw for name, field in kind.model_fields.items())


_MUST = {
    "missing": "is missing; it has to be said",
    "string_type": "must be a text, in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "list_type": "must be a list, in [brackets]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "too_short": "must not be empty",
    "too_long": "must not have more than {max_length} elements",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
}


def _words(kind: type[Table], keys: tuple[str | int, ...], error: ErrorDetails) -> str:
    """One of pydantic's errors as a line of ours; it never contains the value."""
    if error["type"] == "extra_forbidden":
        return unknown_key(str(keys[-1]), _known(kind, keys[:-1]))
    words = _MUST.get(error["type"])
    return words.format(**error.get("ctx", {})) if words else error["msg"]


_MOVED = {"attempts": "retry = { attempts = … }", "delay": "retry = { delay = … }"}
"""Keys that stand in a table of their own, and how they are written there."""


def unknown_key(key: str, known: list[str]) -> str:
    """What to say of a key that nobody knows."""
    if key in _MOVED and "retry" in known:
        return f"unknown key; write {_MOVED[key]}"
    near = get_close_matches(key, known, 1)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known here: {', '.join(known)}"


def _known(kind: type[Table], keys: tuple[str | int, ...]) -> list[str]:
    inner = _INNER.get(str(keys[-1])) if keys else None
    return [field.alias or name for name, field in (inner or kind).model_fields.items()]


_INNER: dict[str, type[Table]] = {
    "retry": Retry, "soft": SoftTable, "limits": LimitsOfStep, "expect": ExpectTable, "results": ResultsTable,
    "pieces": PiecesTable,
    "keep": KeepTable, "publish": PublishTable,
}  # fmt: skip
