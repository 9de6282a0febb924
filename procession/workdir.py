"""The directory tree of processings, steps and attempts, and of everything else under ``var/``.

::

    var/
    ├── procession.db                     unless the database is PostgreSQL
    ├── launcher.lock                     held by the launcher that serves this place
    ├── place-id                         what this place is known by in the database
    ├── lease                            until when this place is believed to serve; only with PostgreSQL
    ├── wake                              a FIFO: whoever changed something pokes the launcher here
    ├── launcher.log                      what Procession itself did
    ├── token                             the first token of the HTTP API
    ├── disk.samples                      what was free of the disk, a line every hour of the last 30 days
    ├── secret                            of which the tokens of attempts are made
    ├── spool/<attempt key>               the record of each live attempt
    ├── spool.quarantine/                 records that could not be read, put aside
    ├── foreground/                       locks and FIFOs of ``procession run``
    ├── bridges/<name>.lock              held by whoever publishes over a bridge; only with SQLite
    ├── calls/<launcher>-<n>              which calls a worker has begun, while its launcher is there
    ├── workers.log                       what workers say outside of any call
    ├── pickle.key                        signs inputs that are pickles, where that is allowed
    ├── trash/                            directories that are being removed
    ├── code/<sha256>                     text of every script as it was executed
    └── work/<processing>/
        ├── event.json                    name, key, title, parameters
        ├── entered.lock                  held while somebody is in, by ``procession shell``
        ├── files/                        working directory of the chain: files of the scripts only
        └── <nn>-<step>/
            ├── files/                    working directory of the step, where it has one of its own
            ├── children                  of a step that waited for children: what became of each
            └── <attempt>/                log, run.sh, record, output, events, progress, metrics, artifacts/
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from procession.errors import HostError

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "9p", "ceph", "lustre", "gpfs", "beegfs", "glusterfs",
     "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "davfs", "fuse.davfs2",
     "orangefs", "panfs"}
)  # fmt: skip
"""File systems on which locks and shared memory do not hold what SQLite and the spool need."""


ENTERED = "entered.lock"
"""In the directory of a processing: held as long as somebody is in, by ``procession shell``."""


LOOKERS_LEAVE = 0.5
"""Seconds within which whoever only looks at a lock has let go of it."""


@dataclass(frozen=True, slots=True)
class Var:
    """All places under one ``var/``; nothing is made here but by `prepare`."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "procession.db"

    @property
    def lock(self) -> Path:
        return self.root / "launcher.lock"

    @property
    def lease(self) -> Path:
        """Until when what runs here may believe that nobody has taken its work over; only with PostgreSQL."""
        return self.root / "lease"

    @property
    def wake(self) -> Path:
        return self.root / "wake"

    @property
    def log(self) -> Path:
        return self.root / "launcher.log"

    @property
    def samples(self) -> Path:
        """What was free of the disk, hour by hour."""
        return self.root / "disk.samples"

    @property
    def secret(self) -> Path:
        """Of which the tokens of attempts are made."""
        return self.root / "secret"

    @property
    def token(self) -> Path:
        """The first token of this project."""
        return self.root / "token"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def code(self) -> Path:
        return self.root / "code"

    @property
    def pickle_key(self) -> Path:
        """The key by which inputs that are pickles are signed; made at its first use."""
        return self.root / "pickle.key"

    @property
    def foreground(self) -> Path:
        """Locks and FIFOs of launchers that run one processing in the foreground."""
        return self.root / "foreground"

    def bridge_lock(self, name: str) -> Path:
        """Held by the one that publishes over this bridge; its directory is made."""
        place = self.root / "bridges"
        place.mkdir(mode=0o700, exist_ok=True)
        return place / f"{name}.lock"

    def place_id(self) -> str:
        """What this place is known by in the database, whatever the host and the directory are called: made once."""
        path = self.root / "place-id"
        passing = self.root / f".place-id.{os.getpid()}"
        try:
            return path.read_text("ascii")
        except FileNotFoundError:
            passing.unlink(missing_ok=True)
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(uuid.uuid4().hex)
        with contextlib.suppress(FileExistsError):  # a link, so that whoever reads it finds it whole, and all the same
            os.link(passing, path)
        passing.unlink()
        return path.read_text("ascii")

    def work(self, processing_id: int) -> Path:
        """The directory of a processing."""
        return self.root / "work" / str(processing_id)

    def files(self, processing_id: int) -> Path:
        """The working directory shared by a chain."""
        return self.work(processing_id) / "files"

    def step(self, processing_id: int, ordinal: int, name: str) -> Path:
        """The directory of a step."""
        return self.work(processing_id) / f"{ordinal:02d}-{name}"

    def attempt(self, processing_id: int, ordinal: int, name: str, number: int) -> Path:
        """The directory of an attempt."""
        return self.step(processing_id, ordinal, name) / str(number)

    def children(self, processing_id: int, ordinal: int, name: str) -> Path:
        """What a step that waited for children leaves for those after it."""
        return self.step(processing_id, ordinal, name) / "children"

    def places(self, processing_id: int, ordinal: int, name: str) -> tuple[str, str, str]:
        """As texts, for the hot path: the directories of a processing, of its files, and of a step."""
        work = f"{self.root}/work/{processing_id}"
        return work, f"{work}/files", f"{work}/{ordinal:02d}-{name}"

    def prepare(self) -> None:
        """Make what must be there, ours alone; HostError says what stands in the way."""
        try:
            for place in (self.root, self.spool, self.code, self.root / "work", self.foreground):
                place.mkdir(mode=0o700, exist_ok=True)
                keep_private(place, may_be_link=place == self.root)
        except FileExistsError as error:
            raise HostError(
                f"{error.filename} is not a directory; Procession keeps its state there: move it away"
            ) from None
        except PermissionError as error:
            raise HostError(
                f"{error.filename} cannot be made: no permission to write in {Path(error.filename).parent}; "
                "make that directory writable, or set [project] var to another place"
            ) from None
        except OSError as error:
            raise HostError(
                f"{error.filename} cannot be made: {error.strerror}; set [project] var to another place"
            ) from None
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise HostError(
                f"{self.root} cannot be written to; make it writable, or set [project] var to another place"
            )
        if kind := network_file_system(self.root):
            raise HostError(
                f"{self.root} is on a network file system ({kind}), where locks do not hold and a database is damaged; "
                "set [project] var to a directory on a local disk"
            )
        keep_file_private(self.log)
        if os.path.lexists(self.database):  # the store makes it
            keep_file_private(self.database)


