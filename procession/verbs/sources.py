"""Verbs on sources and experiments."""

from __future__ import annotations

from typing import Any, Literal

from procession import present
from procession.commands import sources
from procession.errors import Invalid
from procession.project import Project
from procession.store.sources import KINDS
from procession.verbs.bounds import up_to
from procession.verbs.verb import Caller, verb


@verb("sources", "read", "GET /sources")
def sources_(
    project: Project, caller: Caller, kind: Literal["source", "experiment"] = "source", limit: int = 100
) -> Any:  # fmt: skip
    """Where data come from, or what experiments they belong to: what there is of each, and what is paused."""
    if kind not in KINDS:
        raise Invalid(f"kind is source or experiment, not {str(kind)[:40]!r}")
    found = sources.listed(project, kind=kind, limit=up_to("limit", limit, 1000))
    return present.page([present.source(each) for each in found], None)
