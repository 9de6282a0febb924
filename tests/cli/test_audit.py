"""What a person does at the command line stands in the audit, whichever command it is, done or refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from procession import verbs
from procession.cli.context import APART, BY_OPTION, LOOKING, THROUGH
from procession.cli.main import COMMANDS, group
from procession.commands import instances
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from tests.flow.driven import Driven

pytestmark = pytest.mark.feature("P29")
TOML = """
[limits]
ftp = 2
[tasks.t]
on = "e"
run = "./one.sh"
retry = { attempts = 1 }
[tasks.Sum]
outside = true
"""


@pytest.fixture
def d(tmp_path: Path) -> Iterator[Driven]:
    found = Driven(tmp_path / "p", TOML)
    yield found
    found.close()


def say(d: Driven, *words: str) -> int:
    return CliRunner().invoke(group, ["--project", str(d.root), *words]).exit_code


def lines(d: Driven) -> list[tuple[str, str]]:
    return [(row.verb, row.outcome) for row in d.rows("SELECT verb, outcome FROM audit ORDER BY id")]


OF_VERBS = {"token-add", "token-revoke", "login-link", "user-add", "user-set", "user-remove", "batch-cancel",
            "variable-set-add", "variable-set-remove", "cause-note", "rerun", "rerun-runs", "trial"}  # fmt: skip
"""Verbs that the command line asks for through the door which notes; see the tests of that door."""
OF_PROGRAMS = {
    "save-view",
    "remove-view",
    "emit-many",
    "submit-all",
    "hook",
    "batch-add",
    "stop-launcher",
    "work-pause",
    "work-resume",
}
"""Verbs that no command does under their own name."""
REFUSED = [
    ["cancel", "99"], ["retry", "99"], ["restart", "99"], ["hold", "99"], ["release", "99"], ["run-now", "99"],
    ["delete", "99"], ["pin", "99"], ["unpin", "99"], ["accept", "99"], ["stop"], ["unregister", "none"],
    ["submit", "none"], ["instance", "none", "k", "--delete"], ["redeliver", "99"], ["claim", "--task", "none"],
    ["start", "x"], ["heartbeat", "x"], ["succeed", "x"], ["fail", "x", "why"], ["give-back", "x"],
    ["acquire", "ftp", "--attempt", "x"], ["release-lock", "ftp", "--attempt", "x"], ["unlock", "nothing"],
    ["drain", "none"], ["maintenance", "none"], ["undrain", "none"], ["give-up", "none", "-y"],
    ["pause", "none"], ["resume", "none"], ["set", "limit", "none=1"], ["reset", "limit", "none"],
    ["register", "bad name"], ["emit", "bad name"], ["read", "--all"], ["disk", "--clean"],
    ["mute", "0000"], ["unmute", "0000"], ["alerts", "test"], ["banner", "--clear"],
    ["missed", "none", "--submit"],
    ["note", "99", "seen"], ["assign", "0000", "--owner", "ann"], ["resolve", "0000"], ["answer", "99", "check", "yes"],
    ["cancel-key", "e", "k"], ["republish", "none"],
]  # fmt: skip
VERB_OF = {"instance": "delete-instance", "disk": "clean", "alerts": "alerts-test", "missed": "submit-missed"}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_every_command_that_changes_leaves_a_line_also_when_it_is_refused(d: Driven, words: list[str]) -> None:
    code = say(d, *words)
    ((verb, outcome),) = lines(d)
    assert verb == VERB_OF.get(words[0], words[0])
    assert (outcome == "done") == (code == 0)


def test_no_verb_that_changes_is_missing_here() -> None:
    asked = {VERB_OF.get(words[0], words[0]) for words in REFUSED}
    assert asked == {each.name for each in verbs.load().values() if each.changes} - OF_VERBS - OF_PROGRAMS


def test_commands_that_leave_no_line_are_no_verbs_that_change() -> None:
    changing = {each.name for each in verbs.load().values() if each.changes}
    assert not changing & (LOOKING | APART)
    named = {name for section in COMMANDS.values() for name in section}
    assert named >= LOOKING | APART | THROUGH | BY_OPTION.keys()


def test_what_is_done_leaves_one_line_each(d: Driven) -> None:
    d.born()
    instances.submit(d.project, "Sum", NewInstance("k"), Asked("x"))
    assert say(d, "hold", "1") == say(d, "release", "1") == say(d, "cancel", "1") == 0
    assert say(d, "claim", "--worker", "w") == 0
    assert say(d, "submit", "Sum", "other") == 0
    assert say(d, "instance", "Sum", "other", "--delete", "--cancel") == 0
    assert [verb for verb, _ in lines(d)] == ["hold", "release", "cancel", "claim", "submit", "delete-instance"]
    assert {outcome for _, outcome in lines(d)} == {"done"}
    rows = d.rows("SELECT subject FROM audit ORDER BY id")
    assert [row.subject for row in rows[:3]] == ["processing:1"] * 3


def test_who_only_looks_or_tries_leaves_no_line(d: Driven) -> None:
    d.born()
    for words in (["list"], ["show", "1"], ["disk"], ["instance", "Sum"], ["cancel", "1", "--dry-run"], ["set"]):
        say(d, *words)
    assert lines(d) == []


def test_a_batch_of_which_everything_is_refused_leaves_a_line(d: Driven) -> None:
    assert say(d, "retry", "98", "99", "-y") != 0
    assert lines(d) == [("retry", "Refused")]
