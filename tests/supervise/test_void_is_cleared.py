"""A shim clears away void records alone: every other one is the proof of what ran."""

from pathlib import Path

import pytest

from procession.supervise import record, spool
from procession.supervise.shim import Shim


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def ring(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def shim(tmp_path: Path) -> Shim:
    made = Shim.__new__(Shim)
    made._spool = str(tmp_path)
    made._bell = Heard()  # type: ignore[assignment]
    return made


def test_a_void_or_empty_record_is_cleared_away(tmp_path: Path, shim: Shim) -> None:
    spool.void(tmp_path, "k", "test")
    (tmp_path / "empty").touch()
    for key in ("k", "empty", "none"):
        shim._leave_voided(key, f"{tmp_path}/{key}")
        assert not (tmp_path / key).exists()
    assert shim._bell.lines == ["skip k", "skip empty", "skip none"]  # type: ignore[attr-defined]


def test_a_record_of_what_ran_stays(tmp_path: Path, shim: Shim) -> None:
    begun = record.line(b'{"kind":"spec","v":1,"key":"k"}') + record.line(b'{"kind":"started","at":1}')
    for data in (begun, b"damaged"):
        (tmp_path / "k").write_bytes(data)
        shim._leave_voided("k", f"{tmp_path}/k")
        assert (tmp_path / "k").read_bytes() == data
    assert shim._bell.lines == ["refused k record is not void"] * 2  # type: ignore[attr-defined]
