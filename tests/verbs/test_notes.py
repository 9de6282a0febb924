"""Notes: what people write beside a processing or a cause stays, with their name, and changes nothing else."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from procession import verbs
from procession.cli.main import group
from procession.errors import Denied, Invalid, NotFound
from procession.store import causes
from procession.store import notes as kept
from procession.verbs import Caller
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.verbs.calling import ask, said, story

Drive = Callable[..., Driven]

pytestmark = pytest.mark.feature("P27", "M106")


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive('[tasks.t]\non = "e"\nrun = "./one.sh"\nretry = { attempts = 1 }\n')


def failed(d: Driven) -> int:
    pid = d.born()
    d.turn()
    d.end(pid, 1)
    return pid


def test_a_note_stands_in_the_journal_in_every_state_and_moves_nothing(d: Driven) -> None:
    waiting = d.born()
    ask(d, "note", id=waiting, text="  look at **B10**\nand `gain`  ")
    assert (story(d, waiting)[-1], d.state(waiting)) == ("note", "waiting")
    ended = failed(d)
    found = ask(d, "note", id=ended, text="known")
    assert (found["id"], found["state"]) == (ended, "failed")
    assert said(d, "note") == [("ada", "look at **B10**\nand `gain`"), ("ada", "known")]
    (line,) = [each for each in ask(d, "show", id=ended)["journal"] if each["verb"] == "note"]
    assert (line["by"], line["reason"], line["state"]) == ("ada", "known", None)


@pytest.mark.feature("P29")
def test_a_note_stands_in_the_audit_and_needs_the_scope_operate(d: Driven) -> None:
    pid = d.born()
    ask(d, "note", id=pid, text="seen")
    (row,) = d.rows("SELECT by, verb, subject, asked FROM audit")
    assert (row.by, row.verb, row.subject) == ("ada", "note", f"processing:{pid}")
    assert "seen" in row.asked
    with pytest.raises(Denied, match="operate"):
        ask(d, "note", Caller("bob", "http", frozenset({"read"})), id=pid, text="no")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "the note is empty"), (" \n ", "the note is empty"), ("x" * 10_001, "10001 characters"), ("a\0b", "NUL")],
    ids=["empty", "blank", "long", "nul"],
)
def test_what_is_no_note_is_refused_and_leaves_none(d: Driven, text: str, problem: str) -> None:
    pid = failed(d)
    with pytest.raises(Invalid, match=problem):
        ask(d, "note", id=pid, text=text)
    with pytest.raises(Invalid, match=problem):
        ask(d, "cause-note", signature=ask(d, "causes")["items"][0]["signature"], text=text)
    assert said(d, "note") == []


def test_what_is_not_there_takes_no_note(d: Driven) -> None:
    with pytest.raises(NotFound, match="no processing 99"):
        ask(d, "note", id=99, text="x")
    with pytest.raises(NotFound, match="no cause abcd"):
        ask(d, "cause-note", signature="abcd", text="x")


@pytest.mark.feature("N8")
def test_notes_on_a_cause_stand_one_after_the_other_and_it_is_known(d: Driven) -> None:
    failed(d)
    (cause,) = ask(d, "causes")["items"]
    assert cause["standing"] == "new"
    ask(d, "cause-note", signature=cause["signature"][:6], text="first")
    assert ask(d, "cause-note", signature=cause["signature"], text="second")["standing"] == "known"
    notes = ask(d, "cause", signature=cause["signature"])["notes"]
    assert [(each["by"], each["text"]) for each in notes] == [("ada", "first"), ("ada", "second")]
    with d.project.store.begin() as tx:
        for n in range(100):
            kept.add(tx, cause["signature"], d.project.now(), "ada", str(n))
    found = ask(d, "cause", signature=cause["signature"])
    assert ([each["text"] for each in found["notes"]], found["noted"]) == ([str(n) for n in range(100)], 102)
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE processing SET cause = NULL")
        causes.remove_old(tx, d.project.now() + 1)
    assert d.rows("SELECT id FROM cause_note") == [], "they go with their cause"


@pytest.mark.feature("M111")
def test_who_is_limited_to_groups_notes_nothing_on_what_is_of_others(d: Driven) -> None:
    pid = failed(d)
    stranger = Caller("eve", "http", groups=frozenset({"other"}))
    for name, given in (
        ("note", {"id": pid}),
        ("cause-note", {"signature": ask(d, "causes")["items"][0]["signature"]}),
    ):
        with pytest.raises(NotFound):
            verbs.call(d.project, stranger, name, {**given, "text": "x"})
    assert said(d, "note") == []


def test_the_command_line_notes_and_shows_what_was_noted(tmp_path: object) -> None:
    d = Driven(tmp_path / "p", '[tasks.t]\non = "e"\nrun = "./one.sh"\nretry = { attempts = 1 }\n')  # type: ignore[operator]
    try:
        pid = failed(d)
        signature = ask(d, "causes")["items"][0]["signature"]

        def say(*words: str) -> str:
            done = CliRunner().invoke(group, ["--project", str(d.root), *words])
            assert done.exit_code == 0, done.output
            return done.output

        assert say("note", str(pid), "the gains of March") == f"noted on processing {pid}\n"
        assert "note         the gains of March (" in say("show", str(pid))
        assert say("note", "--cause", signature[:8], "of March").startswith(f"noted on cause {signature}")
        assert "of March" in say("cause", signature)
        wrong = CliRunner().invoke(group, ["--project", str(d.root), "note", "abcd", "x"])
        assert (wrong.exit_code, "add --cause" in wrong.output) == (2, True)
    finally:
        d.close()
