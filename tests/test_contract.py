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


def test_the_newest_value_of_an_output_counts(tmp_path: Path) -> None:
    text = 'a=1\n{"a": 2, "b.c-d": [true, null, 1.5, {"x": "y"}]}\n b =x=y\na=3\n'
    assert left(tmp_path, output=text).outputs == {"a": "3", "b.c-d": [True, None, 1.5, {"x": "y"}], "b": "x=y"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"a\\u0000b": 1}', "a name that no command can ask for"),
        ('{"\\ud800": 1}', "a name that no command can ask for"),
        ('{"": 1}', "a name that no command can ask for"),
        ("a b=1", "a name that no command can ask for"),
        ("1=1", "a name that no command can ask for"),
        ("=1", "neither name=value nor a JSON object"),
        ('{"x": "\\ud800"}', "not valid Unicode"),
        ('{"x": "\\u0000"}', "NUL"),
        ('{"x": {"\\u0000": 1}}', "NUL"),
        ('{"x": ["\\udfff"]}', "not valid Unicode"),
        ('{"x": NaN}', "NaN is no number"),
        ('{"x": -Infinity}', "-Infinity is no number"),
        ('{"x": 1e999}', "a number that is too large"),
        ('{"x": 9223372036854775808}', "more than 64 bits"),
        ('{"x": ' + "[" * 33 + "]" * 33 + "}", "deeper than 32"),
        ('{"x": ' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON"),
        ('{"x": 1, "x": 2}', "'x' is given twice"),
    ],
)
def test_an_output_that_cannot_be_kept_or_asked_for_is_named_by_its_line(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as told:
        left(tmp_path, output=f"good=1\n{line}\n")
    assert str(told.value).startswith("line 2 of the output file ")
    assert len(str(told.value)) < 400


def test_a_step_has_no_more_outputs_than_an_event_has_parameters(tmp_path: Path) -> None:
    names = [f"n{number}=x" for number in range(contract.MAX_OUTPUTS)]
    assert len(left(tmp_path, output="\n".join(names + names)).outputs) == contract.MAX_OUTPUTS
    with pytest.raises(Invalid, match=f"^line {contract.MAX_OUTPUTS + 2} of the output file is one too many"):
        left(tmp_path, output="\n".join([*names, "n0=y", "more=x"]))


def test_the_key_of_an_event_is_a_text_or_a_number(tmp_path: Path) -> None:
    found = left(tmp_path, events='{"event": "x", "key": 7}\n{"event": "x", "key": "a"}\n{"event": "x", "key": null}\n')
    assert [event.key for event in found.events] == ["7", "a", "1-1-3"]
    for key in ('{"a": 1}', "true", "[]"):
        with pytest.raises(Invalid, match=r"^line 1 of the events file: key is a text or a number"):
            left(tmp_path, events=f'{{"event": "x", "key": {key}}}\n')


@pytest.mark.parametrize("line", ['{"event": "x", "event": "y"}', '{"event": "x", "params": {"a": NaN}}', "[]", "{"])
def test_an_event_that_is_no_strict_json_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(Invalid, match=r"^line 1 of the events file is "):
        left(tmp_path, events=line)
