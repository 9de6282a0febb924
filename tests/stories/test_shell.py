"""A failure is entered, repaired by hand and accepted, and the chain goes on."""

import fcntl
import json
import os
import pty
import resource
import select
import shlex
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from procession.workdir import is_held
from tests.stories.site import COMMAND, PYTHON, Site
from tests.waiting import eventually

LOAD = f"""\
#!/bin/sh
{sys.executable} -c 'import procession
with procession.lock("station"): pass' 2> locked
echo "loading $PROCESSION_PARAM_SCENE"
[ -s band4.dat ] || {{ echo "band 4 is damaged"; exit 4; }}
echo "bands=$(cat band4.dat)" >> "$PROCESSION_OUTPUT"
"""
FINISH = '#!/bin/sh\necho "bands: $1"\ncp band4.dat result.dat\n'
CHAIN = """
[tasks.scene]
on = "scene"
steps = ["./load.sh", ["./finish.sh", "{load.bands}"]]
"""


@pytest.fixture
def failed(site: Site) -> int:
    """A processing whose first step has failed for want of a good file."""
    site.write(CHAIN, load_sh=LOAD, finish_sh=FINISH)
    (site.root / "good.dat").write_text("seven\n")
    site.up()
    pid = site.emit("scene", scene="LC08")
    found = site.until(pid)
    assert (found.state, found.reason) == ("failed", "load: exit code 4: band 4 is damaged")
    return pid


class Terminal:
    """An interactive command on a terminal of its own."""

    def __init__(self, site: Site, *arguments: str, program: Sequence[str] = COMMAND) -> None:
        self.ours, theirs = pty.openpty()
        self.shown = b""
        self.process = subprocess.Popen(
            [*program, *arguments], cwd="/", env={**site.environment, "PROCESSION_PROJECT": str(site.root)},
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no threads here
        )  # fmt: skip
        os.close(theirs)

    def type(self, line: str) -> None:
        os.write(self.ours, line.encode() + b"\n")

    def read(self) -> bytes:
        while select.select([self.ours], [], [], 0)[0]:
            try:
                new = os.read(self.ours, 65536)
            except OSError:  # everybody at the other end has left
                break
            if not new:
                break
            self.shown += new
        return self.shown

    def shows(self, text: str) -> None:
        eventually(lambda: text.encode() in self.read(), timeout=20, what=f"the terminal shows {text!r}")

    def leave(self) -> int:
        eventually(lambda: (self.read(), self.process.poll() is not None)[1], timeout=20)
        os.close(self.ours)
        assert self.process.returncode is not None
        return self.process.returncode


@contextmanager
def terminal(site: Site, *arguments: str, program: Sequence[str] = COMMAND) -> Iterator[Terminal]:
    one = Terminal(site, *arguments, program=program)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


@pytest.mark.feature("M99", "N1", "M71", "P24")
def test_in_a_terminal_the_good_file_is_copied_the_script_runs_again_and_is_accepted(site: Site, failed: int) -> None:
    var = site.project.var
    with terminal(site, "shell", str(failed)) as shell:
        shell.shows(f"[{failed} load]")
        shell.type("pwd -P; echo $PROCESSION_STEP-$PROCESSION_PARAM_SCENE")
        shell.shows(os.path.realpath(var.files(failed)))
        shell.shows("load-LC08")
        assert is_held(var.work(failed) / "entered.lock")
        assert "another shell" in site.run("shell", str(failed), "-c", "true", code=5).stderr
        shell.type("rerun")
        shell.shows("rerun: exit code 4")
        assert "would lock station" in (var.files(failed) / "locked").read_text()  # the attempt has ended
        assert "ended with exit code 4; run it again" in site.run("accept", str(failed), code=5).stderr
        shell.type(f"cp {site.root}/good.dat band4.dat; rerun")
        shell.shows("rerun: exit code 0; take it with: accept")
        assert site.get(failed).state == "failed"  # nothing was decided yet
        shell.type("accept -m 'copied the good file'")
        assert shell.leave() == 0
    found = site.until(failed, "succeeded")
    assert not is_held(var.work(failed) / "entered.lock")
    first, accepted = found.steps[0].attempts
    assert (first.outcome, first.exit_code) == ("failed", 4)
    assert (accepted.outcome, accepted.note) == ("succeeded", "copied the good file")
    assert accepted.made_by
    assert found.outputs == {"load": {"bands": "seven"}}
    assert site.log(failed, 2, "finish") == b"bands: seven\n"
    assert (var.files(failed) / "result.dat").read_text() == "seven\n"
    assert b"loading LC08" in site.log(failed, 1, "load", 2)
    assert b"copied the good file" in site.log(failed, 1, "load", 2)
    assert site.log(failed, 1, "load", 1) == b"loading LC08\nband 4 is damaged\n"  # as it was


