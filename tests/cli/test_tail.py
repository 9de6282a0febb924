"""What a terminal is shown of a log: text and colours, however the bytes are cut; and logs that are none."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.cli import main
from procession.cli.tail import Screen, follow, tail
from procession.errors import HostError, NotFound
from procession.supervise.logs import CHUNK

SHOWN = [
    (b"plain\ttext\r\n", b"plain\ttext\r\n"),
    (b"\x1b[1;31mred\x1b[0m", b"\x1b[1;31mred\x1b[0m"),
    ("naïve \u2028 日本 \U0001f600 Ü".encode(), "naïve \u2028 日本 \U0001f600 Ü".encode()),
    (b"a\x1b]52;c;aGk=\x07b\x1b]0;title\x1b\\c", b"abc"),
    (b"a\x1b[2Jb\x1b[?25lc\x1b[?4md\x1b(Be\x1bcf", b"abcdef"),
    (b"a\xc2\x9b2Jb\xc2\x9d0;x\xc2\x9cc", b"a2Jb0;xc"),
    (b"a\x9bb\x80c", b"abc"),
    (b"\xc2\x07\x9bx\xc2\xc2\x9b\x9by\xc2\x1b[J\x9bz", b"xyz"),
    (b"\x1b\x1b[2J\x1b\x07]0;x", b"]0;x"),
    (b"bell\x07 back\x08 del\x7f nul\x00", b"bell back del nul"),
]


@pytest.mark.parametrize(("written", "shown"), SHOWN)
def test_a_terminal_gets_text_and_colours_however_they_are_cut(written: bytes, shown: bytes) -> None:
    for size in range(1, len(written) + 1):
        screen = Screen()
        pieces = [written[at : at + size] for at in range(0, len(written), size)]
        assert b"".join([*map(screen.clean, pieces), screen.clean(b"\n")]) == shown + b"\n", size


def test_a_sequence_without_an_end_hides_no_more_than_a_little() -> None:
    screen = Screen()
    found = screen.clean(b"\x1b]") + b"".join(screen.clean(b"x" * 1000) for _ in range(9)) + screen.clean(b"end")
    assert b"\x1b" not in found
    assert found.endswith(b"end")


@pytest.mark.parametrize("evil", [b"\x1b", b"\xc2", b"\x1b]", b"\x1b[", b"\xe2", b"\x1b[0"])
def test_a_large_piece_is_cleaned_in_a_moment(evil: bytes) -> None:
    Screen().clean(evil * (CHUNK // len(evil)))


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/etc/passwd")])
def test_a_log_that_was_replaced_is_not_shown(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "log")
    with pytest.raises(HostError, match="cannot be shown"):
        tail(tmp_path / "log", None)
    with pytest.raises(NotFound, match="there is no log"):
        tail(tmp_path / "none", None)


def test_an_error_of_the_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device", "/var/x")

    monkeypatch.setattr(main.group, "main", full)
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == 7
    assert capsys.readouterr().err == "procession: /var/x: No space left on device\n"


def test_a_log_that_was_emptied_is_followed_from_its_beginning(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """F43: what a script prints after `> its own log` is shown as well."""
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    position = tail(log, None)
    log.write_bytes(b"new\n")
    follow(log, position, lambda: True)
    assert capsysbinary.readouterr().out == b"before\n\n[... the script has emptied its log ...]\nnew\n"


def test_the_last_lines_are_found_in_any_log(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    log = tmp_path / "log"
    for text in (b"", b"\n", b"a", b"a\n", b"a\nb", b"a\nb\n", b"\n\n\n", b"x" * (3 * CHUNK), b"y\n" * CHUNK + b"end"):
        log.write_bytes(text)
        for lines in (0, 1, 2, 5):
            tail(log, lines)
            assert capsysbinary.readouterr().out == b"".join(text.splitlines(keepends=True)[-lines:] if lines else [])


@pytest.mark.feature("P23")
def test_the_end_of_a_huge_log_without_lines_is_shown_at_once(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """F41: five gigabytes; no more than the last 64 MiB are searched."""
    with (tmp_path / "log").open("wb") as log:
        log.truncate(5 * 10**9)
        log.seek(0, os.SEEK_END)
        log.write(b"the end\n")
    tail(tmp_path / "log", 3)
    shown = capsysbinary.readouterr().out
    assert b" of the log left out ...]\n" in shown
    assert shown.endswith(b"the end\n")
    assert len(shown) < 2 * CHUNK
