"""Causes: failures of one reason are one row, counted; all of one are meant by a query; one can be muted."""

import time
from collections.abc import Callable

import pytest

from procession.commands import bulk, causes, instances, messages, processings, restarts
from procession.commands.asked import Asked
from procession.commands.instances import NewInstance
from procession.errors import Invalid, NotFound, Refused
from procession.store import causes as rows
from procession.store import messages as message_rows
from procession.store import schema
from procession.store.causes import Known
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.flow.test_messages import TASK, ended

Drive = Callable[..., Driven]

pytestmark = pytest.mark.feature("N8")
WHO = Asked("ann")


def listed(d: Driven, **asked: object) -> list[Known]:
    return list(causes.listed(d.project, **asked))  # type: ignore[arg-type]


def log_of(n: int) -> str:
    """What the n-th failure prints: three causes, other numbers and paths each time."""
    if n % 20 == 0:
        return f"reading {n}\nsegment {n}: checksum mismatch at 0x{n:08x}\n"
    if n % 2:
        return f"cannot open /data/2026/{n}/b{n}.h5: No such file or directory\nclosed {n} files\n"
    return (
        f'Traceback (most recent call last):\n  File "/srv/{n}/load.py", line {n}, in read\n    x\nKeyError: "b{n}"\n'
    )


def test_four_hundred_failures_with_varying_numbers_and_paths_are_three_causes_and_one_call_retries_one(
    drive: Drive,  # noqa: F811
) -> None:
    d = drive('[tasks.scene]\non = "scene"\nsteps = ["./one.sh", "./two.sh"]\n', cpus=500)
    born = [d.born("scene") for _ in range(400)]
    d.turn(3)
    for n, pid in enumerate(born):
        key = d.key(pid)
        d.executor.begin(key)
        d.executor.end(key, 1, left={"log": log_of(n)})
    d.turn(3)
    first, second, third = listed(d)
    assert [first.failed, second.failed, third.failed] == [200, 180, 20]
    assert first.text == "exit code 1: cannot open <path>: No such file or directory"
    assert second.text == "exit code 1: KeyError: <name> (load.py, read)"
    assert (first.n, first.newest) == (200, born[399])
    assert len(messages.newest(d.project)) == 3, "a person hears of three"
    ids = bulk.chosen(d.project, [f"cause:{first.signature},{second.signature}"], everything=False)
    assert len(ids) == 380
    done = list(bulk.each(d.project, ids, processings.retry_one, WHO))
    assert not any(each.error for each in done)
    assert [each.failed for each in listed(d)] == [20], "what is tried again has not failed"
    assert [each.failed for each in listed(d, everything=True)] == [20, 0, 0]
    assert d.get(born[0]).cause == third.signature
    assert d.get(born[1]).cause is None
    d.turn(3)
    d.executor.begin(d.latest(born[1]))
    d.executor.end(d.latest(born[1]), 1, left={"log": log_of(77)})
    d.turn()
    again = next(each for each in listed(d) if each.signature == first.signature)
    assert (again.failed, again.n, again.newest) == (1, 201, born[1])


