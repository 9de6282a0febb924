"""Lists by the end and by the duration: the same rows in another order, page after page, each of them once."""

# ruff: noqa: F811  the fixture of both databases

import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from procession.cli.main import group
from procession.errors import Invalid
from procession.store import search
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.verbs.calling import ask

Drive = Callable[..., Driven]

pytestmark = pytest.mark.feature("M105")
TOML = '[tasks.a]\non = "a"\nrun = "./one.sh"\n[tasks.b]\non = "b"\nrun = "./one.sh"\nretry = { attempts = 1 }\n'
HOUR = 3_600_000_000


@pytest.fixture
def d(drive: Drive) -> Iterator[Driven]:
    """Forty that ended, of two tasks, in another order than they began, four at every moment; and two that wait."""
    found = drive(TOML)
    for n in range(40):
        found.born("a" if n % 3 else "b")
    start = found.project.now() - 4 * HOUR
    with found.project.store.begin() as tx:
        for pid in range(1, 41):
            end, took = start + (pid * 7 % 10) * 60_000_000, (pid * 13 % 40) * 1_000_000
            tx.connection.exec_driver_sql(
                f"UPDATE processing SET state = 'succeeded', finished_at = {end}, started_at = {end - took},"
                f" created_at = {end - took - 1000} WHERE id = {pid}"
            )
    found.born("a")
    found.born("b")
    yield found
    with found.project.store.begin() as tx:  # as it was, so that all agrees in the end
        tx.connection.exec_driver_sql("UPDATE processing SET state = 'waiting', finished_at = NULL, started_at = NULL")


def every(d: Driven, limit: int, **asked: Any) -> list[dict[str, Any]]:
    """All pages."""
    found, cursor = list[dict[str, Any]](), None
    for _ in range(200):
        page = ask(d, "list", limit=limit, why=False, **asked, **({} if cursor is None else {"cursor": cursor}))
        assert len(page["items"]) <= limit
        found += page["items"]
        if (cursor := page["next"]) is None:
            return found
    raise AssertionError("it goes on for ever")


def by_end(items: list[dict[str, Any]]) -> list[int]:
    return [each["id"] for each in sorted(items, key=lambda e: (e["finished_at"], e["id"]), reverse=True)]


@pytest.mark.parametrize("looked", [10_000, 12])
@pytest.mark.parametrize("query", ["", "task:a", "task:b state:succeeded", "-task:a", "task:a*", "ended-after:-1d"])
def test_what_ended_last_is_first_and_the_pages_hold_all_once(
    d: Driven, monkeypatch: pytest.MonkeyPatch, looked: int, query: str
) -> None:
    """Also where one call may look at a few rows alone: then pages are short."""
    monkeypatch.setattr(search, "LOOKED", looked)
    items = [each for each in every(d, 100, query=query) if each["finished_at"]]
    found = [each["id"] for each in every(d, 7, query=query, sort="ended")]
    assert found == by_end(items)
    assert len(found) == len(set(found)) > 10


def test_what_took_longest_is_first_within_a_range_of_time(d: Driven) -> None:
    found = [each["id"] for each in every(d, 7, query="after:-1d", sort="duration")]
    assert found == sorted(range(1, 41), key=lambda pid: (pid * 13 % 40, pid), reverse=True)
    with pytest.raises(Invalid, match="within a range of time"):
        ask(d, "list", sort="duration")
    with pytest.raises(Invalid, match="within a range of time"):
        ask(d, "list", sort="duration", query="-after:-1d")


def test_a_range_that_is_too_large_for_durations_says_so(d: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LOOKED", 20)
    with pytest.raises(Invalid, match="make it shorter"):
        ask(d, "list", sort="duration", query="after:-1d")


@pytest.mark.parametrize("sort", ["ended", "duration", "id"])
@pytest.mark.parametrize("cursor", ["", "x", "1.", "1.2.3", "1.-2", f"{10**19}.1", "1 OR 1=1", 0])
def test_a_cursor_that_is_none_is_refused(d: Driven, sort: str, cursor: object) -> None:
    if cursor == "":
        cursor = "."
    with pytest.raises(Invalid, match="cursor"):
        ask(d, "list", sort=sort, query="after:-1d", cursor=cursor)


def test_orders_that_there_are_not_are_refused(d: Driven) -> None:
    with pytest.raises(Invalid):
        ask(d, "list", sort="task")
    assert every(d, 5, query="key:nothing", sort="ended") == []


@pytest.mark.feature("P27")
def test_the_command_line_sorts_and_goes_on(tmp_path: object) -> None:
    d = Driven(tmp_path / "p", TOML)  # type: ignore[operator]
    try:
        for seconds in (5, 1, 9):
            pid = d.born("a")
            d.turn()
            d.executor.begin(d.key(pid))
            d.clock.advance(seconds)
            d.end(pid)

        def say(*words: str) -> tuple[int, str]:
            done = CliRunner().invoke(group, ["--project", str(d.root), "list", *words])
            return done.exit_code, done.output

        code, shown = say("after:2000-01-01", "--sort", "duration", "--limit", "1")
        assert (code, shown.split("\n")[1].split()[0]) == (0, "3")
        assert "took" in shown.split("\n")[0]
        assert "9 s" in shown.split("\n")[1]
        for expected in ("1", "2"):  # the command that is printed is whole: it goes on as it stands
            words = shlex.split(shown.split("more: procession ")[1])
            assert words[:3] == ["--project", str(d.root), "list"]
            code, shown = say(*words[3:])
            assert (code, shown.split("\n")[1].split()[0]) == (0, expected)
        assert "more:" not in shown
        assert "--limit 2 --before 2 -- -state:failed 'task:a*'" in say("-state:failed", "task:a*", "--limit", "2")[1]
        assert say("--before", "x")[0] == 2
        assert say("--sort", "task")[0] == 2
    finally:
        d.close()
