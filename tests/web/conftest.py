"""A served project with pages, for each module; a browser, for each process of the tests."""

from collections.abc import Iterator

import pytest

from tests.api.served import Served
from tests.web.browser import browser  # noqa: F401  a fixture
from tests.web.visiting import Visitor

TOML = """
[tasks.scene]
on = "scene"
group = "optical"
steps = ["./one.sh", "./two.sh"]
[tasks.radar]
on = "echo"
group = "sar"
run = "./one.sh"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What a test changes in it, another must not rely on."""
    made = Served(tmp_path_factory.mktemp("project"), TOML)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """How all stands is looked at for every page, and not as it was a second ago."""
    monkeypatch.setattr("procession.web.standing.FRESH", 0.0)


@pytest.fixture
def visitor(served: Served) -> Visitor:
    """Somebody who has not logged in."""
    return Visitor(served)


@pytest.fixture
def admin(served: Served) -> Visitor:
    return Visitor(served).log_in("admin")


@pytest.fixture
def viewer(served: Served) -> Visitor:
    return Visitor(served).log_in("viewer")
