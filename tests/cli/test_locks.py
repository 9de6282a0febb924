"""Locks at the command line: a command that runs while they are held, and scripts that run by hand."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from procession.cli.main import group
from procession.commands import locks
from procession.commands.asked import Asked
from procession.errors import Invalid, Refused
from tests.flow.driven import Driven
from tests.waiting import eventually

pytestmark = pytest.mark.feature("M45", "M46")
TOML = """
[limits]
none = 0
[tasks.t]
on = "e"
run = "./one.sh"
"""


@pytest.fixture
def d(tmp_path: Path) -> Iterator[Driven]:
    found = Driven(tmp_path / "p", TOML)
    yield found
    found.close()


def ask(d: Driven, *words: str, **variables: str | None) -> Result:
    return CliRunner().invoke(group, ["--project", str(d.root), *words], env=variables)


@pytest.fixture
def key(d: Driven) -> str:
    """Of an attempt that lives."""
    pid = d.born()
    d.turn()
    return d.project.attempt_key(pid, 1, 1)


def with_lock(d: Driven, key: str, names: str, script: str) -> Result:
    return ask(d, "with-lock", *names.split(), "--attempt", key, "--", "bash", "-c", script)


def names(d: Driven) -> list[str]:
    return [taken.name for taken in locks.find(d.project)]


def test_the_command_runs_while_all_are_held_and_its_exit_code_is_the_answer(d: Driven, key: str) -> None:
    seen = d.root / "seen"
    found = with_lock(d, key, "b a b", f"echo $PROCESSION_FENCE > {seen}; exit 7")
    assert (found.exit_code, names(d)) == (7, [])
    first, second = map(int, seen.read_text().split())
    assert first != second
    with_lock(d, key, "a", f"echo $PROCESSION_FENCE > {seen}; kill -9 $$")
    assert int(seen.read_text()) > max(first, second)
    assert with_lock(d, key, "a", "kill -9 $$").exit_code == 137, "as a shell says it"
    assert with_lock(d, key, "a", "trap 'exit 3' TERM; kill -TERM $PPID; sleep 60 & wait").exit_code == 3
    assert ask(d, "with-lock", "a", "--attempt", key, "--", "/none").exit_code == 127
    assert ask(d, "with-lock", "a", "--attempt", key, "--", "/etc/passwd").exit_code == 126
    assert names(d) == []
    verbs = [row.verb for row in d.rows("SELECT verb FROM audit ORDER BY id")]
    assert verbs == ["acquire", "release-lock"] * 6


def test_where_not_all_can_be_had_the_command_does_not_run(d: Driven, key: str) -> None:
    found = with_lock(d, key, "a none", f"touch {d.root}/ran")
    assert found.exit_code == 75
    assert "of none there is nothing" in found.stderr
    assert names(d) == []
    assert not (d.root / "ran").exists()
    assert ask(d, "with-lock", "a", "--attempt", key).exit_code == 2, "nothing to run"


def test_a_lock_that_was_taken_away_meanwhile_is_told(d: Driven, key: str) -> None:
    """Well or not: a command that failed keeps its code."""
    gate = d.root / "gate"
    os.mkfifo(gate)

    def take_away() -> None:
        eventually(lambda: names(d) == ["a"])
        locks.unlock(d.project, "a", Asked("somebody"))
        gate.write_text("go\n")

    for code in (0, 4):
        thread = Thread(target=take_away)
        thread.start()
        found = with_lock(d, key, "a", f"read go < {gate}; exit {code}")
        thread.join()
        if code:
            assert (found.exit_code, "does not hold a" in found.stderr) == (4, True)
        else:
            assert isinstance(found.exception, Refused)
            assert "does not hold a" in str(found.exception)


def test_a_signal_while_it_waits_ends_it_and_it_leaves_the_queue(d: Driven, key: str) -> None:
    d.born(place=1)
    d.turn()
    other = d.project.read_key(d.project.attempt_key(2, 1, 1))
    assert other is not None
    locks.acquire(d.project, other, ["a"])

    def end() -> None:
        eventually(lambda: d.rows("SELECT id FROM lock_wait"))
        os.kill(os.getpid(), number)

    for number in (signal.SIGTERM, signal.SIGINT):
        thread = Thread(target=end)
        thread.start()
        found = ask(d, "with-lock", "a", "b", "--wait", "60s", "--attempt", key, "--", "touch", str(d.root / "ran"))
        thread.join()
        assert found.exit_code == 128 + number
        assert (names(d), d.rows("SELECT id FROM lock_wait")) == (["a"], [])
    assert not (d.root / "ran").exists()


def test_a_signal_while_they_are_released_is_acted_on_when_they_are(d: Driven, key: str) -> None:
    gate = d.root / "gate"
    os.mkfifo(gate)

    def end() -> None:
        pid = int(gate.read_text())
        eventually(lambda: not Path(f"/proc/{pid}").exists())
        os.kill(os.getpid(), signal.SIGTERM)

    def begin() -> None:
        eventually(lambda: names(d) == ["a"])
        with d.project.store.begin() as tx:  # nobody releases anything meanwhile
            tx.claim_alone()
            end()

    thread = Thread(target=begin)
    thread.start()
    found = with_lock(d, key, "a", f"echo $$ > {gate}")
    thread.join()
    assert (found.exit_code, names(d)) == (128 + signal.SIGTERM, [])


def test_what_is_still_held_is_released_where_one_was_taken_away_or_had_by_another(d: Driven, key: str) -> None:
    """Had by another script of this processing meanwhile: that grant is not ours."""
    which = d.project.read_key(key)
    assert which is not None

    def take_away() -> None:
        eventually(lambda: names(d) == ["a", "b", "c"])
        locks.unlock(d.project, "a", Asked("somebody"))
        locks.unlock(d.project, "b", Asked("somebody"))
        locks.acquire(d.project, which, ["b"])
        gate.write_text("go\n")

    gate = d.root / "gate"
    os.mkfifo(gate)
    thread = Thread(target=take_away)
    thread.start()
    found = with_lock(d, key, "a b c", f"read go < {gate}")
    thread.join()
    assert names(d) == ["b"]
    assert "does not hold a, b any more: somebody took it away; the others were released" in str(found.exception)


def test_by_hand_a_script_goes_the_same_way_and_nothing_is_locked(d: Driven, tmp_path: Path) -> None:
    """Outside a project, too; an odd name is odd by hand, too."""
    ran = tmp_path / "ran"
    found = CliRunner().invoke(
        group, ["--project", "/none", "with-lock", "b", "a", "--by-hand", "--", "touch", str(ran)]
    )
    assert (found.exit_code, ran.exists()) == (0, True)
    assert found.stderr == "procession: would lock a, b; by hand nothing is locked\n"
    found = ask(d, "acquire", "a", "--json", "--by-hand")
    assert json.loads(found.stdout)["locks"] == [{"name": "a", "fence": 0, "count": 1}]
    assert ask(d, "release-lock", "a", "--by-hand").exit_code == 0
    assert isinstance(ask(d, "acquire", "a b", "--by-hand").exception, Invalid)
    assert names(d) == []


def test_a_superscript_is_no_number_of_seconds(d: Driven, key: str) -> None:
    assert isinstance(ask(d, "acquire", "a", "--wait", "²", "--attempt", key).exception, Invalid)


@pytest.mark.parametrize("verb", ["acquire", "release-lock", "with-lock"])
def test_where_the_environment_was_cleaned_nothing_goes_on_without_its_locks(d: Driven, key: str, verb: str) -> None:
    command = ["--", "touch", str(d.root / "ran")] if verb == "with-lock" else []
    for variables in ({}, {"PROCESSION_KEY": key.rpartition("-")[0]}, {"PROCESSION_BY_HAND": key}):
        found = ask(d, verb, "a", *command, **variables).exception
        assert isinstance(found, Invalid)
        assert "in a script that you run by hand: --by-hand" in str(found)
    found = ask(d, verb, "a", "--by-hand", "--attempt", key, *command).exception
    assert isinstance(found, Invalid)
    assert "--by-hand is for where no attempt is" in str(found)
    assert not (d.root / "ran").exists()


def test_in_the_shell_of_an_attempt_it_is_by_hand_and_in_the_attempt_it_is_not(d: Driven, key: str) -> None:
    step, _, number = key.rpartition("-")
    inside = {"PROCESSION_KEY": step, "PROCESSION_ATTEMPT": number}
    assert ask(d, "acquire", "a", PROCESSION_BY_HAND=key, **inside).exit_code == 0
    assert names(d) == []
    other = ask(d, "acquire", "a", PROCESSION_BY_HAND=f"{step}-7", **inside)
    assert other.stdout.startswith("a is yours, with fence "), "the mark of a shell around says nothing of this attempt"
    assert names(d) == ["a"]
    locks.unlock(d.project, "a", Asked("somebody"))
