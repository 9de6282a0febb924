"""What goes wrong with a reduction: of the script, of its surroundings, by force. Nothing is lost, all is said."""

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path
from textwrap import indent

import pytest

from procession.supervise import reducer
from tests.supervise.reductions import STEP, Reduction
from tests.waiting import eventually

NO_MAIN = "reduce.py has no function main(input_file, output_dir); define it, it is what is called"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, or become somebody else")


@pytest.fixture
def reduction(tmp_path: Path) -> Reduction:
    return Reduction(tmp_path)


def main(*lines: str) -> str:
    """A script whose main does this, after it has left something."""
    body = "\n".join(["import os, sys", "open(output_dir + '/part', 'w').write('part')", *lines])
    return "def main(input_file, output_dir):\n" + indent(body, "    ")


# ── the script ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M6", "M85")
@pytest.mark.parametrize(
    ("script", "last"),
    [
        ("def main(:", "reduce.py is no Python that"),
        ("x = '\0'", "reduce.py is no Python that"),
        ("def other(): pass", NO_MAIN),
        ("main = 3", NO_MAIN),
        ("def main(input_file): pass", "main(input_file), which cannot be called with an input and an output"),
        ("def main(): pass", "main(), which cannot be called with an input and an output directory"),
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("import sys; sys.exit()", "ended itself when it was loaded, before main was called; remove the exit"),
        ("raise SystemExit('no licence')", "no licence"),
        (main("raise ValueError('bad bank')"), "ValueError: bad bank"),
        (main("raise PermissionError(13, 'Permission denied', '/x')"), "[Errno 13] Permission denied: '/x'"),
        (main("raise KeyboardInterrupt"), "KeyboardInterrupt"),
        (main("sys.exit('bad bank')"), "bad bank"),
        (main("os._exit(0)"), "ended its process (os._exit?) before main returned; let main return"),
    ],
)  # fmt: skip
def test_a_script_that_fails_is_a_failure_that_is_not_tried_again(reduction: Reduction, script: str, last: str) -> None:
    reduction.write("reduce.py", script)
    assert reduction.run() == 1
    assert last in reduction.last, reduction.log
    assert not (reduction.attempt / "retry_after").exists()
    assert reduction.there() == {}


@pytest.mark.feature("M6")
def test_a_traceback_begins_in_the_script_and_shows_the_text_that_was_executed(reduction: Reduction) -> None:
    words = reduction.words()
    kept = reduction.write("kept", "def main(i, o):\n    raise ValueError('here')  # as it was kept\n")
    words[words.index("--text") + 1] = str(kept)
    reduction.words = lambda: words  # type: ignore[method-assign]
    assert reduction.run() == 1
    assert "# as it was kept" in reduction.log
    assert "reducing.py" not in reduction.log
    assert "reducer.py" not in reduction.log


@pytest.mark.feature("M74")
def test_what_a_failed_reduction_has_left_is_kept_with_its_log_and_not_published(reduction: Reduction) -> None:
    reduction.step = STEP.replace(" }", ', logs = "logs" }')
    reduction.write("reduce.py", main("open(output_dir + '/a.png', 'w').write('plot')", "raise ValueError('later')"))
    assert reduction.run() == 1
    assert reduction.there(reduction.attempt / "reduced") == {"part": "part", "a.png": "plot"}
    assert reduction.there(reduction.attempt / "artifacts") == {"a.png": "plot"}
    assert reduction.there() == {}
    assert "ValueError: later" in (reduction.root / "logs/12-reduce-1.log").read_text()
    assert f"is kept in {reduction.attempt}/reduced" in reduction.framework

    reduction.write("reduce.py", main("print(os.listdir(output_dir))"))
    reduction.number = 2
    assert (reduction.run(), reduction.log) == (0, "['part']\n")


@pytest.mark.feature("M69", "M83")
@pytest.mark.parametrize(
    ("ending", "code"), [("procession.Skip('too few counts')", 77), ("procession.Retry('busy', after=30)", 75)]
)
def test_the_sdk_ends_a_reduction_as_it_ends_any_script(reduction: Reduction, ending: str, code: int) -> None:
    shutil.copy(Path(reducer.__file__).parents[1] / "sdk/script.py", reduction.root / "procession.py")
    reduction.write("reduce.py", main("import procession", f"raise {ending}"))
    assert reduction.run() == code
    assert reduction.last == ending.split("'")[1]
    assert (reduction.attempt / "retry_after").exists() == (code == 75)
    assert reduction.there() == {}


