"""The disk budget is law, a full disk loses nothing, and the cleaner stays inside (N1, N3): real ones."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from procession.errors import ProcessionError
from procession.store import settings
from tests.stories.site import Site
from tests.waiting import eventually

MB = 1_000_000
Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a file system of its own, with these options; needs root, as in a CI container with the right to mount."""
    made: list[Path] = []

    def make(options: str) -> Path:
        place = tmp_path / f"disk{len(made)}"
        place.mkdir()
        if os.geteuid() != 0 or subprocess.call(["mount", "-t", "tmpfs", "-o", options, "none", place]):
            pytest.skip("a disk of its own needs the right to mount one (root; unshare -Urm pytest ... also gives it)")
        made.append(place)
        return place

    yield make
    for place in made:
        eventually(lambda place=place: subprocess.call(["umount", place]) == 0, what="the disk is free")  # type: ignore[misc]


@pytest.fixture
def on_disk(site: Site, disk: Disk) -> Iterator[Callable[[str], Path]]:
    """Put the var/ of the site on a disk of its own."""

    def put(options: str) -> Path:
        place = disk(options)
        (place / "var").mkdir(mode=0o700)
        (site.root / "var").symlink_to(place / "var")
        return place

    yield put
    site.clean()


def free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def fill(place: Path, leave: int = 0) -> Path:
    """Fill a disk but for so many bytes."""
    ballast = place / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(1, free(place) - leave))
        with contextlib.suppress(OSError):
            while free(place) > leave:
                file.seek(0, os.SEEK_END)
                file.write(bytes(min(4096, free(place) - leave)))
    return ballast


class Watch:
    """Samples the free space of a disk, as often as it can."""

    def __init__(self, place: Path) -> None:
        self.least = free(place)
        self.samples = 0
        self._place = place
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            self.least = min(self.least, free(self._place))
            self.samples += 1

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


WRITER = """\
    #!/bin/sh
    # 40 MB in two halves, so that it is there half-way; a third of them fail
    head -c 20000000 /dev/zero > half && head -c 20000000 /dev/zero > whole || exit 3
    exit "$1"
"""


@pytest.mark.feature("N3", "M75", "P21")
def test_the_budget_holds_for_500_processings_of_40_mb_on_a_disk_of_1_gb(site: Site, on_disk: Disk) -> None:
    """N3, G30: free space is never under `keep_free`, no script meets a full disk, the last failures stay."""
    place = on_disk("size=1000000000")
    keep_free = 300 * MB
    site.write(
        f"""\
        [launcher]
        cpus = 4
        [work]
        keep_free = {keep_free}
        keep = {{ failed_at_least = 4 }}
        [tasks.t]
        on = "e"
        run = "sh writer.sh {{code}}"
        """,
        writer_sh=WRITER,
    )
    ids = [site.emit("e", code=int(site.random.random() < 0.3)) for _ in range(500)]
    began = monotonic()
    with Watch(place) as watch:
        site.up()

        def ended() -> bool:
            with site.project.store.read() as tx:
                ((left,),) = tx.connection.exec_driver_sql(
                    "SELECT count(*) FROM processing WHERE state IN ('waiting', 'running')"
                ).fetchall()
            return left == 0

        eventually(ended, timeout=300, interval=0.1, what="all 500 have ended")
    print(f"500 in {monotonic() - began:.0f} s, least free {watch.least / MB:.0f} MB of {watch.samples} samples")
    assert watch.samples > 1000
    assert watch.least >= keep_free, f"{(keep_free - watch.least) / MB:.1f} MB too little"
    found = [site.get(i) for i in ids]
    assert [p.state for p in found] == ["failed" if p.params["code"] else "succeeded" for p in found]
    assert all(p.steps[0].attempts[-1].exit_code == p.params["code"] for p in found)
    assert not any(b"No space" in site.log(i, 1, "writer") for i in ids)
    failed = sorted((p for p in found if p.state == "failed"), key=lambda p: p.finished_at, reverse=True)  # type: ignore[arg-type,return-value]
    assert all((site.project.var.files(p.id) / "whole").stat().st_size == 20 * MB for p in failed[:4])
    assert sum(p.cleaned_at is not None for p in found) > 450


