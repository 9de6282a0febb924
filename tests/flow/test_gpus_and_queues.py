"""GPUs are counted and given by number, queues by their at_once: never over, explained, changed while it runs."""

# ruff: noqa: F811  the fixture of both databases

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from procession.commands import reasons, settings
from procession.commands.asked import Asked
from procession.errors import Invalid, NotFound
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
TOML = """
    [queues.night]
    at_once = 2
    weight = 3
    [tasks.t]
    on = "e"
    steps = [{ run = "./one.sh", queue = "night" }]
    [tasks.gpu]
    on = "g"
    steps = [{ run = "./one.sh", gpus = 2 }]
    [tasks.huge]
    on = "h"
    steps = [{ run = "./one.sh", gpus = 9 }]
"""


def put(d: Driven, name: str, text: str) -> None:
    settings.change(d.project, name, text, Asked("eva"))


def served(drive: Drive, gpus: int = 3) -> Driven:
    d = drive(TOML, cpus=9)
    d.post.capacity = replace(d.post.capacity, gpus=gpus, queues=frozenset({"", "night"}))
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f'UPDATE launcher SET gpus = {gpus}, queues = \'["", "night"]\'')
    return d


@pytest.mark.feature("P17")
def test_devices_are_given_by_number_and_never_twice(drive: Drive) -> None:
    d = served(drive, 5)
    pids = [d.born("g") for _ in range(3)]
    huge = d.born("h")
    d.turn()
    assert d.claimed() == pids[:2]
    given = [json.loads(row.gpus) for row in d.rows("SELECT gpus FROM attempt ORDER BY processing_id")]
    assert given == [[0, 1], [2, 3]]
    jobs = [d.executor.job(d.key(pid)).env_set["CUDA_VISIBLE_DEVICES"] for pid in pids[:2]]
    assert jobs == ["0,1", "2,3"]
    assert reasons.why(d.project, pids[2]).code == "gpus"
    assert reasons.why(d.project, huge).code == "too_many_gpus"
    d.crash()
    d.post.capacity = replace(d.post.capacity, gpus=5)
    d.turn()
    assert d.state(pids[2]) == "waiting", "counted from rows"
    d.end(pids[0])
    assert json.loads(d.rows(f"SELECT gpus FROM attempt WHERE processing_id = {pids[2]}")[0].gpus) == [0, 1]


@pytest.mark.feature("P16", "M20", "N6")
def test_no_more_of_a_queue_run_than_it_says_and_that_is_changed_while_it_runs(drive: Drive) -> None:
    d = served(drive)
    pids = [d.born() for _ in range(5)]
    d.turn()
    assert d.claimed() == pids[:2]
    said = reasons.why(d.project, pids[2])
    assert (said.code, "2 of 2 steps of the queue night" in said.sentence) == ("queue", True)
    put(d, "queue:night", "3")
    d.turn()
    assert d.claimed() == pids[:3]
    put(d, "queue:night", "0")
    d.turn()
    assert d.claimed() == pids
    with pytest.raises(NotFound, match="did you mean 'night'"):
        put(d, "queue:nigth", "3")
    for name, wrong in (("queue:night", "1.5"), ("gpus", "0.5"), ("queue:night", "-1")):
        with pytest.raises(Invalid):
            put(d, name, wrong)
