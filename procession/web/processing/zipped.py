"""All artifacts of a processing as one .zip, made while it is sent.

*In:* its directory, and the directories of artifacts of its steps. *Out:* the bytes of the archive, piece by piece.
*Always:* memory holds one piece and the names, however large the files are; every file is opened as pages open it, so
no link is followed; a name in the archive leads out of it on no system, and none stands there twice.
"""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from procession import disk
from procession.errors import NotFound
from procession.web.processing import directory

PIECE = 256 << 10
PACKED = frozenset({"png", "jpg", "jpeg", "gif", "webp", "gz", "zip", "bz2", "xz", "zst", "parquet", "mp4", "pdf"})
"""Endings of files that become no smaller."""
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]|[ .]+$')
EARLIEST, LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""What the format can say of a moment."""
LONGEST = 200
"""Characters of one piece of a name."""


class _Sink(io.RawIOBase):
    """Takes what is written until somebody takes it away; it cannot go back, so the archive is written forwards."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = memoryview(data)  # type: ignore[arg-type]
        self._kept += piece
        return piece.nbytes

    def taken(self) -> bytes:
        """What was written since the last time."""
        found = bytes(self._kept)
        self._kept.clear()
        return found


def names(root: Path, place: str) -> Iterator[str]:
    """Paths of the files below a directory of artifacts, from that directory on; nothing where there is none."""
    try:
        folder = disk.folder(root, place.split("/"))
    except OSError:
        return
    try:
        for path, folders, files, _ in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
            folders.sort()
            yield from (os.path.normpath(f"{path}/{name}") for name in sorted(files))
    finally:
        os.close(folder)


def zipped(root: Path, places: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    """The archive. `places`: of each step the name of its folder there, and its directory of artifacts."""
    sink, taken = _Sink(), dict[str, int]()
    with ZipFile(sink, "w") as archive:
        for folder, place in places:
            for path in names(root, place):
                try:
                    found = directory.opened(root, f"{place}/{path}")
                except NotFound:
                    continue
                with found:
                    for _ in _write(archive, found, _unique(f"{safe(folder)}/{safe(path)}", taken)):
                        if piece := sink.taken():
                            yield piece
    yield sink.taken()


def _write(archive: ZipFile, file: BinaryIO, name: str) -> Iterator[None]:
    there = os.fstat(file.fileno())
    info = ZipInfo(name, min(max(EARLIEST, time.gmtime(there.st_mtime)[:6]), LATEST))
    info.compress_type = ZIP_STORED if name.rpartition(".")[2].lower() in PACKED else ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    left = there.st_size
    with archive.open(info, "w", force_zip64=True) as into:
        while left > 0 and (piece := file.read(min(PIECE, left))):
            into.write(piece)
            left -= len(piece)
            yield
    yield


def safe(path: str) -> str:
    """A path as every system takes it: relative, and with no letter that means something else to one of them."""
    pieces = path.encode("utf-8", "replace").decode().split("/")
    return "/".join(_UNSAFE.sub("_", piece)[:LONGEST] or "_" for piece in pieces)


def _unique(name: str, taken: dict[str, int]) -> str:
    """This name, or another one where it is taken, also by one that differs in capital letters alone. `taken`: name in
    small letters → the last number that was tried for it."""
    stem, dot, ending = name.rpartition(".") if "." in name.rpartition("/")[2][1:] else (name, "", "")
    found, n = name, taken.get(name.lower(), 0)
    while n and found.lower() in taken:
        n += 1
        found = f"{stem}-{n}{dot}{ending}"
    taken[name.lower()] = max(n, 1)
    taken.setdefault(found.lower(), 1)
    return found