@pytest.mark.feature("N1", "N3")
def test_a_directory_that_a_person_is_in_stays_however_full_the_disk_is(site: Site, on_disk: Disk) -> None:
    """N1: while somebody is in, the cleaner leaves it alone."""
    on_disk("size=100m")
    site.write(
        """\
        [work]
        keep_free = "60 MB"
        keep = { failed = "1 s", failed_at_least = 0 }
        [tasks.t]
        on = "e"
        disk = "20 MB"
        run = "sh writer.sh {code}"
        """,
        writer_sh='#!/bin/sh\nhead -c 19000000 /dev/zero > data\nexit "$1"\n',
    )
    site.up()
    bad = site.emit("e", code=1)
    site.until(bad, "waiting", "running", "failed")
    eventually(lambda: site.get(bad).state == "failed")
    command = f"touch {site.gates}/in; until [ -e {site.gates}/out ]; do sleep 0.05; done"
    person = site.start("shell", str(bad), "-c", command)
    eventually((site.gates / "in").exists, timeout=30)
    for _ in range(4):
        other = site.emit("e", code=0)
        eventually(lambda other=other: site.get(other).state == "succeeded", timeout=30)  # type: ignore[misc]
    site.run("disk", "--clean")
    assert (site.project.var.files(bad) / "data").stat().st_size == 19_000_000
    assert site.get(bad).cleaned_at is None
    site.open("out")
    assert person.wait(20) == 0
    site.run("disk", "--clean")
    eventually(lambda: site.get(bad).cleaned_at is not None, timeout=30, what="it goes when the person has left")
    assert not site.project.var.files(bad).exists()


@pytest.mark.feature("M75", "N3")
def test_a_database_without_room_loses_nothing_and_goes_on(site: Site, on_disk: Disk) -> None:
    """F25, G28, I1, I17: 6 MB, filled to the last byte; what was acknowledged is there, what was refused is not."""
    place = on_disk("size=6m")
    site.write(
        '[work]\nreserve = "1 kB"\n[tasks.t]\non = "e"\nrun = "sh gated.sh {name}"\n',
        gated_sh='#!/bin/sh\nuntil [ -e "$GATES/$1" ]; do sleep 0.05; done\n',
    )
    launcher = site.up()
    first = site.emit("e", name="a")
    eventually(lambda: site.get(first).state == "running")
    ballast = fill(place)
    acknowledged, refused = [], 0
    for n in range(20):
        try:
            acknowledged.append(site.emit("e", name=f"n{n}"))
        except ProcessionError as error:
            assert error.exit_code in (6, 7), error
            refused += 1
    assert refused, "on a full disk something is refused"
    assert site.run("emit", "e", "name=x", code=7).stderr.startswith("procession: the disk of")
    site.open("a")
    assert launcher.poll() is None
    ballast.unlink()
    eventually(lambda: site.get(first).state == "succeeded", timeout=30, what="it goes on by itself")
    for n in range(20):
        site.open(f"n{n}")
    for pid in acknowledged:
        eventually(lambda pid=pid: site.get(pid).state == "succeeded", timeout=30)  # type: ignore[misc]
    assert launcher.poll() is None
    with site.project.store.read() as tx:
        ((events,),) = tx.connection.exec_driver_sql("SELECT count(*) FROM event").fetchall()
    assert events == 1 + len(acknowledged)


