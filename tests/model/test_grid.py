"""Cells, and the worst of many."""

import base64
import itertools

import pytest

from procession.model.grid import (
    WORST,
    Column,
    Grid,
    Mark,
    cell,
    mark_of_processing,
    mark_of_step,
    pack,
    read_cell,
    worst,
)
from procession.model.states import PROCESSING, STEP

pytestmark = pytest.mark.feature("M118")
FLAGS = [
    dict(zip(("due", "held", "over", "lost"), each, strict=True)) for each in itertools.product((False, True), repeat=4)
]


def test_every_mark_and_count_fits_a_byte_and_comes_back() -> None:
    for mark in Mark:
        for count in (0, 1, 14, 15):
            assert read_cell(cell(mark, count)) == (mark, count)
        assert read_cell(cell(mark, 1000)) == (mark, 15), "more than fifteen is fifteen"


def test_every_state_of_every_step_and_processing_has_a_mark() -> None:
    for state in STEP.states:
        for flags in FLAGS:
            assert mark_of_step(str(state), 1, **flags) in Mark
    for state in PROCESSING.states:
        assert mark_of_processing(str(state), errors=0, held=False) in Mark


def test_what_was_tried_again_lost_or_held_shows_it() -> None:
    plain = dict.fromkeys(("due", "held", "over", "lost"), False)
    assert mark_of_step("succeeded", 2, **plain) is Mark.OK_AGAIN
    assert mark_of_step("ready", 1, **{**plain, "due": True}) is Mark.AGAIN
    assert mark_of_step("pending", 0, **{**plain, "held": True}) is Mark.HELD
    assert mark_of_step("pending", 0, **{**plain, "over": True}) is Mark.NOTHING
    assert mark_of_step("failed", 3, **{**plain, "lost": True}) is Mark.LOST
    assert mark_of_processing("succeeded", errors=2, held=False) is Mark.OK_AMBER


def test_the_worst_comes_first_and_every_mark_has_its_place() -> None:
    assert sorted(WORST) == sorted(Mark) and len(set(WORST)) == len(Mark)
    assert worst([Mark.OK, Mark.FAILED, Mark.RUNNING]) is Mark.FAILED
    assert worst([Mark.OK, Mark.SKIPPED]) is Mark.OK and worst([]) is Mark.NOTHING


def test_cells_are_packed_column_after_column() -> None:
    packed = pack([[cell(Mark.OK, 1), cell(Mark.FAILED, 3)], [cell(Mark.RUNNING, 1), cell(Mark.WAITING, 0)]])
    found = Grid(("a", "b"), (Column("x"), Column("y")), packed)
    assert found.at(1, 0) == (Mark.FAILED, 3) and found.at(0, 1) == (Mark.RUNNING, 1)
    assert base64.b64decode(found.base64) == bytes((0x14, 0x37, 0x13, 0x01))
