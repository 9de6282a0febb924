"""A batch does its verb to all that its query finds, piece by piece, each once (P14)."""

from pathlib import Path

import pytest

from procession.commands import batches
from procession.errors import Invalid, Refused
from tests.flow.driven import Driven

TOML = """
[tasks.a]
on = "e"
run = "./one.sh"
"""


@pytest.mark.feature("P14")
def test_a_batch_reaches_everything_that_was_there_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PIECE", 3)
    d = Driven(tmp_path, TOML, cpus=1)
    try:
        born = [d.born() for _ in range(8)]
        seen = batches.foresee(d.project, "hold", "task:a", {})
        assert (seen.count.n, [each.refused for each in seen.judged]) == (8, [None] * 8)
        made = batches.begin(d.project, "hold", "task:a", {}, "eva")
        later = d.born()
        d.turn()
        assert 0 < batches.get(d.project, made.id).done <= 3
        d.turn(4)
        found = batches.get(d.project, made.id)
        assert (found.total, found.done, found.refused, found.finished_at is not None) == (8, 8, 0, True)
        held = [row.id for row in d.rows("SELECT id FROM processing WHERE held_at IS NOT NULL ORDER BY id")]
        assert held == born
        assert later not in held
    finally:
        d.close()


@pytest.mark.feature("P14")
def test_a_batch_that_is_cancelled_leaves_what_it_has_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PIECE", 2)
    d = Driven(tmp_path, TOML, cpus=1)
    try:
        for _ in range(6):
            d.born()
        made = batches.begin(d.project, "hold", "task:a", {}, "eva")
        d.turn()
        done = batches.cancel(d.project, made.id).done
        d.turn(4)
        assert batches.get(d.project, made.id).done == done == 2
        with pytest.raises(Refused):
            batches.cancel(d.project, made.id)
        with pytest.raises(Refused, match="which processings"):
            batches.begin(d.project, "hold", "", {}, "eva")
        with pytest.raises(Invalid):
            batches.begin(d.project, "shell", "task:a", {}, "eva")
    finally:
        d.close()