def test_a_success_takes_the_cause_away_and_other_steps_have_causes_of_their_own(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    pid = ended(d, 1, left={"log": "no such band 3"})
    (cause,) = listed(d)
    assert (cause.task, cause.step, cause.sample) == ("scene", "one", "exit code 1: no such band 3")
    assert d.get(pid).cause == d.step(pid).attempts[0].cause == cause.signature
    processings.retry(d.project, pid)
    d.turn()
    d.end(pid)
    d.end(pid, 1, left={"log": "no such band 3"})
    (other,) = listed(d)
    assert (other.step, other.signature != cause.signature) == ("two", True)
    assert d.get(pid).cause == other.signature
    assert d.step(pid).attempts[1].cause is None


def test_attempts_that_are_tried_again_have_a_cause_and_their_processing_has_none_yet(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    pid = ended(d, 75, left={"log": "catalogue not updated yet"})
    assert d.step(pid).attempts[0].cause is not None
    assert d.get(pid).cause is None
    assert listed(d) == []
    (known,) = listed(d, everything=True)
    assert (known.failed, known.n, known.text) == (0, 1, "retry: catalogue not updated yet")


def test_one_that_fails_for_the_same_reason_in_another_branch_counts_once(drive: Drive) -> None:  # noqa: F811
    d = drive(
        """
        [tasks.scene]
        on = "scene"
        steps = [{ run = "./one.sh", needs = [] }, { run = "./two.sh", needs = [] }]
        """
    )
    pid = d.born("scene")
    d.turn()
    d.begin()
    d.executor.end(d.key(pid, 1), 1, left={"log": "no band"})
    d.turn()
    assert d.state(pid) == "running"
    d.executor.end(d.key(pid, 2), 1, left={"log": "no disk"})
    d.turn()
    assert d.state(pid) == "failed"
    assert d.get(pid).cause == d.step(pid, 1).attempts[0].cause, "the one for which it ended"
    assert [each.failed for each in listed(d, everything=True)] == [1, 0]


def test_one_that_was_run_again_as_a_new_version_has_not_failed_any_more(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    pid = ended(d, 1, left={"log": "no band"})
    (cause,) = listed(d)
    with d.project.store.begin() as tx:
        restarts.restart_anew(d.project, tx, pid, WHO, how=restarts.Anew())
    assert listed(d) == []
    assert bulk.chosen(d.project, [f"cause:{cause.signature}"]) == []


@pytest.mark.feature("P30")
def test_nobody_is_told_of_a_muted_cause_until_its_time_is_over(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    ended(d, 1, left={"log": "no band 1"})
    (cause,) = listed(d)
    assert len(untold(d)) == 1
    muted = causes.mute(d.project, cause.signature[:4], Asked("ann", "known"), span=3600)
    assert (muted.muted_by, muted.note, muted.mutes(d.project.now())) == ("ann", "known", True)
    assert untold(d) == [], "what was not told yet is not told"
    ended(d, 1, left={"log": "no band 2"})
    assert untold(d) == []
    assert listed(d)[0].failed == 2, "it is counted all the same"
    d.clock.advance(3601)
    ended(d, 1, left={"log": "no band 3"})
    assert len(untold(d)) == 1


@pytest.mark.feature("P30")
def test_an_unmuted_cause_is_told_at_its_next_occurrence(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    ended(d, 1, left={"log": "no band 1"})
    (cause,) = listed(d)
    causes.mute(d.project, cause.signature, WHO)
    d.clock.advance(10 * 86_400)
    ended(d, 1, left={"log": "no band 2"})
    assert untold(d) == []
    causes.unmute(d.project, cause.signature, WHO)
    with pytest.raises(Refused, match="is not muted"):
        causes.unmute(d.project, cause.signature, WHO)
    ended(d, 1, left={"log": "no band 3"})
    assert len(untold(d)) == 1


def test_what_cannot_be_meant_is_refused(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    with pytest.raises(NotFound, match="causes --all"):
        causes.mute(d.project, "abcd", WHO)
    for bad in ("", "abc", "x" * 10, "'; DROP TABLE cause", "0" * 400):
        with pytest.raises(Invalid, match="no signature"):
            causes.mute(d.project, bad, WHO)
    with pytest.raises(Invalid, match="neither a span nor a moment"):
        listed(d, since="yesterday")
    ended(d, 1, left={"log": "no band 1"})
    (cause,) = listed(d, since="1h")
    with pytest.raises(Invalid, match="for a while"):
        causes.mute(d.project, cause.signature, WHO, span=0)
    assert listed(d, since="2030-01-01") == []
    assert listed(d, task="scene") == [cause]
    assert listed(d, task="other") == []


def test_causes_that_are_over_are_forgotten_and_those_that_matter_stay(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    pid = ended(d, 1, left={"log": "no band"})
    muted = ended(d, 1, left={"log": "no disk"})
    ended(d, 1, left={"log": "no sun"})
    causes.mute(d.project, str(d.get(muted).cause), WHO)
    for each in (pid, muted):
        processings.retry(d.project, each)
    d.clock.advance(1)
    with d.project.store.begin() as tx:
        rows.remove_old(tx, d.project.now())
    assert {each.text for each in listed(d, everything=True)} == {"exit code 1: no disk", "exit code 1: no sun"}


def test_a_function_is_told_by_what_it_raised(drive: Drive) -> None:  # noqa: F811
    d = drive('[tasks.sum]\nfunction = "handlers.add_up"\n')
    (d.root / "handlers.py").write_text(
        "def scale(n):\n    raise ValueError(f'{n} is too large')\ndef add_up(status, inputs):\n    scale(id(inputs))\n"
    )
    pid = instances.submit(d.project, "sum", NewInstance("a"), WHO).processing_id
    d.until("failed", processing_id=pid)
    assert listed(d)[0].text == "exit code 1: ValueError: <number> is too large (handlers.py, scale)"


def untold(d: Driven) -> list[object]:
    with d.project.store.read() as tx:
        return list(message_rows.untold(tx, d.project.now()))


def test_causes_of_a_hundred_thousand_failures_are_counted_along_an_index(drive: Drive) -> None:  # noqa: F811
    d = drive(TASK)
    ended(d, 1, left={"log": "no band"})
    ended(d, 1, left={"log": "no disk"})
    first, _ = listed(d)
    columns = [name for (name, *_) in d.rows("SELECT * FROM processing LIMIT 1")] and [
        column.name for column in schema.processing.columns if column.name not in ("id", "version")
    ]
    names = ", ".join(columns)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql(
            f"INSERT INTO processing (id, version, {names}) {many if d.project.store.shared is False else ''}"
            f"SELECT processing.id * 1000000 + i, i + 1, {names} FROM processing, "
            f"{'n' if d.project.store.shared is False else 'generate_series(1, 50000) AS i'}"
        )
    began = time.perf_counter()
    assert sum(each.failed for each in listed(d)) == 100_002
    assert time.perf_counter() - began < 1.0
    assert causes.listed(d.project)[0].signature == first.signature
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql("DELETE FROM processing WHERE id > 1000000")
