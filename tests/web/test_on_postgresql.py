"""The same questions on PostgreSQL, on a small one: every answer has the same shape, and the books of it are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from procession import verbs
from procession.doctor import examine
from procession.verbs import Caller
from tests.web.big import make, opened
from tests.web.test_sql import PAGES

pytestmark = pytest.mark.feature("M118", "N8", "M15")
ANYBODY = Caller("ada", "http")
FEW = 3000


def shape(value: Any) -> Any:
    """Which names an answer has; of lists what their first item has."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def test_every_page_answers_on_postgresql_as_on_sqlite(postgres_url: str, tmp_path: Path) -> None:
    make(tmp_path / "sqlite", FEW)
    make(tmp_path / "postgresql", FEW, postgres_url)
    one, other = opened(tmp_path / "sqlite"), opened(tmp_path / "postgresql")
    for name, given, _ in PAGES:
        arguments = {**given, **({"id": 2000} if "id" in given else {})}
        here, there = (verbs.call(project, ANYBODY, name, arguments) for project in (one, other))
        if name in ("overview", "grid", "count", "neighbours", "complete", "durations", "arrivals", "causes"):
            assert {**here, "disk": None} == {**there, "disk": None}, name
        assert shape(here) == shape(there), name
    signature = verbs.call(other, ANYBODY, "causes", {"limit": 1})["items"][0]["signature"]
    detail = [verbs.call(project, ANYBODY, "cause", {"signature": signature}) for project in (one, other)]
    assert detail[0] == detail[1]
    wrong = [f for project in (one, other) for f in examine(project, full=True) if f.level == "wrong"]
    assert not wrong, wrong
    one.close()
    other.close()
