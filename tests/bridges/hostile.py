"""A broker that does what no broker should: a raw socket that a test writes to as it likes."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable

CONNECTED = b"CONNECTED\nversion:1.2\nheart-beat:%s\n\n\0"


class Session:
    """One connection of a bridge, after its greeting was answered."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.acks: list[str] = []
        self.commands: list[str] = []
        self.sent: list[str] = []
        """Destinations of what was published, in its order."""
        self.closed = threading.Event()
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Write; what the other side does not want to hear any more is lost."""
        with contextlib.suppress(OSError):
            self.sock.sendall(data)

    def message(self, ack: str, body: bytes, headers: bytes = b"") -> None:
        """A message as it should be, but for what is given."""
        self.send(b"MESSAGE\nack:%s\nmessage-id:%s\n%s\n%s\0" % (ack.encode(), ack.encode(), headers, body))

    def cut(self) -> None:
        """Break the connection, at once."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def listen(self) -> None:
        """Take in what comes until it ends."""
        with contextlib.suppress(OSError):
            while data := self.sock.recv(65536):
                self._rest += data
                *whole, self._rest = self._rest.split(b"\0")  # what a bridge sends that only reads has no body
                for frame in (each.decode().lstrip("\n") for each in whole):
                    self.commands.append(frame.partition("\n")[0])
                    if found := re.fullmatch(r"ACK\nid:(.*)\n\n", frame):
                        self.acks.append(found[1])
                    elif frame.startswith("SEND\n") and (named := re.search(r"^receipt:(.*)$", frame, re.MULTILINE)):
                        self.sent += re.findall(r"^destination:(.*)$", frame, re.MULTILINE)
                        if self.confirms:
                            self.send(b"RECEIPT\nreceipt-id:%s\n\n\0" % named[1].encode())
                    elif frame.startswith("BEGIN") and self.answers:
                        self.send(b"RECEIPT\nreceipt-id:procession-alive\n\n\0")
        self.closed.set()

    answers = True
    confirms = False
    """Does it confirm what is published?"""


class Hostile:
    """Listens; each connection that subscribes is given to `behave`, in a thread of its own."""

    def __init__(self, behave: Callable[[Session], None], *, beats: bytes = b"0,0", port: int = 0) -> None:
        self._behave = behave
        self._beats = beats
        self._listening = socket.create_server(("127.0.0.1", port))
        self.url = f"stomp://127.0.0.1:{self._listening.getsockname()[1]}"
        self.sessions: list[Session] = []
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self) -> "Hostile":
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for session in self.sessions:
            session.cut()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        session = Session(sock)
        sock.recv(4096)
        session.send(CONNECTED % self._beats)
        self.sessions.append(session)
        threading.Thread(target=self._behave, args=(session,), daemon=True).start()
        session.listen()

    @property
    def acks(self) -> list[str]:
        """Of all connections, in their order."""
        return [ack for session in self.sessions for ack in session.acks]
