"""Help on one topic, and the search over all of them."""

from __future__ import annotations

from procession.errors import NotFound
from procession.web import reference
from procession.web.page import Ask, Shown, page


@page("/help/search", scope=None)
def search(ask: Ask) -> Shown:
    """What there is on some words."""
    text = ask.query.get("q", "").strip()[:200]
    return _shown("search", "Search", "", reference.search(text), text)


@page("/help/{topic}", scope=None)
def topic(ask: Ask) -> Shown:
    """One topic, whole."""
    name = ask.values["topic"]
    if name not in reference.TOPICS:
        raise NotFound(f"there is no help on {name[:60]!r}; there is on {', '.join(reference.TOPICS)}")
    heading, about = reference.TOPICS[name]
    return _shown(name, heading, about, reference.of(name), "")


def _shown(name: str, heading: str, about: str, found: list[reference.Entry], text: str) -> Shown:
    sections: dict[str, list[reference.Entry]] = {}
    for each in found:
        sections.setdefault(reference.TOPICS[each.topic][0] if name == "search" else each.section, []).append(each)
    values = {"topic": name, "heading": heading, "about": about, "sections": sections, "q": text,
              "topics": {each: said[0] for each, said in reference.TOPICS.items()}}  # fmt: skip
    data = {"items": [{"topic": e.topic, "section": e.section, "name": e.name, "text": e.text} for e in found]}
    return Shown(
        "pages/topic.html", values, heading, crumbs=(("Help", "help"),), data=data, command="procession --help"
    )
