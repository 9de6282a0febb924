"""Variables of a task, sets of them, and what a processing is born with; on both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest

from procession.commands import variables
from tests.commands.adjusting import DECLARED, FROM_FILE, add, chosen, defaults
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(DECLARED)


@pytest.fixture
def f(drive: Drive, tmp_path: Path) -> Driven:  # noqa: F811
    defaults(tmp_path / "p0")
    return drive(FROM_FILE)


@pytest.mark.feature("M59", "M60")
def test_the_variables_of_a_script_are_read_with_their_types_and_help(f: Driven) -> None:
    found = variables.declared(f.project, "t")
    assert {v.name: (v.type, v.advanced, v.default) for v in found.variables} == {
        "wavelength": ("number", False, 1.8),
        "title": ("text", False, "gem"),
        "live": ("boolean", False, False),
        "spectra": ("list_number", True, [1, 2, 3]),
        "masks": ("list_text", True, ["a"]),
        "path": ("other", True, None),
    }
    assert found.variables[0].help == "In angstroms."


@pytest.mark.feature("M62", "M63", "M59")
def test_a_set_by_runs_is_what_a_processing_of_such_a_run_is_born_with(f: Driven) -> None:
    made = add(f, 100, 150, wavelength=2.5)
    inside, outside = f.born(run=120, path="x"), f.born(run=151, path="x")
    assert chosen(f, inside).sections() == {"standard_vars": {"wavelength": 2.5}, "advanced_vars": {}}
    assert chosen(f, inside).origin == {"wavelength": f"set {made.listed.found.id} (runs 100 to 150)"}
    assert f.get(outside).variables is None
    assert (f.get(inside).run, f.get(outside).run) == (120, 151)
