"""A body that is made while it is sent.

*In:* a `Piece` with an iterator. *Out:* its bytes, one piece after the other. *Always:* each piece is made in a thread
of the pool, and only when the one before it was taken; who hangs up ends the iterator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from procession.api.app import App
from procession.web.page import Piece


class Pieces:
    """The stream of an answer."""

    def __init__(self, app: App, piece: Piece) -> None:
        self._app = app
        self._first = piece.body
        self._more: Iterator[bytes] = piece.more or iter(())
        self._gone = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces."""
        if self._first:
            yield self._first
        while not self._gone:
            piece = await self._app.apart(lambda: next(self._more, None))
            if piece is None:
                return
            yield piece

    def end(self) -> None:
        """Nobody reads any more."""
        self._gone = True
