"""Results are copied whole or not at all, wherever the copier is killed; always as a process of its own."""

import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from procession import contract
from procession.supervise import deliver

SCRIPT = deliver.__file__
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, or become somebody else")


@dataclass
class Site:
    """A working directory, an archive, and the environment of an attempt."""

    root: Path
    attempt: int = 1

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def archive(self) -> Path:
        return self.root / "archive/2026/LC08"

    @property
    def left(self) -> Path:
        return self.root / "left"

    def write(self, name: str, content: str | bytes = "x") -> Path:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def words(self, *words: object, to: Path | None = None) -> list[str]:
        return [sys.executable, "-I", SCRIPT, "--to", str(to or self.archive), *map(str, words)]

    def environment(self) -> dict[str, str]:
        self.left.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"], "PROCESSION_KEY": "0a-12-3", "PROCESSION_ATTEMPT": str(self.attempt),
            "PROCESSION_OUTPUT": f"{self.left}/output", "PROCESSION_PROGRESS": f"{self.left}/progress",
        }  # fmt: skip

    def run(self, *words: object, before: tuple[str, ...] = (), to: Path | None = None) -> tuple[int, str]:
        """Exit code and last line."""
        command = [*before, *self.words(*words, to=to)]
        done = subprocess.run(
            command, cwd=self.work, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, (done.stdout.splitlines() or [""])[-1]

    def there(self, place: Path | None = None) -> dict[str, bytes]:
        """Path → content of all that is at a destination."""
        top = place or self.archive
        return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "work").mkdir()
    return Site(tmp_path)


# ── what is delivered ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M70", "M72")
def test_what_the_patterns_mean_is_at_every_destination_under_its_own_path(site: Site) -> None:
    for name in ("a.tif", "b.tif", ".hidden.tif", "log.txt", "out/deep/c.tif", "out/.d.tif"):
        site.write(name, name)
    site.write("product/img/band", "1")
    (site.work / "product/empty").mkdir()
    os.utime(site.work / "a.tif", (1_000_000, 1_000_000.5))
    (site.work / "b.tif").chmod(0o640)
    extra = site.root / "extra"
    code, last = site.run("--extra", extra, "**/*.tif", "product", "--optional", "*.png")
    assert (code, last) == (0, f"4 files, 25 bytes, in {site.archive}")
    expected = {"a.tif": b"a.tif", "b.tif": b"b.tif", "out/deep/c.tif": b"out/deep/c.tif", "product/img/band": b"1"}
    assert site.there() == site.there(extra) == expected
    assert (site.archive / "product/empty").is_dir()
    assert (site.archive / "a.tif").stat().st_mtime == 1_000_000.5
    assert (site.archive / "b.tif").stat().st_mode & 0o777 == 0o640


@pytest.mark.feature("M72")
def test_what_it_leaves_is_read_as_of_any_script(site: Site) -> None:
    site.write("a.tif", b"x" * 1000)
    site.run("*.tif")
    left = contract.read_left(site.left, contract.present(site.left), "k", "t")
    assert left.outputs == {"files": 1, "bytes": 1000, "to": str(site.archive)}
    assert contract.progress(site.left) == (1.0, "a.tif")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.tif", ["a.tif"]),
        ("**", ["a.tif", "b.txt", "out/a.tif"]),
        ("out/**", ["out/a.tif"]),
        (".[a-z]*/*.tif", [".h/a.tif"]),
        ("./?.t[!x]f", ["a.tif"]),
        ("[b].*", ["b.txt"]),
    ],
)
def test_patterns_mean_what_they_do_in_a_shell(site: Site, pattern: str, names: list[str]) -> None:
    for name in ("a.tif", "b.txt", "out/a.tif", ".h/a.tif"):
        site.write(name)
    assert site.run(pattern)[0] == 0
    assert list(site.there()) == names


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("*.png", "nothing matches '*.png' in"),
        ("/etc/passwd", "is no pattern below the working directory"),
        ("../*", "is no pattern below the working directory"),
        ("a**", "** within a name"),
        ("[z-a]", "no set of characters"),
        ("out-link", "is a link that leads out of"),
        ("file-link", "is a link that leads out of"),
        ("broken", "is a link to nothing"),
        ("round", "without end"),
        ("pipe", "neither a file nor a directory"),
    ],
)
def test_what_cannot_be_delivered_is_refused_before_anything_is_copied(site: Site, pattern: str, says: str) -> None:
    site.write("a.tif")
    site.write("round/x")
    (site.work / "round/again").symlink_to("../round")
    (site.root / "secret").write_text("s")
    (site.work / "out-link").symlink_to("..")
    (site.work / "file-link").symlink_to("../secret")
    (site.work / "broken").symlink_to("nowhere")
    os.mkfifo(site.work / "pipe")
    code, last = site.run("*.tif", pattern)
    assert code == 1
    assert says in last
    assert not site.archive.exists()


