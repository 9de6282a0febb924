"""Which names of the environment the file may set or drop (C13).

What decides which code a program loads is set where Procession is started, in plain sight, never by a file
that is read while it runs; taking it away is always allowed.
"""

from __future__ import annotations

import re

from procession.errors import Invalid

_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_LOADS_CODE = re.compile(r"(LD_|PYTHON|PERL5|GIT_).*|PATH|BASH_ENV|ENV|IFS|NODE_OPTIONS")


def check_set_name(name: str) -> str:
    """Refuse a name that the file may not set; raises Invalid (B17)."""
    if not _NAME.fullmatch(name):
        raise Invalid("is not a name for the environment; write capital letters, digits and _ only")
    if name.startswith("PROCESSION_"):
        raise Invalid("is one of Procession's own names; choose another")
    if _LOADS_CODE.fullmatch(name):
        raise Invalid("decides which code programs load; set it where Procession is started, not in this file")
    return name


def check_dropped_name(name: str) -> str:
    """Refuse what cannot be the name of a variable; raises Invalid."""
    if not name or "=" in name or "\0" in name:
        raise Invalid("is not a name for the environment; it must not be empty and has no = in it")
    return name
