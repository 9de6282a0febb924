"""Bodies: inputs and results as they stand in a row.

A text that is short stands as it is; what is longer is compressed, where that helps; bytes are written in base64, so
that both databases and an export carry them alike. What is read is exactly what was written.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass

from procession.errors import Invalid

MAX_INPUTS = 1 << 20
"""Bytes of the inputs of one instance, as JSON."""
MAX_RESULT = 16 << 20
"""Bytes of one result."""
SHORT = 512
"""Bytes up to which compressing is not worth while."""
LONGEST_MIME = 200
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_MIME = re.compile(rf"{_WORD}/{_WORD}(?: *; *{_WORD}={_WORD})*")


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


def check_mime(text: object) -> str:
    """The MIME type of a result: ``type/subtype``, and ``; name=value`` after it.

    Invalid for any other text: what could be read otherwise than it is meant might be run by a browser.
    """
    if not isinstance(text, str) or len(text) > LONGEST_MIME or not _MIME.fullmatch(text):
        raise Invalid(f"{str(text)[:60]!r} is no MIME type; write e.g. text/plain; charset=utf-8, or image/png")
    return text


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


def keep_json(what: str, value: object, most: int) -> Body:
    """A JSON value, kept as its text; Invalid where it is none, or larger than `most` bytes."""
    return keep(json_bytes(what, value, most))


def json_bytes(what: str, value: object, most: int) -> bytes:
    """A JSON value as its text; Invalid where it is none, or larger than `most` bytes."""
    try:
        _check_names(value)
        content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise Invalid(f"{what} hold text that is not valid Unicode (half a character); correct it") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"{what} must be a JSON value, not nested too deeply: {error}") from None
    if len(content) > most:
        raise Invalid(
            f"{what} are {len(content)} bytes of JSON; at most {most}: put them into a file and pass its path"
        )
    return content


def _check_names(value: object) -> None:
    """What JSON would change without a word is refused: names that are not text."""
    if isinstance(value, dict):
        for name, each in value.items():
            if not isinstance(name, str):
                raise TypeError(f"a name in an object must be text, not {type(name).__name__}")
            _check_names(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _check_names(each)
