"""What a project says of its queues, of its web server, and of how much people may run again at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """``[queues.NAME]``."""

    weight: float = 1.0
    """Its share of the starts where several queues want more than there is room for."""
    at_once: int = 0
    """Steps of this queue that run at the same time, wherever; 0: as many as there is room for."""
    max_waiting: int = 0
    """Processings that may wait in it; more are refused. 0: as many as come."""


USUAL_PORT = 8750


@dataclass(frozen=True, slots=True)
class WebPlan:
    """``[web]``."""

    host: str = "127.0.0.1"
    """The address that is listened on."""
    port: int | None = None
    """0: a free one, which is printed; None: the usual one, or a free one where that is taken."""
    hosts: tuple[str, ...] = ()
    """Names beside those of this machine by which browsers and programs may call it."""
    behind_proxy: bool = False
    """A proxy that speaks TLS stands before it; without one, only addresses of this machine are listened on."""
    callbacks: tuple[str, ...] = ()
    """Beginnings of URLs to which results may be delivered."""
    anonymous: str = ""
    """``read``: who has not logged in may look at the pages; empty: nobody may."""


@dataclass(frozen=True, slots=True)
class Reruns:
    """``[reruns]``: how many runs a person may process anew in one go."""

    operator: int = 50
    admin: int = 1_000

    def most(self, *, admin: bool) -> int:
        """For a person of this role; whoever may only look has none."""
        return self.admin if admin else self.operator
