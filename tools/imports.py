"""Hold the import rules that are about single packages; the floors themselves are in .importlinter.

*In:* the sources of `procession/`. *Out:* a line for each import that breaks a rule; exit code 1 if there
is one. *Always:* the sources are read, never run; a package that is not there yet breaks no rule.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

WORLDS = frozenset(
    {
        *(
            "asyncio",
            "fcntl",
            "http",
            "logging",
            "multiprocessing",
            "os",
            "pathlib",
            "select",
            "selectors",
            "shutil",
        ),
        *("signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "urllib"),
    }
)
"""What opens a door to the outside: nothing for the model, whose rules are tested without any of it."""

SQL = frozenset({"sqlalchemy", "alembic"})


def top(name: str) -> str:
    return name.partition(".")[0]


def is_standard(name: str) -> bool:
    return top(name) in sys.stdlib_module_names


@dataclass(frozen=True)
class Rule:
    """For the files under `path` (but not those under `but`), every imported name must satisfy `allows`."""

    text: str
    path: str
    allows: Callable[[str], bool]
    but: str | None = None

    def files(self) -> Iterator[Path]:
        place = ROOT / self.path
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if self.but is None or not file.is_relative_to(ROOT / self.but):
                yield file


RULES = (
    Rule(
        "only the store speaks SQL",
        "procession",
        lambda name: top(name) not in SQL,
        but="procession/store",
    ),
    Rule(
        "supervise needs the standard library and itself, nothing else",
        "procession/supervise",
        lambda name: is_standard(name) or name == "procession.supervise" or name.startswith("procession.supervise."),
    ),
    Rule(
        "the watch needs the standard library, errors and units, nothing else",
        "procession/watch",
        lambda name: (
            is_standard(name) or name.startswith(("procession.watch.", "procession.errors.", "procession.units."))
        ),
    ),
    Rule(
        "the model does no I/O and reads no clock",
        "procession/model",
        lambda name: (
            (is_standard(name) and top(name) not in WORLDS)
            or name.startswith(("procession.", "urllib.parse"))  # that one only reads texts
            or top(name) == "cronsim"  # pure: it computes with the moments that it is given
        ),
    ),
    Rule(
        "the file for scripts needs the standard library, nothing else",
        "procession/sdk/script.py",
        is_standard,
    ),
    Rule(
        "the scripts of the example are plain scripts",
        "procession/examples/landsat",
        lambda name: is_standard(name) or top(name) == "PIL",
    ),
)


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """Every name that a file imports, with its line; below procession, `from a import b` is `a.b`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = file.relative_to(ROOT).with_suffix("").parts[: -node.level]
                module = ".".join((*base, *([node.module] if node.module else [])))
            else:
                module = node.module or ""
            if top(module) == "procession":
                for alias in node.names:
                    yield node.lineno, f"{module}.{alias.name}"
            else:
                yield node.lineno, module


def main() -> int:
    broken = 0
    for rule in RULES:
        for file in rule.files():
            for line, name in imported(file):
                if not rule.allows(name):
                    print(f"{file.relative_to(ROOT)}:{line}: imports {name}, but {rule.text}")
                    broken += 1
    if not broken:
        print(f"{len(RULES)} import rules hold")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
