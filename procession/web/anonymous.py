"""Anonymous reading: who has not logged in, where the task file says ``[web] anonymous = "read"``.

*In:* a request that brings no session. *Out:* a caller who may look at the pages and do nothing, or nobody. *Always:*
off unless it is said; the HTTP API wants a token all the same; each address may ask so often, as each session may.
Behind a proxy all of them come from its address, and share what one address may.
"""

from __future__ import annotations

from dataclasses import replace

from procession.api.limits import Buckets
from procession.api.problems import Problem
from procession.model.caller import ROLES
from procession.project import Project
from procession.verbs import Caller

ANONYMOUS = Caller("anonymous", "http", ROLES["viewer"])
MANY, PER_SECOND = 200, 20.0
"""Requests of one address at once, and a second."""


def is_anonymous(caller: Caller) -> bool:
    """Has this caller not logged in? An account that is called so comes with a token."""
    return caller.token is None and (caller.by, caller.via) == (ANONYMOUS.by, ANONYMOUS.via)


class Anonymous:
    """Those of one server."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._buckets = Buckets(MANY, PER_SECOND)

    @property
    def allowed(self) -> bool:
        """May anybody read, as the file is now?"""
        return self._project.settings.web.anonymous == "read"

    def caller(self, origin: str | None) -> Caller | None:
        """Who asks; None where nobody may read so. Problem 429 for an address that asks too often."""
        if not self.allowed:
            return None
        if not self._buckets[origin or ""].take():
            raise Problem(429, "TooMany", f"more than {PER_SECOND:g} requests a second from one address; log in")
        return replace(ANONYMOUS, origin=origin)
