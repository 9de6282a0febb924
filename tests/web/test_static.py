"""What the pages are made of: nothing from elsewhere, nothing changed, nothing grown beyond its budget."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from procession.web.static import Static

STATIC = Path(__file__).resolve().parents[2] / "procession/web/static"
VENDORED = tomllib.loads((STATIC / "vendor/VENDORED.toml").read_text("utf-8"))["package"]
THEIRS = {name for package in VENDORED for name in package.get("sha256", {})}
OURS = sorted(
    path
    for path in STATIC.rglob("*")
    if path.suffix in {".js", ".css", ".svg"} and str(path.relative_to(STATIC)) not in THEIRS
)
PAGES = {
    "overview": [],
    "task, grid": ["x-grid"],
    "task, durations": ["x-chart"],
    "task, gallery": ["x-gallery"],
    "processing": ["x-log", "x-gantt"],
    "processing, artifacts": ["x-gantt", "x-gallery"],
    "host": ["x-chart"],
}
"""What is on pages beside the modules of every page."""


def loaded(*modules: str) -> set[Path]:
    """These modules and all that they import when they are loaded."""
    found: set[Path] = set()
    waiting = [STATIC / "js" / module for module in modules]
    while waiting:
        path = waiting.pop().resolve()
        if path not in found:
            found.add(path)
            names = re.findall(r"""^import [^"]*"(\./[^"]+|\.\./[^"]+)";""", path.read_text("utf-8"), re.M)
            waiting.extend(path.parent / name for name in names)
    return found


@pytest.mark.parametrize("package", VENDORED, ids=lambda package: package["name"])
def test_what_is_vendored_is_what_was_published(package: dict[str, object]) -> None:
    assert (STATIC / "vendor" / str(package["text"])).read_text("utf-8").strip()
    sums = package.get("sha256", {})
    assert isinstance(sums, dict)
    for name, digest in sums.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name


def test_every_file_of_others_is_accounted_for() -> None:
    there = {
        path.relative_to(STATIC).as_posix()
        for folder in ("vendor", "fonts")
        for path in (STATIC / folder).iterdir()
        if path.is_file()
    }
    assert there - {"vendor/VENDORED.toml"} == THEIRS


def test_pages_stay_light() -> None:
    assert sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file()) <= 650_000
    assert sum(path.stat().st_size for path in (STATIC / "css").iterdir()) <= 54_000  # see docs/decisions/0032-pages.md


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_little_of_ours(page: str) -> None:
    modules = loaded("main.js", *(f"islands/{name}.js" for name in PAGES[page]))
    assert sum(path.stat().st_size for path in modules) <= 60_000, sorted((p.stat().st_size, p.name) for p in modules)


@pytest.mark.check(4)
def test_a_page_tells_ahead_of_all_that_its_scripts_import() -> None:
    for name in ("main", "islands/x-grid", "islands/x-log"):
        told = Static().modules(f"js/{name}.js")
        assert {STATIC / each for each in told} == loaded(f"{name}.js") and len(set(told)) == len(told) > 3


@pytest.mark.check(33, 35)
@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_of_ours_asks_another_origin_or_runs_text(path: Path) -> None:
    text = (
        path.read_text("utf-8")
        .replace('xmlns="http://www.w3.org/2000/svg"', "")
        .replace('"http://www.w3.org/2000/svg"', "")
    )
    assert not re.findall(r"""(?:url\(|from\s|import\(|fetch\(|src=|href=)\s*["'`]?(?:https?:)?//""", text)
    assert not re.findall(
        r"\beval\(|new Function|(?:inner|outer)HTML\s*=[^=]|insertAdjacentHTML|document\.write|\bon\w+=\"|javascript:",
        text,
    )
    assert "sourceMappingURL" not in text
    assert "@import" not in text
