"""Alerts by mail and chat, to real servers here: one per cause, once when it is over, nothing lost on failure."""

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner

from procession.cli.main import group
from procession.commands import alerts, causes, messages, processings
from procession.commands.asked import Asked
from procession.errors import ConfigError, Refused
from procession.project import Project
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.flow.receiving import JsonReceiver, MailServer
from tests.flow.test_messages import TASK, ended, settle_alerts

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("P30", "M114")


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def chat() -> Iterator[JsonReceiver]:
    with JsonReceiver() as receiver:
        yield receiver


def alerting(*addresses: str) -> str:
    return f"[alerts]\nto = {list(addresses)!r}\n{TASK}"


def test_forty_failures_of_one_cause_are_one_mail_and_its_end_is_one_more(
    drive: Drive,  # noqa: F811
    mail: MailServer,
    chat: JsonReceiver,
) -> None:
    d = drive(alerting(mail.address, chat.address))
    failed = [ended(d, 1, left={"log": f"cannot open /data/{n}.h5"}) for n in range(40)]
    settle_alerts(d)
    d.crash()
    settle_alerts(d)
    assert len(mail.mails) == len(chat.taken) == 1
    (first,) = chat.taken
    assert first["title"].startswith("[")
    assert "scene, one: exit code 1: cannot open /data/" in first["title"]
    assert "A terminal where it failed: procession shell" in first["message"]
    assert first["type"] == "failure"
    assert "Subject:" in mail.mails[0] and "To: ann@example.org" in mail.mails[0]
    d.clock.advance(1)
    ended(d)
    for each in failed[1:]:
        processings.retry(d.project, each)
    settle_alerts(d)
    assert len(mail.mails) == len(chat.taken) == 1, "one is not mended"
    processings.retry(d.project, failed[0])
    settle_alerts(d)
    assert len(mail.mails) == len(chat.taken) == 2
    assert "over: scene, one" in chat.taken[1]["title"]
    assert chat.taken[1]["type"] == "success"


def test_who_was_reached_is_not_told_again_while_another_is_tried(
    drive: Drive,  # noqa: F811
    mail: MailServer,
    chat: JsonReceiver,
) -> None:
    d = drive(alerting(mail.address, chat.address))
    mail.broken = True
    ended(d, 1, left={"log": "no band"})
    for _ in range(8):
        settle_alerts(d)
        d.clock.advance(4000)
    assert len(chat.taken) == 1
    (message,) = messages.newest(d.project)
    assert message.told_at is None
    assert message.problem is not None
    assert "address 1 (mailto)" in message.problem
    mail.broken = False
    settle_alerts(d)
    d.clock.advance(4000)
    settle_alerts(d)
    assert (len(mail.mails), len(chat.taken)) == (1, 1)
    (message,) = messages.newest(d.project)
    assert (message.problem, message.told_at is None) == (None, False)


@pytest.mark.feature("M50")
def test_a_script_that_asks_to_wait_for_hours_is_told_with_the_time_of_the_next_try(
    drive: Drive,  # noqa: F811
    chat: JsonReceiver,
) -> None:
    d = drive(alerting(chat.address))
    ended(d, 75, left={"log": "catalogue not updated yet", "retry_after": "60\n"})
    settle_alerts(d)
    assert chat.taken == [], "a short wait is nobody's business"
    pid = ended(d, 75, left={"log": "permission denied: /archive/7", "retry_after": "21600\n"})
    settle_alerts(d)
    (first,) = chat.taken
    due = d.step(pid).due_at
    assert due is not None
    assert f"it is tried again at {due:%Y-%m-%d %H:%M:%S} UTC" in first["message"]
    assert f"It is tried again at {due:%Y-%m-%dT%H:%M:%S}" in first["message"]
    d.clock.advance(21601)
    d.turn()
    d.end(pid)
    settle_alerts(d)
    assert [each["type"] for each in chat.taken] == ["failure", "success"]


def test_nobody_is_told_of_a_muted_cause(drive: Drive, chat: JsonReceiver) -> None:  # noqa: F811
    d = drive(alerting(chat.address))
    first = ended(d, 1, left={"log": "no band"})
    settle_alerts(d)
    causes.mute(d.project, causes.listed(d.project)[0].signature, Asked("ann"))
    d.clock.advance(1)
    processings.retry(d.project, first)
    d.turn()
    d.end(first)
    d.clock.advance(1)
    ended(d, 1, left={"log": "no band"})
    settle_alerts(d)
    assert [each["type"] for each in chat.taken] == ["failure", "success"]


def test_addresses_with_passwords_stand_in_a_file_of_their_own(
    drive: Drive,  # noqa: F811
    chat: JsonReceiver,
) -> None:
    d = drive(f'[alerts]\nto_file = "people"\n{TASK}')
    ended(d, 1, left={"log": "no band"})
    settle_alerts(d)
    (message,) = messages.newest(d.project)
    assert message.problem is not None
    assert "cannot be read" in message.problem
    (d.root / "people").write_text(f"# who is on duty\n\njson://ann:secret@127.0.0.1:{chat.port}/hook\n")
    d.clock.advance(4000)
    settle_alerts(d)
    assert len(chat.taken) == 1
    with d.project.store.read() as tx:
        stored = str(tx.connection.exec_driver_sql("SELECT settings FROM installation").scalar())
    assert "secret" not in stored


def test_a_password_is_never_told(drive: Drive, chat: JsonReceiver) -> None:  # noqa: F811
    d = drive(f'[alerts]\nto_file = "people"\n{TASK}')
    chat.status = 500
    (d.root / "people").write_text(f"json://ann:topsecret@127.0.0.1:{chat.port}/hook\nnonsense://topsecret\n")
    ended(d, 1, left={"log": "no band"})
    settle_alerts(d)
    (message,) = messages.newest(d.project)
    assert message.problem is not None
    assert "address 1 (json)" in message.problem
    assert "address 2 (nonsense)" in message.problem
    assert "topsecret" not in message.problem


def test_the_test_says_who_was_reached(drive: Drive, mail: MailServer, chat: JsonReceiver) -> None:  # noqa: F811
    d = drive(alerting(mail.address, chat.address))
    assert alerts.test(d.project, "ann") == [{"way": "to", "told": True, "reached": 2, "problem": None}]
    assert "a test of the alerts, asked for by ann" in chat.taken[0]["message"]
    chat.status = 404
    done = CliRunner().invoke(group, ["--project", str(d.root), "alerts", "test"])
    assert done.exit_code == 1
    assert "not told: address 2 (json)" in done.output
    d.write(TASK)
    d.project.refresh()
    with pytest.raises(Refused, match="neither command nor to"):
        alerts.test(d.project, "ann")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('to = ["ann@example.org"]', "is no address"),
        ('to = ["mailto://"]', "is no address"),
        ('to = ["mailto://ann:secret@example.org"]', "has a password in it"),
        ('to = ["json://a\\nb"]', "is no address"),
        ("to = []", "must not be empty"),
        ('too = ["json://x"]', "did you mean to"),
        ("", "says neither command nor to"),
    ],
)
def test_a_mistake_in_the_file_is_told(drive: Drive, line: str, said: str) -> None:  # noqa: F811
    """B36: addresses are the operator's, and passwords stand in a file of their own."""
    d = drive(TASK)
    d.write(f"[alerts]\n{line}\n{TASK}")
    with pytest.raises(ConfigError) as refused:
        Project.open(d.root, d.clock)
    assert any(said in problem for problem in refused.value.problems), refused.value.problems
    assert not any("secret" in problem for problem in refused.value.problems)
