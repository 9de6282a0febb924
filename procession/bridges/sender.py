"""Sender: what the outbox holds is published, in its order, and goes when the broker has confirmed it.

In: rows of the outbox. Out: messages, each with a receipt that is waited for. Always: sent at least once, under one
name; of one processing in order; by one process at a time. What the broker refuses waits, and with it what comes after
it of the same processing; after the last try it is given up, and people are told.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from procession.bridges.connection import LEAVE_WITHIN, SEND_WITHIN, Connection, Lost
from procession.bridges.frames import write
from procession.bridges.line import Line
from procession.bridges.reaching import LOOK
from procession.bridges.sole import Sole
from procession.commands.messages import Notice, note
from procession.errors import ProcessionError
from procession.model.bridge import BridgePlan
from procession.model.delivery import TRIES, next_try
from procession.model.message import MAX_TEXT
from procession.project import Project
from procession.store import bridges
from procession.store.bridges import Outgoing

MOST = 200
"""Messages that are on their way at a time."""
HANGS_UP = 5
"""So often in a row it hangs up on the same message before that is to blame."""
READ = 500
"""Messages that are read at a time, to look for such as may be sent now."""


class Sender(Line):
    """What goes out over one bridge."""

    way = "out"

    def __init__(self, project: Project, plan: BridgePlan) -> None:
        super().__init__(project, plan)
        self._sole = Sole(project, plan.name)
        self._singly = 0
        """The broker did not like one of several and did not say which: so many are sent one by one."""
        self._in_vain = 0
        """So often in a row the connection was lost before anything was confirmed."""
        self._unwritten: list[int] = []
        """The broker has these, and that could not be written down yet; they are not sent again."""
        self._hung_up: list[int] = []
        """Of which message alone it has hung up without a word, each time."""

    def may(self) -> bool:
        """Only one publishes at a time; the others look now and then whether it has left."""
        return self._sole.take()

    def let_go(self) -> None:
        """Another one may publish."""
        self._sole.release()

    def serve(self, connection: Connection) -> None:
        """Publish what there is until it is enough."""
        while not self.enough.is_set():
            if not self._sole.take():
                return
            self.look()
            self._confirmed(())
            found = self._next()
            if found:
                self.publish(connection, found)
            elif connection.receive(LOOK) is not None:
                continue

    def _next(self) -> list[Outgoing]:
        """What may be sent now: of each processing its first one, where that waits for no other try. What comes behind
        it goes when the broker has confirmed it, for the broker may refuse the one and take the other."""
        now, most = self.project.now(), 1 if self._singly else MOST
        passed, due, above = set[int](), list[Outgoing](), 0
        while len(due) < most:
            try:
                with self.project.store.read() as tx:
                    found = bridges.pending(tx, self.plan.name, READ, above)
            except ProcessionError as error:
                self.standing.here()
                raise Lost(f"the outbox cannot be read: {error}") from None
            for each in found:
                if each.processing_id not in passed and each.due_at is not None and each.due_at <= now:
                    due.append(each)
                passed.add(each.processing_id)
            if len(found) < READ:
                break
            above = found[-1].id
        return due[:most]

    def publish(self, connection: Connection, found: Sequence[Outgoing]) -> None:
        """Send these and wait for their receipts; those that come are believed, whatever happens to the others."""
        names = {self._name(each): each for each in found}
        confirmed: list[int] = []
        try:
            connection.send_all([self._written(name, each) for name, each in names.items()])
            until = time.monotonic() + SEND_WITHIN
            while len(confirmed) < len(found):
                frame = connection.receive(min(LOOK, until - time.monotonic()))
                if frame is not None and frame.command == "RECEIPT":
                    if (each := names.get(frame.headers.get("receipt-id", ""))) is not None:
                        confirmed.append(each.id)
                elif self.enough.is_set() and until > time.monotonic() + LEAVE_WITHIN:
                    until = time.monotonic() + LEAVE_WITHIN
                elif time.monotonic() > until:
                    raise Lost(f"the broker confirms nothing for {SEND_WITHIN:g} s")
        except Lost as error:
            self._refused(names.get(error.receipt or "") or self._suspect(found, confirmed, error), str(error))
            raise
        finally:
            self._confirmed(confirmed)

    def _suspect(self, found: Sequence[Outgoing], confirmed: Sequence[int], error: Lost) -> Outgoing | None:
        """Which one it may have been, where the broker does not say: one that came alone, and that it has told of, or
        has hung up on again and again, as no broker does that is only started anew."""
        self._in_vain = 0 if confirmed else self._in_vain + 1
        if confirmed or len(found) > 1:
            self._singly = MOST if error.told or self._in_vain > 1 else self._singly
            return None
        (one,) = found
        self._hung_up = [*self._hung_up, one.id] if one.id in self._hung_up else [one.id]
        if not error.told and len(self._hung_up) < HANGS_UP:
            return None
        self._hung_up.clear()
        return one

    def _confirmed(self, ids: Sequence[int]) -> None:
        if ids:
            self._singly, self._in_vain = max(0, self._singly - len(ids)), 0
        self._unwritten += ids
        if self._unwritten:
            with self.project.store.begin() as tx:
                bridges.sent(tx, self._unwritten)
                bridges.count(tx, self.plan.name, self.project.now(), sent=len(self._unwritten))
            self._unwritten.clear()

    def _refused(self, which: Outgoing | None, problem: str) -> None:
        """The broker said which one it does not take; without that nothing is known of any."""
        if which is None:
            return
        seconds = next_try(which.tries + 1, random.random)
        due = None if seconds is None else self.project.now() + int(seconds * 1e6)
        with self.project.store.begin() as tx:
            bridges.refused(tx, which.id, problem, due)
            if due is None:
                said = f"a message to {which.destination} was refused {TRIES} times and is given up: {problem}"
                told = Notice("bridge", self.plan.name, said[:MAX_TEXT], processing_id=which.processing_id)
                note(self.project, tx, [told])

    def _name(self, each: Outgoing) -> str:
        """By which a receiver knows a message that comes again."""
        return f"{self.project.installation.key}-{each.id}"

    def _written(self, name: str, each: Outgoing) -> bytes:
        """Without a content-length, so that brokers take it for text."""
        headers = {
            "destination": each.destination,
            "receipt": name,
            "persistent": "true",
            "content-type": "application/json",
            "procession-id": name,
            "amqp-message-id": name,
        }
        if each.key is not None:
            headers["correlation-id"] = each.key
        return write("SEND", headers, each.body.encode())
