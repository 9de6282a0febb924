"""Views: filters of processings that a person has given names, to open them again.

In: whose, a name, a query and an order. Out: rows of `view`. Always: everybody has their own, and nobody sees those of
others; a query that cannot be read is not kept.
"""

from __future__ import annotations

from procession.commands import bulk
from procession.commands.ordering import ORDERS
from procession.errors import Invalid, NotFound, Refused
from procession.model.event import check_text
from procession.project import Project
from procession.store import tokens, views
from procession.store.views import View

LONGEST_NAME = 80
"""Characters."""
MOST = 100
"""Of one person."""


def owner(project: Project, by: str, token: str | None, account: str | None) -> str:
    """Whose views these are: the account's; else of whoever made the link by which somebody logged in; else those of
    this one token, whatever others are called."""
    if account is not None or token is None:
        return account or by
    with project.store.read() as tx:
        return tokens.maker_of_session(tx, token) or tokens.OWNER + token


def listed(project: Project, account: str) -> list[View]:
    """Those of one person, by name."""
    with project.store.read() as tx:
        return views.of(tx, account)


def save(project: Project, account: str, name: str, query: str, sort: str) -> View:
    """Keep a filter under a name, in place of what had it."""
    name = name.strip()
    check_text("the name of a view", name)
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(f"the name of a view is a line of 1 to {LONGEST_NAME} characters, not {name[:40]!r}")
    if sort not in ORDERS:
        raise Invalid(f"a list is ordered by {', '.join(ORDERS)}, not by {sort[:40]!r}")
    bulk.read_text(project, query)
    with project.store.begin() as tx:
        there = {each.name for each in views.of(tx, account)}
        if name not in there and len(there) >= MOST:
            raise Refused(f"{account} has {MOST} views, and no more are kept; remove one first")
        view = View(name, query.strip(), sort, project.now())
        views.put(tx, account, view)
    return view


def remove(project: Project, account: str, name: str) -> None:
    """Forget a view; NotFound where there is none of this name."""
    with project.store.begin() as tx:
        if not views.remove(tx, account, name):
            raise NotFound(f"{account} has no view {name[:60]!r}")
