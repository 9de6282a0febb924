"""Coroutines: synchronous code in them, without keeping their loop: ``await procession.run_sync(function, ...)``.

*In:* a function and its arguments. *Out:* its result, or its exception, in the coroutine that awaits it. *Always:* the
function runs in one of a bounded number of threads of its own, with the context variables of whoever called; it works
in asyncio and in Tornado (``await``, and ``yield`` in ``@gen.coroutine``), whether Tornado is installed or not.

A thread cannot be ended from outside. If whoever awaits is cancelled, a function that waits for a thread never starts;
one that runs goes on to its end, and its result is dropped.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

THREADS = 32
"""So many functions at the same time, unless `set_threads` says otherwise; more wait for their turn."""

P = ParamSpec("P")
R = TypeVar("R")


class _Threads:
    """The pool, made when it is first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._size = THREADS
        self._pool: ThreadPoolExecutor | None = None

    def pool(self) -> ThreadPoolExecutor:
        """Where functions run now."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._size, thread_name_prefix="procession-run-sync")
            return self._pool

    def resize(self, size: int) -> None:
        """From now on so many; what was handed in before goes on where it is."""
        if size < 1:
            raise ValueError(f"at least one thread is needed, not {size}")
        with self._lock:
            before, self._pool, self._size = self._pool, None, size
        if before is not None:
            before.shutdown(wait=False)


_threads = _Threads()


def run_sync(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
    """Run a synchronous function in a thread; await, or in Tornado's ``@gen.coroutine`` yield, what this returns.

    It is handed over at once, whether it is awaited or not. RuntimeError where no loop of asyncio (Tornado's is one)
    runs in this thread. StopIteration, which no coroutine can carry, comes as RuntimeError.
    """
    loop = asyncio.get_running_loop()
    call = partial(contextvars.copy_context().run, _without_stop, function, *args, **kwargs)
    return loop.run_in_executor(_threads.pool(), call)


def _without_stop(function: Callable[..., R], /, *args: object, **kwargs: object) -> R:
    try:
        return function(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("the function raised StopIteration") from error


def set_threads(size: int) -> None:
    """Let so many functions of `run_sync` run at the same time; ValueError for less than one."""
    _threads.resize(size)
