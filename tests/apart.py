"""Processes that share nothing with the one of the tests: real ones, forked by one that has loaded what they need.

One that begins with nothing takes half a second of a processor before it does anything.
"""

import multiprocessing

APART = multiprocessing.get_context("forkserver")
APART.set_forkserver_preload(
    ["tests.store.workers", "tests.commands.test_instances", "sqlalchemy.dialects.postgresql.psycopg", "psycopg"]
)
