"""Directories whose new files become events: real files, and moments that the test names."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.watch import Looks, Pattern, Scan, Watch, read_pattern
from tests.waiting import eventually

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def watch(directory: Path, text: str = "in/*.h5", quiet: float = 5, **options: object) -> Watch:
    ignore = {"ignore": options.pop("ignore")} if "ignore" in options else {}
    return Watch(read_pattern(text, str(directory), **ignore), quiet, **options)  # type: ignore[arg-type]


def names(scan: Scan) -> list[str]:
    return [found.name for found in scan.ready]


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.feature("P7", "M115")
def test_a_file_is_told_when_it_has_been_quiet_and_until_it_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "in/a.h5", "12345")
    watched = watch(tmp_path)
    first = watched.scan(0)
    assert (names(first), first.waiting, first.due) == ([], 1, 5)
    assert first.growing[0].path == str(path)
    assert names(watched.scan(4.9)) == []
    ready = watched.scan(5)
    found = ready.ready[0]
    assert found.params() == {
        "path": str(path), "name": "a.h5", "stem": "a", "directory": str(path.parent), "size": 5,
        "mtime": round(path.stat().st_mtime_ns / 1e9, 6),
    }  # fmt: skip
    assert names(watched.scan(6)) == ["a.h5"], "it is told again as long as nobody has taken it"
    watched.taken(ready.ready)
    assert names(watched.scan(7)) == []
    assert path.read_text() == "12345"


@pytest.mark.feature("P7")
def test_a_file_that_grows_is_not_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "in/a.h5")
    watched = watch(tmp_path)
    for now in range(0, 40, 4):
        with path.open("a") as file:
            file.write("more")
        scan = watched.scan(now)
        assert (names(scan), scan.growing[0].reason) == ([], "it must be quiet for 5 s")
    assert names(watched.scan(41)) == ["a.h5"]


@pytest.mark.feature("P7")
def test_a_file_that_stalls_is_not_taken_while_its_writer_lives(tmp_path: Path) -> None:
    path = tmp_path / "in/a.h5"
    path.parent.mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    code = f"import sys; f = open({str(path)!r}, 'w'); f.write('x'); f.flush(); sys.stdin.read()"
    writer = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        eventually(lambda: path.exists() and path.stat().st_size)
        watched = watch(tmp_path, "link/*.h5")
        watched.scan(0)
        scan = watched.scan(100)
        assert names(scan) == []
        assert f"({writer.pid}) has it open for writing" in scan.growing[0].reason
        assert names(watched.scan(104)) == []
    finally:
        writer.communicate()
    with path.open():
        assert names(watched.scan(106)) == ["a.h5"], "a reader does not matter"


@pytest.mark.feature("P7")
def test_an_empty_file_is_still_being_written_unless_told_otherwise(tmp_path: Path) -> None:
    write(tmp_path / "in/a.h5", "")
    watched, wanted = watch(tmp_path), watch(tmp_path, empty=True)
    for now in (0, 10):
        scan, other = watched.scan(now), wanted.scan(now)
    assert (names(scan), scan.growing[0].reason) == ([], "it is empty")
    assert names(other) == ["a.h5"]


@pytest.mark.feature("P7")
def test_names_of_files_on_their_way_are_ignored(tmp_path: Path) -> None:
    ways = (".a.h5.x7", "a.part", "a.tmp", "a.filepart", "a.crdownload", "a.h5~")
    for name in (*ways, "a.h5", "b.skip"):
        write(tmp_path / "in" / name)
    write(tmp_path / "in/.hidden/a.h5")
    default, own = watch(tmp_path, "in/**"), watch(tmp_path, "in/*", ignore=["*.skip"])
    named = watch(tmp_path, "in/.hidden/*")
    for now in (0, 10):
        first, second, third = default.scan(now), own.scan(now), named.scan(now)
    assert sorted(names(first)) == ["a.h5", "b.skip"]
    assert sorted(names(second)) == sorted((*ways, "a.h5"))
    assert names(third) == ["a.h5"], "a name that is written out is meant"


@pytest.mark.feature("P7")
def test_a_rename_into_place_and_a_replacement_are_new_files(tmp_path: Path) -> None:
    path = write(tmp_path / "in/a.h5")
    watched = watch(tmp_path)
    watched.scan(0)
    watched.taken(watched.scan(10).ready)
    stamp = path.stat()
    other = write(tmp_path / "in/b.part", "y")
    os.utime(other, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    other.rename(path)
    assert names(watched.scan(20)) == []
    assert names(watched.scan(30)) == ["a.h5"], "another file under the same name, of the same size and time"


@pytest.mark.feature("P7")
def test_a_file_rewritten_in_place_is_found_when_everything_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "in/a.h5")
    watched = watch(tmp_path, reconcile=100)
    watched.scan(0)
    watched.taken(watched.scan(10).ready)
    path.write_text("longer")
    assert watched.scan(20).waiting == 0
    assert watched.scan(100).waiting == 1
    assert [found.size for found in watched.scan(110).ready] == [6]


@pytest.mark.feature("M115")
def test_after_everything_is_forgotten_everything_is_told_again(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"in/{number}.h5")
    watched = watch(tmp_path)
    watched.scan(0)
    watched.taken(watched.scan(10).ready)
    again = watch(tmp_path)
    again.scan(20)
    assert sorted(names(again.scan(30))) == ["0.h5", "1.h5", "2.h5"]


@pytest.mark.feature("M115")
def test_a_gap_of_any_length_is_told_whole_in_bounded_looks(tmp_path: Path) -> None:
    for number in range(25):
        write(tmp_path / f"in/{number % 3}/{number}.h5")
    watched = watch(tmp_path, "in/**/*.h5", most=10)
    watched.scan(0)
    told: list[str] = []
    for now in range(10, 13):
        scan = watched.scan(now)
        assert scan.more == (len(scan.ready) == 10)
        told += names(scan)
        watched.taken(scan.ready)
    assert sorted(told) == sorted(f"{number}.h5" for number in range(25))
    assert names(watched.scan(20)) == []


def test_one_that_stays_open_does_not_keep_others_from_being_told(tmp_path: Path) -> None:
    write(tmp_path / "in/a.h5")
    for number in range(3):
        write(tmp_path / f"in/z{number}.h5")
    watched = watch(tmp_path, most=1)
    told = set()
    with (tmp_path / "in/a.h5").open("a"):
        watched.scan(0)
        for now in range(10, 18):
            scan = watched.scan(now)
            told.update(names(scan))
            watched.taken(scan.ready)
    assert told == {"z0.h5", "z1.h5", "z2.h5"}


@pytest.mark.feature("P7")
def test_a_clock_that_jumps_back_starts_the_wait_again(tmp_path: Path) -> None:
    write(tmp_path / "in/a.h5")
    watched = watch(tmp_path)
    watched.scan(1000)
    assert names(watched.scan(3)) == []
    assert names(watched.scan(7)) == []
    assert names(watched.scan(8)) == ["a.h5"]


@pytest.mark.feature("P7")
@pytest.mark.parametrize("year", [-60, 60])
def test_a_time_in_the_future_or_long_ago_means_nothing(tmp_path: Path, year: int) -> None:
    path = write(tmp_path / "in/a.h5")
    seconds = path.stat().st_mtime + year * 365 * 86400
    for changed in (path, path.parent):
        os.utime(changed, (seconds, seconds))
    watched = watch(tmp_path)
    assert names(watched.scan(0)) == []
    assert names(watched.scan(5)) == ["a.h5"]


def test_a_file_put_in_without_a_change_of_the_directorys_time_is_found(tmp_path: Path) -> None:
    """A coarse clock gives two files the same time of the directory."""
    write(tmp_path / "in/a.h5")
    stamp = (tmp_path / "in").stat()
    watched = watch(tmp_path)
    watched.scan(0)
    write(tmp_path / "in/b.h5")
    os.utime(tmp_path / "in", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    watched.scan(3)
    assert sorted(names(watched.scan(8))) == ["a.h5", "b.h5"]


@pytest.mark.feature("P7")
def test_a_file_that_goes_between_two_looks_is_forgotten(tmp_path: Path) -> None:
    path = write(tmp_path / "in/day/a.h5")
    watched = watch(tmp_path, "in/*/*.h5")
    assert watched.scan(0).waiting == 1
    path.unlink()
    assert watched.scan(1).waiting == 0
    path.parent.rmdir()
    assert watched.scan(2) == Scan()
    write(path)
    watched.scan(3)
    assert names(watched.scan(8)) == ["a.h5"]


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    watched = watch(tmp_path)
    assert f"{tmp_path}/in does not exist" in watched.scan(0).problems[0]
    (tmp_path / "in").write_text("not a directory")
    assert "cannot be read (Not a directory)" in watched.scan(1).problems[0]


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user may enter."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@contextmanager
def nobody() -> Iterator[None]:
    """Be an ordinary user meanwhile."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@ROOT_ONLY
