"""Markdown: as much of it as a note needs, drawn safely. Bold, code and links; all else is text as it stands.

*In:* what a person wrote. *Out:* HTML. *Always:* pure; every piece is escaped before it stands between our own tags; a
link leads to http or https and to nothing else. The time that it takes grows with the length, not faster.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_PIECE = re.compile(
    r"`(?P<code>[^`\n]{1,2000})`"
    r"|\*\*(?P<bold>[^*\n]{1,2000})\*\*"
    r"|\[(?P<text>[^\[\]\n]{1,500})\]\((?P<to>https?://[^\s()<>\"]{1,2000})\)"
    r"|(?P<bare>https?://[^\s<>\"()\[\]]{1,2000}[^\s<>\"()\[\].,;:!?'*`])"
)
_LINK = Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>')


def markdown(text: str) -> Markup:
    """What was written, as HTML."""
    made, at = [], 0
    for found in _PIECE.finditer(text):
        made += [escape(text[at : found.start()]), _drawn(found)]
        at = found.end()
    return Markup("").join((*made, escape(text[at:])))


def _drawn(found: re.Match[str]) -> Markup:
    if found["code"] is not None:
        return Markup("<code>{}</code>").format(found["code"])
    if found["bold"] is not None:
        return Markup("<b>{}</b>").format(found["bold"])
    if found["text"] is not None:
        return _LINK.format(found["to"], found["text"])
    return _LINK.format(found["bare"], found["bare"])
