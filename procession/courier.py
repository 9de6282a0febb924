"""Courier: deliveries on their way, beside the loop, each with a time limit of its own.

In: a URL that may be called, a body, a name. Out: whether it was taken, and why not. Always: the address is looked up
and judged right before it is called, and that very address is called; a redirect is no delivery; of what the receiver
says no more than its status is read; nobody waits for it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Queue
from typing import Any

from procession import __version__
from procession.errors import Invalid
from procession.model.callback import Callback, check_callback, refuse_address

LIMIT = 10.0
"""Seconds for all of one try."""
AT_ONCE = 8
"""So many are on their way beside each other."""
AT_ONE_HOST = 2
"""So many of them to one host: a slow receiver does not keep the others waiting."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One try at a delivery."""

    delivery_id: int
    name: str
    """By which the receiver knows a repeat."""
    target: str
    body: str
    number: int
    """Of this try, from 1."""
    until: int = 0
    """The end of the lease of this try: so it is known from every other one."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A try that is over."""

    parcel: Parcel
    problem: str | None
    """Why it was not taken; None: it was."""


class Courier:
    """Those that are on their way, and those that have come back. One thread uses it."""

    def __init__(self) -> None:
        self._back: deque[Returned] = deque()
        self.under_way: dict[int, str] = {}
        """Delivery id → host, of those that are on their way or whose end nobody has taken in yet."""

    def may_take(self, host: str, going: Sequence[str]) -> bool:
        """Is there a hand free for this host, when one goes to each of `going`?"""
        hosts = [*self.under_way.values(), *going]
        return len(hosts) < AT_ONCE and hosts.count(host) < AT_ONE_HOST

    def begin(self, parcel: Parcel, host: str, allowed: Sequence[str], poke: Callable[[], object]) -> None:
        """Send one on its way; `poke` is called when it is back, in another thread."""
        self.under_way[parcel.delivery_id] = host

        def run() -> None:
            try:
                problem = hand_over(parcel, allowed)
            except Exception as error:  # whatever it is: a try that never came back would never be made again
                problem = f"{type(error).__name__}: {str(error)[:200]}"
            self._back.append(Returned(parcel, problem))
            poke()

        threading.Thread(target=run, daemon=True, name=f"delivery {parcel.delivery_id}").start()

    def take(self) -> list[Returned]:
        """What has come back since."""
        taken = []
        while self._back:
            taken.append(self._back.popleft())
            self.under_way.pop(taken[-1].parcel.delivery_id, None)
        return taken

    @property
    def ended(self) -> bool:
        """Is there something to take?"""
        return bool(self._back)


def hand_over(parcel: Parcel, allowed: Sequence[str]) -> str | None:
    """POST it; return why it was not taken, or None. Never raises."""
    import http.client  # noqa: PLC0415  a launcher that delivers nothing does without

    try:
        callback = check_callback(parcel.target, allowed)  # the list may have changed since it was asked for
        status = _post(callback, parcel)
    except Invalid as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {LIMIT:g} s"
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {str(error)[:200] or 'the connection broke'}"
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"status {status}: it points elsewhere, and no redirect is followed"
    return f"status {status}"


def _post(callback: Callback, parcel: Parcel) -> int:
    """The status of the answer."""
    import http.client  # noqa: PLC0415

    deadline = time.monotonic() + LIMIT
    connection = http.client.HTTPConnection(callback.host, callback.port, timeout=LIMIT)
    sock = _connect(callback, deadline)
    late = threading.Event()
    watch = threading.Timer(
        max(0.0, deadline - time.monotonic()), _cut, (sock, late)
    )  # the limit of a socket is for each step, not for all
    watch.daemon = True
    watch.start()
    try:
        if callback.scheme == "https":
            import ssl  # noqa: PLC0415

            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=callback.host)
        connection.sock = sock
        headers = {
            "Host": callback.authority,
            "Content-Type": "application/json",
            "User-Agent": f"procession/{__version__}",
            "Procession-Delivery": parcel.name,
            "Procession-Try": str(parcel.number),
            "Connection": "close",
        }
        connection.request("POST", callback.path, parcel.body.encode(), headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()
        with suppress(OSError):
            sock.close()


def _cut(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    """Seconds until then; TimeoutError if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _look_up(callback: Callback, deadline: float) -> list[Any]:
    """The addresses of its host. Nobody can interrupt the system that looks; so nobody waits for it longer."""
    found: Queue[list[Any] | Exception] = Queue()

    def look() -> None:
        try:
            found.put(socket.getaddrinfo(callback.host, callback.port, type=socket.SOCK_STREAM))
        except Exception as error:
            found.put(error)

    threading.Thread(target=look, daemon=True, name=f"look up {callback.host[:50]}").start()
    try:
        answer = found.get(timeout=_left(deadline))
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _connect(callback: Callback, deadline: float) -> socket.socket:
    """Look the host up, judge every address, and connect to one of those that were judged."""
    found = _look_up(callback, deadline)
    for *_, address in found:
        refuse_address(str(address[0]), callback)
    problem: OSError = OSError(f"{callback.host} has no address")
    for family, kind, protocol, _, address in found:
        span = min(_left(deadline), LIMIT / 2)
        sock = socket.socket(family, kind, protocol)
        sock.settimeout(span)
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
            continue
        sock.settimeout(LIMIT)
        return sock
    raise problem
