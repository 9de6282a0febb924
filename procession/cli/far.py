"""Commands for a project elsewhere: ``procession --url http://host:8750 --token-file FILE retry 17``.

*In:* a command and its arguments, as they were parsed for a project here. *Out:* the same verbs asked of the server,
and its answers: with ``--json`` the same JSON as here, else as text. *Always:* what works on files, processes or
terminals of this machine says so, and does nothing.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from procession.cli import facts, table
from procession.cli.acting import confirm_versions
from procession.cli.context import answer
from procession.cli.events import parameters
from procession.cli.far_work import WORK
from procession.cli.local import LOCAL
from procession.commands import bulk
from procession.errors import Invalid, NotFound, Refused
from procession.model.query import whole
from procession.sdk.client import Client

Values = Mapping[str, Any]


def chosen(context: click.Context) -> tuple[str, str | None] | None:
    """Address and token file of the server that is asked; None: it is a project here.

    That is what ``--url`` says; without it PROCESSION_URL, where nobody names a project and there is none here.
    """
    url, token_file = context.params.get("url"), context.params.get("token_file")
    if url is None and context.params.get("directory") is None and os.environ.get("PROCESSION_URL"):
        from procession.definitions import find  # noqa: PLC0415

        try:
            find(Path.cwd())
        except NotFound:
            url = os.environ["PROCESSION_URL"]
    return None if url is None else (url, token_file or os.environ.get("PROCESSION_TOKEN_FILE"))


def instead(name: str, command: click.Command, url: str, token_file: str | None) -> click.Command:
    """The command with the same arguments, that asks a server instead of a project here."""
    if name in LOCAL:
        raise click.UsageError(f"{name} works here, not over --url: {LOCAL[name]}")
    if name not in ASK:
        raise click.UsageError(f"{name} works on a project here, not over --url; log in there, or use the HTTP API")
    if ASK[name] is _itself:
        return command
    other = copy.copy(command)

    def act(**values: Any) -> None:
        with Client(url, token_file=token_file) as client:
            ASK[name](client, values)

    other.callback = act
    return other


def _itself(client: Client, values: Values) -> None:
    """A command that asks for verbs alone asks a server by itself (`cli.door`)."""


def _say(values: Values, found: Any, text: Callable[[Any], None]) -> None:
    answer(bool(values.get("as_json")), lambda: found, lambda: text(found))


# ── acting on one or on many ───────────────────────────────────────────────────────────────────────


def _act(verb: str, **given: str) -> Callable[[Client, Values], None]:
    """A command that takes an id, several, or a query; `given`: argument of the verb → parameter of the command."""

    def act(client: Client, values: Values) -> None:
        words, arguments = _meant(values, given)
        if arguments.get("versions") and not (values["yes"] or values["dry_run"]):
            confirm_versions(words, arguments["versions"])
        if values["dry_run"]:
            raise Invalid("--dry-run is for a project here; over --url ask: procession list QUERY, procession show ID")
        if len(words) == 1 and words[0].isdigit():
            found = client.call(verb, {"id": whole(words[0]), **arguments})
            _say(values, found, lambda it: click.echo(_sentence(verb, it)))
            if found.get("answer") == "too_late":
                raise Refused(f"processing {found['id']} had already ended: it is {found['state']}")
            return
        _act_on_many(client, verb, words, arguments, values)

    return act


def _meant(values: Values, given: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The words of the query, and the other arguments that were given."""
    from procession.cli.acting import step_of  # noqa: PLC0415

    words = tuple(values["words"])
    arguments = {name: values[option] for name, option in given.items() if values[option] not in (None, False)}
    if given.get("step") == "step_name" and "reason" in values and "code" not in values:
        words, step = step_of(words, values["step_name"])
        arguments |= {"step": step} if step else {}
    return words, arguments | ({"reason": values["reason"]} if values["reason"] else {})


