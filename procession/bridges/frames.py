"""Frames of STOMP 1.2, written and read.

In: bytes of a broker, however they are cut, however wrong. Out: frames, each with a body of bounded length and with the
headers that anybody here asks for. Always: what is kept of a frame is bounded, whatever it claims to be; what is too
large is counted and thrown away, and the frame says so; what leaves no sure place to go on at is a `ProtocolError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HEADERS = frozenset(
    {"ack", "content-length", "content-type", "correlation-id", "destination", "heart-beat", "message", "message-id",
     "receipt-id", "redelivered", "server", "session", "subscription", "version"}
)  # fmt: skip
"""Those that are kept; all others are passed over."""
MAX_LINE = 8_192
"""Bytes of one header that are kept; a longer one is passed over."""
MAX_COMMAND = 32
MAX_TOLD = 65_536
"""Bytes of the body of a frame that is no message."""
KEPT = 65_536
"""Bytes that are kept of a body that is too large."""

_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", ":": "\\c"}
_PLAIN = {escaped: plain for plain, escaped in _ESCAPED.items()}


class ProtocolError(Exception):
    """What came cannot be a frame, and nobody knows where the next one begins."""


@dataclass(slots=True)
class Frame:
    """One frame that came."""

    command: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    size: int = 0
    """Bytes of the whole body; more than there are in `body` where it was too large."""
    problem: str = ""
    """What is wrong with its headers, though one can go on behind it."""


def write(command: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A frame as it is sent. CONNECT alone has no escapes, for brokers of version 1.0."""
    escaped = command != "CONNECT"
    lines = [command]
    for name, value in headers.items():
        lines.append(f"{_escape(name)}:{_escape(value)}" if escaped else f"{name}:{value}")
    return "\n".join(lines).encode() + b"\n\n" + body + b"\0"


def _escape(text: str) -> str:
    if text.isalnum():
        return text
    return "".join(_ESCAPED.get(c, c) for c in text)


def _unescape(text: str) -> str:
    """ValueError for what is no escape."""
    if "\\" not in text:
        return text
    found, place = [], 0
    while place < len(text):
        if text[place] != "\\":
            found.append(text[place])
            place += 1
        elif (plain := _PLAIN.get(text[place : place + 2])) is not None:
            found.append(plain)
            place += 2
        else:
            raise ValueError("an escape that there is not")
    return "".join(found)


class Reader:
    """Takes bytes, gives frames. Between two calls it holds no more than one line or one body of bounded length."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._waiting = bytearray()
        """What has come of the present line, or before the bytes of a body are looked at."""
        self._frame: Frame | None = None
        self._in_body = False
        self._left: int | None = None
        """Bytes of the body that are to come; None: until NUL."""
        self._body = bytearray()
        self._skipping = False
        """The rest of a line that is too long is passed over."""

    @property
    def between(self) -> bool:
        """Is no frame half there?"""
        return self._frame is None and not self._waiting

    def take(self, data: bytes) -> list[Frame]:
        """The frames that are complete by these bytes."""
        self._waiting += data
        found: list[Frame] = []
        place = 0
        following = self._take_one(0, found)
        while following != place:
            place, following = following, self._take_one(following, found)
        del self._waiting[:place]
        return found

    def _take_one(self, place: int, found: list[Frame]) -> int:
        """Take a line, or what there is of a body; return where it goes on."""
        return self._take_body(place, found) if self._in_body else self._take_line(place)

    def _take_line(self, place: int) -> int:
        end = self._waiting.find(b"\n", place)
        if end < 0:
            return self._begin_long_line(place)
        line = bytes(self._waiting[place:end])
        if self._skipping:
            self._skipping = False
            return end + 1
        line = line.removesuffix(b"\r")
        if self._frame is None:
            self._command(line)
        elif line:
            self._header(line)
        else:
            self._begin_body()
        return end + 1

    def _begin_long_line(self, place: int) -> int:
        """No end of the line yet: one that is longer than any that is kept is passed over as it comes."""
        length = len(self._waiting) - place
        if self._frame is None and length > MAX_COMMAND:
            raise ProtocolError(f"no frame begins with {bytes(self._waiting[place : place + MAX_COMMAND])!r}")
        if self._skipping or length > MAX_LINE:
            self._skipping = True
            return len(self._waiting)
        return place

    def _command(self, line: bytes) -> None:
        if not line:
            return  # a heart-beat, or the end of line that may follow a frame
        if len(line) > MAX_COMMAND or not line.isalpha() or not line.isupper():
            raise ProtocolError(f"no frame begins with {line[:MAX_COMMAND]!r}")
        self._frame = Frame(line.decode("ascii"))

    def _header(self, line: bytes) -> None:
        assert self._frame is not None
        name, colon, value = line.partition(b":")
        if not colon:
            self._frame.problem = self._frame.problem or f"a header without a colon: {line[:60]!r}"
            return
        if len(line) > MAX_LINE:
            return
        plain = name.decode("utf-8", "replace")
        if plain not in HEADERS:
            return
        try:
            text = value.decode()
            self._frame.headers.setdefault(plain, text if self._frame.command == "CONNECTED" else _unescape(text))
        except ValueError:
            self._frame.problem = self._frame.problem or f"the header {plain} cannot be read: {value[:60]!r}"

    def _begin_body(self) -> None:
        assert self._frame is not None
        said = self._frame.headers.get("content-length")
        if said is not None and not (said.isascii() and said.isdigit() and len(said) < 19):
            raise ProtocolError(f"a content-length of {said[:40]!r}")
        self._left = None if said is None else int(said)
        self._in_body = True

    def _take_body(self, place: int, found: list[Frame]) -> int:
        assert self._frame is not None
        if self._left is None:
            end = self._waiting.find(b"\0", place)
            upto = len(self._waiting) if end < 0 else end
        else:
            upto = min(len(self._waiting), place + self._left)
            end = -1
        self._keep(place, upto)
        if self._left is not None:
            self._left -= upto - place
            if self._left or upto >= len(self._waiting):
                return upto
            if self._waiting[upto]:
                raise ProtocolError("a frame does not end where its content-length says")
            end = upto
        if end < 0:
            return upto
        frame, self._frame, self._in_body, self._left = self._frame, None, False, None
        frame.body = bytes(self._body)
        self._body.clear()
        found.append(frame)
        return end + 1

    def _keep(self, begin: int, end: int) -> None:
        """Keep these bytes of the body, as long as there is room."""
        assert self._frame is not None
        self._frame.size += end - begin
        most = self._largest if self._frame.command == "MESSAGE" else MAX_TOLD
        if self._frame.size <= most:
            self._body += memoryview(self._waiting)[begin:end]
        elif len(self._body) < KEPT:
            self._body += memoryview(self._waiting)[begin : min(end, begin + KEPT - len(self._body))]
        else:
            del self._body[KEPT:]
