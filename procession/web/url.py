"""Links: relative to the request, so that the site works below any path, behind any proxy, without a setting.

*In:* where a request went, below the root of the site, and where a link goes. *Out:* a link that is right from there.
*Always:* pure; what comes from outside stands in it quoted, one piece of a path each, so it names no other place.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote, urlencode

_INSIDE = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:@/?#\[\]-]*")


def joined(path: str, /, *pieces: object, **query: object) -> str:
    """A place of the site: ``path`` as it is, then each piece quoted, then what of the query is not None."""
    found = "/".join((path, *(_piece(str(piece)) for piece in pieces))).lstrip("/")
    asked = [(name, str(value)) for name, value in query.items() if value is not None]
    return f"{found}?{urlencode(asked, quote_via=quote)}" if asked else found


@lru_cache(maxsize=4096)
def _piece(text: str) -> str:
    """A piece of a path, quoted: a page names the same tasks, steps and files again and again."""
    return quote(text, safe="")


def rel(current: str, target: str) -> str:
    """The link from one place of the site to another; both without a slash in front."""
    up = current.partition("?")[0].count("/")
    return ("../" * up or "./") + target


def inside(given: str | None) -> str:
    """A place that a request names to go to next; the Overview where it names none, or one that is not of this site."""
    text = (given or "").lstrip("/")
    path = re.split(r"[?#]", text)[0]
    fits = len(text) <= 2_000 and _INSIDE.fullmatch(text) is not None
    return (
        text
        if fits and "//" not in path and ".." not in unquote(path).split("/") and ":" not in path.split("/")[0]
        else ""
    )