@pytest.mark.feature("M72")
def test_links_within_the_working_directory_are_copied_as_what_they_mean(site: Site) -> None:
    site.write("data/a.tif", "a")
    (site.work / "latest.tif").symlink_to("data/a.tif")
    (site.work / "shown").symlink_to("data")
    assert site.run("latest.tif", "shown")[0] == 0
    assert site.there() == {"latest.tif": b"a", "shown/a.tif": b"a"}
    assert not any(path.is_symlink() for path in site.archive.rglob("*"))


def test_a_destination_in_the_working_directory_is_refused(site: Site) -> None:
    site.write("a.tif")
    code, last = site.run("*.tif", to=site.work / "out")
    assert code == 1
    assert "lies in the working directory" in last


# ── what is there already ──────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M72")
def test_the_same_content_is_left_and_other_content_is_replaced_only_if_told(site: Site) -> None:
    site.write("a.tif", "one")
    site.write("b.tif", "two")
    assert site.run("*.tif")[0] == 0
    before = (site.archive / "a.tif").stat()
    assert site.run("*.tif")[0] == 0
    assert (site.archive / "a.tif").stat().st_ino == before.st_ino
    site.write("b.tif", "owt")
    site.write("c.tif", "new")
    code, last = site.run("*.tif")
    assert (code, last) == (
        1, f"{site.archive}/b.tif is there with other content: remove it, deliver elsewhere, or allow to overwrite"
    )  # fmt: skip
    assert site.there() == {"a.tif": b"one", "b.tif": b"two"}
    assert site.run("--overwrite", "*.tif")[0] == 0
    assert site.there() == {"a.tif": b"one", "b.tif": b"owt", "c.tif": b"new"}


def test_a_directory_or_a_file_in_the_way_is_no_passing_trouble(site: Site) -> None:
    site.write("a.tif")
    (site.archive / "a.tif").mkdir(parents=True)
    code, last = site.run("--overwrite", "*.tif")
    assert (code, "is a directory, so a file cannot take its place" in last) == (1, True)
    (site.root / "file").write_text("")
    code, last = site.run("*.tif", to=site.root / "file/below")
    assert (code, last) == (1, f"{site.root}/file/below: Not a directory")


