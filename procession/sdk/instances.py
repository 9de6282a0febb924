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
from procession.sdk.looking import Json
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
        said = self.client._ask("heartbeat", attempt=self.attempt, progress=progress, text=text, message=message)
        wanted: str | None = said.get("wanted")
        return wanted

    def succeed(
        self, result: Any = None, mime: str | None = None, outputs: Mapping[str, Any] | None = None,
        events: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:  # fmt: skip
        """It is done. `result`: any JSON value; a text or bytes with their MIME type. `outputs` are for later steps,
        `events` are committed with it. Refused if it is over: then nothing of this is taken.
        """
        given: dict[str, Any] = {"result": result, "mime": mime}
        if isinstance(result, bytes | bytearray | memoryview):
            given = {"body": base64.b64encode(result).decode(), "mime": mime or "application/octet-stream"}
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


class Instances:
    """What is asked of instances, and of work for programs elsewhere."""

    def _ask(self, verb: str, /, **arguments: Any) -> Json:
        """Call a verb; arguments that are None are left out."""
        raise NotImplementedError

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
        title: str = "", priority: int | None = None, not_before: Any = None, callback: str | None = None,
    ) -> Json:  # fmt: skip
        """Submit an instance; ``id`` is that of its processing. Without a key one is made up.

        `inputs` is any JSON value. QueueFull where as many wait as may: submit it again later. Duplicate where the task
        has an instance of this key. `callback`: a URL to which its end is told.
        """
        return self._ask(
            "submit", task=task, key=key, inputs=inputs, params=params, title=title, priority=priority,
            not_before=not_before, callback=callback,
        )  # fmt: skip

    def journal(self, task: str, key: str) -> Json:
        """``items``: what has happened to an instance, oldest first, with what its worker said."""
        return self._ask("journal", task=task, key=key)

    def result(self, task: str, key: str) -> Result:
        """What an instance came to: ``.mime``, ``.body``, ``.json()``. NotFound says why there is nothing."""
        return self._reply("result", task=task, key=key)

    def claim(
        self, queue: str | Sequence[str] = "", limit: int = 1, worker: str | None = None,
        tasks: Sequence[str] | None = None, labels: Sequence[str] | None = None,
    ) -> list[Claimed]:  # fmt: skip
        """Claim what may start now of one queue or several: none, one, or up to `limit`.

        `worker` is the name in the journal (else host and process); `tasks`: only of these; `labels`: what this host
        has. What was claimed is to be started, or heard of, within a minute.
        """
        found = self._ask(
            "claim", worker=worker or f"{socket.gethostname()}-{os.getpid()}", limit=limit, tasks=tasks,
            queues=[queue] if isinstance(queue, str) else queue, labels=labels,
        )  # fmt: skip
        return [Claimed(self, each["attempt"], each["task"], each["key"], each["inputs"], each)
                for each in found["items"]]  # fmt: skip
