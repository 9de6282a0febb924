"""Verbs on steps: slices of logs add up to the log, and what a person did by hand is taken in their name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.commands import logs
from procession.errors import Invalid, NotFound
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.verbs.calling import ask, said

Drive = Callable[..., Driven]
TASK = '[tasks.t]\non = "e"\nrun = "./one.sh"\nretry = { attempts = 1 }\n'


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TASK)


def log_of(d: Driven, pid: int) -> Path:
    path = d.project.var.attempt(pid, 1, "one", 1) / "log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.feature("P27")
def test_a_log_is_read_in_slices_that_end_where_the_attempt_has_ended(d: Driven) -> None:
    pid = d.born()
    with pytest.raises(NotFound, match="has not begun"):
        ask(d, "logs", id=pid)
    d.turn()
    d.begin()
    log_of(d, pid).write_text("één\ntwee\n")
    first = ask(d, "logs", id=pid, limit=5)
    assert (first["text"], first["next"], first["ended"]) == ("één", 5, False)
    rest = ask(d, "logs", id=pid, offset=first["next"])
    assert (rest["text"], rest["next"], rest["size"]) == ("\ntwee\n", 11, 11)
    assert ask(d, "logs", id=pid, offset=-5)["text"] == "twee\n"
    assert ask(d, "logs", id=pid, offset=10**9)["text"] == ""
    d.end(pid, 1)
    assert ask(d, "logs", id=pid, offset=11)["ended"]
    for wrong in ({"limit": 0}, {"limit": 2 << 20}, {"offset": 2**70}, {"offset": "1"}):
        with pytest.raises(Invalid):
            ask(d, "logs", id=pid, **wrong)
    for unknown in ({"step": "two"}, {"attempt": 2}):
        with pytest.raises(NotFound):
            ask(d, "logs", id=pid, **unknown)


@given(text=st.text(max_size=60), limit=st.integers(4, 12))
def test_slices_add_up_to_the_text_and_cut_no_letter(
    tmp_path_factory: pytest.TempPathFactory, text: str, limit: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(text.replace("\0", "").encode())
    told, at, ended = "", 0, False
    while not ended:
        found = logs._slice(path, at, limit, (1, "one", 1), ended=True)
        told, ended, at = told + found.text, found.end == found.size, found.end
    assert told == text.replace("\0", "")


@given(content=st.binary(max_size=60), limit=st.integers(1, 12))
def test_any_bytes_are_read_to_their_end(tmp_path_factory: pytest.TempPathFactory, content: bytes, limit: int) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(content.replace(b"\0", b""))
    at, turns = 0, 0
    while at < path.stat().st_size:
        found = logs._slice(path, at, limit, (1, "one", 1), ended=True)
        assert found.end > at
        at, turns = found.end, turns + 1
    assert turns <= 60


@pytest.mark.feature("P27")
def test_a_step_is_accepted_in_the_name_of_who_asked(d: Driven) -> None:
    pid = d.born()
    d.turn()
    d.end(pid, 1)
    log_of(d, pid)
    found = ask(d, "accept", id=pid, note="by hand")
    last = found["steps"][0]["attempts"][-1]
    assert (found["state"], last["made_by"], last["note"]) == ("succeeded", "ada", "by hand")
    assert said(d, "accept") == [("ada", "by hand")]


def test_what_procession_did_is_a_log_too(d: Driven) -> None:
    d.project.var.log.write_text("a line\n")
    found = ask(d, "system-log")
    assert (found["text"], found["processing"], found["ended"]) == ("a line\n", None, False)
