"""Steps that wait for children end when all of them have ended.

In: live attempts that nobody claimed: a ``wait`` step holds nothing, no processor, no slot and no process. Out: the
step has succeeded or failed, and what became of each child lies in a file for the steps after it.
Always: only the newest version of each child counts; a child that is tried again or restarted is waited for again, as
long as the step still waits. A step whose file cannot be written holds up no other one.
"""

from __future__ import annotations

import errno
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from procession import contract
from procession.flow.candidates import Definitions
from procession.flow.conclude import Conclusion, conclude
from procession.model.outcome import Ending, Outcome
from procession.model.processing import MET
from procession.model.states import State
from procession.project import Project
from procession.store import bodies, families, processings, scripts
from procession.store.database import Tx

log = logging.getLogger("procession")

NAMED = 5
"""So many children that did not succeed are named in the reason."""
MAX_RESULT = 1 << 20
"""Bytes of a child's result that is handed on; of a larger one its outputs are to tell."""
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""The step waits on until there is room again."""


def gather(project: Project, tx: Tx) -> datetime | None:
    """End the steps whose children have all ended."""
    waiting = families.waiting_for_children(tx)
    if not waiting:
        return None
    definitions = Definitions(tx)
    standing = processings.standings(tx, [pid for pid, _, _ in waiting])
    ended = []
    for pid, ordinal, number in waiting:
        stood = standing[pid]
        if stood.launcher_id != project.serving.owned:
            continue
        if stood.cancel_asked:
            ended.append(Conclusion((pid, ordinal, number), Ending(Outcome.CANCELLED, "cancelled while it waited")))
            continue
        if families.has_children_left(tx, pid):
            continue
        children = families.children(tx, pid)
        plan = definitions[stood.definition_id].step(ordinal)
        ending, outputs = _ending(children, plan.on_error)
        try:
            _leave(project, tx, project.var.children(pid, ordinal, plan.name), [child for child, _ in children])
        except OSError as error:
            if error.errno in NO_SPACE:
                log.error("processing %d waits on: what became of its children cannot be written: %s", pid, error)
                continue
            ending, outputs = _unwritten(error), {}
        ended.append(Conclusion((pid, ordinal, number), ending, contract.Left(outputs)))
    if ended:
        conclude(project, tx, ended)
    return None


def _ending(children: Sequence[tuple[int, State]], on_error: str) -> tuple[Ending, dict[str, int]]:
    """What the step comes to, and its outputs: how many children there were, and how many ended well."""
    bad = [pid for pid, state in children if state not in MET]
    outputs = {"children": len(children), "succeeded": len(children) - len(bad), "failed": len(bad)}
    if bad and on_error == "fail":
        named = ", ".join(str(pid) for pid in bad[:NAMED]) + (", …" if len(bad) > NAMED else "")
        return Ending(Outcome.FAILED, f"{len(bad)} of {len(children)} children did not succeed: {named}", 0), {}
    return Ending(Outcome.SUCCEEDED, "", 0), outputs


def _unwritten(error: OSError) -> Ending:
    return Ending(
        Outcome.FAILED,
        f"what became of its children cannot be written: {error.strerror}: {error.filename}; "
        "move away what is in its place, then retry",
        0,
    )


def _leave(project: Project, tx: Tx, path: Path, ids: Sequence[int]) -> None:
    """Write what became of each child, a line of JSON each, whole or not at all."""
    outputs = scripts.outputs(tx, ids) if ids else {}
    results = bodies.values(tx, ids, MAX_RESULT) if ids else {}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    passing = path.with_name(f".children.{os.getpid()}")
    try:
        with open(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
            for found in processings.find_all(tx, ids) if ids else ():
                line = {
                    "id": found.id, "task": found.task, "event": found.event, "key": found.key,
                    "params": dict(found.params), "outputs": outputs.get(found.id, {}), "reason": found.reason,
                    "directory": str(project.var.files(found.id)), "result": results.get(found.id),
                }  # fmt: skip
                file.write(json.dumps(dict(line, state=str(found.state)), ensure_ascii=False) + "\n")
        passing.replace(path)
    except OSError:
        with suppress(OSError):
            passing.unlink()
        raise
