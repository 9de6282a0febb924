"""The pool of workers: real processes, real functions; every way in which a call can end."""

import json
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from procession.executors import calls as pool
from procession.executors import worker as workers
from procession.executors.call import CallPlan, Returned
from procession.executors.calls import Calls
from procession.executors.worker import begun
from procession.model.body import Body, keep
from procession.supervise import caller
from tests.executors.running import PYTHON, alive, number_in
from tests.waiting import eventually

FUNCTIONS = """
import ctypes, os, pathlib, signal, subprocess, sys, time, procession

def nothing(inputs): pass
def pid(inputs): return os.getpid()
def crash(inputs): ctypes.string_at(0)
def leave(inputs): os._exit(3)
def sleep(inputs): time.sleep(inputs["seconds"])
def fail(inputs): raise KeyError("no such scene")
def odd(inputs): return {1, 2}
def wide(inputs): return bytes(range(256)) * 40960
def text(inputs): return procession.Result("<svg/>", "image/svg+xml")
def retry(inputs): raise procession.Retry("busy", after="5 s")
def skip(inputs): raise procession.Skip("no data")
def exit(inputs): sys.exit("not like this")
def quit(inputs): sys.exit(0)
def interrupt(inputs): raise KeyboardInterrupt
def told(status, inputs): status.fail("the inputs are no numbers"); return 1
def started(inputs):
    pathlib.Path(inputs["file"]).write_text(str(os.getpid()))
    time.sleep(60)
def forks(inputs):
    child = os.fork()
    if child == 0:
        procession.progress(0.5, "from the child")
        os._exit(0)
    os.waitpid(child, 0)
    return "parent"
def forks_and_returns(inputs):
    child = os.fork()
    if child == 0:
        sys.exit(inputs["code"])
    with open(inputs["file"], "a") as out: out.write(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])) + " ")
def starts(inputs):
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    pathlib.Path(inputs["file"]).write_text(str(child.pid))
    time.sleep(inputs["seconds"])
def touch(inputs): pathlib.Path(inputs["file"]).touch()
def closes(inputs):
    print("before")
    sys.stdout.close()
def closes_and_raises(inputs):
    sys.stderr.close()
    raise ValueError("all the same")
def detaches(inputs): sys.stdout.detach()
def replaces(inputs): sys.stdout = None
def prints(inputs):
    print("printed")
    return os.getpid()
class Unspeakable(Exception):
    def __str__(self): raise RuntimeError("no words")
def unspeakable(inputs): raise Unspeakable()
def babble(inputs):
    for number in range(3, 64):
        if os.path.exists(f"/proc/self/fd/{number}") and "pipe" in os.readlink(f"/proc/self/fd/{number}"):
            try: os.write(number, b"[1,2]\\n")
            except OSError: pass
    time.sleep(60)
"""


class Pooled:
    """A pool with functions to call."""

    def __init__(self, root: Path, size: int = 1) -> None:
        self.root = root
        (root / "functions.py").write_text(FUNCTIONS)
        self.calls = Calls(root, root / "var", 1, size, "here")
        (root / "var").mkdir()
        self.plans: dict[tuple[str, float | None, str], CallPlan] = {}
        self.returned: dict[int, Returned] = {}
        self.heard: Counter[int] = Counter()
        self.next = 0

    def call(self, function: str, n: int = 1, timeout: float | None = None, python: str = PYTHON, **inputs: Any) -> int:
        """Submit so many calls of a function; return the id of the first."""
        key = (function, timeout, python)
        plan = self.plans.setdefault(
            key, CallPlan(len(self.plans) + 1, f"functions.{function}", "t", "s", 1, "e", python, timeout, True)
        )
        first = self.next + 1
        self.next += n
        params = json.dumps(inputs)
        orders = [((i, 1, 1), f'{i},1,{i},null,"",{params}') for i in range(first, first + n)]
        self.calls.submit(plan, orders)
        return first

    def drain(self) -> None:
        self.calls.drain()
        heard = self.calls.heard()
        for plan, some in heard.plain.items():
            for i, number, began, ended in some:
                self._take(Returned((i, plan.ordinal, number), "succeeded", "", began, ended))
        for each in heard.returned:
            self._take(each)
        self.calls.settled()

    def _take(self, each: Returned) -> None:
        self.heard[each.which[0]] += 1
        self.returned[each.which[0]] = each

    def end(self, number: int) -> Returned:
        """Wait for the end of one."""

        def ended() -> Returned | None:
            self.drain()
            return self.returned.get(number)

        return eventually(ended, timeout=30, interval=0.005, what=f"call {number} has ended")

    def ends(self, n: int) -> None:
        """Wait until so many have ended."""

        def ended() -> bool:
            self.drain()
            return len(self.returned) >= n

        eventually(ended, timeout=60, interval=0.002, what=f"{n} calls have ended")

    def one(self, function: str, **options: Any) -> Returned:
        return self.end(self.call(function, **options))

    def value(self, each: Returned) -> Any:
        return json.loads(Body(each.said["form"], each.body.decode(), each.said["size"]).bytes())


