"""What the sender of a message is told of its processing."""

import pytest

from procession.commands.outgoing import results_of

REDUCED = {
    "inputs": ["/data/1.nxs"],
    "output_dir": "/data/out",
    "files": 2,
    "extra": ["/user/a"],
    "archive": "/archive/1",
}


@pytest.mark.feature("M56", "N14")
@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({}, []),
        ({"one": {"results": "/a"}, "two": {"results": ["/b", "/a"]}}, ["/a", "/b"]),
        ({"results": {"to": "/final", "files": 1}, "one": {"to": "elsewhere"}}, ["/final"]),
        ({"reduce": REDUCED}, ["/archive/1", "/user/a"]),
        ({"reduce": {**REDUCED, "archive": None, "extra": []}}, []),
        ({"pack": {"archive": "run.tar"}}, []),
    ],
)
def test_the_sender_is_told_where_results_are(outputs: dict[str, dict[str, object]], told: list[str]) -> None:
    assert results_of(outputs) == told
