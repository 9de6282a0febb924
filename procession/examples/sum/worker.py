"""A program that does the work of a task itself: claim, start, say how it goes on, hand in; then the next.

    python worker.py [NAME] [--forever]

Without --forever it submits three texts of its own, and ends when nothing is left to do.
"""

import sys
import time

from procession import Client
from procession.errors import Refused

names = [word for word in sys.argv[1:] if not word.startswith("-")]
forever = "--forever" in sys.argv

with Client() as client:
    if not forever:
        keys = [client.submit("reverse", inputs=text)["key"] for text in ("desserts", "lager", 17)]
    while True:
        found = client.claim(limit=5, worker=names[0] if names else None, tasks=["reverse"])  # none, one, or up to five
        for work in found:
            try:
                with work:  # it starts here; at the end of the block it has succeeded, or failed by an exception
                    work.heartbeat(0.5, "half of it", message="looked at the text")
                    work.succeed(work.inputs[::-1], "text/plain")
            except Refused as error:  # cancelled, or given to another because we were too slow
                print(error)
            except Exception as error:
                print("failed:", error)
        if not found:
            if not forever and all(client.status("reverse", key)["ended"] for key in keys):
                break
            time.sleep(0.2)
    for key in keys:
        told = client.status("reverse", key)
        print(told["state"], told["reason"] or client.result("reverse", key).body.decode())