@pytest.mark.feature("M99", "N1")
def test_the_same_without_a_terminal(site: Site, failed: int) -> None:
    done = site.run("shell", str(failed), "load", "-c", "rerun", code=4)
    assert done.stdout == "loading LC08\nband 4 is damaged\n"
    site.run("shell", str(failed), "load", "-c", f"cp {site.root}/good.dat band4.dat && rerun && accept -m by-hand")
    found = site.until(failed, "succeeded")
    assert found.outputs == {"load": {"bands": "seven"}}


@pytest.mark.feature("M100", "P24")
def test_run_sh_repeats_the_attempt_without_procession(site: Site, failed: int) -> None:
    repeat = site.attempt_dir(failed, 1, "load") / "run.sh"
    done = subprocess.run(["/bin/sh", repeat], cwd="/", env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "loading LC08\nband 4 is damaged\n")


@pytest.mark.feature("M99")
def test_accept_and_retry_answer_what_they_may_not_do(site: Site, failed: int) -> None:
    assert "has no step 'lod'" in site.run("accept", str(failed), "lod", code=4).stderr
    assert "has not failed" in site.run("accept", str(failed), "finish", code=5).stderr
    assert "has not run yet" in site.run("shell", str(failed), "finish", code=5).stderr
    assert "no processing 99" in site.run("shell", "99", code=4).stderr
    (site.project.var.files(failed) / "band4.dat").write_text("3")
    site.run("retry", str(failed))
    assert site.until(failed, "succeeded").steps[0].attempt == 2
    assert site.run("retry", str(failed), code=5).stderr.count("\n") == 1


DUMP = f"""\
#!{PYTHON}
import json, os, resource, stat, sys
mask = os.umask(0)
os.umask(mask)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
found = {{
    "environment": dict(os.environ),
    "argv": sys.argv,
    "cmdline": open("/proc/self/cmdline").read(),
    "cwd": [os.getcwd(), os.environ.get("PWD")],
    "umask": mask,
    "limits": {{n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")}},
    "stdin": [os.readlink("/proc/self/fd/0"), stat.S_IFMT(os.fstat(0).st_mode)],
    "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)),
    "signals": [int(status[name], 16) & ~0x180000000 for name in ("SigBlk", "SigIgn")],  # 32 and 33 are the C library's
}}
with open("dumps", "a") as file:
    file.write(json.dumps(found, sort_keys=True) + "\\n")
sys.exit(3)
"""
DUMPED = """
[environment]
set = { CHOSEN = "it's \\"so\\" $HOME" }
drop = ["LEFT_OUT"]
[tasks.dump]
on = "dump"
run = ["./dump.py", "{a}", "--b=*", "", "$HOME; `true`"]
"""


@pytest.mark.feature("N1", "M99", "P1", "P24")
def test_rerun_makes_no_difference_that_a_script_could_see(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """N1: environment, arguments, directory, umask, limits, standard input, descriptors, signals; entered from another
    directory, with another environment, umask and limits."""
    monkeypatch.setenv("LEFT_OUT", "1")
    monkeypatch.setenv("ODD", "two\nlines 'and' \"quotes\" \\ $X")
    site.write(DUMPED, dump_py=DUMP)
    site.up()
    pid = site.emit("dump", a="ä 'x'\n", many=[1, {"two": "☃"}])
    site.until(pid, "failed")
    for name, value in {
        "LEFT_OUT": "other",
        "ODD": "other",
        "NEW": "1",
        "SHLVL": "7",
        "LANG": "C",
        "COLUMNS": "33",
    }.items():
        monkeypatch.setenv(name, value)

    def other() -> None:
        os.umask(0o077)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 7, hard))

    def entered(*arguments: str, stdin: int) -> None:
        subprocess.run(
            [*COMMAND, "--project", str(site.root), "shell", str(pid), "-c", " ".join(arguments)],
            cwd="/tmp", env=site.environment, stdin=stdin, capture_output=True, check=False, timeout=60,
            preexec_fn=other,
        )  # fmt: skip

    entered("rerun", stdin=subprocess.PIPE)
    entered("cd /; export PWD OLDPWD; umask 022; rerun", stdin=subprocess.DEVNULL)
    with terminal(site, "shell", str(pid)) as shell:
        shell.shows(f"[{pid} dump]")
        shell.type("rerun")
        shell.shows("rerun: exit code 3")
        shell.type("exit 0")
        shell.leave()
    subprocess.run(["/bin/sh", site.attempt_dir(pid, 1, "dump") / "run.sh"], cwd="/", env={}, check=False)
    first, *others = map(json.loads, (site.project.var.files(pid) / "dumps").read_text().splitlines())
    assert len(others) == 4
    assert "LEFT_OUT" not in first["environment"]
    assert first["environment"]["CHOSEN"] == 'it\'s "so" $HOME'
    assert first["argv"][1:] == ["ä 'x'\n", "--b=*", "", "$HOME; `true`"]
    assert first["stdin"][0] == "/dev/null"
    for which, again in zip(("piped", "moved", "terminal", "run.sh"), others, strict=True):
        for what in first:
            assert again[what] == first[what], (which, what)


