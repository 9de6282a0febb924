"""The fixture of the stories: `site`, a project that real processes serve. The seed of its chances is printed."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty project directory; whatever was started in it is ended with the test. SEED=… repeats a run."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    print(f"SEED={seed}")
    one = Site(tmp_path / "site", seed)
    try:
        yield one
    finally:
        one.clean()
