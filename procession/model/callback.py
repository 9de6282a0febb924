"""Callback: where the end of a processing may be told, and which addresses are never called.

An operator lists the beginnings of URLs in ``[web] callbacks``; nothing else is called. A name is looked up right
before it is called, and an address of this machine, of its network card or of a cloud's own service is refused then,
unless the list has that very address or ``localhost``: a name that means another address tomorrow opens no door.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from procession.errors import Invalid

MAX_URL = 2_000
PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]+")
"""Characters that stand in a URL as they are; no space, quote, backslash or control character."""
_INNER = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "2002::/16"))
"""Addresses that carry one of IPv4 inside."""
_CLOUD = tuple(ipaddress.ip_address(text) for text in ("100.100.100.200", "fd00:ec2::254", "168.63.129.16"))
"""Services of clouds that tell secrets to whoever asks from inside; that at 169.254.169.254 is link-local."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Callback:
    """A URL that may be called."""

    scheme: str
    host: str
    port: int
    path: str
    """With its query."""
    named: bool
    """The list names this very address, or localhost."""

    @property
    def authority(self) -> str:
        """As the header ``Host`` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def check_callback(url: str, allowed: Sequence[str]) -> Callback:
    """This URL, if one of the allowed beginnings is its own; Invalid says what is wrong."""
    if not isinstance(url, str) or not 0 < len(url) <= MAX_URL or not _PLAIN.fullmatch(url):
        raise Invalid(f"a callback is a URL of at most {MAX_URL} plain characters, https://results.example/take")
    parts, port = _split(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise Invalid("a callback begins with https:// or http:// and a host")
    if "@" in parts.netloc or parts.fragment:
        raise Invalid("a callback holds no user, password or fragment; give the receiver what it needs in its path")
    if any(unquote(piece) in (".", "..") for piece in re.split(r"/|%2[fF]", parts.path)):
        raise Invalid("a callback has no . or .. in its path")
    for beginning in allowed:
        listed, listed_port = _split(beginning)
        same = (parts.scheme, parts.hostname, port) == (listed.scheme, listed.hostname, listed_port)
        if same and _is_below(parts.path or "/", listed.path or "/"):
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            return Callback(parts.scheme, parts.hostname, port, path, _is_address(parts.hostname))
    raise Invalid(f"{url[:80]} is not below a URL that may be called; an operator lists these as [web] callbacks")


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        return parts, parts.port if parts.port is not None else PORTS.get(parts.scheme, 0)
    except ValueError:
        raise Invalid(f"{url[:80]!r} is not a URL") from None


def _is_below(path: str, beginning: str) -> bool:
    return path == beginning or path.startswith(beginning if beginning.endswith("/") else beginning + "/")


def _is_address(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def refuse_address(text: str, callback: Callback) -> None:
    """Raise Invalid for an address that is never called, unless the list of the operator has it itself."""
    address = _plain(ipaddress.ip_address(text.partition("%")[0]))
    if callback.named and (address.is_loopback if callback.host == "localhost" else True):
        return
    never = (
        address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
        or address.is_reserved or address in _CLOUD
    )  # fmt: skip
    if never:
        raise Invalid(
            f"{callback.host} is at {address}, an address of this machine, its link or its cloud; it is not called"
        )


def _plain(address: Address) -> Address:
    """The address of IPv4 that stands in one of IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network in _INNER:
        if address in network:
            shift = 0 if network.prefixlen == 96 else 80
            return ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return address
