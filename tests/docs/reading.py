"""Reading the documentation as a person does: its files, blocks, headings and tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    language: str
    text: str
    line: int


def pages() -> list[Path]:
    """All Markdown files that people read."""
    return [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")] + sorted(DOCS.rglob("*.md"))


def name(path: Path) -> str:
    """The name of a page, for messages and test ids."""
    return str(path.relative_to(ROOT))


def blocks(text: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    return [Block(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in FENCE.finditer(text)]


def prose(text: str) -> str:
    """What is neither in a block nor in code marks, nor the target of a link."""
    text = FENCE.sub("", text)
    text = re.sub(r"`[^`\n]+(?:\n[^`\n]+)?`", "", text)
    return re.sub(r"\]\([^)]*\)", "]", text)


def sections(text: str) -> dict[str, str]:
    """Heading (of any level, without its marks) → the text below it, up to the next heading."""
    found: dict[str, str] = {}
    parts = re.split(r"^#{1,6} (.+)$", FENCE.sub(lambda m: m[0].replace("\n#", "\n\\#"), text), flags=re.MULTILINE)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        found[heading.strip()] = body
    return found


def first_cells(text: str) -> list[str]:
    """Everything in code marks in the first column of the tables of a text."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [cell for row in rows for cell in re.findall(r"`([^`]+)`", row)]


def anchor(heading: str) -> str:
    """The fragment by which a heading is linked to."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.replace(" ", "-")
