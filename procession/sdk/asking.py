"""Asking: the one way from a method of the client to its verb, which all groups of methods share."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""An answer, as it came."""


class Asking:
    """What the groups of methods (`looking`, `acting`, …) ask through; `client.Client` says how."""

    def _ask(self, verb: str, /, **arguments: Any) -> Json:
        """Call a verb; arguments that are None are left out."""
        raise NotImplementedError
