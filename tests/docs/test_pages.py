"""The pages as a whole: links, length, words, what is drawn from the code, and the decisions' form."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import procession
from procession import model
from procession.launcher.loop import CHAPTERS
from procession.store import schema
from tests.docs.reading import DOCS, FENCE, ROOT, anchor, name, pages, prose, sections

FORBIDDEN = (
    r"jobs?|entity|entities|daemons?|agents?|abort(?:s|ed)?|purge[sd]?|upserts?|items?|engines?|retr(?:y|ies) count"
    r"|simply|easily|powerful|seamless(?:ly)?|leverag\w+|blazing\w*|robust(?:ly)?"
)
"""Words of the glossary's "not" column that would be nouns of ours, and words that sell."""


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name(page)}: {target}"
        if fragment:
            headings = [anchor(heading) for heading in sections(file.read_text())]
            assert fragment in headings, f"{name(page)}: {target}; there are {headings}"


@pytest.mark.parametrize("page", [p for p in pages() if p.name != "glossary.md"], ids=name)
def test_words_are_ours(page: Path) -> None:
    found = re.findall(rf"\b(?:{FORBIDDEN})\b", prose(page.read_text()), re.IGNORECASE)
    assert not found, f"{name(page)}: {found}"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_pages_speak_of_procession_alone(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"(?<![\w…])/(?:work(?!/(?:claim|\{))|tmp|root)/|\bissue \d|#\d{2,}|\bTODO\b", text), name(
        page
    )
    assert max(map(len, FENCE.sub("", text).splitlines())) < 1000


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, open_ = set(), [ROOT / "README.md"]
    while open_:
        page = open_.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in re.findall(r"\]\(([^)\s#]+)", page.read_text()):
            file = (page.parent / target).resolve()
            if file.is_dir():
                open_ += file.glob("*.md")
            elif file.suffix == ".md" and file.exists():
                open_.append(file)
    assert [name(page) for page in pages() if page not in reached] == []


def test_what_is_drawn_is_as_the_code_is() -> None:
    done = subprocess.run(
        [sys.executable, "tools/drawings.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\ndraw them anew: python tools/drawings.py"


def test_the_architecture_names_every_chapter_table_and_folder() -> None:
    text = (DOCS / "architecture.md").read_text()
    for chapter in CHAPTERS:
        assert f"`flow/{chapter.__name__}.py`" in text
    for table in schema.metadata.tables:
        assert f"`{table}`" in text
    package = Path(procession.__file__).parent
    for path in package.iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"`{path.name}/" in text, path.name
    for path in re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", text):
        here = path.startswith(("tools/", "tests/"))
        found = ROOT / path if here else package / path
        assert found.exists() or any(package.rglob(path)), path


def test_every_noun_of_the_model_has_an_entry_in_the_glossary() -> None:
    text = (DOCS / "glossary.md").read_text()
    for path in Path(model.__file__).parent.glob("*.py"):
        for noun in re.findall(r"^class ([A-Z]\w+)", path.read_text(), re.MULTILINE):
            assert f"**{noun}**" in text, f"model/{path.name}: {noun}"


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=name)
def test_a_decision_says_situation_decision_and_price(page: Path) -> None:
    text = page.read_text()
    assert 8 <= len(text.splitlines()) <= 40
    assert re.match(rf"# {int(page.name[:4])}\. ", text)
    assert [f"**{word}.**" in text for word in ("Situation", "Decision", "Price")] == [True] * 3


def test_the_change_log_knows_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## Unreleased" in text
    assert f"## {procession.__version__}" in text
