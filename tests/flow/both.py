"""The fixture `drive` on SQLite and on PostgreSQL, for tests of the commands: import it where it is used."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flow.driven import Driven
from tests.flow.invariants import check


@pytest.fixture(params=["sqlite", "postgresql"])
def drive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Driven]]:
    """Make a driven project of this TOML; the invariants are checked when the test is over."""
    database = request.getfixturevalue("tables_url") if request.param == "postgresql" else None
    opened: list[Driven] = []

    def make(toml: str, **options: Any) -> Driven:
        opened.append(Driven(tmp_path / f"p{len(opened)}", toml, database=database, **options))
        return opened[-1]

    yield make
    for each in opened:
        check(each)
        each.close()