@pytest.fixture
def pooled(tmp_path: Path) -> Iterator[Pooled]:
    one = Pooled(tmp_path)
    yield one
    one.calls.close()


@pytest.mark.feature("M24")
def test_many_calls_share_one_process_and_none_is_made_before_it_is_needed(pooled: Pooled) -> None:
    assert pooled.calls.filenos() == []
    first = pooled.call("pid", 50)
    pooled.ends(50)
    assert len({pooled.value(pooled.returned[first + i]) for i in range(50)}) == 1


def test_a_thousand_calls_end_once_each_and_in_order(pooled: Pooled) -> None:
    pooled.call("nothing", 1000)
    pooled.ends(1000)
    assert set(pooled.heard.values()) == {1}
    ends = [pooled.returned[i].ended or 0 for i in range(1, 1001)]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("function", "how", "says"),
    [
        ("crash", "lost", "SIGSEGV"),
        ("leave", "lost", "exit code 3"),
        ("fail", "failed", "KeyError: 'no such scene'"),
        ("odd", "failed", "its result cannot be kept: a value of the type set is not JSON"),
        ("retry", "retry", "busy"),
        ("skip", "skipped", "no data"),
        ("exit", "failed", "not like this"),
        ("quit", "succeeded", ""),
        ("interrupt", "failed", "KeyboardInterrupt"),
        ("told", "failed", "the inputs are no numbers"),
        ("missing", "failed", "functions has no missing"),
        ("forks", "succeeded", ""),
    ],
)
def test_how_a_call_ends_is_known_and_costs_only_that_call(pooled: Pooled, function: str, how: str, says: str) -> None:
    before = pooled.call("nothing", 20)
    this = pooled.call(function)
    after = pooled.call("nothing", 20)
    pooled.ends(41)
    assert (pooled.returned[this].how, says in pooled.returned[this].reason) == (how, True), pooled.returned[this]
    others = [*range(before, before + 20), *range(after, after + 20)]
    assert {pooled.returned[i].how for i in others} == {"succeeded"}
    assert set(pooled.heard.values()) == {1}


@pytest.mark.feature("M87")
def test_a_call_that_takes_too_long_is_killed_and_those_behind_it_are_called(pooled: Pooled) -> None:
    pooled.one("nothing")
    this = pooled.call("sleep", timeout=0.5, seconds=60)
    after = pooled.call("nothing", 30)
    pooled.ends(32)
    assert pooled.returned[this].how == "timeout"
    assert "time-out after 0.5" in pooled.returned[this].reason
    assert {pooled.returned[i].how for i in range(after, after + 30)} == {"succeeded"}


def test_what_waits_behind_a_long_call_goes_to_another_worker(tmp_path: Path) -> None:
    pooled = Pooled(tmp_path, size=2)
    try:
        pooled.call("nothing", 100)
        pooled.ends(100)
        long = pooled.call("started", file=str(tmp_path / "pid"))
        short = pooled.call("nothing", 40)
        number_in(tmp_path / "pid")
        pooled.ends(140)
        assert long not in pooled.returned
        assert {pooled.returned[i].how for i in range(short, short + 40)} == {"succeeded"}
    finally:
        pooled.calls.close()


