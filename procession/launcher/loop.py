"""The table of contents: what the system does by itself, in this order, turn after turn.

A newcomer reads this first. A turn is one transaction: what has ended is settled, what became ready by that is claimed,
and only after the commit it is sent. The loop sleeps until the first chapter wants to be called again or until it is
woken: by an end, by somebody who changed the database, by a signal. Waking is immediate; time is only the safety net.
"""

from __future__ import annotations

import logging
import selectors
import signal
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from procession.errors import ProcessionError, StoreError
from procession.flow.batches import batches
from procession.flow.count import count
from procession.flow.deliver import deliver
from procession.flow.discover import discover
from procession.flow.dispatch import dispatch, dispatch_apart
from procession.flow.expect import expect
from procession.flow.gather import gather
from procession.flow.hear import hear
from procession.flow.hosts import hosts
from procession.flow.intake import intake
from procession.flow.lapse import lapse
from procession.flow.mended import mended
from procession.flow.rescue import rescue
from procession.flow.returning import settle_apart
from procession.flow.settle import settle
from procession.flow.stop import stop
from procession.flow.sweep import sweep
from procession.flow.tell import tell
from procession.flow.warn import warn
from procession.launcher import closing
from procession.launcher.journal_log import JournalLog
from procession.launcher.presence import say_capacity
from procession.post import TURN, Post
from procession.project import Project
from procession.store.database import Tx

log = logging.getLogger("procession")

Chapter = Callable[[Project, Tx], datetime | None]
CHAPTERS: tuple[Chapter, ...] = (
    intake,
    discover,
    count,
    batches,
    rescue,
    hosts,
    lapse,
    stop,
    settle,
    gather,
    hear,
    dispatch,
    expect,
    warn,
    mended,
    tell,
    deliver,
    sweep,
)

NET = {"sqlite": 5.0, "postgresql": 1.0}
"""Seconds: however quiet it is, every chapter is called so often. Polling is the net under every wake-up; it is closer
where others than the processes of this host write."""
AFTER_TROUBLE = timedelta(seconds=1)
GATHER = 0.004
"""Seconds between two looks while ends gather: to be woken by each end would cost more than the end itself."""
REST, MOST_REST = 3, 0.05
"""Between a turn and the next for which somebody asks pass so many times what it took, and at most so many seconds:
where events come by the thousand each second, those who bring them have the database for the greater part of it."""
CROWDED_REST, MOST_CROWDED_REST = 6, 0.1
"""The same while more events come than are stored one by one; what has ended waits too."""
FILES_EVERY = 2.0
"""Seconds at least between two looks at the definition files; a look comes with a turn."""


