#!/usr/bin/env python3
"""Play the ground station: send some more files of OUTBOX to INBOX, in random order.

    python station.py OUTBOX INBOX [--files N]

Each run sends a few that are not there yet, so it is run again and again; `--files 100` sends all at once. Bands and
lists of checksums come as they come. Two things go wrong, as on real days: the band LOST is never sent, and the list
LATE comes five seconds after everything else. Scenes of the place OLD are sent once more from the station's archive,
with their old time stamps. Files appear under another name and are then renamed: whoever sees one sees all of it.
"""

import argparse
import os
import random
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

LOST = "LC08_L1TP_224077_20200518_tile3_B4.tif"
LATE = "LC08_L1TP_224078_20200518_tile3.sha256"
OLD = "224078"

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("outbox", type=Path)
parser.add_argument("inbox", type=Path)
parser.add_argument("--files", type=int, default=6, help="how many (%(default)s)")
options = parser.parse_args()


def send(file):
    part = options.inbox / f".{file.name}.part"
    shutil.copyfile(file, part)
    _, _, place, day, _ = file.name.split("_", 4)
    if place == OLD:
        taken = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp()
        os.utime(part, (taken, taken))
    part.rename(options.inbox / file.name)
    print("sent", file.name)


options.inbox.mkdir(exist_ok=True)
arrived = {file.name: file.stat().st_ctime for file in options.inbox.glob("LC08_*")}
waiting = [file for file in sorted(options.outbox.glob("LC08_*")) if file.name not in {*arrived, LOST, LATE}]
random.shuffle(waiting)
for file in waiting[: options.files]:
    send(file)
if not waiting and LATE not in arrived and time.time() - max(arrived.values()) > 5:
    send(options.outbox / LATE)
