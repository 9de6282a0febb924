"""Limits, labels, pauses, moments and order, as the launcher keeps them turn after turn (N6, M44, P15, N12)."""

# ruff: noqa: F811  the fixture of both databases

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from procession.commands import events, processings, reasons
from procession.model.event import NewEvent
from procession.store import settings
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
KEYED = """
    [limits]
    ftp = 2
    "satellite:{sat}" = 1
    [tasks.t]
    on = "e"
    uses = ["satellite:{sat}"]
    steps = [{ run = "./one.sh", uses = ["ftp"] }, "./two.sh"]
"""


def put(d: Driven, name: str, value: Any) -> None:
    with d.project.store.begin() as tx:
        settings.put(tx, name, value, "eva", d.project.now())


def reset(d: Driven, name: str) -> None:
    with d.project.store.begin() as tx:
        assert settings.remove(tx, name)


def code(d: Driven, pid: int) -> str:
    return reasons.why(d.project, pid).code


@pytest.mark.feature("N6", "M44", "P16")
def test_a_key_is_held_from_the_first_step_to_the_last_also_while_a_step_waits_for_its_next_try(drive: Drive) -> None:
    d = drive(KEYED, cpus=9)
    first, second, other = d.born(sat="L8"), d.born(sat="L8"), d.born(sat="L9")
    d.turn()
    assert sorted(d.claimed()) == [first, other]
    said = reasons.why(d.project, second)
    assert (said.code, str(first) in said.sentence) == ("limit", True)
    d.end(first)
    assert d.states(first) == ["succeeded", "running"]
    d.end(first, 75)
    assert d.states(first) == ["succeeded", "ready"]
    d.crash()
    d.turn()
    assert d.state(second) == "waiting", "held while it waits, and over a crash of the launcher"
    d.after(4000)
    d.end(first)
    assert d.state(first) == "succeeded"
    assert d.state(second) == "running"


@pytest.mark.feature("N6")
def test_what_a_step_takes_is_free_again_when_the_step_ends(drive: Drive) -> None:
    d = drive(KEYED, cpus=9)
    pids = [d.born(sat=f"L{n}") for n in range(4)]
    d.turn()
    assert d.claimed() == pids[:2]
    assert code(d, pids[2]) == "limit"
    d.end(pids[0])
    assert d.states(pids[0]) == ["succeeded", "running"]
    assert pids[2] in d.claimed()


@pytest.mark.feature("N6", "M38")
def test_limits_are_changed_while_it_runs_and_reset_to_the_file(drive: Drive) -> None:
    d = drive(KEYED, cpus=9)
    pids = [d.born(sat=f"L{n}") for n in range(6)]
    d.turn()
    assert len(d.claimed()) == 2
    put(d, "limit:ftp", 4)
    d.turn()
    assert len(d.claimed()) == 4
    put(d, "limit:ftp", 1)
    d.turn()
    assert len(d.claimed()) == 4, "what runs goes on"
    for pid in pids[:3]:
        d.end(pid)
    assert d.states(pids[4])[0] != "running"
    put(d, "limit:ftp", 0)
    d.end(pids[3])
    assert code(d, pids[4]) == "too_much"
    reset(d, "limit:ftp")
    d.turn()
    assert [d.states(pid)[0] for pid in pids[4:]] == ["running", "running"]


@pytest.mark.feature("M38")
def test_at_once_cpus_and_memory_are_changed_while_it_runs(drive: Drive) -> None:
    d = drive('[tasks.t]\non = "e"\nat_once = 1\nrun = "./one.sh"\nmemory = "1 GB"\n', cpus=4)
    d.project.post.capacity = replace(d.post.capacity, memory=2 << 30)  # type: ignore[union-attr]
    pids = [d.born() for _ in range(5)]
    d.turn()
    assert d.claimed() == pids[:1]
    put(d, "at_once:t", 9)
    d.turn()
    assert d.claimed() == pids[:2]
    put(d, "memory", 8 << 30)
    d.turn()
    assert d.claimed() == pids[:4]
    put(d, "cpus", 2)
    d.end(pids[0])
    d.end(pids[1])
    assert d.state(pids[4]) == "waiting"
    put(d, "cpus", 3)
    d.turn()
    assert d.state(pids[4]) == "running"


