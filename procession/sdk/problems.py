"""Problems: what a server refuses, as the error that the same call would have raised here.

*In:* the status and body of an answer (RFC 9457, whose ``code`` is the name of one of our errors). *Out:* the error.
*Always:* what is no problem of ours, as from a proxy, becomes an error too, by its status alone.
"""

from __future__ import annotations

import json

from procession import errors
from procession.errors import ProcessionError

OF_STATUS: dict[int, type[ProcessionError]] = {
    400: errors.Invalid,
    401: errors.Denied,
    403: errors.Denied,
    404: errors.NotFound,
    409: errors.Refused,
    413: errors.Invalid,
    429: errors.QueueFull,
    503: errors.StoreBusy,
    507: errors.StorageFull,
}
"""Where the answer names no error of ours."""

TOO_MANY = "TooMany"
UNDER_WAY = "Taken"
"""The first request with this idempotency key has not been answered yet, or its answer is not there."""
LONGEST = 500
"""Characters of an answer that is none of ours which are shown."""


def code_of(body: bytes) -> str:
    """The code of a problem; empty for anything else."""
    found = _object(body).get("code")
    return found if isinstance(found, str) else ""


def error_of(status: int, body: bytes) -> ProcessionError:
    """The error that an answer with this status stands for."""
    told = _object(body)
    code, detail = told.get("code"), told.get("detail")
    kind = getattr(errors, code, None) if isinstance(code, str) else None
    if not (isinstance(kind, type) and issubclass(kind, ProcessionError)):
        kind = errors.Refused if code == TOO_MANY else OF_STATUS.get(status, ProcessionError)
    if not isinstance(detail, str):
        said = body.decode("utf-8", "replace").strip()[:LONGEST]
        detail = f"the server answered with status {status}{f': {said}' if said else ''}"
    return kind(detail)


def _object(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
