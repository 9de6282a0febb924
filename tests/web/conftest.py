"""What the tests of pages share: a served project for each module, a browser for each process, visitors."""

import pytest

from tests.api.served import Served, served  # noqa: F401  a fixture
from tests.web.browser import browser  # noqa: F401  a fixture
from tests.web.visiting import Visitor


@pytest.fixture(autouse=True)
def looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """How all stands is looked at for every page, and not as it was a second ago."""
    monkeypatch.setattr("procession.web.standing.FRESH", 0.0)


@pytest.fixture
def visitor(served: Served) -> Visitor:  # noqa: F811
    """Somebody who has not logged in."""
    return Visitor(served)


@pytest.fixture
def admin(served: Served) -> Visitor:  # noqa: F811
    return Visitor(served).log_in("admin")


@pytest.fixture
def viewer(served: Served) -> Visitor:  # noqa: F811
    return Visitor(served).log_in("viewer")