def _act_on_many(client: Client, verb: str, words: tuple[str, ...], arguments: Values, values: Values) -> None:
    from procession.cli.acting import confirm  # noqa: PLC0415

    if not words and not values["everything"]:
        raise Refused("nothing says which processings are meant; name them by id or by a query, or say --all")
    if all(word.isdigit() for word in words) and words:
        ids = sorted({whole(word) for word in words})
    else:
        ids = sorted(found["id"] for found in client.each(bulk.text_of(words)))
    if len(ids) > 1 and not values["yes"]:
        confirm(ids, verb)
    done: list[Any] = []
    refused: list[Any] = []
    for pid in ids:
        try:
            found = client.call(verb, {"id": pid, **arguments})
            done.append({"id": pid, "done": True, "now": found.get("now", found["id"]), "text": _sentence(verb, found)})
        except (Refused, NotFound) as error:
            refused.append({"id": pid, "done": False, "now": None, "text": str(error)})
        if not values["as_json"]:
            click.echo(table.clean((done if done and done[-1]["id"] == pid else refused)[-1]["text"]))
    _say(
        values,
        {"dry_run": False, "done": done, "refused": refused},
        lambda _: click.echo(f"{len(done)} done, {len(refused)} refused", err=True),
    )
    if refused:
        sys.exit(Refused.exit_code)


def _sentence(verb: str, found: Values) -> str:
    if "text" in found:
        return str(found["text"])
    if "answer" in found:
        return f"processing {found['id']}: its cancel is {found['answer'].replace('_', ' ')}"
    return f"{verb}: processing {found['id']} is {found['state']}"


def _pin(verb: str) -> Callable[[Client, Values], None]:
    def act(client: Client, values: Values) -> None:
        for pid in values["ids"]:
            client.call(verb, {"id": pid})
        click.echo(f"{verb}ned: {', '.join(map(str, values['ids']))}")

    return act


# ── everything else: one verb ──────────────────────────────────────────────────────────────────────


def _ask(verb: str, tell: Callable[[Any], None], /, **given: str) -> Callable[[Client, Values], None]:
    """A command that is one verb; `given`: argument of the verb → parameter of the command."""

    def act(client: Client, values: Values) -> None:
        arguments = {name: values[option] for name, option in given.items() if values[option] not in (None, False, "")}
        found = client.call(verb, arguments)
        _say(values, found, tell)
        if found.get("level") == "wrong" or found.get("balanced") is False:
            sys.exit(1)

    return act


def _list(client: Client, values: Values) -> None:
    words = [*values["words"]]
    words += [f'task:"{values["task"]}"'] if values["task"] else []
    words += [f"state:{values['state_name']}"] if values["state_name"] else []
    found = client.list(bulk.text_of(words), values["limit"], values["before"], sort=values["sort"])
    _say(values, found, facts.rows("id", "task", "title", "state", "created_at"))


def _emit(client: Client, values: Values) -> None:
    found = client.emit(
        values["event"], parameters(values["params"]), values["key"], values["title"], values["priority"],
        values["backfill"], values["not_before"],
    )  # fmt: skip
    came = "already known; " if found["duplicate"] else ""
    ids = ", ".join(map(str, found["processings"])) or "none"
    _say(values, found, lambda it: click.echo(f"event {it['id']}: {came}processings: {ids}"))


def _logs(client: Client, values: Values) -> None:
    from procession.cli import tail  # noqa: PLC0415

    step, attempt = values["step"], values["attempt"]
    if values["lines"] is not None:
        raise Invalid("--lines is for a project here; over --url pipe into tail: procession --url … logs ID | tail")
    if values["system"]:
        tail.write(client.system_log(-65536)["text"].encode())
        return
    if (what := values["what"]) is None:
        raise click.UsageError("say which processing: procession logs ID [STEP], or --system for Procession's own log")
    if what.isdecimal():
        pid = int(what)
    elif step is None:
        raise Invalid(f"{what[:60]!r} is no id of a processing; write its number, or a task and the key of an instance")
    else:
        pid, step = client.status(what, step)["id"], None
    framework = values["framework"]
    if values["following"]:
        for text in client.log(pid, step, attempt, framework):
            tail.write(text.encode())
        return
    offset, size = 0, 1
    while offset < size:
        found = client.logs(pid, step, attempt, offset, 1 << 20, framework)
        step, attempt, size = found["step"], found["attempt"], found["size"]
        if found["next"] == offset:
            return
        offset = found["next"]
        tail.write(found["text"].encode())


