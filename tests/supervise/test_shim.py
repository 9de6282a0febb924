"""A shim gives a script what it would find when started by hand, and tells exactly how it ended."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from procession.executor import Ended
from tests.executors.running import PYTHON, Runner, local
from tests.executors.test_local import runner  # noqa: F401  a fixture
from tests.waiting import eventually

DUMP = """
import json, os, resource, sys
LIBRARY = 1 << 31 | 1 << 32  # 32 and 33 belong to the C library, which sets them itself in what it starts
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
found = {
    "argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ),
    "umask": os.umask(0), "fds": sorted(set(os.listdir("/proc/self/fd")) - {"3"}),
    "stdin": os.readlink("/proc/self/fd/0"), "nice": os.nice(0),
    "signals": [int(status[name], 16) & ~LIBRARY for name in ("SigBlk", "SigIgn", "SigCgt")],
    "limits": [resource.getrlimit(number) for number in range(resource.RLIM_NLIMITS)]
    if hasattr(resource, "RLIM_NLIMITS") else [resource.getrlimit(number) for number in range(16)],
    "groups": os.getgroups(), "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid()],
    "dumpable": open("/proc/self/coredump_filter").read(), "oom": open("/proc/self/oom_score_adj").read(),
}
text = json.dumps(found)
open(sys.argv[1], "w").write(text)
"""


@pytest.mark.parametrize("code", [0, 1, 2, 75, 77, 126, 127, 128, 129, 137, 143, 255])
def test_every_exit_code_is_exact(runner: Runner, code: int) -> None:  # noqa: F811
    """F17, G11."""
    end = runner.run(runner.shell(f"exit {code}"))
    assert (end.how, end.code, end.signal) == ("exited", code, None)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGPIPE", "SIGTERM", "SIGINT", "SIGABRT", "SIGUSR1", "SIGHUP"])
def test_every_signal_is_exact(runner: Runner, name: str) -> None:  # noqa: F811
    """F17: also those that we ignore ourselves."""
    end = runner.run(runner.shell(f"kill -{name[3:]} $$; sleep 5"))
    assert (end.how, end.code, end.signal) == ("signalled", None, getattr(signal, name))


def test_an_exit_from_a_thread_is_exact(runner: Runner) -> None:  # noqa: F811
    """F17."""
    code = "import os, threading, time; threading.Thread(target=os._exit, args=(9,)).start(); time.sleep(100)"
    assert runner.run(runner.python(code)).code == 9


def write(path: Path, content: bytes, mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_what_cannot_be_started_says_why(runner: Runner, tmp_path: Path) -> None:  # noqa: F811
    """F16, G12: never exit code 127."""
    zoo = tmp_path / "zoo"
    elf = write(zoo / "elf", b"\x7fELF" + bytes(100))
    cases = {
        str(zoo / "missing"): (2, "does not exist"),
        str(zoo): (13, "is a directory"),
        write(zoo / "plain", b"#!/bin/sh\n", 0o644): (13, "not executable"),
        write(zoo / "bare", b"echo hello\n"): (8, "no #! line"),
        elf: (8, "no program of this machine"),
        write(zoo / "bad", b"#!/no/such/interpreter -x\n"): (2, "'/no/such/interpreter', which does not exist"),
        write(zoo / "dos", b"#!/bin/sh\r\necho\r\n"): (2, "carriage return"),
        write(zoo / "odd", b"#!/etc/passwd\n"): (13, "asks in its #! line for '/etc/passwd'"),
        f"{elf}/below": (20, "cannot be reached"),
    }
    for program, (number, why) in cases.items():
        end = runner.run(runner.job(program))
        assert (end.how, end.code, end.signal, end.errno) == ("not_started", None, None, number), program
        assert why in (end.reason or ""), end.reason


def test_too_many_arguments_are_not_started(runner: Runner) -> None:  # noqa: F811
    """F16: E2BIG, and the next attempt is none the worse."""
    end = runner.run(runner.job("/bin/true", "x" * 3_000_000))
    assert (end.how, end.errno) == ("not_started", 7)
    assert "too long" in (end.reason or "")
    assert runner.run(runner.job("/bin/true")).code == 0


def test_what_cannot_be_passed_ends_one_attempt_and_not_the_shim(tmp_path: Path) -> None:
    with local(tmp_path, slots=1) as runner:  # noqa: F811
        shim = None
        for job in (
            runner.job("/bin/true", "a\0b"),
            runner.job("/bin/true", env_set={"A=B": "x"}),
            runner.job("/bin/true", argv=[]),
            runner.job("/bin/true", cwd="/no/such/place"),
            runner.job("/bin/true", cwd="/etc/passwd"),
            runner.job("/bin/true", log="/no/such/place/log"),
            runner.job("/bin/true", dirs=["/proc/none"]),
            runner.job("/bin/true", timeout="soon"),
        ):
            runner.submit(job)
            sighting = runner.until(job.key, Ended)
            assert isinstance(sighting, Ended)
            if sighting.exit.how != "exited":
                assert sighting.exit.how == "not_started", job
                assert sighting.exit.reason
            shim = shim or sighting.record.shim
            assert sighting.record.shim == shim
        assert not runner.drain().gone


def by_hand(job_env: dict[str, str], argv: list[str], cwd: Path) -> None:
    subprocess.run(argv, cwd=cwd, env={**os.environ, **job_env}, stdin=subprocess.DEVNULL, check=True,
                   stdout=subprocess.DEVNULL, start_new_session=True)  # fmt: skip


SURROUNDED = """
import os, signal, sys, json, subprocess
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.executors.running import local, PYTHON
root, dump = Path(sys.argv[2]), sys.argv[3]
os.umask(int(sys.argv[4], 8))
signal.signal(signal.SIGINT, signal.SIG_DFL if sys.argv[5] == "d" else signal.SIG_IGN)
if sys.argv[5] != "d":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (500, 1000))
with local(root) as runner:
    job = runner.python(dump, "dump.json")
    runner.submit(job)
    print(json.dumps([job.cwd, job.env_set, list(job.argv), runner.ended(job.key).code]))
    (root / "hand").mkdir()
    argv = [*job.argv[:-1], str(root / "hand/dump.json")]
    subprocess.run(argv, cwd=job.cwd, env={**os.environ, **job.env_set}, check=True, stdin=subprocess.DEVNULL,
                   start_new_session=True)
