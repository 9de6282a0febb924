"""How fast events come in over HTTP, with the launcher at work beside it (G1; targets in docs/decisions/0024).

    .venv/bin/python bench/api.py                     1,000 events a second for 20 s, then a burst of 100,000

*In:* nothing. *Out:* rates and latencies (p50, p99, largest), and the memory of `up` when idle. Requests are sent by a
process of its own over kept connections, one event each; every answer is given after the commit. *Always:* in the
steady part a request has its moment, and its latency counts from that moment, so that waiting in a line is counted.

How to read it: latencies are of this minute, on whatever else the machine does (the load stands beside); on a machine
that is busy with other things they say little. What the server itself costs is the CPU time of its process (launcher,
web server, the writing thread; not the scripts that it starts) divided by the events: 1 ms is 1,000 events a second of
one processor, and half of that is wanted for 1,000 a second with room to spare. Compare two versions in one minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOML = """
[project]
name = "bench"
[tasks.scene]
on = "scene"
at_once = 2
run = "true"
"""


async def connection(port: int, token: str, work: asyncio.Queue[tuple[int, float]], took: list[float]) -> None:
    """One kept connection: sends what comes, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        n, at = await work.get()
        if n < 0:
            break
        body = json.dumps({"path": "a.tif", "n": n}).encode()
        head = (
            f"POST /api/v1/hooks/scene HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nProcession-Key: {at:.6f}-{n}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        length = next(int(line[16:]) for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length: "))
        text = await reader.readexactly(length)
        if status not in (200, 201, 202):
            raise SystemExit(f"{status}: {text.decode()}")
        took.append(time.perf_counter() - at)
    writer.close()


async def send(port: int, token: str, events: int, rate: float, connections: int) -> None:
    """Send so many events at this rate (0: as fast as they are taken), and print what came of it."""
    work: asyncio.Queue[tuple[int, float]] = asyncio.Queue(0 if rate else connections)
    took: list[float] = []
    busy = [asyncio.create_task(connection(port, token, work, took)) for _ in range(connections)]
    begun = time.perf_counter()
    for n in range(events):
        if rate:
            at = begun + n / rate
            if (wait := at - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            await work.put((n, at))
        else:
            while work.full():
                await asyncio.sleep(0)
            await work.put((n, time.perf_counter()))
    for _ in busy:
        await work.put((-1, 0.0))
    await asyncio.gather(*busy)
    seconds = time.perf_counter() - begun
    took.sort()
    p50, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
    rated = f"{rate:g}/s" if rate else "burst"
    print(
        f"{rated:>8} {events:>7} events {events / seconds:>7.0f}/s  p50 {p50:.1f} ms  p99 {p99:.1f} ms  "
        f"largest {took[-1] * 1000:.0f} ms",
        flush=True,
    )


def memory(pid: int) -> float:
    """Proportional set size of a process and all that descends from it, in MB."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if path.parent.name == str(pid) or _descends(int(path.parent.name), pid):
                text = (path.parent / "smaps_rollup").read_text()
                total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        except OSError:
            continue
    return total / 1024


def busy(pid: int) -> float:
    """Seconds of CPU that this process has taken, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        if pid == ancestor:
            return True
    return False


def main() -> None:
    """Serve a project, load it, and say how it was."""
    parser = argparse.ArgumentParser(description="How fast events come in over HTTP.")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--burst", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--to", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.to:
        port, token, events, rate = given.to
        asyncio.run(send(int(port), token, int(events), float(rate), given.connections))
        return
    with tempfile.TemporaryDirectory(prefix="procession-bench-") as place:
        Path(place, "procession.toml").write_text(TOML)
        command = [sys.executable, "-m", "procession", "--project", place, "up", "--quiet", "--port", "0"]
        up = subprocess.Popen(command, env={**os.environ})
        try:
            token, port = _started(Path(place))
            time.sleep(5)
            print(f"idle: {memory(up.pid):.1f} MB in all", flush=True)
            for events, rate in ((int(given.seconds * given.rate), given.rate), (given.burst, 0.0)):
                if not events:
                    continue
                before = busy(up.pid)
                _load(given.connections, port, token, events, rate)
                load = os.getloadavg()[0]
                print(
                    f"{'':>8} {(busy(up.pid) - before) * 1000 / events:.3f} ms CPU per event (load {load:.1f})",
                    flush=True,
                )
            print(f"afterwards: {memory(up.pid):.1f} MB in all")
        finally:
            up.terminate()
            up.wait(30)


def _started(place: Path) -> tuple[str, str]:
    import sqlite3  # noqa: PLC0415

    until = time.monotonic() + 30
    while time.monotonic() < until:
        time.sleep(0.2)
        try:
            with sqlite3.connect(f"file:{place}/var/procession.db?mode=ro", uri=True) as database:
                (url,) = database.execute("SELECT url FROM launcher WHERE url IS NOT NULL").fetchone()
            return (place / "var/token").read_text().strip(), url.rpartition(":")[2]
        except (sqlite3.Error, OSError, TypeError):
            continue
    raise SystemExit("it did not start")


def _load(connections: int, port: str, token: str, events: int, rate: float) -> None:
    arguments = ["--connections", str(connections), "--to", port, token, str(events), str(rate)]
    subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    main()
