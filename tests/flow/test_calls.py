"""Calls in the flow: claimed, called by real workers, settled; the launcher's chapters turn by hand."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from procession.commands import debug, holds, processings, restarts, steps, variable_sets
from procession.commands.asked import asked
from procession.errors import Refused
from procession.flow import calling
from procession.model.body import keep
from procession.model.locks import Owner
from procession.model.variable_set import VariableSet
from procession.store import bodies, calls, journal, locks
from procession.store.bodies import Input
from procession.supervise import pickled
from tests.flow.both import drive as drive_both  # noqa: F401  a fixture
from tests.flow.driven import Driven
from tests.waiting import eventually

Drive = Callable[..., Driven]

ONE = """
[tasks.one]
on = "e"
function = "handlers.work"
retry = { attempts = 3, delay = 0 }
"""


def handlers(driven: Driven, text: str) -> None:
    """The module of the functions."""
    (driven.root / "handlers.py").write_text("import os, procession, time\n" + dedent(text))


def result(driven: Driven, processing_id: int) -> tuple[str, bytes] | None:
    with driven.project.store.read() as tx:
        found = bodies.find_result(tx, processing_id)
    return None if found is None else (found.mime, found.body.bytes())


def change(driven: Driven, verb: Callable[..., Any], processing_id: int, *arguments: Any) -> None:
    """What a person asks."""
    with driven.project.store.begin() as tx:
        verb(driven.project, tx, processing_id, asked(), *arguments)


def finished(driven: Driven, processing_id: int) -> str:
    return driven.until("succeeded", "failed", "skipped", "cancelled", processing_id=processing_id)


@pytest.mark.feature("M3", "M80")
def test_a_function_is_called_and_what_it_returns_is_the_result(drive: Drive) -> None:
    driven = drive(ONE)
    handlers(driven, "def work(inputs): return sum(inputs['values'])")
    pid = driven.born(values=[1, 2, 3])
    assert finished(driven, pid) == "succeeded"
    assert result(driven, pid) == ("application/json", b"6")
    (attempt,) = driven.step(pid).attempts
    assert attempt.exit_code == 0
    assert attempt.started_at is not None
    assert not driven.project.var.work(pid).exists()  # it printed nothing and asked for no directory


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("def work(status, inputs): return [status.key, status.attempt, inputs['a']]", ["k", 1, 5]),
        ("def work(): return 'nothing needed'", "nothing needed"),
        ("@procession.task\ndef work(a, b=2): return a + b", 7),
        ("async def work(inputs): return inputs['a']", 5),
        ("class work(procession.Task):\n    a: int = 0\n    def process(self): return self.a * 2", 10),
    ],
)
def test_a_function_gets_what_it_asks_for(drive: Drive, text: str, came: Any) -> None:
    driven = drive(ONE)
    handlers(driven, text)
    pid = driven.born(key="k", a=5)
    assert finished(driven, pid) == "succeeded"
    found = result(driven, pid)
    assert found is not None
    assert json.loads(found[1]) == came


def test_a_function_whose_result_has_a_type_that_is_none_has_failed(drive: Drive) -> None:
    """B43."""
    driven = drive(ONE)
    handlers(driven, "def work(inputs): return procession.Result('x', 'text/plain, text/html')")
    pid = driven.born()
    assert finished(driven, pid) == "failed"
    assert "MIME" in (driven.step(pid).attempts[-1].reason or "")
    assert result(driven, pid) is None


@pytest.mark.feature("M79")
def test_progress_messages_and_the_log_are_seen(drive: Drive) -> None:
    driven = drive(ONE)
    handlers(
        driven,
        """
        def work(status, inputs):
            status.message("it begins")
            status.progress(0.25, "a quarter")
            print("printed")
            while not os.path.exists(inputs["gate"]):
                time.sleep(0.01)
        """,
    )
    gate = driven.root / "gate"
    pid = driven.born(gate=str(gate))
    driven.until("running", processing_id=pid)

    def progress() -> Any:
        driven.turn()
        ((text,),) = driven.rows(f"SELECT progress FROM attempt WHERE processing_id = {pid}")
        return text and json.loads(text)

    assert eventually(progress) == {"share": 0.25, "text": "a quarter"}
    gate.touch()
    assert finished(driven, pid) == "succeeded"
    with driven.project.store.read() as tx:
        assert "it begins" in [entry.reason for entry in journal.of(tx, pid) if entry.verb == "message"]
    assert (driven.project.var.attempt(pid, 1, "work", 1) / "log").read_text() == "printed\n"


@pytest.mark.feature("M4", "M83")
def test_the_fields_of_a_class_are_saved_also_when_it_is_tried_again(drive: Drive) -> None:
    driven = drive(ONE)
    handlers(
        driven,
        """
        class work(procession.Task):
            title: str
            seen: int = 0
            rest: list = []

            def process(self):
                self.seen += 1
                self.rest = [*self.rest, self.seen]
                self.open = os.open("/dev/null", os.O_RDONLY)  # no field, not saved
                if self.seen < 3:
                    raise procession.Retry("the accounts are locked", after=0)
                return f"{self.title} after {self.seen}"
        """,
    )
    pid = driven.born(title="scene")
    assert finished(driven, pid) == "succeeded"
    assert driven.outcomes(pid) == ["retry", "retry", "succeeded"]
    assert driven.get(pid).outputs == {"work": {"title": "scene", "seen": 3, "rest": [1, 2, 3]}}
    assert result(driven, pid) == ("application/json", b'"scene after 3"')


@pytest.mark.feature("M39", "M40", "M41", "M124")
def test_a_function_emits_children_and_a_join_reads_what_they_came_to(drive: Drive) -> None:
    driven = drive(
        """
        [tasks.whole]
        on = "whole"
        steps = [{ function = "handlers.split" }, { wait = "children" }, { function = "handlers.join" }]

        [tasks.part]
        on = "part"
        function = "handlers.add_up"
        """
    )
    handlers(
        driven,
        """
        def split(status, inputs):
            for n, some in enumerate(inputs["parts"]):
                status.emit("part", key=f"{status.key}-{n}", values=some)

        def add_up(inputs): return sum(inputs["values"])

        def join(status, inputs):
            assert {child["state"] for child in status.children} == {"succeeded"}
            return sum(child["result"] for child in status.children)
        """,
    )
    pid = driven.born("whole", key="w", parts=[[1, 2], [3, 4], [5]])
    assert finished(driven, pid) == "succeeded"
    assert result(driven, pid) == ("application/json", b"15")
    assert [row.origin_id for row in driven.rows("SELECT origin_id FROM processing WHERE task = 'part'")] == [pid] * 3


def test_a_crash_is_lost_counted_and_tried_again_until_it_is_quarantined(drive: Drive) -> None:
    driven = drive(ONE)
    handlers(driven, "def work(inputs): os._exit(9)")
    pid = driven.born()
    assert finished(driven, pid) == "failed"
    assert driven.outcomes(pid) == ["lost"] * 3
    assert "quarantined after 3 attempts" in (driven.get(pid).reason or "")


@pytest.mark.feature("M9")
def test_inputs_of_any_json_value_arrive_as_they_came(drive: Drive) -> None:
    """B15: also texts that no terminal shows as they are."""
    driven = drive(ONE)
    handlers(driven, "def work(inputs): return inputs")
    values = [[1, 2.5, None], "text with \u202e, 🛰 and \\ \n", {"deep": {"er": ["x" * 200_000]}}, False]
    born = []
    for value in values:
        pid = driven.born()
        with driven.project.store.begin() as tx:
            bodies.add_inputs(tx, [(driven.get(pid).event_id, Input("json", keep(json.dumps(value).encode())))])
        born.append(pid)
    for pid, value in zip(born, values, strict=True):
        assert finished(driven, pid) == "succeeded"
        found = result(driven, pid)
        assert found is not None
        assert json.loads(found[1]) == value


@pytest.mark.feature("M9")
def test_a_pickle_is_opened_only_where_task_and_operator_say_so_and_only_if_it_is_ours(drive: Drive) -> None:
    allowed = drive(ONE.replace("function", 'inputs = "pickle"\nfunction'), launcher="allow_pickle = true")
    handlers(allowed, "def work(inputs): return sorted(inputs)")
    ours = pickled.signed({3, 1, 2}, str(allowed.project.var.pickle_key))
    assert allowed.project.var.pickle_key.stat().st_mode & 0o777 == 0o600
    theirs = pickled.signed({3}, str(allowed.root / "another.key"))

    def born(driven: Driven, content: bytes) -> int:
        pid = driven.born()
        with driven.project.store.begin() as tx:
            bodies.add_inputs(tx, [(driven.get(pid).event_id, Input("pickle", keep(content)))])
        return pid

    good, bad = born(allowed, ours), born(allowed, theirs)
    assert finished(allowed, good) == "succeeded"
    assert result(allowed, good) == ("application/json", b"[1, 2, 3]")
    assert finished(allowed, bad) == "failed"
    assert "not signed by this installation; they were not unpickled" in (allowed.get(bad).reason or "")

    strict = drive(ONE.replace("function", 'inputs = "pickle"\nfunction'))
    handlers(strict, "def work(inputs): return sorted(inputs)")
    refused = born(strict, ours)
    assert finished(strict, refused) == "failed"
    assert "allow_pickle = true" in (strict.get(refused).reason or "")


def test_a_cancel_ends_what_runs_and_what_waits_never_runs(drive: Drive) -> None:
    driven = drive(ONE, launcher="workers = 1")
    handlers(
        driven,
        """
        def work(inputs):
            open(inputs["file"], "w").close()
            time.sleep(60)
        """,
    )
    first, second = (driven.born(file=str(driven.root / f"{n}")) for n in (1, 2))
    eventually(lambda: (driven.turn(), (driven.root / "1").exists())[1])
    for pid in (first, second):
        assert processings.cancel(driven.project, pid).accepted
    assert finished(driven, first) == finished(driven, second) == "cancelled"
    assert driven.outcomes(first) == ["cancelled"]
    assert not (driven.root / "2").exists()


@pytest.mark.feature("P15")
def test_a_held_function_waits_at_its_checkpoint_until_it_is_released(drive: Drive) -> None:
    driven = drive(ONE)
    handlers(
        driven,
        """
        def work(status, inputs):
            while not os.path.exists(inputs["gate"]):
                status.checkpoint()
                time.sleep(0.01)
        """,
    )
    gate = driven.root / "gate"
    pid = driven.born(gate=str(gate))

    def paused() -> bool:
        driven.calls.drain()
        driven.post.asked.clear()
        driven.turn()
        ((at,),) = driven.rows(f"SELECT paused_at FROM attempt WHERE processing_id = {pid}") or ((None,),)
        return at is not None

    eventually(lambda: (driven.turn(), driven.calls.running())[1])
    change(driven, holds.hold_one, pid)
    eventually(paused, what="it waits")
    change(driven, holds.release_one, pid)
    eventually(lambda: not paused(), what="it goes on")
    gate.touch()
    assert finished(driven, pid) == "succeeded"
    assert [verb for verb in driven.verbs(pid) if verb in ("attempt pause", "attempt resume")] == [
        "attempt pause",
        "attempt resume",
    ]


@pytest.mark.feature("M87")
def test_calls_of_a_launcher_that_was_killed_are_lost_where_they_had_begun_and_given_back_where_not(
    drive: Drive,
) -> None:
    driven = drive(ONE, launcher="workers = 1")
    handlers(driven, "def work(inputs):\n    while not os.path.exists(inputs['gate']): time.sleep(0.01)")
    (driven.root / "open").touch()
    for _ in range(20):  # short ones, so that some are claimed ahead
        driven.born(gate=str(driven.root / "open"))
    last = driven.born(gate=str(driven.root / "open"))
    assert finished(driven, last) == "succeeded"
    assert driven.calls.ahead > 0
    first, second = (driven.born(gate=str(driven.root / "gate")) for _ in range(2))
    eventually(lambda: (driven.turn(), driven.calls.running())[1])
    assert [driven.step(pid).state for pid in (first, second)] == ["running", "running"]
    driven.crash()
    (driven.root / "gate").touch()
    assert finished(driven, first) == finished(driven, second) == "succeeded"
    assert driven.outcomes(first) == ["lost", "succeeded"]
    assert driven.outcomes(second) == ["void", "succeeded"]


@pytest.mark.feature("M24", "P16")
def test_limits_hold_for_calls_however_short_they_are(drive: Drive) -> None:
    driven = drive(
        """
        [limits]
        "satellite:{sat}" = 1
        [tasks.one]
        on = "e"
        function = "handlers.work"
        at_once = 3
        uses = ["satellite:{sat}"]
        """
    )
    handlers(driven, "def work(inputs): pass")
    born = [driven.born(sat=str(n % 2)) for n in range(30)]

    def all_ended() -> bool:
        driven.turn()
        rows = driven.rows("SELECT count(*) FROM processing WHERE state = 'running'")
        assert rows[0][0] <= 2
        return all(driven.state(pid) == "succeeded" for pid in born)

    eventually(all_ended, timeout=60)


def test_five_hundred_calls_are_claimed_as_sets_and_every_row_is_as_if_one_by_one(drive_both: Drive) -> None:  # noqa: F811
    driven = drive_both(ONE + "\n[tasks.other]\non = 'o'\nfunction = 'handlers.work'\n")
    handlers(driven, "def work(inputs):\n    if inputs['n'] % 100 == 99: raise ValueError('every hundredth')")
    born = [driven.born("e" if n % 2 else "o", n=n) for n in range(500)]

    def all_ended() -> bool:
        driven.turn()
        ((left,),) = driven.rows("SELECT count(*) FROM processing WHERE state IN ('waiting', 'running')")
        return left == 0

    eventually(all_ended, timeout=120, interval=0.001)
    states = dict(driven.rows("SELECT state, count(*) FROM processing GROUP BY state"))
    assert states == {"succeeded": 495, "failed": 5}
    counted = driven.rows(
        "SELECT what, sum(n) FROM tally WHERE noun = 'task' AND hour = -1 AND what != 'matched' GROUP BY what"
    )
    assert {what: int(n) for what, n in counted} == {"succeeded": 495, "failed": 5}
    ends = driven.rows("SELECT processing_id FROM journal WHERE noun = 'processing' AND verb IN ('succeed', 'fail')")
    assert sorted(pid for (pid,) in ends) == sorted(born)
    attempts = driven.rows("SELECT exit_code, started_at, finished_at, pooled FROM attempt WHERE outcome = 'succeeded'")
    assert all((a.exit_code, a.pooled) == (0, 1) and a.started_at <= a.finished_at for a in attempts)


def test_a_cancel_that_comes_before_a_set_is_settled_is_not_passed_over(drive: Drive) -> None:
    driven = drive(ONE)
    handlers(driven, "def work(inputs): pass")
    finished(driven, driven.born())
    born = [driven.born() for _ in range(10)]
    driven.turn()
    eventually(lambda: (driven.calls.drain(), not driven.calls.running() and driven.calls.ended)[1])
    with driven.project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE processing SET cancel_requested_at = 1 WHERE id = {born[3]}")
    for pid in born:
        assert finished(driven, pid) == "succeeded"  # it was done before the cancel could end it


def test_a_failed_call_can_be_retried_restarted_accepted_and_not_entered(drive: Drive) -> None:
    driven = drive(ONE)
    handlers(driven, "def work(inputs):\n    if not os.path.exists('mended'): raise OSError('broken')")
    pid, other = driven.born(), driven.born()
    assert finished(driven, pid) == finished(driven, other) == "failed"
    with pytest.raises(Refused, match="is a Python function"):
        debug.enter(driven.project, pid, None)
    (driven.root / "mended").touch()
    processings.retry(driven.project, pid)
    assert finished(driven, pid) == "succeeded"
    steps.accept(driven.project, other, None, "by hand")
    assert driven.state(other) == "succeeded"
    change(driven, restarts.restart_from, pid, "work")
    assert finished(driven, pid) == "succeeded"
    assert [one.number for one in driven.step(pid).attempts] == [1, 2, 3]


def test_a_call_whose_end_cannot_be_understood_has_failed_and_holds_up_no_other(drive: Drive) -> None:
    driven = drive(ONE.replace("attempts = 3", "attempts = 1"))
    handlers(
        driven,
        """
        def work(status, inputs):
            if inputs["bad"]:
                channel = procession._channel
                send = channel.send
                channel.send = lambda frame, raw=b"": (send({**frame, "after": "soon", "how": "no such end"}, raw))
                return 1
        """,
    )
    bad, good = driven.born(bad=True), driven.born(bad=False)
    assert finished(driven, bad) == "failed"
    assert "its end could not be stored" in (driven.get(bad).reason or "")
    assert finished(driven, good) == "succeeded"


def test_inputs_that_are_claimed_as_one_set_have_room_in_memory_together() -> None:
    rows = [calls.Next(n, 0, 1, None, 6 << 20) for n in range(5)]
    assert calling._that_fit(rows) == rows[:2]
    assert calling._that_fit([rows[0]._replace(size=99 << 20)]) == [rows[0]._replace(size=99 << 20)]


@pytest.mark.feature("M125")
def test_the_next_calls_are_found_by_the_index_of_what_waits(drive: Drive) -> None:
    driven = drive(ONE)
    with driven.project.store.read() as tx:
        sql, own = calls._NEXT.compiled(driven.project.store.engine)
        plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", {**own, "task": "one", "n": 5}).fetchall()
    lines = [row[3] for row in plan]
    assert any("USING INDEX ix_processing_waiting (task=?)" in line for line in lines), lines
    assert not any(line.startswith("SCAN") and "first" not in line for line in lines), lines


def test_a_lock_acquired_while_a_set_is_settled_falls_with_its_owner(tables_url: str, tmp_path: Path) -> None:
    driven = Driven(tmp_path / "p", ONE, database=tables_url)
    try:
        handlers(driven, "def work(inputs): pass")
        finished(driven, driven.born())
        born = [driven.born() for _ in range(5)]
        driven.turn()
        eventually(lambda: (driven.calls.drain(), sum(map(len, driven.calls.heard().plain.values())) == 5)[1])
        turn = threading.Thread(target=driven.turn)
        with driven.project.store.begin() as tx:
            owner = Owner(born[2], 1, 1)
            assert locks.lives(tx, owner)
            turn.start()
            eventually(lambda: driven.rows("SELECT 1 FROM pg_locks WHERE NOT granted"), what="the turn waits")
            locks.grant(tx, owner, ["scene"], [], driven.project.now())
        turn.join()
        for pid in born:
            assert finished(driven, pid) == "succeeded"
        assert driven.rows("SELECT name FROM lock_hold") == []
    finally:
        driven.close()


@pytest.mark.feature("M59", "M62")
def test_a_function_gets_the_variables_of_its_task_as_the_set_has_them(drive: Drive) -> None:
    driven = drive(ONE.replace("retry", 'run_by = "{run}"\nvariables = { x = 1, y = 2 }\nretry'))
    handlers(driven, "def work(inputs): return [inputs['x'], inputs['y'], inputs['run']]")
    variable_sets.add(driven.project, VariableSet("one", first_run=5), {"x": 9}, asked())
    ids = [driven.born(run=4), driven.born(run=5), driven.born(run=6, x=3)]
    assert [finished(driven, pid) for pid in ids] == ["succeeded"] * 3
    found = [json.loads((result(driven, pid) or ("", b"null"))[1]) for pid in ids]
    assert found == [[1, 2, 4], [9, 2, 5], [3, 2, 6]]