@pytest.mark.feature("P7")
def test_an_unreadable_directory_is_told_and_the_others_are_watched(public: Path) -> None:
    write(public / "in/open/a.h5")
    closed = write(public / "in/closed/b.h5").parent
    closed.chmod(0o700)
    watched = watch(public, "in/*/*.h5")
    with nobody():
        watched.scan(0)
        scan = watched.scan(10)
    assert names(scan) == ["a.h5"]
    assert scan.problems == [
        f"{closed} cannot be read (Permission denied): what arrives in it is not seen; "
        "give the launcher's user the right to read and enter it"
    ]
    closed.chmod(0o755)
    with nobody():
        watched.scan(11)
        assert "b.h5" in names(watched.scan(20))


@pytest.mark.feature("P7")
def test_links_to_files_are_followed_and_links_to_directories_only_where_a_step_names_them(tmp_path: Path) -> None:
    write(tmp_path / "in/a/deep.h5")
    outside = write(tmp_path / "elsewhere/far.h5")
    (tmp_path / "in/a/round").symlink_to("..")
    (tmp_path / "in/other").symlink_to(outside.parent)
    (tmp_path / "in/a/near.h5").symlink_to(outside)
    (tmp_path / "in/a/broken.h5").symlink_to("nothing")
    deep, one = watch(tmp_path, "in/**/*.h5"), watch(tmp_path, "in/*/*.h5")
    for now in (0, 10):
        first, second = deep.scan(now), one.scan(now)
    assert sorted(names(first)) == ["deep.h5", "near.h5"]
    assert [growing.reason for growing in first.growing] == ["it is a link to nothing"]
    assert sorted(names(second)) == ["deep.h5", "far.h5", "near.h5"]