def _disk(client: Client, values: Values) -> None:
    if values["preview"]:
        _say(values, client.disk_preview(), facts.rows("id", "task", "state", "bytes", "what", "why"))
    else:
        _say(values, client.clean() if values["cleaning"] else client.disk(), facts.fields)


def _scope(client: Client, values: Values, verb: str) -> None:
    from procession.cli.settings import scope_of  # noqa: PLC0415

    scope = scope_of(values["task"], values["group"], values["everything"], values["source"], values["queue"])
    given: dict[str, Any] = {"reason": values["reason"], "mode": values.get("mode")}
    given |= {
        "task": scope.task,
        "group": scope.group,
        "source": scope.source,
        "queue": scope.queue,
        "everything": values["everything"] or None,
    }
    found = client.call(verb, {name: value for name, value in given.items() if value is not None})
    said = f"is paused ({found['value']})" if found["value"] else "goes on"
    _say(values, found, lambda _: click.echo(f"{scope.text} {said}"))


def _banner(client: Client, values: Values) -> None:
    from procession.cli.settings import banner_sentence, check_banner  # noqa: PLC0415

    check_banner(values["text"], clear=values["clear"])
    found = client.banner(values["text"], values["reason"])
    _say(values, found, lambda it: click.echo(banner_sentence(it["value"])))


def _set(client: Client, values: Values, *, valued: bool) -> None:
    from procession.cli.settable import named  # noqa: PLC0415

    for name, text in named(values["words"], valued=valued) if values["words"] else ():
        if valued:
            client.set(name, text, values["reason"])
        else:
            client.reset(name, values["reason"])
    _say(values, client.settings(), facts.rows("name", "file", "value", "by", "at", "reason"))


def _read(client: Client, values: Values) -> None:
    found = client.read(list(values["ids"]) or None, values["every"])
    _say(values, found, lambda it: click.echo(f"{table.many(it['read'], 'message')} read"))


def _batches(client: Client, values: Values) -> None:
    if values["cancelled"] is not None:
        _say(values, client.batch_cancel(values["cancelled"]), facts.fields)
    elif values["batch_id"] is not None:
        from procession.cli.batches import show  # noqa: PLC0415

        _say(values, client.batch(values["batch_id"]), show)
    else:
        _say(values, client.batches(values["limit"]), facts.rows("id", "verb", "query", "done", "total", "refused"))


def _tasks(client: Client, values: Values) -> None:
    if values["name"]:
        _say(values, client.task(values["name"]), facts.fields)
    else:
        _say(values, client.tasks(), facts.rows("name", "group", "on", "at_once", "paused"))


def _cancel_key(client: Client, values: Values) -> None:
    found = client.cancel_key(values["event"], values["key"], values["reason"])
    _say(values, found, facts.text)
    if found["state"] == "too_late":
        sys.exit(Refused.exit_code)


def _missed(client: Client, values: Values) -> None:
    asked = client.submit_missed if values["submit"] else client.missed
    _say(values, asked(values["task"], values["ranges"]), facts.rows("event", "key", "there", "path"))


