"""The forge: a small process that makes shims by fork, when told, and does nothing else.

In: ``make N`` on a control socket. Out: N shims, their pids as ``made N PID ...`` (fewer if the system has no room).
Always: one thread, the standard library only, no database, so a fork is cheap and safe; it lives as long as
its launcher (end of file on the control socket) and its shims longer, if they are busy. It reaps nothing:
ended shims vanish, and whoever wants to know holds a pidfd.

Started as ``python -I -S -E -c '...' CONTROL TASKS SPOOL FIFO PADDING``: descriptor numbers, paths, and room
for titles.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

from procession.supervise.process import Title
from procession.supervise.shim import Shim, Surroundings, ignore_signals, set_close_on_exec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the forge until the launcher is gone."""
    control, tasks = int(sys.argv[1]), int(sys.argv[2])
    spool, fifo = sys.argv[3], sys.argv[4]
    around = Surroundings(spool)
    ignore_signals()
    set_close_on_exec(control, tasks)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps; each shim sets it back for itself
    title = Title("procession forge")
    title.set(b"procession forge")

    def shim() -> None:
        Shim(around, title, tasks, spool, fifo).run()

    gc.collect()
    gc.freeze()
    while order := os.read(control, 64):
        number = int(order.split()[1])
        made = [_make(shim, control) for _ in range(number)]
        os.write(control, b"made %d %b" % (number, b" ".join([b"%d" % pid for pid in made if pid])))


def _make(shim: Callable[[], None], control: int) -> int:
    """Fork one shim and return its pid; 0 if the system has no room for another process."""
    try:
        pid = os.fork()
    except OSError:
        return 0
    if pid == 0:
        try:
            os.close(control)
            shim()
        finally:
            os._exit(0)
    return pid
