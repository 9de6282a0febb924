#!/usr/bin/env python3
"""W1 and W2: chains of three scripts through Procession and through the bare loop, in turn, in one run.

W1  throughput: N events, each a chain of three scripts (`/bin/true`, or an empty Python script), 2 and 8 at once, all
    submitted at once to a running, warmed-up system; scripts per second and CPU milliseconds per script.
W2  latency: an idle system, one event at a time after a random pause; from the submit call to the first instruction of
    the first script, and from one script's first instruction to that of the next.
W4  footprint: memory of all processes and CPU while nothing happens.

    python bench/chains.py [--repeat 5] [--events 200] [--samples 20] [--place DIR] [--write]

Bare and Procession alternate; a ratio is the median over pairs measured one right after the other. Times are not
asserted anywhere: another machine, another minute, other figures. `--write` keeps the table in bench/results/.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bare import STEPS, Bare
from ours import Ours

HERE = Path(__file__).parent
System = Bare | Ours
KINDS = {
    "true": ["/bin/true"],
    "python": [os.path.realpath(sys.executable), str(HERE / "scripts/noop.py")],
}
STAMP = [os.path.realpath(sys.executable), str(HERE / "scripts/stamp.py")]


def throughput(system: System, events: int) -> dict[str, float]:
    """One W1 measurement on a warmed-up system."""
    for n in range(4):
        system.submit(f"warm{n}")
    system.wait()
    time.sleep(0.2)
    cpu, begin = system.cpu(), time.perf_counter()
    for n in range(events):
        system.submit(f"e{n}")
    system.wait()
    seconds = time.perf_counter() - begin
    return {"speed": events * STEPS / seconds, "cpu_ms": 1000 * (system.cpu() - cpu) / (events * STEPS)}


def latency(system: System, samples: int) -> dict[str, float]:
    """One W2 measurement on an idle system."""
    system.submit("warm")
    system.wait()
    first, following = [], []
    for n in range(samples):
        time.sleep(random.uniform(0.1, 0.4))
        event, begin = f"l{n}", time.time()
        system.submit(event)
        system.wait()
        at = [float((system.directory(event, step) / "stamp").read_text()) for step in (1, 2, 3)]
        first.append(1000 * (at[0] - begin))
        following += [1000 * (later - earlier) for earlier, later in itertools.pairwise(at)]
    return {
        "first_ms": statistics.median(first),
        "first_p95": sorted(first)[int(0.95 * (len(first) - 1))],
        "next_ms": statistics.median(following),
        "next_p95": sorted(following)[int(0.95 * (len(following) - 1))],
    }


def footprint(system: Ours) -> dict[str, float]:
    """W4 on an idle system that has run something."""
    time.sleep(3)
    cpu, begin = system.cpu(), time.perf_counter()
    time.sleep(8)
    idle = 100 * (system.cpu() - cpu) / (time.perf_counter() - begin)
    memory = system.memory()
    return {"pss_mb": sum(size for _, size in memory), "processes": len(memory), "idle_percent": idle}


def measured(
    make: type[System], place: Path, argv: list[str], at_once: int, what: Callable[..., dict[str, float]], n: int
) -> dict[str, float]:
    """Make a system in a place of its own, measure, and clear the place."""
    system = Ours(place, argv, at_once, "step") if make is Ours and argv is STAMP else make(place, argv, at_once)
    try:
        return what(system, n)
    finally:
        system.close()
        shutil.rmtree(place, ignore_errors=True)


def pairs(
    base: Path, repeat: int, argv: list[str], at_once: int, what: Callable[..., dict[str, float]], n: int
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Medians of bare, of Procession, and of the ratios of pairs measured in turn."""
    rows = []
    for turn in range(repeat):
        order = (Bare, Ours) if turn % 2 == 0 else (Ours, Bare)
        got = {make: measured(make, base / f"{make.name}{turn}", argv, at_once, what, n) for make in order}
        rows.append((got[Bare], got[Ours]))
        print(".", end="", flush=True, file=sys.stderr)
    names = rows[0][0]
    bare = {k: statistics.median(b[k] for b, _ in rows) for k in names}
    ours = {k: statistics.median(o[k] for _, o in rows) for k in names}
    ratio = {k: statistics.median(o[k] / b[k] for b, o in rows) for k in names}
    return bare, ours, ratio


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--place", help="directory to work in (default: a new one in TMPDIR)")
    parser.add_argument("--write", action="store_true", help="keep the table in bench/results/")
    given = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="procession-bench-", dir=given.place))
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cpus, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}, {given.repeat} pairs, {given.events} events",
        "",
        "| workload | bare | Procession | ratio (median of pairs) |",
        "|---|---|---|---|",
    ]
    try:
        for kind, argv in KINDS.items():
            for at_once in (2, 8):
                bare, ours, ratio = pairs(base, given.repeat, argv, at_once, throughput, given.events)
                title = f"W1 {kind}, {at_once} at once"
                lines.append(
                    f"| {title}: scripts/s | {bare['speed']:.0f} | {ours['speed']:.0f} | {ratio['speed']:.2f} |"
                )
                lines.append(
                    f"| {title}: CPU ms/script | {bare['cpu_ms']:.2f} | {ours['cpu_ms']:.2f} | {ratio['cpu_ms']:.2f} |"
                )
        bare, ours, ratio = pairs(base, max(1, given.repeat // 2), STAMP, 2, latency, given.samples)
        for name, title in (
            ("first_ms", "first, median"),
            ("first_p95", "first, p95"),
            ("next_ms", "next, median"),
            ("next_p95", "next, p95"),
        ):
            lines.append(f"| W2 {title}: ms | {bare[name]:.1f} | {ours[name]:.1f} | {ratio[name]:.2f} |")
        foot = measured(
            Ours, base / "idle", KINDS["true"], 2, lambda system, _: (throughput(system, 10), footprint(system))[1], 0
        )
        lines.append(
            f"| W4 idle | – | {foot['pss_mb']:.0f} MB in {foot['processes']:.0f} processes, "
            f"{foot['idle_percent']:.2f} % CPU | – |"
        )
    finally:
        shutil.rmtree(base, ignore_errors=True)
    text = "\n".join(lines)
    print("\n" + text)
    if given.write:
        target = HERE / "results" / f"{time.strftime('%Y-%m-%d')}-chains.md"
        target.write_text(text + "\n")
        print(f"\nkept in {target}")


if __name__ == "__main__":
    main()
