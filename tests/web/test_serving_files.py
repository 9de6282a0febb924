"""Files of the pages: kept for ever by browsers, packed once, and nothing else of this machine."""

import gzip
from pathlib import Path

import pytest

from procession.web.static import Static
from tests.web.visiting import Visitor


def test_a_file_is_kept_for_ever_under_a_name_that_is_made_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    (tmp_path / "js/a.js").write_text("1")
    before = Static(tmp_path)
    assert before.version == Static(tmp_path).version
    (tmp_path / "js/a.js").write_text("2")
    assert Static(tmp_path).version != before.version
    assert before.place("js/a.js") == f"static/{before.version}/js/a.js"


def test_files_come_packed_where_that_is_understood(visitor: Visitor) -> None:
    src = next(e["src"] for e in visitor.get("login").page.all("script") if e["src"].endswith("login.js"))
    plain, packed = visitor.get(src[2:]), visitor.get(src[2:], Accept_Encoding="br, gzip")
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body)
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    for seen in (plain, packed):
        assert seen.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert seen.headers["vary"] == "accept-encoding"
        assert seen.headers["content-type"] == "text/javascript; charset=utf-8"
    old = visitor.get("static/0123456789ab/js/login.js")
    assert old.status == 200 and old.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in visitor.get(src[2:], Accept_Encoding="gzip;q=0").headers


@pytest.mark.parametrize(
    "path",
    ["static/x/../site.py", "static/x/%2e%2e/site.py", "static/x/..%2fsite.py", "static/x//etc/passwd", "static/x/",
     "static/", "static/x/js/login.js%00", "static/x/js", "static/x/js/..%5clogin.js"],
)  # fmt: skip
def test_nothing_but_the_files_of_the_pages_is_served(visitor: Visitor, path: str) -> None:
    """B46."""
    assert visitor.ask("GET", f"/{path}").status == 404
    assert visitor.ask("POST", "/static/x/js/login.js", b"").status in (403, 405)
