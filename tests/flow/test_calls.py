"""Calls in the flow: claimed, called by real workers, settled; the launcher's chapters turn by hand."""

import json
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from procession.store import bodies, journal
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
