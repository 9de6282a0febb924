"""Causes: attempts that failed for the same reason have the same signature, whatever a script has printed."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.cause import CAUSED, LENGTH, MAX_LINE, cause_of, told_by
from procession.model.message import signature
from procession.model.outcome import Ending, Outcome

pytestmark = pytest.mark.feature("N8", "P30")


def failed(*lines: str, code: int | None = 1, signal: int | None = None, step: str = "load") -> str:
    ending = Ending(Outcome.FAILED, "as it was told", code, signal)
    cause = cause_of("scene", step, ending, lines)
    assert cause is not None
    assert len(cause.signature) == LENGTH
    return cause.signature


def traceback(file: str, line: int, raised: str, inner: str = "") -> list[str]:
    return [
        "reading 17 bands",
        "Traceback (most recent call last):",
        f'  File "{file}", line {line}, in <module>',
        "    main()",
        f'  File "{file}", line {line + 9}, in main',
        "    scale(bands[name])",
        "          ~~~~~^^^^^^",
        *([f'  File "{inner}", line 3, in open', "    raise"] if inner else []),
        raised,
    ]


def test_varying_numbers_paths_and_names_are_one_cause() -> None:
    one = failed("cat: /data/2026/a.h5: No such file or directory")
    assert one == failed("starting", "cat: inbox/b_17.h5: No such file or directory", "")
    assert one != failed("cat: /data/2026/a.h5: Permission denied")
    assert one != failed("cat: /data/2026/a.h5: No such file or directory", code=2)
    assert one != failed("cat: /data/2026/a.h5: No such file or directory", step="scale")


def test_a_line_that_tells_of_an_error_is_preferred_to_what_is_printed_after_it() -> None:
    one = failed("ERROR: the table 7 is empty", "closing 3 files", "bye")
    assert one == failed("ERROR: the table 12 is empty", "closing 1 files", "good bye")
    assert one != failed("ERROR: the catalogue is empty", "closing 3 files", "bye")
    assert failed("all is well", "bye") == failed("bye")


def test_a_traceback_is_told_by_its_exception_and_the_innermost_function_of_the_user() -> None:
    one = failed(*traceback("/home/a/calibrate.py", 12, "KeyError: 'band7'"))
    assert one == failed(*traceback("/srv/b/calibrate.py", 40, "KeyError: 'cloud'"), "cleaning up")
    assert one != failed(*traceback("/srv/b/rgb.py", 40, "KeyError: 'cloud'"))
    assert one != failed(*traceback("/srv/b/calibrate.py", 40, "ValueError: 'cloud'"))
    library = "/usr/lib/python3/dist-packages/h5py/_hl/files.py"
    text = told_by(traceback("/home/a/calibrate.py", 12, "OSError: Unable to open file 17", library))
    assert text == "OSError: Unable to open file <number> (calibrate.py, main)"


def test_the_last_of_several_tracebacks_counts() -> None:
    text = told_by([*traceback("a.py", 1, "KeyError: 1"), "", *traceback("b.py", 1, "ValueError: 2")])
    assert text == "ValueError: <number> (b.py, main)"


def test_a_group_of_exceptions_is_told_by_its_last_one() -> None:
    lines = [
        "  + Exception Group Traceback (most recent call last):",
        '  |   File "a.py", line 1, in <module>',
        "  |     raise ExceptionGroup('both', [])",
        "  | ExceptionGroup: both (1 sub-exception)",
        "  +-+---------------- 1 ----------------",
        "    | Traceback (most recent call last):",
        '    |   File "b.py", line 9, in fetch',
        "    |     raise OSError(3)",
        "    | OSError: 3",
        "    +------------------------------------",
    ]
    assert told_by(lines) == "OSError: <number> (b.py, fetch)"


def test_a_traceback_that_was_cut_off_is_told_by_a_line() -> None:
    assert told_by(["Traceback (most recent call last):", '  File "a.py", line 1, in f']) != ""


@pytest.mark.parametrize("outcome", sorted(Outcome))
def test_what_did_not_fail_has_no_cause(outcome: Outcome) -> None:
    assert (cause_of("scene", "load", Ending(outcome, "why")) is not None) == (outcome in CAUSED)


def test_time_outs_and_losses_are_told_by_their_reason_not_by_what_was_printed_last() -> None:
    ending = Ending(Outcome.TIMEOUT, "it took longer than 20 min", None, 15)
    one, other = (cause_of("scene", "load", ending, [line]) for line in ("error 1", "reading"))
    assert one == other
    assert one is not None
    assert one.text == "timeout: it took longer than <number> min"


def test_a_signal_is_told_by_its_name() -> None:
    cause = cause_of("scene", "load", Ending(Outcome.FAILED, "killed by SIGSEGV (11): reading", signal=11), ["reading"])
    assert cause is not None
    assert cause.text.startswith("SIGSEGV")
    assert failed("reading", code=None, signal=11) != failed("reading", code=None, signal=9)
    assert cause_of("scene", "load", Ending(Outcome.FAILED, "", signal=63)) is not None


@given(st.lists(st.text(max_size=300), max_size=30), st.integers(0, 255), st.text(max_size=300))
def test_whatever_is_printed_has_a_cause_that_is_found_again(lines: list[str], code: int, reason: str) -> None:
    ending = Ending(Outcome.FAILED, reason, code)
    cause = cause_of("scene", "load", ending, lines)
    assert cause is not None
    assert cause == cause_of("scene", "load", ending, lines)
    assert "\n" not in cause.text


@given(st.lists(st.text(max_size=100), min_size=1, max_size=20))
def test_what_tells_of_an_error_tells_of_it_again(lines: list[str]) -> None:
    said = told_by(lines)
    if "Traceback" not in said:
        assert signature(said) == said


HOSTILE = ["a", "1", "/", "'", '"', "a/", "-", "1.", "0x", "a1", ".", "<", "~/", "://", "2026-01-01T", "f-", '"a']


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_line_of_a_megabyte_takes_no_longer_than_one_of_a_few_hundred_characters(piece: str) -> None:
    line = piece * (1_000_000 // len(piece))
    began = time.process_time()
    for lines in ([line], ["Traceback (most recent call last):", line, line], [f'  File "{line}'] * 3):
        told_by(lines)
        signature(line)
    assert time.process_time() - began < 0.5


@given(st.lists(st.sampled_from([*HOSTILE, " ", "\n", "(", "error"]), min_size=1, max_size=400))
def test_no_pattern_takes_long(pieces: list[str]) -> None:
    line = "".join(pieces)
    began = time.process_time()
    assert signature(signature(line)) == signature(line)
    told_by([line] * 5)
    assert time.process_time() - began < 0.2


def test_only_the_beginning_of_a_line_counts() -> None:
    said = "error " + "x" * MAX_LINE
    assert told_by([said + "1"]) == told_by([said + "other"])
