"""The fixture of this folder: `drive` opens a driven project and checks the invariants when the test is over."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flow.driven import Driven
from tests.flow.invariants import check


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Callable[..., Driven]]:
    """Make a driven project of this TOML."""
    opened: list[Driven] = []

    def make(toml: str, **options: Any) -> Driven:
        opened.append(Driven(tmp_path / f"p{len(opened)}", toml, **options))
        return opened[-1]

    yield make
    for each in opened:
        check(each)
        each.close()
