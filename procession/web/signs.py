"""Icons, states, chips and marks: the small things that a page has by the hundred, written here as text at once.

*Always:* what comes from outside is escaped. Macros of Jinja would say the same more shortly; a macro and each value in
it cost ten times as much, and the Overview of forty tasks has 350 icons, 100 chips and 900 marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup, escape

from procession.web import url, words

TO_ERROR = frozenset({"failed", "lost", "will-retry"})
"""Steps that lead to the line at which they failed."""


def icon(name: str, label: str = "") -> Markup:
    """An icon of the sprite; without a label it says nothing to who does not see it."""
    seen = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return Markup(f'<svg class="icon" {seen}><use href="#icon-{escape(name)}"></use></svg>')  # noqa: S704


def state(kind: str, word: str = "") -> Markup:
    """Glyph and word of a state, never a colour alone."""
    kind = escape(kind)
    said = escape(word or words.said(kind))
    return Markup(f'<span class="state state-{kind}">{icon(words.glyph(kind))}{said}</span>')  # noqa: S704


def chips(place: str, processing: Mapping[str, Any]) -> Markup:
    """Steps of a processing, each a link below `place` (that of all processings): to its log, or to what failed."""
    texts = []
    for step in processing["steps"]:
        kind = words.state(step)
        at = url.joined(f"{place}{processing['id']}/s", step["name"])
        texts.append(
            f'<a class="chip state-{kind}" href="{escape(at)}{"#error" if kind in TO_ERROR else ""}">'
            f"{icon(words.glyph(kind))}<span>{escape(step['name'])}</span>"
            f'<span class="sr">: {escape(words.said(kind))}</span></a>'
        )
    return Markup(f'<span class="chips">{"".join(texts)}</span>')  # noqa: S704


def marks(place: str, found: Iterable[Mapping[str, Any]]) -> Markup:
    """The last processings as small marks, the newest to the right; each leads below `place`."""
    return Markup(  # noqa: S704
        "".join(
            f'<i class="mark state-{escape(one["kind"])}" data-href="{escape(place)}{one["id"]}"'
            f' title="{one["id"]}: {escape(one["said"])}"></i>'
            for one in found
        )
    )