class Loop:
    """Turns the chapters until it is told to leave. One thread, one selector."""

    def __init__(self, project: Project, journal: JournalLog | None = None) -> None:
        self.project = project
        self.post: Post = project.serving
        self.journal = journal
        self.leaving = False
        self.finished: Callable[[], bool] = lambda: False
        """Asked after every turn; True ends the loop (a foreground run that is done)."""
        self.every: float | None = None
        """Seconds after which it is asked again even if nothing happens."""
        self._due: dict[Chapter, float] = dict.fromkeys(CHAPTERS, project.clock.monotonic())
        """When each chapter is called next, in seconds that no change of the wall clock moves."""
        self._net = NET[project.store.engine.dialect.name]
        self._files_at = project.clock.monotonic() + FILES_EVERY
        self.rests_until = 0.0
        """Until then those who only say that something changed wait; what ended does so only where events crowd in."""
        self._selector = selectors.DefaultSelector()
        self._ear, self._voice = socket.socketpair()
        self._watched: set[int] = set()

    def run(self) -> None:
        """Turn until told to leave; scripts that run then go on."""
        self._voice.setblocking(False)
        self._ear.setblocking(False)
        main = threading.current_thread() is threading.main_thread()
        before = signal.set_wakeup_fd(self._voice.fileno(), warn_on_full_buffer=False) if main else -1
        self._selector.register(self._ear, selectors.EVENT_READ)
        try:
            while not self.leaving:
                self._turn()
                if self.finished() or closing.is_done(self.project):
                    break
                self._sleep()
        finally:
            if main:
                signal.set_wakeup_fd(before)
            self._selector.close()
            self._ear.close()
            self._voice.close()
            self._tell()

    def wake(self) -> None:
        """Somebody changed the database: look for wishes and for what may start."""
        at = max(self.project.clock.monotonic(), self.rests_until)
        for chapter in (batches, lapse, stop, gather, hear, dispatch, mended, deliver, sweep):
            self._due[chapter] = min(self._due[chapter], at)

    def leave(self) -> None:
        """Leave after this turn; may be called from a signal handler."""
        self.leaving = True

    # ── one turn ───────────────────────────────────────────────────────────────────────────────────

    def _turn(self) -> None:
        """Call every chapter that is due, in one transaction; if that fails, each in its own. While events crowd in,
        nothing is done before the rest is over."""
        if self._crowded() and self.project.clock.monotonic() < self.rests_until:
            return
        self._look_at_files()
        now, wall = self.project.clock.monotonic(), self.project.clock.now()
        due = [c for c in CHAPTERS if self._is_due(c, now)]
        if not due:
            return
        try:
            with self.project.store.begin() as tx:
                tx.claim_alone()  # before any row: a chapter may need it after another has ended attempts
                moments = {c: c(self.project, tx) for c in CHAPTERS if c in due or self._has_become_due(c, tx)}
            wrote = tx.wrote
        except Exception as error:
            log.warning("a turn failed and is taken apart: %s", _one_line(error))
            moments, wrote = self._one_by_one(due), True
        took = self.project.clock.monotonic() - now
        rest, most = (CROWDED_REST, MOST_CROWDED_REST) if self._crowded() else (REST, MOST_REST)
        self.rests_until = now + took + min(rest * took, most)
        for chapter, moment in moments.items():
            seconds = self._net if moment is None else (moment - wall).total_seconds()
            self._due[chapter] = now + min(max(seconds, 0.0), self._net)
        while self.post.words:
            self._obey(self.post.words.pop(0))
        if self.journal and wrote and self.journal.expect():
            self._tell()

    def _is_due(self, chapter: Chapter, now: float) -> bool:
        if chapter is settle:
            return self._has_ended()
        if chapter is rescue and self.post.look:
            return True
        if (chapter is discover and self.post.looks.ended) or (chapter is tell and self.post.errands.ended):
            return True
        if chapter is deliver and self.post.courier.ended:
            return True
        return self._due[chapter] <= now or (chapter is dispatch and self._has_ended())

    def _crowded(self) -> bool:
        return self.post.crowded()

    def _has_ended(self) -> bool:
        """Is there something to settle?"""
        return bool(self.post.ended) or (self.post.calls is not None and self.post.calls.ended)

    def _has_become_due(self, chapter: Chapter, tx: Tx) -> bool:
        """What the chapters before have found or written in this very turn is taken up at once."""
        return (chapter is settle and self._has_ended()) or (
            (chapter in (gather, hear, dispatch, mended, tell) and tx.wrote)
            or (chapter is sweep and self.post.sweeper.wanted > 0)
        )

    def _one_by_one(self, due: list[Chapter]) -> dict[Chapter, datetime | None]:
        """The careful way: one bad chapter never stops the others, one bad ending never stops the batch."""
        moments: dict[Chapter, datetime | None] = {}
        for chapter in due:
            if chapter is settle:
                moments[chapter] = self._settle_each()
            elif chapter is dispatch:
                moments[chapter] = self._dispatch_each()
            else:
                moments[chapter] = self._guarded(chapter)
        return moments

    def _guarded(self, chapter: Chapter) -> datetime | None:
        try:
            with self.project.store.begin() as tx:
                return chapter(self.project, tx)
        except StoreError as error:
            log.error("%s: %s", chapter.__name__, error)
        except Exception:
            log.exception("%s failed; it is called again", chapter.__name__)
        return self.project.clock.now() + AFTER_TROUBLE

    def _settle_each(self) -> datetime | None:
        ended = list(self.post.ended)
        self.post.ended.clear()
        again: datetime | None = None
        settle_apart(self.project)
        for key in ended:
            self.post.ended[key] = None
            again = self._guarded(settle) or again
            self.post.ended.pop(key, None)  # what could not be settled is found again by the next rescue
        return again

    def _dispatch_each(self) -> datetime | None:
        try:
            return dispatch_apart(self.project)
        except ProcessionError as error:
            log.error("dispatch: %s", error)
        except Exception:
            log.exception("dispatch failed; it is called again")
        return self.project.clock.now() + AFTER_TROUBLE

    def _look_at_files(self) -> None:
        if self.post.kind != "up" or self.project.clock.monotonic() < self._files_at:
            return
        self._files_at = self.project.clock.monotonic() + FILES_EVERY
        try:
            before = self.project.file_problem
            if self.project.refresh(lenient=True):
                say_capacity(self.project, self.project.settings)
                log.info("the definition files changed and are in force")
                self._due[intake] = self._due[dispatch] = self.project.clock.monotonic()
            elif self.project.file_problem and self.project.file_problem != before:
                log.error("the definition files are wrong, the older ones stay in force: %s", self.project.file_problem)
        except ProcessionError as error:
            log.error("the definition files could not be read: %s", error)

    # ── between turns ──────────────────────────────────────────────────────────────────────────────

    def _sleep(self) -> None:
        """Wait for the first of: an end, a word, a signal, the next moment.

        While the shims have enough to do, ends and words gather for a moment: one turn for many costs little more than
        a turn for one. The journal is told to the log when it is quiet, or when it has waited long enough.
        """
        clock = self.project.clock
        until = min(self._due[c] for c in CHAPTERS if c is not settle)
        if self._has_ended():
            until = clock.monotonic()
        if self._crowded():
            until = max(until, self.rests_until)
        seconds = max(0.0, until - clock.monotonic())
        if self.every is not None:
            seconds = min(seconds, self.every)
        if self.post.calls is not None and (patience := self.post.calls.patience()) is not None:
            seconds = min(seconds, patience)
        if self.journal:
            seconds = self.journal.patience(seconds)
        if self._listen(seconds):
            gathered = clock.monotonic() + TURN
            while self.post.fed and not self.leaving and clock.monotonic() < gathered:
                clock.sleep(GATHER)
                self._listen(0)
        else:
            self._tell()

    def _tell(self) -> None:
        """Let the log catch up with the journal; a database that is away is waited for."""
        if self.journal:
            try:
                self.journal.write()
            except StoreError as error:
                log.error("the journal cannot be read: %s", error)

    def _listen(self, seconds: float) -> bool:
        """Take in what has come within so many seconds; False if nothing has."""
        self._watch()
        ready = self._selector.select(seconds)
        self._hear_calls()
        if not ready:
            return False
        try:
            while self._ear.recv(4096):
                pass
        except BlockingIOError:
            pass
        try:
            notices = self.post.executor.drain()
        except ProcessionError as error:
            log.error("%s", error)
            return True
        self.post.hear(notices)
        for word in notices.words:
            self._obey(word)
        return True

    def _hear_calls(self) -> None:
        if self.post.calls is None:
            return
        try:
            self.post.calls.drain()
        except Exception:  # whatever a worker may have done, the launcher goes on
            log.exception("what the workers wrote could not be taken in; it is tried again")
            self.project.clock.sleep(AFTER_TROUBLE.total_seconds())

    def _obey(self, word: str) -> None:
        if word == "stop":
            self.leave()
        elif word in closing.WORDS:
            closing.close(self.project, word)
            self.wake()
        elif word == "files":
            self._files_at = 0.0
        elif word == "sweep":
            self.post.sweeper.asked = True
            self.wake()
        elif word == "wake":
            self.wake()
            if self.journal and self.journal.expect():
                self._tell()

    def _watch(self) -> None:
        """Keep the selector to the executor's descriptors, which change when a forge is replaced."""
        wanted = {*self.post.executor.filenos(), *(self.post.calls.filenos() if self.post.calls else ())}
        if wanted == self._watched:
            return
        for number in self._watched:
            try:
                self._selector.unregister(number)
            except (KeyError, ValueError, OSError):
                continue
        for number in wanted:
            self._selector.register(number, selectors.EVENT_READ)
        self._watched = wanted


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
