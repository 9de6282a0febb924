"""Files: sent piece by piece, so that the largest take no memory, and from where a download broke off.

*In:* an open file. *Out:* an answer, or the range of it that was asked for. *Always:* at most what the file had when it
was opened; whoever hangs up ends the reading.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote

from procession.api.request import Answer, Request

PIECE = 256 << 10
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Sent:
    """Not a page: a file."""

    file: BinaryIO
    mime: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Body:
    """The body."""

    def __init__(self, file: BinaryIO, pieces: Iterator[bytes]) -> None:
        self._file = file
        self._pieces = pieces
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """One after the other, read beside the loop."""
        try:
            while not self._ended and (piece := await asyncio.to_thread(next, self._pieces, None)) is not None:
                yield piece
        finally:
            self._file.close()

    def end(self) -> None:
        """Nobody reads any more."""
        self._ended = True


def answer(found: Sent, request: Request) -> Answer:
    """The whole file, or a range of it (RFC 9110, 14)."""
    there = os.fstat(found.file.fileno())
    tag = f'"{there.st_size:x}-{there.st_mtime_ns:x}"'
    headers = [*found.headers, (b"etag", tag.encode()), (b"accept-ranges", b"bytes")]
    start, end, status = 0, there.st_size, 200
    asked = request.header(b"range") if request.method == "GET" else None
    if asked is not None and request.header(b"if-range") in (None, tag):
        span = _span(asked, there.st_size)
        if span == (0, 0):
            found.file.close()
            whole = f"bytes */{there.st_size}".encode()
            return Answer(416, b"", "text/plain", (*headers, (b"content-range", whole)))
        if span is not None:
            (start, end), status = span, 206
            headers.append((b"content-range", f"bytes {start}-{end - 1}/{there.st_size}".encode()))
    headers.append((b"content-length", str(end - start).encode()))
    return Answer(status, b"", found.mime, tuple(headers), Body(found.file, _bytes(found.file, start, end)))


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """From which byte to which; None: this is no single range, so all is sent; (0, 0): there is nothing of it."""
    found = _RANGE.fullmatch(asked.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
        if found[2] and int(found[2]) < start:
            return None
    return (start, end) if start < end else (0, 0)


def _bytes(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    while start < end and (piece := os.pread(file.fileno(), min(PIECE, end - start), start)):
        yield piece
        start += len(piece)


def disposition(how: str, name: str) -> tuple[bytes, bytes]:
    """``inline`` or ``attachment``, with a name for the file; what no header may hold is quoted (B43)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)[:120] or "file"
    text = f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name[:200], safe='')}"
    return b"content-disposition", text.encode("latin-1")
