"""Tells people by mail, chat and whatever else `apprise` knows: a small program that an errand runs, one for a message.

*In:* on standard input JSON with addresses, a file with more of them, a title, a body, which addresses are done.
*Out:* as last line which addresses have it now, and why others have not; exit code 0 if all have. *Always:* an address
is never printed, for it may hold a password; an address that has it is not asked again.

The addresses are the operator's, of the definition file or of a file beside it, never of an event or a caller; so they
may lead into the own network, as a mail server mostly does.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

MOST = 100
"""Addresses."""
MAX_FILE = 64 * 1024
"""Bytes of the file with addresses."""


class _Last(logging.Handler):
    """Keeps the last complaint of the library."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


def read_addresses(said: list[str], file: str) -> list[str]:
    """All addresses: those of the definition file, then one on each line of the other; # begins a remark."""
    found = list(said)
    if file:
        text = Path(file).read_bytes()[:MAX_FILE].decode("utf-8", "replace")
        found += [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return found[:MOST]


def kind_of(address: str) -> str:
    """What may be said of an address: ``mailto``, never more."""
    kind = address.partition("://")[0]
    return kind if kind.isalnum() and len(kind) < 20 else "?"


def tell(address: str, title: str, body: str, *, bad: bool) -> str | None:
    """Tell one address; return why it was not reached, or None."""
    import apprise  # noqa: PLC0415  an optional part, and half a second

    last = _Last()
    logging.getLogger("apprise").addHandler(last)
    logging.getLogger("apprise").propagate = False
    try:
        asset = apprise.AppriseAsset(app_id="Procession", app_desc="Procession", async_mode=False)
        herald: Any = apprise.Apprise(asset=asset)
        if not herald.add(address):
            return "it is no address that apprise understands"
        kind = apprise.NotifyType.FAILURE if bad else apprise.NotifyType.SUCCESS
        if herald.notify(body=body, title=title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
            return None
        return " ".join(last.text.replace(address, "…").split())[:300] or "it was not reached"
    finally:
        logging.getLogger("apprise").removeHandler(last)


def main() -> int:
    """Tell all that have not been told; the last line says who has it."""
    said = json.load(sys.stdin)
    try:
        addresses = read_addresses(said["to"], said["file"])
    except OSError as error:
        return _end([], f"{said['file']} cannot be read: {error.strerror}")
    if not addresses:
        return _end([], f"{said['file'] or '[alerts] to'} has no address")
    reached, problems = [], []
    for number, address in enumerate(addresses):
        if number in said["reached"]:
            reached.append(number)
            continue
        try:
            problem = tell(address, said["title"], said["body"], bad=said["bad"])
        except ImportError:
            return _end(reached, "apprise is not installed; install procession[notify]")
        except Exception as error:
            problem = f"{type(error).__name__}: {str(error).replace(address, '…')[:200]}"
        if problem is None:
            reached.append(number)
        else:
            problems.append(f"address {number + 1} ({kind_of(address)}): {problem}")
    return _end(reached, "; ".join(problems))


def _end(reached: list[int], problem: str) -> int:
    sys.stdout.write("\n" + json.dumps({"reached": reached, "problem": problem}) + "\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
