"""Acting: the methods of a client that change something. Each is the verb of its name; `reason` stands in the journal.

Over HTTP every call has an idempotency key, so one whose answer was lost on the way is asked again and done once.
Besides the errors of `looking` a method may raise Refused: right in itself, but not now or not here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from procession.sdk.asking import Asking, Json


class Acting(Asking):
    """What may be asked of processings, events, tasks and settings."""

    def emit(
        self, event: str, params: Mapping[str, Any] | None = None, key: str | None = None, title: str = "",
        priority: int | None = None, backfill: bool = False, not_before: Any = None,
    ) -> Json:  # fmt: skip
        """Submit an event; every task that takes it makes a processing of it. ``processings`` has their ids.

        The same name and `key` again is no new event: ``duplicate`` is then true. `priority`: larger first. `backfill`:
        after all that is fresh. `not_before`: a datetime, or a text such as ``2026-03-01T06:00`` (UTC) or ``+10min``.
        """
        return self._ask(
            "emit", event=event, params=params, key=key, title=title, priority=priority, backfill=backfill,
            not_before=not_before,
        )  # fmt: skip

    def emit_many(self, events: Sequence[Mapping[str, Any]]) -> Json:
        """Submit up to 1000 events in one transaction, all or none; each has the names that `emit` takes."""
        return self._ask("emit-many", events=events)

    def retry(self, id: int, step: str | None = None, reason: str | None = None) -> Json:
        """Give the failed step another attempt: same directory, tries counted from 1 again."""
        return self._ask("retry", id=id, step=step, reason=reason)

    def restart(
        self, id: int, step: str | None = None, code: Literal["now", "recorded"] = "now",
        priority: int | None = None, fresh: bool = False, reason: str | None = None,
    ) -> Json:  # fmt: skip
        """Run again what has ended: from `step` on, or as a new version in a directory of its own, which is answered.

        `code`: definition and scripts as they are now, or as this processing had them. `fresh`: among new data.
        """
        return self._ask("restart", id=id, step=step, code=code, priority=priority, fresh=fresh, reason=reason)

    def cancel(self, id: int, reason: str | None = None) -> Json:
        """Cancel a processing; ``answer`` is ``accepted``, or ``too_late`` where it had ended."""
        return self._ask("cancel", id=id, reason=reason)

    def hold(self, id: int, step: str | None = None, reason: str | None = None) -> Json:
        """Start nothing more of it until it is released; it keeps its place."""
        return self._ask("hold", id=id, step=step, reason=reason)

    def release(self, id: int, step: str | None = None, reason: str | None = None) -> Json:
        """Let what is held go on."""
        return self._ask("release", id=id, step=step, reason=reason)

    def run_now(self, id: int, reason: str | None = None) -> Json:
        """Start as soon as there is room, not at a set time; also the next try of a step."""
        return self._ask("run-now", id=id, reason=reason)

    def accept(self, id: int, step: str | None = None, note: str = "") -> Json:
        """Accept what was done by hand as the result of a failed step; the next step starts."""
        return self._ask("accept", id=id, step=step, note=note)

    def answer(self, id: int, value: str | float, step: str | None = None, note: str | None = None) -> Json:
        """Answer the question of a step, without `step` the only open one; its value goes to the steps after it.

        Refused where nothing is asked or somebody has answered; Invalid where the value does not fit.
        """
        return self._ask("answer", id=id, value=value, step=step, note=note)

    def note(self, id: int, text: str) -> Json:
        """Note something on a processing, whatever its state; it stands in its journal with the caller's name."""
        return self._ask("note", id=id, text=text)

    def cause_note(self, signature: str, text: str) -> Json:
        """Add a note to a cause; it is no longer new."""
        return self._ask("cause-note", signature=signature, text=text)

    def pin(self, id: int) -> Json:
        """Keep the files of this processing: the cleaner never removes them."""
        return self._ask("pin", id=id)

    def unpin(self, id: int) -> Json:
        """Let the cleaner treat it like any other again."""
        return self._ask("unpin", id=id)

    def read(self, ids: Sequence[int] | None = None, everything: bool = False) -> Json:
        """Say that messages have been read; ``read`` is how many nobody had read before."""
        return self._ask("read", ids=ids, everything=everything)

    def submit_missed(self, task: str, range: str | None = None) -> Json:
        """Submit what a watch, a counter or a list has and the books have not; the answer is that of `missed`."""
        return self._ask("submit-missed", task=task, range=range)

    def alerts_test(self) -> Json:
        """Tell everybody whom ``[alerts]`` names a test message, now; ``items`` say who was reached."""
        return self._ask("alerts-test")

    def mute(self, signature: str, span: str | None = None, reason: str | None = None, more: int | None = None) -> Json:
        """Tell nobody of a cause, for a span (``"2d"``), so many `more` times, or until `unmute`; it is counted all
        the same."""
        return self._ask("mute", signature=signature, span=span, reason=reason, more=more)

    def assign(
        self, signature: str, owner: str | None = None, note: str | None = None, reason: str | None = None
    ) -> Json:
        """Say who owns a cause and what is known about it; it is no longer new."""
        return self._ask("assign", signature=signature, owner=owner, note=note, reason=reason)

    def resolve(self, signature: str, reason: str | None = None) -> Json:
        """Say that a cause is resolved; what fails for it later is a regression."""
        return self._ask("resolve", signature=signature, reason=reason)

    def unmute(self, signature: str, reason: str | None = None) -> Json:
        """Unmute a cause: people are told of its next occurrence."""
        return self._ask("unmute", signature=signature, reason=reason)

    def banner(self, text: str | None = None, reason: str | None = None) -> Json:
        """Say this on every page of the server, above everything else; without a text say nothing any more."""
        return self._ask("banner", text=text, reason=reason)

    def pause(
        self, task: str | None = None, group: str | None = None, everything: bool = False,
        mode: Literal["stop", "drain", "skip"] = "stop", reason: str | None = None, source: str | None = None,
        queue: str | None = None,
    ) -> Json:  # fmt: skip
        """Let a task, a group, a source, a queue or everything start nothing; what runs goes on to the end of its step.

        `mode` ``drain``: what has begun goes on. ``skip``: what comes meanwhile is born skipped.
        """
        return self._ask(
            "pause", task=task, group=group, everything=everything, mode=mode, reason=reason, source=source, queue=queue
        )

    def resume(
        self, task: str | None = None, group: str | None = None, everything: bool = False, reason: str | None = None,
        source: str | None = None, queue: str | None = None,
    ) -> Json:  # fmt: skip
        """Let it start again, also after failures in a row suspended it."""
        return self._ask(
            "resume", task=task, group=group, everything=everything, reason=reason, source=source, queue=queue
        )

    def set(self, name: str, value: str | float, reason: str | None = None) -> Json:
        """Change a value while it runs: ``at_once:TASK``, ``limit:NAME``, ``cpus``, ``memory`` (``"32 GB"``)."""
        return self._ask("set", name=name, value=value, reason=reason)

    def reset(self, name: str, reason: str | None = None) -> Json:
        """Go back to the value in procession.toml."""
        return self._ask("reset", name=name, reason=reason)

    def clean(self) -> Json:
        """Delete now what has outlived its retention; the answer is that of `disk`."""
        return self._ask("clean")

    def stop(self, how: Literal["stop", "drain", "kill"] = "stop") -> Json:
        """Tell the launcher of this place to leave, and do not wait for it; scripts run on, but for ``kill``."""
        return self._ask("stop", how=how)
