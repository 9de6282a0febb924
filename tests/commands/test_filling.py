"""When the disk is full at today's rate: said from what was free every hour, and not at all where nobody can say."""

from pathlib import Path

import pytest

from procession import disk
from procession.disk import Space
from procession.filling import HOUR, KEPT, Sample, note, samples, until_full
from tests.flow.driven import Driven
from tests.verbs.calling import ask

pytestmark = pytest.mark.feature("N3", "M118")
NOW = 1_000 * HOUR
GB = 10**9
HERE = Space(1_000 * GB, 100 * GB)


def falling(hours: int, each: int, total: int = HERE.total) -> list[Sample]:
    """What was free in the last hours, if so much went in each."""
    return [Sample(NOW - n * HOUR, HERE.free + n * each, total) for n in range(hours, 0, -1)]


def test_at_a_steady_rate_it_is_full_when_only_the_floor_is_left() -> None:
    assert until_full(falling(24, 2 * GB), NOW, HERE, 20 * GB) == pytest.approx(40 * 3600)
    assert until_full(falling(6, GB), NOW, HERE, 0) == pytest.approx(100 * 3600)
    assert until_full(falling(24, GB), NOW, HERE, 200 * GB) == 0


@pytest.mark.parametrize(
    "known",
    [[], falling(2, GB), falling(24, 0), falling(24, -GB), falling(24, 1), falling(24, GB, total=500 * GB),
     [Sample(NOW + HOUR, 0, HERE.total)], [Sample(NOW - 30 * HOUR, 200 * GB, HERE.total)]],
    ids=["nothing", "too short", "steady", "emptier", "years", "another disk", "future", "long ago"],
)  # fmt: skip
def test_where_nobody_can_say_nothing_is_said(known: list[Sample]) -> None:
    assert until_full(known, NOW, HERE, 0) is None


def test_one_cleaning_within_the_day_does_not_turn_the_rate() -> None:
    known = [
        each._replace(free=each.free + (5 * GB if n % 6 == 0 else 0)) for n, each in enumerate(falling(24, 2 * GB))
    ]
    found = until_full(known, NOW, HERE, 0)
    assert found is not None and found == pytest.approx(50 * 3600, rel=0.2)


def test_a_line_is_written_an_hour_and_thirty_days_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "disk.samples"
    for n in range(800):
        note(path, NOW + n * HOUR // 2, HERE)
    assert len(samples(path)) == 400
    note(path, NOW + 2 * KEPT, HERE)
    assert len(samples(path)) == 1
    note(path, NOW, HERE)
    assert [each.at for each in samples(path)] == [NOW], "the clock was put back"
    path.write_text("x\n1 2\n\n5 6 7\n\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "latin-1")
    assert samples(path) == [Sample(5, 6, 7)]
    assert list(tmp_path.iterdir()) == [path]


def test_the_launcher_writes_it_and_the_verbs_say_it(tmp_path: Path) -> None:
    d = Driven(tmp_path / "p", '[tasks.t]\non = "e"\nrun = "./one.sh"\n')
    try:
        d.turn()
        (first,) = samples(d.project.var.samples)
        assert first.total == disk.space(tmp_path).total
        assert ask(d, "disk")["full_in"] is None
        space = disk.space(d.project.var.root / "work")
        lines = [(d.project.now() - n * HOUR, space.free + n * space.total // 100) for n in range(12, 0, -1)]
        d.project.var.samples.write_text("".join(f"{at} {free} {space.total}\n" for at, free in lines))
        assert 0 < ask(d, "disk")["full_in"] <= 100 * 3600
        assert 0 < ask(d, "overview")["disk"]["full_in"] <= 100 * 3600
    finally:
        d.close()
