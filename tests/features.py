"""Which features do passing tests prove? A pytest plugin that keeps the answer in `.features.json`.

*In:* `@pytest.mark.feature("M5", "P1")` on tests, and the rows of `tools/features.toml`. *Out:*
`.features.json`: for each marked test its rows and how it ended. *Always:* a test that names a
row which does not exist fails; a run of some tests replaces the answers of those and leaves the others; runs
at the same time do not overwrite each other.
"""

import fcntl
import json
import os
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = ROOT / ".features.json"
ROWS = frozenset(
    row for table in tomllib.loads((ROOT / "tools/features.toml").read_text("utf-8")).values() for row in table
)
WORST_FIRST = ("failed", "skipped", "passed")  # of set-up, call and tear-down, the worst one counts

_answers: dict[str, dict[str, object]] = {}


def mark(items: list[pytest.Item]) -> None:
    """Write the rows of each test onto it: its reports carry them along, also from worker to controller."""
    for item in items:
        rows = [row for mark in item.iter_markers("feature") for row in mark.args]
        if rows:
            item.user_properties.append(("features", sorted(set(map(str, rows)))))


@pytest.hookimpl
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test that claims a feature which does not exist."""
    rows = dict(item.user_properties).get("features", ())
    if unknown := [str(row) for row in rows if row not in ROWS]:
        pytest.fail(f"no such feature: {', '.join(unknown)} (tools/features.toml has the rows)", pytrace=False)


@pytest.hookimpl
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember how a marked test ended."""
    rows = dict(report.user_properties).get("features")
    if rows is None:
        return
    before = _answers.get(report.nodeid, {}).get("outcome", "passed")
    outcome = min(str(before), report.outcome, key=WORST_FIRST.index)
    if hasattr(report, "wasxfail"):
        outcome = "failed"
    _answers[report.nodeid] = {"features": rows, "outcome": outcome}


@pytest.hookimpl
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the answers, unless this is a worker: the one that hands out the tests hears of all of them."""
    if hasattr(session.config, "workerinput") or not _answers:
        return
    with open(ANSWERS, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        try:
            known = json.loads(file.read() or "{}")
        except ValueError:
            known = {}  # cut off by a kill; it fills again
        known.update(_answers)
        file.truncate(0)
        json.dump(dict(sorted(known.items())), file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
