"""One connection to a broker: spoken by one thread, nothing hidden behind it.

In: an address, and what the plan of the bridge says of it. Out: frames, as they come. Always: whoever reads or writes
waits no longer than is said, and a moment only once it is enough; a broker that is silent for longer than it promised
is asked, and given up if it does not answer; whatever goes wrong with the connection is `Lost`.
"""

from __future__ import annotations

import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from procession.bridges.frames import Frame, ProtocolError, Reader, write
from procession.bridges.reaching import CONNECT_WITHIN, LOOK, check, open_socket
from procession.errors import HostError
from procession.model.bridge import Address, BridgePlan

SEND_WITHIN = 30.0
"""Seconds within which a broker must take what is sent."""
FRAME_WITHIN = 60.0
"""Seconds within which a frame that has begun must be complete."""
SILENT = 60.0
"""Seconds of silence after which a broker that promised no signs of life is asked for one."""
LEAVE_WITHIN = 1.0
"""Seconds that a broker still has then to take what is being sent, and to confirm it."""
ROOM = 16 << 20
"""Bytes of messages that are read ahead of whoever takes them."""
CHUNK = 1 << 18


class Lost(Exception):
    """The connection is no more, or could not be made; the text says why, in one line."""

    def __init__(self, text: str, *, told: bool = False, receipt: str | None = None) -> None:
        super().__init__(text)
        self.told = told
        """The broker itself has said so, because it did not like what it was sent."""
        self.receipt = receipt
        """Of the frame that it did not like, if it says which."""


