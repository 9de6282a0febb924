"""Every error that Procession raises on purpose, as one tree.

::

    ProcessionError
    ├── ConfigError          the definitions are wrong: every mistake at once, each with its place
    ├── UsageError           the caller asked for something that cannot be
    │   ├── Invalid          a value that can never be right
    │   ├── NotFound         no such task, processing, step ...
    │   ├── Denied           the caller is not known, or may not ask for this
    │   └── Refused          right in itself, but not now or not here: the thing is in another state
    │       ├── Duplicate    an instance of this task has this key already
    │       ├── QueueFull    as many wait as may wait; later there is room
    │       └── Deadlock     what it waits for would wait for it
    ├── StoreError           the database cannot be used
    │   ├── StoreBusy        somebody else holds it longer than we wait
    │   └── SchemaMismatch   it was written by another version of Procession
    ├── StaleState           a move found its thing in another state than expected (never shown to people)
    ├── HostError            this machine, disk or directory cannot be used as asked
    │   └── StorageFull      too little is free on the disk to take anything in
    └── ExecutorError        an attempt could not be handed over or asked about

A message says what happened, what it means and what to do, in this order, on one line. ``exit_code`` is what the
command line ends with; one table, in this file, so that scripts can rely on it.
"""


class ProcessionError(Exception):
    """Anything that Procession refuses or cannot do; its text is meant for a person."""

    exit_code = 1


class ConfigError(ProcessionError):
    """The definitions are wrong. ``problems`` holds one line for each mistake, with its place."""

    exit_code = 3

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class UsageError(ProcessionError):
    """The caller asked for something that cannot be."""

    exit_code = 2


class Invalid(UsageError):
    """A value that can never be right."""


class NotFound(UsageError):
    """There is no such thing."""

    exit_code = 4


class Refused(UsageError):
    """Right in itself, but not now or not here: the thing is in another state."""

    exit_code = 5


class Duplicate(Refused):
    """An instance of this task has this key; it is free again when that one has been deleted or retired."""


class QueueFull(Refused):
    """As many wait as may wait; asking again later is right. Its exit code is that of a soft error."""

    exit_code = 75


class Deadlock(Refused):
    """What it asks for is held by somebody who waits for what it holds; it must let go first, then asking again is
    right. Its exit code is that of a soft error."""

    exit_code = 75


class Denied(UsageError):
    """The caller is not known, or may not ask for this."""

    exit_code = 9


class StoreError(ProcessionError):
    """The database cannot be used."""

    exit_code = 6


class StoreBusy(StoreError):
    """Somebody else holds the database longer than we are ready to wait; asking again is safe."""


class SchemaMismatch(StoreError):
    """The database was written by a newer version of Procession; nothing was touched."""


class StaleState(ProcessionError):
    """A move found its thing in another state, or with another attempt, than it expected."""


class HostError(ProcessionError):
    """This machine, disk or directory cannot be used as asked."""

    exit_code = 7


class StorageFull(HostError):
    """Too little is free on the disk: nothing is taken in and nothing starts until there is more."""


class ExecutorError(ProcessionError):
    """An attempt could not be handed to its executor, or the executor could not be asked."""

    exit_code = 8
