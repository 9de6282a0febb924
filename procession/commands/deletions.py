"""Delete: an ended processing, its steps, attempts, outputs and directory are gone; its event and its journal stay.

In: an ended processing. Out: no rows of it but in the journal; its directory out of the way in the same moment, removed
after the commit. With `again` the same event gets a new processing at once.
Always: an event whose processing was deleted stays known, so a repeat does not bring it back; but an instance's goes
with it, and its key is free. If an older version is
left, it is the newest again.
"""

from __future__ import annotations

import logging

from procession.commands.asked import Asked, Done
from procession.commands.processings import look, standing_of, uncount
from procession.commands.restarts import Anew, bear_again
from procession.errors import Invalid, NotFound, Refused
from procession.flow.cleaning import entered
from procession.model.processing import Processing
from procession.model.runs import read_runs
from procession.model.states import PROCESSING
from procession.model.task import CALL
from procession.project import Project
from procession.store import disk, moves, processings, tallies, variable_sets, wishes
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.tallies import Count
from procession.trash import Trash

log = logging.getLogger("procession")

MOST_CHILDREN = 100_000
"""One transaction deletes no more."""


def delete_one(
    project: Project, tx: Tx, processing_id: int, who: Asked, *, children: bool = False, again: bool = False,
    versions: str | None = None,
) -> Done:  # fmt: skip
    """Delete one; with its children (and theirs), or so that its event gets a new processing at once; or these versions
    of it: ``all``, or their numbers, ``1,3-4``."""
    if versions is not None:
        if children or again:
            raise Invalid(
                "versions are deleted without their children, and nothing is processed again; leave these options out"
            )
        return _delete_versions(project, tx, processing_id, who, versions)
    processing = _deletable(project, tx, processing_id)
    below = _descendants(project, tx, processing) if children else []
    if again and processing.replaced_by is not None:
        raise Refused(f"processing {processing_id} has a newer version, processing {processing.replaced_by}")
    for each in reversed(below):
        _remove(project, tx, each.id, who)
    new_id = 0
    if again:
        new_id = bear_again(project, tx, processing, standing_of(tx, processing_id), who, Anew(fresh=True))
        uncount(tx, processing, project.now())
        wishes.replace(tx, processing_id, new_id)
    _remove(project, tx, processing_id, who)
    said = f"processing {processing_id} is deleted" + (
        f" with {len(below)} processings that came of it" if below else ""
    )
    if again:
        return Done(new_id, f"{said}; its event is processed again as processing {new_id}")
    return Done(processing_id, said)


def _delete_versions(project: Project, tx: Tx, processing_id: int, who: Asked, versions: str) -> Done:
    """All of these or none, the newest first, since a version may run the scripts of an older one."""
    named = look(tx, processing_id)
    ids = variable_sets.versions_of(tx, named.event_id, named.task)
    there = {each.version: each.id for each in processings.find_all(tx, ids)}
    wanted = sorted(there) if versions == "all" else read_runs(versions, MOST_CHILDREN, "version")
    if missing := [n for n in wanted if n not in there]:
        shown = ", ".join(map(str, sorted(there)))
        raise NotFound(f"processing {processing_id} has no version {missing[0]}; it has: {shown}")
    for version in reversed(wanted):
        _deletable(project, tx, there[version])
        _remove(project, tx, there[version], who)
    said = ", ".join(f"version {version} (processing {there[version]})" for version in wanted)
    return Done(processing_id, f"deleted: {said}")


def _deletable(project: Project, tx: Tx, processing_id: int) -> Processing:
    standing_of(tx, processing_id)
    processing = look(tx, processing_id)
    check_delete(project, tx, processing)
    return processing


def check_delete(project: Project, tx: Tx, processing: Processing) -> None:
    """Refused where it cannot be deleted; only looks."""
    processing_id = processing.id
    if processing.state not in PROCESSING.terminal:
        raise Refused(f"processing {processing_id} cannot be deleted: it is {processing.state}; cancel it first")
    if processing.pinned_at is not None:
        raise Refused(f"processing {processing_id} cannot be deleted: it is pinned; unpin it first")
    if entered(project.var, processing_id):
        raise Refused(f"somebody is in the directory of processing {processing_id}, in procession shell")
    if (user := wishes.runs_code_of(tx, processing)) is not None:
        raise Refused(
            f"processing {processing_id} cannot be deleted: processing {user} runs its scripts as they were kept; "
            "delete that one first"
        )


def _descendants(project: Project, tx: Tx, top: Processing) -> list[Processing]:
    """All that came of it, each before what came of it in turn; Refused where one of them cannot be deleted."""
    found: dict[int, Processing] = {}
    upcoming = [top]
    while upcoming:
        for child_id in wishes.born_of(tx, upcoming.pop(0).root):
            if child_id not in found and child_id != top.id:
                found[child_id] = _deletable(project, tx, child_id)
                upcoming.append(found[child_id])
        if len(found) > MOST_CHILDREN:
            raise Refused(f"more than {MOST_CHILDREN} processings came of {top.id}; delete these first, by a query")
    return list(found.values())


def _remove(project: Project, tx: Tx, processing_id: int, who: Asked) -> None:
    """Take the rows away, keep the books, and have the directory removed after the commit."""
    now, processing = project.now(), look(tx, processing_id)
    older = wishes.remove(tx, processing)
    if processing.replaced_by is None:  # an older version was counted off when it was replaced
        uncount(tx, processing, now)
        if older is None:
            tallies.clear(tx, [Count("task", processing.task, "deleted")])
        else:
            uncount(tx, look(tx, older), now, -1)
    if processing.event.startswith(CALL):  # an instance goes with its event, and its key is free again
        gone = disk.forget_events(tx, [processing.event_id])
        tallies.clear(tx, [Count("event", name, "removed", n) for name, n in gone.items()])
    moves.note(tx, "processing", "delete", [Moving(processing.id, now, why=who.reason)], who.by)
    tx.after(lambda: _discard(project, processing.id))


def _discard(project: Project, processing_id: int) -> None:
    """Its directory goes; what of it stays in the trash goes when the sweeper looks."""
    try:
        trash = Trash(project.var.root)
        trash.take_all(processing_id)
        trash.empty()
    except OSError as error:
        log.error("%s cannot be removed (%s); remove it by hand", project.var.work(processing_id), error.strerror)
