#!/usr/bin/env python3
"""Turn the digital numbers of every band in this folder into top-of-atmosphere reflectance.

    python calibrate.py

Reads `<scene>_B?.tif`, writes `<scene>_B?_toa.tif`: 32-bit floats without a unit, 1.0 = all light is
reflected. Fill, which is 0 in the input, comes out as the only value below zero. The geotags are kept.
"""

import math
import os
from pathlib import Path

from PIL import Image

# From the scenes' metadata: REFLECTANCE_MULT_BAND_x, REFLECTANCE_ADD_BAND_x; and where the sun stood.
GAIN = 2.0e-5
OFFSET = -0.1
SUN_ELEVATION = math.radians(35.95)

# ModelPixelScale, ModelTiepoint, GeoKeyDirectory, GeoAsciiParams: where on Earth the pixels are.
GEOTAGS = (33550, 33922, 34735, 34737)

bands = sorted(Path().glob("*_B[0-9].tif"))
if not bands:
    raise SystemExit("calibrate: there are no bands (*_B?.tif) in this folder; run load.sh first")

for number, path in enumerate(bands, start=1):
    with Image.open(path) as image:
        # With floats `point` can do scale * x + offset and nothing else, which is all that is needed.
        reflectance = image.convert("F").point(
            lambda dn: dn * (GAIN / math.sin(SUN_ELEVATION)) + (OFFSET / math.sin(SUN_ELEVATION))
        )
        tags = {tag: image.tag_v2[tag] for tag in GEOTAGS if tag in image.tag_v2}
    reflectance.save(path.with_name(f"{path.stem}_toa.tif"), tiffinfo=tags, compression="tiff_adobe_deflate")

    darkest, brightest = reflectance.getextrema()
    print(f"{path.name}: reflectance {darkest:.3f} to {brightest:.3f}")
    if "PROCESSION_PROGRESS" in os.environ:
        with open(os.environ["PROCESSION_PROGRESS"], "a") as file:
            file.write(f"{number / len(bands):.2f} band {number} of {len(bands)}\n")
