"""Reaching a broker: from an address to a socket that can be written to, over TLS where the plan says so.

In: an address, and what the plan of the bridge says of certificates. Out: an open socket that does not block. Always:
whoever waits here waits in short spans, so that a broker that does not answer holds up no end; over TLS a broker is
believed only with a certificate of its name.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

from procession.model.bridge import Address, BridgePlan

CONNECT_WITHIN = 10.0
"""Seconds for the connection, and as many for the broker's answer."""
LOOK = 0.25
"""Seconds within which somebody who waits sees that it is enough."""


def open_socket(plan: BridgePlan, address: Address, root: Path, enough: threading.Event) -> socket.socket:
    """A socket that does not block. Of several addresses of one name the first that answers."""
    places = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, place) in enumerate(places, 1):
        made = socket.socket(family, kind, protocol)
        try:
            _reach(made, place, enough)
        except OSError:
            made.close()
            if number == len(places):
                raise
        except BaseException:
            made.close()
            raise
        else:
            return _secured(made, plan, address, root, enough)
    raise OSError(errno.EADDRNOTAVAIL, "the name has no address")


def _reach(made: socket.socket, place: Any, enough: threading.Event) -> None:
    made.setblocking(False)
    code = made.connect_ex(place)
    if code == errno.EINPROGRESS:
        _until(made, select.POLLOUT, time.monotonic() + CONNECT_WITHIN, enough)
        code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _secured(
    made: socket.socket, plan: BridgePlan, address: Address, root: Path, enough: threading.Event
) -> socket.socket:
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not address.tls:
            return made
        context = ssl.create_default_context(cafile=None if plan.ca_file is None else str(root / plan.ca_file))
        if plan.cert_file is not None:
            key = root / (plan.key_file or plan.cert_file)
            context.load_cert_chain(root / plan.cert_file, key, lambda: "")  # it must not ask on the terminal
        made = context.wrap_socket(made, server_hostname=address.host, do_handshake_on_connect=False)
        _shake_hands(made, enough)
    except BaseException:
        made.close()
        raise
    return made


def _shake_hands(made: ssl.SSLSocket, enough: threading.Event) -> None:
    until = time.monotonic() + CONNECT_WITHIN
    while True:
        try:
            return made.do_handshake()
        except ssl.SSLWantReadError:
            _until(made, select.POLLIN, until, enough)
        except ssl.SSLWantWriteError:
            _until(made, select.POLLOUT, until, enough)


def _until(made: socket.socket, what: int, until: float, enough: threading.Event) -> None:
    """Wait until the socket can be read or written; TimeoutError when it is too late."""
    poll = select.poll()
    poll.register(made, what)
    while not poll.poll(LOOK * 1000):
        check(enough)
        if time.monotonic() > until:
            raise TimeoutError(f"no answer within {CONNECT_WITHIN:g} s")


def check(enough: threading.Event) -> None:
    """Raise InterruptedError when it is enough."""
    if enough.is_set():
        raise InterruptedError("it is enough")
