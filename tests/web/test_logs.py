"""Logs on the server: by lines, however long they are; what tells of an error; a search that nobody can hang."""

import json
import os
import re
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from procession.supervise.record import punch
from procession.web.logs import search as searching
from procession.web.logs.index import Indexes
from procession.web.logs.lines import read
from procession.web.logs.telling import kind, tells
from tests.api.served import Served
from tests.waiting import eventually
from tests.web.visiting import Seen, Visitor

pytestmark = pytest.mark.feature("M110", "P23")

TRACEBACK = """reading bands
WARNING band B10: 0.4 % saturated pixels
Traceback (most recent call last):
  File "calibrate.py", line 88, in solve
    x = np.linalg.solve(A, b)
numpy.linalg.LinAlgError: Singular matrix
"""


def logged(served: Served, text: str | bytes, code: int | None = 1) -> tuple[int, Path]:
    """A processing whose first step has printed this; None: it still runs."""
    found = served.driven.born("scene")
    served.driven.turn()
    path = served.project.var.attempt(found, 1, "one", 1) / "log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if code is not None:
        served.driven.end(found, code)
    return found, path


def about(admin: Visitor, found: int) -> Any:
    return json.loads(admin.get(f"log/{found}/one/1.json").body)


def lines(admin: Visitor, found: int, first: int, count: int) -> tuple[list[Any], Any]:
    seen = admin.get(f"log/{found}/one/1.json?from={first}&count={count}")
    assert seen.headers["content-type"] == "application/x-ndjson"
    *rows, last = [json.loads(line) for line in seen.html.splitlines()]
    return rows, last


def hits(admin: Visitor, found: int, asked: str) -> Any:
    return json.loads(admin.get(f"log/{found}/one/1.json?{asked}").body)


def test_a_failed_log_says_which_line_is_the_error(served: Served, admin: Visitor) -> None:
    found, _ = logged(served, "".join(f"line {n}\n" for n in range(1, 1197)) + "reading\n" * 2 + TRACEBACK + "bye\n")
    told = about(admin, found)
    assert (told["lines"], told["state"], told["live"], told["note"]) == (1205, "failed", False, None)
    assert told["error_line"] == 1201
    assert told["errors"] == [1201, 1202, 1203, 1204] and told["warnings"] == [1200]
    rows, last = lines(admin, found, 1199, 3)
    assert [row[0] for row in rows] == [1199, 1200, 1201] and rows[2][2] == "Traceback (most recent call last):"
    assert (last["lines"], last["live"], last["open"]) == (1205, False, False)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo\nERROR cannot open x\ncleaning up\n", 3),
        ("one\ntwo\n\n  \n", 2),
        ("only\nhalf a line", 2),
        ("", None),
        ("Traceback (most recent call last):\n  File x\nKeyError: 1\n" + TRACEBACK, 6),
    ],
)
def test_without_a_traceback_the_last_line_that_tells_most_is_the_error(
    served: Served, admin: Visitor, text: str, line: int | None
) -> None:
    found, _ = logged(served, text)
    assert about(admin, found)["error_line"] == line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("numpy.linalg.LinAlgError: Singular matrix", "error"),
        ("2026-11-21 10:00:00 ERROR [main] no", "error"),
        ("::error file=a.py,line=3::no", "error"),
        ("error: no such file", "error"),
        ("FATAL: the database is gone", "error"),
        ("DeprecationWarning: soon", "warning"),
        ("::warning::low", "warning"),
        ("0 errors, 0 warnings", None),
        ("the error budget is 3 %", None),
        ("terror", None),
    ],
)
def test_lines_that_tell_are_told_from_those_that_do_not(line: str, said: str | None) -> None:
    assert kind(line.encode()) == said


@pytest.mark.check(15)
def test_a_running_log_shows_all_that_came_before_and_goes_on_where_it_ended(served: Served, admin: Visitor) -> None:
    found, path = logged(served, "".join(f"line {n}\n" for n in range(1, 5001)), None)
    assert about(admin, found)["live"] is True
    assert lines(admin, found, 1, 1)[0][0][2] == "line 1"
    with path.open("a") as log:
        log.write("line 5001\nhal")
    rows, last = lines(admin, found, 5000, 2000)
    assert [row[2] for row in rows] == ["line 5000", "line 5001", "hal"]
    assert (last["lines"], last["end"], last["open"], last["live"]) == (5002, path.stat().st_size, True, True)
    with path.open("a") as log:
        log.write("f a line\n")
    rows, last = lines(admin, found, 5002, 2000)
    assert [row[2] for row in rows] == ["half a line"] and last["open"] is False
    path.write_text("anew\n")
    assert about(admin, found)["lines"] == 1
    served.driven.end(found, 0)


