"""What axe finds on a page."""

from __future__ import annotations

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""Rules of which a theme decides."""
RUN = """([within, options]) => axe.run(within || document, options).then((found) =>
  found.violations.flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.html.slice(0, 160)}`)))"""
QUICK = """() => {
  const { Color } = axe.commons.color, parse = Color.prototype.parseString, known = new Map();
  Color.prototype.parseString = function (text) {
    if (!known.has(text)) known.set(text, new Color(parse.call(this, text)));
    const { r, g, b, alpha } = known.get(text);
    return Object.assign(this, { r, g, b, alpha });
  };
}"""
"""It reads the few colours of a page thousands of times, and each time anew: a third of all that it does."""


def axe(page: Page, rules: list[str] | None = None, within: str = "") -> list[str]:
    """What axe finds, in short: by all rules or these, on the whole page or within a selector. It is loaded once for
    each page, and asks for nothing itself."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_FILE_PATH.read_text("utf-8"))
        page.evaluate(QUICK)
    only = {"type": "tag", "values": TAGS} if rules is None else {"type": "rule", "values": rules}
    options = {"runOnly": only, "resultTypes": ["violations"], "preload": False, "iframes": False}
    return list(page.evaluate(RUN, [within, options]))
