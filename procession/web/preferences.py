"""How somebody wants the pages to look: theme, zone of time, density, how often. A cookie, nothing on the server.

*Always:* what is in the cookie is one of a few words, or it is the usual one; nobody is believed to have sent what we
set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode

CHOICES: dict[str, tuple[str, ...]] = {
    "theme": ("system", "light", "dark"),
    "zone": ("utc", "local", "doy"),
    "density": ("usual", "comfortable", "compact"),
    "refresh": ("live", "5", "30", "off"),
    "keys": ("on", "off"),
    "quiet": ("shown", "hidden"),
}
"""Name → its values, the usual one first. ``refresh``: as it happens, every so many seconds, or when asked; ``keys``:
single keys as shortcuts; ``quiet``: runs of timetables that found nothing, in lists."""
KEPT = 400 * 86_400
"""Seconds; browsers keep no cookie for longer."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one person chose."""

    theme: str = "system"
    zone: str = "utc"
    density: str = "usual"
    refresh: str = "live"
    keys: str = "on"
    quiet: str = "shown"

    def changed(self, given: Mapping[str, str]) -> Preferences:
        """With those that are given and that there are."""
        known = {name: given[name] for name, words in CHOICES.items() if given.get(name) in words}
        return Preferences(**{**asdict(self), **known})

    def cookie(self) -> str:
        """As the value of a cookie."""
        return urlencode(asdict(self))


def read(cookie: str | None) -> Preferences:
    """What a browser has sent."""
    if cookie is None or len(cookie) > 500:
        return Preferences()
    return Preferences().changed(dict(parse_qsl(cookie)))
