"""What a file looks like: its kind, the head of a table or a text, a small picture.

*Always:* bounded in bytes, rows and pixels; nothing in a file is ever run; without Pillow small pictures are shown as
they are.
"""

from __future__ import annotations

import csv
import io
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from procession.errors import NotFound
from procession.web.logs.excerpt import clean
from procession.web.processing import directory
from procession.web.processing.directory import Entry

PICTURES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "svg": "image/svg+xml", "avif": "image/avif",
}  # fmt: skip
"""Ending → type of pictures that browsers draw."""
DRAWN = frozenset({"tif", "tiff", "bmp", "ppm", "pgm"})
"""Endings of pictures of which only Pillow can make one that browsers draw."""
TEXTS = frozenset(
    {"txt", "md", "log", "yaml", "yml", "toml", "ini", "cfg", "xml", "py", "sh", "json", "geojson", "rst"}
)
BROWSERS_ALONE = (".svg", ".avif")
"""Endings of pictures of which Pillow makes none."""
HEAD = 64 << 10
ROWS, COLUMNS, LINES = 20, 30, 60
SMALL = 2 << 20
"""Bytes of a picture that is shown as it is."""
THUMB = 480
MOST_PIXELS = 25_000_000
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM")
"""What Pillow may read; others start programs, or are seldom read by anybody."""
_turn = threading.Lock()
"""One picture at a time: each may take a hundred megabytes."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown of a file."""

    entry: Entry
    kind: str
    """``picture``, ``table``, ``text``, ``page`` or ``file``."""
    rows: list[list[str]] = field(default_factory=list)
    text: str = ""
    more: bool = False


def kind_of(name: str) -> str:
    """How a file of this name is shown."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if ending in PICTURES or ending in DRAWN:
        return "picture"
    if ending in ("csv", "tsv"):
        return "table"
    if ending in ("html", "htm"):
        return "page"
    return "text" if ending in TEXTS or name in ("output", "metrics", "errors", "events") else "file"


def preview(root: Path, entry: Entry) -> Preview:
    """What can be shown of a file."""
    kind = kind_of(entry.name)
    if kind == "picture" and not drawable(entry):
        return Preview(entry, "file")
    if kind not in ("table", "text"):
        return Preview(entry, kind)
    try:
        with directory.opened(root, entry.path) as file:
            data = file.read(HEAD)
    except (NotFound, OSError):
        return Preview(entry, "file")
    if b"\0" in data:
        return Preview(entry, "file")
    text = data.decode("utf-8", "replace")
    cut = entry.size > HEAD
    if kind == "table":
        rows = _rows(text, "\t" if entry.name.endswith(".tsv") else ",", cut=cut)
        return Preview(entry, kind, rows[:ROWS], more=len(rows) > ROWS or cut)
    lines = (_pretty(text) if entry.name.endswith("json") and not cut else text).split("\n")
    shown = "\n".join(clean(line) for line in lines[:LINES])
    return Preview(entry, kind, text=shown, more=len(lines) > LINES or cut)


def _rows(text: str, between: str, *, cut: bool) -> list[list[str]]:
    whole = text[: text.rfind("\n")] if cut else text
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(whole), delimiter=between):
            found.append([clean(cell)[:200] for cell in row[:COLUMNS]])
            if len(found) > ROWS:
                break
    except csv.Error:
        pass
    return found


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def drawable(entry: Entry) -> bool:
    """Can a small picture be shown of this file?"""
    ending = entry.name.rpartition(".")[2].lower()
    if _pillow() is not None and not entry.name.lower().endswith(BROWSERS_ALONE):
        return True
    return ending in PICTURES and entry.size <= SMALL


def small(file: BinaryIO, name: str) -> tuple[bytes, str] | None:
    """A small picture of a file, and its type; None: it is shown as it is."""
    pillow = _pillow()
    if pillow is None or name.lower().endswith(BROWSERS_ALONE):
        return None
    try:
        with _turn, pillow.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotFound("this picture is too large for a small one")
            image.draft("RGB", (THUMB, THUMB))
            shown = _stretched(image)
            shown.thumbnail((THUMB, THUMB))
            made = io.BytesIO()
            shown.save(made, "PNG")
    except NotFound:
        raise
    except Exception:  # whatever a broken picture makes Pillow say
        raise NotFound("of this file no picture can be made") from None
    return made.getvalue(), "image/png"


def _stretched(image: Any) -> Any:
    """Eight bits of each band: deep ones are stretched between the darkest and the brightest."""
    if image.mode in ("I", "F", "I;16", "I;16B"):
        low, high = image.getextrema()
        scale = 255 / (high - low) if high > low else 0
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")
    return image.convert("RGBA" if "A" in image.getbands() or image.mode == "P" else "RGB")


def _pillow() -> Any:
    try:
        from PIL import Image  # noqa: PLC0415  only with the extra `preview`
    except ImportError:
        return None
    return Image