def test_two_that_deliver_the_same_name_at_once_do_not_replace_each_other(site: Site) -> None:
    """Whoever is second finds a file with other content, at whichever moment the first puts it there."""
    sites = []
    for number in range(6):
        one = Site(site.root / str(number))
        one.work.mkdir(parents=True)
        one.write("a.tif", str(number) * 100_000)
        sites.append(one)
    running = [
        subprocess.Popen(
            one.words("*.tif", to=site.archive), cwd=one.work, env={}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for one in sites
    ]
    codes = [process.wait(60) for process in running]
    for process in running:
        process.communicate()
    winner = codes.index(0)
    assert sorted(codes) == [0, 1, 1, 1, 1, 1]
    assert site.there() == {"a.tif": str(winner).encode() * 100_000}


# ── when the machine says no ───────────────────────────────────────────────────────────────────────


@needs_root
@pytest.mark.feature("M72")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is needed to mount a small disk")
def test_a_full_disk_is_tried_again_and_leaves_no_half_file(site: Site) -> None:
    """F27."""
    site.write("a.tif", b"a" * 300_000)
    site.write("b.tif", b"b" * 2_000_000)
    disk, kept = site.root / "disk", site.root / "kept"
    disk.mkdir()
    inside = (
        f"mount -t tmpfs -o size=1m none {disk} || exit 99\n"
        f'"$@"; code=$?; cp -a {disk}/. {kept}\n'
        f'mount -o remount,size=8m {disk}; "$@" && diff -r {site.work} {disk} || exit 98\n'
        "exit $code"
    )
    command = ["unshare", "-m", "sh", "-c", inside, "sh", *site.words("*.tif", to=disk)]
    done = subprocess.run(
        command, cwd=site.work, env=site.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 99:
        pytest.skip("nothing can be mounted here")
    assert done.returncode == 75, done
    assert done.stderr.splitlines()[-1].endswith("No space left on device")
    assert site.there(kept) == {"a.tif": b"a" * 300_000}


@needs_root
def test_a_place_where_we_may_not_write_is_tried_again_and_said(site: Site) -> None:
    for directory in (site.root, *site.root.parents[:3]):
        directory.chmod(0o755)
    site.write("a.tif")
    closed = site.root / "closed"
    closed.mkdir(mode=0o755)
    before = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3")
    if shutil.which("setpriv") is None or not Path(before[-1]).exists():
        pytest.skip("setpriv and a Python that everybody may start are needed")
    shutil.copy(SCRIPT, site.root / "deliver.py")
    command = [*before, "-I", str(site.root / "deliver.py"), "--to", str(closed), "*.tif"]
    done = subprocess.run(command, cwd=site.work, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (75, f"{closed}: Permission denied\n")


def test_what_was_asked_to_end_leaves_nothing_half(site: Site) -> None:
    site.write("a.tif", os.urandom(1000))
    before = ("strace", "-o", "/dev/null", "-e", "inject=fsync:signal=TERM:when=4")
    if shutil.which("strace") is None:
        pytest.skip("strace is needed to signal at a system call")
    code, _ = site.run("*.tif", before=before)
    assert code == 143
    assert not list(site.archive.glob(".*"))


# ── killed at any moment ───────────────────────────────────────────────────────────────────────────

POINTS = [
    (overwrite, calls, number)
    for calls, new, replaced in (
        ("mkdir,mkdirat", 6, 2), ("fsync", 12, 10), ("link,linkat,rename,renameat,renameat2", 4, 4),
        ("unlink,unlinkat", 4, 4), ("utimensat", 4, 4), ("write", 9, 9),
    )
    for overwrite, most in ((False, new), (True, replaced))
    for number in range(1, most + 1)
]  # fmt: skip
"""As many calls of each kind as there are when the files are new, and when old ones are replaced."""


@pytest.mark.feature("M72")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is needed to kill at a system call")
@pytest.mark.parametrize(("overwrite", "calls", "number"), POINTS)
def test_killed_at_any_call_and_again_gives_the_same_result(
    site: Site, overwrite: bool, calls: str, number: int
) -> None:
    contents = {"a.tif": b"a" * 10_000, "out/b.tif": b"b" * 5_000_000}
    for name, content in contents.items():
        site.write(name, content)
    extra = site.root / "extra"
    old = {"a.tif": b"old" * 100} if overwrite else {}
    for place in (extra, site.archive):
        for name, content in old.items():
            place.mkdir(parents=True)
            (place / name).write_bytes(content)
    words = ["--extra", extra, *(["--overwrite"] if overwrite else []), "**/*.tif"]
    before = ("strace", "-o", "/dev/null", "-e", f"inject={calls}:signal=KILL:when={number}")
    killed, _ = site.run(*words, before=before)
    assert killed == -9
    for place in (extra, site.archive):
        for name, content in site.there(place).items() if place.exists() else ():
            if not Path(name).name.startswith(".procession-"):
                assert content in (contents[name], old.get(name)), "a reader sees a whole file or none"
    site.attempt = 2
    assert site.run(*words)[0] == 0
    assert site.there() == site.there(extra) == contents, "nothing is missing and nothing is left over"
    last = (site.left / "output").read_text().splitlines()[-1]
    assert json.loads(last) == {"files": 2, "bytes": 5_010_000, "to": str(site.archive)}


@pytest.mark.feature("M72")
def test_killed_at_random_moments_until_it_is_done(site: Site) -> None:
    contents = {f"{number}.tif": os.urandom(400_000) for number in range(20)}
    for name, content in contents.items():
        site.write(name, content)
    chance = random.Random(7)
    for attempt in range(1, 30):
        site.attempt = attempt
        process = subprocess.Popen(
            site.words("*.tif"), cwd=site.work, env=site.environment(), stdout=subprocess.DEVNULL
        )
        try:
            assert process.wait(chance.uniform(0.03, 0.15)) == 0
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for name, content in site.there().items() if site.archive.exists() else ():
            assert name.startswith(".procession-") or content == contents[name]
    site.attempt += 1
    assert site.run("*.tif")[0] == 0
    assert site.there() == contents


def test_what_another_step_has_on_its_way_is_not_touched(site: Site) -> None:
    site.write("a.tif")
    site.archive.mkdir(parents=True)
    other = site.archive / ".procession-0a-12-31-1-77-abc"
    ours = site.archive / ".procession-0a-12-3-1-77-abc"
    for path in (other, ours):
        path.write_text("half")
    assert site.run("*.tif")[0] == 0
    assert (other.exists(), ours.exists()) == (True, False)
