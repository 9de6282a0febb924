"""Client: everything that a person can do, for programs: ``from procession import Client``.

*In:* the project here, or the address of a server and a token. *Out:* the JSON of ``--json`` and of the HTTP API;
refusals are the errors of `procession.errors`, whichever way they came. *Always:* the same methods and answers both
ways; threads may share a client; in coroutines use `procession.run_sync`.

::

    with Client() as client:                                    # or Client("http://host:8750", token=...)
        client.emit("scene", {"path": "in.h5"}, key="LC08_1")
        for processing in client.each("task:scene state:failed"):
            client.retry(processing["id"])
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from procession.errors import HostError, Invalid
from procession.sdk import script
from procession.sdk.access import Access
from procession.sdk.acting import Acting
from procession.sdk.adjusting import Adjusting
from procession.sdk.asking import Json
from procession.sdk.bridging import Bridging
from procession.sdk.instances import Instances
from procession.sdk.looking import Looking
from procession.sdk.picturing import Picturing
from procession.sdk.remote import Remote
from procession.sdk.steering import Steering
from procession.sdk.transport import Local, Result, Transport

ENDED = ("succeeded", "failed", "cancelled", "skipped")
FIRST_LOOK, LAST_LOOK = 0.02, 1.0
"""Seconds between two looks at what is waited for, at first and at last."""


class Client(Looking, Picturing, Acting, Steering, Bridging, Instances, Adjusting, Access):
    """A way to one project; close it, or use it in a ``with`` block."""

    def __init__(
        self,
        where: str | os.PathLike[str] | None = None,
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        timeout: float = 60.0,
    ) -> None:
        """`where`: the address of a server, a directory of a project, or None: the project here, that is the one of
        PROCESSION_PROJECT or of the working directory. `token`, or a file with it, is for a server. `timeout`: seconds
        that a server may take for an answer.
        """
        self._transport: Transport
        if isinstance(where, str) and where.startswith(("http://", "https://")):
            self._transport = Remote(where, token or (_token_in(token_file) if token_file else None), timeout)
        elif token or token_file:
            raise Invalid("a token is for a server; write its address, e.g. Client('http://host:8750', token=...)")
        else:
            self._transport = Local(Path(where or os.environ.get("PROCESSION_PROJECT") or "."))

    def close(self) -> None:
        """Let go of the database, or of the connections; the client cannot be used any more. May be called twice."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, verb: str, arguments: Mapping[str, Any]) -> Any:
        """Call any verb by its name, as it stands in ``docs/reference/api.md``: what all other methods do."""
        return self._transport.ask(verb, arguments).json()

    def status(self, task: str | None = None, key: str | None = None) -> Json:
        """What is going on in the project; or with `task` and `key`, how this instance stands."""
        if task is None:
            return self._ask("status")
        return self._ask("instance", task=task, key=key)

    def delete(
        self, which: int | str, key: str | None = None, children: bool = False, again: bool = False,
        reason: str | None = None, cancel: bool = False, versions: str | None = None,
    ) -> Json:  # fmt: skip
        """Delete what has ended: a processing by its id, or an instance by its task and key, which is then free again.

        Of a processing `children` are all that came of it, `again` processes its event anew at once, and `versions` are
        those that go: ``"all"`` or their numbers, ``"1,3-4"``. Of an instance `cancel` says to cancel it first, where
        it has not ended.
        """
        if isinstance(which, str):
            return self._ask("delete-instance", task=which, key=key, cancel=cancel)
        return self._ask("delete", id=which, children=children, again=again, versions=versions, reason=reason)

    def wait(self, which: int | str, key: str | None = None, timeout: float | None = None) -> Json:
        """Wait until a processing (by its id) or an instance (by its task and key) has ended; return how it stands.

        TimeoutError if it has not within `timeout` seconds; None waits as long as it takes.
        """
        until = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_LOOK
        while True:
            found = self.status(which, key) if isinstance(which, str) else self.show(which)
            if found["state"] in ENDED:
                return found
            if until is not None and time.monotonic() >= until:
                what = f"{which} {key}" if isinstance(which, str) else f"processing {which}"
                raise TimeoutError(f"{what} has not ended within {timeout:g} s; it is {found['state']}")
            time.sleep(pause if until is None else max(0.0, min(pause, until - time.monotonic())))
            pause = min(LAST_LOOK, pause * 1.5)

    def each(self, query: str = "", limit: int = 500) -> Iterator[Json]:
        """All processings that a query finds, newest first, page after page of `limit`."""
        cursor: int | str | None = None
        while True:
            page = self.list(query, limit, cursor)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def log(
        self, id: int, step: str | None = None, attempt: int | None = None, framework: bool = False
    ) -> Iterator[str]:
        """What a script prints, from its beginning until its attempt has ended, as it comes. With `framework` what the
        driver of a reduction does."""
        offset, pause = 0, FIRST_LOOK
        while True:
            found = self.logs(id, step, attempt, offset, framework=framework)
            step, attempt, offset = found["step"], found["attempt"], found["next"]
            if found["text"]:
                pause = FIRST_LOOK
                yield found["text"]
            elif found["ended"] and offset >= found["size"]:
                return
            else:
                time.sleep(pause)
                pause = min(LAST_LOOK, pause * 1.5)

    def watch(self, after: int | None = None) -> Iterator[Json]:
        """Lines of the journal as they are written, without end: what moved, by whom and why.

        `after`: the ``id`` of the last line that was seen, to go on behind it; None: from now on. A lost connection is
        made again, and no line is missed.
        """
        return self._transport.stream(after)

    def _ask(self, verb: str, /, **arguments: Any) -> Json:
        found: Json = self._reply(verb, **arguments).json()
        return found

    def _reply(self, verb: str, /, **arguments: Any) -> Result:
        return self._transport.ask(verb, {name: value for name, value in arguments.items() if value is not None})


def client() -> Client:
    """The client of a script: of the server that runs it, with the token of its attempt; elsewhere that of the project
    here. What it may do beyond its own processing the ``grants`` of its task say."""
    if script._channel is not None:  # a function that is called: many share one process and its environment
        address = script._variable("URL")
        return Client(address, token=script._token()) if address else Client()
    url, token_file = os.environ.get("PROCESSION_URL"), os.environ.get("PROCESSION_TOKEN_FILE")
    return Client(url, token_file=token_file) if url else Client()


def _token_in(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f"the token in {os.fspath(path)} cannot be read: {error}") from None
