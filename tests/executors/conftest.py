"""What is tested here is about files: it stays on the disk."""

from tests.memory import tmp_path  # noqa: F401  a fixture
