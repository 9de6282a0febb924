"""One installation, wired: definitions, store, directories, clock; and, in a launcher, the executor it serves with.

In: a directory with a ``procession.toml``. Out: a `Project`, ready for commands; `serve` makes it ready for the flow.
Always: the tasks in the database are those of the files as they are now, or the files are wrong and say so.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from procession import definitions
from procession.clock import Clock, micros
from procession.definitions import Definitions
from procession.errors import ConfigError, NotFound, ProcessionError
from procession.store import installation, launchers, tasks, upgrade
from procession.store.database import Store, Tx
from procession.store.engines import sqlite_url
from procession.store.installation import Installation
from procession.workdir import Var, is_held

if TYPE_CHECKING:
    from procession.commands.gathering import Gathering
    from procession.post import Post

TAKEN_WITHIN = 3.0
"""Seconds that a command waits for the launcher to take in files that changed."""

HEARD_WITHIN = 30_000_000
"""Microseconds; a launcher elsewhere that has not been heard of for longer is taken for gone."""


class Project:
    """One installation. Not shared between threads, except for its store."""

    def __init__(self, root: Path, var: Var, store: Store, clock: Clock) -> None:
        self.root = root
        self.var = var
        self.store = store
        self.clock = clock
        self.post: Post | None = None
        self.gathering: Gathering | None = None
        """Where many threads submit events: what stores those that come at the same time together."""
        self.file_problem: str | None = None
        """Why the definition files could not be read when they changed last; the older ones stay in force."""
        self.known_sources: dict[tuple[str, str], str | None] = {}
        """Kind and name of sources and experiments that the database is known to have."""
        self._fingerprint: str | None = None
        self._options: tuple[str, ...] = ()
        self._own: Definitions | None = None
        """What this process itself has read and put in force; others may have other hosts' values in force since."""

    @classmethod
    def open(
        cls, start: Path, clock: Clock | None = None, *, lenient: bool = False, resolve: bool = False,
        options: Sequence[str] = (),
    ) -> Project:  # fmt: skip
        """Open the project that this directory is in.

        `lenient`: a mistake in the files does not prevent it, as long as they have been right once (for looking and for
        repairing). `resolve`: the files are read in any case, since what they mean (programs on the PATH, processors)
        is what they mean to whoever serves. `options`: values that hold over the files, ``launcher.cpus=4``; where a
        launcher serves, what it was given holds.
        """
        root = definitions.find(start)
        where = _whereabouts(root, options, lenient=lenient)
        var = Var(where.var)
        var.prepare()
        store = Store(where.database or sqlite_url(var.database))
        try:
            upgrade.prepare(store)
            project = cls(root, var, store, clock or Clock())
            project._options = tuple(options)
            project.refresh(lenient=lenient, resolve=resolve)
        except BaseException:
            store.close()
            raise
        return project

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def beside(self) -> Project:
        """The same installation once more, with connections of its own, for other threads of this process."""
        made = Project(self.root, self.var, Store(self.store.url), self.clock)
        made._options, made._fingerprint, made.file_problem = self._options, self._fingerprint, self.file_problem
        return made

    def now(self) -> int:
        """The present moment in microseconds, as the database keeps it."""
        return micros(self.clock.now())

    @cached_property
    def installation(self) -> Installation:
        """Who this database is; it never changes while it is open."""
        with self.store.read() as tx:
            found = installation.find(tx)
        if found is None:
            raise NotFound("this database has no installation yet")
        return found

    def refresh(self, *, lenient: bool = False, resolve: bool = False) -> bool:
        """Read the definition files again if they changed; return whether they did.

        With `lenient`, files that are wrong keep the older definitions in force and `file_problem` says why.
        """
        fingerprint = definitions.fingerprint(self.root, self._options)
        if fingerprint == self._fingerprint:
            return False
        with self.store.read() as tx:
            found = installation.find(tx)
        problem = None
        if found is None or not self._holds(found, fingerprint) or resolve or self.post is not None:
            try:
                problem = self._take(definitions.read(self.root, self._options), fingerprint)
            except ProcessionError as error:
                if not lenient or found is None or found.fingerprint is None:
                    raise
                self.file_problem = "; ".join(getattr(error, "problems", ()) or (str(error),))
                self._fingerprint = fingerprint
                return False
        self._fingerprint, self.file_problem = fingerprint, problem
        self.__dict__.pop("settings", None)
        return True

    def _holds(self, found: Installation, fingerprint: str) -> bool:
        """Are the definitions in force those of the files as they are now? What a launcher at work was given over them
        holds for everybody."""
        if self.post is None and is_held(self.var.lock):
            return definitions.of_files(found.fingerprint) == definitions.of_files(fingerprint)
        return found.fingerprint == fingerprint

    def _take(self, read: Definitions, fingerprint: str) -> str | None:
        """Put definitions in force; where a launcher serves, that is its business, and it is told to look.

        Returns what is wrong, if it does not.
        """
        if self.post is None and is_held(self.var.lock):
            poke(self.var.wake, "files")
            until = self.clock.monotonic() + TAKEN_WITHIN
            while self.clock.monotonic() < until:
                with self.store.read() as tx:
                    found = installation.find(tx)
                if found is not None and self._holds(found, fingerprint):
                    return None
                self.clock.sleep(0.02)
            return "they changed, and the launcher has not taken them in yet"
        now = self.now()
        with self.store.begin() as tx:
            tx.claim_alone()  # several hosts may read the same files at the same moment
            if installation.find(tx) is None:
                installation.create(tx, now)
            tasks.keep(tx, read.tasks, now)
            installation.keep_settings(tx, read.fingerprint, read.to_json())
        self._own = Definitions.from_json(read.to_json(), ())
        return None

    @cached_property
    def settings(self) -> Definitions:
        """What the files say beside the tasks: to whoever serves, for its own host."""
        if self._own is not None:
            return self._own
        with self.store.read() as tx:
            found = installation.find(tx)
        if found is None or found.settings is None:
            raise NotFound("the definitions have not been read yet")
        return Definitions.from_json(found.settings, ())

    @property
    def serving(self) -> Post:
        """The launcher's post; only the flow asks, and only inside a launcher."""
        if self.post is None:
            raise RuntimeError("this project is not served by a launcher")
        return self.post

    def attempt_key(self, processing_id: int, ordinal: int, number: int) -> str:
        """The outside key of an attempt: the same everywhere, and never given twice."""
        return f"{self.installation.key}-{processing_id}-{ordinal}-{number}"

    def read_key(self, key: str) -> tuple[int, int, int] | None:
        """Processing id, ordinal and number of an attempt key of this installation; None for any other text."""
        owner, _, rest = key.partition("-")
        parts = rest.split("-")
        if owner != self.installation.key or len(parts) != 3 or not all(part.isdigit() for part in parts):
            return None
        return int(parts[0]), int(parts[1]), int(parts[2])

    def given(self, processing_id: int, work: str, date: str, key: str | None) -> Mapping[str, str | int | None]:
        """The names that every command may use."""
        return {"project": str(self.root), "work": work, "date": date, "id": processing_id, "key": key}

    def wake(self) -> None:
        """Poke the launcher of this place, if there is one; the database says what is to be done."""
        poke(self.var.wake, "wake")

    def is_served(self, tx: Tx) -> bool:
        """Does a launcher serve this project: here, or as others on the database are heard of?"""
        if is_held(self.var.lock):
            return True
        here = self.var.place_id()
        now = self.now()
        return any(
            row.kind == "up" and row.place != here and now - row.beat_at < HEARD_WITHIN
            for row in launchers.not_stopped(tx)
        )


def _whereabouts(root: Path, options: Sequence[str], *, lenient: bool) -> definitions.Whereabouts:
    """Where the project keeps its things; where the file cannot even be read, the usual place if it is in use."""
    try:
        return definitions.whereabouts(root, options)
    except ConfigError:
        if not lenient or not Var(root / "var").database.exists():
            raise
        return definitions.Whereabouts(root, root / "var", None)


def poke(fifo: Path, word: str) -> bool:
    """Write a word to a launcher's FIFO; False if nobody reads it."""
    try:
        descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(descriptor, word.encode() + b"\n")
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def person() -> str:
    """Who asks, for the journal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.geteuid()}"
