"""How often somebody may ask: token buckets, which forget who has not asked for long."""

from __future__ import annotations

import time


class Bucket:
    """So many at once, so many a second."""

    __slots__ = ("_at", "_left", "many", "per_second")

    def __init__(self, many: float, per_second: float) -> None:
        self.many = many
        self.per_second = per_second
        self._left = many
        self._at = time.monotonic()

    def take(self, n: float = 1.0) -> bool:
        """Take some; False if there are not so many."""
        now = time.monotonic()
        self._left = min(self.many, self._left + (now - self._at) * self.per_second)
        self._at = now
        if self._left < n:
            return False
        self._left -= n
        return True

    @property
    def is_full(self) -> bool:
        """Has nobody taken anything for long?"""
        return self._left + (time.monotonic() - self._at) * self.per_second >= self.many


class Buckets:
    """A bucket for each name."""

    def __init__(self, many: float, per_second: float, most: int = 10_000) -> None:
        self.many = many
        self.per_second = per_second
        self.most = most
        self._of: dict[str, Bucket] = {}

    def __getitem__(self, name: str) -> Bucket:
        found = self._of.get(name)
        if found is None:
            if len(self._of) >= self.most:
                self._of = {known: bucket for known, bucket in self._of.items() if not bucket.is_full}
            if len(self._of) >= self.most:  # a flood of names: all of them share one
                name = ""
            found = self._of.setdefault(name, Bucket(self.many, self.per_second))
        return found