def test_a_step_below_two_stars_cannot_walk_in_circles(tmp_path: Path) -> None:
    write(tmp_path / "in/day/a.h5")
    (tmp_path / "in/day/day2").symlink_to(".")
    watched = watch(tmp_path, "in/**/day*/**/*.h5")
    watched.scan(0)
    assert sorted(found.path for found in watched.scan(10).ready) == [
        f"{tmp_path}/in/day/a.h5", f"{tmp_path}/in/day/day2/a.h5"
    ]  # fmt: skip


@pytest.mark.feature("P7")
def test_a_name_that_is_not_utf_8_is_told_and_not_taken(tmp_path: Path) -> None:
    write(tmp_path / "in/a.h5")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/in/\xff.h5")).write_text("x")
    watched = watch(tmp_path)
    watched.scan(0)
    assert "b'" in watched.scan(700).problems[0]
    assert "is not UTF-8" in watch(tmp_path).scan(0).problems[0]
    assert names(watched.scan(710)) == ["a.h5"]


def test_pipes_sockets_and_directories_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "in/d.h5").mkdir(parents=True)
    os.mkfifo(tmp_path / "in/p.h5")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "in/s.h5"))
        watched = watch(tmp_path)
        watched.scan(0)
        assert watched.scan(10) == Scan()


PATTERNS = ["a/*", "**", "**/*", "a/**/b", "**/a/**", "*/?/**/[ab]", "**/{x}/{x}", "{x}/**/{x}", "[!a]/*", "a/b/**/b"]
NAMES = st.lists(st.sampled_from(["a", "b", "c", ".a"]), min_size=1, max_size=4).map("/".join)


