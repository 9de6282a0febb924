"""Instances: tasks that programs register, submit to by a key, and perhaps do themselves.

An instance is a processing that is known by its task and key. A task without a handler is done by programs elsewhere:
they `claim` what waits, and get for each a `Claimed`, with which they say how it goes on.
"""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from procession.errors import Refused
from procession.sdk.asking import Asking, Json
from procession.sdk.transport import Result


@dataclass(slots=True)
class Claimed:
    """One piece of work that was claimed; nobody else has it until its time is over or it is given back.

    In a ``with`` block it is started at the beginning; at the end it has succeeded if nothing else was said, and failed
    if an exception leaves the block, which goes on.
    """

    client: Instances
    attempt: str
    """Key of this try; what is said with it later, when another has it, is refused."""
    task: str
    key: str | None
    """Of the instance."""
    inputs: Any
    """As they were submitted."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Everything that came with the claim: ``processing``, ``step``, ``number``, ``params``, ``timeout`` ..."""
    ended: bool = False
    """Has its end been told?"""

    def start(self) -> None:
        """Say that it begins: from here its time-out counts. Refused if it is not ours any more."""
        self.client._ask("start", attempt=self.attempt)

    def heartbeat(
        self, progress: float | None = None, text: str | None = None, message: str | None = None
    ) -> str | None:
        """Say that it goes on, at least once a minute, and how far it is: a share from 0 to 1, words, a line for the
        journal. What comes back is ``cancel`` or ``pause`` where somebody wants it, else None. Refused if it is over.
        """
        given = {"progress": progress, "text": text, "message": message}
        return _wanted(self.client._ask("heartbeat", attempt=self.attempt, **given))

    def pause(self) -> str | None:
        """Say that it waits by itself from now on; its time-out goes on counting. What comes back is as above."""
        return _wanted(self.client._ask("work-pause", attempt=self.attempt))

    def resume(self) -> str | None:
        """Say that it does not wait any more."""
        return _wanted(self.client._ask("work-resume", attempt=self.attempt))

    def succeed(
        self, result: Any = None, mime: str | None = None, outputs: Mapping[str, Any] | None = None,
        events: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:  # fmt: skip
        """It is done. `result`: any JSON value; a text or bytes with their MIME type. `outputs` are for later steps,
        `events` are committed with it. Refused if it is over: then nothing of this is taken.
        """
        given: dict[str, Any] = {"result": result, "mime": mime}
        if isinstance(result, bytes | bytearray | memoryview):
            given = {"base64": base64.b64encode(result).decode(), "mime": mime}
        self.client._ask("succeed", attempt=self.attempt, outputs=outputs, events=events, **given)
        self.ended = True

    def fail(self, reason: str, retry_after: float | None = None) -> None:
        """It has failed, for good; with `retry_after` (seconds) it is a soft error and is tried again then."""
        self.client._ask("fail", attempt=self.attempt, reason=reason, retry_after=retry_after)
        self.ended = True

    def give_back(self, reason: str | None = None) -> None:
        """It is not done, through no fault of its own; it waits at its old place again, and nothing is counted."""
        self.client._ask("give-back", attempt=self.attempt, reason=reason)
        self.ended = True

    def __enter__(self) -> Claimed:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.ended:
            return
        if error is None:
            self.succeed()
        elif not isinstance(error, Refused):  # what is over is nobody's to fail
            self.fail(f"{type(error).__name__}: {error}"[:2000])


def _wanted(said: Mapping[str, Any]) -> str | None:
    wanted: str | None = said["wanted"]
    return wanted


class Instances(Asking):
    """What is asked of instances, and of work for programs elsewhere."""

    def _reply(self, verb: str, /, **arguments: Any) -> Result:
        """The same, whatever comes back."""
        raise NotImplementedError

    def register(
        self, name: str, handler: str | None = None, timeout: float | str | None = None,
        retention: float | str | None = None, attempts: int | None = None, options: Mapping[str, Any] | None = None,
    ) -> Json:  # fmt: skip
        """Put a task in force; the same again changes nothing. Refused where the files define one of this name.

        `handler`: ``module.function`` or ``module.Class``; None: only programs elsewhere do it. `timeout`: seconds from
        its start. `retention`: seconds that an instance stays at least when it has ended; then its key is free.
        `attempts`: how often one is tried that took too long or was lost. `options`: other keys of ``[tasks.NAME]``.
        """
        return self._ask(
            "register", name=name, handler=handler, timeout=timeout, retention=retention, attempts=attempts,
            options=options,
        )  # fmt: skip

    def unregister(self, name: str, force: bool = False) -> Json:
        """Forget a task that was registered. Refused while it has instances; with `force` they go too."""
        return self._ask("unregister", name=name, force=force)

    def submit(
        self, task: str, key: str | None = None, inputs: Any = None, params: Mapping[str, Any] | None = None,
        priority: int | None = None, not_before: Any = None, delay: float | str | None = None, title: str = "",
        callback: str | None = None,
    ) -> Json:  # fmt: skip
        """Submit an instance; ``id`` is that of its processing. Without a key one is made up, and is in the answer.

        `inputs` is any JSON value. QueueFull where as many wait as may: submit it again later. Duplicate where the task
        has an instance of this key. `not_before` is a moment, `delay` a span (seconds, or ``"5 min"``) before which it
        does not begin. `callback`: a URL to which its end is told.
        """
        return self._ask(
            "submit", task=task, key=key, inputs=inputs, params=params, priority=priority, not_before=not_before,
            delay=delay, title=title, callback=callback,
        )  # fmt: skip

    def submit_all(self, task: str, instances: Sequence[Mapping[str, Any]]) -> Json:
        """Submit many in one transaction, each with names that `submit` takes; ``items`` has an answer for each: ``id``
        and ``key``, or ``error`` (the name of its class) and ``text``. One that is refused stops no other."""
        return self._ask("submit-all", task=task, instances_=instances)

    def instances(self, task: str, state: str | None = None, before: int | None = None, limit: int = 100) -> Json:
        """Instances of a task, newest first; ``next`` goes into `before`."""
        return self._ask("instances", task=task, state=state, before=before, limit=limit)

    def journal(self, task: str, key: str) -> Json:
        """``items``: what has happened to an instance, oldest first, with what its worker said."""
        return self._ask("instance-journal", task=task, key=key)

    def result(self, which: int | str, key: str | None = None) -> Result:
        """What a processing (by its id), or an instance (by its task and key), came to.

        It has ``.mime``, ``.body`` and ``.json()``. NotFound says why there is nothing.
        """
        if isinstance(which, str):
            return self._reply("instance-result", task=which, key=key)
        return self._reply("result", id=which)

    def deliveries(self, failed: bool = False, before: int | None = None, limit: int = 50) -> Json:
        """What was sent out or is to be, newest first; with `failed` what could not be delivered."""
        return self._ask("deliveries", failed=failed, before=before, limit=limit)

    def redeliver(self, id: int, reason: str | None = None) -> Json:
        """Send a delivery again that arrived or was given up; the receiver sees the same name."""
        return self._ask("redeliver", id=id, reason=reason)

    def claim(
        self, queue: str | Sequence[str] = "", limit: int = 1, worker: str | None = None,
        tasks: Sequence[str] | None = None, labels: Sequence[str] | None = None,
        queues: str | Sequence[str] | None = None,
    ) -> list[Claimed]:  # fmt: skip
        """Claim what may start now of one queue or several (`queues` is another name for `queue`): none, one, or up to
        `limit`.

        `worker` is the name in the journal (else host and process); `tasks`: only of these; `labels`: what this host
        has. What was claimed is to be started, or heard of, within a minute.
        """
        queue = queue if queues is None else queues
        found = self._ask(
            "claim", worker=worker or f"{socket.gethostname()}-{os.getpid()}", limit=limit, tasks=tasks,
            queues=[queue] if isinstance(queue, str) else queue, labels=labels,
        )  # fmt: skip
        return [Claimed(self, each["attempt"], each["task"], each["key"], each["inputs"], each)
                for each in found["items"]]  # fmt: skip
