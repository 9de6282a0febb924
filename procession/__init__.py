"""Procession: your scripts, in production.

The public names are imported on first use, so that ``import procession`` costs next to nothing. Those of scripts are of
the file `procession.sdk.script`; `procession sdk PATH` puts the same file, alone, into any other environment.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # what type checkers take for true; `typing` itself would be copied into every shim
if TYPE_CHECKING:
    from procession.errors import Duplicate, QueueFull
    from procession.launcher.embedded import Launcher
    from procession.sdk.client import Client, client
    from procession.sdk.coroutines import run_sync
    from procession.sdk.script import (
        Deadlock,
        LockError,
        Result,
        Retry,
        Skip,
        Status,
        Task,
        artifact,
        ask,
        current,
        emit,
        error,
        lock,
        metric,
        output,
        progress,
        skip,
        task,
    )  # fmt: skip

__all__ = [
    "Client", "Deadlock", "Duplicate", "Launcher", "LockError", "QueueFull", "Result", "Retry", "Skip", "Status",
    "Task", "artifact", "ask", "client", "current", "emit", "error", "lock", "metric", "output", "progress",
    "run_sync", "skip", "task",
]  # fmt: skip

_ELSEWHERE = {
    "Client": "sdk.client", "Duplicate": "errors", "Launcher": "launcher.embedded", "QueueFull": "errors",
    "client": "sdk.client", "run_sync": "sdk.coroutines",
}  # fmt: skip
"""Name → its module; all others are those of a script."""


def __getattr__(name: str) -> object:
    if name not in __all__ and name not in _ELSEWHERE:
        raise AttributeError(f"module 'procession' has no attribute {name!r}")
    import importlib  # noqa: PLC0415

    return getattr(importlib.import_module(f"procession.{_ELSEWHERE.get(name, 'sdk.script')}"), name)
