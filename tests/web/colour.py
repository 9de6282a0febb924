"""How colours look: to whom one kind of cone is missing, on grey paper, and how far two of them are apart.

Who lacks a kind of cone sees by Machado, Oliveira and Fernandes (2009), severity 1.0, in linear RGB. The distance is
CIEDE2000 as Sharma, Wu and Dalal (2005) write it out; about 2 is seen side by side, 12 at a glance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt
from pathlib import Path

from procession.web import static

Triple = tuple[float, float, float]
CSS = Path(static.__file__).parent / "static" / "css"
LUMINANCE = 0.2126, 0.7152, 0.0722
TO_XYZ = (0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041)
WHITE = 0.95047, 1.0, 1.08883
VISION = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    "grey": (LUMINANCE, LUMINANCE, LUMINANCE),
}
"""Who looks → what linear RGB becomes to them."""


def tokens(theme: str) -> dict[str, str]:
    """Name of a colour → its value in "light" or "dark"."""
    found = re.findall(r"--([\w-]+):light-dark\((#\w+), (#\w+)\)", (CSS / "tokens.css").read_text("utf-8"))
    return {name: light if theme == "light" else dark for name, light, dark in found}


def lab(colour: str, vision: str) -> Triple:
    """What somebody sees of a colour written as ``#rgb`` or ``#rrggbb``, in CIELAB."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
    rgb = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    seen = [min(1.0, max(0.0, each)) for each in _times(VISION[vision], linear)]
    x, y, z = (_root(value / white) for value, white in zip(_times(TO_XYZ, seen), WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def apart(one: Triple, other: Triple) -> float:
    """CIEDE2000 of two colours in CIELAB."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    grey = _grey((hypot(a1, b1) + hypot(a2, b2)) / 2)
    a1, a2 = a1 * (1.5 - grey / 2), a2 * (1.5 - grey / 2)
    c1, c2 = hypot(a1, b1), hypot(a2, b2)
    h1, h2 = degrees(atan2(b1, a1)) % 360, degrees(atan2(b2, a2)) % 360
    turn = h2 - h1 if c1 * c2 else 0.0
    turn -= 360 if turn > 180 else -360 if turn < -180 else 0
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = (h1 + h2) / 2 if abs(h1 - h2) <= 180 else (h1 + h2 + (360 if h1 + h2 < 360 else -360)) / 2
    if not c1 * c2:
        hue = h1 + h2
    weight = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6) - 0.20 * _cos(4 * hue - 63)
    of_light = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / sqrt(20 + (light - 50) ** 2))
    of_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    of_hue = 2 * sqrt(c1 * c2) * sin(radians(turn / 2)) / (1 + 0.015 * chroma * weight)
    turned = -2 * _grey(chroma) * sin(radians(60 * exp(-(((hue - 275) / 25) ** 2))))
    return sqrt(of_light**2 + of_chroma**2 + of_hue**2 + turned * of_chroma * of_hue)


def _grey(chroma: float) -> float:
    return sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _cos(angle: float) -> float:
    return cos(radians(angle))


def _root(value: float) -> float:
    return value ** (1 / 3) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29


def _times(matrix: Iterable[Iterable[float]], of: Iterable[float]) -> list[float]:
    held = list(of)
    return [sum(a * b for a, b in zip(row, held, strict=True)) for row in matrix]