@pytest.mark.check(12)
def test_a_search_counts_what_grep_counts(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        for n in range(300_000):
            file.write(f"{n} reading the bands of tile 36UUA, band B{n % 13:02d}, Größe {n % 7}, all is well\n")
    with log.open("rb") as file:
        began = time.monotonic()
        index = Indexes().of(file.fileno(), log)
        assert index.lines == 300_000 and time.monotonic() - began < 10
        for sought, regex, case, pattern in (
            ("band B07", False, True, r"band B07"),
            ("BAND b07", False, False, r"band B07"),
            ("GRÖSSE 3".replace("SS", "ß"), False, False, r"Größe 3"),
            (r"B0[57].*Größe [0-2]", True, True, r"B0[57].*Größe [0-2]"),
            ("1", False, True, "1"),
        ):
            found = searching.search(file.fileno(), log, sought, regex=regex, case=case)
            expected = [n for n, line in enumerate(log.read_text().splitlines(), 1) if re.search(pattern, line)]
            assert (found.count, found.lines, found.error) == (len(expected), expected[:10_000], None)
        for n in (1, 2, 4_097, 299_999, 300_000):
            (one,) = read(file.fileno(), log, index, n, 1)
            assert (one.number, one.text.split(" ")[0]) == (n, str(n - 1))


def test_an_expression_that_would_take_for_ever_is_ended(
    served: Served, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B28."""
    monkeypatch.setattr(searching, "SECONDS", 0.7)
    found, _ = logged(served, "a" * 5_000 + "!\n")
    told = hits(admin, found, "search=(a%2B)%2B%24&regex=1")
    assert told["count"] == 0 and "make it simpler" in told["error"]
    assert "no regular expression" in hits(admin, found, "search=(&regex=1")["error"]
    assert admin.get(f"log/{found}/one/1.json?search=").status == 400
    assert admin.get(f"log/{found}/one/1.json?search={'x' * 2000}").status == 400


def test_lines_of_any_length_take_bounded_memory_and_stay_text(served: Served, admin: Visitor) -> None:
    """B24."""
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)></pre>\x1b[31mred\x1b[0m\x1b]52;c;eA==\x07 \x7f\n"
    found, _ = logged(served, hostile + "x" * (10 << 20) + "\nlast\n")
    rows, _ = lines(admin, found, 1, 10)
    assert rows[0][2] == hostile[:-1] and rows[2][2] == "last"
    assert len(rows[1][2]) < (1 << 20) + 100 and "left out" in rows[1][2]
    page = admin.get(f"log/{found}/one/1")
    assert "<script>alert" not in page.html and "<img src=x" not in page.html and "\x1b" not in page.html
    assert "<script>alert(1)</script>" in page.page.text and "red" in page.page.text


@pytest.mark.parametrize("text", [b".a", b"a.", b"a..", b"_.", b"aError.", b"a Error ", b"a-"])
def test_a_hostile_log_is_looked_through_all_the_same(text: bytes) -> None:
    line = (text * 500)[:990] + b" rror\n"
    assert {told for _, told in tells(line * 1_000)} == {None}


def test_names_of_errors_are_known_wherever_they_stand() -> None:
    for line in (b"numpy.linalg.LinAlgError: x", b"reading...ValueError: x", b"a.b$InnerException", b"(os.OSError:"):
        assert kind(line) == "error", line
    assert kind(b"x.UserWarning: old") == "warning"


def test_who_would_have_to_wait_for_searches_is_told_at_once(served: Served, admin: Visitor) -> None:
    found, _ = logged(served, TRACEBACK)
    with searching._place(), searching._place():
        busy = admin.get(f"log/{found}/one/1.json?search=solve", Accept="*/*")
        assert busy.status == 503 and "two searches are running" in json.loads(busy.body)["detail"]
    assert hits(admin, found, "search=solve")["count"] > 0


def matchers() -> set[int]:
    """The processes that try expressions for the server of this test."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"matcher.py" in (place / "cmdline").read_bytes():
                found.add(int(place.name))
    return found


def test_a_search_ends_with_whoever_asked_for_it(
    served: Served, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process itself, by its number: a tab is closed, or a newer search takes the place of an older one."""
    monkeypatch.setattr(searching, "SECONDS", 120.0)
    found, _ = logged(served, "a" * 5_000 + "!\n")
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", served.port)) as viewer:
            path = f"/log/{found}/one/1.json?search=(a%2B)%2B%24&regex=1"
            head = f"GET {path} HTTP/1.1\r\nHost: {served.host}\r\nAuthorization: Bearer {served.admin}\r\n\r\n"
            viewer.sendall(head.encode())
            eventually(lambda: len(matchers()) == 1)
        eventually(lambda: not matchers())
    assert hits(admin, found, "search=a!&regex=1")["count"] == 1, "and its place is free"


def test_what_a_capped_log_lost_is_said_and_never_shown_as_text(served: Served, admin: Visitor) -> None:
    head, tail = "first\n" * 1000, "".join(f"late {n}\n" for n in range(2000)) + TRACEBACK
    found, path = logged(served, head + "gone\n" * 2_000_000 + tail)
    cut = 4096, (path.stat().st_size - len(tail)) & -4096
    with path.open("r+b") as log:
        punch(log.fileno(), cut[0], cut[1] - cut[0])
    (path.parent / "log.cut").write_text(json.dumps({"from": cut[0], "to": cut[1]}) + "\n")
    told = about(admin, found)
    assert re.fullmatch(r".* written; first .* and last .* kept", told["note"])
    rows, _ = lines(admin, found, 1, 2000)
    assert "were not kept" in "".join(row[2] for row in rows) and "\0" not in "".join(row[2] for row in rows)
    (row,), _ = lines(admin, found, told["error_line"], 1)
    assert row[2].startswith("Traceback")
    assert hits(admin, found, "search=gone")["count"] < 1000
    plain = admin.get(f"log/{found}/one/1.txt")
    assert b"were not kept" in plain.body and plain.body.endswith(TRACEBACK.encode()) and b"\0" not in plain.body


def test_the_log_as_it_is_can_be_had_from_where_a_download_broke_off(served: Served, admin: Visitor) -> None:
    """B43."""
    found, path = logged(served, TRACEBACK * 10_000)
    whole = admin.get(f"log/{found}/one/1.txt")
    assert whole.body == path.read_bytes() and whole.headers["content-length"] == str(len(whole.body))
    assert whole.headers["content-security-policy"].startswith("sandbox") and "nosniff" in str(whole.headers)

    def part(given: str, **more: str) -> Seen:
        return admin.ask("GET", f"/log/{found}/one/1.txt", Range=given, **more)

    some = part("bytes=100-199")
    assert (some.status, some.body) == (206, whole.body[100:200])
    assert some.headers["content-range"] == f"bytes 100-199/{len(whole.body)}"
    assert part("bytes=-50").body == whole.body[-50:] and part(f"bytes={len(whole.body) - 9}-").body == whole.body[-9:]
    assert part(f"bytes={len(whole.body)}-").status == 416
    for odd in ("bytes=5-1", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=x"):
        assert part(odd).status == 200
    assert part("bytes=0-1", If_Range='"other"').status == 200
    assert part("bytes=0-1", If_Range=some.headers["etag"]).status == 206


def test_only_logs_are_read_and_only_true_files(served: Served, admin: Visitor, viewer: Visitor) -> None:
    """B19, B20."""
    found, path = logged(served, "text\n")
    for place in ("one/2", "one/0", "one/x", "one/..", "three/1", "one/1.html", "..%2f..%2fetc/1", "one/1.json.txt"):
        assert admin.get(f"log/{found}/{place}").status in (404, 400), place
    assert admin.get("log/999999/one/1").status == 404
    path.unlink()
    told = about(admin, found)
    assert told["lines"] == 0 and "There is no log" in told["note"]
    gone = admin.get(f"log/{found}/one/1.txt")
    assert (gone.status, gone.body) == (200, b"")
    path.symlink_to("/etc/passwd")
    assert admin.get(f"log/{found}/one/1.txt").status >= 400 and b"root:" not in admin.get(f"log/{found}/one/1").body
    path.unlink()
    os.mkfifo(path)
    assert admin.get(f"log/{found}/one/1.json").status >= 400
    theirs = Visitor(served).log_in("viewer", groups=["sar"])
    assert theirs.get(f"log/{found}/one/1").status == 404
    assert theirs.get(f"log/{found}/one/1.txt").status == 404


def test_without_scripts_the_page_shows_the_lines_around_the_error(served: Served, admin: Visitor) -> None:
    found, _ = logged(served, "".join(f"line {n}\n" for n in range(1, 1197)) + "reading\n" * 4 + TRACEBACK)
    seen = admin.get(f"log/{found}/one/1").page
    assert seen.one("span", id="error") and "1142 earlier lines" in seen.text.replace(",", "")
    marked = [e["id"] for e in seen.all("div", class_="l error")]
    assert marked == ["L1203", "L1204", "L1205", "L1206"]
    viewer = seen.one("x-log")
    assert viewer["data-src"].endswith(f"log/{found}/one/1.json") and viewer["data-topic"] == f"log:{found}/one/1"
