"""JSON is read as RFC 8259 has it, and no further: what a reader could understand otherwise is refused (B12, C11)."""

import pytest

from procession.api.problems import Problem
from procession.api.request import read_json
from tests.api.served import Served

BAD: dict[str, bytes] = {
    "depth": b"[" * 100_000 + b"]" * 100_000,
    "depth of objects": b'{"a":' * 40 + b"1" + b"}" * 40,
    "a name twice": b'{"name": "a", "name": "b"}',
    "a name twice inside": b'{"a": {"b": 1, "b": 2}}',
    "too large": b'{"a": 1e999}',
    "not a number": b'{"a": NaN}',
    "infinite": b'{"a": -Infinity}',
    "integer": b'{"a": 1' + b"0" * 400 + b"}",
    "half a character": b'{"a": "\\ud800"}',
    "half a name": b'{"\\udfff": 1}',
    "nul": b'{"a": "\\u0000"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "latin": b'{"a": "\xe9"}',
    "comment": b"{} // no",
    "two": b"{}{}",
    "single quotes": b"{'a': 1}",
    "cut": b'{"a": ',
    "control character": b'{"a": "\x01"}',
}


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    """B12."""
    with pytest.raises(Problem) as found:
        read_json(raw)
    assert found.value.status == 400


@pytest.mark.parametrize("raw", list(BAD.values())[:4], ids=list(BAD)[:4])
def test_it_is_refused_over_http_as_well(served: Served, raw: bytes) -> None:
    """B12."""
    assert served.ask("POST", "/api/v1/users", raw=raw).status == 400


def test_a_million_names_are_read_in_time_or_refused_for_their_size(served: Served) -> None:
    """B12."""
    raw = b"{" + b",".join(b'"%d":1' % n for n in range(1_000_000)) + b"}"
    assert served.ask("POST", "/api/v1/users", raw=raw).status == 413


def test_what_is_json_is_read() -> None:
    assert read_json(b' {"a": [1, 2.5, "\\u00e9\\ud83d\\ude00", null, true]}\n') == {"a": [1, 2.5, "é😀", None, True]}


@pytest.mark.parametrize(
    ("mime", "status"),
    [("application/json", 201), ("application/json; charset=utf-8", 409), ("text/json", 415), ("", 415),
     ("application/json; charset=utf-16", 415), ("application/x-www-form-urlencoded", 415),
     ("multipart/form-data", 415)],
)  # fmt: skip
def test_only_json_is_taken(served: Served, mime: str, status: int) -> None:
    """C11."""
    got = served.ask("POST", "/api/v1/users", headers={"Content-Type": mime}, raw=b'{"name": "json"}')
    assert got.status == status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/users", {"name": "x", "unknown": 1}),
        ("POST", "/api/v1/users", {"name": 1}),
        ("POST", "/api/v1/users", {}),
        ("POST", "/api/v1/users", []),
        ("POST", "/api/v1/users", {"name": "<script>"}),
        ("POST", "/api/v1/users", {"name": "a" * 10_240}),
        ("POST", "/api/v1/users", {"name": "'; drop table account"}),
        ("POST", "/api/v1/users", {"name": "x", "role": "root"}),
        ("POST", "/api/v1/tokens", {"name": "x", "scopes": []}),
        ("POST", "/api/v1/tokens", {"name": "x", "scopes": ["everything"]}),
        ("POST", "/api/v1/tokens", {"name": "x", "scopes": ["read"], "expires": "-1 s"}),
        ("POST", "/api/v1/tokens", {"name": "x", "scopes": ["read"], "expires": "1e308 days"}),
        ("PUT", "/api/v1/users/eve?role=admin", {}),
        ("GET", "/api/v1/audit?limit=1000000000", None),
        ("GET", "/api/v1/audit?limit=-1", None),
        ("GET", "/api/v1/audit?limit=5&limit=6", None),
        ("GET", "/api/v1/audit?limit=five", None),
        ("GET", "/api/v1/audit?cursor=1%20or%201=1", None),
        ("GET", "/api/v1/audit?sort=id;drop%20table", None),
        ("GET", "/api/v1/audit?by=%00", None),
        ("GET", "/api/v1/audit?by=%ff", None),
    ],
)
def test_wrong_arguments_are_refused_with_their_names(served: Served, method: str, path: str, body: object) -> None:
    """B15, B25, B26, B27, B33."""
    got = served.ask(method, path, body)
    assert got.status == 400, got
    assert got.json["detail"]


@pytest.mark.parametrize("by", ["%25' or 1=1--", "%5C", "_"])
def test_a_filter_is_taken_as_it_is(served: Served, by: str) -> None:
    """B26."""
    got = served.ask("GET", f"/api/v1/audit?by={by.replace(' ', '%20')}")
    assert (got.status, got.json["items"]) == (200, [])


@pytest.mark.parametrize(
    "piece", ["../../etc/passwd", "..%2f..%2f", "%252e%252e", "....//", "%2e%2e", ".", "log%00.txt", "C:%5Cx", "%ff"]
)
def test_a_path_that_leads_elsewhere_leads_nowhere(served: Served, piece: str) -> None:
    """B19."""
    assert served.ask("DELETE", f"/api/v1/users/{piece}").status in (400, 404)
