#!/usr/bin/env python3
"""Make an event of a message of the instrument: a run that is to be reduced, or one that is not.

    python message.py MESSAGE.json

A message names the run and its file. One with "cancel": true withdraws a run before it has arrived: that is noted
beside the messages, and the run, when it comes, is told to be withdrawn. By hand it only prints what it would submit.
"""

import json
import os
import sys


def main():
    path = sys.argv[1]
    with open(path) as file:
        message = json.load(file)
    key = "LRM{}".format(message["run_number"])
    note = os.path.join(os.path.dirname(path), ".withdrawn-" + key)
    if message.get("cancel"):
        with open(note, "w"):
            print(f"{key} is withdrawn; if it has arrived already: procession cancel KEY")
        return
    params = {name: message[name] for name in ("instrument", "rb_number", "run_number", "data")}
    params["withdrawn"] = os.path.exists(note)
    if "reduction_arguments" in message:
        params["reduction_arguments"] = message["reduction_arguments"]
    event = {"event": "run", "key": key, "title": message["title"], "params": params}
    print(json.dumps(event))
    if "PROCESSION_EVENTS" in os.environ:
        with open(os.environ["PROCESSION_EVENTS"], "a") as file:
            file.write(json.dumps(event) + "\n")


if __name__ == "__main__":
    main()
