"""Receiver: messages come in, and are acknowledged when what they ask for is stored for good.

In: a subscription, each message acknowledged by itself. Out: events, cancels, refusals; an acknowledgement for each.
Always: what is not committed is not acknowledged, so the broker brings it again; what came before is known by its key;
what cannot be read is kept as it was, with the reason, and stops nobody. What cannot be stored now (a full disk, a
database that is away) waits here, unacknowledged, while others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from procession.bridges.connection import Connection, Lost
from procession.bridges.frames import Frame, write
from procession.bridges.line import Line
from procession.bridges.reaching import LOOK
from procession.commands import events, keys, refusals
from procession.commands.asked import Asked
from procession.errors import Invalid, ProcessionError, StoreBusy, StoreError
from procession.flow.budget import refuse_if_full
from procession.model.bridge import BridgePlan, Cancel, read_message
from procession.model.event import NewEvent
from procession.project import Project
from procession.store import bridges

log = logging.getLogger("procession")

MOST = 512
"""Messages of one commit."""
GATHER = 0.005
"""Seconds for which a batch waits for more, once something has come."""
AGAIN = 1.0
"""Seconds after which what could not be stored is tried again."""
SAID_EVERY = 60.0
"""Seconds after which it is said again why something cannot be stored."""
OF_DATA = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RecursionError)
"""Mistakes that a message meets again however often it comes; whatever else happens may pass."""


@dataclass(slots=True)
class Message:
    """One message that is not acknowledged yet."""

    ack: str
    frame: Frame
    asks: NewEvent | Cancel | None = None
    problem: str = ""
    """Why it cannot be taken; empty: it can."""


class Receiver(Line):
    """What comes in over one bridge."""

    way = "in"

    def __init__(self, project: Project, plan: BridgePlan) -> None:
        super().__init__(project, plan)
        self._said = "", 0.0
        """What was said last of why something cannot be stored, and when."""

    def serve(self, connection: Connection) -> None:
        """Take messages in until it is enough."""
        for number, destination in enumerate(self.plan.subscribe):
            connection.send("SUBSCRIBE", _subscription(number, destination, self.plan.prefetch))
        later: list[Message] = []
        again_at = 0.0
        while not self.enough.is_set():
            batch = [self._read(frame) for frame in _gather(connection)]
            if later and time.monotonic() >= again_at:
                batch, later = [*later, *batch], []
            if batch:
                done = self.store(batch)
                connection.send_all([write("ACK", {"id": each.ack}) for each in done])
                if len(done) < len(batch):
                    acked = {each.ack for each in done}
                    later += [each for each in batch if each.ack not in acked]
                    again_at = time.monotonic() + AGAIN
            self.look()

    def let_go(self) -> None:
        """The broker gives what was not acknowledged to somebody else."""

    def _read(self, frame: Frame) -> Message:
        """What a message asks for, or why nothing can be made of it."""
        if (ack := frame.headers.get("ack")) is None:
            raise Lost(f"a {frame.command} came that cannot be acknowledged")
        found = Message(ack, frame)
        try:
            if frame.problem:
                raise Invalid(frame.problem)
            if frame.size > self.plan.max_size:
                raise Invalid(f"it is {frame.size} bytes long; the longest that is read is {self.plan.max_size}")
            found.asks = read_message(self.plan, frame.body, self.project.clock.now())
        except Invalid as error:
            found.problem = str(error)
        except Exception as error:  # whatever it is made of, it is no reason to stop
            log.exception("bridge %s: a message is refused", self.plan.name)
            found.problem = f"it could not be read: {type(error).__name__}"
        return found

    def store(self, batch: Sequence[Message]) -> list[Message]:
        """Store what these ask for; return those that may be acknowledged."""
        done = [each for each in batch if each.asks is None and self._refuse(each)]
        fit = [each for each in batch if each.asks is not None]
        try:
            self._commit(fit)
        except StoreBusy as error:
            self._cannot(error)
            return done
        except Exception as error:
            log.debug("bridge %s: %d messages are stored one by one: %s", self.plan.name, len(fit), error)
        else:
            return [*done, *fit]
        return done + self._one_by_one(fit)

    def _one_by_one(self, fit: Sequence[Message]) -> list[Message]:
        """Store each alone, so that one harms no other; where the database fails twice in a row it is the database."""
        done, in_vain = [], 0
        for each in fit:
            try:
                self._commit([each])
            except (Invalid, *OF_DATA) as error:
                if not isinstance(error, Invalid):
                    log.exception("bridge %s: a message is refused", self.plan.name)
                each.problem = str(error) if isinstance(error, Invalid) else f"not stored: {type(error).__name__}"
                if not self._refuse(each):
                    continue
            except ProcessionError as error:
                self._cannot(error)
                in_vain = in_vain + 1 if isinstance(error, StoreError) else 0
                if in_vain == 2:
                    break
                continue
            in_vain = 0
            done.append(each)
        return done

    def _cannot(self, error: ProcessionError) -> None:
        """Say so now and then: it may be the same for hundreds of messages each second."""
        now, (said, at) = time.monotonic(), self._said
        if str(error) != said or now - at > SAID_EVERY:
            self._said = str(error), now
            log.warning("bridge %s: not stored, and not acknowledged, yet: %s", self.plan.name, error)

    def _refuse(self, message: Message) -> bool:
        """Keep what cannot be taken, with the reason."""
        name = self.plan.event
        try:
            refusals.note(self.project, self.plan.source, message.frame.body, message.problem, name, message.frame.size)
            with self.project.store.begin() as tx:
                bridges.count(tx, self.plan.name, self.project.now(), refused=1)
        except StoreError as error:
            self._cannot(error)
            return False
        return True

    def _commit(self, batch: Sequence[Message]) -> None:
        """Store all of these in one transaction, in their order."""
        if not batch:
            return
        project = self.project
        if any(isinstance(each.asks, NewEvent) for each in batch):
            refuse_if_full(project)
        with project.store.begin() as tx:
            cancels = repeats = taken = 0
            run: list[NewEvent] = []
            for each in [*batch, None]:
                if each is not None and isinstance(each.asks, NewEvent):
                    run.append(each.asks)
                    continue
                answers = events.submit_all(project, tx, run) if run else []
                known = sum(answer.duplicate for answer in answers)
                repeats, taken = repeats + known, taken + len(answers) - known
                run = []
                if each is not None and isinstance(each.asks, Cancel):
                    keys.cancel_in(project, tx, each.asks.event, each.asks.key, Asked(self.plan.source))
                    cancels += 1
            bridges.count(tx, self.plan.name, project.now(), taken=taken, repeats=repeats, cancels=cancels)


def _gather(connection: Connection) -> list[Frame]:
    """The messages that have come: none for a while, or all that come together."""
    first = connection.receive(LOOK)
    found = [] if first is None else [first]
    until = time.monotonic() + GATHER
    while found and len(found) < MOST:
        more = connection.receive(until - time.monotonic())
        if more is None:
            break
        found.append(more)
    return [frame for frame in found if frame.command == "MESSAGE"]


def _subscription(number: int, destination: str, prefetch: int) -> dict[str, str]:
    """Each broker passes over the header of the other."""
    return {
        "id": str(number),
        "destination": destination,
        "ack": "client-individual",
        "activemq.prefetchSize": str(prefetch),
        "prefetch-count": str(prefetch),
    }
