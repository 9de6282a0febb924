"""Post: a launcher at work. Who it is, what it may use, what it has sent and what it has heard.

Only the flow and the launcher's loop use it. Nothing in here is a fact that is not in the database or in the spool as
well: it may be lost at any moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from procession.courier import Courier
from procession.executor import Executor, Job, Notices
from procession.executors.calls import Calls
from procession.model.capacity import Capacity
from procession.model.counting import CounterPlan
from procession.model.watching import WatchPlan
from procession.supervise.errand import Errands
from procession.sweeper import Sweeper
from procession.watch import Looks, Watch
from procession.watch.counter import Glances

SHORT = 0.05
"""Seconds; while scripts are shorter than this on average, some are queued ahead at the shims."""
TURN = 0.025
"""Seconds for which ends are gathered at most; twice as much work is queued ahead, so that nobody runs dry."""
MOST_AHEAD = 128


@dataclass(slots=True)
class Watching:
    """A watched pattern: what is remembered between two looks."""

    plan: WatchPlan
    watch: Watch
    at: float = 0.0
    """When it is looked at next (monotonic seconds)."""
    refused: dict[str, str] = field(default_factory=dict)
    """Path of each file that cannot be an event, and why."""


@dataclass(slots=True)
class Counting:
    """One counter: what is remembered between two looks."""

    plan: CounterPlan
    glances: Glances
    at: float = 0.0
    """When it is looked at next (monotonic seconds)."""
    doubted: bool = False
    """The last look saw something wrong: a file that is just being written is no reason to tell anybody."""


@dataclass(slots=True)
class Telling:
    """How often it was tried to tell a person of a message."""

    message_id: int
    way: str
    """Command or addresses."""
    tries: int = 0
    at: float = 0.0
    """Not before (monotonic seconds)."""
    at_moment: int = 0
    """When the latest try began (microseconds UTC)."""
    told: bool = False
    reached: tuple[int, ...] = ()
    """Addresses that have it."""


@dataclass(slots=True)
class Heard:
    """What was heard of another place, and when it was last anything new."""

    beats: tuple[tuple[int, int], ...]
    """Id and beats of each of its launchers that has not stopped."""
    at: float
    """By our own clock, in seconds that never jump: no two machines' clocks are ever compared."""
    looked: float = 0.0
    """When we looked last: what we could not hear says nothing."""
    lost: bool = False
    grew: bool = False
    """It was heard of while we looked."""


@dataclass(slots=True)
class Told:
    """What a program elsewhere has told last of an attempt, in seconds that never jump."""

    word: int
    """Until when it would be believed by the clock of whoever wrote that; another one is a new word."""
    at: float
    """When it was told."""
    started: float | None = None