"""


@pytest.mark.feature("P1", "N1")
@pytest.mark.parametrize(("umask", "signals"), [("022", "d"), ("077", "d"), ("002", "ignored"), ("000", "d")])
def test_a_script_finds_what_it_finds_by_hand(tmp_path: Path, umask: str, signals: str) -> None:
    """C13, F59: environment, directory, umask, limits, descriptors, signals and mask; `run.sh` gives the same."""
    root = str(Path(__file__).parents[2])
    environ = {
        **os.environ,
        "ODD": "it's; $(a)\n`b` \\",
        "EMPTY": "",
        "BASH_FUNC_x%%": "() { echo; }",
        "PYTHONPATH": "/x",
    }
    done = subprocess.run(
        [sys.executable, "-c", SURROUNDED, root, str(tmp_path), DUMP, umask, signals],
        capture_output=True, text=True, check=False, cwd=root, env=environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cwd, env_set, _, code = json.loads(done.stdout)
    assert code == 0
    ours = json.loads((Path(cwd) / "dump.json").read_text())
    hand = json.loads((tmp_path / "hand/dump.json").read_text())
    assert ours.pop("argv") == ["dump.json"]
    hand.pop("argv")
    assert ours == hand
    assert ours["env"]["ODD"] == environ["ODD"]
    assert ours["env"]["PROCESSION_KEY"] == env_set["PROCESSION_KEY"]
    assert ours["umask"] == int(umask, 8)
    assert ours["fds"] == ["0", "1", "2"]
    for path in [*(tmp_path / "var/spool").iterdir(), Path(cwd) / "log"]:
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert (tmp_path / "var/spool").stat().st_mode & 0o077 == 0
    assert (Path(cwd) / "run.sh").stat().st_mode & 0o777 == 0o700

    subprocess.run(["/bin/sh", "-c", f"ulimit -Sn 500; ulimit -Hn 1000; exec {cwd}/run.sh"], check=True, cwd="/",
                   env={"PATH": os.environ["PATH"], "UNKNOWN": "1"}, start_new_session=True)  # fmt: skip
    again = json.loads((Path(cwd) / "dump.json").read_text())
    for name in ("env", "cwd", "umask", "limits", "stdin", "fds"):
        assert again[name] == ours[name], name


def test_variables_are_dropped_and_set(runner: Runner) -> None:  # noqa: F811
    os.environ["PROCESSION_TEST_DROP"] = "no"
    try:
        with local(runner.root / "other") as other:
            job = other.shell(
                "echo ${PROCESSION_TEST_DROP-dropped} $A", env_drop=["PROCESSION_TEST_DROP"], env_set={"A": "1"}
            )
            assert other.run(job).code == 0
            assert other.log(job) == "dropped 1\n"
            kept = other.shell("echo ${PROCESSION_TEST_DROP-dropped}")
            other.run(kept)
            assert other.log(kept) == "no\n"
    finally:
        del os.environ["PROCESSION_TEST_DROP"]


def test_paths_and_values_may_be_any_bytes(runner: Runner) -> None:  # noqa: F811
    odd = os.fsdecode(b"caf\xe9 \xf0\x9f\x9a\x80 'q' \"d\" $x")
    home = f"{runner.root}/work/{odd}"
    job = runner.shell(
        'printf %s "$V$1"', odd, cwd=home, dirs=[home], attempt_dir=home, log=f"{home}/log", env_set={"V": odd}
    )
    assert runner.run(job).code == 0
    assert Path(job.log).read_bytes() == os.fsencode(odd * 2) or Path(job.log).read_bytes() == os.fsencode(odd)
    again = subprocess.run([f"{home}/run.sh"], capture_output=True, check=True)
    assert again.stdout == Path(job.log).read_bytes()


@pytest.mark.feature("P24")
def test_the_titles_tell_who_works_on_what(runner: Runner) -> None:  # noqa: F811
    def title(pid: int) -> str:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()

    job = runner.shell("exec sleep 1000", label="18231/2/1 calibrate")
    runner.submit(job)
    shim = runner.running(job.key).record.shim
    assert title(shim) == "procession shim 18231/2/1 calibrate"
    assert Path(f"/proc/{shim}/comm").read_text() == "procession shim\n"
    runner.executor.cancel(job.key, "a test")
    runner.ended(job.key)
    eventually(lambda: title(shim) == "procession shim idle")
    forge = runner.executor._pool.forge.pid  # type: ignore[attr-defined]
    assert title(forge) == "procession forge"


def test_an_idle_shim_keeps_no_directory_and_no_file_of_an_attempt(runner: Runner) -> None:  # noqa: F811
    job = runner.shell("rm -rf ../$PROCESSION_KEY; exit 3")
    runner.submit(job)
    sighting = runner.until(job.key, Ended)
    assert isinstance(sighting, Ended)
    assert sighting.exit.code == 3
    shim = sighting.record.shim

    def links() -> list[str]:
        return [os.readlink(f"/proc/{shim}/fd/{number}") for number in os.listdir(f"/proc/{shim}/fd")]

    eventually(lambda: not any(job.key in link for link in links()))
    assert os.readlink(f"/proc/{shim}/cwd") == "/"


def test_a_script_that_closes_its_output_blocks_nobody(runner: Runner) -> None:  # noqa: F811
    """F43."""
    end = runner.run(runner.shell("exec >&- 2>&- 0<&-; exit 4"))
    assert (end.code, end.log_bytes) == (4, 0)


def test_the_terminals_signals_do_not_reach_shims(runner: Runner) -> None:  # noqa: F811
    """Ctrl-C ends the launcher; scripts run on."""
    job = runner.shell("until [ -e go ]; do sleep 0.02; done; exit 8")
    runner.submit(job)
    shim = runner.running(job.key).record.shim
    assert os.getsid(shim) == shim != os.getsid(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(shim, number)
    (Path(job.cwd) / "go").touch()
    assert runner.ended(job.key).code == 8


def test_the_forge_is_small() -> None:
    """Only the standard library, and little of it: what is imported here is copied into every shim."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import procession.supervise.forge; print(*sys.modules)"
    root = str(Path(__file__).parents[2])
    done = subprocess.run([PYTHON, "-I", "-S", "-c", code, root], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    ours = {name for name in modules if name.startswith("procession.")}
    assert {name.partition(".")[0] for name in modules} <= sys.stdlib_module_names | {"procession", "__main__"}
    small = {
        "attempt",
        "cgroup",
        "forge",
        "guard",
        "lease",
        "limits",
        "log",
        "process",
        "record",
        "script",
        "shim",
        "start",
    }
    small |= {"lease", "tree", "usage"}
    assert ours <= {"procession.supervise", *(f"procession.supervise.{name}" for name in small)}
    assert not modules & {
        "asyncio",
        "dataclasses",
        "inspect",
        "logging",
        "pathlib",
        "socket",
        "subprocess",
        "threading",
        "typing",
    }
