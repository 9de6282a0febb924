"""Verbs on processings: look at them, say what shall become of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Literal

from procession import present
from procession.commands import bulk, changes, deletions, disk, holds, ordering, processings, reasons, restarts
from procession.commands.bulk import Act
from procession.commands.ordering import Order
from procession.errors import Invalid
from procession.project import Project
from procession.store import families, journal, pages, scripts
from procession.verbs.bounds import identity, up_to
from procession.verbs.verb import Caller, verb

MOST = 500
"""Processings of a page."""


@verb("list", "read", "GET /processings")
def list_(
    project: Project, caller: Caller, query: str = "", limit: int = 20, cursor: int | str | None = None,
    why: bool = True, sort: Order = "id",
) -> Any:  # fmt: skip
    """Processings, newest first. A query says which: task:scene state:failed after:-1d

    `sort`: ``ended``: what ended last is first; ``duration``: what took longest, within a range of time as after:-7d.
    A page may be short, or empty, though there is more: so many rows are looked at for each, and `next` goes on.
    Without `why` it does not say why each is where it is, which costs more than all the rest.
    """
    limit = up_to("limit", limit, MOST)
    asked = bulk.read_text(project, query)
    with project.store.read() as tx:
        found, following = ordering.page(tx, asked, sort, cursor, limit)
        ids = [p.id for p in found]
        outputs, chains = scripts.outputs(tx, ids), pages.steps_of(tx, ids)
        found = [replace(p, steps=chains[p.id], outputs=outputs.get(p.id, {})) for p in found]
        whys = reasons.explain_all(project, tx, found) if why else {}
    items = [present.processing(p, project.var, whys.get(p.id)) for p in found]
    return present.page(items, following)


@verb("show", "read", "GET /processings/{id}")
def show(project: Project, caller: Caller, id: int) -> Any:
    """Everything about one processing: steps, attempts, outputs, and what happened to it."""
    with project.store.read() as tx:
        found = processings.look(tx, identity("id", id))
        return {
            **present.processing(found, project.var, reasons.explain(project, tx, found)),
            "journal": [present.entry(line) for line in journal.of(tx, id)],
            "children": present.children(families.children(tx, id)),
        }


@verb("why", "read", "GET /processings/{id}/why")
def why(project: Project, caller: Caller, id: int) -> Any:
    """Why a processing waits, runs or failed: one sentence, and one code for programs."""
    with project.store.read() as tx:
        found = processings.look(tx, identity("id", id))
        return present.why(found, reasons.explain(project, tx, found))


@verb("changes", "read", "GET /processings/{id}/changes")
def changes_(project: Project, caller: Caller, id: int, step: str | None = None) -> Any:
    """What is different from the last time that this step went well, the most telling first."""
    return present.comparison(changes.changes(project, identity("id", id), step))


def act_on(project: Project, caller: Caller, act: Act, id: int, reason: str | None) -> Any:
    """Do it to this one; the answer is what it is now (of what is gone, that it is done)."""
    who = caller.asked(reason)
    done = project.store.change(lambda tx: act(project, tx, identity("id", id), who))
    with project.store.read() as tx:
        there = processings.there(tx, done.id)
    if there is None:
        return present.answered(bulk.Answer(id, done, None))
    return present.processing(there, project.var)


@verb("retry", "operate", "POST /processings/{id}/retry")
def retry(project: Project, caller: Caller, id: int, step: str | None = None, reason: str | None = None) -> Any:
    """Give the failed step another attempt: same directory, tries counted from 1 again."""
    return act_on(project, caller, partial(_with_step, processings.retry_one, step), id, reason)


def _with_step(act: Any, step: str | None, project: Any, tx: Any, id: int, who: Any) -> Any:
    return act(project, tx, id, who, step)


@verb("restart", "operate", "POST /processings/{id}/restart")
def restart(
    project: Project, caller: Caller, id: int, step: str | None = None, code: Literal["now", "recorded"] = "now",
    priority: int | None = None, fresh: bool = False, reason: str | None = None,
) -> Any:  # fmt: skip
    """Run again what has ended: as a new version in a directory of its own, or from a step on in the same one."""
    if code not in ("now", "recorded"):
        raise Invalid(f"code is now or recorded, not {str(code)[:40]!r}")
    if step is None:
        how = restarts.Anew(code == "recorded", priority, fresh)
        return act_on(project, caller, partial(restarts.restart_anew, how=how), id, reason)
    if code != "now" or priority is not None or fresh:
        raise Invalid("with a step it goes on in the same processing; code, priority and fresh make a new one")
    return act_on(project, caller, partial(_with_step, restarts.restart_from, step), id, reason)


@verb("cancel", "operate", "POST /processings/{id}/cancel")
def cancel(project: Project, caller: Caller, id: int, reason: str | None = None) -> Any:
    """Cancel: no step of it starts any more, what runs of it is ended. The answer is accepted or too_late."""
    return present.cancelled(id, processings.cancel(project, identity("id", id), who=caller.asked(reason)))


@verb("hold", "operate", "POST /processings/{id}/hold")
def hold(project: Project, caller: Caller, id: int, step: str | None = None, reason: str | None = None) -> Any:
    """Start nothing more of it until it is released; it keeps its place. With a step only that one is held."""
    return act_on(project, caller, partial(_with_step, holds.hold_one, step), id, reason)


@verb("release", "operate", "POST /processings/{id}/release")
def release(project: Project, caller: Caller, id: int, step: str | None = None, reason: str | None = None) -> Any:
    """Let what is held go on. With a step only that one is released."""
    return act_on(project, caller, partial(_with_step, holds.release_one, step), id, reason)


@verb("run-now", "operate", "POST /processings/{id}/run-now")
def run_now(project: Project, caller: Caller, id: int, reason: str | None = None) -> Any:
    """Start as soon as there is room, not at a set time; also the next try of a step."""
    return act_on(project, caller, holds.run_one_now, id, reason)


@verb("delete", "operate", "DELETE /processings/{id}")
def delete(
    project: Project, caller: Caller, id: int, children: bool = False, again: bool = False,
    versions: str | None = None, reason: str | None = None,
) -> Any:  # fmt: skip
    """Delete what has ended: its rows and its directory. Its event stays known, its journal stays."""
    act = partial(deletions.delete_one, children=children, again=again, versions=versions)
    return act_on(project, caller, act, id, reason)


@verb("pin", "operate", "POST /processings/{id}/pin")
def pin(project: Project, caller: Caller, id: int) -> Any:
    """Keep the files of this processing: the cleaner never removes them."""
    return _pin(project, caller, id, pinned=True)


@verb("unpin", "operate", "POST /processings/{id}/unpin")
def unpin(project: Project, caller: Caller, id: int) -> Any:
    """Let the cleaner remove the files of this processing again."""
    return _pin(project, caller, id, pinned=False)


def _pin(project: Project, caller: Caller, id: int, *, pinned: bool) -> Any:
    disk.pin(project, [identity("id", id)], pinned=pinned, by=caller.by)
    return present.processing(processings.get(project, id), project.var)
