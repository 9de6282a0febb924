"""Accept: a person's work is an attempt like any other, on both databases."""

from collections.abc import Callable

import pytest

from procession.commands import processings, steps
from procession.commands.holds import hold_one
from procession.errors import Invalid, NotFound, Refused
from tests.commands.asking import ask
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

TOML = """
[tasks.t]
on = "e"
steps = ["./one.sh", ["./two.sh", "{one.path}"]]
[tasks.made]
on = "made"
run = ["./three.sh", "{n}"]
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML)


@pytest.fixture
def pid(d: Driven) -> int:
    """A processing whose first step has failed."""
    pid = d.born()
    d.turn()
    d.end(pid, 4, left={"log": "damaged\n"})
    return pid


@pytest.mark.feature("M99", "N1")
def test_an_accepted_step_has_succeeded_with_who_and_note_and_the_chain_goes_on(d: Driven, pid: int) -> None:
    directory = d.project.var.attempt(pid, 1, "one", 1)
    (directory / "output").write_text("path=/by/hand\n")
    (directory / "events").write_text('{"event": "made", "params": {"n": 1}}\n')
    (directory / steps.RERUN_LOG).write_bytes(b"\xff rerun\n")
    assert steps.accept(d.project, pid, None, "copied the file").name == "one"
    assert (d.state(pid), d.states(pid)) == ("waiting", ["succeeded", "pending"])
    failed, accepted = d.step(pid).attempts
    assert (failed.outcome, failed.exit_code) == ("failed", 4)
    assert (accepted.number, accepted.outcome, accepted.note) == (2, "succeeded", "copied the file")
    assert accepted.made_by
    assert accepted.exit_code is None
    log = (d.project.var.attempt(pid, 1, "one", 2) / "log").read_bytes()
    assert log.startswith(b"\xff rerun\naccepted by ")
    assert d.rows("SELECT key FROM event WHERE name = 'made'")[0].key == f"{pid}-1-1"
    d.turn()
    assert d.executor.job(d.key(pid, 2)).argv[1:] == ["/by/hand"]
    d.end(pid)
    assert d.state(pid) == "succeeded"


def test_accepting_the_last_step_completes_the_processing(d: Driven) -> None:
    pid = d.born()
    d.turn()
    d.end(pid, left={"output": "path=x\n"})
    d.end(pid, 1)
    steps.accept(d.project, pid, "two", "")
    assert (d.state(pid), d.states(pid)) == ("succeeded", ["succeeded"] * 2)
    d.turn()
    assert d.executor.queue == []


def test_a_cancelled_processing_that_never_began_can_be_done_by_hand(d: Driven) -> None:
    pid, other = d.born(), d.born()
    processings.cancel(d.project, pid)
    steps.accept(d.project, pid, "one", "by hand")
    d.turn()
    assert (d.state(pid), d.states(pid)) == ("failed", ["succeeded", "failed"])  # nobody made {one.path}
    assert d.state(other) == "running"


@pytest.mark.parametrize(
    ("name", "text", "error", "said"),
    [
        ("output", "nonsense\n", Refused, "line 1 of the output file"),
        ("events", "nonsense\n", Refused, "line 1 of the events file"),
        ("events", '{"event": "made"}\n', Invalid, "task made, step three"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_nothing_changes(
    d: Driven, pid: int, name: str, text: str, error: type[Exception], said: str
) -> None:
    before = d.get(pid)
    (d.project.var.attempt(pid, 1, "one", 1) / name).write_text(text)
    with pytest.raises(error, match=said):
        steps.accept(d.project, pid, None, "")
    assert d.get(pid) == before
    assert not d.project.var.attempt(pid, 1, "one", 2).exists()


def test_accept_is_refused_where_nothing_failed(d: Driven, pid: int) -> None:
    with pytest.raises(Refused, match="it is pending"):
        steps.accept(d.project, pid, "two", "")
    with pytest.raises(NotFound, match="no step 'three'"):
        steps.accept(d.project, pid, "three", "")
    with pytest.raises(NotFound, match="no processing 99"):
        steps.accept(d.project, 99, None, "")
    processings.retry(d.project, pid)
    with pytest.raises(Refused, match="the processing is waiting"):
        steps.accept(d.project, pid, None, "")
    d.turn()
    with pytest.raises(Refused, match="the processing is running"):
        steps.accept(d.project, pid, None, "")


def test_what_was_left_in_the_directory_that_the_shell_enters_is_what_is_accepted(d: Driven, pid: int) -> None:
    """The latest attempt was given back before it began; the person worked where the script had run."""
    processings.retry(d.project, pid)
    d.turn()
    processings.cancel(d.project, pid)
    d.turn()
    assert d.outcomes(pid) == ["failed", "cancelled"]
    (d.project.var.attempt(pid, 1, "one", 1) / "output").write_text("path=/by/hand\n")
    steps.accept(d.project, pid, None, "")
    assert d.get(pid).outputs == {"one": {"path": "/by/hand"}}


@pytest.mark.feature("M99", "P15")
def test_a_processing_whose_next_step_is_held_is_held_when_the_failed_one_is_accepted(d: Driven) -> None:
    pid = d.born()
    ask(d, hold_one, pid, "two")
    d.turn()
    d.end(pid, 4)
    directory = d.project.var.attempt(pid, 1, "one", 1)
    (directory / "output").write_text("path=/by/hand\n")
    steps.accept(d.project, pid, None, "copied the file")
    assert (d.state(pid), d.get(pid).held_at) == ("waiting", d.step(pid, 2).held_at)
    assert d.get(pid).held_at is not None


@pytest.mark.feature("M99")
def test_after_a_rerun_that_failed_a_person_says_what_was_done_instead(d: Driven, pid: int) -> None:
    directory = d.project.var.attempt(pid, 1, "one", 1)
    (directory / "output").write_text("path=/by/hand\n")
    for left, said in (("1\n", "ended with exit code 1"), ("", "did not come to its end")):
        (directory / steps.RERUN).write_text(left)
        with pytest.raises(Refused, match=f"the last rerun of step one of processing {pid} {said}; run it"):
            steps.accept(d.project, pid, None, "")
    steps.accept(d.project, pid, None, "copied the file")
    assert d.step(pid).attempts[-1].note == "copied the file"
