"""What the tests of the API share."""

from tests.api.served import served  # noqa: F401  a fixture
from tests.stories.conftest import site  # noqa: F401  a fixture