def keep_private(place: Path, *, may_be_link: bool) -> None:
    """Let nobody but us into this directory; HostError if it is not ours. A link must be ours as well."""
    named = place.lstat()
    if stat.S_ISLNK(named.st_mode) and not may_be_link:
        raise HostError(f"{place} is a symbolic link; whoever made it could run commands as you: remove it")
    found = place.stat()
    for each in (named, found):
        if each.st_uid != os.geteuid():
            raise HostError(
                f"{place} belongs to another user (uid {each.st_uid}); whoever owns it could run commands as you"
            )
    if found.st_mode & 0o077:
        place.chmod(found.st_mode & 0o700)


def keep_file_private(file: Path) -> None:
    """Make this file, for us alone, before anything is written to it; HostError if another could read along or write.

    SQLite gives the files beside its database the mode of the database.
    """
    try:
        os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return
    except FileExistsError:
        found = file.lstat()
    except OSError as error:
        raise HostError(f"{file} cannot be made: {error.strerror}; set [project] var to another place") from None
    if not stat.S_ISREG(found.st_mode):
        raise HostError(f"{file} is not a regular file (a link, perhaps); Procession keeps its own there: move it away")
    if found.st_uid != os.geteuid():
        raise HostError(f"{file} belongs to another user (uid {found.st_uid}); move it away")
    if found.st_mode & 0o022:
        raise HostError(f"{file} can be written by other users, who could run commands as you; chmod go-w {file}")
    if found.st_mode & 0o044:
        file.chmod(0o600)


def network_file_system(place: Path, mountinfo: str | None = None) -> str | None:
    """The kind of the network file system that this place is on; None on a local one."""
    kind = file_system(place, mountinfo)
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def file_system(place: Path, mountinfo: str | None = None) -> str | None:
    """The kind of the file system that this place is on; None where the system does not say.

    `mountinfo` is the text of ``/proc/self/mountinfo`` (proc(5)); the longest mount point above the place tells.
    """
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        except OSError:
            return None
    target = os.path.realpath(place)
    best, kind = "", ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        mount = fields[4].encode(errors="surrogateescape").decode("unicode_escape")
        inside = target == mount or target.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, after.split(" ")[0]
    return kind or None


def hold(path: Path, text: str = "") -> int | None:
    """Take the lock of a place and write into the file who holds it; None if somebody else does.

    The lock falls with the descriptor, so with the process, however it ends. The file stays: a lock file that is
    removed can be locked twice.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    until = time.monotonic() + LOOKERS_LEAVE
    while not _locked(descriptor, fcntl.LOCK_EX):
        if not _locked(descriptor, fcntl.LOCK_SH) or time.monotonic() > until:  # held, not only looked at
            os.close(descriptor)
            return None
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(0.001)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, text.encode())
    return descriptor


def is_held(path: Path) -> bool:
    """Does somebody hold the lock of this place? What is no regular file is no lock of ours."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):  # nothing there, a link, a socket
            return False
        raise
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