@pytest.mark.feature("M6")
@pytest.mark.parametrize(
    "line",
    ["sys.exit()", "sys.exit(0)", "os.chdir('/')", "os.chdir('..'); return 'relative'", "sys.stdout = None",
     "sys.path.clear()", "os.environ.clear()", "os.close(1); os.close(2)"],
)  # fmt: skip
def test_a_script_may_do_what_it_likes_with_its_own_process(reduction: Reduction, line: str) -> None:
    reduction.write("reduce.py", main(line))
    assert reduction.run() == 0, reduction.log
    assert reduction.there() == {"part": "part"}
    assert (reduction.work.parent / "relative").exists() == ("relative" in line)


@pytest.mark.feature("M74", "M88")
def test_a_script_that_crashes_ends_as_it_did_and_what_it_left_is_kept(reduction: Reduction) -> None:
    reduction.write("reduce.py", main("import ctypes", "ctypes.string_at(0)"))
    assert reduction.run() == -signal.SIGSEGV
    assert reduction.there(reduction.attempt / "reduced") == {"part": "part"}
    assert "killed by signal 11" in reduction.framework


# ── its surroundings ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M70", "M85", "M84")
@pytest.mark.parametrize(
    ("step", "last"),
    [
        (STEP, "an input cannot be read: ROOT/run.nxs: No such file or directory"),
        (STEP.replace("archive", "/nowhere/archive"),
         "a directory cannot be written: /nowhere/archive: it is not there; is it mounted?"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_before_the_script_begins_and_tried_again_in_six_hours(
    reduction: Reduction, step: str, last: str
) -> None:
    reduction.step = step
    if "input" in last:
        (reduction.root / "run.nxs").unlink()
    reduction.write("reduce.py", "raise SystemExit('it has begun')")
    assert reduction.run() == 75
    assert reduction.log == "environment: " + last.replace("ROOT", str(reduction.root)) + "\n"
    assert (reduction.attempt / "retry_after").read_text() == "21600\n"
    assert reduction.last in reduction.framework


@pytest.mark.feature("M85")
def test_the_delay_of_environment_errors_is_a_setting(reduction: Reduction) -> None:
    (reduction.root / "run.nxs").unlink()
    reduction.step = STEP.replace(" }", ', environment_delay = "10 min" }')
    assert reduction.run() == 75
    assert (reduction.attempt / "retry_after").read_text() == "600\n"


@pytest.mark.feature("M70")
@pytest.mark.parametrize(
    ("params", "last"),
    [
        ({"run": "../../../etc"}, "ROOT/archive/../../../etc/version-1 has .. in it, from a value of the event"),
        ({"run": "file/below"}, "a directory cannot be written: ROOT/archive/file"),
        ({"path": "ROOT/pipe"}, "the input ROOT/pipe is neither a file nor a directory"),
        ({"path": "x" * 300}, "File name too long"),
    ],
)  # fmt: skip
def test_what_no_waiting_mends_is_a_failure(reduction: Reduction, params: dict[str, str], last: str) -> None:
    reduction.write("archive/file", "")
    os.mkfifo(reduction.root / "pipe")
    reduction.params |= {name: value.replace("ROOT", str(reduction.root)) for name, value in params.items()}
    reduction.write("reduce.py", "raise SystemExit('it has begun')")
    assert reduction.run() == 1
    assert last.replace("ROOT", str(reduction.root)) in reduction.log
    assert not (reduction.attempt / "retry_after").exists()


def as_nobody(root: Path) -> tuple[str, ...]:
    """A command that becomes somebody else, for whom everything of this test but what is closed is open."""
    python = "/usr/bin/python3"
    if shutil.which("setpriv") is None or not Path(python).exists():
        pytest.skip("setpriv and a Python that everybody may start are needed")
    for directory in (root, *root.parents[:3]):
        directory.chmod(0o755)
    beside = root / "installed"
    beside.mkdir()
    for name in ("deliver", "places", "reduced", "reducer", "reducing"):
        shutil.copy(Path(reducer.__file__).with_name(f"{name}.py"), beside)
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, str(beside / "reducer.py"))


@needs_root
@pytest.mark.feature("M70", "M85")
@pytest.mark.parametrize("closed", ["input", "archive"])
def test_a_permission_that_is_missing_is_an_environment_error(reduction: Reduction, closed: str) -> None:
    before = as_nobody(reduction.root)
    for path in (reduction.work, reduction.attempt_made(), reduction.step_dir):
        os.chown(path, 65534, 65534)
    reduction.environment()
    words = reduction.words()
    if closed == "input":
        (reduction.root / "run.nxs").chmod(0o600)
        reduction.archive.mkdir(parents=True)
        os.chown(reduction.archive, 65534, 65534)
    else:
        (reduction.root / "archive").mkdir(mode=0o755)
    environment = {**reduction.environment(), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*before, *words[2:]],
        cwd=reduction.work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 75, done
    where = f"an input cannot be read: {reduction.root}/run.nxs" if closed == "input" else (
        f"a directory cannot be written: {reduction.archive}"
    )  # fmt: skip
    assert done.stderr == f"environment: {where}: Permission denied\n"
    assert (reduction.attempt / "retry_after").read_text() == "21600\n"


@needs_root
@pytest.mark.feature("M72", "M74", "M85")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is needed to mount a small disk")
def test_an_archive_that_is_full_is_an_environment_error_and_has_no_half_file(reduction: Reduction) -> None:
    """F27."""
    disk, kept = reduction.root / "archive", reduction.root / "kept"
    disk.mkdir()
    reduction.write("reduce.py", main("open(output_dir + '/z', 'w').write('z' * 3_000_000)"))
    inside = f'mount -t tmpfs -o size=1m none {disk} || exit 99\n"$@"; code=$?; cp -a {disk}/. {kept}\nexit $code'
    code = reduction.run("unshare", "-m", "sh", "-c", inside, "sh")
    if code == 99:
        pytest.skip("nothing can be mounted here")
    assert code == 75, reduction.log
    assert reduction.last.startswith("environment: the archive cannot be written: ")
    assert reduction.last.endswith("No space left on device")
    assert reduction.there(kept) == {"7/version-1/part": "part"}
    assert sorted(reduction.there(reduction.attempt / "reduced")) == ["part", "z"]
    assert (reduction.attempt / "retry_after").exists()


# ── by force ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M74", "M90")
def test_a_reduction_that_is_asked_to_end_keeps_what_it_has(reduction: Reduction) -> None:
    reduction.write("reduce.py", main("import time", "print('at work', flush=True)", "time.sleep(600)"))
    running = reduction.start()
    eventually(lambda: "at work" in reduction.log, what="the script is at work")
    os.killpg(running.pid, signal.SIGTERM)
    assert running.wait(30) == -signal.SIGTERM
    assert reduction.there(reduction.attempt / "reduced") == {"part": "part"}
    assert "asked to end" in reduction.framework


@pytest.mark.feature("M72", "M74")
@pytest.mark.parametrize("turn", range(6))
def test_killed_while_copying_the_next_attempt_completes_the_archive(reduction: Reduction, turn: int) -> None:
    """G2: wherever it was, a reader sees whole files, and in the end everything is there once."""
    if shutil.which("strace") is None:
        pytest.skip("strace is needed to kill at a system call")
    reduction.write(
        "reduce.py", main(*(f"open(output_dir + '/{n}', 'w').write(str(os.getpid()) * 1000)" for n in range(3)))
    )
    when = random.Random(turn).randint(1, 4)
    call = ("rename", "link", "fsync")[turn % 3]
    code = reduction.run("strace", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={when}")
    for path in reduction.archive.rglob("[0-9]"):
        assert len(path.read_text()) % 1000 == 0
    reduction.number = 2
    assert reduction.run() == 0, reduction.log
    assert sorted(reduction.there()) == ["0", "1", "2", "part"]
    assert len({text for name, text in reduction.there().items() if name != "part"}) == 1, "all of one attempt"
    assert not list(reduction.archive.rglob(".procession*"))
    assert code != 0 or call == "rename"


@pytest.mark.feature("M6")
@pytest.mark.parametrize("before", [(), ("env", "PYTHONSAFEPATH=1"), ("env", "PYTHONUTF8=0", "LC_ALL=C")])
def test_the_script_finds_what_it_finds_by_hand(reduction: Reduction, before: tuple[str, ...]) -> None:
    reduction.write("beside.py", "found = 'beside it'")
    reduction.write("log.py", "found = 'this one, not ours'")
    reduction.write("reduce.py", "import beside, log\n" + main("print(beside.found, log.found, __name__, __file__)"))
    assert reduction.run(*before) == 0, reduction.log
    assert reduction.log == f"beside it this one, not ours reduce {reduction.root}/reduce.py\n"


@pytest.mark.feature("M6")
def test_the_script_may_use_processes_of_its_own(reduction: Reduction) -> None:
    text = """\
        import multiprocessing, os
        def square(n): return n * n
        def main(input_file, output_dir):
            with multiprocessing.get_context("KIND").Pool(2) as pool:
                print(pool.map(square, range(4)))
            if os.fork() == 0:  # a child that goes on for itself, and holds all that it has inherited
                os.setsid()
                os.execvp("sleep", ["sleep", "3"])
    """
    for reduction.number, kind in enumerate(("fork", "spawn"), 1):
        reduction.write("reduce.py", text.replace("KIND", kind))
        assert reduction.run() == 0, reduction.log
        assert reduction.log == "[0, 1, 4, 9]\n"
