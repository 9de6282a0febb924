"""Who is let in: tokens, links, passwords, sessions; and what each leaves in the audit."""

import json
import re
from pathlib import Path

import pytest

from procession.commands import tokens
from procession.errors import Denied, ProcessionError
from procession.model.caller import ROLES, digest, hashed, is_password
from procession.verbs import Caller, call
from tests.api.served import Served, serving
from tests.waiting import eventually


def origin(served: Served) -> dict[str, str]:
    return {"Origin": f"http://{served.host}"}


@pytest.mark.feature("M102", "P29")
@pytest.mark.parametrize(
    "secret", ["nonsense", "procession_" + "A" * 43, "procession_" + "A" * 1_000, "procession_\xff" + "A" * 42, ""]
)
def test_an_unknown_token_lets_nobody_in(served: Served, secret: str) -> None:
    """B9."""
    got = served.ask("GET", "/api/v1/health", token=None, headers={"Authorization": f"Bearer {secret}"})
    assert got.status == 401
    assert "www-authenticate" in got.headers


def test_a_token_of_a_megabyte_is_refused(served: Served) -> None:
    """B9."""
    got = served.say(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"a" * (1 << 20))
    assert got == b"" or got.startswith(b"HTTP/1.1 400")


@pytest.mark.feature("P29")
def test_a_token_may_what_its_scopes_say_until_it_is_revoked(served: Served) -> None:
    """B9."""
    token = served.token("read")
    assert served.ask("GET", "/api/v1/health", token=token).status == 200
    refused = served.ask("GET", "/api/v1/tokens", token=token)
    assert refused.status == 403
    assert refused.json["code"] == "Denied"
    key = token.removeprefix("procession_")[:8]
    assert served.ask("DELETE", f"/api/v1/tokens/{key}").status == 200
    eventually(lambda: served.ask("GET", "/api/v1/health", token=token).status == 401)
    assert served.ask("DELETE", f"/api/v1/tokens/{key}").status == 404


def test_a_token_holds_no_longer_than_it_was_made_for(served: Served) -> None:
    """B9."""
    made = tokens.add(served.project, "short", ["read"], "test", seconds=60)
    assert served.ask("GET", "/api/v1/health", token=made.secret).status == 200
    served.driven.clock.advance(61)
    eventually(lambda: served.ask("GET", "/api/v1/health", token=made.secret).status == 401)


@pytest.mark.feature("P29", "M112")
def test_a_login_link_opens_one_session_once(served: Served) -> None:
    """B46."""
    link = served.ask("POST", "/api/v1/login-links", {}).json["code"]
    got = served.ask("POST", "/login", {"code": link}, token=None, headers=origin(served))
    assert got.status == 200
    cookie = got.headers["set-cookie"]
    assert re.search(
        rf"^procession_{served.port}=procession_.+; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200", cookie
    )
    session = {"Cookie": cookie.partition(";")[0], "Sec-Fetch-Site": "same-origin"}
    assert served.ask("GET", "/api/v1/health", token=None, headers=session).status == 200
    assert served.ask("POST", "/login", {"code": link}, token=None, headers=origin(served)).status == 401
    assert served.ask("POST", "/logout", token=None, headers=session).status == 200
    assert served.ask("GET", "/api/v1/health", token=None, headers=session).status == 401


