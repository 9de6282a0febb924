#!/usr/bin/env python3
"""Make a small picture with the scene's name on it, and two numbers: is this scene worth a look?

    python quicklook.py

Reads `<scene>_rgb.png` and the calibrated bands, writes `<scene>_quicklook.png`.
"""

import os
import shutil
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = 320
CAPTION = 24  # pixels below the picture

found = sorted(Path().glob("*_rgb.png"))
if not found:
    raise SystemExit("quicklook: there is no *_rgb.png in this folder; run rgb.py first")
scene = found[0].name.removesuffix("_rgb.png")

# The picture.
with Image.open(found[0]) as picture:
    small = picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
card = Image.new("RGB", (SIZE, SIZE + CAPTION), "white")
card.paste(small, (0, 0))
font = ImageFont.load_default(14)
ImageDraw.Draw(card).text((SIZE / 2, SIZE + CAPTION / 2), scene, fill="black", font=font, anchor="mm")
quicklook = Path(f"{scene}_quicklook.png")
card.save(quicklook)

# The numbers.
with Image.open(f"{scene}_B2_toa.tif") as blue:
    values = [value for value in blue.get_flattened_data() if value > 0]  # below zero is fill
reflectance = sum(values) / len(values)
cloud = sum(value > 0.2 for value in values) / len(values)  # rough: little on the ground is so blue
print(f"{quicklook}: mean blue reflectance {reflectance:.3f}, {cloud:.2%} cloud")

# Under Procession: values for later steps and the result, a number to plot, a picture for the page.
if "PROCESSION_OUTPUT" in os.environ:
    with open(os.environ["PROCESSION_OUTPUT"], "a") as file:
        file.write(f"reflectance={reflectance:.4f}\ncloud={cloud:.4f}\n")
if "PROCESSION_METRICS" in os.environ:
    with open(os.environ["PROCESSION_METRICS"], "a") as file:
        file.write(f"reflectance={reflectance:.4f}\n")
if "PROCESSION_ARTIFACTS" in os.environ:
    shutil.copy(quicklook, os.environ["PROCESSION_ARTIFACTS"])