@pytest.mark.feature("M75", "N3")
@pytest.mark.parametrize("options", ["size=20m", "size=20m,nr_inodes=400"])
def test_ends_are_recorded_and_nothing_starts_below_the_reserve(site: Site, on_disk: Disk, options: str) -> None:
    """F26, F27, G11, G28, I9, I17: no bytes, or no files left; the codes reach the database; it resumes by itself."""
    place = on_disk(options)
    site.write(
        '[work]\nreserve = "2 MB"\n[tasks.t]\non = "e"\nrun = "sh gated.sh {name} {code}"\n',
        gated_sh='#!/bin/sh\nuntil [ -e "$GATES/$1" ]; do sleep 0.05; done\necho loud\nexit "$2"\n',
    )
    launcher = site.up()
    runs = [site.emit("e", name="go", code=code) for code in (0, 1)]
    for pid in runs:
        eventually(lambda pid=pid: site.get(pid).state == "running")  # type: ignore[misc]
    few = "inodes" in options
    if few:
        with contextlib.suppress(OSError):
            for n in range(1000):
                (place / f"node{n}").touch()
    else:
        fill(place, 1_500_000)
    assert "exit code" not in site.run("emit", "e", "name=x", "code=0", code=7).stderr
    site.open("go")
    eventually(lambda: site.get(runs[0]).state == "succeeded", timeout=30)
    eventually(lambda: site.get(runs[1]).state == "failed", timeout=30)
    assert [site.get(pid).steps[0].attempts[-1].exit_code for pid in runs] == [0, 1]
    assert site.json("disk")["full"]
    for each in (*place.glob("node*"), place / "ballast"):
        each.unlink(missing_ok=True)
    assert site.json("disk")["full"] is None
    again = site.emit("e", name="go", code=0)
    eventually(lambda: site.get(again).state == "succeeded", timeout=30)
    assert launcher.poll() is None


@pytest.mark.feature("M75")
@pytest.mark.parametrize("what", ["deleted", "file", "link", "closed"])
def test_a_directory_that_is_damaged_fails_its_step_with_a_reason(site: Site, tmp_path: Path, what: str) -> None:
    """F28, I19: between two steps; the launcher lives, and cleaning it costs nothing outside."""
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "file").write_text("precious")
    damage = {
        "deleted": "rm -rf ../../$id",
        "file": "rm -rf ../../$id; touch ../../$id",
        "link": f"mv ../../$id {tmp_path}/aside; ln -s {canary} ../../$id",
        "closed": "chmod 000 ../../$id/files ../../$id",
    }[what]
    site.write(
        '[work]\nkeep = { succeeded = "1 ms", failed = "1 ms", failed_at_least = 0 }\n'
        '[tasks.t]\non = "e"\nsteps = ["sh one.sh {id}", "sh two.sh"]\n',
        one_sh=f'#!/bin/sh\nid=$1\ncd "$PWD"\n(sleep 0.3; {damage}) > /dev/null 2>&1\n',
        two_sh="#!/bin/sh\npwd > here\n",
    )
    launcher = site.up()
    pid = site.emit("e")
    eventually(lambda: site.get(pid).state in ("failed", "succeeded"), timeout=30)
    found = site.get(pid)
    if found.state == "failed":
        assert found.reason
    site.run("disk", "--clean")
    eventually(lambda: site.get(pid).cleaned_at is not None, timeout=30)
    assert launcher.poll() is None
    assert os.listdir(canary) in (["file"], ["file", "files", "02-two", "entered.lock"]) or what == "link"
    assert (canary / "file").read_text() == "precious"
    one = site.emit("e")
    eventually(lambda: site.get(one).state in ("failed", "succeeded"), timeout=30)


