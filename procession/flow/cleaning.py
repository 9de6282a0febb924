"""Cleaning: one look at everything that takes the disk, and what follows from it.

In: the rules and the moment. Out: ended processings measured, running ones sampled; working files, logs and rows that
have outlived their retention gone; and as much again as the budget asks for.
Always: what goes is decided under the lock of its row, by its state at that moment: ended, not pinned, nobody in. The
files are moved into the trash before the row says so, in one transaction; who retries at the same moment is either
first, and the files stay, or is told that they are gone.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property

from procession import disk
from procession.clock import micros, moment
from procession.definitions import Definitions
from procession.errors import StoreError
from procession.flow.budget import Standing, budget_of, limited, standing
from procession.flow.conclude import BY
from procession.flow.removing import retire
from procession.flow.strays import follow
from procession.model.retention import Kept, expired, logs_expired, rows_expired, to_free
from procession.model.states import PROCESSING
from procession.store import (
    audit,
    bridges,
    causes,
    messages,
    moves,
    places,
    settings,
    slots,
    tallies,
    tombstones,
)
from procession.store import disk as store
from procession.store.database import Store, Tx
from procession.store.moves import Moving
from procession.store.tallies import Count
from procession.sweeper import Sweeper
from procession.trash import Trash
from procession.units import size
from procession.workdir import ENTERED, Var, is_held

log = logging.getLogger("procession")

LOOK = 256
"""So many of each task and state are looked at in one go; the next look takes the next ones."""
BATCH = 16
"""So many are moved away in one transaction, so that it stays short."""
STRAYS = 600_000_000
"""Microseconds between two looks for directories whose processings are elsewhere."""
Take = Callable[[int, int], None]
"""Moves files of a processing that ended then into the trash."""
AGE = "it has outlived [work] keep"


@dataclass(frozen=True)
class Cleaner:
    """One look. Used by one thread; others may look at the same time, the locks of the rows keep them apart."""

    database: Store
    var: Var
    said: Definitions
    sweeper: Sweeper
    now: int
    """The present moment in microseconds."""

    @cached_property
    def place(self) -> str:
        """Only what has its directory here, or none, is looked at."""
        return self.var.place_id()

    def look(self, *, aged: bool, wanted: int = 0) -> bool:
        """Measure, clean by age (if `aged`) and by the budget; `wanted` bytes are to be free for what waits.

        Returns whether anything became known or free.
        """
        trash = Trash(self.var.root)
        if not self.sweeper.begun:
            self._take_up(trash)
        trash.empty()
        found = self._measure()
        if limited(self.standing().budget):
            self._sample()
        if aged:
            found = self._age(trash) or found
        return self._free(trash, wanted) or found

    def standing(self) -> Standing:
        """How the budget stands now."""
        space = disk.space(self.var.root / "work")
        with self.database.read() as tx:
            return standing(tx, space, budget_of(self.said, settings.all_of(tx), space), self.place, self.sweeper.used)

    # ── measuring ──────────

    def _measure(self) -> bool:
        """Measure what has ended since the last look."""
        found = False
        while True:
            with self.database.read() as tx:
                ended = store.unmeasured(tx, LOOK, self.place)
            self._write([(pid, at, disk.measure(self.var.work(pid))) for pid, at in ended])
            found = found or bool(ended)
            if len(ended) < LOOK:
                return found

    def _sample(self) -> None:
        """Measure what runs: what it has written is not expected any more."""
        with self.database.read() as tx:
            running = store.running(tx, self.place)
        here = [(each, self.var.work(each.id)) for each in running]
        measured = [(each, disk.measure(path)) for each, path in here if path.exists()]
        self._write([(each.id, 0, count) for each, count in measured if count != (each.bytes or 0)])

    def _write(self, sizes: Sequence[tuple[int, int, int]]) -> None:
        if sizes:
            with self.database.begin() as tx:
                places.settle(tx, [pid for pid, at, _ in sizes if at and self.var.work(pid).exists()], self.place)
                store.set_bytes(tx, [{"id": pid, "finished_at": at, "bytes": count} for pid, at, count in sizes])
            self.sweeper.measured(sum(count for _, at, count in sizes if at))

    # ── by age ─────────

    def _age(self, trash: Trash) -> bool:
        found = retire(self.database, self.var, self.sweeper, self.now, BY)
        for choose, act in (
            (aged_files, self._clean_by_age),
            (aged_logs, self._clean_logs),
            (aged_rows, self._forget),
        ):
            while True:
                with self.database.read() as tx:
                    going = self._movable(choose(tx, self.said, self.place, self.now))
                if not going or not act(trash, going):
                    break
                found = True
        self._forget_what_is_over()
        return self._follow_strays() or found

    def _follow_strays(self) -> bool:
        """Where processings go from place to place, they leave directories behind."""
        if not self.database.shared or self.now < self.sweeper.strays_at:
            return False
        self.sweeper.strays_at = self.now + STRAYS
        return follow(self.database, self.var, self.sweeper)

    def _forget_what_is_over(self) -> None:
        """Messages that ended, what no broker took, sets that are closed and lines of the audit go like rows of
        processings; cancels of what never came when their time is over."""
        more = True
        while more:
            with self.database.begin() as tx:
                more = tombstones.sweep(tx, self.now)
        if self.said.keep.rows is not None and self.said.keep.rows > 0:
            before = self.now - int(self.said.keep.rows * 1e6)
            with self.database.begin() as tx:
                messages.remove_ended(tx, before)
                causes.remove_old(tx, before)
                bridges.remove_given_up(tx, before)
                slots.remove_done(tx, before)
            more = True
            while more:
                with self.database.begin() as tx:
                    more = audit.remove_old(tx, before)

    def _clean_by_age(self, trash: Trash, going: Sequence[Kept]) -> int:
        return self._clean(trash, going, AGE)

    def _clean_logs(self, trash: Trash, going: Sequence[Kept]) -> int:
        """Nothing of their directories stays."""

        def act(tx: Tx, locked: Sequence[store.Locked]) -> None:
            ids = [each.kept.id for each in locked]
            store.set_without_logs(tx, ids)
            reason = "logs and artifacts removed: they have outlived [work] keep.logs"
            moves.note(tx, "processing", "clean", [Moving(pid, self.now, reason=reason) for pid in ids], BY)

        return self._remove(trash, going, trash.take_all, act, cleaned=True)

    def _forget(self, trash: Trash, going: Sequence[Kept]) -> int:
        """The database forgets them; the books count them as deleted. Of a restarted one the newest version counts."""

        def act(tx: Tx, locked: Sequence[store.Locked]) -> None:
            gone = store.forget(tx, locked)
            counted = [each.kept for each in locked if not each.replaced]
            counts = [Count("task", kept.task, str(kept.state), -1) for kept in counted]
            counts += [Count("task", kept.task, "deleted") for kept in counted]
            tallies.clear(tx, [*counts, *(Count("event", name, "removed", n) for name, n in gone.items())])
            for task, n in Counter(each.kept.task for each in locked).items():
                store.note_forgotten(tx, task, n, self.now, BY)

        return self._remove(trash, going, trash.take_all, act, cleaned=True)

    # ── by the budget ──────

    def _free(self, trash: Trash, wanted: int) -> bool:
        """Delete the least valuable until the budget holds and what waits has room."""
        freed = False
        while True:
            now = self.standing()
            lacking = (wanted if limited(now.budget) else 0) - now.room
            if now.most <= 0:
                return freed  # no deletion could ever meet such a rule: `flow/warn.py` tells of it
            if lacking <= 0 or not (limited(now.budget) or now.space.free < now.budget.reserve):
                return freed
            with self.database.read() as tx:
                going = self._movable(first_to_go(tx, self.said, self.var, lacking))
            if not going or not self._clean(trash, going, f"{size(lacking)} were wanted within the budget of the disk"):
                return freed
            freed = True

    def _clean(self, trash: Trash, going: Sequence[Kept], why: str) -> int:
        """Their working files go, their logs stay."""

        def act(tx: Tx, locked: Sequence[store.Locked]) -> None:
            store.set_cleaned(tx, [each.kept.id for each in locked], self.now)
            noted = [
                Moving(each.kept.id, self.now, reason=f"working files removed ({size(each.kept.bytes)}): {why}")
                for each in locked
            ]
            moves.note(tx, "processing", "clean", noted, BY)

        return self._remove(trash, going, trash.take_files, act, cleaned=False)

    # ── removing ───────────

    def _remove(
        self,
        trash: Trash,
        going: Sequence[Kept],
        take: Take,
        act: Callable[[Tx, Sequence[store.Locked]], None],
        *,
        cleaned: bool,
    ) -> int:
        """Move the directories into the trash and say so, a few at a time; then empty it. Returns how many it were."""
        done = 0
        for start in range(0, len(going), BATCH):
            ids = [kept.id for kept in going[start : start + BATCH]]
            try:
                done += self._remove_batch(trash, ids, take, act, cleaned=cleaned)
            except StoreError:  # a full disk, perhaps: what lies in the trash goes first, then it is said again
                trash.empty()
                done += self._remove_batch(trash, ids, take, act, cleaned=cleaned)
            trash.empty()
        return done

    def _remove_batch(
        self,
        trash: Trash,
        ids: Sequence[int],
        take: Take,
        act: Callable[[Tx, Sequence[store.Locked]], None],
        *,
        cleaned: bool,
    ) -> int:
        with ExitStack() as closed:
            free = [pid for pid in ids if closed.enter_context(trash.closed(pid, ENTERED))]
            with self.database.begin() as tx:
                locked = [each for each in store.lock(tx, free) if self._may_go(each, cleaned=cleaned)]
                taken = [each for each in locked if self._taken(take, each.kept)]
                act(tx, taken)
        if not cleaned:  # after the commit: what the budget looks at next is without them
            self.sweeper.measured(-sum(each.kept.bytes for each in taken))
        return len(taken)

    def _may_go(self, each: store.Locked, *, cleaned: bool) -> bool:
        return each.place in (None, self.place) and may_go(each.kept, cleaned=cleaned)

    def _taken(self, take: Take, kept: Kept) -> bool:
        try:
            take(kept.id, _ended_at(kept))
        except OSError as error:
            log.error(
                "%s cannot be cleaned (%s) and is left alone; remove it by hand",
                self.var.work(kept.id),
                error.strerror or errno.errorcode.get(error.errno or 0, "unknown"),
            )
            self.sweeper.stuck.add(kept.id)
            return False
        return True

    def _movable(self, going: Sequence[Kept]) -> list[Kept]:
        """Those that did not stick, and that nobody is in."""
        return [k for k in going if k.id not in self.sweeper.stuck and not entered(self.var, k.id)]

    def _take_up(self, trash: Trash) -> None:
        """What was moved into the trash before somebody was killed, and the rows do not say so: they do now."""
        left = trash.left()
        with self.database.read() as tx:
            found = store.standings(tx, [pid for pid, _ in left]) if left else []
        self._clean(
            trash,
            [each for each in found if not each.cleaned and (each.id, _ended_at(each)) in left],
            "the launcher was killed while it cleaned",
        )
        self.sweeper.begun = True


# ── what may go ────────────────────────────────────────────────────────────────────────────────────


def may_go(kept: Kept, *, cleaned: bool) -> bool:
    """Has it ended, is it not pinned, and are its working files there (`cleaned`: gone)?"""
    return kept.state in PROCESSING.terminal and not kept.pinned and kept.cleaned is cleaned


def entered(var: Var, processing_id: int) -> bool:
    """Is somebody in its directory?"""
    try:
        return is_held(var.work(processing_id) / ENTERED)
    except OSError:  # a script has put something else there
        return False


def aged_files(tx: Tx, said: Definitions, place: str, now: int, each: int = LOOK) -> list[Kept]:
    """Those whose working files have outlived their retention, oldest first; so many of each task and state."""
    rows = store.with_files(tx, each, said.keep.failed_at_least, place)
    return _chosen(rows, expired(rows, said.keep, moment(now)))


def aged_logs(tx: Tx, said: Definitions, place: str, now: int, most: int = LOOK) -> list[Kept]:
    """Those whose logs and artifacts have."""
    rows = store.cleaned(tx, most, said.keep.failed_at_least, place, with_logs=True)
    return _chosen(rows, logs_expired(rows, said.keep, moment(now)))


def aged_rows(tx: Tx, said: Definitions, place: str, now: int, most: int = LOOK) -> list[Kept]:
    """Those that the database may forget."""
    rows = store.cleaned(tx, most, said.keep.failed_at_least, place, with_logs=False)
    return _chosen(rows, rows_expired(rows, said.keep, moment(now)))


def first_to_go(tx: Tx, said: Definitions, var: Var, lacking: int, each: int = LOOK) -> list[Kept]:
    """Those that go to make so many bytes free, the least valuable first; so many of each task and state."""
    rows = store.with_files(tx, each, said.keep.failed_at_least, var.place_id(), least=0)
    rows = [row for row in rows if not entered(var, row.id)] if lacking > 0 else []
    return _chosen(rows, to_free(rows, said.keep, lacking))


def _ended_at(kept: Kept) -> int:
    return micros(kept.finished_at) if kept.finished_at is not None else 0


def _chosen(rows: Sequence[Kept], ids: Sequence[int]) -> list[Kept]:
    known = {row.id: row for row in rows}
    return [known[pid] for pid in ids]
