"""A shim holds a running script to its limits, and says in the exit line which of them ended it."""

import json
import os
import resource
import signal
from pathlib import Path

import pytest

from procession.executor import Ended
from procession.supervise import cgroup
from procession.supervise.limits import Limits, size, span
from tests.executors.running import PYTHON, Runner, alive, local, number_in
from tests.executors.test_local import runner  # noqa: F401  a fixture
from tests.supervise.test_shim import DUMP
from tests.waiting import eventually

MB = 10**6
GROW = "import time\nx = []\nwhile True: x.append(bytearray(4_000_000)); time.sleep(0.002)"
HOLD = "import sys, time\nx = bytearray(int(sys.argv[1]))\nfor i in range(0, len(x), 4096): x[i] = 1\n"
SPIN = "import time\nwhile True: pass"


@pytest.mark.feature("P18")
def test_a_script_that_takes_too_much_memory_is_killed_and_the_record_says_so(runner: Runner) -> None:  # noqa: F811
    job = runner.python(GROW, memory=150 * MB, grace=60.0)
    end = runner.run(job)
    assert (end.how, end.code) == ("memory", None)
    assert end.reason is not None
    assert end.reason.startswith("memory: the ")
    assert end.reason.endswith("it may take 150 MB")
    assert end.seconds < 20
    assert end.peak_tree is not None
    assert 150 * MB < end.peak_tree < 1000 * MB


@pytest.mark.feature("P18")
def test_the_memory_of_the_whole_tree_counts(runner: Runner) -> None:  # noqa: F811
    """Three processes of 60 MB each are too much where none of them is."""
    text = 'for n in 1 2 3; do "$0" -I -S -c "$1" 60000000 & echo $! > child; done; wait'
    waits = HOLD + "time.sleep(1000)"
    job = runner.job("/bin/sh", "-c", text, PYTHON, waits, memory=130 * MB)
    end = runner.run(job)
    assert (end.how, end.signal) == ("memory", 9)
    assert not alive(number_in(f"{job.cwd}/child"))


def test_memory_is_limited_in_the_grace_as_well(runner: Runner) -> None:  # noqa: F811
    """A script that is asked to end may not take the whole machine while it cleans up."""
    waits = "import signal, time\ngrow = []\nsignal.signal(15, lambda *_: grow.append(1))\n"
    job = runner.python(waits + "while not grow: time.sleep(0.01)\n" + GROW, memory=150 * MB, timeout=0.5, grace=60.0)
    end = runner.run(job)
    assert (end.how, end.signal) == ("timeout", 9)
    assert end.seconds < 20


@pytest.mark.feature("P18", "P22")
def test_memory_that_is_shared_counts_once_and_the_peak_is_on_record(runner: Runner) -> None:  # noqa: F811
    """Four forks of a process of 100 MB take little more than it: copy on write."""
    code = HOLD + "import os\nfor _ in range(4):\n    if not os.fork(): break\ntime.sleep(0.8)"
    end = runner.run(runner.python(code, "100000000", memory=220 * MB))
    assert (end.how, end.code) == ("exited", 0), end.reason
    assert end.peak_tree is not None
    assert end.peak_tree > 90 * MB
    assert end.max_rss > 90 * MB


def test_a_mapped_file_is_not_memory_of_the_script(runner: Runner) -> None:  # noqa: F811
    code = (
        "import mmap, time\n"
        "with open('big', 'wb') as f:\n    for _ in range(120): f.write(bytes(1_000_000))\n"
        "f = open('big', 'rb')\nm = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n"
        "print(sum(m[i] for i in range(0, len(m), 4096)))\ntime.sleep(0.5)"
    )
    end = runner.run(runner.python(code, memory=60 * MB))
    assert (end.how, end.code) == ("exited", 0), end.reason
    assert end.peak_tree is not None
    assert 0 < end.peak_tree < 60 * MB
    assert end.max_rss > 120 * MB


def test_without_a_memory_limit_nobody_looks(runner: Runner) -> None:  # noqa: F811
    assert runner.run(runner.shell("exit 0")).peak_tree is None


@pytest.mark.feature("P18")
def test_processor_time_of_one_process_is_limited(runner: Runner) -> None:  # noqa: F811
    end = runner.run(runner.python(SPIN, cpu_seconds=1.0))
    assert end.how == "cpu"
    assert end.reason is not None
    assert end.reason.endswith("it may use 1 s")
    assert 0.7 <= end.cpu < 4


@pytest.mark.feature("P18")
def test_processor_time_of_the_whole_tree_is_limited(runner: Runner) -> None:  # noqa: F811
    """Many short processes one after the other, none of which uses much."""
    code = "import time\nwhile time.process_time() < 0.1: pass"
    job = runner.job("/bin/sh", "-c", 'while :; do "$0" -I -S -c "$1"; done', PYTHON, code, cpu_seconds=0.7)
    end = runner.run(job)
    assert end.how == "cpu"
    assert 0.6 <= end.cpu < 4


def test_the_kernels_own_end_by_processor_time_is_recognised(runner: Runner) -> None:  # noqa: F811
    """The script is stopped from being seen, once it is on record: only RLIMIT_CPU can have ended it."""
    go = runner.root / "go"
    code = f"import os, signal, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    job = runner.python(f"{code}os.kill(os.getppid(), signal.SIGSTOP)\n{SPIN}", cpu_seconds=1.0)
    runner.submit(job)
    shim = runner.running(job.key).record.shim
    script = runner.running(job.key).record.find("spawned")["pid"]
    go.touch()
    eventually(lambda: not alive(script), timeout=20)
    os.kill(shim, signal.SIGCONT)
    end = runner.ended(job.key)
    assert (end.how, end.signal) == ("cpu", 24)


