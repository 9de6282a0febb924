"""Notes on the pages: added by a form, drawn with bold, code and links, and never as HTML of their own."""

import pytest

from procession.web.markdown import markdown
from tests.api.served import Served
from tests.web.visiting import Visitor, begun

pytestmark = pytest.mark.feature("M106", "M103")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** and `a*b`", "<b>bold</b> and <code>a*b</code>"),
        ("[17](https://t.example.org/17?a=1&b=2)",
         '<a href="https://t.example.org/17?a=1&amp;b=2" rel="noopener noreferrer nofollow">17</a>'),
        ("see http://a.example.org/x.", 'see <a href="http://a.example.org/x" rel="noopener noreferrer nofollow">'
                                        "http://a.example.org/x</a>."),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ('[x](https://a"onclick=alert(1))', None),
        ("`<b>` **<i>**", "<code>&lt;b&gt;</code> <b>&lt;i&gt;</b>"),
        ("[<script>](https://a.org/)",
         '<a href="https://a.org/" rel="noopener noreferrer nofollow">&lt;script&gt;</a>'),
        ("**not closed `nor this", "**not closed `nor this"),
        ("two\nlines", "two\nlines"),
    ],
)  # fmt: skip
def test_a_note_is_drawn_safely(text: str, html: str | None) -> None:
    made = str(markdown(text))
    if html is None:
        assert "onclick" not in made.partition("href=")[2].partition(">")[0]
    else:
        assert made == html


def test_a_note_that_is_all_marks_takes_no_time() -> None:
    for mark in ("**", "`", "[", "[a](", "https://", "**`["):
        assert mark.strip("*`[](")[:1] in str(markdown(mark * (10_000 // len(mark))))


def test_a_note_is_written_by_a_form_and_stands_in_the_history(served: Served, admin: Visitor, viewer: Visitor) -> None:
    found = begun(served)
    seen = admin.get(f"p/{found}")
    (link,) = [each for each in seen.page.all("a") if each["data-key"] == "c"]
    assert link["title"] == "Note… (c)"
    form = admin.get(f"ask/note?id={found}&back=p/{found}?tab=history")
    empty = admin.send(form, "note", text="")
    assert (empty.status, "text is missing" in empty.page.text) == (400, True)
    done = admin.send(form, "note", text="see **B10**: <script>alert(1)</script>")
    assert done.status == 200
    page = admin.get(f"p/{found}?tab=history")
    assert "see <b>B10</b>: &lt;script&gt;alert(1)&lt;/script&gt;" in page.html
    assert f"processing:{found}" in admin.get("audit?verb=note").page.text
    assert "see <b>B10</b>" in admin.get(f"p/{found}").html  # under the head, on every tab
    other = viewer.get(f"p/{found}?tab=history")
    assert "see <b>B10</b>" in other.html
    assert not [each for each in other.page.all("a") if each["data-key"] == "c"], "a viewer sees why not"
