"""The other side of a broker: what senders and listeners elsewhere do, with the library that they use (stomp.py)."""

import json
import queue
from typing import Any

import stomp

from tests.brokers import LOGIN, PASSCODE, Broker


class _Heard(stomp.ConnectionListener):
    def __init__(self, to: "queue.Queue[tuple[dict[str, str], bytes]]") -> None:
        self._to = to

    def on_message(self, frame: Any) -> None:
        self._to.put((dict(frame.headers), frame.body))


class Peer:
    """A connection of stomp.py to a broker; use it as a context manager."""

    def __init__(self, broker: Broker) -> None:
        self.heard: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        vhost = {"vhost": broker.vhost} if broker.vhost else {}
        self.connection = stomp.Connection12([("127.0.0.1", broker.port)], auto_decode=False, **vhost)
        self.connection.set_listener("", _Heard(self.heard))
        self.connection.connect(LOGIN, PASSCODE, wait=True)
        self._receipts = 0

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        if self.connection.is_connected():
            self.connection.disconnect()

    def send(self, destination: str, body: Any, **headers: str) -> None:
        """Send JSON, or bytes as they are, to be kept by the broker."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.send(destination, data, persistent="true", **headers)

    def listen(self, *destinations: str) -> None:
        """Hear what comes there, each message acknowledged as soon as it comes."""
        for number, destination in enumerate(destinations):
            self.connection.subscribe(destination, id=str(number), ack="auto")

    def next(self, timeout: float = 10) -> tuple[dict[str, str], Any]:
        """The next message: headers, and its JSON."""
        headers, body = self.heard.get(timeout=timeout)
        return headers, json.loads(body)
