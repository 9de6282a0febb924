"""Looking: the methods of a client that change nothing. Each is the verb of its name; answers are as with ``--json``.

The fields are in ``docs/reference/json.md``. Every method may raise errors of `procession.errors`: NotFound, Invalid,
Denied; StoreBusy where the database is held by somebody else, and HostError where nobody answers.
"""

from __future__ import annotations

from typing import Literal

from procession.sdk.asking import Asking, Json


class Looking(Asking):
    """What may be asked without changing anything."""

    def list(
        self,
        query: str = "",
        limit: int = 20,
        cursor: int | str | None = None,
        why: bool = True,
        sort: Literal["id", "ended", "duration"] = "id",
    ) -> Json:
        """Processings, newest first: ``items``, and in ``next`` the cursor of the next page (None at the end).

        `query` says which: ``task:scene state:failed after:-1d``; `limit` is at most 500. A page may be short, though
        there is more. Without `why` it is quicker, and does not say why each is where it is. `sort`
        ``ended``: what ended last is first; ``duration``: what took longest, within a range of time as ``after:-7d``.
        """
        return self._ask("list", query=query, limit=limit, cursor=cursor, why=why, sort=sort)

    def show(self, id: int) -> Json:
        """Everything about one processing: steps, attempts, outputs, and what happened to it."""
        return self._ask("show", id=id)

    def why(self, id: int) -> Json:
        """Why a processing waits, runs or failed: ``code`` for programs, ``text`` for people."""
        return self._ask("why", id=id)

    def changes(self, id: int, step: str | None = None) -> Json:
        """What is different from the last time that this step went well, the most telling first."""
        return self._ask("changes", id=id, step=step)

    def logs(
        self, id: int, step: str | None = None, attempt: int | None = None, offset: int = 0, limit: int = 65536,
        framework: bool = False,
    ) -> Json:  # fmt: skip
        """A slice of what a script printed: ``text``, ``next`` (the offset to go on at), ``size``, ``ended``.

        Without a step it is the one that matters: failed, else running, else the latest. A negative `offset` counts
        from the end. `limit` is in bytes. With `framework` it is what the driver of a reduction did.
        """
        return self._ask(
            "logs", id=id, step=step, attempt=attempt, offset=offset, limit=limit, framework=framework
        )  # fmt: skip

    def system_log(self, offset: int = 0, limit: int = 65536) -> Json:
        """A slice of what Procession itself did."""
        return self._ask("system-log", offset=offset, limit=limit)

    def questions(self, task: str | None = None, limit: int = 100, cursor: int | None = None) -> Json:
        """What people are asked and nobody has answered, the oldest first."""
        return self._ask("questions", task=task, limit=limit, cursor=cursor)

    def events(
        self,
        name: str | None = None,
        unmatched: bool = False,
        limit: int = 20,
        cursor: int | None = None,
        no_timetables: bool = False,
    ) -> Json:
        """Events, newest first; with `unmatched` those that no task took, with `no_timetables` none that a timetable
        made."""
        return self._ask(
            "events", name=name, unmatched=unmatched, limit=limit, cursor=cursor, no_timetables=no_timetables
        )

    def event(self, id: int) -> Json:
        """Everything about one event: its parameters, its repeats, and the processings that came of it."""
        return self._ask("event", id=id)

    def refused(self, limit: int = 50, cursor: int | None = None) -> Json:
        """What came and could not be taken, newest first, with the reason and what came."""
        return self._ask("refused", limit=limit, cursor=cursor)

    def sets(self, name: str | None = None, limit: int = 20) -> Json:
        """Sets that are being collected, and the last ones that were: which pieces are there, which are missing."""
        return self._ask("sets", name=name, limit=limit)

    def messages(self, ended: bool = False, unread: bool = False, limit: int = 50) -> Json:
        """What people should know: one for each cause that still occurs; with `ended` also what no longer does."""
        return self._ask("messages", ended=ended, unread=unread, limit=limit)

    def missed(self, task: str, range: str | None = None) -> Json:
        """What a watch, a counter or a list has and the books have not; `range` are runs, as ``"100-120,125"``."""
        return self._ask("missed", task=task, range=range)

    def sources(self, kind: Literal["source", "experiment"] = "source", limit: int = 100) -> Json:
        """Where data come from, or what experiments they belong to: what there is of each, and what is paused."""
        return self._ask("sources", kind=kind, limit=limit)

    def causes(
        self, task: str | None = None, since: str | None = None, everything: bool = False, limit: int = 50,
        days: int = 7,
    ) -> Json:  # fmt: skip
        """Why processings have failed: one for each cause, those for which most has failed first.

        `since` is a moment or a span before now (``"1d"``); `everything`: also causes for which nothing has failed now.
        All processings of one are found by its ``query``; ``trend`` is that of these `days`, in eight parts.
        """
        return self._ask("causes", task=task, since=since, everything=everything, limit=limit, days=days)

    def cause(self, signature: str, days: int = 7) -> Json:
        """One cause: its newest processings (``members``), and what they have in common that good ones have not."""
        return self._ask("cause", signature=signature, days=days)

    def tasks(self) -> Json:
        """All tasks in force, and how each stands."""
        return self._ask("tasks")

    def task(self, name: str) -> Json:
        """One task: how it stands, and its definition as it was read."""
        return self._ask("task", name=name)

    def settings(self) -> Json:
        """What holds now beside what the file says, and who set it."""
        return self._ask("settings")

    def stats(self, task: str | None = None, days: int = 7) -> Json:
        """How much came, how it ended, how long it took: by day (UTC), and for each step."""
        return self._ask("stats", task=task, days=days)

    def books(self, quick: bool = False) -> Json:
        """Everything that came, and where it is now."""
        return self._ask("books", quick=quick)

    def disk(self, quick: bool = False) -> Json:
        """How full the disk is, who takes it, and what goes next; `quick` counts the newest 10,000 alone."""
        return self._ask("disk", quick=quick)

    def disk_preview(self, quick: bool = False) -> Json:
        """What the retention would delete now, and why; nothing is deleted. `quick` looks at the oldest few of each
        task and state alone."""
        return self._ask("disk-preview", quick=quick)

    def doctor(self, full: bool = False) -> Json:
        """Look whether all is well; `full` reads whole tables and the whole database, however large they are."""
        return self._ask("doctor", full=full)
