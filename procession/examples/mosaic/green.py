#!/usr/bin/env python3
"""How green is the scene in this folder?

    python green.py

Reads the green and the red band, `<scene>_B3.tif` and `_B4.tif`, writes `<scene>_green.png`: the normalised difference
of the two, the nearest to NDVI that there is without an infrared band. Above 0.1 it is taken for vegetation.
"""

import os
from pathlib import Path

from PIL import Image

VEGETATION = 0.1

red = next(Path().glob("*_B4.tif"), None)
if red is None:
    raise SystemExit("green: there is no red band (*_B4.tif) in this folder; run load.sh first")
scene = red.name.removesuffix("_B4.tif")


def reflectance(path):
    """From the factors of the metadata; where the sun stood falls out of the quotient."""
    with Image.open(path) as band:
        return [2.0e-5 * number - 0.1 for number in band.get_flattened_data()], band.size


greens, size = reflectance(f"{scene}_B3.tif")
reds, _ = reflectance(red)
index = [(g - r) / (g + r) for g, r in zip(greens, reds, strict=True)]
share = sum(value > VEGETATION for value in index) / len(index)

picture = Image.new("L", size)
picture.putdata([round(255 * min(max(value / 0.3, 0), 1)) for value in index])
picture.save(f"{scene}_green.png")
print(f"{scene}: {share:.0%} vegetation")

if "PROCESSION_OUTPUT" in os.environ:  # under Procession: a value for conditions and for people
    with open(os.environ["PROCESSION_OUTPUT"], "a") as file:
        file.write(f"share={share:.4f}\n")
