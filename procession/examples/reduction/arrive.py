#!/usr/bin/env python3
"""Play the instrument: write runs into data/, and a message about each into messages/.

    python arrive.py [--pace SECONDS] [--late SECONDS] [--no-mishaps] [--broker HOST:PORT [--credentials FILE]]

The runs are six parts of one real measurement, LRMECS run 3701 (source/README.md): the detectors in order of their
angle, about 25 to a part, counts as they were measured. Their numbers 37011 to 37016, and the numbers of the two
experiments that they are said to belong to, are made up. Two things go otherwise than usual:

* run 37014 is withdrawn before it arrives: its message is never reduced;
* the file of run 37015 is late: its message comes first, and the reduction tries again until the file is there.

With a broker the messages go to its queue ReductionPending over STOMP (this needs stomp.py); the file of credentials
has login and passcode, a line each. Files appear under a temporary name and are then renamed: whoever sees a file sees
all of it.
"""

import argparse
import json
import time
from pathlib import Path

import h5py
import numpy

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "source" / "chopper.nxs"
PARTS = 6
WITHDRAWN, LATE = 37014, 37015


def cut(part, path):
    """Write one part of the measurement: all of its entry, of data and detectors only those of this part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    with h5py.File(SOURCE) as whole, h5py.File(beside, "w") as run:
        chosen = numpy.array_split(numpy.arange(whole["entry/data/data"].shape[0]), PARTS)[part - 1]
        whole.copy("entry", run)
        entry = run["entry"]
        for name in ("data/data", "data/polar_angle", "instrument/detector/distance"):
            values, attributes = whole["entry"][name][()][chosen], dict(whole["entry"][name].attrs)
            del entry[name]
            entry.create_dataset(name, data=values).attrs.update(attributes)
        entry.attrs["part"] = f"detectors {chosen[0]} to {chosen[-1]} of run 3701"
    beside.rename(path)


def over_broker(address, credentials):
    """A function that sends messages over a broker."""
    import stomp  # noqa: PLC0415

    host, _, port = address.rpartition(":")
    connection = stomp.Connection12([(host, int(port))], vhost="/")
    login, passcode = Path(credentials).read_text().splitlines() if credentials else (None, None)
    connection.connect(login, passcode, wait=True)

    def send(name, message):
        connection.send("/queue/ReductionPending", json.dumps(message), headers={"persistent": "true"})

    return send


def as_file(name, message):
    """Let a message appear."""
    (HERE / "messages").mkdir(exist_ok=True)
    beside = HERE / "messages" / f".{name}.part"
    beside.write_text(json.dumps(message, indent=1) + "\n")
    beside.rename(HERE / "messages" / f"{name}.json")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pace", type=float, default=1.0, help="seconds between two runs (%(default)s)")
    parser.add_argument("--late", type=float, default=5.0, help="delay of the late file (%(default)s)")
    parser.add_argument("--late-until", type=Path, help="the late file waits until this one is there")
    parser.add_argument("--broker", help="where a broker speaks STOMP, host:port; without it messages are files")
    parser.add_argument("--credentials", help="a file with login and passcode of the broker")
    parser.add_argument("--no-mishaps", action="store_true", help="everything arrives whole and in time")
    options = parser.parse_args()
    send = over_broker(options.broker, options.credentials) if options.broker else as_file
    if not options.no_mishaps:
        send(f"cancel-{WITHDRAWN}", {"run_number": WITHDRAWN, "cancel": True})
        print(f"run {WITHDRAWN}: withdrawn before it was measured", flush=True)
        time.sleep(max(1.0, options.pace))
    late = None
    for part in range(1, PARTS + 1):
        run, experiment = 37010 + part, 2201 + (part + 1) % 2
        path = HERE / "data" / f"RB{experiment}" / f"LRM{run}.nxs"
        if run == LATE and not options.no_mishaps:
            late = part, path, time.monotonic() + options.late
        else:
            cut(part, path)
        send(
            f"LRM{run}",
            {
                "instrument": "LRMECS",
                "rb_number": experiment,
                "run_number": run,
                "data": str(path),
                "title": f"MgB2 8K, part {part} of run 3701",
            },
        )
        print(
            f"run {run} of experiment {experiment}: " + ("its file is late" if late and late[1] == path else "there"),
            flush=True,
        )
        time.sleep(options.pace)
    if late:
        while options.late_until and not options.late_until.exists():
            time.sleep(0.2)
        time.sleep(max(0.0, late[2] - time.monotonic()))
        cut(*late[:2])
        print(f"run {LATE}: its file is there at last", flush=True)


if __name__ == "__main__":
    main()
