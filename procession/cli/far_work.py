"""Commands about instances, work and locks, asked of a server elsewhere; `far` has all others."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from procession.cli import facts
from procession.cli.context import answer
from procession.cli.events import parameters
from procession.errors import Invalid, Refused
from procession.model.query import whole
from procession.sdk.client import Client

Values = Mapping[str, Any]


def _tell(values: Values, found: Any, text: Callable[[Any], None] = facts.fields) -> None:
    answer(bool(values["as_json"]), lambda: found, lambda: text(found))


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(sys.stdin.read() if text == "-" else text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"this is no JSON: {error}") from None


def _span(text: str | None) -> float | str | None:
    return float(text) if text is not None and text.replace(".", "", 1).isdigit() else text


def _which(values: Values) -> tuple[int | str, str | None]:
    """``ID``, or ``TASK KEY``."""
    if values["key"] is not None:
        return values["what"], values["key"]
    return whole(values["what"]), None


def _write(body: bytes, output: str | None) -> None:
    from procession.cli import tail  # noqa: PLC0415

    if output is None:
        tail.write(body)
    else:
        Path(output).write_bytes(body)


def _register(client: Client, values: Values) -> None:
    taken = ("name", "handler", "timeout", "retention", "attempts", "as_json")
    options = {name: value for name, value in values.items() if name not in taken and value is not None}
    found = client.register(
        values["name"], values["handler"], _span(values["timeout"]), _span(values["retention"]), values["attempts"],
        options,
    )  # fmt: skip
    _tell(values, found)


def _submit(client: Client, values: Values) -> None:
    key, params = values["key"], values["params"]
    if key is not None and "=" in key:
        key, params = None, (key, *params)
    found = client.submit(
        values["task"], key, _json(values["inputs"]), parameters(params), values["priority"], values["not_before"],
        title=values["title"], callback=values["callback"],
    )  # fmt: skip
    if values["wait"]:
        _end(client, found["id"], values, None)
    else:
        _tell(values, found)


def _end(client: Client, pid: int, values: Values, timeout: float | None) -> None:
    found = client.wait(pid, timeout=timeout)
    if values["as_json"]:
        _tell(values, found)
    if found["state"] != "succeeded":
        raise Refused(f"processing {pid} is {found['state']}" + (f": {found['reason']}" if found["reason"] else ""))
    if not values["as_json"]:
        _write(client.result(pid).body, None)


def _instance(client: Client, values: Values) -> None:
    task, key = values["task"], values["key"]
    if key is None:
        found = client.instances(task, values["state_name"], values["before"], values["limit"])
        _tell(values, found, facts.rows("id", "key", "phase", "created_at", "reason"))
    elif values["delete"]:
        _tell(values, client.delete(task, key, cancel=values["cancel"]))
    elif values["journal"]:
        rows = facts.rows("at", "noun", "verb", "state", "by", "reason")
        _tell(values, client.journal(task, key), rows)
    else:
        _tell(values, client.status(task, key))


def _result(client: Client, values: Values) -> None:
    which, key = _which(values)
    found = client.result(which, key)
    if values["as_json"]:
        pid = client.status(which, key)["id"] if isinstance(which, str) else which
        _tell(values, {"id": pid, "mime": found.mime, "size": len(found.body)})
    else:
        _write(found.body, values["output"])


def _wait(client: Client, values: Values) -> None:
    from procession.units import to_seconds  # noqa: PLC0415

    which, key = _which(values)
    pid = client.status(which, key)["id"] if isinstance(which, str) else which
    span = _span(values["timeout"])
    _end(client, pid, values, to_seconds(span) if isinstance(span, str) else span)


def _claim(client: Client, values: Values) -> None:
    some = {name: list(values[name]) or None for name in ("queues", "tasks", "labels")}
    found = client.claim(some["queues"] or "", values["limit"], values["worker"], some["tasks"], some["labels"])
    items = {"items": [each.told for each in found], "next": None}
    _tell(values, items, facts.rows("attempt", "task", "key", "number", "inputs"))


def _work(verb: str, **given: str) -> Callable[[Client, Values], None]:
    """What is said of an attempt; `given`: argument of the verb → parameter of the command."""

    def act(client: Client, values: Values) -> None:
        said = {name: values[option] for name, option in given.items() if values[option] is not None}
        _tell(values, client.call(verb, {"attempt": values["attempt"], **said}))

    return act


def _succeed(client: Client, values: Values) -> None:
    from procession.sdk.instances import Claimed  # noqa: PLC0415

    if values["result"] is not None and values["file"] is not None:
        raise click.UsageError("a result is either JSON or a file")
    given = _json(values["result"])
    if values["file"] is not None:
        given = sys.stdin.buffer.read() if values["file"] == "-" else Path(values["file"]).read_bytes()
    Claimed(client, values["attempt"], "", None, None).succeed(given, values["mime"])
    _tell(values, {"attempt": values["attempt"]})


def _locks(client: Client, values: Values) -> None:
    if values["name"] is None:
        _tell(values, client.locks(), facts.rows("name", "holders", "waiters"))
    else:
        _tell(values, client.lock(values["name"]))


WORK: dict[str, Callable[[Client, Values], None]] = {
    "register": _register,
    "unregister": lambda client, values: _tell(values, client.unregister(values["name"], values["force"])),
    "submit": _submit,
    "instance": _instance,
    "result": _result,
    "wait": _wait,
    "deliveries": lambda client, values: _tell(
        values, client.deliveries(values["failed"], values.get("before"), values["limit"]),
        facts.rows("id", "processing", "target", "state", "tries", "due_at", "problem"),
    ),
    "redeliver": lambda client, values: _tell(
        values, client.redeliver(values.get("delivery_id") or values["id"], values.get("reason"))
    ),
    "claim": _claim,
    "start": _work("start"),
    "heartbeat": _work("heartbeat", progress="progress", text="text", message="message"),
    "succeed": _succeed,
    "fail": _work("fail", reason="reason", retry_after="retry_after"),
    "give-back": _work("give-back", reason="reason"),
    "locks": _locks,
    "unlock": lambda client, values: _tell(
        values, client.unlock(values["name"], values["processing_id"], values["reason"])
    ),
}  # fmt: skip
"""Command → what it asks of a server."""
