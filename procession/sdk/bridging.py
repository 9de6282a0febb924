"""Bridging: the methods of a client that concern brokers, and cancelling by name and key.

Errors are those of `acting`.
"""

from __future__ import annotations

from procession.sdk.asking import Asking, Json


class Bridging(Asking):
    """What may be asked of bridges."""

    def bridges(self) -> Json:
        """The bridges to brokers: how each stands, and what went over it."""
        return self._ask("bridges")

    def republish(self, name: str) -> Json:
        """Publish again the messages that a broker has refused too often."""
        return self._ask("republish", name=name)

    def cancel_key(self, event: str, key: str, reason: str | None = None) -> Json:
        """Cancel the event of this name and key. ``state`` is ``before`` where it has not come (if it comes within a
        week, nothing of it begins), ``accepted``, or ``too_late`` where all of it had ended."""
        return self._ask("cancel-key", event=event, key=key, reason=reason)
