"""What people set holds over the file; of several pauses the strictest counts."""

import pytest

from procession.errors import Invalid
from procession.model.setting import Setting, Settings, read_value

pytestmark = pytest.mark.feature("M38", "P15", "M44")


def made(**values: object) -> Settings:
    rows = {name.replace("__", ":"): value for name, value in values.items()}
    return Settings({name: Setting(name, value, "eva", None, 0) for name, value in rows.items()})


def test_what_is_set_holds_over_the_file_and_the_file_over_nothing() -> None:
    found = made(at_once__scene=2, limit__ftp=5, cpus=3.5)
    assert [found.at_once("scene", 9), found.at_once("other", 9)] == [2, 9]
    assert found.limits({"ftp": 1, "tape": 2}) == {"ftp": 5, "tape": 2}
    assert [found.number("cpus", 8), found.number("memory", None), found.number("keep_free", 7)] == [3.5, None, 7]


@pytest.mark.parametrize(
    ("rows", "scope", "mode"),
    [
        ({}, None, None),
        ({"pause": "stop", "pause__task__scene": "drain"}, "the project", "stop"),
        ({"pause": "drain", "pause__task__scene": "stop"}, "task scene", "stop"),
        ({"pause": "drain", "pause__group__mission": "drain"}, "the project", "drain"),
        ({"pause__group__mission": "skip", "pause__task__scene": "drain"}, "group mission", "skip"),
        ({"pause__task__other": "stop", "pause__group__": "stop"}, None, None),
    ],
)
def test_the_strictest_pause_counts_and_then_the_widest(
    rows: dict[str, str], scope: str | None, mode: str | None
) -> None:
    found = made(**rows).pause("scene", "mission")
    assert (found and found.scope, found and found.mode) == (scope, mode)


def test_a_task_without_a_group_is_paused_with_no_group() -> None:
    assert made(pause__group__="stop").pause("scene", "") is None


def test_events_are_skipped_where_any_pause_says_so() -> None:
    found = made(pause="stop", pause__task__scene="skip")
    assert found.pause("scene", "").mode == "stop"  # type: ignore[union-attr]
    assert found.skipping("scene", "").scope == "task scene"  # type: ignore[union-attr]
    assert found.skipping("other", "") is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("memory", "2 GB", 2_000_000_000),
        ("memory", "1024", 1024),
        ("at_once:t", "3", 3),
        ("limit:x", "0.5", 0.5),
        ("cpus", "2", 2),
    ],
)
def test_values_are_read_as_people_write_them(name: str, text: str, value: float) -> None:
    assert read_value(name, text) == value


@pytest.mark.parametrize("text", ["", "nan", "inf", "-1", "1e308", "ten", "10" * 20, "²", "٣٤x"])
@pytest.mark.parametrize("name", ["cpus", "limit:x", "at_once:t", "memory"])
def test_a_wrong_value_is_refused_with_a_sentence(name: str, text: str) -> None:
    """B33."""
    with pytest.raises(Invalid):
        read_value(name, text)


def test_at_once_is_whole_and_cpus_are_something() -> None:
    with pytest.raises(Invalid, match="whole number"):
        read_value("at_once:t", "1.5")
    with pytest.raises(Invalid, match="procession pause --all"):
        read_value("cpus", "0")
