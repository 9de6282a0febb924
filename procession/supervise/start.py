"""Starting a script: what it finds, then its process: at once where it takes what we have, by a fork where it gets
limits of its own.

In: program, arguments, environment, the descriptor of its log. Out: its process id.
Always: it has its own session, the signals and the mask of whoever started the launcher, and no descriptor of ours.
Its limits hold from its first instruction on and never for the shim: they are set between fork and exec, which
`posix_spawn` cannot do (it is three times as fast, so it is used for all others).
"""

from __future__ import annotations

import os
import resource
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from procession.supervise.cgroup import Group


_NEW = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


def make_directory(path: str) -> None:
    """Make a directory that only we may enter, its parents too; one that is there is left as it is."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_directory(os.path.dirname(path))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            return


def write_new(path: str, text: str) -> None:
    """Write a file that is not there yet, whole or not at all."""
    if os.access(path, os.F_OK):
        return
    passing = f"{path}.{os.getpid()}"
    with open(os.open(passing, _NEW, 0o600), "wb") as target:
        target.write(os.fsencode(text))
    os.rename(passing, path)


class Manner:
    """How scripts start here: what they inherit in place of what a shim has set for itself."""

    __slots__ = ("mask", "to_default")

    def __init__(self, mask: Set[int], to_default: Sequence[int]) -> None:
        self.mask = mask
        self.to_default = to_default


def spawn(program: str, argv: list[str], environ: dict[str, str], log: int, manner: Manner) -> int:
    """Start it. OSError, ValueError or TypeError: it could not be."""
    return os.posix_spawn(
        program,
        argv,
        environ,
        file_actions=((os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)),
        setsid=True,
        setsigmask=manner.mask,
        setsigdef=manner.to_default,
    )


def spawn_limited(
    program: str,
    argv: list[str],
    environ: dict[str, str],
    log: int,
    manner: Manner,
    limits: list[tuple[int, int, int]],
    group: Group | None,
) -> int:
    """Start it with these limits (resource, soft, hard), in this group. Raises as `spawn` does."""
    heard, tell = os.pipe2(os.O_CLOEXEC)
    shim = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _become(shim, program, argv, environ, log, manner, limits, group)
        except OSError as error:
            os.write(tell, b"%d %b" % (error.errno or 0, os.fsencode(error.strerror or "")))
        except BaseException as error:
            os.write(tell, b"0 %b" % str(error).encode("utf-8", "replace")[:1000])
        finally:
            os._exit(127)
    os.close(tell)
    with open(heard, "rb", buffering=0) as answer:
        trouble = answer.readall() or b""
    if trouble:
        os.waitpid(pid, 0)
        number, _, text = trouble.partition(b" ")
        if int(number):
            raise OSError(int(number), os.fsdecode(text))
        raise ValueError(text.decode("utf-8", "replace"))
    return pid


def _become(
    shim: int,
    program: str,
    argv: list[str],
    environ: dict[str, str],
    log: int,
    manner: Manner,
    limits: list[tuple[int, int, int]],
    group: Group | None,
) -> None:
    """Turn this fork into the script. The limit of open files comes last: what is open before is open already."""
    os.setsid()
    if group is not None:
        group.enter()
    os.dup2(log, 1)
    os.dup2(log, 2)
    for number in manner.to_default:
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    for kind, soft, hard in limits:
        resource.setrlimit(kind, (soft, hard))
    signal.pthread_sigmask(signal.SIG_SETMASK, manner.mask)
    if (
        os.getppid() == shim
    ):  # else it was killed: whoever looks for what it left cannot find us before we are the script
        os.execve(program, argv, environ)  # noqa: S606  argv is what is to be executed
