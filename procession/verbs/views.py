"""Verbs for views: filters of processings that whoever asks has given names."""

from __future__ import annotations

from typing import Any

from procession.clock import iso, moment
from procession.commands import views
from procession.commands.ordering import Order
from procession.errors import Denied
from procession.project import Project
from procession.store.views import View
from procession.verbs.verb import Caller, verb


@verb("views", "read", "GET /views")
def views_(project: Project, caller: Caller) -> Any:
    """The filters of processings that you have saved, by name."""
    return {"items": [_view(each) for each in views.listed(project, _owner(project, caller))]}


@verb("save-view", "read", "POST /views")
def save_view(project: Project, caller: Caller, name: str, query: str = "", sort: Order = "id") -> Any:
    """Save a filter of processings under a name, for yourself; the same name again replaces it."""
    return _view(views.save(project, _owner(project, caller), name, query, sort))


@verb("remove-view", "read", "DELETE /views/{name}")
def remove_view(project: Project, caller: Caller, name: str) -> Any:
    """Remove a filter that you have saved."""
    views.remove(project, _owner(project, caller), name)
    return {"name": name, "removed": True}


def _owner(project: Project, caller: Caller) -> str:
    if caller.via == "http" and caller.token is None and caller.by == "anonymous":
        raise Denied("views are kept for whoever has logged in")
    if caller.attempt is not None:
        raise Denied("views are for people; a script lists with a query")
    return views.owner(project, caller.by, caller.token, caller.account)


def _view(found: View) -> dict[str, Any]:
    return {"name": found.name, "query": found.query, "sort": found.sort, "at": iso(moment(found.at))}
