"""Durations and sizes as people write them: ``"90s"``, ``"2 h 5 min"``, ``"20GB"``, ``"1 GiB"``.

Inside Procession a duration is a number of seconds and a size a number of bytes; `to_seconds` and `to_bytes`
read what a person wrote (a bare number is seconds or bytes already), `duration` and `size` write for people.
What is negative, not a number, or larger than anybody can mean is refused with Invalid (B33).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from procession.errors import Invalid

MAX_SECONDS = 100 * 366 * 86400.0
"""A hundred years; a longer span is a slip of the keyboard."""

MAX_BYTES = 10**17
"""100 PB; more is a slip of the keyboard."""

_SECONDS: dict[str, float] = {
    "ms": 0.001,
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
}
_PREFIXES = "kmgtp"
_BYTES: dict[str, int] = {
    "b": 1,
    "bytes": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate(_PREFIXES, 1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate(_PREFIXES, 1)},
}
_PIECE = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([A-Za-z]+)\s*")


def to_seconds(value: Any) -> float:
    """Seconds of what a person wrote: a number, or a text such as ``"1.5 days"`` or ``"2 h 5 min"``."""
    if isinstance(value, str):
        pieces = _pieces(value)
        if not pieces or not all(unit in _SECONDS for _, unit in pieces):
            raise Invalid(f'{_shown(value)} is not a duration; write e.g. "{_hint(value, "20 min", "{} s")}"')
        seconds = math.fsum(float(number) * _SECONDS[unit] for number, unit in pieces)
    else:
        seconds = _number(value, "a duration", '"20 min"')
    if seconds > MAX_SECONDS:
        raise Invalid(f"{_shown(value)} is longer than a hundred years; leave it out where there is no limit")
    return seconds


def to_bytes(value: Any) -> int:
    """Bytes of what a person wrote: a number, or a text such as ``"50 GB"`` (powers of 1000), ``"1 GiB"``."""
    if isinstance(value, str):
        pieces = [(number, unit.lower()) for number, unit in _pieces(value)]
        if len(pieces) != 1 or pieces[0][1] not in _BYTES:
            raise Invalid(f'{_shown(value)} is not a size; write e.g. "{_hint(value, "20 GB", "{} B")}" (or GiB)')
        number, unit = pieces[0]
        whole = int(number) * _BYTES[unit] if number.isdigit() else round(float(number) * _BYTES[unit])
    else:
        whole = math.ceil(_number(value, "a size", '"20 GB"'))
    if whole > MAX_BYTES:
        raise Invalid(f"{_shown(value)} is more than 100 PB; leave it out where there is no limit")
    return whole


def duration(seconds: float) -> str:
    """A span for people, in its two largest units: ``"2 h 5 min"``, ``"42 s"``, ``"0.35 s"``, ``"4 ms"``."""
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 0.0995:
        return f"{whole} ms" if (whole := round(seconds * 1000)) else "0 s"
    if seconds < 9.95:
        return f"{round(seconds, 2 if seconds < 0.995 else 1):g} s"
    whole = round(seconds)
    if whole >= 86400:
        days, hours = divmod(round(seconds / 3600), 24)
        return _pair(days, "day" if days == 1 else "days", hours, "h")
    if whole >= 3600:
        minutes = round(seconds / 60)
        return "1 day" if minutes == 1440 else _pair(minutes // 60, "h", minutes % 60, "min")
    return _pair(whole // 60, "min", whole % 60, "s") if whole >= 60 else f"{whole} s"


def size(count: float) -> str:
    """Bytes for people, three digits in powers of 1000: ``"512 MB"``, ``"1.5 GB"``, ``"0 B"``."""
    if count < 0:
        return "-" + size(-count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} PB" if count < 999.5 else f"{count:.0f} PB"


def _pieces(text: str) -> list[tuple[str, str]]:
    """(number, unit) of each piece; nothing where the text is anything else."""
    pieces, end = [], 0
    while end < len(text) <= 100:
        match = _PIECE.match(text, end)
        if not match:
            return []
        pieces.append((match[1], match[2]))
        end = match.end()
    return pieces


def _number(value: Any, what: str, example: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"{_shown(value)} is not {what}; write e.g. {example}")
    if not value >= 0:  # NaN as well
        raise Invalid(f"{_shown(value)} is not {what}: it cannot be less than nothing; write e.g. {example}")
    return float(min(value, 1e30))


def _pair(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"


def _hint(text: str, usual: str, with_number: str) -> str:
    """The example of an error message: the text with a unit where it has none, else the usual one."""
    return with_number.format(text.strip()) if re.fullmatch(r"\s*[0-9.]{1,12}\s*", text) else usual


def _shown(value: Any) -> str:
    if isinstance(value, int) and abs(value) > 10**30:
        return "a number of more than 30 digits"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
