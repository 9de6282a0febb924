"""From a template and its values to HTML: a page, or one block of it.

*Always:* everything that is put into a template is text, unless a template itself made it; a name that has no value is
a mistake and no empty place; the templates are compiled once, at their first use.
"""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from procession import units
from procession.errors import NotFound
from procession.model import wording
from procession.web import signs, words
from procession.web.markdown import markdown

HERE = Path(__file__).parent
DOMAIN = "procession"
LITERAL = re.compile(r"""\b_\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
"""A text that a template says itself."""
NAMED = re.compile(r"%\(\w+\)")
"""A place for a value."""


def read(directory: Path) -> dict[str, str]:
    """All templates, at once: a server goes on with those of its own version when its files are replaced under it."""
    return {each.relative_to(directory).as_posix(): each.read_text("utf-8") for each in directory.rglob("*.html")}


def environment() -> Environment:
    """What all templates have: macros import what they need, filters say moments and sizes as people read them."""
    templates = read(HERE / "templates")
    literals = frozenset(ast.literal_eval(each) for text in templates.values() for each in LITERAL.findall(text))
    made = Environment(
        loader=DictLoader(templates), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False, extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    said = gettext.translation(DOMAIN, HERE / "locale", languages=["en"], fallback=True)
    made.install_gettext_translations(said, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"_": _translator(said.gettext, literals), "signs": signs}
    made.filters |= {
        "size": units.size, "duration": units.duration, "number": words.number, "age": words.age, "state": words.state,
        "markdown": markdown, "glyph": words.glyph, "once": words.once, "said": words.said, "moment": words.moment,
        "reasons": words.reasons, "exactly": words.exactly, "by_name": words.by_name, "tidy": words.tidy,
        "spark": words.spark, "brought": words.brought, "brief": words.brief, "sender": wording.sender,
    }  # fmt: skip
    return made


def _translator(translated: Callable[[str], str], literals: frozenset[str]) -> Callable[..., str]:
    """`_`: what templates say themselves may hold marks and names in `%(…)s`; any other text is text.

    Jinja's own takes whatever it is given for safe, and looks at each text anew; a page says the same few hundred.
    """

    @lru_cache(maxsize=4096)
    def marked(text: str) -> Markup:
        return Markup(translated(text)) if text in literals else escape(translated(text))  # noqa: S704

    @lru_cache(maxsize=4096)
    def plain(text: str) -> Markup:
        return marked(text) if text not in literals or NAMED.search(text) else marked(text) % {}

    def said(text: str, **values: Any) -> str:
        return marked(text) % values if values else plain(text)

    return said


class Renderer:
    """All templates."""

    def __init__(self) -> None:
        self._templates = environment()

    def page(self, template: str, values: Mapping[str, Any]) -> str:
        """The whole page."""
        return self._templates.get_template(template).render(values)

    def part(self, template: str, block: str, values: Mapping[str, Any]) -> str:
        """One block of a page, as it stands in the page; NotFound where it has none of this name."""
        found = self._templates.get_template(template)
        context = found.new_context(dict(values))
        begun = found.root_render_func(context)
        next(begun)  # so that what the template imports is there, and all of its blocks are known
        begun.close()  # type: ignore[attr-defined]
        if block not in context.blocks:
            raise NotFound(f"this page has no part {block[:40]!r}")
        return "".join(context.blocks[block][0](context))