def test_a_cancelled_call_is_killed_and_one_that_waits_never_begins(pooled: Pooled) -> None:
    file = pooled.root / "pid"
    running = pooled.call("started", file=str(file))
    waiting = pooled.call("nothing")
    pid = eventually(lambda: (pooled.drain(), file.exists() and file.read_text())[1])
    assert pooled.calls.cancel((waiting, 1, 1)) == "void"
    assert pooled.calls.cancel((running, 1, 1)) == "asked"
    assert pooled.end(running).how == "cancelled"
    assert not alive(int(pid))
    assert waiting not in pooled.returned


@pytest.mark.feature("M3")
def test_code_that_changed_is_called_as_it_is_now(pooled: Pooled) -> None:
    path = pooled.root / "functions.py"
    path.write_text("import other\ndef value(inputs): return other.VALUE\n")
    other = pooled.root / "other.py"
    for value in (1, 2, 3):
        other.write_text(f"VALUE = {value}\n")
        os.utime(other, ns=(value, value))  # never the same, however coarse the file system's clock is
        assert pooled.value(pooled.one("value")) == value
    path.write_text("def value(inputs): return 'another'\n")
    assert pooled.value(pooled.one("value")) == "another"


def test_a_module_that_could_not_be_imported_is_tried_again(pooled: Pooled) -> None:
    path = pooled.root / "functions.py"
    path.write_text("import nowhere_at_all\n")
    assert "ModuleNotFoundError" in pooled.one("value").reason
    path.write_text("def value(inputs): return 5\n")
    assert pooled.value(pooled.one("value")) == 5


@pytest.mark.feature("M80")
def test_large_results_and_results_of_a_type_of_their_own_come_back_whole(pooled: Pooled) -> None:
    wide = pooled.one("wide")
    content = bytes(range(256)) * 40960
    assert wide.said["mime"] == "application/octet-stream"
    assert Body(wide.said["form"], wide.body.decode(), wide.said["size"]).bytes() == content
    text = pooled.one("text")
    assert (text.said["mime"], text.body) == ("image/svg+xml", b"<svg/>")


@pytest.mark.parametrize("content", [b"", b"short", b"a" * 600, bytes(range(256)), b"a\0b", os.urandom(2000)])
def test_a_worker_keeps_results_in_the_form_of_the_store(content: bytes) -> None:
    form, text = caller.kept(content)
    assert (form, text.decode()) == (keep(content).form, keep(content).text)


def test_a_large_input_arrives_whole(pooled: Pooled) -> None:
    (pooled.root / "functions.py").write_text("def size(inputs): return len(inputs['text'])\n")
    assert pooled.value(pooled.one("size", text="x" * (3 << 20))) == 3 << 20


def test_an_interpreter_that_cannot_be_started_is_told_and_does_not_keep_others_waiting(pooled: Pooled) -> None:
    assert pooled.one("nothing", python="/nowhere/python").how == "not_started"
    broken = pooled.one("nothing", python="/bin/false")
    assert broken.how == "not_started"
    assert "ends before its first call" in broken.reason
    assert pooled.one("nothing").how == "succeeded"


