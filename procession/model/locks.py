"""Locks: who has a name, who waits for it, and whether one more may have it. One pure picture, asked from everywhere.

A lock and a limit are the same thing: a name of which there is so much. What `[limits]` does not name there is once. It
is taken by the ``uses`` of what runs, and by whoever acquired it as a lock; one unit of it is taken by a lock.

What a processing takes of a name is counted once, however it came by it: ``uses``, a lock of its own, locks of its
attempts. So it never waits for itself. Two attempts of one processing exclude each other only by locks of their own.

First come, first served: one that conflicts with an older waiter stands behind it, but for those that this waiter waits
for, itself or through others, be it that they hold something or that they come first; they must end first. So a queue
closes no circle. A circle of holders that wait for one another is found before anybody waits in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from procession.errors import Invalid
from procession.model.limits import limit_of
from procession.model.wants import MAX_NAME, Uses

NAME = re.compile(rf"[A-Za-z0-9._:/-]{{1,{MAX_NAME}}}")
MOST_NAMES = 100
"""Names in one request."""
UNSEEN = 30_000_000
"""Microseconds after which a waiter that does not ask any more is taken for gone."""
ROUNDING = 1e-9

Node = tuple[int, int]
"""A processing (ordinal 0), or the step of it whose attempt lives or waits to start."""
Edges = dict[Node, set[Node]]
"""Who waits → for whom to let go or to end."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a lock is, and which attempt asks."""

    processing_id: int
    asking: int
    """Ordinal of the step whose attempt asks."""
    number: int
    """Of that attempt."""
    whole: bool = True
    """The processing has it until it ends; else the attempt alone."""

    @property
    def ordinal(self) -> int:
        """As it is kept: 0 where it is the processing's."""
        return 0 if self.whole else self.asking

    @property
    def node(self) -> Node:
        """Who waits, where it waits."""
        return self.processing_id, self.asking

    @property
    def by(self) -> str:
        """The attempt that asks, as people read it."""
        return f"{self.processing_id}/{self.asking}/{self.number}"


