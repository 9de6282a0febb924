"""A project in which things fail, with texts that try to be markup: what the tests of failures, events, variables and
pictures share.

`Failing` is served by a real server and driven by hand: 37 equal errors with other numbers, other causes beside them,
good processings to compare with, events that nobody took or that were refused, variables with sets, pictures.
"""

import struct
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from procession.commands import refusals
from tests.api.served import Served
from tests.flow.driven import BEGINNING

TOML = """
[tasks.s2-l2a]
on = "s2-scene"
group = "optical"
steps = ["./one.sh", "./two.sh"]
source = "{provider}"
at_once = 0
[tasks.mosaic]
on = "mosaic"
where = "cloud < 50"
run = "./three.sh"
[tasks.reduce]
on = "run"
group = "neutrons"
run = "./four.sh {threshold} {method}"
run_by = "{run}"
group_by = "{rb}"
input_by = "{path}"
[tasks.reduce.variables]
threshold = { default = 0.5, min = 0, max = 1, help = "Counts below it are noise." }
method = { default = "fast", choices = ["fast", "exact"], help = "How it <b>counts</b>." }
spectra = { default = [1, 2], advanced = true }
title = "gem"
live = false
"""
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
SINGULAR = """loading 2 bands
Traceback (most recent call last):
  File "/srv/s2/calibrate.py", line {n}, in <module>
    main()
  File "/srv/s2/calibrate.py", line 88, in main
    gains = solve(matrix)
  File "/usr/lib/python3/dist-packages/numpy/linalg/linalg.py", line 409, in solve
    r = gufunc(a, b, signature=signature, extobj=extobj)
  File "/usr/lib/python3/dist-packages/numpy/linalg/linalg.py", line 112, in _raise
    raise LinAlgError("Singular matrix")
numpy.linalg.LinAlgError: Singular matrix in band {n}
"""


def picture(red: int, wide: int = 64, high: int = 48) -> bytes:
    """A PNG of one colour that fades."""
    rows = b"".join(
        b"\0" + b"".join(bytes((red, (x * 255) // wide, (y * 255) // high)) for x in range(wide)) for y in range(high)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Failing(Served):
    """The project; each of its methods lets something happen in it."""

    reported = 0
    """The processing that has left a page of HTML, where a test has one."""

    def __init__(self, root: Path, toml: str = TOML) -> None:
        super().__init__(root, toml, cpus=500)
        self.driven.clock.advance((datetime.now(UTC) - BEGINNING - timedelta(days=4)).total_seconds())

    def ended(self, name: str, codes: tuple[int, ...], *cases: tuple[str, dict[str, object]]) -> list[int]:
        """Processings of these logs and parameters, whose steps end with these codes, one a moment after the other; the
        last step prints the log."""
        d = self.driven
        born = [d.born(name, **params) for _, params in cases]
        d.turn()
        for n, code in enumerate(codes, 1):
            keys = [d.key(pid, n) for pid in born]
            d.begin()
            for key, (log, _) in zip(keys, cases, strict=True):
                d.clock.advance(20 + len(log) % 7)
                d.executor.end(key, code, left={"log": log if n == len(codes) else f"step {n}\n"})
            d.turn()
        d.clock.advance(60)
        return born

    def artifact(self, pid: int, ordinal: int, step: str, name: str, data: bytes) -> None:
        """A file that the first attempt of a step has left."""
        place = self.project.var.attempt(pid, ordinal, step, 1) / "artifacts"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)

    def failures(self, singular: int = 37, good: int = 12) -> list[int]:
        """Good scenes, some that a provider failed, and so many equal errors with other numbers; returns these."""
        d = self.driven
        tile = {"provider": "scihub", "tile": "36UUA"}
        well = {**tile, "gain_table": "v13"}
        self.ended("s2-scene", (0, 0), *(("fine\n", {**well, "scene": f"good-{n}"}) for n in range(good)))
        d.clock.advance(86_400)
        log = "HTTPError: 503 from https://scihub/{n}\n"
        self.ended("s2-scene", (1,), *((log.replace("{n}", str(n)), {**well, "scene": f"http-{n}"}) for n in range(3)))
        d.clock.advance(86_400)
        self.ended("mosaic", (1,), (f"OSError: {HOSTILE} no space left\n", {"cloud": 3, "label": HOSTILE}))
        bad = {**tile, "gain_table": "v14"}
        logs = (SINGULAR.replace("{n}", str(100 + n)) for n in range(singular))
        return self.ended("s2-scene", (0, 1), *((log, {**bad, "scene": f"bad-{n}"}) for n, log in enumerate(logs)))

    def arrivals(self) -> None:
        """Events that nobody took, that came again, and what was no event."""
        d = self.driven
        d.submit("mosaic", "cloudy", cloud=99)
        d.submit("nobody-takes-it", "lonely", text=HOSTILE)
        d.submit("mosaic", "cloudy", cloud=99)
        refusals.note(self.project, "mqtt:broker", f'{{"event": "{HOSTILE}', "it is no JSON: <i>half</i> of it", None)

    def runs(self, n: int = 4) -> list[int]:
        """Reduced runs from 100 on."""
        return self.ended(
            "run", (0,), *((f"counts {i}\n", {"run": 100 + i, "rb": "RB1", "path": f"/data/{i}"}) for i in range(n))
        )

    def pictures(self, n: int) -> list[int]:
        """Good scenes that have left pictures."""
        cases = [("fine\n", {"provider": "scihub", "scene": f"picture-{i}"}) for i in range(n)]
        born = self.ended("s2-scene", (0, 0), *cases)
        for i, pid in enumerate(born):
            self.artifact(pid, 2, "two", "preview.png", picture((20 * i) % 256))
        return born
