"""The text of every script as it was executed, kept once by its hash.

In: the paths of a step's script files. Out: ``{path: sha256}`` as JSON, and the texts under ``var/code/<sha256>``.
Always: a text that was kept is never changed; a file that cannot be read is left out (starting it will say why).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

MAX_TEXT = 16 << 20
"""Bytes; a larger program is known by its hash alone, its text is not copied."""

_known: dict[str, tuple[tuple[int, int, int], str]] = {}
"""Path → (size, time of change, inode) when it was read last, and its hash."""


def keep(place: Path, paths: tuple[str, ...], texts: Mapping[str, str] | None = None) -> str:
    """Keep the present text of these files; return their hashes as JSON. `texts` are executed in place of a file's."""
    found = {path: digest for path in paths if (digest := _digest(place, path))}
    if texts:
        found |= {path: keep_text(place, text.encode("utf-8", "surrogateescape")) for path, text in texts.items()}
    return json.dumps(found, ensure_ascii=False)


def keep_text(place: Path, text: bytes) -> str:
    """Keep a text that is no file; return its hash."""
    digest = hashlib.sha256(text).hexdigest()
    _write(place / digest, text)
    return digest


def text_of(place: Path, digest: str) -> str | None:
    """A text that was kept; None if it was too large, or is gone."""
    try:
        return (place / digest).read_text("utf-8", "replace")
    except OSError:
        return None


def _digest(place: Path, path: str) -> str | None:
    try:
        found = os.stat(path)  # noqa: PTH116  on the hot path
        stamp = (found.st_size, found.st_mtime_ns, found.st_ino)
        known = _known.get(path)
        if known and known[0] == stamp:
            return known[1]
        text = Path(path).read_bytes()
        digest = hashlib.sha256(text).hexdigest()
        if len(text) <= MAX_TEXT:
            _write(place / digest, text)
    except OSError:
        return None
    _known[path] = (stamp, digest)
    return digest


def _write(target: Path, text: bytes) -> None:
    """Write a file whole or not at all; whoever comes second leaves the first one's."""
    if target.exists():
        return
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    descriptor = os.open(
        part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o700
    )  # a version that runs it again executes it
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    part.replace(target)
