"""What of a file's name is its processing's own, and what several have in common."""

import pytest

from procession.model.likeness import alike, chosen, pattern, values_of, without_digits

pytestmark = pytest.mark.feature("P22", "N10")


def test_key_title_and_parameters_give_way_and_what_only_looks_like_them_stays() -> None:
    own = values_of("LC8_224077", "tile 0", {"path": "/in/LC8_224077.sha256", "n": 7, "sat": "L8", "deep": {"a": 1}})
    assert pattern("preview-LC8_224077.png", own) == "preview-*.png"
    assert pattern("B7_n-7_L8x-L8.png", own) == "B7_n-*_L8x-*.png", "what is short only by itself"
    assert pattern("LC8_224077LC8_224077.png", own) == "*.png"
    assert values_of(None, "", {"yes": True}) == ()
    assert (without_digits("a12b-3.h5"), without_digits("run17")) == ("a*b-*.h5", "run*")


def test_digits_are_told_apart_only_where_one_processing_has_several_of_them() -> None:
    assert alike([["B1.png", "B2.png", "t17.png"], ["B1.png", "B2.png", "t18.png"]]) == ["B1.png", "B2.png", "t*.png"]
    assert alike([["f1.png", "f2.png"], ["f3.png"]]) == ["f1.png", "f2.png", "f3.png"]
    assert alike([["f1.png"]]) == ["f1.png"]
    assert alike([]) == []


def test_the_file_that_is_meant_is_found_again() -> None:
    own = ("scene-a",)
    files = ["other.png", "preview-scene-a.png", "t18.png"]
    assert chosen(files, own, "preview-*.png") == "preview-scene-a.png"
    assert chosen(files, own, "t*.png") == "t18.png"
    assert chosen(files, own, "other.png") == "other.png"
    assert chosen(files, own, "x*.png") is None and chosen(files, own, "x.png") is None
    assert chosen(["a*.png"], (), "a*.png") == "a*.png", "a star that is part of a name"
