"""Leaving with care: what runs is waited for (drain), or ended first (kill).

In: the word of whoever stops this launcher. Out: nothing new is claimed; what was claimed and has not started is given
back, uncounted; with ``kill`` every processing of which something runs here is cancelled, within its steps' grace.
Always: the wish lives in this process alone: whoever serves after it, also after a SIGKILL, serves as ever.
"""

from __future__ import annotations

import logging

from procession.commands import processings
from procession.errors import ProcessionError
from procession.launcher.presence import give_back
from procession.project import Project
from procession.store import attempts, launchers

log = logging.getLogger("procession")

WORDS = ("drain", "kill")


def close(project: Project, word: str) -> None:
    """Claim nothing from now on; with ``kill`` end what runs as well. A kill is not taken back by a drain."""
    post = project.serving
    if post.closing == "kill":
        return
    post.closing = word
    log.info("%s: nothing new starts", "killing what runs" if word == "kill" else "draining")
    try:
        give_back(project, leaving=False)
        with project.store.begin() as tx:
            launchers.close(tx, post.launcher_id, word)
        if word == "kill":
            for processing_id in running_here(project):
                processings.cancel(project, processing_id)
    except ProcessionError as error:  # what could not be written now shows at the next turn, or to the next launcher
        log.error("closing: %s", error)


def running_here(project: Project) -> list[int]:
    """Processings of which an attempt lives that is ours to settle."""
    with project.store.read() as tx:
        rows = attempts.live_of(tx, [project.serving.launcher_id])
    return list(dict.fromkeys(row.processing_id for row in rows))


def is_done(project: Project) -> bool:
    """Is this launcher to leave, and nothing of its own runs any more?"""
    post = project.serving
    if not post.closing:
        return False
    try:
        left = running_here(project)
        if left and post.closing == "kill":
            _cancel_again(project, left)
    except ProcessionError:
        return False  # a database that is away or busy is waited for, like the scripts
    return not left


def _cancel_again(project: Project, left: list[int]) -> None:
    """What was adopted or could not be cancelled when the word came is cancelled now."""
    for processing_id in left:
        found = processings.get(project, processing_id)
        if found.cancel_requested_at is None:
            processings.cancel(project, processing_id)
