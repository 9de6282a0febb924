"""Locks, as scripts and people ask for them.

In: the attempt that asks, names, and whose the locks shall be. Out: all of them or none; with ``wait``, a place in the
queue, which is kept as long as it is asked for again.
Always: only a live attempt acquires, and what it or its processing holds falls in the transaction that ends the owner;
nothing falls by time. What limits give to running steps and what is locked is one account, so neither exceeds it; a
request that would wait for itself is refused at once. Whoever releases what it does not hold changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from procession.commands.asked import Asked
from procession.commands.hosts import abandoned
from procession.commands.processings import look
from procession.errors import Deadlock, Invalid, NotFound, Refused
from procession.flow.candidates import SPARE, Definitions, choose
from procession.flow.room import capacity_of, room_for, standing_of
from procession.model.capacity import Capacity
from procession.model.limits import limit_of
from procession.model.locks import ROUNDING, UNSEEN, Hold, Lack, Owner, Standing, Wait, checked
from procession.model.wants import together
from procession.project import Project
from procession.store import launchers, locks, moves, settings
from procession.store.database import Tx
from procession.store.moves import Moving

OWNERS = ("processing", "attempt")
"""Whose a lock can be: it falls when that one ends."""
SOON, LATE = 0.2, 2.0
"""Seconds after which one that waits asks again: the first in the queue, and those far behind it."""

Which = tuple[int, int, int]
"""Processing id, ordinal and number of an attempt."""


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock that was granted."""

    name: str
    fence: int
    """Grows with every grant of a name: what guards itself against those who held it before compares it."""
    count: int
    """So often its owner has acquired it, and must release it."""


