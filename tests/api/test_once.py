"""What is sent again is answered again and not done again; what comes at the same time is stored together."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from procession.errors import Refused
from procession.sdk import problems
from procession.sdk.remote import Remote
from procession.store import audit, events
from tests.api.served import Served


def count(served: Served, table: str) -> int:
    return int(served.driven.rows(f"SELECT count(*) AS n FROM {table}")[0].n)


@pytest.mark.feature("P8", "M102")
def test_a_request_with_a_key_is_done_once(served: Served) -> None:
    body, headers = {"name": "once"}, {"Idempotency-Key": "a-1"}
    first = served.ask("POST", "/api/v1/users", body, headers=headers)
    again = served.ask("POST", "/api/v1/users", body, headers=headers)
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert again.headers["idempotent-replayed"] == "true"
    other = served.ask("POST", "/api/v1/users", {"name": "another"}, headers=headers)
    assert other.status == 422


@pytest.mark.feature("M103", "P29")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokens", {"name": "once", "scopes": ["read"]}),
        ("/login-links", {}),
        ("/users", {"name": "secretive", "password": "S3CR3T-canary"}),
    ],
)
def test_no_secret_is_kept_for_who_asks_again(served: Served, path: str, body: dict[str, object]) -> None:
    """B46: nor a hash of one, of which a password could be guessed."""
    headers = {"Idempotency-Key": f"secret{path}"}
    first = served.ask("POST", f"/api/v1{path}", body, headers=headers)
    assert first.status == 201
    again = served.ask("POST", f"/api/v1{path}", body, headers=headers)
    assert (again.status, again.json["code"]) == (409, "Refused")
    assert "was done" in again.json["detail"]
    (row,) = served.driven.rows(f"SELECT status, body, asked FROM answer WHERE key = 'secret{path}'")
    assert (row.status, row.body) == (201, "")
    other = {**body, "password": "another password"} if "password" in body else body
    same = served.ask("POST", f"/api/v1{path}", other, headers=headers)
    assert same.status == 409


@pytest.mark.feature("P8")
def test_a_request_whose_answer_was_lost_is_no_duplicate_to_the_client(served: Served) -> None:
    """The client asks again while it is under way; then it says that nobody knows, and not that the name is taken."""
    served.ask("POST", "/api/v1/users", {"name": "lost"}, headers={"Idempotency-Key": "lost-1"})
    with served.project.store.begin() as tx:
        audit.set_answer(tx, served.admin.removeprefix("procession_")[:8], "lost-1", 0, "")  # killed in between
    again = served.ask("POST", "/api/v1/users", {"name": "lost"}, headers={"Idempotency-Key": "lost-1"})
    assert (again.status, problems.code_of(again.body)) == (409, problems.UNDER_WAY)
    assert type(problems.error_of(again.status, again.body)) is Refused


@pytest.mark.feature("P8")
def test_the_client_gets_the_answer_that_it_lost(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Remote._exchange
    answers: list[tuple[int, bytes]] = []

    def losing(self: Remote, *asked: Any) -> tuple[int, str, bytes]:
        """The first answer is lost, the second sending comes while the first is under way."""
        status, mime, content = exchange(self, *asked)
        answers.append((status, content))
        if len(answers) < 3:
            with served.project.store.begin() as tx:
                stands = 0 if len(answers) == 1 else 201
                tx.connection.execute(text(f"UPDATE answer SET status = {stands} WHERE body LIKE '%astray%'"))
        if len(answers) == 1:
            raise ConnectionResetError("lost")
        return status, mime, content

    monkeypatch.setattr(Remote, "_exchange", losing)
    asker = Remote(f"http://{served.host}", served.admin, 10)
    found = asker.ask("user-add", {"name": "astray"})
    assert [status for status, _ in answers] == [201, 409, 201]
    assert found.body == answers[0][1]
    asker.close()


def test_a_refusal_takes_no_key(served: Served) -> None:
    headers = {"Idempotency-Key": "a-2"}
    assert served.ask("DELETE", "/api/v1/users/later", headers=headers).status == 404
    assert served.ask("POST", "/api/v1/users", {"name": "later"}).status == 201
    assert served.ask("DELETE", "/api/v1/users/later", headers=headers).status == 200
    assert served.ask("DELETE", "/api/v1/users/later", headers=headers).status == 200


def test_a_key_is_each_callers_own(served: Served) -> None:
    headers, other = {"Idempotency-Key": "a-3"}, served.token("admin")
    assert served.ask("POST", "/api/v1/users", {"name": "own"}, headers=headers).status == 201
    assert served.ask("POST", "/api/v1/users", {"name": "own"}, headers=headers, token=other).status == 409


@pytest.mark.feature("P8")
def test_of_many_with_one_key_at_the_same_time_one_is_done(served: Served) -> None:
    before = count(served, "event")

    def ask(n: int) -> int:
        headers = {"Idempotency-Key": "a-4", "Procession-Key": f"k{n % 2}"}
        return served.ask("POST", "/api/v1/hooks/scene", {"sat": "L8"}, headers=headers).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(0), range(24)))
    assert set(statuses) <= {202, 409}
    assert 202 in statuses
    assert count(served, "event") == before + 1


@pytest.mark.parametrize("key", ["", "a" * 256, "\xe9", "a\tb"])
def test_a_key_that_cannot_be_one_is_refused(served: Served, key: str) -> None:
    """B15."""
    assert served.ask("POST", "/api/v1/users", {"name": "x"}, headers={"Idempotency-Key": key}).status == 400


@pytest.mark.feature("P8")
def test_what_is_posted_to_a_hook_becomes_an_event(served: Served) -> None:
    token = served.token("trigger")
    got = served.ask(
        "POST", "/api/v1/hooks/scene", {"path": "a.tif", "bands": [1, 2]}, token=token,
        headers={"Procession-Key": "LC08"},
    )  # fmt: skip
    assert got.status == 202
    assert len(got.json["processings"]) == 1
    with served.project.store.read() as tx:
        stored = events.find(tx, got.json["id"])
    assert stored is not None
    assert (stored.key, stored.params) == ("LC08", {"path": "a.tif", "bands": [1, 2]})
    assert served.ask("POST", "/api/v1/hooks/scene", {}, token=served.token("read")).status == 403
    assert served.ask("POST", "/api/v1/hooks/scene", [1], token=token).status == 400
    assert served.ask("POST", "/api/v1/hooks/no%20name", {}, token=token).status == 400


@pytest.mark.feature("M102")
def test_events_that_come_at_the_same_time_are_all_stored_each_with_its_answer(served: Served) -> None:
    """G1: nobody is answered before it is stored; one that is refused harms no other."""

    def ask(n: int) -> tuple[int, int]:
        params = {"PATH": "x"} if n % 10 == 9 else {"n": n}
        got = served.ask("POST", "/api/v1/hooks/scene", params, headers={"Procession-Key": f"many-{n // 2}"})
        return got.status, got.json.get("id", 0)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))
    assert [status for status, _ in answers] == [400 if n % 10 == 9 else 202 for n in range(200)]
    with served.project.store.read() as tx:
        for n, (status, event_id) in enumerate(answers):
            if status == 202:
                found = events.find(tx, event_id)
                assert found is not None
                assert found.key == f"many-{n // 2}"
    rows = served.driven.rows("SELECT count(*) AS n FROM audit WHERE verb = 'hook' AND outcome = 'done'")
    assert rows[0].n >= 180


@pytest.mark.feature("P8", "M117")
def test_an_event_without_an_idempotency_key_has_the_same_audit_and_the_same_refusals(served: Served) -> None:
    """Such an event is handed to the writing thread by the loop itself, and goes the long way where it is refused."""

    def lines(outcome: str) -> int:
        asked = f"SELECT count(*) AS n FROM audit WHERE verb = 'emit' AND outcome = '{outcome}'"
        return int(served.driven.rows(asked)[0].n)

    done, refused, events_, noted = lines("done"), lines("Invalid"), count(served, "event"), count(served, "refusal")
    first = served.ask("POST", "/api/v1/events", {"event": "plain", "key": "p", "params": {"n": 1}})
    again = served.ask("POST", "/api/v1/events", {"event": "plain", "key": "p", "params": {"n": 2}})
    assert (first.status, again.status) == (200, 200)
    assert (first.json["duplicate"], again.json["duplicate"], again.json["conflict"]) == (False, True, True)
    assert again.json["id"] == first.json["id"]
    assert again.json["params"] == {"n": 1}
    assert served.ask("POST", "/api/v1/events", {"event": "no name"}).status == 400
    assert served.ask("POST", "/api/v1/events", {"event": "plain"}, token=served.token("read")).status == 403
    assert lines("done") == done + 2
    assert lines("Invalid") == refused + 1
    assert count(served, "event") == events_ + 1
    assert count(served, "refusal") == noted + 1
