"""A neutron facility in half a minute: runs arrive as messages, a script of the instrument reduces each of them.

    python -m procession.examples.demo_reduction [DIRECTORY] [--plain] [--files | --broker HOST:PORT]

*In:* nothing; the example brings its measurement. *Out:* a project to look around in, and an account of what happened:
one run was withdrawn before it arrived, one was tried again, one is reduced a second time with other values. Where
ActiveMQ is installed the messages go over one, which is started and ended here; else they are files. *Always:* as
`procession.examples.demo`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from procession.examples import broker
from procession.examples.demo import Procession, Untold, attempts, program_name
from procession.examples.screen import COLOURS, Answer

RUNS = 6
WITHDRAWN, LATE, AGAIN = "LRM37014", "LRM37015", "LRM37013"
VALUE = "energy_min=-20"

BRIDGE = """
# Messages over a broker. One that cancels may come before the one that it cancels.
[bridges.isis]
kind = "stomp"
url = "stomp://{broker}"
vhost = "/"
{credentials}
subscribe = "/queue/ReductionPending"
event = "run"
key = "LRM{{run_number}}"
title = "{{title}}"
cancel_when = {{ cancel = true }}
publish = {{ succeeded = "/queue/ReductionComplete", failed = "/queue/ReductionError" }}
"""

SEEN = ".late"
"""The late file comes when this one is there: when it was seen that the reduction is tried again."""

Say = Callable[..., None]


def prepare(directory: Path | None, broker: list[str]) -> Path:
    """Make a fresh project; where there is a broker (its address, its credentials), one that listens to it. Raises
    Untold."""
    number = 2
    made = directory or Path("reduction")
    while directory is None and made.exists():
        made, number = Path(f"reduction-{number}"), number + 1
    done = subprocess.run(
        [sys.executable, "-m", "procession", "init", "reduction", str(made)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Untold(f"`procession init reduction {made}` ended with {done.returncode}: {done.stderr.strip()}")
    if broker:
        credentials = f"credentials_file = {json.dumps(str(Path(broker[1]).resolve()))}" if broker[1:] else ""
        with (made / "procession.toml").open("a") as definitions:
            definitions.write(BRIDGE.format(broker=broker[0], credentials=credentials))
    return made


def runs(procession: Procession) -> list[Answer]:
    """The processings of all runs, in the order in which they arrived."""
    items: list[Answer] = json.loads(procession.ask("list", "--task", "reduction", "--limit", "50", "--json"))["items"]
    return sorted(items, key=lambda item: item["id"])


def until(
    procession: Procession, count: int, say: Say, told: dict[int, str], deadline: float,
    instrument: subprocess.Popen[str] | None = None,
) -> list[Answer]:  # fmt: skip
    """Wait until so many have ended, and tell what changes meanwhile. Raises Untold."""
    while True:
        procession.must_run()
        if instrument is not None and instrument.poll():
            raise Untold(f"arrive.py ended with {instrument.returncode}")
        found = runs(procession)
        for run in found:
            reason = (run.get("why") or {}).get("text") if run["state"] in ("waiting", "running") else run["reason"]
            now = f"{run['state']}" + (f" ({reason})" if reason else "")
            if told.get(run["id"]) != now:
                told[run["id"]] = now
                if run["key"] == LATE and "is tried again" in now:
                    (procession.directory / SEEN).touch()
                say(f"  {run['key']} version {run['version']}  {now}", COLOURS.get(run["state"]))
        if sum(bool(run.get("finished_at")) for run in found) == count:
            return found
        if time.monotonic() > deadline:
            raise Untold(f"not all runs have come to an end: {sorted(told.values())}")
        time.sleep(0.3)


def arrive(
    procession: Procession, broker: list[str], pace: float, say: Say, told: dict[int, str], deadline: float
) -> None:
    """Let the runs arrive, and watch until each has come to its end."""
    words = [sys.executable, str(procession.directory / "arrive.py"), "--pace", str(pace)]
    words += ["--late", "0", "--late-until", str(procession.directory / SEEN)]
    words += [each for pair in zip(("--broker", "--credentials"), broker, strict=False) for each in pair]
    instrument = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=procession.environment)
    try:
        until(procession, RUNS, say, told, deadline, instrument)
        said, _ = instrument.communicate(timeout=30)
    finally:
        if instrument.poll() is None:
            instrument.kill()
            instrument.wait()
    for line in said.splitlines():
        say(f"instrument: {line}")


def again(procession: Procession, say: Say, told: dict[int, str], deadline: float) -> None:
    """Reduce one run once more, with other values."""
    run = next(run for run in runs(procession) if run["key"] == AGAIN)
    why = "the elastic line alone"
    say(f'\nA scientist wants other values:  procession rerun {run["id"]} --set {VALUE} --description "{why}"')
    procession.ask("rerun", str(run["id"]), "--set", VALUE, "--description", why)
    until(procession, RUNS + 1, say, told, deadline)


def judge(found: list[Answer], directory: Path) -> None:
    """Raises Untold where the story did not come out as told."""
    wrong = [f"{r['key']} is {r['state']}" for r in found if r["state"] != "succeeded" and r["key"] != WITHDRAWN]
    states = {run["key"]: run for run in found}
    if states[WITHDRAWN]["state"] != "cancelled" or states[WITHDRAWN]["steps"][0]["attempts"]:
        wrong.append(f"{WITHDRAWN} should never have been begun")
    if not attempts(states[LATE], "retry"):
        wrong.append(f"{LATE} should have been tried again")
    spectra = sorted(directory.glob("archive/*/*/*/*_spectrum.nxs"))
    if len(spectra) != RUNS:  # all but the one that was withdrawn, and one twice
        wrong.append(f"there are {len(spectra)} spectra in the archive, and should be {RUNS}")
    if wrong:
        raise Untold("; ".join(wrong))


def tell(procession: Procession, found: list[Answer], say: Say) -> None:
    """What came out, and where to look."""
    say("")
    for run in found:
        say(f"{run['key']} version {run['version']}: {run['state']}", COLOURS[run["state"]])
        for step, attempt in attempts(run, "retry"):
            say(f"    attempt {attempt['number']} of {step['name']}: {attempt['reason']}")
        if run["state"] == "succeeded":
            number = str(run["id"])
            for line in procession.ask("logs", number).splitlines()[1:]:
                say(f"    {line}")
            say(f"    {run['outputs']['reduce']['archive']}")
    program = f"{program_name()} --project {procession.directory}"
    last = found[-1]["id"]
    say(f"\nThe whole record of a run:  {program} show {last}")
    say(f"What its versions differ in:  {program} diff {last}")
    say(f"What was done for its script:  {program} logs {last} --framework")
    say(f"Its plots:  {procession.directory}/archive/*/*/*/*.png")


@contextlib.contextmanager
def messages_by(options: argparse.Namespace, say: Say) -> Iterator[list[str]]:
    """How messages come: address and credentials of a broker; empty: as files."""
    if options.broker or options.files:
        yield [each for each in (options.broker, options.credentials) if each]
        return
    if not broker.is_installed() or importlib.util.find_spec("stomp") is None:
        say("There is no ActiveMQ here (or no stomp.py), so messages are files.")
        yield []
        return
    say("Starting a message broker, ActiveMQ, for as long as this takes.")
    with broker.own_broker() as own:
        say(f"It listens on {own[0]}." if own else "It does not come up, so messages are files.")
        yield own or []


def play(options: argparse.Namespace, over: list[str], say: Say, deadline: float) -> None:
    """The whole story. Raises Untold."""
    procession = Procession(prepare(options.directory, over))
    say(f"A neutron facility: {procession.directory}/  Starting Procession in it.")
    with procession.running():
        told: dict[int, str] = {}
        arrive(procession, over, options.pace, say, told, deadline)
        again(procession, say, told, deadline)
        found = [json.loads(procession.ask("show", str(run["id"]), "--json")) for run in runs(procession)]
        judge(found, procession.directory)
        tell(procession, found, say)


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo-reduction", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", nargs="?", type=Path, help="a new directory (reduction, reduction-2, ...)")
    parser.add_argument("--plain", action="store_true", help="no colours, also on a terminal")
    parser.add_argument("--broker", help="where a broker speaks STOMP, host:port; else one of its own, if it can")
    parser.add_argument("--files", action="store_true", help="messages are files, though there may be a broker")
    parser.add_argument("--credentials", help="a file with login and passcode of the broker, a line each")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds between two runs (%(default)s)")
    parser.add_argument("--timeout", type=float, default=120.0, help="give up after (%(default)s s)")
    options = parser.parse_args()
    console = Console(force_terminal=False if options.plain else None)

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    deadline = time.monotonic() + options.timeout
    try:
        with messages_by(options, say) as over:
            play(options, over, say, deadline)
    except Untold as untold:
        say(f"demo: {untold}", "red")
        return 1
    except KeyboardInterrupt:
        say("demo: stopped")
        return 130
    say("\nFive runs reduced, one of them twice, one withdrawn. Procession is stopped.", "bold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