@dataclass(frozen=True, slots=True)
class Granted:
    """All of them are held."""

    locks: tuple[Lock, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """None of them was granted."""

    lacking: tuple[Lack, ...]
    queued: bool
    """It has a place in the queue; asking again keeps it."""
    ahead: int
    """Waiters with one of these names before it."""
    again: float
    """Seconds after which to ask again."""


def owner_of(which: Which, kind: str) -> Owner:
    """Whose a lock is that this attempt asks for; `kind` is one of `OWNERS`."""
    if kind not in OWNERS:
        raise Invalid(f"the owner of a lock is {' or '.join(OWNERS)}, not {str(kind)[:40]!r}")
    return Owner(*which, whole=kind == "processing")


def acquire(
    project: Project, which: Which, names: Sequence[str], owner: str = "processing", *, wait: bool = False
) -> Granted | Waiting:
    """Acquire all of these names or none; `wait` keeps a place in the queue where they cannot be had now.

    Names are a set: one that is named twice is acquired once. Each call that was granted needs a release. Whoever
    waits calls again every `Waiting.again` seconds, and at last without `wait`, which gives the place up. Invalid for a
    name that cannot be; Refused if the attempt has ended; Deadlock if it would wait for itself.
    """
    wanted, asking = checked(names), owner_of(which, owner)
    with project.store.begin() as tx:
        tx.claim_alone()
        _alive(tx, asking)
        now = project.now()
        locks.forget_unseen(tx, now)
        standing = _standing(project, tx, now)
        lacking = standing.lacking(asking, wanted) or _kept(project, tx, standing, asking, wanted)
        if not lacking:
            return _grant(tx, asking, wanted, now)
        tx.unwitnessed()
        if not wait:
            locks.leave(tx, asking, wanted)
            return Waiting(tuple(lacking), False, 0, SOON)
        circle = standing.circle(asking, wanted)
        if circle is None:
            if not _seen_lately(standing.waits, asking, wanted, now):
                locks.wait(tx, asking, wanted, now)
            ahead = _ahead(standing.waits, asking, wanted)
            return Waiting(tuple(lacking), True, ahead, min(LATE, SOON * (1 + ahead)))
        locks.leave(tx, asking, wanted)  # committed, so that the others of the circle go on
    raise Deadlock(_circle_text(asking, lacking, circle))


def release(project: Project, which: Which, names: Sequence[str], owner: str = "processing") -> tuple[Lock, ...]:
    """Release each of these once, all or none; return those that are still held, since they were acquired more often.

    Refused if one of them is not held by this owner: then nothing is changed.
    """
    wanted, asking = checked(names), owner_of(which, owner)
    with project.store.begin() as tx:
        tx.claim_alone()
        _alive(tx, asking)
        held, _ = locks.all_of(tx, project.now())
        own = {each.name: each for each in locks.of_owner(held, asking)}
        if missing := [name for name in wanted if name not in own]:
            whose = "processing" if asking.whole else "attempt"
            raise Refused(f"this {whose} does not hold {', '.join(missing[:5])}; nothing was released")
        locks.release(tx, [own[name] for name in wanted])
        tx.after(project.wake)
        return tuple(Lock(name, own[name].fence, own[name].count - 1) for name in wanted if own[name].count > 1)


def give_back(project: Project, which: Which, fences: Mapping[str, int], owner: str = "processing") -> None:
    """Release once each of these very grants that is still held; Refused, when that is done, where some are not."""
    wanted, asking = checked(tuple(fences)), owner_of(which, owner)
    with project.store.begin() as tx:
        tx.claim_alone()
        _alive(tx, asking)
        own = locks.of_owner(locks.all_of(tx, project.now())[0], asking)
        kept = {each.name: each for each in own if fences.get(each.name) == each.fence}
        locks.release(tx, kept.values())
        tx.after(project.wake) if kept else tx.unwitnessed()
    if lost := [name for name in wanted if name not in kept]:
        whose, rest = "processing" if asking.whole else "attempt", "; the others were released" if kept else ""
        raise Refused(f"this {whose} does not hold {', '.join(lost[:5])} any more: somebody took it away{rest}")


def holds(project: Project, name: str, fence: int) -> bool:
    """Is this very grant still held? Whoever was told so may have lost it by the time it reads the answer: what must
    be certain compares fences itself."""
    checked([name])
    with project.store.read() as tx:
        return locks.fence_holds(tx, name, fence)


# ── what people see and do ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Taken:
    """How one name stands."""

    name: str
    there: float
    taken: float
    holds: tuple[Hold, ...]
    uses: tuple[tuple[int, float], ...]
    """Processings that have it by ``uses``, and how much of it."""
    waits: tuple[Wait, ...]
    """In their order."""
    gone: frozenset[int] = frozenset()
    """Processings that hold it from a launcher which is gone: nobody there can release it."""


def find(project: Project, name: str | None = None) -> list[Taken]:
    """Every name that is locked or waited for, by name; with `name`, that one alone, also if nobody has it."""
    if name is not None:
        checked([name])
    with project.store.read() as tx:
        now = project.now()
        held, waits = locks.all_of(tx, now)
        standing = _standing(project, tx, now)
        names = {h.name for h in held} | {n for w in waits for n in w.names} if name is None else {name}
        gone = abandoned(project, tx, {h.processing_id for h in held})
        return [_taken(standing, each, held, waits, gone) for each in sorted(names)]


def unlock(project: Project, name: str, who: Asked, processing_id: int | None = None) -> list[Hold]:
    """Take a lock away from whoever has it, or from one processing alone; return what was taken.

    The owner is not asked: it may still do what the lock was for, and finds that it lost it only where it compares
    its fence. The journal of the owner says who did it.
    """
    checked([name])
    with project.store.begin() as tx:
        tx.claim_alone()
        now = project.now()
        held, _ = locks.all_of(tx, now)
        found = [h for h in held if h.name == name and processing_id in (None, h.processing_id)]
        if not found:
            by = "nobody has" if processing_id is None else f"processing {processing_id} has not"
            raise NotFound(f"{by} locked {name}; see: procession locks")
        _take_away(tx, found, who, now)
        tx.after(project.wake)
        return found


def unlock_all(project: Project, processing_id: int, who: Asked) -> list[Hold]:
    """Take away every lock that a processing and its attempts have; return what was taken."""
    with project.store.begin() as tx:
        look(tx, processing_id)
        tx.claim_alone()
        now = project.now()
        held, _ = locks.all_of(tx, now)
        found = [h for h in held if h.processing_id == processing_id]
        if not found:
            raise NotFound(f"processing {processing_id} holds no lock")
        _take_away(tx, found, who, now)
        tx.after(project.wake)
        return found


def _take_away(tx: Tx, found: Sequence[Hold], who: Asked, now: int) -> None:
    locks.remove(tx, [each.fence for each in found])
    because = f": {who.reason}" if who.reason else ""
    noted = [
        Moving(h.processing_id, now, h.ordinal, h.number, why=f"{h.name}, which it held{because}") for h in found
    ]  # fmt: skip
    moves.note(tx, "lock", "unlock", noted, who.by)


# ── how it is decided ──────────────────────────────────────────────────────────────────────────────


def _alive(tx: Tx, owner: Owner) -> None:
    """Refused unless the attempt lives; then it lives until the end of this transaction. Asked under the claim
    lock: whoever needs both that lock and rows of attempts takes the lock first."""
    if not locks.lives(tx, owner):
        raise Refused(f"attempt {owner.by} has ended, or there is none; what has ended holds no locks")


def _standing(project: Project, tx: Tx, now: int) -> Standing:
    return standing_of(tx, settings.all_of(tx).limits(dict(project.settings.limits)), now)


def _grant(tx: Tx, owner: Owner, names: Sequence[str], now: int) -> Granted:
    held, _ = locks.all_of(tx, now)
    locks.grant(tx, owner, names, held, now)
    locks.leave(tx, owner, names)
    own = {each.name: each for each in locks.of_owner(locks.all_of(tx, now)[0], owner)}
    return Granted(tuple(Lock(name, own[name].fence, own[name].count) for name in names))


def _kept(project: Project, tx: Tx, standing: Standing, owner: Owner, names: Sequence[str]) -> list[Lack]:
    """What is kept of limits for a step that has waited for `[launcher] patience`: whoever holds nothing comes after
    it. One that holds something is let through, since that step, or another, may wait for it."""
    limited = [name for name in names if limit_of(name, standing.limits) is not None]
    if not limited or standing.holds_any(owner.processing_id):
        return []
    own, reserved = owner.processing_id, _reserved(project, tx)
    found = []
    for name in limited:
        others = [(pid, amount) for pid, amount in reserved.get(name, ()) if pid != own]
        wanted = standing.more(name, owner) + sum(amount for _, amount in others)
        if others and wanted > standing.left(name) + ROUNDING:
            found.append(Lack(name, (), tuple(pid for pid, _ in others)))
    return found


def _reserved(project: Project, tx: Tx) -> dict[str, list[tuple[int, float]]]:
    """Name → processings that have waited for their patience, and how much of it each gets, or is kept for it, in the
    claim that would be made now."""
    serving = [row for row in launchers.not_stopped(tx) if row.kind == "up"]
    capacity = capacity_of(serving[-1]) if serving else Capacity(project.settings.cpus)
    place, name, host = (serving[-1].place, serving[-1].name, serving[-1].host) if serving else ("", "", "")
    room = room_for(project, tx, place, capacity, name, host)
    choice = choose(tx, Definitions(tx), room, None, SPARE)
    found: dict[str, list[tuple[int, float]]] = {}
    for name, kept in room.live.kept.items():
        if not kept.since:  # else it is kept for another lock
            found.setdefault(name, []).append((kept.processing_id, kept.amount))
    for c in choice.admitted:
        if room.capacity.now - c.since >= choice.patience:
            for name, amount in together(c.takes, c.wants.uses):
                found.setdefault(name, []).append((c.processing_id, amount))
    return found


def _seen_lately(waits: Sequence[Wait], owner: Owner, names: Sequence[str], now: int) -> bool:
    """Is its place kept anyway? Then asking again writes nothing."""
    return any(w.owner == owner and w.names == tuple(names) and abs(now - w.seen_at) < UNSEEN // 6 for w in waits)


def _ahead(waits: Sequence[Wait], owner: Owner, names: Sequence[str]) -> int:
    own = next((w.id for w in waits if w.by == owner.by and w.names == tuple(names)), None)
    before = (w for w in waits if own is None or w.id < own)
    return sum(bool(set(names).intersection(w.names)) for w in before)


def _circle_text(owner: Owner, lacking: Sequence[Lack], circle: Sequence[int]) -> str:
    names = ", ".join(lack.name for lack in lacking[:3])
    through = " and ".join(f"processing {pid}" for pid in circle[:4] if pid != owner.processing_id)
    whom = f"{through}, which waits" if through else "another attempt of this processing, which waits"
    return (
        f"processing {owner.processing_id} would wait for {names} with {whom} for what it holds itself; "
        "release that first, then acquire all of them at once"
    )


def _taken(
    standing: Standing, name: str, held: Sequence[Hold], waits: Sequence[Wait], gone: frozenset[int]
) -> Taken:  # fmt: skip
    shares = sorted(standing.shares.get(name, {}).items())
    uses = [(pid, share.by_uses) for pid, share in shares if share.by_uses > 0]
    there = limit_of(name, standing.limits)
    total = 1.0 if there is None else there
    return Taken(
        name, total, total - standing.left(name), tuple(h for h in held if h.name == name), tuple(uses),
        tuple(w for w in waits if name in w.names),
        gone.intersection(h.processing_id for h in held if h.name == name),
    )  # fmt: skip