@pytest.mark.feature("N6")
def test_a_hot_key_hides_nothing_behind_it(drive: Drive) -> None:
    d = drive(KEYED + "at_once = 0\n", cpus=9)
    hot = [d.born(sat="L8") for _ in range(300)]
    cold = d.born(sat="L9")
    d.turn()
    assert d.claimed() == [hot[0], cold]
    d.after(3600)
    late = d.born(sat="L7")
    d.end(cold)
    assert d.state(late) == "running", "also when the hot ones have waited for long"
    assert code(d, hot[1]) == "limit"
    assert code(d, hot[299]) == "limit"


@pytest.mark.feature("P13", "M20", "N5")
def test_labels_and_queues_decide_who_runs_it(drive: Drive) -> None:
    d = drive(
        '[tasks.a]\non = "a"\nrun = "./one.sh"\nlabels = ["gpu"]\n'
        '[tasks.b]\non = "b"\nrun = "./one.sh"\nqueue = "night"\n'
    )
    gpu, night = d.born("a"), d.born("b")
    d.turn()
    assert not d.claimed()
    assert code(d, gpu) == "no_host"
    assert code(d, night) == "no_queue"
    d.post.capacity = replace(d.post.capacity, labels=frozenset({"gpu"}), queues=frozenset({"", "night"}))
    d.turn()
    assert d.claimed() == [gpu, night]


@pytest.mark.feature("P15", "N5")
def test_the_three_ways_to_pause(drive: Drive) -> None:
    d = drive('[tasks.t]\non = "e"\ngroup = "g"\nsteps = ["./one.sh", "./two.sh"]\n', cpus=1)
    begun, waiting = d.born(), d.born()
    d.turn()
    put(d, "pause:group:g", "drain")
    d.end(begun)
    assert d.states(begun) == ["succeeded", "running"]
    put(d, "pause:task:t", "stop")
    d.end(begun, 75)
    d.after(4000)
    assert d.states(begun) == ["succeeded", "ready"], "nothing starts"
    assert code(d, waiting) == "paused"
    assert "task t is paused by eva" in reasons.why(d.project, begun).sentence
    reset(d, "pause:task:t")
    d.turn()
    d.end(begun)
    assert (d.state(begun), d.state(waiting)) == ("succeeded", "waiting")
    put(d, "pause:group:g", "skip")
    skipped = d.born()
    assert (d.state(skipped), d.get(skipped).reason) == ("skipped", "group g is paused by eva")
    reset(d, "pause:group:g")
    d.turn()
    assert d.state(waiting) == "running"


@pytest.mark.feature("M16")
def test_a_delay_and_a_moment_of_the_event_keep_a_processing_from_beginning(drive: Drive) -> None:
    d = drive('[tasks.t]\non = "e"\ndelay = "10 min"\nrun = "./one.sh"\n')
    plain = d.born()
    later = events.submit(
        d.project, NewEvent("e", {}, None, source="test", not_before=d.clock.now() + timedelta(hours=1))
    ).processings[0]
    d.turn()
    assert not d.claimed()
    assert code(d, plain) == "not_before"
    d.after(599)
    assert not d.claimed()
    d.after(1)
    assert d.claimed() == [plain]
    assert code(d, later) == "not_before"
    d.after(3000)
    assert later in d.claimed()


@pytest.mark.feature("M17", "M18")
def test_soft_rules_by_exit_code_and_output_try_again_and_others_fail(drive: Drive) -> None:
    d = drive('[tasks.t]\non = "e"\nrun = "./one.sh"\nsoft = { exit = [3], output = ["[Rr]eset by peer"] }\n')
    by_code, by_text, hard = d.born(), d.born(), d.born()
    d.turn()
    d.end(by_code, 3, left={"log": "no\n", "retry_after": "30"})
    d.end(by_text, 1, left={"log": "trying\nconnection Reset by peer\nbye\n"})
    d.end(hard, 1, left={"log": "no such file\n"})
    assert [d.outcomes(pid) for pid in (by_code, by_text, hard)] == [["retry"], ["retry"], ["failed"]]
    assert d.seconds_until(by_code) == 30
    assert d.step(by_text).attempts[0].reason == "connection Reset by peer"
    assert d.state(hard) == "failed"


