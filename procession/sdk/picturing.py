"""Picturing: the methods of a client that ask for what the pages show: much at once, packed or sampled.

The fields are in ``docs/reference/json.md``; errors are those of `looking`.
"""

from __future__ import annotations

from typing import Literal

from procession.sdk.asking import Asking, Json


class Picturing(Asking):
    """What the pages show."""

    def overview(self, days: int = 1) -> Json:
        """How every task stands, what came and how it ended in these days, and what is new."""
        return self._ask("overview", days=days)

    def grid(
        self, name: str, query: str = "", newest: int = 1000, rows: str = "steps", columns: str = "processings",
        colour: str = "state",
    ) -> Json:  # fmt: skip
        """The newest processings of a task as one picture; ``cells`` are bytes in base64, column after column.

        `rows`: ``steps``, or of a pivot ``day``, ``hour`` or ``param.NAME``; then `columns` are one of these, too.
        `colour`: ``state``, ``duration``, ``attempts``, ``host`` or ``metric.NAME``; then ``colour`` has their numbers.
        """
        return self._ask("grid", name=name, query=query, newest=newest, rows=rows, columns=columns, colour=colour)

    def views(self) -> Json:
        """The filters of processings that the caller has saved: ``items``, by name."""
        return self._ask("views")

    def save_view(self, name: str, query: str = "", sort: Literal["id", "ended", "duration"] = "id") -> Json:
        """Keep a filter of processings under a name, for the caller; the same name again keeps another one."""
        return self._ask("save-view", name=name, query=query, sort=sort)

    def remove_view(self, name: str) -> Json:
        """Forget a filter that the caller has saved."""
        return self._ask("remove-view", name=name)

    def count(self, query: str = "") -> Json:
        """How many processings a query means: ``n``, and whether that is ``exact`` or there are at least so many."""
        return self._ask("count", query=query)

    def neighbours(self, id: int, query: str = "") -> Json:
        """The ``newer`` and the ``older`` processing beside this one, among all that a query means."""
        return self._ask("neighbours", id=id, query=query)

    def complete(self, text: str = "", whole: bool = False) -> Json:
        """How the last word of a query may go on: ``items``, each with its ``text``."""
        return self._ask("complete", text=text, whole=whole)

    def durations(self, name: str, days: int = 7) -> Json:
        """How long the steps of a task took, of a sample over these days, and since when one takes longer."""
        return self._ask("durations", name=name, days=days)

    def gallery(
        self, name: str, artifact: str | None = None, query: str = "", newest: int = 60, cursor: int | None = None
    ) -> Json:
        """The newest processings of a task, each with the size of this artifact (``STEP/NAME``), or null."""
        return self._ask("gallery", name=name, artifact=artifact, query=query, newest=newest, cursor=cursor)

    def arrivals(self, hours: int = 24) -> Json:
        """How many events came in every ten minutes, and from where the newest ones came."""
        return self._ask("arrivals", hours=hours)
