#!/usr/bin/env python3
"""Look into the inbox for new scenes.

    python discover.py INBOX

A scene is announced by its manifest, `<scene>.sha256`, which arrives before the bands it lists. By hand, the
scenes that are there are printed. Under Procession each becomes an event: one line of JSON in the file that
$PROCESSION_EVENTS names.
"""

import json
import os
import re
import sys
from pathlib import Path

inbox = Path(sys.argv[1]).resolve()
events = []

for manifest in sorted(inbox.glob("*.sha256")):
    scene = manifest.stem  # LC08_L1TP_224077_20200518_tile1
    bands = manifest.read_text().count("\n")
    day = re.search(r"_(\d{4})(\d\d)(\d\d)", scene)
    date = "-".join(day.groups()) if day else ""
    print(f"{scene}  {date}  {bands} bands")
    events.append(
        {
            "event": "scene",
            "key": scene,
            "title": scene.removeprefix("LC08_L1TP_"),
            "params": {"scene": scene, "path": str(manifest), "date": date},
        }
    )

# No need to remember what was seen before: events with equal names and keys are one event, so every run may
# report everything that it finds.
if "PROCESSION_EVENTS" in os.environ:
    with open(os.environ["PROCESSION_EVENTS"], "a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
