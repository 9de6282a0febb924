"""A launcher hears of people at once: an answer and a cancel do not wait for the net of seconds."""

from datetime import timedelta

import pytest

from procession.commands import processings, questions
from procession.commands.asked import asked
from procession.model.processing import Attempt
from tests.stories.site import Site
from tests.waiting import eventually

SOON = timedelta(seconds=3)
"""Below the net of the launcher, 5 s. Each follows right upon a turn: by the net alone it would take all of that."""
TOML = """
[tasks.t]
on = "e"
steps = [
    { name = "first", ask = "Is {scene} good?" },
    { name = "second", ask = "Is it still?" },
    ["./say.sh", "{second.value}"],
]
"""


@pytest.mark.feature("P28")
def test_what_follows_an_answer_or_a_cancel_begins_at_once(site: Site) -> None:
    site.write(TOML, say_sh="#!/bin/sh\necho $1\n")
    site.up()
    pid, gone = site.emit("e", scene="L8"), site.emit("e", scene="S2")
    for ordinal in (1, 2):
        asks(site, pid, ordinal)
        given = site.project.clock.now()
        questions.answer(site.project, pid, None, "yes", asked(None, "ann"))
        begun = eventually(lambda o=ordinal: attempt(site, pid, o + 1), timeout=30)
        assert begun.claimed_at - given < SOON
    assert site.until(pid).state == "succeeded"
    asks(site, gone, 1)
    given = site.project.clock.now()
    processings.cancel(site.project, gone)
    ended = site.until(gone, "cancelled").finished_at
    assert ended is not None
    assert ended - given < SOON


def attempt(site: Site, pid: int, ordinal: int) -> Attempt | None:
    """The first of a step, when there is one."""
    return next(iter(site.get(pid).steps[ordinal - 1].attempts), None)


def asks(site: Site, pid: int, ordinal: int) -> Attempt:
    """Wait until this step asks."""
    return eventually(lambda: attempt(site, pid, ordinal), timeout=30)