@pytest.mark.feature("P18")
def test_open_files_are_limited_for_the_script_alone_and_from_its_first_instruction(
    runner: Runner,  # noqa: F811
) -> None:
    code = (
        "import os, resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
        "try: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 21)); print('raised')\n"
        "except (ValueError, OSError): print('refused')\n"
        "n = 0\ntry:\n    while True: os.open('/dev/null', 0); n += 1\nexcept OSError as e: print(e.errno, n)"
    )
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    for _ in range(2):
        job = runner.python(code, open_files=20)
        assert runner.run(job).code == 0
        assert runner.log(job).splitlines()[0] == "(20, 20)"
        assert runner.log(job).splitlines()[-1] == "24 17"
    free = runner.python("import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))")
    runner.run(free)
    assert runner.log(free) == f"{before}\n"


def test_a_script_with_limits_finds_all_else_as_one_without(runner: Runner) -> None:  # noqa: F811
    """C13: the fork in which limits are set leaves nothing else behind."""
    plain = runner.python(DUMP, "dump.json")
    limited = runner.python(DUMP, "dump.json", open_files=30, cpu_seconds=100.0)
    found = []
    for job in (plain, limited):
        assert runner.run(job).code == 0
        found.append(json.loads((Path(job.cwd) / "dump.json").read_text()))
    assert found[0]["limits"] != found[1]["limits"]
    assert found[1]["limits"][resource.RLIMIT_NOFILE] == [30, 30]
    for one, job in zip(found, (plain, limited), strict=True):
        del one["limits"]
        assert one.pop("cwd") == job.cwd
        one["env"] = {name: value for name, value in one["env"].items() if name != "PROCESSION_ATTEMPT"}
    assert found[0] == found[1]
    os.system(f"{limited.cwd}/run.sh")
    again = json.loads((Path(limited.cwd) / "dump.json").read_text())
    assert again["limits"][resource.RLIMIT_NOFILE] == [30, 30]


@pytest.mark.parametrize("program", ["/no/such/program", "/etc/passwd", "/etc"])
def test_what_cannot_be_started_with_limits_says_why(runner: Runner, program: str) -> None:  # noqa: F811
    """F16: as without limits, and nothing is left of the fork."""
    with_limits, without = runner.run(runner.job(program, open_files=50)), runner.run(runner.job(program))
    assert with_limits.how == without.how == "not_started"
    assert (with_limits.errno, with_limits.reason) == (without.errno, without.reason)
    odd = runner.run(runner.job("/bin/true", "a\0b", open_files=50))
    assert (odd.how, odd.errno) == ("not_started", 22)


@pytest.mark.feature("M89")
def test_a_script_without_output_is_ended(runner: Runner) -> None:  # noqa: F811
    end = runner.run(runner.shell("echo begun; exec sleep 1000", quiet=0.8))
    assert (end.how, end.reason) == ("timeout", "no output for 0.8 s")
    assert 0.8 <= end.seconds < 4


@pytest.mark.feature("M89")
def test_output_or_progress_is_a_sign_of_life(runner: Runner) -> None:  # noqa: F811
    text = "for n in 1 2 3 4 5 6; do sleep 0.3; echo $n {}; done; exit 3"
    jobs = [runner.shell(text.format(where), quiet=1.2) for where in ("", ">> progress")]
    runner.submit(*jobs)
    for job in jobs:
        end = runner.ended(job.key)
        assert (end.how, end.code) == ("exited", 3)
        assert end.seconds > 1.7


def test_a_limit_that_is_none_does_not_start_anything(tmp_path: Path) -> None:
    with local(tmp_path, slots=1) as runner:  # noqa: F811
        for field, value in (
            ("memory", 0), ("memory", "2 GB"), ("memory", True), ("cpu_seconds", -1), ("cpu_seconds", float("nan")),
            ("open_files", 2.5), ("quiet", []), ("log_max", 0), ("log_over", "burn"), ("timeout", "soon"),
        ):  # fmt: skip
            job = runner.shell("touch ran", **{field: value})
            runner.submit(job)
            sighting = runner.until(job.key, Ended)
            assert sighting.exit.how == "not_started", (field, value)
            assert f"{field} is {value!r}" in sighting.exit.reason
            assert not (Path(job.cwd) / "ran").exists()


def test_a_limit_beyond_ours_stays_ours() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("no limit here")
    assert Limits({"open_files": hard + 1}).for_the_system() == [(resource.RLIMIT_NOFILE, hard, hard)]


def test_spans_and_sizes_are_short() -> None:
    assert [span(n) for n in (600, 90, 5400, 0.8, 61)] == ["10 min", "1.5 min", "1.5 h", "0.8 s", "61 s"]
    assert [size(n) for n in (2_300_000_000, 2 * 10**9, 999, 64_000_000)] == ["2.3 GB", "2 GB", "999 B", "64 MB"]


def test_a_group_gets_its_limit_and_tells_of_the_kernels_end(tmp_path: Path) -> None:
    """The files of cgroup v2, written and read as the kernel's documentation has them."""
    (tmp_path / "memory.max").touch()
    group = cgroup.group(str(tmp_path), 5000)
    assert group is not None
    (made,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert made.name == f"procession-{os.getpid()}"
    assert (made / "memory.max").read_text() == "5000"
    assert (made / "memory.oom.group").read_text() == "1"
    assert not group.has_killed()
    assert group.peak() is None
    (made / "memory.events").write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 1\n")
    (made / "memory.peak").write_text("4990\n")
    assert group.has_killed()
    assert group.peak() == 4990
    assert cgroup.group(str(tmp_path), None) is None
    assert cgroup.group(f"{tmp_path}/none", 5000) is None
