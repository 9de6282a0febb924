"""What the README, the tutorial and the guides print is what one gets.

Blocks marked ``bash`` of a page are run in order by one shell in an empty directory, with `procession` on the PATH. A
``text`` block below one is what it prints: its lines, in this order, among others; ``…`` stands for anything and spaces
for any number of them. What a person waits for with ``sleep`` is waited for here until it is so, however slow the
machine is.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import LOGIN, PASSCODE, Broker
from tests.docs.reading import DOCS, ROOT, Block, blocks, name

PROVES = {
    ROOT / "README.md": ("M5", "M35", "M36", "M100", "P1", "P25", "P32"),
    DOCS / "guides/asynchronous_tasks.md": ("M1", "M3", "M8", "M9", "M24"),
    DOCS / "guides/autoreduction.md": ("M6", "M57", "M61", "M69", "M73", "M77", "M84", "M90"),
    DOCS / "guides/worker.md": ("M4", "M23", "M45", "M47", "M51"),
    DOCS / "tutorial.md": ("M34", "M83", "M99", "N1"),
    DOCS / "guides/disk.md": (),
    DOCS / "guides/discovery.md": ("P7", "N9"),
    DOCS / "guides/sources.md": ("M31", "M58"),
    DOCS / "guides/alt_proc.md": ("M34", "M35", "M82", "M83", "M93", "M94", "M99"),
    DOCS / "guides/failures.md": ("P24",),
    DOCS / "guides/functions.md": ("M3", "M4", "M39", "M79", "M80", "M124"),
    DOCS / "guides/graphs.md": ("P3", "M39"),
    DOCS / "guides/http.md": ("M102",),
    DOCS / "guides/web.md": ("M112", "M113"),
    DOCS / "guides/human_steps.md": ("P28",),
    DOCS / "guides/locks.md": ("M45", "M46", "M47"),
    DOCS / "guides/messages.md": ("M52", "M53", "M50", "M90", "P9"),
    DOCS / "guides/operating.md": ("M28", "M122"),
    DOCS / "guides/postgresql.md": (),
    DOCS / "guides/production.md": ("P1", "P2"),
    DOCS / "guides/python.md": ("P27", "M51"),
    DOCS / "guides/several_hosts.md": ("M23", "M27", "P19"),
    DOCS / "guides/scripts.md": ("P4", "P5"),
    DOCS / "guides/sdk.md": ("P4", "P5"),
    DOCS / "guides/time.md": ("P6", "M34"),
    DOCS / "guides/variables.md": ("M57", "M59", "M60", "M62", "M63", "M67", "M68"),
}
"""The features that a page proves where it runs as pasted."""
RUN = tuple(PROVES)
SLEEP = (
    f"sleep() {{ command sleep 0.3; {sys.executable} {Path(__file__).with_name('quiet.py')}"
    " $(jobs -r | grep -c 'procession up'); }"
)
MARK = "@@ block {} @@"
KNOWN = {"bash", "text", "console", "toml", "ini", "python", "mermaid"}
TIMEOUT = 240


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Path]:
    """An empty directory; whatever serves a project in it is stopped at the end."""
    yield tmp_path
    for lock in tmp_path.rglob("launcher.lock"):
        subprocess.run(
            [sys.executable, "-m", "procession", "--project", lock.parent.parent, "stop"],
            capture_output=True,
            check=False,
            timeout=30,
        )


def run(page: Path, directory: Path, **variables: str) -> dict[int, str]:
    """Run the bash blocks of a page; return what each printed, by its line."""
    script = ["set -eu", "exec 2>&1 < /dev/null", SLEEP]
    for block in blocks(page.read_text()):
        if block.language == "bash":
            script += [f"echo '{MARK.format(block.line)}'", block.text]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "VIRTUAL_ENV")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **variables,
    }
    with open(directory.parent / f"{directory.name}.out", "w+") as out:
        shell = subprocess.Popen(
            ["bash", "-c", "\n".join(script)], cwd=directory, env=environment, stdout=out, start_new_session=True
        )
        try:
            code = shell.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            code = -1
        out.seek(0)
        printed = out.read()
    assert code == 0, f"{name(page)} ended with {code}:\n{printed}"
    parts = re.split(MARK.format(r"(\d+)"), printed)
    return dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))


def missing(expected: str, printed: str) -> str | None:
    """The first line of a text block that was not printed, or not in this place."""
    lines = iter(printed.splitlines())
    for wanted in filter(str.strip, expected.splitlines()):
        words = re.split(r"(…|\s+)", wanted.strip())
        pattern = "".join(".*" if w == "…" else r"\s+" if w.isspace() else re.escape(w) for w in words if w)
        pattern = pattern.replace(r"\s+.*\s+", r"\s.*")
        if not any(re.search(pattern, line) for line in lines):
            return wanted
    return None


def pairs(page: Path) -> list[tuple[Block, Block]]:
    """Each text block with the bash block that it follows."""
    found = blocks(page.read_text())
    return [
        (before, after) for before, after in itertools.pairwise(found)
        if before.language == "bash" and after.language == "text"
    ]  # fmt: skip


def test_every_block_says_what_it_is() -> None:
    for page in RUN:
        for block in blocks(page.read_text()):
            assert block.language in KNOWN, f"{name(page)}:{block.line}"


def test_every_guide_with_commands_is_run() -> None:
    """What a guide shows as a block and does not run, somebody would have to believe."""
    guides = {page for page in (DOCS / "guides").glob("*.md") if blocks(page.read_text())}
    assert set(RUN) == {ROOT / "README.md", DOCS / "tutorial.md", *guides}


RUNS = [pytest.param(page, marks=pytest.mark.feature(*rows)) for page, rows in PROVES.items()]


@pytest.mark.parametrize("page", RUNS, ids=map(name, PROVES))
def test_the_page_runs_as_pasted(page: Path, away: Path, request: pytest.FixtureRequest) -> None:
    variables = {}
    if page.name in ("postgresql.md", "several_hosts.md"):
        variables["DATABASE"] = request.getfixturevalue("postgres_url")
    if page.name == "messages.md":
        broker: Broker = request.getfixturevalue("activemq")
        broker.start()
        variables = {"BROKER_PORT": str(broker.port), "BROKER_LOGIN": LOGIN, "BROKER_PASSCODE": PASSCODE}
    printed = run(page, away, **variables)
    for command, expected in pairs(page):
        line = missing(expected.text, printed[command.line])
        assert line is None, f"{name(page)}:{expected.line}: not printed: {line}\n{printed[command.line]}"


def test_the_readme_shows_its_scripts_by_hand_and_under_procession() -> None:
    text = "".join(block.text for block in blocks((ROOT / "README.md").read_text()) if block.language == "bash")
    for words in ("../fetch.sh Oslo", "procession run report station=Oslo", "procession up", "procession emit"):
        assert words in text


def test_commands_that_are_shown_and_not_run_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"^make ([a-z]+)", page.read_text(), re.MULTILINE):
            assert target in targets, target
