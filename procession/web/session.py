"""What a session carries between two requests: proof that a form is ours, and a notice that is shown once.

*In:* the secret of this place and that of the session. *Out:* texts that nobody else can make. *Always:* nothing is
kept on the server; a proof holds as long as its session and for no other; a notice that was not signed here is not
shown.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass

MOST = 600
"""Characters of a notice."""
SHOWN_WITHIN = 60
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said once, on the next page."""

    text: str
    href: str = ""
    """A place of the site."""
    bad: bool = False


class Seal:
    """Makes and knows both."""

    def __init__(self, secret: bytes, now: Callable[[], int]) -> None:
        self._secret = secret
        self._now = now
        """Microseconds since 1970."""

    def csrf(self, session: str) -> str:
        """The proof of a session; of nobody's session the one for logging in."""
        return self._mark("form", session)

    def is_ours(self, session: str, given: str) -> bool:
        """Was this form made for this session?"""
        return hmac.compare_digest(self.csrf(session).encode(), given.encode("utf-8", "replace"))

    def sealed(self, notice: Notice) -> str:
        """A notice as the value of a cookie."""
        text = json.dumps([self._now(), notice.text[:MOST], notice.href[:MOST], notice.bad]).encode()
        body = base64.urlsafe_b64encode(text).decode().rstrip("=")
        return f"{body}.{self._mark('notice', body)}"

    def opened(self, cookie: str | None) -> Notice | None:
        """The notice in a cookie; None for what was not made here, or is old."""
        body, _, mark = (cookie or "").partition(".")
        if not body or not hmac.compare_digest(self._mark("notice", body).encode(), mark.encode("utf-8", "replace")):
            return None
        at, text, href, bad = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return Notice(text, href, bad) if self._now() - at <= SHOWN_WITHIN * 1_000_000 else None

    def _mark(self, use: str, text: str) -> str:
        return hmac.digest(self._secret, f"{use}:{text}".encode("utf-8", "replace"), hashlib.sha256).hex()[:43]
