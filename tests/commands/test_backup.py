"""A backup of tasks with reductions and variables: restored elsewhere, nothing points back at the old place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from procession.commands import variable_sets, variables
from procession.commands.backup import backup, restore
from procession.model.variable_set import VariableSet
from procession.store import tasks
from tests.commands.adjusting import WHO, add, defaults
from tests.flow.driven import Driven

TOML = """
[tasks.t]
on = "e"
run_by = "{run}"
steps = [{ reduce = "reduce.py", input = "{path}", output = "archive/{run}", logs = "logs" }]
[tasks.u]
on = "f"
run = "./one.sh"
variables_from = "own/reduce_vars.py"
"""


@pytest.fixture
def d(tmp_path: Path) -> Iterator[Driven]:
    root = tmp_path / "old"
    defaults(root)
    defaults(root / "own")
    (root / "reduce.py").write_text("def main(input_file, output_dir): pass\n")
    found = Driven(root, TOML)
    yield found
    found.close()


@pytest.mark.feature("M122", "M62", "M59")
def test_what_is_restored_elsewhere_reduces_into_its_own_archive_with_its_sets(d: Driven, tmp_path: Path) -> None:
    """G34."""
    add(d, 10, wavelength=2.5)
    pid = d.born(run=12, path="/data/12.nxs")
    d.turn()
    backup(d.project, tmp_path / "b.tar.gz")
    there, _ = restore(tmp_path / "b.tar.gz", tmp_path / "new")
    try:
        with there.store.read() as tx:
            current = {task.name: task for task in tasks.current(tx).values()}
            ran = tx.connection.exec_driver_sql("SELECT code FROM attempt").scalar_one()
        words = current["t"].steps[0].command.words
        assert f"--output={tmp_path}/new/archive/{{run}}" in words
        assert f"--script={tmp_path}/new/reduce.py" in words
        assert not [word for word in words if str(d.root) in word]
        assert sorted(json.loads(ran)) == [f"{tmp_path}/new/reduce.py", f"{tmp_path}/new/reduce_vars.py"]
        assert [each.found.scope for each in variable_sets.listed(there, "t")] == ["runs from 10"]
        again = variable_sets.add(there, VariableSet("t", first_run=50), {"title": "b"}, WHO)
        assert again.listed.found.id == 2
        there.refresh()
        assert (tmp_path / "new/own/reduce_vars.py").read_text() == (d.root / "own/reduce_vars.py").read_text()
        assert variables.declared(there, "u").problem is None
    finally:
        there.close()
    assert d.get(pid).state == "running"
