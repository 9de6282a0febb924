"""Programs elsewhere: what one user or token has claimed is no other's to speak of."""

# ruff: noqa: F811  the fixture of both databases
from collections.abc import Callable
from typing import Any

import pytest

from procession.commands import instances, tokens
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from procession.errors import Denied
from procession.model.caller import digest
from procession.store import tokens as stored
from procession.verbs import Caller
from procession.verbs.access import caller_of
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.verbs.calling import ask, story

Drive = Callable[..., Driven]
FILE = "[tasks.Sum]\noutside = true\n"
SAYINGS: dict[str, dict[str, Any]] = {
    "start": {}, "heartbeat": {"message": "x"}, "work-pause": {}, "work-resume": {}, "succeed": {"result": 1},
    "fail": {"reason": "x"}, "give-back": {},
}  # fmt: skip


def bearer(d: Driven, *scopes: str, account: str | None = None) -> Caller:
    """Who comes with a new token."""
    secret = tokens.add(d.project, "some", scopes or ["operate"], "test", account=account).secret
    with d.project.store.read() as tx:
        found = stored.find(tx, digest(secret))
    assert found is not None
    return caller_of(*found, "192.0.2.1")


def claimed(d: Driven, who: Caller) -> str:
    """The key of an attempt that they have claimed."""
    instances.submit(d.project, "Sum", NewInstance(), Asked("somebody"))
    (found,) = ask(d, "claim", who, worker="w1")["items"]
    return str(found["attempt"])


@pytest.mark.feature("M13", "M87")
@pytest.mark.parametrize("saying", SAYINGS)
def test_another_token_is_refused_whatever_it_says_of_an_attempt(drive: Drive, saying: str) -> None:
    d = drive(FILE)
    ours, other = bearer(d), bearer(d)
    attempt = claimed(d, ours)
    ask(d, "start", ours, attempt=attempt)
    before = story(d, 1)
    with pytest.raises(Denied, match="was claimed by w1, who came with another user or token"):
        ask(d, saying, other, attempt=attempt, **SAYINGS[saying])
    assert story(d, 1) == before
    ask(d, "succeed", ours, attempt=attempt)
    after = story(d, 1)
    assert len(after) > len(before)
    with pytest.raises(Denied):  # also when it is over: nothing of it is told to others
        ask(d, saying, other, attempt=attempt, **SAYINGS[saying])
    assert story(d, 1) == after


@pytest.mark.feature("M13", "M87")
def test_an_account_may_come_with_another_of_its_tokens_and_an_administrator_with_any(drive: Drive) -> None:
    d = drive(FILE)
    for name in ("ada", "bob"):
        tokens.add_account(d.project, name, "operator")
    attempt = claimed(d, bearer(d, account="ada"))
    with pytest.raises(Denied):
        ask(d, "start", bearer(d, account="bob"), attempt=attempt)
    ask(d, "start", bearer(d, account="ada"), attempt=attempt)
    ask(d, "heartbeat", bearer(d, "operate", "admin"), attempt=attempt)
    ask(d, "succeed", Caller("somebody", "python"), attempt=attempt)


@pytest.mark.feature("M13", "M87")
def test_what_a_person_of_this_machine_has_claimed_is_no_token_s(drive: Drive) -> None:
    d = drive(FILE)
    attempt = claimed(d, Caller("somebody", "cli"))
    with pytest.raises(Denied):
        ask(d, "give-back", bearer(d), attempt=attempt)
    ask(d, "give-back", Caller("somebody else", "cli"), attempt=attempt)
