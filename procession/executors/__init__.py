"""Implementations of `procession.executor`: `local` runs scripts on this machine, in the shims of its `pool`."""
