"""Events that come by the thousand: the verbs `emit` and `hook`, without a thread for each.

*In:* who asks, which of the two verbs, its arguments; in the thread of a loop. *Out:* the verb's answer, after the
commit. *Always:* the same checks as at the one door, and the same line of the audit in the same transaction. What is
not plain (a caller who is limited, a script that emits) and what is refused goes through the door, which looks into the
database and notes why: nothing of it is stored before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from procession.commands.events import Submitted
from procession.errors import StoreError
from procession.model.event import NewEvent
from procession.project import Project
from procession.verbs import events, hooks
from procession.verbs.verb import Caller, check, load
from procession.verbs.witness import Line


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a verb makes of its arguments, and how it answers."""

    event: Callable[..., NewEvent]
    answer: Callable[[Submitted], Any]


ARRIVALS = {"emit": Arrival(events.new_event, events.shown), "hook": Arrival(hooks.new_event, hooks.shown)}
"""By the names of the verbs."""


async def arrive(project: Project, caller: Caller, name: str, arguments: Mapping[str, Any]) -> Any:
    """The answer of the verb; None where it must be asked for at the door (`call`)."""
    if project.gathering is None or caller.groups is not None or caller.attempt is not None:
        return None
    try:
        check(project, caller, load()[name], arguments)
        event = ARRIVALS[name].event(project, caller, **arguments).check()
        done = await project.gathering.arrive(event, Line(project, caller, name, arguments))
    except StoreError:
        raise
    except Exception:
        return None  # the door says why, and notes it
    return ARRIVALS[name].answer(done)