@dataclass(slots=True)
class Post:
    """A launcher at work. One thread uses it."""

    executor: Executor
    launcher_id: int
    kind: str
    """``up`` serves the project; ``run`` serves one processing in the foreground."""
    host: str
    boot: str
    capacity: Capacity
    calls: Calls | None = None
    """Where functions are called; None: nowhere."""
    place: str = ""
    """What its ``var/`` is known by in the database."""
    name: str = ""
    """What people call it."""
    is_fresh: Callable[[], bool] = lambda: True
    """Has it given a sign of life so lately that nobody can take its work over?"""
    lease: str | None = None
    """The file to which scripts are held that may be run again elsewhere; None: nobody else can serve."""
    unsent: list[Job] = field(default_factory=list)
    """Claimed jobs that found no room at the executor; they are sent at the next turn."""
    live: dict[str, str] = field(default_factory=dict)
    """Key of each attempt that was sent and has not been settled → its directory."""
    ended: dict[str, None] = field(default_factory=dict)
    """Keys of attempts that are said to have ended, in this order; settling empties it."""
    refused: dict[str, str] = field(default_factory=dict)
    """Keys of attempts that could not even be recorded, and why."""
    asked: dict[str, float] = field(default_factory=dict)
    """Keys of attempts that were told to end, and when (monotonic seconds)."""
    trouble: dict[int, float] = field(default_factory=dict)
    """Processings that could not be claimed, and until when they are left out (monotonic seconds)."""
    look: bool = True
    """Something happened to a shim: the attempts want to be looked at now."""
    traces_at: float = 0.0
    """When the spool is next searched for traces of settled attempts (monotonic seconds)."""
    traces: dict[str, float] = field(default_factory=dict)
    """Records in the spool that belong to no live attempt, and when each was first seen (monotonic seconds)."""
    accounts: dict[str, float] = field(default_factory=dict)
    """What each queue was given of the starts (`model/sharing.py`)."""
    web: tuple[str, bytes] | None = None
    """Where the HTTP API answers, and of what the tokens of attempts are made; None: it does not."""
    crowded: Callable[[], bool] = lambda: False
    """Do events crowd in beside the loop? Those who bring them come first then."""
    words: list[str] = field(default_factory=list)
    """What a person far away has told this launcher; the loop does it."""
    closing: str = ""
    """``drain`` or ``kill``: nothing new is claimed, and it leaves when nothing of its own runs any more."""
    sweeper: Sweeper = field(default_factory=Sweeper)
    """What looks after the disk beside the loop."""
    typical: float | None = None
    """Seconds that a script takes, a moving average; None before the first."""

    looks: Looks = field(default_factory=Looks)
    watching: dict[str, Watching] = field(default_factory=dict)
    """Name of each watch that the files say → what is remembered of it."""
    counting: dict[str, Counting] = field(default_factory=dict)
    """Name of each counter that the files say → what is remembered of it."""
    watches_kept: int = -1
    """How many rows of watches there are; below 0: nobody has looked."""
    serving_since: int | None = None
    """Since when somebody serves without a gap (microseconds UTC); None: nobody has looked."""
    listening: dict[str, int] = field(default_factory=dict)
    """Task → until when it was seen paused, so that its silence was none (microseconds UTC)."""
    mended_after: float = 0.0
    """Messages of failures are not looked at before (monotonic seconds)."""
    courier: Courier = field(default_factory=Courier)
    errands: Errands = field(default_factory=Errands)
    telling: dict[str, Telling] = field(default_factory=dict)
    """Which messages are being told, by id and whether they occur or have ended."""

    heard: dict[str, Heard] = field(default_factory=dict)
    """Other places of the same database, by what they are known by."""
    told: dict[tuple[int, int, int], Told] = field(default_factory=dict)
    """Attempts of programs elsewhere: what was last heard of each."""
    told_at: float | None = None
    """When it was looked at last (monotonic seconds)."""
    closed: list[int] = field(default_factory=list)
    """Locks of places that nobody serves, kept while something of theirs is settled here."""

    @property
    def owned(self) -> int | None:
        """Value of `processing.launcher_id` that this launcher serves: none, or its own."""
        return self.launcher_id if self.kind == "run" else None

    @property
    def calling(self) -> Calls:
        """Where functions are called."""
        if self.calls is None:
            raise RuntimeError("this launcher calls no functions")
        return self.calls

    @property
    def ahead(self) -> int:
        """How many to queue at the shims now: none while there are more shims than processors."""
        return self.capacity.ahead if self.executor.shims <= self.capacity.cpus else 0

    @property
    def fed(self) -> bool:
        """Have the shims enough to do for a while, so that ends may gather?"""
        calls = self.calls is not None and self.calls.fed
        return calls or len(self.live) - len(self.ended) > max(self.capacity.cpus, self.capacity.ahead // 2)

    def hear(self, notices: Notices) -> None:
        """Take in what the executor tells."""
        self.ended.update(dict.fromkeys(notices.ended))
        self.refused.update(notices.refused)
        self.look = self.look or notices.gone or bool(notices.refused)

    def measure(self, seconds: float) -> None:
        """Learn from one ended script how many to queue ahead."""
        self.typical = seconds if self.typical is None else 0.9 * self.typical + 0.1 * seconds
        if self.typical >= SHORT or self.kind == "run":
            self.capacity.ahead = 0
        else:
            wanted = self.capacity.cpus * 2 * TURN / max(self.typical, 0.0005)
            self.capacity.ahead = min(MOST_AHEAD, int(wanted))

    def slow(self) -> None:
        """What was queued ahead did not start in time: scripts are not short any more, until they prove to be."""
        self.typical, self.capacity.ahead = SHORT, 0

    def forget(self, key: str, which: tuple[int, int, int]) -> None:
        """The attempt is settled: whatever was still to be sent of it is not."""
        if self.calls is not None:
            self.calls.forget(which)
        self.live.pop(key, None)
        self.unsent = [job for job in self.unsent if job.key != key] if self.unsent else self.unsent
        self.ended.pop(key, None)
        self.refused.pop(key, None)
        self.asked.pop(key, None)
