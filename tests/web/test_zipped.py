"""All artifacts as one .zip: whole, streamed, and with names that lead out of it nowhere."""

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from procession.web.processing.zipped import PIECE, _unique, safe, zipped
from tests.api.served import Served
from tests.web.visiting import Visitor, begun

pytestmark = pytest.mark.feature("M42", "M106")
PLACE = "01-one/1/artifacts"


def placed(root: Path, name: str, content: bytes) -> Path:
    path = root / PLACE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def opened(root: Path) -> zipfile.ZipFile:
    found = zipfile.ZipFile(io.BytesIO(b"".join(zipped(root, [("01-one", PLACE)]))))
    assert found.testzip() is None
    return found


def test_everything_below_is_there_byte_for_byte(tmp_path: Path) -> None:
    content = {"a.png": os.urandom(3 * PIECE + 7), "deep/er/b.csv": b"x,y\n" * 100_000, "empty": b""}
    for name, data in content.items():
        placed(tmp_path, name, data)
    found = opened(tmp_path)
    assert {each.removeprefix("01-one/"): found.read(each) for each in found.namelist()} == content
    assert found.getinfo("01-one/deep/er/b.csv").compress_size < 10_000


def test_no_link_is_followed_and_nothing_but_files_is_opened(tmp_path: Path) -> None:
    """B19, B20."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    kept = placed(tmp_path, "kept", b"1")
    kept.with_name("link").symlink_to(tmp_path / "secret")
    kept.with_name("folder").symlink_to(tmp_path / "outside")
    os.mkfifo(kept.with_name("pipe"))
    assert opened(tmp_path).namelist() == ["01-one/kept"]


def test_names_lead_out_of_it_on_no_system(tmp_path: Path) -> None:
    for name in ("..\\..\\evil.bat", "C:x", "a\nb", "nul.", "-rf", "A", "a", "über.png", "x" * 250):
        placed(tmp_path, name, b"1")
    (tmp_path / PLACE / os.fsdecode(b"\xff\xfe")).write_bytes(b"1")
    found = opened(tmp_path).namelist()
    assert len(found) == len({name.lower() for name in found}) == 10
    for name in found:
        assert name.startswith("01-one/") and name.count("/") == 1
        assert not set(name) & set('\\:*?"<>|\n') and not name.endswith((".", " "))
    assert {"01-one/.._.._evil.bat", "01-one/C_x", "01-one/über.png"} <= set(found)
    assert safe("../..") == "_/_"


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    path = placed(tmp_path, "large.png", b"")
    os.truncate(path, 200 << 20)
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in zipped(tmp_path, [("01-one", PLACE)]))
        assert total > 200 << 20
        assert tracemalloc.get_traced_memory()[1] < 16 * PIECE
    finally:
        tracemalloc.stop()


def test_the_page_sends_it_to_who_may_see_the_processing_alone(served: Served, viewer: Visitor) -> None:
    found = begun(served)
    assert viewer.get(f"p/{found}/artifacts.zip").status == 404
    placed(served.project.var.work(found), "preview.png", b"png")
    seen = viewer.get(f"p/{found}/artifacts.zip")
    assert (seen.status, seen.headers["content-type"]) == (200, "application/zip")
    assert seen.headers["content-disposition"].startswith(f'attachment; filename="scene-{found}.zip"')
    assert zipfile.ZipFile(io.BytesIO(seen.body)).namelist() == ["01-one/preview.png"]
    page = viewer.get(f"p/{found}?tab=artifacts").page
    assert [a for a in page.all("a") if a["href"].endswith(f"{found}/artifacts.zip")]
    assert Visitor(served).log_in("viewer", ["sar"]).get(f"p/{found}/artifacts.zip").status == 404
    assert "login" in Visitor(served).get(f"p/{found}/artifacts.zip").url


def test_names_that_fall_together_are_numbered_and_each_is_there_once() -> None:
    taken: dict[str, int] = {}
    names = ["a.png", "A.png", "a.png", "a-2.png", "b", "B"]
    found = [_unique(name, taken) for name in names]
    assert len({name.lower() for name in found}) == len(names), found
    assert found[0] == "a.png" and found[4] == "b"


def test_a_file_of_a_far_year_breaks_no_archive(tmp_path: Path) -> None:
    (tmp_path / PLACE).mkdir(parents=True)
    far = tmp_path / PLACE / "far.txt"
    far.write_text("x")
    os.utime(far, (7_258_118_400, 7_258_118_400))
    found = zipfile.ZipFile(io.BytesIO(b"".join(zipped(tmp_path, [("01-one", PLACE)]))))
    assert [each.date_time[0] for each in found.infolist()] == [2107]
