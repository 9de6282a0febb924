"""Every route there is stands in this table, with who may call it; and nobody else may (5.3)."""

import pytest

from procession.commands import events as births
from procession.model.caller import ROLES
from procession.model.event import NewEvent
from procession.verbs import load
from tests.api.served import Served

ADMIN = {
    "token-add": "POST /tokens", "token-list": "GET /tokens", "token-revoke": "DELETE /tokens/{key}",
    "login-link": "POST /login-links", "user-add": "POST /users", "user-list": "GET /users",
    "user-set": "PUT /users/{name}", "user-remove": "DELETE /users/{name}", "audit": "GET /audit",
}  # fmt: skip
TRIGGER = {"hook": "POST /hooks/{event}", "emit": "POST /events", "emit-many": "POST /events/batch"}
SENSITIVE = ("token", "user", "login", "audit")


@pytest.mark.feature("M102", "M111")
def test_what_lets_people_in_is_for_administrators_alone() -> None:
    verbs = load()
    for name, route in ADMIN.items():
        assert (verbs[name].scope, f"{verbs[name].method} {verbs[name].path}") == ("admin", route)
    for name, verb in verbs.items():
        assert verb.scope == "admin" or not any(word in verb.path for word in SENSITIVE), name
    for name in TRIGGER.keys() & verbs.keys():
        assert (verbs[name].scope, f"{verbs[name].method} {verbs[name].path}") == ("trigger", TRIGGER[name])


def test_what_only_looks_is_a_get_and_what_changes_is_none() -> None:
    for name, verb in load().items():
        assert verb.method in ("GET", "POST", "PUT", "DELETE"), name
        assert verb.scope not in ("trigger", "define") or verb.changes, name
        if not verb.path.startswith("/views"):  # they belong to who asks, and nobody else sees them
            assert verb.scope != "read" or not verb.changes, f"{name} changes something and asks for no more than read"


@pytest.mark.feature("M111", "P29")
@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_a_role_may_what_it_says_on_every_route(served: Served, role: str) -> None:
    """B9: a role that may not gets 403 from every route, whatever it sends; without a token 401."""
    scopes = ROLES.get(role, frozenset())
    token = served.token(*sorted(scopes)) if scopes else None
    for name, verb in load().items():
        path = "/api/v1" + "/".join("1" if piece.startswith("{") else piece for piece in verb.path.split("/"))
        if verb.scope in scopes:
            continue
        got = served.ask(verb.method, path, {} if verb.changes else None, token=token)
        allowed = (403, 400) if verb.changes or verb.parameters else (403,)
        assert got.status in ((401,) if token is None else allowed), (name, got)
        assert token is None or got.status != 400 or got.json["detail"].startswith(name), (name, got)


@pytest.mark.feature("M111")
def test_who_is_limited_to_a_group_deletes_nothing_else_with_its_children(served: Served) -> None:
    """B9."""
    token = served.token("read", "operate", groups=["sar"])
    top = served.driven.born("echo")
    (below,) = births.submit(served.project, NewEvent("scene", origin_id=top)).processings
    for born in (top, below):
        assert served.ask("POST", f"/api/v1/processings/{born}/cancel").status == 200
    served.driven.turn()
    refused = served.ask("DELETE", f"/api/v1/processings/{top}", {"children": True}, token=token)
    assert (refused.status, refused.json["code"]) == (403, "Denied")
    assert served.ask("GET", f"/api/v1/processings/{below}").status == 200
    assert served.ask("DELETE", f"/api/v1/processings/{top}", {}, token=token).status == 200


@pytest.mark.feature("M111")
def test_who_is_limited_to_a_group_registers_tasks_of_that_group_alone(served: Served) -> None:
    """B9: neither puts one into another group, nor takes one out of it, nor forgets it."""
    token = served.token("define", groups=["sar"])

    def register(name: str, group: object, by: str = "") -> int:
        return served.ask("POST", "/api/v1/tasks", {"name": name, "options": {"group": group}}, token=by).status

    assert register("theirs", "optical") == 200
    assert [register("new", group, token) for group in ("optical", None, ["sar"])] == [403, 403, 403]
    assert register("theirs", "sar", token) == 403
    assert served.ask("DELETE", "/api/v1/tasks/theirs", {}, token=token).status == 403
    assert register("ours", "sar", token) == 200
    assert register("ours", "optical", token) == 403
    assert served.ask("DELETE", "/api/v1/tasks/ours", {}, token=token).status == 200


@pytest.mark.feature("M111")
def test_who_is_limited_to_a_group_sees_and_starts_nothing_else(served: Served) -> None:
    token = served.token("read", "trigger", "operate", groups=["sar"])
    assert served.ask("POST", "/api/v1/hooks/echo", {}, token=token).status == 202
    assert served.ask("POST", "/api/v1/hooks/scene", {}, token=token).status == 403
    assert served.ask("POST", "/api/v1/hooks/unknown", {}, token=token).status == 403
    assert served.ask("GET", "/metrics", token=token).status == 403
    assert served.ask("GET", "/api/v1/health", token=token).status == 200
    if "show" in load():
        scene, echo = served.driven.born("scene"), served.driven.born("echo")
        assert served.ask("GET", f"/api/v1/processings/{scene}", token=token).status == 404
        assert served.ask("GET", f"/api/v1/processings/{echo}", token=token).status == 200
        found = served.ask("GET", "/api/v1/processings?limit=100", token=token).json["items"]
        assert {each["task"] for each in found} == {"radar"}