class Connection:
    """Open from its making on; `close` it, whatever happens."""

    def __init__(self, plan: BridgePlan, address: Address, root: Path, enough: threading.Event | None = None) -> None:
        self._enough = enough or threading.Event()
        """Whoever waits here goes away when it is set."""
        self._reader = Reader(plan.max_size)
        self._ready: deque[Frame] = deque()
        self._bytes = 0
        self._asked_at: float | None = None
        self._sends, self._hears = 0.0, 0.0
        """Seconds: at most so long we are silent, and at most so long the broker is; 0: nothing is promised."""
        self._half_since: float | None = None
        self.server = ""
        try:
            self._socket = open_socket(plan, address, root, self._enough)
        except (OSError, ValueError) as error:
            raise Lost(f"{address}: {_words(error)}") from None
        self._heard_at = self._sent_at = time.monotonic()
        try:
            self._greet(plan, address, root)
        except BaseException:
            self._socket.close()
            raise

    def _greet(self, plan: BridgePlan, address: Address, root: Path) -> None:
        beat = int(plan.heartbeat * 1000)
        headers = {"accept-version": "1.2", "host": plan.vhost or address.host, "heart-beat": f"{2 * beat},{beat}"}
        if plan.credentials_file is not None:
            headers["login"], headers["passcode"] = credentials(root / plan.credentials_file)
        self.send("CONNECT", headers)
        until = time.monotonic() + CONNECT_WITHIN
        while (frame := self.receive(min(LOOK, until - time.monotonic()))) is None:
            self._look()
            if time.monotonic() >= until:
                raise Lost(f"{address}: no answer within {CONNECT_WITHIN:g} s")
        if frame.command != "CONNECTED":
            raise Lost(f"{address}: it answered {frame.command} instead of CONNECTED")
        self.server = frame.headers.get("server", "")[:100]
        theirs, ours = _promised(frame.headers.get("heart-beat", "0,0"))
        self._sends = max(2 * plan.heartbeat, ours) if ours and plan.heartbeat else 0.0
        self._hears = max(plan.heartbeat, theirs) if theirs and plan.heartbeat else 0.0

    # ── what is sent ───────────────────────────────────────────────────────────────────────────────

    def send(self, command: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send one frame."""
        self.send_all([write(command, headers, body)])

    def send_all(self, written: list[bytes]) -> None:
        """Send frames as `write` made them. What comes meanwhile is read, so that two who send never wait for each
        other."""
        left = memoryview(b"".join(written))
        began = time.monotonic()
        while left:
            try:
                left = left[self._socket.send(left) :]
                continue
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
            except OSError as error:
                raise Lost(_words(error)) from None
            taking = time.monotonic() - began
            if taking > LEAVE_WITHIN:
                self._look()
            if taking > SEND_WITHIN:
                raise Lost(f"the broker takes nothing for {SEND_WITHIN:g} s")
            if self._wait(LOOK, writing=True, reading=self._bytes < 2 * ROOM):
                self._read()
        self._sent_at = time.monotonic()

    def _look(self) -> None:
        try:
            check(self._enough)
        except InterruptedError as error:
            raise Lost(str(error)) from None

    # ── what comes ─────────────────────────────────────────────────────────────────────────────────

    def receive(self, seconds: float) -> Frame | None:
        """The next frame, if one comes within so many seconds; Lost where the broker tells of an error."""
        until = time.monotonic() + max(0.0, seconds)
        while not self._ready:
            left = until - time.monotonic()
            if self._pending() or self._wait(min(max(0.0, left), self._patience())):
                self._read()
            self._keep_alive()
            if left <= 0 and not self._ready:
                return None
        frame = self._ready.popleft()
        self._bytes -= len(frame.body)
        if frame.command == "ERROR":
            raise Lost(_told(frame), told=True, receipt=frame.headers.get("receipt-id"))
        if frame.command == "RECEIPT" and frame.headers.get("receipt-id") == _ASKING:
            return None
        return frame

    def _wait(self, seconds: float, *, reading: bool = True, writing: bool = False) -> bool:
        """Wait until it can be read or written; return whether there is something to read."""
        poll = select.poll()
        poll.register(self._socket, (select.POLLIN if reading else 0) | (select.POLLOUT if writing else 0))
        return any(event & ~select.POLLOUT for _, event in poll.poll(seconds * 1000))

    def _pending(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise Lost(_words(error)) from None
        if not data:
            raise Lost("the broker has closed the connection")
        self._heard_at, self._asked_at = time.monotonic(), None
        try:
            frames = self._reader.take(data)
        except ProtocolError as error:
            raise Lost(f"what came is no STOMP: {error}") from None
        self._half_since = None if self._reader.between or frames else self._half_since or self._heard_at
        self._bytes += sum(len(frame.body) for frame in frames)
        self._ready += frames

    # ── signs of life ──────────────────────────────────────────────────────────────────────────────

    def _patience(self) -> float:
        """Seconds after which it must be looked whether there is still somebody."""
        return min(self._sends / 2 or 5.0, self._hears / 2 or 5.0, 5.0)

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if self._half_since is not None and now - self._half_since > FRAME_WITHIN:
            raise Lost(f"a frame was begun and is not complete after {FRAME_WITHIN:g} s")
        if self._sends and now - self._sent_at > self._sends / 2:
            self.send_all([b"\n"])
        if self._hears and now - self._heard_at > 2 * self._hears + 1:
            raise Lost(f"no sign of life for {now - self._heard_at:.0f} s")
        if self._hears or now - self._heard_at <= SILENT:
            return
        if self._asked_at is None:  # a transaction of nothing, which every broker answers
            self._asked_at = now
            self.send("BEGIN", {"transaction": _ASKING, "receipt": _ASKING})
            self.send("ABORT", {"transaction": _ASKING})
        elif now - self._asked_at > CONNECT_WITHIN:
            raise Lost(f"no answer for {now - self._heard_at:.0f} s")

    def close(self) -> None:
        """Say goodbye, and hang up; nobody waits for an answer."""
        with suppress(OSError):
            self._socket.settimeout(1.0)
            self._socket.sendall(write("DISCONNECT", {}))
        with suppress(OSError):
            self._socket.close()


_ASKING = "procession-alive"


def credentials(path: Path) -> tuple[str, str]:
    """Login and passcode: the first two lines of a file. HostError where they cannot be had, or where others could
    read them."""
    try:
        with open(path, encoding="utf-8") as file:
            mode = path.stat().st_mode
            lines = file.read(10_000).splitlines()
    except (OSError, ValueError) as error:
        raise HostError(f"the credentials in {path} cannot be read: {_words(error)}") from None
    if mode & 0o077:
        raise HostError(f"others can read the credentials in {path}; make it yours alone: chmod 600 {path}")
    if len(lines) < 2 or not lines[0]:
        raise HostError(f"{path} must have two lines, the login and the passcode")
    return lines[0], lines[1]


def _promised(said: str) -> tuple[float, float]:
    """What a broker says of heart-beats: seconds between those that it sends, and between those that it wants."""
    first, _, second = said.partition(",")
    if not (first.strip().isdigit() and second.strip().isdigit()):
        return 0.0, 0.0
    return min(int(first[:9]) / 1000, 86_400), min(int(second[:9]) / 1000, 86_400)


def _told(frame: Frame) -> str:
    said = frame.headers.get("message") or frame.body[:200].decode("utf-8", "replace")
    return f"the broker tells of an error: {' '.join(said.split())[:200] or 'without a word'}"


def _words(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())[:200]
