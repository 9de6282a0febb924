#!/usr/bin/env python3
"""Make a picture in natural colours of the calibrated bands in this folder.

    python rgb.py

Reads `<scene>_B4_toa.tif`, `_B3_`, `_B2_` (red, green, blue), writes `<scene>_rgb.png`. Each band is
stretched between its 2nd and 98th percentile; fill does not count and stays black.
"""

from pathlib import Path

from PIL import Image


def stretch(band):
    """The band as bytes: the darkest 2 % become 0, the brightest 2 % 255."""
    values = sorted(value for value in band.get_flattened_data() if value > 0)  # below zero is fill
    low, high = values[len(values) * 2 // 100], values[len(values) * 98 // 100]
    scale = 255 / max(high - low, 1e-6)
    return band.point(lambda value: value * scale + (-low * scale)).convert("L"), low, high


found = sorted(Path().glob("*_B4_toa.tif"))
if not found:
    raise SystemExit("rgb: there is no *_B4_toa.tif in this folder; run calibrate.py first")
scene = found[0].name.removesuffix("_B4_toa.tif")

channels = []
for colour, number in (("red", 4), ("green", 3), ("blue", 2)):
    with Image.open(f"{scene}_B{number}_toa.tif") as band:
        channel, low, high = stretch(band)
    print(f"{colour}: reflectance {low:.3f} to {high:.3f}")
    channels.append(channel)

picture = Image.merge("RGB", channels)
picture.save(f"{scene}_rgb.png")
print(f"{scene}_rgb.png: {picture.width} x {picture.height}")