@dataclass(frozen=True, slots=True)
class Hold:
    """A lock that somebody has."""

    fence: int
    """Larger than that of everybody who had this name before."""
    name: str
    processing_id: int
    ordinal: int
    """0: the processing has it; else the attempt of this step."""
    number: int
    count: int
    """So often it was acquired, and must be released."""
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody waits for all of these names, and has none of those that it lacks."""

    id: int
    """Its place: smaller comes first."""
    names: tuple[str, ...]
    processing_id: int
    ordinal: int
    number: int
    by: str
    since: int
    seen_at: int

    @property
    def owner(self) -> Owner:
        """Who asks."""
        _, asking, number = (int(part) for part in self.by.split("/"))
        return Owner(self.processing_id, asking, number, self.ordinal == 0)


@dataclass(slots=True)
class Share:
    """What one processing takes of one name."""

    uses: float = 0.0
    """By its own ``uses``, from its first step to its last."""
    steps: dict[int, float] = field(default_factory=dict)
    """Ordinal of a running step → what it takes beside."""
    whole: bool = False
    """The processing has locked it."""
    attempts: set[int] = field(default_factory=set)
    """Ordinals of the steps whose attempts have locked it for themselves."""

    @property
    def amount(self) -> float:
        """All of it, each unit counted once."""
        apart = sum(max(self.steps.get(o, 0.0), float(o in self.attempts)) for o in {*self.steps, *self.attempts})
        return max(self.by_uses, float(self.whole), apart)

    @property
    def by_uses(self) -> float:
        """What it takes by ``uses``, whether it is locked or not."""
        return self.uses + sum(self.steps.values())

    def use(self, ordinal: int, amount: float) -> float:
        """A step (0: the processing) takes this much; return how much more that is than was taken before."""
        before = self.amount
        if ordinal:
            self.steps[ordinal] = self.steps.get(ordinal, 0.0) + amount
        else:
            self.uses += amount
        return self.amount - before

    def used(self, ordinal: int, amount: float) -> float:
        """How much more `use` would take."""
        return Share(self.uses, dict(self.steps), self.whole, self.attempts).use(ordinal, amount)

    def locked(self, ordinal: int) -> float:
        """How much more a lock for the processing (0) or for the attempt of a step would take."""
        then = Share(self.uses, self.steps, self.whole or not ordinal, self.attempts | ({ordinal} - {0}))
        return then.amount - self.amount

    def nodes(self) -> set[int]:
        """Ordinals of those that have it; 0: the processing."""
        return {*self.steps, *self.attempts, *({0} if self.uses or self.whole else ())}


@dataclass(frozen=True, slots=True)
class Pending:
    """A step of a begun processing that may start as soon as it gets what it takes."""

    processing_id: int
    ordinal: int
    uses: Uses


@dataclass(frozen=True, slots=True)
class Lack:
    """Why a name cannot be had now."""

    name: str
    holders: tuple[Node, ...]
    """Who has it."""
    before: tuple[int, ...] = ()
    """Processings that have waited longer and come first."""


@dataclass(slots=True)
class Standing:
    """Who has what and who waits for what, at one moment."""

    limits: Mapping[str, float] = field(default_factory=dict)
    shares: dict[str, dict[int, Share]] = field(default_factory=dict)
    waits: Sequence[Wait] = ()
    """Oldest first."""
    pending: Sequence[Pending] = ()
    parents: Mapping[int, Node] = field(default_factory=dict)
    """Processing → the step of another that waits until it has ended."""
    _left: dict[str, float] = field(default_factory=dict)
    """What was counted of `left`: a poll asks a hundred times for a few names."""

    def hold(self, holds: Iterable[Hold]) -> None:
        """Count these locks."""
        for each in holds:
            share = self.share(each.name, each.processing_id)
            if each.ordinal:
                share.attempts.add(each.ordinal)
            else:
                share.whole = True

    def use(self, uses: Uses, processing_id: int, ordinal: int = 0) -> None:
        """Count what a processing (0) or a running step takes of limits."""
        for name, amount in uses:
            self.share(name, processing_id).use(ordinal, amount)

    def share(self, name: str, processing_id: int) -> Share:
        """What this processing takes of this name, to be changed."""
        self._left.pop(name, None)
        return self.shares.setdefault(name, {}).setdefault(processing_id, Share())

    def more(self, name: str, owner: Owner) -> float:
        """How much more of a name is taken if this owner locks it; nothing, if it counts as its own already."""
        return (self.shares.get(name, {}).get(owner.processing_id) or Share()).locked(owner.ordinal)

    def left(self, name: str) -> float:
        """How much of a name nobody has."""
        found = self._left.get(name)
        if found is None:
            there = limit_of(name, self.limits)
            taken = sum(share.amount for share in self.shares.get(name, {}).values())
            found = self._left[name] = (1.0 if there is None else there) - taken
        return found

    def holders(self, name: str, but: Node | None = None) -> tuple[Node, ...]:
        """Who has something of a name, but for the asker and its own processing."""
        own = () if but is None else (but, (but[0], 0))
        nodes = {(pid, o) for pid, share in self.shares.get(name, {}).items() for o in share.nodes()}
        return tuple(sorted(nodes.difference(own)))

    def holds_any(self, processing_id: int) -> bool:
        """Has this processing anything for which others may wait?"""
        return any(processing_id in of_name for of_name in self.shares.values())

    # ── may it have them ──────────

    def lacking(self, owner: Owner, names: Sequence[str]) -> list[Lack]:
        """Which of these names it cannot have now, and why; none: it may have them all."""
        own = next((w.id for w in self.waits if w.by == owner.by and w.names == tuple(names)), None)
        older = [w for w in self.waits if (own is None or w.id < own) and w.by != owner.by]
        older = [w for w in older if not set(names).isdisjoint(w.names)]
        if older:
            behind = _waiting_for(owner.processing_id, self._queued(self.edges()))
            older = [w for w in older if w.owner.node not in behind]
        found = []
        for name in names:
            more, left = self.more(name, owner), self.left(name)
            if more <= 0:
                continue
            if more > left + ROUNDING:
                found.append(Lack(name, self.holders(name, owner.node)))
                continue
            before = [w for w in older if name in w.names and self.more(name, w.owner) > 0]
            if more + len(before) > left + ROUNDING:
                found.append(Lack(name, (), tuple(dict.fromkeys(w.processing_id for w in before))))
        return found

    # ── circles ──────────

    def edges(self) -> Edges:
        """Who waits for whom to let go or to end."""
        edges: Edges = {}
        for wait in self.waits:
            self._wait(edges, wait.owner, wait.names)
        for each in self.pending:
            node = each.processing_id, each.ordinal
            for name, amount in each.uses:
                share = self.shares.get(name, {}).get(each.processing_id) or Share()
                counted = limit_of(name, self.limits) is not None or self._is_locked(name)
                if counted and share.used(each.ordinal, amount) > self.left(name) + ROUNDING:
                    _join(edges, node, self.holders(name, node))
        for pid, _ in list(edges):
            if (parent := self.parents.get(pid)) is not None:
                _join(edges, parent, [(pid, 0)])
        return edges

    def _queued(self, edges: Edges) -> Edges:
        """Add who waits for whom to be served first: each waiter for the one before it at each name, and for the steps
        for which something of it may be kept."""
        last: dict[str, Node] = {}
        for wait in self.waits:
            node = wait.owner.node
            for name in wait.names:
                _join(edges, node, {last.get(name, node)} - {node})
                last[name] = node
        wanting: dict[str, set[Node]] = {}
        for each in self.pending:
            for name, _ in each.uses:
                wanting.setdefault(name, set()).add((each.processing_id, each.ordinal))
        for wait in self.waits:
            for name in wait.names:
                _join(edges, wait.owner.node, wanting.get(name, ()))
        return edges

    def circle(self, owner: Owner, names: Sequence[str]) -> list[int] | None:
        """The processings through which this request would wait for itself; None: it would not."""
        edges = self.edges()
        self._wait(edges, owner, names)
        path = _reached(owner.node, edges)
        if owner.node not in path:
            return None
        found: list[int] = []
        node = owner.node
        while not found or node != owner.node:
            node = path[node]
            found.append(node[0])
        return list(dict.fromkeys(reversed(found)))

    def circles(self) -> list[int]:
        """Processings that wait for themselves; there are none, but between a claim and the next time that one asks."""
        edges = self.edges()
        return sorted({node[0] for node in edges if node[1] and node in _reached(node, edges)})

    def _wait(self, edges: Edges, owner: Owner, names: Iterable[str]) -> None:
        for name in names:
            left = self.left(name)
            if left < 1.0 - ROUNDING and (more := self.more(name, owner)) > 0 and more > left + ROUNDING:
                _join(edges, owner.node, self.holders(name, owner.node))

    def _is_locked(self, name: str) -> bool:
        return any(share.whole or share.attempts for share in self.shares.get(name, {}).values())


def waited_for(wait: Wait, edges: Edges) -> set[int]:
    """Processings that must end or let go before this waiter gets what it lacks."""
    return {pid for pid, _ in _reached(wait.owner.node, edges)}


def _waiting_for(processing_id: int, edges: Edges) -> set[Node]:
    """Every node from which the edges lead to this processing."""
    back: Edges = {}
    for node, to in edges.items():
        for after in to:
            back.setdefault(after, set()).add(node)
    found: set[Node] = set()
    new = [node for node in back if node[0] == processing_id]
    while new:
        before = back.get(new.pop(), set()) - found
        found |= before
        new += before
    return found


def _reached(start: Node, edges: Edges) -> dict[Node, Node]:
    """Every node to which the edges lead from here → the one before it on the way."""
    found: dict[Node, Node] = {}
    new = [start]
    while new:
        node = new.pop()
        for after in edges.get(node, ()):
            if after not in found:
                found[after] = node
                new.append(after)
    return found


def _join(edges: Edges, node: Node, to: Iterable[Node]) -> None:
    """This node waits for those; and its processing cannot end before it."""
    if there := set(to):
        edges.setdefault(node, set()).update(there)
        if node[1]:
            edges.setdefault((node[0], 0), set()).add(node)


def checked(names: object) -> tuple[str, ...]:
    """The names of one request: a set, so each once, in their order; Invalid says what is wrong with them."""
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise Invalid('name at least one lock, in a list such as ["account:17"]')
    if len(names) > MOST_NAMES:
        raise Invalid(f"{len(names)} locks are asked for; one request takes at most {MOST_NAMES}")
    for name in names:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Invalid(
                f"{str(name)[:60]!r} cannot be the name of a lock: 1 to {MAX_NAME} letters, digits and . _ : / -, "
                "such as account:17"
            )
    return tuple(sorted(set(names)))
