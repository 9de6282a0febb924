"""The cleaner stays inside: whatever a script leaves or swaps, what is ours goes, and nothing else (G30, I19)."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from procession import disk
from procession.trash import Trash

pytestmark = pytest.mark.feature("M75", "N3")


class Var:
    """A ``var/`` with a canary outside of its work root."""

    def __init__(self, root: Path) -> None:
        self.root = root / "var"
        self.work = self.root / "work"
        self.canary = root / "canary"
        self.work.mkdir(parents=True)
        self.canary.mkdir()
        (self.canary / "file").write_text("precious")
        self.trash = Trash(self.root)

    def make(self, processing_id: int) -> Path:
        """The directories of a processing with one step and one attempt."""
        home = self.work / str(processing_id)
        for place in ("files", "01-load/files", "01-load/1/files", "01-load/1/artifacts"):
            (home / place).mkdir(parents=True)
            (home / place / "data").write_bytes(bytes(5000))
        (home / "01-load/1/log").write_text("said\n")
        return home

    def check(self) -> None:
        """The canary sings."""
        assert (self.canary / "file").read_text() == "precious"
        assert os.listdir(self.canary) == ["file"]


@pytest.fixture
def var(tmp_path: Path) -> Var:
    return Var(tmp_path)


def tree(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*")}


def test_working_files_go_and_logs_stay(var: Var) -> None:
    """G30"""
    home = var.make(7)
    var.trash.take_files(7, 5)
    assert tree(home) == {"01-load", "01-load/1", "01-load/1/log", "01-load/1/artifacts", "01-load/1/artifacts/data"}
    assert var.trash.left() == {(7, 5)}
    assert var.trash.empty()
    assert not os.listdir(var.trash.root)
    var.trash.take_all(7)
    assert var.trash.empty()
    assert not home.exists()
    var.trash.take_all(7)  # nothing there is as good
    var.trash.take_files(7)


@pytest.mark.parametrize("place", ["7", "7/files", "7/01-load", "7/01-load/files", "7/01-load/1", "7/01-load/1/files"])
def test_a_link_in_the_place_of_a_directory_is_all_that_goes(var: Var, place: str) -> None:
    """B22, F28, I19"""
    var.make(7)
    target = var.work / place
    target.rename(var.work / "aside")
    (var.canary / "files").symlink_to(var.canary)
    target.symlink_to(var.canary)
    var.trash.take_files(7)
    var.trash.take_all(7)
    assert var.trash.empty()
    (var.canary / "files").unlink()
    var.check()
    assert not (var.work / "7").is_symlink()
    assert not (var.work / "7").exists()


def test_a_farm_of_links_is_only_links(var: Var) -> None:
    """F29, B22, I19: symbolic links and further names of files outside."""
    farm = var.make(7) / "files"
    for n in range(300):
        (farm / f"link{n}").symlink_to(var.canary)
        (farm / f"file{n}").symlink_to(var.canary / "file")
        os.link(var.canary / "file", farm / f"name{n}")
    (farm / "up").symlink_to("..")
    (farm / "loop").symlink_to("loop")
    (farm / "root").symlink_to("/")
    var.trash.take_files(7)
    assert var.trash.empty()
    var.check()
    assert (var.canary / "file").stat().st_nlink == 1
    assert not os.listdir(var.trash.root)


def test_directories_of_any_name_and_depth_go(var: Var) -> None:
    """Newlines, 255 bytes, bytes that are no UTF-8, and deeper than any path can name."""
    farm = var.make(7) / "files"
    for name in (b"a\nb", b"x" * 255, b"\xff\xfe", b"-rf", b" ", "ü".encode() * 127, b"\\"):
        os.mkdir(os.fsencode(farm) + b"/" + name)
        Path(os.fsdecode(os.fsencode(farm) + b"/" + name + b"/file")).write_text("x")
    here = os.open(farm, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d" * 20, dir_fd=here)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("deep", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.write(deep := os.open("deep", os.O_WRONLY, dir_fd=here), bytes(1 << 20))
    os.close(deep)
    os.close(here)
    assert disk.measure(var.work / "7") > 1 << 20, "what is deep down counts"
    var.trash.take_files(7)
    assert var.trash.empty()
    assert not os.listdir(var.trash.root)


UNREADABLE = """
import os, sys
from pathlib import Path
from procession.trash import Trash
os.chdir(sys.argv[1])
root = Path(".")
if os.geteuid() == 0:
    for path in [root, *root.rglob("*")]:
        os.lchown(path, 65534, 65534)
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for name in ("files/closed/in/side", "files/bare", "01-load/files/read"):
    (root / "work/7" / name).mkdir(parents=True)
    (root / "work/7" / name / "file").write_text("x")
