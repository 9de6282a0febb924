"""What the command line can do, HTTP and Python can, and the other way round (P27)."""

from __future__ import annotations

import importlib.util
import inspect

import pytest

from procession import verbs
from procession.cli.far import ASK
from procession.cli.local import LOCAL
from procession.cli.main import COMMANDS
from procession.sdk.client import Client
from procession.sdk.instances import Claimed, Instances
from procession.sdk.routes import ROUTES

pytestmark = pytest.mark.feature("P27", "M101")

COMMAND_OF = {
    "system-log": "logs", "task": "tasks", "disk-preview": "disk", "clean": "disk", "emit-many": "emit",
    "lock": "locks", "token-add": "token", "token-list": "token", "token-revoke": "token", "login-link": "login",
    "batch": "batches", "cause-note": "note", "alerts-test": "alerts", "submit-missed": "missed",
    "batch-cancel": "batches", "stop-launcher": "stop",
    "variables-preview": "variables", "variables-script": "variables", "variable-sets": "variables",
    "variable-set-add": "variables", "variable-set-remove": "variables", "rerun-runs": "rerun",
    "user-add": "user", "user-list": "user", "user-set": "user", "user-remove": "user",
}  # fmt: skip
"""Verb → the command that does it, where its name is another: an option of a command is a verb of its own."""
METHOD_OF = {
    "instance": "status", "delete-instance": "delete", "instance-journal": "journal", "instance-result": "result",
    "work-pause": "pause", "work-resume": "resume",
}  # fmt: skip
"""Verb → the method of the client, where its name is another."""
OF_CLAIMED = {"start", "heartbeat", "work-pause", "work-resume", "succeed", "fail", "give-back"}
"""Verbs that are methods of what was claimed."""
PYTHON_ONLY = {"call", "close", "each", "log", "wait", "watch"}
"""Methods that are made of several calls, or of none."""
PROGRAMS_ONLY = {
    "register", "unregister", "submit", "instance", "result", "delete-instance", "claim", *OF_CLAIMED,
    "acquire", "release-lock", "health", "instances", "submit-all", "wait", "instance-journal", "instance-result",
    "deliveries", "redeliver", "batch-add", "neighbours", "complete", "views", "save-view", "remove-view",
}  # fmt: skip
"""Verbs for programs; what they make is seen and acted on by the commands for processings, tasks and locks."""
HTTP_ONLY = {"hook"}
"""Verbs for other systems, that cannot say more than HTTP lets them; programs and people emit."""
RENAMED = {
    ("delete", "id"): "which", ("delete-instance", "task"): "which", ("claim", "queues"): "queue",
    ("instance-result", "task"): "which", ("result", "id"): "which", ("wait", "id"): "which",
    ("submit-all", "instances_"): "instances", ("succeed", "base64"): "result",
}  # fmt: skip
"""Verb and argument → the parameter of the method, where its name is another."""


def method_of(verb: str) -> object:
    owner = Claimed if verb in OF_CLAIMED else Client
    return getattr(owner, METHOD_OF.get(verb, verb).replace("-", "_"), None)


def there() -> list[verbs.Verb]:
    return [verb for verb in verbs.load().values() if verb.name not in HTTP_ONLY]


def commands() -> set[str]:
    return {name for section in COMMANDS.values() for name in section}


def test_every_command_is_a_verb_or_of_this_machine() -> None:
    known = set(verbs.load()) | set(COMMAND_OF.values())
    assert commands() <= set(ASK) | set(LOCAL)
    assert commands() - set(LOCAL) <= known
    for name, reason in LOCAL.items():
        assert reason.startswith("it ") and not reason.endswith("."), name
        assert name not in verbs.load() or name in PROGRAMS_ONLY, name


def test_every_verb_is_a_command() -> None:
    for name in verbs.load().keys() - PROGRAMS_ONLY - HTTP_ONLY:
        assert COMMAND_OF.get(name, name) in commands(), name


def test_every_verb_is_a_route_and_a_method_with_the_same_arguments() -> None:
    for verb in there():
        assert ROUTES[verb.name] == f"{verb.method} {verb.path}"
        method = method_of(verb.name)
        assert callable(method), verb.name
        known = list(inspect.signature(method).parameters)
        for argument in verb.parameters:
            if not (verb.name in OF_CLAIMED and argument == "attempt"):
                assert RENAMED.get((verb.name, argument), argument) in known, (verb.name, argument)


def test_defaults_are_the_same_wherever_a_verb_is_called() -> None:
    for verb in there():
        method = method_of(verb.name)
        assert callable(method)
        for argument in inspect.signature(method).parameters.values():
            found = verb.parameters.get(argument.name)
            if found is None or verb.name == "wait" or found.empty in (found.default, argument.default):
                continue
            assert argument.default == found.default, (verb.name, argument.name)


def test_every_method_is_a_verb() -> None:
    served = {METHOD_OF.get(name, name).replace("-", "_") for name in ROUTES}
    public = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    assert public - PYTHON_ONLY <= served
    assert set(ROUTES) == {verb.name for verb in there()}
    assert {name for name in vars(Instances) if not name.startswith("_")} <= public


def test_the_server_takes_what_the_client_sends() -> None:
    """The real routes, where they are there: each request of the client finds its verb."""
    if importlib.util.find_spec("procession.api") is None:
        return
    routes = importlib.import_module("procession.api.routes")
    found = routes.Routes(verbs.load())
    for name, route in ROUTES.items():
        if name in verbs.load():
            method, _, path = route.partition(" ")
            spoken = f"{routes.PREFIX}{path}".replace("{", "x").replace("}", "x")
            assert found.find(method, spoken.encode())[0].name == name
