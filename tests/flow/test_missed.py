"""Missed data: what is there and became no event is found, and submitted once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.commands import missed
from procession.errors import Invalid, NotFound, Refused
from procession.store import counters
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.flow.test_count import EXPECTING, PLAIN, arrive, look, runs, say

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("M116")
WATCH = '[tasks.arrivals]\nwatch = "inbox/*.h5"\nrun = "./one.sh {path}"\n'


def test_runs_that_never_became_events_are_found_and_submitted_once(drive: Drive) -> None:  # noqa: F811
    d = drive(EXPECTING)
    say(d, "100")
    look(d)
    arrive(d, 97, 99)
    found = missed.missed(d.project, "lrmecs", "97-100")
    assert [(each.event.params["run"], each.there) for each in found.missed] == [
        (97, True), (98, False), (99, True), (100, False),
    ]  # fmt: skip
    assert runs(d) == [], "looking submits nothing"
    assert missed.missed(d.project, "lrmecs", "97-100", submit=True).submitted == 2
    assert runs(d) == [97, 99]
    again = missed.missed(d.project, "lrmecs", "97-100", submit=True)
    assert (len(again.missed), again.submitted) == (2, 0)
    found = missed.missed(d.project, "lrmecs")
    assert [each.event.params["run"] for each in found.missed] == [98, 100], "from the first that came"


def test_what_the_counter_waits_for_may_be_submitted_before_it_and_is_a_repeat_then(drive: Drive) -> None:  # noqa: F811
    d = drive(EXPECTING)
    say(d, "1")
    look(d)
    say(d, "2")
    look(d)
    arrive(d, 2)
    assert missed.missed(d.project, "lrmecs", "2", submit=True).submitted == 1
    look(d)
    look(d)
    assert runs(d) == [2]
    with d.project.store.read() as tx:
        assert not counters.all_of(tx)["lrmecs"].pending


def test_files_that_a_watch_has_not_taken_are_found(drive: Drive) -> None:  # noqa: F811
    d = drive(WATCH)
    inbox = d.root / "inbox"
    inbox.mkdir()
    for name in ("a.h5", "b.h5", "c.txt"):
        (inbox / name).write_text("data")
        os.utime(inbox / name, (1, 1))
    (inbox / "now.h5").write_text("still being written")
    found = missed.missed(d.project, "arrivals", submit=True)
    assert found.submitted == 2
    assert sorted(Path(d.get(pid).params["path"]).name for (pid,) in d.rows("SELECT id FROM processing")) == [
        "a.h5", "b.h5",
    ]  # fmt: skip
    (left,) = missed.missed(d.project, "arrivals").missed
    assert (Path(left.path or "").name, left.there) == ("now.h5", False)


def test_what_cannot_be_meant_is_refused(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN + WATCH)
    with pytest.raises(NotFound, match="there are: arrivals, lrmecs"):
        missed.missed(d.project, "reduce")
    with pytest.raises(Refused, match="has not been looked at yet"):
        missed.missed(d.project, "lrmecs")
    with pytest.raises(Invalid, match="not counted by numbers"):
        missed.missed(d.project, "arrivals", "1-2")
    for bad, said in (("", "no run"), ("a", "no run"), ("5-3", "ends before"), ("1-99999999", "more than"),
                      ("1,,2", "no run"), ("-5", "no run"), ("1-2-3", "no run"), ("9" * 30, "no run")):  # fmt: skip
        with pytest.raises(Invalid, match=said):
            missed.missed(d.project, "lrmecs", bad)
    assert missed.read_ranges("4-6, 1,5") == [1, 4, 5, 6]
