#!/usr/bin/env python3
"""Make an event of a message of the instrument: a run that is to be reduced, or one that is not.

    python message.py MESSAGE.json

A message names the run and its file. One with "cancel": true withdraws a run, also before it has arrived: if it comes
later, it is cancelled at once. By hand it only prints what it would do.
"""

import json
import os
import subprocess
import sys

TOO_LATE = 5


def withdraw(key):
    """Cancel the run of this key, whether it has come or not."""
    words = ["cancel-key", "run", key, "--reason", "withdrawn by the instrument"]
    print(" ".join(["procession", *words[:3]]), flush=True)
    if "PROCESSION_COMMAND" in os.environ:
        procession = [*json.loads(os.environ["PROCESSION_COMMAND"]), "--project", os.environ["PROCESSION_PROJECT"]]
        code = subprocess.run([*procession, *words], check=False).returncode
        sys.exit(0 if code == TOO_LATE else code)


def main():
    path = sys.argv[1]
    with open(path) as file:
        message = json.load(file)
    key = "LRM{}".format(message["run_number"])
    if message.get("cancel"):
        withdraw(key)
        return
    params = {name: message[name] for name in ("instrument", "rb_number", "run_number", "data")}
    if "reduction_arguments" in message:
        params["reduction_arguments"] = message["reduction_arguments"]
    event = {"event": "run", "key": key, "title": message["title"], "params": params}
    print(json.dumps(event))
    if "PROCESSION_EVENTS" in os.environ:
        with open(os.environ["PROCESSION_EVENTS"], "a") as file:
            file.write(json.dumps(event) + "\n")


if __name__ == "__main__":
    main()