ASK: dict[str, Callable[[Client, Values], None]] = {
    "retry": _act("retry", step="step_name"),
    "restart": _act("restart", step="step_name", code="code", priority="priority", fresh="fresh"),
    "cancel": _act("cancel"),
    "hold": _act("hold", step="step_name"),
    "release": _act("release", step="step_name"),
    "run-now": _act("run-now"),
    "delete": _act("delete", children="children", again="again", versions="versions"),
    **dict.fromkeys(("overview", "grid", "durations", "gallery", "arrivals", "count"), _itself),
    **dict.fromkeys(("cause", "assign", "resolve", "note"), _itself),
    **dict.fromkeys(("variables", "rerun", "trial", "versions", "diff"), _itself),
    **dict.fromkeys(("queues", "limits", "host", "about"), _itself),
    "pin": _pin("pin"),
    "unpin": _pin("unpin"),
    "accept": _ask("accept", facts.fields, id="processing_id", step="step", note="note"),
    "questions": _ask("questions", facts.rows("processing", "task", "step", "text", "form", "asked_at"), task="task",
                      limit="limit", cursor="after"),
    "answer": _ask("answer", facts.fields, id="processing_id", step="step", value="value", note="note"),
    "list": _list,
    "show": _ask("show", facts.fields, id="processing_id"),
    "why": _ask("why", lambda found: click.echo(facts.reason(found, datetime.now(UTC))), id="processing_id"),
    "changes": _ask("changes", facts.fields, id="processing_id", step="step"),
    "logs": _logs,
    "emit": _emit,
    "events": _ask("events", facts.rows("id", "name", "title", "repeats", "processings", "created_at"), name="name",
                   unmatched="unmatched", no_timetables="no_timetables", limit="limit", cursor="before"),
    "event": _ask("event", facts.fields, id="event_id"),
    "sets": _ask("sets", facts.rows("set", "key", "state", "wanted", "missing", "due_at"), name="name", limit="limit"),
    "messages": _ask("messages", facts.rows("id", "kind", "task", "step", "count", "last_at", "text"), ended="ended",
                     unread="unread", limit="limit"),
    "read": _read,
    "alerts": _ask("alerts-test", facts.rows("way", "told", "reached", "problem")),
    "missed": _missed,
    "causes": _ask("causes", facts.rows("signature", "failed", "attempts", "task", "step", "last_at", "text"),
                   task="task", since="since", everything="everything", limit="limit"),
    "mute": _ask("mute", facts.fields, signature="signature", span="span", reason="reason", more="more"),
    "unmute": _ask("unmute", facts.fields, signature="signature", reason="reason"),
    "tasks": _tasks,
    "sources": _ask("sources", facts.rows("name", "parent", "processings", "waiting", "last_at", "paused"),
                    kind="kind", limit="limit"),
    "pause": lambda client, values: _scope(client, values, "pause"),
    "resume": lambda client, values: _scope(client, values, "resume"),
    "banner": _banner,
    "set": lambda client, values: _set(client, values, valued=True),
    "reset": lambda client, values: _set(client, values, valued=False),
    "settings": _ask("settings", facts.rows("name", "file", "value", "by", "at", "reason")),
    "status": _ask("status", facts.fields),
    "stats": _ask("stats", facts.fields, task="task", days="days"),
    "books": _ask("books", facts.fields),
    "disk": _disk,
    "doctor": _ask("doctor", facts.fields, full="full"),
    "stop": _ask("stop", facts.fields, how="how"),
    "launchers": _ask("launchers", facts.rows("name", "host", "state", "heard_at", "running", "cpus"),
                      stopped="stopped"),
    "drain": _ask("drain", facts.rows("name", "host", "state"), name="name", reason="reason"),
    "maintenance": _ask("maintenance", facts.rows("name", "host", "state"), name="name", reason="reason"),
    "undrain": _ask("undrain", facts.rows("name", "host", "state"), name="name", reason="reason"),
    "give-up": _ask("give-up", facts.text, name="name", reason="reason"),
    "batches": _batches,
    "bridges": _ask("bridges", facts.rows("name", "state", "taken", "refused", "sent", "waiting", "problem")),
    "republish": _ask("republish", facts.fields, name="name"),
    "cancel-key": _cancel_key,
    "refused": _ask("refused", facts.rows("id", "at", "source", "name", "reason", "raw"), limit="limit",
                    cursor="before"),
    "audit": _ask("audit", facts.rows("id", "at", "by", "via", "verb", "subject", "outcome", "problem"), by="by",
                  verb="verb", subject="subject", limit="limit", cursor="before"),
    **WORK,
}  # fmt: skip
"""Command → what it asks of a server."""
