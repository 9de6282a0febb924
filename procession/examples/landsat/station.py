#!/usr/bin/env python3
"""Play the ground station: send the scenes of outbox/ to inbox/, one after the other.

    python station.py [--pace SECONDS] [--late SECONDS] [--no-mishaps] [SCENE ...]

Real links have their bad days, and so has this one:

* the last band of LATE arrives some seconds after the others: `load` finds it missing and tries again later;
* a band of DAMAGED is cut off in the middle: `load` fails, and a person has to look. The good file is still
  in outbox/.

Files appear in inbox/ under a temporary name and are then renamed, the manifest first: whoever sees a file
sees all of it.
"""

import argparse
import shutil
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTBOX = HERE / "outbox"
INBOX = HERE / "inbox"

LATE = "LC08_L1TP_224077_20200518_tile2"
DAMAGED = "LC08_L1TP_224078_20200518_tile3"


def put(*files: Path, keep: float = 1.0) -> None:
    """Make files appear in the inbox together; `keep` is the part of the last one that gets through."""
    INBOX.mkdir(exist_ok=True)
    for file in files:
        shutil.copyfile(file, INBOX / f".{file.name}.part")
    if keep < 1:
        with open(INBOX / f".{files[-1].name}.part", "r+b") as last:
            last.truncate(int(files[-1].stat().st_size * keep))
    for file in files:
        (INBOX / f".{file.name}.part").rename(INBOX / file.name)


def send(scene: str, mishaps: bool) -> list[Path]:
    """Send a scene; return the bands that are still to come."""
    manifest = OUTBOX / f"{scene}.sha256"
    bands = [OUTBOX / line.split()[1] for line in manifest.read_text().splitlines()]
    if mishaps and scene == LATE:
        put(manifest, *bands[:-1])
        print(f"{scene}: sent, but {bands[-1].name} is late", flush=True)
        return bands[-1:]
    if mishaps and scene == DAMAGED:
        put(manifest, *bands, keep=0.5)
        print(f"{scene}: sent, but only half of {bands[-1].name} got through", flush=True)
        return []
    put(manifest, *bands)
    print(f"{scene}: sent", flush=True)
    return []


def main() -> None:
    scenes = sorted(path.stem for path in OUTBOX.glob("*.sha256"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="which to send; all, if none is given")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds between two scenes (%(default)s)")
    parser.add_argument("--late", type=float, default=6.0, help="delay of the late band (%(default)s)")
    parser.add_argument("--no-mishaps", action="store_true", help="everything arrives whole and in time")
    options = parser.parse_args()
    if unknown := sorted(set(options.scenes) - set(scenes)):
        parser.error(f"not in {OUTBOX.name}/: {', '.join(unknown)}")

    outstanding: list[tuple[float, Path]] = []  # (when, band)
    for number, scene in enumerate(options.scenes or scenes):
        if number:
            time.sleep(options.pace)
        for band in send(scene, mishaps=not options.no_mishaps):
            outstanding.append((time.monotonic() + options.late, band))
    for when, band in outstanding:
        time.sleep(max(0.0, when - time.monotonic()))
        put(band)
        print(f"{band.name}: sent at last", flush=True)


if __name__ == "__main__":
    main()
