"""Inputs as pickles: the only place where Procession reads or writes one.

In: any value, and a key that only this installation has. Out: bytes that begin with their signature. Always: nothing is
unpickled before its signature has been found right, so whoever can write into the database but not read the key cannot
run code here. Used only where the operator opted in. Standard library only, Python 3.8 or newer.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
from typing import Any

_SIZE = hashlib.sha256().digest_size


def signed(value: Any, key_file: str) -> bytes:
    """A value as a signed pickle."""
    content = pickle.dumps(value, protocol=4)  # the newest that Python 3.8 to 3.13 all read and write alike
    return _signature(content, _key(key_file)) + content


def opened(data: bytes, key_file: str) -> Any:
    """The value; ValueError, before anything of it is looked at, if the signature is not of this installation."""
    signature, content = data[:_SIZE], data[_SIZE:]
    if not hmac.compare_digest(signature, _signature(content, _key(key_file))):
        raise ValueError("the inputs were not signed by this installation; they were not unpickled")
    return pickle.loads(content)  # noqa: S301  signed by us


def _signature(content: bytes, key: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def _key(path: str) -> bytes:
    """The key, made at its first use; ours alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _make_key(path)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & 0o077:
            raise ValueError("%s can be read by others; chmod 600 it, or remove it and submit again" % path)
        return file.read()


def _make_key(path: str) -> bytes:
    passing = "%s.%d" % (path, os.getpid())
    key = os.urandom(32)
    with os.fdopen(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(key)
    try:
        os.link(passing, path)
    except FileExistsError:
        return _key(path)
    finally:
        os.unlink(passing)
    return key
