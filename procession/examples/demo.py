"""The whole story in half a minute: six scenes arrive, five become pictures, one needs a person.

    python -m procession.examples.demo [DIRECTORY] [--again]

*In:* nothing; the example brings its data. *Out:* a project to look around in, and an account of what
happened. *Always:* Procession is used from outside, by its command line only; whatever was started is
stopped; the exit code is 0 only if the story came out as told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console

from procession.examples.screen import COLOURS, Answer, Screen

LATE = "LC08_L1TP_224077_20200518_tile2"
DAMAGED = "LC08_L1TP_224078_20200518_tile3"
SCENES = 6
MADE_BY_THE_RUN = ("var", "inbox", "archive", "up.log")


class Untold(Exception):
    """The story did not come out as told; the text says where it went wrong."""


class Procession:
    """The command line of Procession for one project, and the `up` that runs it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        self.up: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "procession", "--project", str(self.directory), *arguments]

    def ask(self, *arguments: str, timeout: float = 30) -> str:
        """What a command prints. Raises Untold if it fails."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            words = shlex.join(("procession", *arguments))
            raise Untold(f"`{words}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def scenes(self) -> list[Answer]:
        """The processings of all scenes, in the order in which they arrived."""
        items: list[Answer] = json.loads(self.ask("list", "--task", "scene", "--limit", "50", "--json"))["items"]
        return sorted(items, key=lambda item: item["id"])

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run `procession up` meanwhile, and `procession stop` at the end."""
        with open(self.directory / "up.log", "ab") as log:
            self.up = subprocess.Popen(
                self.command("up"),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers()
            yield
        finally:
            with contextlib.suppress(Untold, subprocess.TimeoutExpired):
                self.ask("stop")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.up.wait(timeout=20)
            if self.up.poll() is None:
                self.up.kill()
                self.up.wait()

    def _wait_until_it_answers(self, timeout: float = 30) -> None:
        deadline = time.monotonic() + timeout
        while True:
            self.must_run()
            try:
                self.ask("status", "--json")
                return
            except Untold:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def must_run(self) -> None:
        """Raise Untold, with its last words, if `up` has ended."""
        if self.up is not None and self.up.poll() is not None:
            tail = (self.directory / "up.log").read_text(errors="replace").strip().splitlines()[-15:]
            raise Untold("`procession up` ended by itself:\n" + "\n".join(tail))


def attempts(scene: Answer, *outcomes: str) -> list[tuple[Answer, Answer]]:
    """(step, attempt) of all attempts that came to one of these outcomes."""
    return [
        (step, attempt)
        for step in scene.get("steps") or ()
        for attempt in step.get("attempts") or ()
        if attempt.get("outcome") in outcomes
    ]


def seconds(scene: Answer) -> float:
    """From the event to the end."""
    start, end = (datetime.fromisoformat(scene[name]) for name in ("created_at", "finished_at"))
    return (end - start).total_seconds()


def prepare(directory: Path | None, again: bool) -> Path:
    """Choose the directory and see that a fresh project is in it. Raises Untold."""
    if directory is None:
        directory = Path("demo")
        number = 2
        while not again and directory.exists():
            directory, number = Path(f"demo-{number}"), number + 1
    if not directory.exists():
        done = subprocess.run(
            [sys.executable, "-m", "procession", "init", "demo", str(directory)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Untold(f"`procession init {directory}` ended with {done.returncode}: {done.stderr.strip()}")
        return directory
    if not again:
        raise Untold(f"{directory} is there already: name a new directory, or run the demo in it with --again")
    if not ((directory / "station.py").exists() and (directory / "outbox/SHA256SUMS").exists()):
        raise Untold(f"{directory} is not a demo project, and --again removes what the last run left there")
    with contextlib.suppress(Untold, subprocess.TimeoutExpired):
        Procession(directory).ask("stop")
    for name in MADE_BY_THE_RUN:
        left = directory / name
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)
    (directory / "inbox").mkdir()
    return directory


def retell(lines: Iterable[str], screen: Screen) -> None:
    """Show what the ground station says."""
    for line in lines:
        screen.say(f"station: {line.rstrip()}")


def play(procession: Procession, screen: Screen, pace: float, timeout: float) -> list[Answer]:
    """Let the scenes arrive and watch until each has come to its end. Raises Untold."""
    deadline = time.monotonic() + timeout
    station = subprocess.Popen(
        [sys.executable, procession.directory / "station.py", "--pace", str(pace)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert station.stdout is not None
    listener = threading.Thread(target=retell, args=(station.stdout, screen))
    listener.start()
    try:
        while True:
            procession.must_run()
            scenes = procession.scenes()
            screen.show(scenes)
            ended = [scene for scene in scenes if scene.get("finished_at")]
            if len(ended) == SCENES and station.poll() is not None:
                return scenes
            if time.monotonic() > deadline:
                states = ", ".join(f"{scene['title']} {scene['state']}" for scene in scenes) or "none arrived"
                raise Untold(f"after {timeout:g} seconds not all scenes have come to an end: {states}")
            time.sleep(0.3)
    finally:
        if station.poll() is None:
            station.terminate()
        station.wait()
        listener.join()


def judge(scenes: list[Answer], archive: Path) -> list[Path]:
    """The pictures, if the story came out as told. Raises Untold."""
    states = {scene["key"]: scene["state"] for scene in scenes}
    wrong = [
        f"{key} should have {expected} and is {state}"
        for key, state in states.items()
        if state != (expected := "failed" if key == DAMAGED else "succeeded")
    ]
    late = next((scene for scene in scenes if scene["key"] == LATE), None)
    if late is None or not attempts(late, "retry"):
        wrong.append(f"{LATE} should have been tried again and was not")
    pictures = sorted(archive.glob("*/*_rgb.png"))
    if len(pictures) != SCENES - 1:
        wrong.append(f"{SCENES - 1} pictures should be in {archive}, and there are {len(pictures)}")
    if wrong:
        raise Untold("; ".join(wrong))
    return pictures


def tell(console: Console, scenes: list[Answer]) -> None:
    """What happened to each scene."""

    def say(text: str = "", style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    say()
    for scene in scenes:
        say(
            f"{scene['title']}: {scene['state']}, {seconds(scene):.1f} s after it was found",
            COLOURS[scene["state"]],
        )
        for step, attempt in attempts(scene, "retry"):
            say(f"    {step['name']}, attempt {attempt['number']}: try again later, {attempt['reason']}")
        for step, attempt in attempts(scene, "failed", "timeout", "lost", "not_started"):
            say(f"    {step['name']}, attempt {attempt['number']}: {attempt['outcome']}, {attempt['reason']}")


def program_name() -> str:
    """How a person here calls the `procession` that ran this demo."""
    ours = Path(sys.executable).with_name("procession")
    if (on_path := shutil.which("procession")) and Path(on_path) == ours:
        return "procession"
    return str(ours.relative_to(Path.cwd()) if ours.is_relative_to(Path.cwd()) else ours)


def explain(
    procession: Procession, console: Console, scenes: list[Answer], pictures: list[Path], *, stays: bool
) -> None:
    """The failure's log, what a person does about it, and where the pictures are; `stays`: it goes on serving."""

    def say(text: str = "") -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    failed = next(scene for scene in scenes if scene["key"] == DAMAGED)
    number, directory = str(failed["id"]), procession.directory
    program = shlex.join([program_name(), "--project", str(directory)])
    outbox, inbox = (shlex.quote(str((directory / name).resolve())) for name in ("outbox", "inbox"))

    say(f"\nWhat the failed step said ({program} logs {number} load):")
    for line in procession.ask("logs", number, "load").strip().splitlines()[-4:]:
        say(f"    {line}")
    say("\nThe good file is still at the station. To mend it, as you would by hand:")
    if not stays:
        say(f"    {program} up &          # goes on where it was stopped")
    say(f"    {program} shell {number} load")
    say("and in that shell, which is in the step's directory with its environment:")
    say(f"    cp {outbox}/{DAMAGED}_B4.tif {inbox}/")
    say("    rerun           # the very same command once more")
    say("    accept          # take its result: the chain goes on")
    say("\nThe pictures:")
    for picture in pictures:
        say(f"    {picture}")
    if not stays:
        say(f"\nThe same on pages, once it serves again: open the link that this prints\n    {program} login")


def show_pages(procession: Procession, console: Console) -> None:
    """Open the pages on what came of it, and serve them until Enter is pressed."""
    link = procession.ask("login").strip().splitlines()[-1]
    console.print("\nThe same on pages, by this link, good once and for five minutes:", style="bold", highlight=False)
    console.print(f"    {link}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        "One click on the red step shows the failing line. Mend it as above, or retry it there.", highlight=False
    )
    if "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ:
        webbrowser.open(link)
    console.print("Press Enter to stop Procession.", style="bold")
    sys.stdin.readline()


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", nargs="?", type=Path, help="a new directory (demo, demo-2, ...)")
    parser.add_argument("--again", action="store_true", help="use the demo of an earlier run, started afresh")
    parser.add_argument(
        "--stay", action="store_true", help="serve the pages until Enter is pressed (as it is on a terminal)"
    )
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds between two scenes (%(default)s)")
    parser.add_argument("--timeout", type=float, default=120.0, help="give up after (%(default)s s)")
    options = parser.parse_args()
    console = Console(force_terminal=False if options.plain else None)
    try:
        directory = prepare(options.directory, options.again)
        procession = Procession(directory)
        console.print(f"A project of plain scripts: {directory}/  Starting Procession in it.", highlight=False)
        with procession.running():
            with Screen(console) as screen:
                scenes = play(procession, screen, options.pace, options.timeout)
            scenes = [json.loads(procession.ask("show", str(scene["id"]), "--json")) for scene in scenes]
            tell(console, scenes)
            pictures = judge(scenes, directory / "archive")
            stays = options.stay or (console.is_terminal and sys.stdin.isatty() and not options.plain)
            explain(procession, console, scenes, pictures, stays=stays)
            if stays:
                show_pages(procession, console)
    except Untold as untold:
        console.print(f"demo: {untold}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("demo: stopped")
        return 130
    console.print("\nFive scenes delivered, one waiting for you. Procession is stopped.", style="bold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
