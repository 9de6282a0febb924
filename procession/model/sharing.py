"""Queues share the starts by their weights, where they want more than there is room for. Pure.

Each queue has an account of the starts that it was given, each divided by its weight; the one with the smallest account
is next. One that has been idle joins at the account of those that wait, so that it saves nothing up, and one that was
given more than its share finds that counted when it comes again. Priorities are stronger, and so is what has begun:
weights decide among equals alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from procession.model.capacity import Candidate

Accounts = dict[str, float]
"""Queue → starts that it was given, divided by its weight."""


def in_turn(found: Iterable[Candidate], weights: Mapping[str, float], accounts: Mapping[str, float]) -> list[Candidate]:
    """These candidates in the order in which room is given away; without any weight, first come, first served."""
    candidates = sorted(found, key=lambda candidate: candidate.turn)
    names = {candidate.wants.queue for candidate in candidates}
    if len(names) < 2 or not weights:
        return candidates
    account = joined(names, accounts)
    ordered: list[Candidate] = []
    for _, equals in groupby(candidates, key=lambda candidate: candidate.turn[:2]):
        ordered += _shared(list(equals), weights, account)
    return ordered


def charge(
    waiting: Iterable[str], admitted: Iterable[Candidate], weights: Mapping[str, float], accounts: Mapping[str, float]
) -> Accounts:
    """The accounts after these were started, while steps of these queues were waiting."""
    account = joined(waiting, accounts)
    for candidate in admitted:
        _give(account, candidate.wants.queue, weights)
    return account


def joined(names: Iterable[str], accounts: Mapping[str, float]) -> Accounts:
    """The accounts seen from the smallest of those that want something now; what is not above it needs no account."""
    wanting = set(names)
    least = min((accounts[name] for name in wanting if name in accounts), default=max(accounts.values(), default=0.0))
    above = {name: there - least for name, there in accounts.items() if there > least}
    return {**dict.fromkeys(wanting, 0.0), **above}


def _shared(equals: Sequence[Candidate], weights: Mapping[str, float], account: Accounts) -> list[Candidate]:
    """One after the other of the queue with the smallest account."""
    rows: dict[str, list[Candidate]] = {}
    for candidate in reversed(equals):
        rows.setdefault(candidate.wants.queue, []).append(candidate)
    heads = [(account.get(name, 0.0), row[-1].turn, name) for name, row in rows.items()]
    heapq.heapify(heads)
    ordered = []
    while heads:
        _, _, name = heapq.heappop(heads)
        ordered.append(rows[name].pop())
        _give(account, name, weights)
        if rows[name]:
            heapq.heappush(heads, (account[name], rows[name][-1].turn, name))
    return ordered


def _give(account: Accounts, name: str, weights: Mapping[str, float]) -> None:
    account[name] = account.get(name, 0.0) + 1 / weights.get(name, 1.0)