def test_workers_end_when_their_launcher_is_killed_and_the_board_says_what_had_begun(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    pid = os.fork()
    if pid == 0:
        pooled = Pooled(tmp_path)
        pooled.call("started", file=str(file))
        pooled.call("nothing", 3)
        while True:
            pooled.drain()
            time.sleep(0.01)
    worker = number_in(file)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    eventually(lambda: not alive(worker), what="the worker is gone")
    assert begun(tmp_path / "var", 1) == {(1, 1, 1)}
    workers.forget_boards(tmp_path / "var", 1)
    assert begun(tmp_path / "var", 1) == set()


def test_a_pool_that_stops_lets_what_runs_end_and_gives_back_the_rest(pooled: Pooled) -> None:
    this = pooled.call("sleep", seconds=0.5)
    pooled.call("nothing", 5)
    eventually(lambda: (pooled.drain(), pooled.calls.running())[1])
    left = pooled.calls.stop(10)
    assert len(left) == 5
    assert [each.how for each in pooled.calls.heard().returned] == []
    assert [some[0][0] for some in pooled.calls.heard().plain.values()] == [this]


def test_a_worker_from_which_all_came_back_is_fed_again_at_once(pooled: Pooled) -> None:
    pooled.call("nothing", 200)
    pooled.ends(200)
    slow = pooled.call("sleep", seconds=0.3)  # longer than those behind it wait
    pooled.call("nothing", 5)
    pooled.ends(206)
    assert pooled.returned[slow].how == "succeeded"
    began = time.monotonic()
    pooled.call("nothing", 200)
    pooled.ends(406)
    assert time.monotonic() - began < pool.IDLE / 2  # not only when it is replaced for being idle


def test_a_child_that_comes_back_from_the_function_that_forked_it_answers_nothing_and_takes_no_orders(
    pooled: Pooled,
) -> None:
    pooled.one("nothing")
    file = pooled.root / "codes"
    first = pooled.call("forks_and_returns", 20, file=str(file), code=3)
    pooled.call("nothing", 200)
    pooled.ends(221)
    assert {each.how for each in pooled.returned.values()} == {"succeeded"}, pooled.returned[first]
    assert set(pooled.heard.values()) == {1}
    assert file.read_text().split() == ["3"] * 20


def test_a_worker_whose_lines_make_no_sense_is_killed_and_costs_what_had_begun_alone(pooled: Pooled) -> None:
    pooled.one("nothing")
    this = pooled.call("babble")
    after = pooled.call("nothing", 20)
    pooled.ends(22)
    assert pooled.returned[this].how == "lost"
    assert "makes no sense" in pooled.returned[this].reason
    assert {pooled.returned[i].how for i in range(after, after + 20)} == {"succeeded"}
    assert set(pooled.heard.values()) == {1}


def test_where_no_further_worker_can_be_started_the_one_that_lives_calls_everything_once(tmp_path: Path) -> None:
    pooled = Pooled(tmp_path, size=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        pooled.one("nothing")
        log = tmp_path / "calls.log"
        (tmp_path / "functions.py").write_text(
            "def nothing(inputs): pass\ndef note(inputs):\n"
            "    with open(inputs['log'], 'a') as out: out.write(f\"{inputs['m']}\\n\")\n"
        )
        pooled.one("note", log=str(log), m=0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, hard))
        for n in range(1, 6):
            pooled.call("note", log=str(log), m=n)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        pooled.ends(7)
        assert {each.how for each in pooled.returned.values()} == {"succeeded"}
        assert sorted(log.read_text().split()) == ["0", "1", "2", "3", "4", "5"]
        assert set(pooled.heard.values()) == {1}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        pooled.calls.close()


@pytest.mark.parametrize("function", ["closes", "detaches", "replaces", "closes_and_raises", "unspeakable"])
def test_what_a_function_does_to_its_output_costs_neither_its_work_nor_its_worker(
    pooled: Pooled, function: str
) -> None:
    before = pooled.value(pooled.one("prints"))
    this = pooled.one(function)
    assert this.how == ("failed" if function in ("closes_and_raises", "unspeakable") else "succeeded"), this.reason
    after = pooled.one("prints")
    assert pooled.value(after) == before
    assert (pooled.root / f"var/work/{after.which[0]}/01-s/1/log").read_text() == "printed\n"


def test_a_log_that_cannot_be_written_is_counted_and_costs_no_work(pooled: Pooled) -> None:
    this = pooled.call("prints") + 1
    log = pooled.root / f"var/work/{this}/01-s/1/log"
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")
    pooled.calls.drain()
    assert pooled.call("prints") == this
    said: list[Any] = []

    def ended() -> Returned | None:
        pooled.calls.drain()
        said.extend(pooled.calls.heard().said)
        pooled.drain()
        return pooled.returned.get(this)

    assert eventually(ended, timeout=30).how == "succeeded"

    def told() -> list[Any]:
        pooled.calls.drain()
        said.extend(pooled.calls.heard().said)
        return said

    eventually(told, what="the message comes after the end")
    assert [(what, words.split(":")[0]) for _, what, words in said] == [
        ("message", "8 bytes of its log could not be written")
    ]


def test_fewer_workers_are_used_as_soon_as_fewer_are_wanted(tmp_path: Path) -> None:
    pooled = Pooled(tmp_path, size=3)
    try:
        files = [tmp_path / f"pid{n}" for n in range(3)]
        long = [pooled.call("started", file=str(file)) for file in files]
        pids = [number_in(file) for file in files]
        pooled.calls.size = 1
        short = pooled.call("pid", 5)
        for each in long[:2]:
            pooled.calls.cancel((each, 1, 1))
        for each in long[:2]:
            assert pooled.end(each).how == "cancelled"
        eventually(lambda: (pooled.drain(), not any(alive(pid) for pid in pids[:2]))[1])
        assert len(pooled.calls.running()) == 1
        assert not any(i in pooled.returned for i in range(short, short + 5))
        pooled.calls.cancel((long[2], 1, 1))
        pooled.ends(8)
        assert len({pooled.value(pooled.returned[i]) for i in range(short, short + 5)}) == 1
        pooled.calls.size = 0
        (worker,) = {pooled.value(pooled.returned[i]) for i in range(short, short + 5)}
        eventually(lambda: (pooled.drain(), not alive(worker))[1], what="it idles and ends")
    finally:
        pooled.calls.close()


def test_what_a_function_has_started_ends_with_its_call_that_is_killed_and_with_its_worker(pooled: Pooled) -> None:
    file = pooled.root / "pid"
    assert pooled.one("starts", timeout=1.0, file=str(file), seconds=60).how == "timeout"
    eventually(lambda: not alive(number_in(file)), what="the child of the call that took too long is gone")
    assert pooled.one("starts", file=str(file), seconds=0).how == "succeeded"
    assert alive(number_in(file))
    pooled.calls.close()
    eventually(lambda: not alive(number_in(file)), what="the child of the call that succeeded is gone")


def test_what_functions_of_a_launcher_that_was_killed_have_started_is_found_and_ended(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    pid = os.fork()
    if pid == 0:
        pooled = Pooled(tmp_path)
        pooled.call("starts", file=str(file), seconds=60)
        while True:
            pooled.drain()
            time.sleep(0.01)
    child = number_in(file)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert alive(child)
    workers.end_left_behind(tmp_path / "var", 1)
    eventually(lambda: not alive(child), what="the child is gone")


def test_what_was_given_to_others_is_passed_over_also_when_more_is_kept_back_later(pooled: Pooled) -> None:
    pooled.call("nothing", 100)
    pooled.ends(100)
    file = pooled.root / "touched"
    pooled.call("sleep", seconds=1.0)
    behind = pooled.call("touch", 5, file=str(file))
    (worker,) = pooled.calls._workers
    eventually(lambda: (pooled.drain(), len(worker.flying) == 1)[1], what="those behind it are taken from it")
    assert pooled.calls.stop(10) == [(i, 1, 1) for i in range(behind, behind + 5)]
    assert not file.exists()


def test_nothing_begins_while_others_may_take_over_and_what_runs_is_ended_before_they_do(pooled: Pooled) -> None:
    pooled.call("nothing", 100)
    pooled.ends(100)
    pid, file = pooled.root / "pid", pooled.root / "touched"
    running = pooled.call("started", file=str(pid))
    behind = pooled.call("touch", file=str(file))
    number_in(pid)
    pooled.calls.is_fresh = lambda: False
    later = pooled.call("touch", file=str(file))
    eventually(lambda: (pooled.drain(), sum(map(len, pooled.calls._queues.values())) == 2)[1])
    assert running not in pooled.returned
    pooled.calls.is_over = lambda: True
    lost = pooled.end(running)
    assert (lost.how, lost.reason[:6]) == ("lost", "lease:")
    pooled.drain()
    assert not file.exists()
    pooled.calls.is_fresh, pooled.calls.is_over = (lambda: True), (lambda: False)
    assert pooled.end(behind).how == pooled.end(later).how == "succeeded"