for name, mode in (("files/closed/in", 0), ("files/closed", 0), ("files/bare", 0o100), ("01-load/files", 0o400)):
    (root / "work/7" / name).chmod(mode)
(root / "work/7").chmod(0)
trash = Trash(root)
trash.take_files(7)
trash.take_all(7)
assert trash.empty()
assert os.listdir(root / "work") == os.listdir(root / "trash") == []
"""


def test_directories_that_nobody_may_enter_go(tmp_path: Path) -> None:
    """F28: mode 000, as a user whom modes stop."""
    (tmp_path / "var/work/7").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", UNREADABLE, tmp_path / "var"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_swaps_while_it_is_cleaned_cost_only_the_link(var: Var) -> None:
    """B22, F29, I19: as fast as one can, directories become links to the outside and back again."""
    stop = threading.Event()
    var.make(7)

    def swap() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            try:
                inside = list(var.trash.root.glob("*/in*"))
            except OSError:
                inside = []
            for top in (var.work / "7/files", var.work / "7/01-load/1/files", *inside):
                try:
                    top.rename(var.root / f"aside{n}")
                    top.symlink_to(var.canary)
                    top.unlink()
                    top.symlink_to(var.canary / "..")
                except OSError:
                    continue

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for round_ in range(150):
            for place in ("files", "01-load/1/files"):
                for inner in range(4):
                    try:
                        (var.work / "7" / place / f"in{inner}/deep").mkdir(parents=True, exist_ok=True)
                        (var.work / "7" / place / f"in{inner}/deep/file").write_text(str(round_))
                    except OSError:
                        continue
            var.trash.take_files(7)
            var.trash.empty()
    finally:
        stop.set()
        thread.join()
    assert (var.canary / "file").read_text() == "precious"
    var.trash.take_all(7)
    assert var.trash.empty()


def test_what_was_left_in_the_trash_is_known_and_goes(var: Var) -> None:
    var.make(7)
    var.make(8)
    var.trash.take_files(7, 70)
    var.trash.take_all(8, 80)
    (var.trash.root / "12-abcdef").mkdir()
    (var.trash.root / "9.notes").touch()
    again = Trash(var.root)
    assert again.left() == {(7, 70), (8, 80)}, "other names say nothing"
    assert again.empty()
    assert again.left() == frozenset()


def test_nobody_gets_in_while_it_is_closed(var: Var) -> None:
    from procession.workdir import ENTERED, hold  # noqa: PLC0415

    home = var.make(7)
    with var.trash.closed(7, ENTERED) as alone:
        assert alone
        assert hold(home / ENTERED) is None
    person = hold(home / ENTERED)
    assert person is not None
    with var.trash.closed(7, ENTERED) as alone:
        assert not alone
    os.close(person)
    with var.trash.closed(99, ENTERED) as alone:
        assert alone, "where nothing is, nobody is in"


def test_a_measure_is_what_the_disk_gives(var: Var) -> None:
    home = var.make(7)
    before = disk.measure(home)
    (home / "files/large").write_bytes(bytes(1 << 20))
    os.link(home / "files/large", home / "files/again")
    with open(home / "files/sparse", "wb") as sparse:
        sparse.truncate(1 << 30)
    (home / "files/out").symlink_to("/")
    assert 1 << 20 <= disk.measure(home) - before < (1 << 20) + 65536, "names, holes and links take nothing"
    assert disk.measure(var.work / "none") == 0
