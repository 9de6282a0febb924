"""Implementations of `procession.executor`: `local` runs scripts on this machine."""
