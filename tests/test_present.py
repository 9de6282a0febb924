"""The face of `procession.present`: what it names is there, in the module that it names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from procession import present


def test_every_function_of_the_face_comes_from_the_module_that_is_named() -> None:
    typed = {
        (str(node.module), name.name)
        for node in ast.walk(ast.parse(Path(present.__file__).read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("procession.present.")
        for name in node.names
    }
    found = {(getattr(present, name).__module__, name) for name in present.__all__ if name != "page"}
    assert found == typed


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        present.nothing  # noqa: B018


def test_a_command_does_not_load_the_json_of_the_pages() -> None:
    code = "import sys; from procession import present; present.status; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "procession.present.operating" in loaded
    assert not {"procession.present.charts", "procession.present.overviews"} & set(loaded)
