"""Frames: however they are cut and however wrong they are, what is kept of them is bounded (B31)."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.bridges.frames import KEPT, MAX_LINE, Frame, ProtocolError, Reader, write

pytestmark = pytest.mark.feature("P9")

LARGEST = 100_000


def read(data: bytes, *, step: int = 0) -> list[Frame]:
    reader = Reader(LARGEST)
    cut = [data] if not step else [data[i : i + step] for i in range(0, len(data), step)]
    return [frame for part in cut for frame in reader.take(part)]


HEADERS = st.dictionaries(
    st.sampled_from(["ack", "message-id", "destination"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
)
BODIES = st.binary(max_size=200)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(HEADERS, BODIES), max_size=6), st.integers(1, 40))
def test_what_is_written_is_read_however_it_is_cut(frames: list[tuple[dict[str, str], bytes]], step: int) -> None:
    data = b""
    for headers, body in frames:
        data += write("MESSAGE", {**headers, "content-length": str(len(body))}, body) + b"\n"
    found = read(data, step=step)
    assert [(f.body, f.size, f.problem) for f in found] == [(body, len(body), "") for _, body in frames]
    assert [{k: v for k, v in f.headers.items() if k != "content-length"} for f in found] == [h for h, _ in frames]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=20))
def test_no_bytes_do_more_than_break_the_protocol(parts: list[bytes]) -> None:
    reader = Reader(LARGEST)
    try:
        for part in parts:
            reader.take(part)
    except ProtocolError as error:
        assert "\n" not in str(error)


def test_a_body_without_length_ends_at_nul_and_heart_beats_are_passed_over() -> None:
    found = read(b"\n\nMESSAGE\nack:1\n\nhello\0\n\n\r\nMESSAGE\nack:2\n\nyou\0\n", step=3)
    assert [(f.headers["ack"], f.body) for f in found] == [("1", b"hello"), ("2", b"you")]


def test_a_body_that_is_too_large_is_counted_and_not_kept() -> None:
    size = 20 * LARGEST
    reader = Reader(LARGEST)
    assert reader.take(b"MESSAGE\nack:1\ncontent-length:%d\n\n" % size) == []
    chunk = b"x" * 10_000
    for _ in range(size // len(chunk)):
        assert reader.take(chunk) == []
        assert sys.getsizeof(reader._body) + sys.getsizeof(reader._waiting) < 3 * LARGEST
    (frame,) = reader.take(b"\0MESSAGE\nack:2\n\n")
    assert (frame.headers["ack"], frame.size) == ("1", size)
    assert len(frame.body) <= LARGEST
    assert [f.headers["ack"] for f in reader.take(b"\0")] == ["2"]


def test_a_body_without_length_that_is_too_large_is_counted_too() -> None:
    (frame,) = read(b"MESSAGE\nack:1\n\n" + b"y" * (3 * LARGEST) + b"\0", step=7_000)
    assert frame.size == 3 * LARGEST
    assert KEPT <= len(frame.body) <= LARGEST


def test_a_hundred_thousand_headers_are_passed_over() -> None:
    data = b"MESSAGE\n" + b"".join(b"h%d:v\n" % n for n in range(100_000)) + b"ack:7\n\nbody\0"
    (frame,) = read(data, step=4_096)
    assert (frame.headers, frame.body, frame.problem) == ({"ack": "7"}, b"body", "")


def test_a_header_that_is_too_long_is_passed_over_as_it_comes() -> None:
    reader = Reader(LARGEST)
    reader.take(b"MESSAGE\nack:1\nlong:")
    for _ in range(100):
        reader.take(b"z" * 10_000)
        assert len(reader._waiting) <= 10_000 + MAX_LINE
    (frame,) = reader.take(b"\n\nbody\0")
    assert (frame.headers, frame.body) == ({"ack": "1"}, b"body")


def test_a_header_without_a_colon_or_with_a_wrong_escape_is_said_with_the_message() -> None:
    first, second = read(b"MESSAGE\nack:1\nno colon here\n\na\0MESSAGE\nack:2\ndestination:\\x\n\nb\0")
    assert "without a colon" in first.problem and first.headers["ack"] == "1"
    assert "destination" in second.problem and second.headers["ack"] == "2"


@pytest.mark.parametrize(
    "data",
    [
        b"MESSAGE\nack:1\ncontent-length:3\n\nlonger than that\0",
        b"MESSAGE\nack:1\ncontent-length:-3\n\nx\0",
        b"MESSAGE\nack:1\ncontent-length:99999999999999999999999\n\nx\0",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"message\n\n\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9,
    ],
)
def test_where_nobody_knows_how_to_go_on_it_says_so(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(data)


def test_the_first_of_two_equal_headers_holds() -> None:
    (frame,) = read(b"MESSAGE\nack:1\nack:2\n\n\0")
    assert frame.headers["ack"] == "1"


def test_what_is_written_cannot_smuggle_a_header() -> None:
    (frame,) = read(write("MESSAGE", {"destination": "/queue/a\nack:9\n\nx", "ack": "1"}))
    assert frame.headers == {"destination": "/queue/a\nack:9\n\nx", "ack": "1"}
