"""What a script leaves is read with limits, whatever it puts in the place of the agreed files; nothing waits."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from procession import contract
from procession.errors import Invalid
from procession.model.event import variable

ODD: list[Callable[[Path], object]] = [
    os.mkfifo,
    Path.mkdir,
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.symlink_to("/etc/passwd"),
]


def left(directory: Path, **files: str) -> contract.Left:
    for name, text in files.items():
        (directory / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    return contract.read_left(directory, contract.present(directory), "1-1-", "test")


@pytest.mark.parametrize("make", ODD)
def test_what_is_no_plain_file_counts_as_not_there(tmp_path: Path, make: Callable[[Path], object]) -> None:
    for name in ("retry_after", "progress", "metrics", "log"):
        make(tmp_path / name)
    open_before = len(os.listdir("/proc/self/fd"))
    assert contract.retry_after(tmp_path) is None
    assert contract.progress(tmp_path) is None
    assert contract.ending("exited", 3, None, None, None, tmp_path).reason == "exit code 3"
    assert left(tmp_path) == contract.Left()
    assert len(os.listdir("/proc/self/fd")) == open_before


@pytest.mark.parametrize("make", ODD)
@pytest.mark.parametrize("name", ["output", "events"])
def test_outputs_and_events_that_are_no_plain_file_are_refused(
    tmp_path: Path, name: str, make: Callable[[Path], object]
) -> None:
    make(tmp_path / name)
    with pytest.raises(Invalid, match=f"^the file {name} cannot be read"):
        left(tmp_path)


def test_a_line_ends_with_a_line_feed_alone(tmp_path: Path) -> None:
    found = left(
        tmp_path,
        output="a=x\u2028y\r\nb=1\x0b2\x0c\n",
        events='{"event": "x", "title": "a\u2028b"}\r\n\r\n{"event": "y"}\n',
        metrics="n=1\r\nm=2\x1e\n",
    )
    assert found.outputs == {"a": "x\u2028y", "b": "1\x0b2\x0c"}
    assert [(event.name, event.title, event.key) for event in found.events] == [
        ("x", "a\u2028b", "1-1-1"),
        ("y", "", "1-1-3"),
    ]
    assert found.metrics["n"] == 1


@pytest.mark.parametrize("letter", ["a", "ö", "\U0001f600"])
def test_a_variable_as_large_as_the_system_takes_is_given_and_no_larger(letter: str) -> None:
    name = "x" * 40
    room = (contract.MAX_VARIABLE - len(variable(name)) - 2) // len(letter.encode())
    for size, given in ((room, True), (room + 1, False)):
        order = contract.Order("k-1-1-1", "t", 1, 1, "s", 1, {name: letter * size}, "/w", "/s", "/a", "/e")
        value = contract.environment(order).get(variable(name))
        assert (value is not None) is given
        if value is not None:
            pid = os.posix_spawn("/bin/true", ["true"], {variable(name): value})
            assert os.waitpid(pid, 0)[1] == 0