@pytest.mark.feature("M99")
def test_a_running_step_cannot_be_entered(site: Site) -> None:
    from tests.stories.site import GATED  # noqa: PLC0415

    site.write('[tasks.t]\non = "e"\nrun = "./gated.sh x"\n', gated_sh=GATED)
    site.up()
    pid = site.emit("e")
    site.began("x")
    assert "is running" in site.run("shell", str(pid), "-c", "true", code=5).stderr
    site.open("x")
    site.until(pid)
    assert site.run("shell", str(pid), "-c", "pwd -P").stdout.strip() == os.path.realpath(site.project.var.files(pid))
    assert Path(site.project.var.work(pid) / "entered.lock").exists()


@pytest.mark.feature("N1")
def test_nobody_else_retries_a_step_while_somebody_is_in(site: Site) -> None:
    site.write('[tasks.t]\non = "e"\nrun = "./bad.sh"\n', bad_sh="#!/bin/sh\nexit 1\n")
    site.up()
    failed = site.emit("e")
    site.until(failed)
    gone = site.root / "gone"
    inside = site.start("shell", str(failed), "-c", f"while [ ! -e {gone} ]; do sleep 0.05; done")
    lock = site.project.var.work(failed) / "entered.lock"
    eventually(lambda: lock.exists() and lock.read_text())
    refused = site.run("retry", str(failed), code=5)
    assert "somebody is in the directory" in refused.stderr
    gone.touch()
    inside.wait(20)
    site.run("retry", str(failed))


ASKED = """
[tasks.q]
on = "q"
steps = [
  "./draw.sh",
  { name = "check", ask = "Is {x} good?", choices = ["yes", "no"] },
  ["./say.sh", "{check.value}"],
]
"""


@pytest.mark.feature("P25", "M100")
def test_run_asks_the_person_at_its_terminal_and_says_elsewhere_how_to_answer(site: Site) -> None:
    """What was typed before is no answer, a wrong one is asked again; with --json the question is told, too."""
    site.write(ASKED, draw_sh="#!/bin/sh\n", say_sh='#!/bin/sh\necho "said $1"\n')
    with terminal(site, "run", "q", "x=it") as run:
        run.type("no")
        run.shows("procession: step check asks: Is it good? (yes, no)")
        run.shows("answer: ")
        run.type("perhaps")
        run.shows("the answer must be one of yes, no, not ")
        run.type("yes")
        run.shows("said yes")
        assert run.leave() == 0
    with (site.root / "told").open("wb") as told:
        alone = site.start("run", "q", "x=it", "--json", stderr=told)
        hint = "answer it with: procession answer 2 check VALUE"
        eventually(lambda: hint in (site.root / "told").read_text(), timeout=60)
        site.run("answer", "2", "check", "no")
        assert alone.wait(60) == 0
    assert site.log(2, 3, "say") == b"said no\n"


@pytest.mark.feature("P25", "M100")
def test_run_in_the_background_of_a_terminal_goes_on_and_asks_when_it_is_in_front(site: Site) -> None:
    """Whoever touches a terminal from the background is stopped: there it says how to answer."""
    site.write(ASKED, draw_sh="#!/bin/sh\n", say_sh='#!/bin/sh\necho "said $1"\n')
    with terminal(site, "--norc", "-i", program=["bash"]) as shell:
        shell.type(f"{shlex.join(COMMAND)} run q x=it &")
        shell.shows("answer it with: procession answer 1 check VALUE")
        assert b"answer: " not in shell.read()
        shell.type("fg")
        shell.shows("answer: ")
        shell.type("yes")
        shell.shows("said yes")
        shell.type("exit")
        shell.leave()
