#!/usr/bin/env python3
"""Make a picture in natural colours of the scene in this folder.

    python rgb.py

Reads `<scene>_B4.tif`, `_B3.tif` and `_B2.tif` (red, green, blue), writes `<scene>_rgb.png`; each band is stretched
between its 2nd and 98th percentile.
"""

from pathlib import Path

from PIL import Image

red = next(Path().glob("*_B4.tif"), None)
if red is None:
    raise SystemExit("rgb: there is no red band (*_B4.tif) in this folder; run load.sh first")
scene = red.name.removesuffix("_B4.tif")


def stretched(path):
    with Image.open(path) as band:
        numbers = sorted(band.get_flattened_data())
        low, high = numbers[len(numbers) * 2 // 100], numbers[len(numbers) * 98 // 100]
        scale = 255 / max(high - low, 1)
        return band.convert("F").point(lambda number: number * scale + (-low * scale)).convert("L")


Image.merge("RGB", [stretched(f"{scene}_B{number}.tif") for number in (4, 3, 2)]).save(f"{scene}_rgb.png")
print(f"{scene}_rgb.png")
