"""Errors as answers: RFC 9457 ``application/problem+json``, of one shape for everything that is refused.

The table goes from our errors to the status of HTTP; the nearest class above an error in the tree counts. What is not
ours is told as status 500 without a word of its inside: that stands in the log.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from procession import errors

STATUS: dict[type[errors.ProcessionError], int] = {
    errors.Invalid: 400,
    errors.UsageError: 400,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.Refused: 409,  # Duplicate and Deadlock as well
    errors.StaleState: 409,
    errors.QueueFull: 429,  # not 503: the server is well, and whoever asks shall ask later
    errors.StoreError: 503,
    errors.SchemaMismatch: 500,
    errors.HostError: 503,
    errors.StorageFull: 507,
    errors.ExecutorError: 503,
    errors.ConfigError: 500,
    errors.ProcessionError: 500,
}
AGAIN: dict[int, int] = {429: 1, 503: 1, 507: 60}
"""Status → seconds after which asking again is right."""
TITLES = {421: "Misdirected Request", 507: "Insufficient Storage"}


class Problem(Exception):
    """An answer that refuses; raised anywhere on the way of a request."""

    def __init__(
        self, status: int, code: str, detail: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status = status
        self.code = code
        """Name of the class of `errors.py`, or of what HTTP itself refuses."""
        self.detail = detail
        self.headers = headers

    def body(self) -> bytes:
        """As JSON."""
        return json.dumps(
            {
                "type": f"urn:procession:error:{self.code}",
                "title": TITLES.get(self.status) or HTTPStatus(self.status).phrase,
                "status": self.status,
                "code": self.code,
                "detail": self.detail,
            },
            ensure_ascii=False,
        ).encode("utf-8", "backslashreplace")

    def all_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """With those that its status asks for."""
        again = AGAIN.get(self.status)
        if again is None or any(name == b"retry-after" for name, _ in self.headers):
            return self.headers
        return (*self.headers, (b"retry-after", str(again).encode()))


def status_of(error: errors.ProcessionError) -> int:
    """The status of an error: that of the nearest class in the tree."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(error: errors.ProcessionError) -> Problem:
    """An error of ours as an answer."""
    detail = "; ".join((str(error), *getattr(error, "problems", ())))
    return Problem(status_of(error), type(error).__name__, detail)


UNKNOWN = Problem(500, "Unexpected", "something went wrong inside; the log of the server says what")