@pytest.mark.feature("M103", "M112")
def test_the_audit_names_whom_a_login_link_logs_in(served: Served) -> None:
    """B49."""
    served.ask("POST", "/api/v1/users", {"name": "lea", "role": "viewer"})
    code = served.ask("POST", "/api/v1/login-links", {"user": "lea"}).json["code"]
    nobodys = served.ask("POST", "/login", {"code": served.admin}, token=None, headers=origin(served))
    assert nobodys.status == 401
    assert served.ask("POST", "/login", {"code": code}, token=None, headers=origin(served)).json == {"by": "lea"}
    opened, wrong = served.ask("GET", "/api/v1/audit?verb=login&limit=2").json["items"]
    assert (opened["by"], opened["subject"], opened["outcome"]) == ("lea", "user:lea", "done")
    assert opened["asked"] == {"user": "lea", "link": True}
    assert (wrong["by"], wrong["subject"], wrong["outcome"]) == ("login link", None, "Denied")
    mine = tokens.link(served.project, "mark").secret
    served.ask("POST", "/login", {"code": mine}, token=None, headers=origin(served))
    (line,) = served.ask("GET", "/api/v1/audit?verb=login&limit=1").json["items"]
    assert (line["by"], line["subject"]) == ("mark", "user:mark")


@pytest.mark.feature("M102", "P29")
def test_a_token_of_a_user_says_what_it_may_within_what_the_user_may(served: Served) -> None:
    """B9."""
    served.ask("POST", "/api/v1/users", {"name": "vic", "role": "viewer", "groups": ["night"]})
    asked = {"name": "annt", "user": "vic", "scopes": ["operate", "trigger"]}
    refused = served.ask("POST", "/api/v1/tokens", asked)
    assert (refused.status, refused.json["code"]) == (409, "Refused")
    assert "the user vic (viewer) has read" in refused.json["detail"]
    elsewhere = served.ask("POST", "/api/v1/tokens", {**asked, "scopes": ["read"], "groups": ["day"]})
    assert "the user vic has night" in elsewhere.json["detail"]
    made = served.ask("POST", "/api/v1/tokens", {**asked, "scopes": ["operate", "read"]}).json
    assert (made["scopes"], made["groups"]) == (["operate", "read"], None)
    assert made["effective"] == {"scopes": ["read"], "groups": ["night"]}
    listed = served.ask("GET", "/api/v1/tokens").json["items"]
    assert next(each for each in listed if each["key"] == made["key"])["effective"] == made["effective"]
    you = served.ask("GET", "/api/v1/health", token=made["secret"]).json["you"]
    assert {"scopes": you["scopes"], "groups": you["groups"]} == made["effective"]


def test_a_login_link_is_too_old_after_five_minutes(served: Served) -> None:
    """B46."""
    made = tokens.link(served.project, "test")
    served.driven.clock.advance(301)
    with pytest.raises(Denied, match="five minutes"):
        tokens.use_link(served.project, made.secret)


def test_a_secret_is_for_the_door_that_it_was_made_for(served: Served) -> None:
    link = tokens.link(served.project, "test").secret
    assert served.ask("GET", "/api/v1/health", token=link).status == 401
    cookie = {"Cookie": f"procession_{served.port}={served.admin}"}
    assert served.ask("GET", "/api/v1/health", token=None, headers=cookie).status == 401


@pytest.mark.feature("M112", "P29")
def test_a_person_logs_in_with_a_password_and_may_what_their_role_says(served: Served) -> None:
    body = {"name": "eva", "role": "operator", "password": "correct horse"}
    made = served.ask("POST", "/api/v1/users", body)
    assert made.status == 201
    assert made.json["role"] == "operator"
    wrong = served.ask("POST", "/login", {"user": "eva", "password": "wrong horse"}, token=None, headers=origin(served))
    nobody = served.ask("POST", "/login", {"user": "nobody", "password": "x"}, token=None, headers=origin(served))
    assert (wrong.status, wrong.json["detail"]) == (nobody.status, nobody.json["detail"]) == (401, wrong.json["detail"])
    right = served.ask(
        "POST", "/login", {"user": "eva", "password": "correct horse"}, token=None, headers=origin(served)
    )
    session = {"Cookie": right.headers["set-cookie"].partition(";")[0], **origin(served)}
    you = served.ask("GET", "/api/v1/health", token=None, headers=session).json["you"]
    assert you == {"by": "eva", "scopes": sorted(ROLES["operator"]), "groups": None}
    assert served.ask("PUT", "/api/v1/users/eva", {"disabled": True}).status == 200
    eventually(lambda: served.ask("GET", "/api/v1/health", token=None, headers=session).status == 401)