@pytest.mark.feature("M75", "N3")
def test_the_cleaner_run_in_a_loop_never_touches_what_runs(site: Site, tmp_path: Path) -> None:
    """F29, I19, G30."""
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "file").write_text("precious")
    site.write(
        '[launcher]\ncpus = 2\n[work]\nkeep = { succeeded = "1 ms", failed = "1 ms", failed_at_least = 0 }\n'
        '[tasks.t]\non = "e"\nsteps = ["sh one.sh", "sh two.sh"]\n',
        one_sh=f"#!/bin/sh\nfor n in 1 2 3 4 5 6 7 8 9; do ln -s {canary} link$n; ln {canary}/file name$n\n"
        "echo $n > file$n; done; mkdir -p a/b; ln -s ../.. a/b/up\n",
        two_sh="#!/bin/sh\nfor n in 1 2 3 4 5 6 7 8 9; do [ $(cat file$n) = $n ] || exit 9; sleep 0.01; done\n",
    )
    site.up()
    ids = [site.emit("e") for _ in range(40)]
    while any(site.get(pid).state not in ("succeeded", "failed") for pid in ids):
        site.run("disk", "--clean")
    assert {str(site.get(pid).state) for pid in ids} == {"succeeded"}, "what runs found all its files"
    site.run("disk", "--clean")
    eventually(lambda: all(site.get(pid).cleaned_at for pid in ids), timeout=30)
    assert (canary / "file").read_text() == "precious"
    assert (canary / "file").stat().st_nlink == 1
    assert not any(site.project.var.files(pid).exists() for pid in ids)
    assert not os.listdir(site.path("var", "trash"))


@pytest.mark.feature("M75")
def test_people_see_pin_and_preview(site: Site) -> None:
    """The commands, and that ``set``-values hold over the file."""
    site.write(
        '[tasks.t]\non = "e"\nrun = "sh one.sh"\n',
        one_sh="#!/bin/sh\nhead -c 3000000 /dev/zero > data\n",
    )
    site.up()
    one, two = site.emit("e"), site.emit("e")
    for pid in (one, two):
        eventually(lambda pid=pid: site.get(pid).bytes, timeout=30)  # type: ignore[misc]
    assert "pinned: 1" in site.run("pin", str(one)).stdout
    seen = site.json("disk")
    assert seen["usage"][0]["task"] == "t"
    assert seen["used"] > 6_000_000
    assert [each["id"] for each in seen["next"]] == [two]
    assert "largest" in site.run("disk").stdout
    assert "nothing would be deleted" in site.run("disk", "--preview").stdout
    with site.project.store.begin() as tx:
        settings.put(tx, "max_total", 4_000_000, "test", site.project.now())
    eventually(lambda: site.get(two).cleaned_at, timeout=30, what="the setting holds at once")
    assert site.get(one).cleaned_at is None
    site.run("unpin", str(one))
    assert site.run("pin", "999", code=4).stderr
    assert site.run("disk", "--preview", "--clean", code=2).stderr
    site.run("stop")
    assert "deleted what had outlived" in site.run("disk", "--clean").stderr


@pytest.mark.feature("N3")
def test_a_log_is_cut_at_the_cap_of_its_step_and_says_so(site: Site) -> None:
    site.write(
        '[tasks.t]\non = "e"\nrun = "sh loud.sh"\nlimits = { log = "4 MiB" }\n',
        loud_sh="#!/bin/sh\nyes 0123456789abcde | head -c 60000000\necho the end\n",
    )
    site.up()
    pid = site.emit("e")
    eventually(lambda: site.get(pid).state == "succeeded", timeout=60)
    log = site.attempt_dir(pid, 1, "loud") / "log"
    assert log.stat().st_size == 60_000_000 + len("the end\n")
    assert log.stat().st_blocks * 512 < 6 << 20
    said = site.run("logs", str(pid)).stdout
    assert said.endswith("the end\n")
    assert len(said) < 5 << 20
    (marker,) = [line for line in said.splitlines() if line and not line.startswith(("0", "the", "1", "2", "3", "4"))
                 and "0123456789abcde" not in line][:1]  # fmt: skip
    assert "cut" in marker or "MB" in marker or "bytes" in marker, marker


if shutil.which("head") is None or not sys.platform.startswith("linux"):
    pytest.skip("needs Linux", allow_module_level=True)
