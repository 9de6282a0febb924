"""What pages may load, run and show: a policy on every page, and templates that need no more than it lets them."""

import re
from pathlib import Path

import pytest

import procession.web
from procession import verbs
from procession.cli import callers
from procession.verbs.meanings import MEANINGS
from tests.web.visiting import Document, Visitor

TEMPLATES = sorted((Path(procession.web.__file__).parent / "templates").rglob("*.html"))
HX = frozenset(
    f"hx-{each}" for each in ("get", "post", "target", "swap", "trigger", "push-url", "select", "include", "indicator")
) | {"hx-nonce"}
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)

pytestmark = pytest.mark.check(35)


@pytest.mark.parametrize("path", ["", "help", "login", "nothing", "ask/pause?task=scene"])
def test_every_page_says_what_it_may_load_and_runs_nothing_else(admin: Visitor, path: str) -> None:
    first, second = admin.get(path), admin.get(path)
    nonces = []
    for seen in (first, second):
        policy = dict(each.strip().partition(" ")[::2] for each in seen.headers["content-security-policy"].split(";"))
        found = re.fullmatch(r"'self' 'nonce-([A-Za-z0-9_-]{24})'", policy.pop("script-src"))
        assert found
        nonces.append(found[1])
        assert policy == {
            "default-src": "'self'", "style-src": "'self'", "img-src": "'self' blob: data:", "connect-src": "'self'",
            "frame-src": "'self'", "object-src": "'none'", "base-uri": "'none'", "form-action": "'self'",
            "frame-ancestors": "'none'",
        }  # fmt: skip
        scripts = seen.page.all("script")
        assert scripts and all(e["nonce"] == found[1] and e["src"] and not e.text.strip() for e in scripts)
        assert seen.headers["x-content-type-options"] == "nosniff"
        assert seen.headers["referrer-policy"] == "same-origin"
        assert seen.headers["cache-control"] == "private, no-cache"
    assert nonces[0] != nonces[1]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_script_style_or_handler_and_only_the_attributes_of_the_house(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "| safe" not in text and "|safe" not in text and "autoescape" not in text
    for e in Document(JINJA.sub("x", text)).elements:
        assert e.tag != "style" and "style" not in e.attributes, e
        assert e.tag != "base"
        assert not [name for name in e.attributes if name.startswith("on")], e
        assert {name for name in e.attributes if name.startswith("hx-")} <= HX, e
        for name in ("href", "src", "action", "formaction"):
            assert not e[name].lower().startswith(("javascript:", "http:", "https:", "//", "/")), e
        if e.tag == "script":
            assert "nonce" in e.attributes and not e.text.strip(), e
    for found in re.finditer(r'="\{\{(.*?)\}\}"', text):
        assert "javascript" not in found[1]


def test_every_word_for_people_can_be_translated() -> None:
    """What stands between tags and is no name goes through gettext."""
    for path in TEMPLATES:
        text = re.sub(r"<(code|title|a)\b.*?</\1>", "", JINJA.sub("", path.read_text("utf-8")), flags=re.DOTALL)
        words = [
            word for piece in re.findall(r">([^<>]*)<", text) for word in re.findall(r"[A-Za-z]{4,}", piece)
        ]  # fmt: skip
        assert set(words) <= {"Procession", "JSON"}, (path.name, words)


def test_who_may_log_in_is_called_a_user_wherever_it_is_read() -> None:
    said = [text for path in TEMPLATES for text in re.findall(r'_\(["\'](.*?)["\']', path.read_text("utf-8"))]
    verbs_said = [str(each.act.__doc__) for each in verbs.load().values()]
    arguments = [name for each in verbs.load().values() for name in each.parameters]
    routes = [each.path for each in verbs.load().values()]
    typed = Path(str(callers.__file__)).read_text("utf-8")
    for text in (typed, *said, *verbs_said, *MEANINGS.values(), *arguments, *routes):
        assert not re.search(r"\baccounts?\b", text, re.IGNORECASE), text