@pytest.mark.feature("M112")
def test_passwords_are_tried_ten_times_a_minute(served: Served) -> None:
    """B45."""
    statuses = [
        served.ask("POST", "/login", {"user": "x", "password": "y"}, token=None, headers=origin(served)).status
        for _ in range(14)
    ]
    assert statuses[-1] == 429
    assert set(statuses) == {401, 429}


@pytest.mark.feature("M112")
def test_tries_beyond_that_are_counted_and_not_each_written_down(tmp_path: Path) -> None:
    """B45: codes of links as well; what comes without end must not fill the audit."""
    with serving(tmp_path) as made:
        origin = {"Origin": f"http://{made.host}"}
        code = "procession_" + "A" * 43
        for body in ({"code": code}, {"user": "x", "password": "y"}, {"nothing": "known"}):
            statuses = [made.ask("POST", "/login", body, token=None, headers=origin).status for _ in range(12)]
            assert statuses[-1] == 429
        (row,) = made.driven.rows("SELECT count(*) AS n FROM audit WHERE verb = 'login'")
        assert row.n <= 12
        text = made.ask("GET", "/metrics").body.decode()
        counted = int(re.search(r"^procession_logins_throttled_total (\d+)$", text, re.MULTILINE)[1])  # type: ignore[index]
        assert counted >= 24


def test_a_password_is_kept_so_that_it_cannot_be_read() -> None:
    kept = hashed("correct horse", b"0123456789abcdef")
    assert "correct" not in kept
    assert is_password(kept, "correct horse")
    assert not is_password(kept, "correct horsE")
    assert not is_password(None, "correct horse")


@pytest.mark.feature("M103", "P29")
def test_what_is_asked_for_is_in_the_audit_done_or_refused(served: Served) -> None:
    """B49."""
    token = served.token("read")
    served.ask("POST", "/api/v1/users", {"name": "ann", "password": "S3CR3T-canary"})
    served.ask("POST", "/api/v1/users", {"name": "ann"})
    served.ask("POST", "/api/v1/users", {"name": "ben"}, token=token)
    lines = served.ask("GET", "/api/v1/audit?limit=3").json["items"]
    assert [line["outcome"] for line in lines] == ["Denied", "Refused", "done"]
    assert lines[0]["token"] == token.removeprefix("procession_")[:8]
    assert lines[2]["asked"] == {"name": "ann", "password": "***"}
    assert (lines[2]["via"], lines[2]["origin"], lines[2]["subject"]) == ("http", "127.0.0.1", "name:ann")


def test_no_secret_is_in_the_database_or_in_an_answer(served: Served) -> None:
    made = served.ask("POST", "/api/v1/tokens", {"name": "canary", "scopes": ["read"]}).json
    assert served.ask("GET", "/api/v1/health", token=made["secret"]).status == 200
    files = [path for path in served.project.var.root.rglob("*") if path.is_file() and path.name != "token"]
    for path in files:
        assert made["secret"].encode() not in path.read_bytes(), path
    assert any(digest(made["secret"]).encode() in path.read_bytes() for path in files)
    for path in ("tokens", "audit", "health"):
        assert made["secret"] not in json.dumps(served.ask("GET", f"/api/v1/{path}").json)


@pytest.mark.feature("M103")
def test_what_was_asked_with_half_a_character_can_be_shown(served: Served) -> None:
    """B12: from a command line that was no UTF-8."""
    who = Caller("somebody", "cli")
    with pytest.raises(ProcessionError):
        call(served.project, who, "cancel", {"id": 987654321, "reason": "caf\udce9", "step": "\udce9"})
    got = served.ask("GET", "/api/v1/audit?verb=cancel&limit=1")
    assert got.status == 200
    assert got.json["items"][0]["asked"]["reason"] == "caf\ufffd"
