"""``files/{id}/…``: what scripts have left, as it is. Nothing in it is ever run.

``?thumb=1`` is a small picture, ``?frame=1`` an HTML file for a sandboxed frame, ``?save=1`` a download.
"""

from __future__ import annotations

from procession.errors import NotFound
from procession.web.page import Ask, Piece, page
from procession.web.processing import directory, previews, zipped
from procession.web.sending import Sent, disposition

SANDBOX = (
    (b"content-security-policy",
     b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"),
    (b"x-content-type-options", b"nosniff"),
)  # fmt: skip
PLAIN = "text/plain; charset=utf-8"
INLINE = frozenset({"text", "table"})


@page("/p/{id}/artifacts.zip")
def artifacts(ask: Ask) -> Piece:
    """All artifacts, of each step those of its last attempt."""
    found = ask.verb("show", id=ask.number("id"))
    root = ask.project.var.work(found["id"])
    steps = [(f"{each['ordinal']:02d}-{each['name']}", each["attempts"]) for each in found["steps"]]
    places = [(own, f"{own}/{tries[-1]['number']}/artifacts") for own, tries in steps if tries]
    if not any(next(zipped.names(root, place), None) for _, place in places):
        raise NotFound(f"processing {found['id']} has no artifacts")
    headers = (
        *SANDBOX,
        disposition("attachment", f"{found['task']}-{found['id']}.zip"),
        (b"cache-control", b"no-store"),
    )
    return Piece(b"", "application/zip", headers, zipped.zipped(root, places))


@page("/files/{id}/{*path}")
def file(ask: Ask) -> Sent | Piece:
    """A file, from where a download broke off if that is asked."""
    pid = ask.number("id")
    ask.verb("why", id=pid)  # may they see it at all?
    path = ask.values["path"]
    found = directory.opened(ask.project.var.work(pid), path)
    name = path.rpartition("/")[2]
    kind = previews.kind_of(name)
    if ask.query.get("thumb") == "1" and kind == "picture":
        made = previews.small(found, name)
        if made is not None:
            found.close()
            return Piece(made[0], made[1], (*SANDBOX, (b"cache-control", b"private, max-age=600")))
        found.seek(0)
    mime, how = _shown(name, kind, framed=ask.query.get("frame") == "1")
    if ask.query.get("save") == "1":
        how = "attachment"
    return Sent(found, mime, (*SANDBOX, disposition(how, name)))


def _shown(name: str, kind: str, *, framed: bool) -> tuple[str, str]:
    picture = previews.PICTURES.get(name.rpartition(".")[2].lower())
    if picture is not None:
        return picture, "inline"
    if kind in INLINE or name in ("log", "framework.log", "rerun.log"):
        return PLAIN, "inline"
    if kind == "page" and framed:
        return "text/html; charset=utf-8", "inline"
    return "application/octet-stream", "attachment"
