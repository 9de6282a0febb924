"""Steering: the methods of a client that concern launchers, and verbs over all that a query finds.

Errors are those of `acting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from procession.sdk.asking import Asking, Json


class Steering(Asking):
    """What may be asked of launchers and batches."""

    def launchers(self, stopped: bool = False) -> Json:
        """Who serves, where, and what each does; `stopped`: also those that have left."""
        return self._ask("launchers", stopped=stopped)

    def host(self, name: str) -> Json:
        """One host: its launchers, what runs there, and the last attempts."""
        return self._ask("host", name=name)

    def queues(self) -> Json:
        """Every queue: how many wait and since when, how many run, and how many may."""
        return self._ask("queues")

    def limits(self) -> Json:
        """Every limit: how much there is of it, and which processings have how much."""
        return self._ask("limits")

    def about(self) -> Json:
        """What this installation is: versions, database, places, licences."""
        return self._ask("about")

    def drain(self, name: str, reason: str | None = None) -> Json:
        """Let a launcher start nothing new, wherever it runs; what runs goes on. It holds until `undrain`."""
        return self._ask("drain", name=name, reason=reason)

    def maintenance(self, name: str, reason: str | None = None) -> Json:
        """Let a launcher serve the queue ``maintenance`` alone, until `undrain`."""
        return self._ask("maintenance", name=name, reason=reason)

    def undrain(self, name: str, reason: str | None = None) -> Json:
        """Let a launcher start work again: end its draining or maintenance."""
        return self._ask("undrain", name=name, reason=reason)

    def stop_launcher(
        self, name: str, how: Literal["stop", "drain", "kill"] = "stop", reason: str | None = None
    ) -> Json:
        """Let a launcher leave: its scripts run on (``stop``), are waited for (``drain``) or ended (``kill``)."""
        return self._ask("stop-launcher", name=name, how=how, reason=reason)

    def give_up(self, name: str, reason: str | None = None) -> Json:
        """Say that a silent launcher never comes back: what ran there is lost, and tried again elsewhere."""
        return self._ask("give-up", name=name, reason=reason)

    def batch_add(
        self, verb: str, query: str, arguments: Mapping[str, Any] | None = None, dry_run: bool = False,
        expect: int | None = None, until: int | None = None, reason: str | None = None,
    ) -> Json:  # fmt: skip
        """Do a verb to all processings that a query finds, in pieces, beside everything else.

        `dry_run`: only say how many are meant, and what would become of the newest 200. `expect`: nothing is done
        unless so many are meant (10000: so many or more). `until`: none with a higher id is meant. `reason` stands
        in the history of each, too. The answer has the id by which `batch` tells how far it is.
        """
        return self._ask(
            "batch-add", verb=verb, query=query, arguments=arguments, dry_run=dry_run, expect=expect, until=until,
            reason=reason,
        )  # fmt: skip

    def batches(self, limit: int = 20) -> Json:
        """Batches, newest first."""
        return self._ask("batches", limit=limit)

    def batch(self, id: int) -> Json:
        """How far a batch is: done, refused, and why; and what ``became`` of all that it has done, by their states."""
        return self._ask("batch", id=id)

    def batch_cancel(self, id: int) -> Json:
        """Cancel a bulk action; what it has done stays."""
        return self._ask("batch-cancel", id=id)
