"""What is told of the rows is what is there: the books by their sums, the disk by the newest; on both databases."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from procession.commands import bulk, deletions, disk, processings, restarts
from procession.commands.asked import Asked
from procession.commands.books import books
from procession.commands.statistics import stats
from procession.store import disk as rows_of_disk
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

TOML = """
[tasks.t]
on = "e"
run = "./one.sh"
[tasks.other]
on = "e"
run = "./two.sh"
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML, cpus=40)


def submitted(d: Driven, n: int) -> list[int]:
    return [pid for _ in range(n) for pid in d.submit("e").processings]


@pytest.mark.feature("N4")
def test_the_sums_say_what_the_rows_say(d: Driven) -> None:
    pids = submitted(d, 6)
    d.turn()
    for pid, code in zip(pids, (0, 1, 1, 1, 0, 77, 0), strict=False):
        d.end(pid, code)
    who = Asked("ann")
    processings.retry(d.project, pids[1])
    list(bulk.each(d.project, [pids[2]], restarts.restart_anew, who))
    list(bulk.each(d.project, [pids[3], pids[0]], deletions.delete_one, who))
    d.submit("nobody")
    counted, told = books(d.project), books(d.project, quick=True)
    assert counted.balanced and told.balanced
    assert told.tasks == counted.tasks
    assert {each.name: (each.came, each.parts["there"]) for each in told.events} == {
        each.name: (each.came, each.parts["events"] + each.parts["repeats"]) for each in counted.events
    }


@pytest.mark.feature("M118")
def test_a_day_counts_what_stands_and_steps_count_every_attempt(drive: Drive) -> None:  # noqa: F811
    """One is retried and one runs again as a new version; both succeed, one stays failed. Each attempt happened."""
    d = drive('[tasks.t]\non = "e"\nrun = "./one.sh"\nretry = { attempts = 1 }\n', cpus=40)
    first, second, third = submitted(d, 3)
    d.turn()
    for pid in (first, second, third):
        d.end(pid, 1)
    assert stats(d.project)[0].ended == {"failed": 3}
    processings.retry(d.project, first)
    (answer,) = bulk.each(d.project, [second], restarts.restart_anew, Asked("ann"))
    assert {state: n for state, n in stats(d.project)[0].ended.items() if n} == {"failed": 1}, "the others run"
    d.turn()
    d.end(first, 0)
    assert answer.done is not None
    d.end(answer.done.id, 0)
    (found,) = stats(d.project)
    assert {state: n for state, n in found.ended.items() if n} == {"failed": 1, "succeeded": 2}
    assert found.steps[0].outcomes == {"failed": 3, "succeeded": 2}
    processings.cancel(d.project, submitted(d, 1)[0])
    (found,) = stats(d.project)
    assert found.ended["cancelled"] == 1 and found.success == 2 / 3, (
        "what a person cancelled went neither well nor badly"
    )


@pytest.mark.feature("M75")
def test_a_quick_look_counts_the_newest_alone_and_says_so(d: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = submitted(d, 5)
    d.turn()
    for pid in pids:
        d.end(pid, 0)
    with d.project.store.begin() as tx:
        ended = dict(rows_of_disk.unmeasured(tx, 100, None))
        rows_of_disk.set_bytes(tx, [{"id": pid, "finished_at": at, "bytes": pid * 100} for pid, at in ended.items()])
    whole = disk.look(d.project)
    assert (whole.used, whole.counted_from) == (sum(pids) * 100, 0)
    quick = disk.look(d.project, quick=True)
    assert replace(quick, standing=whole.standing) == whole  # how much is free has changed meanwhile
    monkeypatch.setattr(disk, "WINDOW", 3)
    some = disk.look(d.project, quick=True)
    assert (some.used, some.counted_from) == (sum(pids[-3:]) * 100, pids[-3])
    assert {each.id for each in some.largest} == set(pids[-3:])
    assert sum(n for *_, n, _ in some.usage) == 3
    assert some.next == whole.next
