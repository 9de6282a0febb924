"""What pages say: durations, people, questions and what came of them, in words that are right and enough."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from procession import units
from tests.api.served import Served
from tests.web.visiting import Seen, Visitor

TOML = """
[tasks.scene]
on = "scene"
group = "optical"
steps = [
  "./one.sh",
  { name = "check", ask = "Is {sat} good?", fail_on = ["no"] },
  "./two.sh",
]
[tasks.radar]
on = "echo"
group = "sar"
run = "./one.sh"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("project"), TOML)
    try:
        yield made
    finally:
        made.close()


def row(seen: Seen, pid: int) -> list[str]:
    """The cells of a line of a list, as they read."""
    html = seen.html.partition(f'id="row-{pid}"')[2].partition("</tr>")[0]
    return [" ".join(cell.text.split()) for cell in Seen(200, {}, f"<tr {html}".encode(), "").page.all("td")]


@pytest.mark.feature("M105")
def test_what_took_less_than_a_second_is_not_nothing(served: Served, admin: Visitor) -> None:
    pid = served.driven.born("echo")
    served.driven.turn()
    served.driven.begin()
    served.driven.clock.advance(0.4)
    served.driven.end(pid)
    served.driven.turn()
    found = served.driven.get(pid)
    assert found.started_at and found.finished_at
    took = units.duration((found.finished_at - found.started_at).total_seconds())
    assert took.startswith("0.4")
    assert took in row(admin.get(f"p?query=id:{pid}"), pid)
    assert took in admin.get(f"p/{pid}").page.text
