"""Bridge: what a project says of one broker, and how a message and an event are told in each other's words. Pure.

A message is JSON, an object. Its fields become the parameters of an event, under the sender's names or under those
that `fields` gives them; what Procession says back is told in the same names. A field that would choose what is
executed is refused: a message brings data, and whoever may write to a queue may not run programs by that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from procession.errors import Invalid
from procession.model.command import Command
from procession.model.event import MAX_KEY, MAX_TEXT, MAX_TITLE, NewEvent
from procession.units import MAX_SECONDS

SOURCE = "bridge:"
"""Who says so, of what came over a bridge, goes on with the bridge's name; the same stands where its end is told."""
STATUSES = ("started", "succeeded", "failed", "skipped", "retried", "cancelled")
"""What can be published."""
SCRIPT = "reduction_script"
"""The field with the text of a script."""
MAX_SIZE = MAX_TEXT
"""Bytes of a message that is read, where nothing is said."""

_CODE = frozenset(
    {"reductionscript", "script", "scriptname", "scriptfile", "scriptpath", "scripttext", "command", "commandline",
     "cmd", "argv", "args", "exec", "executable", "program", "shell", "interpreter", "python", "env", "environ",
     "environment", "environmentvariables", "user", "username", "uid", "runas", "sudo", "cwd", "workingdirectory"}
)  # fmt: skip
"""Names of fields, without case and signs, by which senders elsewhere choose what is executed, and as whom."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker listens."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"stomp{'+ssl' if self.tls else ''}://{shown}:{self.port}"


@dataclass(frozen=True, slots=True)
class BridgePlan:
    """``[bridges.NAME]``."""

    name: str
    addresses: tuple[Address, ...]
    """Tried one after the other, until one answers."""
    event: str = ""
    subscribe: tuple[str, ...] = ()
    key: str = ""
    title: str = ""
    priority: int | str | None = None
    """A number, or the field that has it."""
    one_at_a_time: str = ""
    """Template of a limit of one, which each processing takes for itself."""
    cancel_when: tuple[tuple[str, Any], ...] = ()
    """Fields and values of a message that cancels."""
    required: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    """Name of a field as senders write it, and what it is called here."""
    publish: tuple[tuple[str, str], ...] = ()
    """Status and destination."""
    accept_scripts: bool = False
    max_size: int = MAX_SIZE
    credentials_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    heartbeat: float = 10.0
    vhost: str | None = None
    prefetch: int = 500

    @property
    def source(self) -> str:
        """Who says so, in events and in the journal."""
        return SOURCE + self.name

    @property
    def limits(self) -> tuple[tuple[str, float], ...]:
        """The limit that keeps one from the other, if there is one."""
        return ((self.one_at_a_time, 1.0),) if self.one_at_a_time else ()

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> BridgePlan:
        """The plan that ``asdict`` and JSON made plain."""
        pairs = {k: tuple((a, b) for a, b in raw[k]) for k in ("cancel_when", "fields", "publish")}
        lists = {k: tuple(raw[k]) for k in ("subscribe", "required")}
        return cls(**{**raw, **pairs, **lists, "addresses": tuple(Address(**each) for each in raw["addresses"])})


@dataclass(frozen=True, slots=True)
class Cancel:
    """A message that cancels an event, whether that has come or not."""

    event: str
    key: str


def read_message(plan: BridgePlan, body: bytes, now: datetime) -> NewEvent | Cancel:
    """What a message asks for; Invalid says why it cannot be taken."""
    said = _object(body)
    for name in plan.required:
        if said.get(name) is None:
            raise Invalid(f"the field {name} is missing; every message must bring it")
    names = dict(plan.fields)
    params: dict[str, Any] = {}
    for name, value in said.items():
        called = names.get(name, name)
        if name not in names:
            _refuse_code(plan, name, value)
        if called in params:
            raise Invalid(f"the field {name} comes twice, as {called} too")
        params[called] = value
    key = _rendered(plan.key, params)
    if plan.cancel_when and all(name in said and _same(said[name], value) for name, value in plan.cancel_when):
        if len(key.encode("utf-8", "surrogatepass")) > MAX_KEY:
            raise Invalid(f"the key is longer than {MAX_KEY} bytes")
        return Cancel(plan.event, key)
    wait = params.pop("retry_in", None)
    return NewEvent(
        plan.event,
        params,
        key,
        title=_title(plan.title, params),
        source=plan.source,
        priority=plan.priority if isinstance(plan.priority, int) else _whole(plan.priority, params),
        not_before=None if wait is None else _later(wait, now),
        callback=plan.source if plan.publish else None,
        alone=_rendered(plan.one_at_a_time, params) if plan.one_at_a_time else None,
    ).check()


def _object(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"it is not UTF-8 (byte {error.start}); a message is an object of JSON") from None
    try:
        said = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except Invalid:
        raise
    except RecursionError:
        raise Invalid("it is nested too deeply") from None
    except ValueError as error:
        raise Invalid(f"it is not JSON: {str(error)[:100]}") from None
    if not isinstance(said, dict):
        raise Invalid(f"it is JSON, but not an object: {text[:40]!r}")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Invalid("a field comes twice in one object; nobody can say which of the two is meant")
    return found


def _no_number(word: str) -> Any:
    raise Invalid(f"{word} is no number of JSON")


def _refuse_code(plan: BridgePlan, name: str, value: Any) -> None:
    if name == SCRIPT and plan.accept_scripts:
        if not isinstance(value, str):
            raise Invalid(f"the field {SCRIPT} is the text of a script, not {type(value).__name__}")
        return
    if re.sub(r"[^a-z]", "", name.lower()) in _CODE:
        hint = "accept_scripts = true lets it in" if name == SCRIPT else f"as data: fields = {{ {name} = ... }}"
        raise Invalid(f"the field {name[:60]} would say what is executed, or as whom; a message brings data ({hint})")


def _same(found: Any, wanted: Any) -> bool:
    """Equal, and of the same kind: true is not 1."""
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _rendered(template: str, params: Mapping[str, Any]) -> str:
    try:
        return Command((template,), allow_dash=True).render(params, {}, {})[0]
    except Invalid as error:
        raise Invalid(f"{template}: {str(error).partition(';')[0]}") from None


def _title(template: str, params: Mapping[str, Any]) -> str:
    """What has no value leaves the title empty: nothing depends on it."""
    if not template:
        return ""
    try:
        return _rendered(template, params)[:MAX_TITLE]
    except Invalid:
        return ""


def _whole(name: str | None, params: Mapping[str, Any]) -> int | None:
    value = None if name is None else params.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise Invalid(f"the field {name} is the priority, a whole number, not {str(value)[:40]!r}")
    return value


def _later(wait: Any, now: datetime) -> datetime:
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait <= MAX_SECONDS:
        raise Invalid(f"retry_in is a number of seconds, not {str(wait)[:40]!r}")
    return now + timedelta(seconds=wait)


# ── what is told ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Status:
    """What is published of one processing."""

    status: str
    params: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What Procession knows beside: what is None is left out."""


def write_status(plan: BridgePlan, status: Status) -> str:
    """The JSON that is published: the fields of the message that came, and over them what became of it, all under the
    sender's names. A script that came along is not sent back."""
    names = {ours: theirs for theirs, ours in plan.fields}
    said: dict[str, Any] = {n: v for n, v in status.params.items() if n != SCRIPT}
    said |= {"status": status.status, **{n: v for n, v in status.facts.items() if v is not None}}
    return json.dumps({names.get(n, n): v for n, v in said.items()}, ensure_ascii=False, separators=(",", ":"))


def plan_named(plans: Sequence[BridgePlan], callback: str | None) -> BridgePlan | None:
    """The bridge over which the end of a processing is told; None where it is told otherwise, or not at all."""
    if callback is None or not callback.startswith(SOURCE):
        return None
    return next((plan for plan in plans if plan.source == callback), None)


def check_destination(value: str) -> str:
    """Raise Invalid for what cannot be the name of a queue or topic."""
    if not value or len(value) > 1000 or any(ord(c) < 33 for c in value):
        raise Invalid('must be the name of a queue or topic as the broker knows it, such as "/queue/ReductionPending"')
    return value