@pytest.mark.feature("P18")
def test_too_much_memory_fails_and_is_tried_again_only_if_told(drive: Drive) -> None:
    d = drive(
        '[tasks.t]\non = "e"\nrun = "./one.sh"\n'
        '[tasks.u]\non = "u"\nrun = "./one.sh"\nretry = { on = ["memory"], delay = 1 }\n'
    )
    once, again = d.born(), d.born("u")
    d.turn()
    d.end(once, None, how="memory", reason="it took 3 GB")
    assert (d.state(once), d.outcomes(once)) == ("failed", ["memory"])
    for _ in range(3):
        d.end(again, None, how="memory", reason="it took 3 GB")
        d.after(3600)
    assert d.outcomes(again) == ["memory"] * 3
    assert (d.get(again).reason or "").startswith("one: quarantined")


@pytest.mark.feature("M87")
def test_errors_that_a_script_records_are_counted_and_make_a_success_amber(drive: Drive) -> None:
    d = drive('[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh"]\n')
    pid = d.born()
    d.turn()
    d.end(pid, 75, left={"errors": "B5 is missing\n"})
    d.after(4000)
    d.end(pid, left={"errors": "B5 is missing\n\nB6 is dark\n"})
    d.end(pid)
    found = d.get(pid)
    assert (found.state, found.errors) == ("succeeded", 3)
    assert [one.errors for one in found.steps[0].attempts] == [1, 2]


@pytest.mark.feature("N12")
def test_ten_thousand_of_a_backfill_delay_a_fresh_one_by_no_more_than_one_slot(drive: Drive) -> None:
    """Measured in ends of other scripts until it starts, with and without the backlog."""

    def delay(backlog: int) -> int:
        d = drive('[tasks.t]\non = "e"\nrun = "./one.sh"\n', cpus=2)
        if backlog:
            old = [NewEvent("e", {}, str(n), source="test", backfill=True) for n in range(backlog)]
            with d.project.store.begin() as tx:
                events.submit_all(d.project, tx, old)
        d.turn()
        fresh = d.born(key="fresh")
        d.turn()
        ends = 0
        while d.state(fresh) == "waiting":
            d.end(d.claimed()[0])
            ends += 1
        return ends

    assert delay(0) == 0
    assert delay(10_000) <= 1


@pytest.mark.feature("M16", "N12")
def test_backfill_runs_in_the_gaps_whatever_its_priority(drive: Drive) -> None:
    d = drive('[tasks.t]\non = "e"\nrun = "./one.sh"\n', cpus=1)
    order = [
        events.submit(d.project, NewEvent("e", {}, None, source="test", priority=p, backfill=b)).processings[0]
        for p, b in ((900, True), (0, False), (5, False), (901, True), (-900, False))
    ]
    done = []
    d.turn()
    while d.executor.queue:
        (pid,) = d.claimed()
        done.append(pid)
        d.end(pid)
    assert done == [order[2], order[1], order[4], order[3], order[0]]
    assert processings.get(d.project, order[0]).backfill


@pytest.mark.feature("N6")
@pytest.mark.parametrize("why", ["large", "trouble", "held", "damaged"])
def test_one_that_cannot_start_holds_up_nobody_of_a_task_that_runs_one_at_a_time(drive: Drive, why: str) -> None:
    toml = '[tasks.t]\non = "e"\nat_once = 1\nsteps = [{{ run = "./one.sh", cpus = {} }}]\n'
    d = drive(toml.format(9), cpus=9)
    heads = [d.born() for _ in range(9 if why == "large" else 1)]
    d.write(toml.format(1))
    d.project.refresh()
    behind = d.born()
    if why == "large":
        d.post.capacity = replace(d.post.capacity, cpus=4)
    elif why == "trouble":
        d.post.trouble[heads[0]] = d.clock.monotonic() + 60
    elif why == "held":
        with d.project.store.begin() as tx:
            tx.connection.exec_driver_sql(f"UPDATE step SET held_at = 1 WHERE processing_id = {heads[0]}")
    else:
        of_head = f"WHERE id = (SELECT definition_id FROM processing WHERE id = {heads[0]})"
        ((body,),) = d.rows(f"SELECT body FROM definition {of_head}")
        with d.project.store.begin() as tx:
            tx.connection.exec_driver_sql(f"UPDATE definition SET body = '{{}}' {of_head}")
    d.turn()
    assert d.claimed() == [behind]
    if why == "damaged":  # so that the invariants can be looked at
        with d.project.store.begin() as tx:
            tx.connection.execute(text(f"UPDATE definition SET body = :body {of_head}"), {"body": body})
