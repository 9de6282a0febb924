#!/usr/bin/env python3
"""Report on the scene in this folder: into the picture of its place, and into the catalogue.

    python report.py SCENE ARCHIVE

Pastes `<scene>_rgb.png` into `ARCHIVE/<place>.png`, a mosaic of two by two tiles, puts its line into
`ARCHIVE/catalogue.csv`, and leaves `<scene>_report.txt` here. Both files of the archive are read, changed and written:
two runs at the same time would lose what one of them did. Running it again does no harm.
"""

import os
import sys
from pathlib import Path

from PIL import Image

scene, archive = sys.argv[1], Path(sys.argv[2])
_, _, place, day, tile = scene.split("_")
archive.mkdir(exist_ok=True)


def replace(target, write):
    """Write a new file and put it in the place of the old one."""
    part = target.with_name(f".{target.name}.part")
    write(part)
    part.replace(target)


with Image.open(f"{scene}_rgb.png") as picture, Image.open(f"{scene}_green.png") as green:
    width, height = picture.size
    greenness = sum(green.get_flattened_data()) / (width * height) / 255 * 0.3
    mosaic = Image.new("RGB", (2 * width, 2 * height), "grey")
    if (archive / f"{place}.png").exists():
        with Image.open(archive / f"{place}.png") as before:
            mosaic.paste(before)
    number = int(tile.removeprefix("tile"))
    mosaic.paste(picture, (number % 2 * width, number // 2 * height))
replace(archive / f"{place}.png", lambda part: mosaic.save(part, format="PNG"))

catalogue = archive / "catalogue.csv"
lines = catalogue.read_text().splitlines() if catalogue.exists() else []
lines = [line for line in lines if not line.startswith(f"{scene},")] + [f"{scene},{place},{day},{greenness:.3f}"]
replace(catalogue, lambda part: part.write_text("\n".join(sorted(lines)) + "\n"))

report = f"{scene}: mean greenness {greenness:.3f}, shown in {place}.png\n"
Path(f"{scene}_report.txt").write_text(report)
print(report, end="")
if "PROCESSION_ARTIFACTS" in os.environ:
    mosaic.save(Path(os.environ["PROCESSION_ARTIFACTS"]) / f"{place}.png")
