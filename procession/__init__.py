"""Procession: your scripts, in production.

The public names are imported on first use, so that ``import procession`` costs next to nothing. They are those of the
file for scripts, `procession.sdk.script`; `procession sdk PATH` puts the same file, alone, into any other environment.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # what type checkers take for true; `typing` itself would be copied into every shim
if TYPE_CHECKING:
    from procession.sdk.script import (
        Result,
        Retry,
        Skip,
        Status,
        Task,
        artifact,
        current,
        emit,
        error,
        metric,
        output,
        progress,
        skip,
        task,
    )  # fmt: skip

__all__ = [
    "Result", "Retry", "Skip", "Status", "Task", "artifact", "current", "emit", "error", "metric", "output",
    "progress", "skip", "task",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'procession' has no attribute {name!r}")
    from procession.sdk import script  # noqa: PLC0415

    return getattr(script, name)
