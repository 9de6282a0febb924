"""A served project for each module: what a test changes in it, another must not rely on."""

from collections.abc import Iterator

import pytest

from tests.api.served import Served
from tests.api.served import served as serving
from tests.stories.conftest import site  # noqa: F401  a fixture


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("project")) as made:
        yield made
