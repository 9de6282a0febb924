"""Bodies: inputs and results as they stand in a row.

A text that is short stands as it is; what is longer is compressed, where that helps; bytes are written in base64, so
that both databases and an export carry them alike. What is read is exactly what was written.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

SHORT = 512
"""Bytes up to which compressing is not worth while."""


@dataclass(frozen=True, slots=True)
class Body:
    """One body, as it is kept."""

    form: str
    """``text``: as it is; ``base64``: bytes; ``zlib``: bytes, compressed, in base64."""
    text: str
    size: int
    """Bytes, as it came."""

    def bytes(self) -> bytes:
        """As it came."""
        if self.form == "text":
            return self.text.encode("utf-8", "surrogatepass")
        raw = base64.b64decode(self.text)
        return zlib.decompress(raw) if self.form == "zlib" else raw


def keep(content: bytes) -> Body:
    """The shortest form of these bytes."""
    if len(content) > SHORT:
        packed = zlib.compress(content, 6)
        if len(packed) < 0.7 * len(content):
            return Body("zlib", base64.b64encode(packed).decode(), len(content))
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # PostgreSQL has no text with it
        return Body("base64", base64.b64encode(content).decode(), len(content))
    return Body("text", text, len(content))