@given(st.sampled_from(PATTERNS), st.sets(NAMES, max_size=8))
def test_what_is_looked_into_is_where_the_pattern_leads(text: str, paths: set[str]) -> None:
    """The walk leaves directories out; that must never leave out a file."""
    with tempfile.TemporaryDirectory() as directory:
        files = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
        for path in files:
            write(Path(directory) / path)
        pattern = read_pattern(text, directory)
        watched = Watch(pattern, 0)
        watched.scan(0)
        found = {found.path.removeprefix(f"{directory}/") for found in watched.scan(1).ready}
        below = pattern.start.removeprefix(directory).lstrip("/") + "/"
        meant = {
            path for path in files
            if "/." not in f"/{path}" and f"/{path}".startswith(f"/{below}".replace("//", "/"))
            and pattern.whole.fullmatch(path.removeprefix(below))
        }  # fmt: skip
        assert found == meant


# ── directories as products ────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("P7")
def test_a_directory_is_ready_when_nothing_in_it_has_changed(tmp_path: Path) -> None:
    deep = write(tmp_path / "in/S2A.SAFE/img/b2.jp2")
    write(tmp_path / "in/file.SAFE")
    watched = watch(tmp_path, "in/{sat}.SAFE/")
    watched.scan(0)
    deep.write_text("longer")
    assert names(watched.scan(5)) == []
    scan = watched.scan(10)
    found = scan.ready[0]
    assert (found.name, found.stem, found.size, dict(found.parts)) == ("S2A.SAFE", "S2A.SAFE", 6, {"sat": "S2A"})
    watched.taken(scan.ready)
    deep.write_text("later than that")
    assert watched.scan(1000).waiting == 0, "a product is taken once"


@pytest.mark.feature("P7")
def test_a_directory_in_which_somebody_writes_is_not_ready(tmp_path: Path) -> None:
    write(tmp_path / "in/a/done")
    part = write(tmp_path / "in/a/b.part")
    (tmp_path / "in/empty").mkdir()
    watched = watch(tmp_path, "in/*/")
    watched.scan(0)
    scan = watched.scan(10)
    assert sorted(growing.reason for growing in scan.growing) == ["b.part in it is being written", "it is empty"]
    part.rename(part.with_suffix(".tif"))
    with (tmp_path / "in/a/done").open("a"):
        watched.scan(20)
        scan = watched.scan(30)
        assert "has it open for writing" in " ".join(growing.reason for growing in scan.growing)
    assert names(watched.scan(40)) == ["a"]


# ── what a look costs ──────────────────────────────────────────────────────────────────────────────


def test_a_look_at_what_has_not_changed_reads_no_directory_and_asks_no_file(tmp_path: Path) -> None:
    for number in range(50):
        write(tmp_path / f"in/{number}.h5")
    watched = watch(tmp_path)
    for now in (0, 5, 10):
        watched.taken(watched.scan(now).ready)
    read: list[object] = []
    sys.addaudithook(lambda event, args: read.append(args[0]) if event in ("os.scandir", "os.listdir") else None)
    assert watched.scan(11) == Scan()
    assert read == []
    write(tmp_path / "in/new.h5")
    watched.scan(12)
    assert read == [f"{tmp_path}/in"]


class _Gone(Watch):
    """A watch on a file system that does not answer."""

    def __init__(self, pattern: Pattern) -> None:
        super().__init__(pattern)
        self.answers = threading.Event()

    def scan(self, now: float) -> Scan:
        self.answers.wait(30)
        return super().scan(now)


@pytest.mark.feature("P7")
def test_a_file_system_that_does_not_answer_holds_up_no_other_watch(tmp_path: Path) -> None:
    gone, good = _Gone(read_pattern(f"{tmp_path}/*")), Watch(read_pattern(f"{tmp_path}/*"))
    looks = Looks()
    looks.begin(gone, 0.0, lambda: None)
    looks.begin(good, 1.0, lambda: None)
    eventually(lambda: looks.ended, what="the other look has ended")
    assert [look.watch for look in looks.take()] == [good]
    assert (looks.since(gone), looks.since(good), looks.busy) == (0.0, None, True)
    gone.answers.set()
    eventually(lambda: looks.ended, what="it answers")
    assert [look.watch for look in looks.take()] == [gone]
