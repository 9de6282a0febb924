"""Submitting events: one birth, whole or not at all, on both databases (G1 to G4)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.event import listen

from procession.commands import events, processings, refusals
from procession.errors import Invalid, NotFound
from procession.model.event import MAX_DEPTH_OF_EVENTS
from procession.project import Project
from procession.store import events as store_events
from procession.store import journal, tasks
from procession.store import refusals as store_refusals
from procession.store.engines import sqlite_url
from tests.store.making import chain, dump, event, launcher_on, project_on

pytestmark = pytest.mark.feature("M36")


@pytest.fixture(params=["sqlite", "postgresql"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """Two tasks that take `e`, one of which needs a parameter, and one that takes `f`."""
    sqlite = request.param == "sqlite"
    url = sqlite_url(tmp_path / "x.db") if sqlite else request.getfixturevalue("tables_url")
    needing = chain("needing", "e", words=("/bin/echo", "--scene={scene}", "{given.date}", "{s0.path}"))
    opened = project_on(tmp_path, url, chain("plain", "e", steps=3), needing, chain("other", "f"))
    yield opened
    opened.close()


def scene(key: str | None = None, value: object = "LC08", **fields: object) -> object:
    return event(key=key, params={"scene": value}, **fields)


def rows(project: Project, query: str) -> list[tuple[object, ...]]:
    with project.store.read() as tx:
        return [tuple(row) for row in tx.connection.execute(text(query))]


@pytest.mark.feature("M35", "M9")
def test_an_event_begins_a_processing_of_every_task_that_takes_it(project: Project) -> None:
    """G4: with all its steps, and a line in the journal, and nothing of other tasks."""
    answer = events.submit(project, scene("k", title="a title", source="cli:ann", priority=7))
    assert not answer.duplicate
    assert not answer.conflict
    assert len(answer.processings) == 2
    found = {p.task: p for p in (processings.get(project, pid) for pid in answer.processings)}
    assert set(found) == {"plain", "needing"}
    plain = found["plain"]
    assert [(s.ordinal, s.name, str(s.state), s.attempt) for s in plain.steps] == [
        (1, "s1", "pending", 0), (2, "s2", "pending", 0), (3, "s3", "pending", 0),
    ]  # fmt: skip
    assert (plain.event_id, plain.key, plain.title, plain.params, plain.priority, str(plain.state)) == (
        answer.event_id, "k", "a title", {"scene": "LC08"}, 7, "waiting",
    )  # fmt: skip
    with project.store.read() as tx:
        for pid in answer.processings:
            assert [(e.verb, e.state, e.by) for e in journal.of(tx, pid)] == [("submit", "waiting", "cli:ann")]


def test_an_event_that_nobody_takes_is_stored_all_the_same(project: Project) -> None:
    """Its repeats are known as well."""
    answer = events.submit(project, event("nobody", key="k"))
    assert answer.processings == ()
    assert events.submit(project, event("nobody", key="k")).duplicate
    assert rows(project, "SELECT count(*) FROM processing") == [(0,)]


@pytest.mark.feature("M8", "M94")
def test_a_repeat_is_answered_with_the_first_and_changes_nothing(project: Project) -> None:
    """G2: the id of the first event and of what it began."""
    first = events.submit(project, scene("k"))
    before = dump(project.store)
    again = events.submit(project, scene("k"))
    assert (again.event_id, again.duplicate, again.conflict) == (first.event_id, True, False)
    assert sorted(again.processings) == sorted(first.processings)
    after = dump(project.store)
    assert {name for name in before if before[name] != after[name]} == {"event", "tally"}, (
        "only its repeats are counted"
    )
    assert rows(project, "SELECT repeats, conflicts FROM event") == [(1, 0)]


@pytest.mark.feature("M94")
def test_the_same_key_with_other_parameters_is_a_counted_conflict(project: Project) -> None:
    """G3: what was stored never changes."""
    first = events.submit(project, scene("k", "one"))
    for value in ("two", "three"):
        answer = events.submit(project, scene("k", value))
        assert (answer.event_id, answer.duplicate, answer.conflict) == (first.event_id, True, True)
    assert rows(project, "SELECT repeats, conflicts, params FROM event") == [(2, 2, '{"scene":"one"}')]


def test_events_without_a_key_are_never_the_same(project: Project) -> None:
    ids = {events.submit(project, scene()).event_id for _ in range(3)}
    assert len(ids) == 3
    assert rows(project, "SELECT count(*) FROM event_key") == [(0,)]


def test_the_same_key_of_another_name_is_another_event(project: Project) -> None:
    assert not events.submit(project, scene("k")).duplicate
    assert not events.submit(project, event("f", key="k")).duplicate


def test_keys_are_compared_within_a_batch_as_well(project: Project) -> None:
    """G2: answers in the order of the events; repeats and conflicts counted on the first."""
    events.submit(project, scene("old"))
    batch = [scene("a"), scene(), scene("a"), scene("old", "other"), scene("b"), scene("a", "other"), scene("old")]
    with project.store.begin() as tx:
        answers = events.submit_all(project, tx, batch)
    assert [(a.duplicate, a.conflict) for a in answers] == [
        (False, False), (False, False), (True, False), (True, True), (False, False), (True, True), (True, False),
    ]  # fmt: skip
    assert answers[2].event_id == answers[5].event_id == answers[0].event_id
    assert sorted(answers[5].processings) == sorted(answers[0].processings)
    assert answers[3].event_id == answers[6].event_id
    assert rows(project, "SELECT key, repeats, conflicts FROM event WHERE key IS NOT NULL ORDER BY key") == [
        ("a", 2, 1), ("b", 0, 0), ("old", 2, 1),
    ]  # fmt: skip
    assert rows(project, "SELECT count(*) FROM processing") == [(8,)]


@pytest.mark.parametrize(
    "params", [{}, {"scene": None}, {"scene": "x\0"}, {"Scene": "x"}], ids=["missing", "null", "nul", "case"]
)
def test_a_missing_parameter_refuses_the_whole_batch_and_nothing_is_written(
    project: Project, params: dict[str, object]
) -> None:
    """G4, B18: named with its task and its step, before anything is written."""
    from procession.model.event import NewEvent  # noqa: PLC0415

    before = dump(project.store)
    with pytest.raises(Invalid) as refused, project.store.begin() as tx:
        events.submit_all(project, tx, [scene("1"), event("f", key="2"), NewEvent("e", params, "3"), scene("4")])
    assert str(refused.value).startswith("task needing, step s1: ")
    assert dump(project.store) == before
    assert not events.submit(project, scene("1")).duplicate, "its key is free"


@pytest.mark.feature("N4", "M53")
def test_an_event_that_cannot_be_is_refused_counted_in_the_books_and_kept_as_it_came(project: Project) -> None:
    from procession.model.event import NewEvent  # noqa: PLC0415

    before = dump(project.store)
    for bad in (
        NewEvent("a b"),
        NewEvent("e", {"PATH": "x"}),
        NewEvent("e", {"scene": float("nan")}),
        NewEvent("e", key=""),
    ):
        with pytest.raises(Invalid):
            events.submit(project, bad)
    after = dump(project.store)
    assert {**after, "tally": [], "refusal": []} == before
    assert sorted({row[1:5] for row in after["tally"]}) == [
        ("event", "?", "received", 1),
        ("event", "?", "refused", 1),
        ("event", "e", "received", 3),
        ("event", "e", "refused", 3),
    ]
    kept = refusals.newest(project)
    assert [each.name for each in kept] == ["e", "e", "e", None]
    assert '"PATH": "x"' in kept[2].raw and "PATH" in kept[2].reason and kept[3].raw.startswith('{"event": "a b"')
    assert [each.id for each in refusals.newest(project, 2, kept[1].id)] == [kept[2].id, kept[3].id]


@pytest.mark.feature("M53")
def test_whatever_came_is_kept_as_plain_text_of_bounded_length_and_only_the_newest(project: Project) -> None:
    for raw in (b"\xff\0\xd8{", "\ud800\0", b"x" * 3_000_000, ""):
        refusals.note(project, "somebody\0", raw, "it is\0 nothing", "bad name")
    found = refusals.newest(project)
    assert [each.size for each in found] == [0, 3_000_000, 4, 4]
    assert all("\0" not in each.raw + each.source + each.reason for each in found)
    assert max(len(each.raw) for each in found) == refusals.MAX_RAW
    with project.store.begin() as tx:
        tx.reserve_ids("refusal", store_refusals.KEPT)
    refusals.note(project, "s", "the last", "no")
    assert [each.raw for each in refusals.newest(project)] == ["the last"]


def test_only_the_named_tasks_take_an_event_where_they_are_named(project: Project) -> None:
    """A timetable's task takes its event, whatever that is called; the others do not."""
    with project.store.begin() as tx:
        only = tuple((i, t) for i, t in tasks.current(tx).items() if t.name == "other")
        (answer,) = events.submit_all(project, tx, [event("whatever", key="k")], only=only)
        (nobody,) = events.submit_all(project, tx, [scene("l")], only=())
    assert [processings.get(project, pid).task for pid in answer.processings] == ["other"]
    assert nobody.processings == ()


@pytest.mark.feature("P25")
def test_one_task_alone_can_be_given_an_event_by_a_foreground_launcher(project: Project) -> None:
    with project.store.begin() as tx:
        launcher_id = launcher_on(tx, kind="run")
    answer = events.submit_for_task(project, "plain", scene(), launcher_id)
    (pid,) = answer.processings
    assert processings.get(project, pid).task == "plain"
    assert rows(project, "SELECT launcher_id FROM processing") == [(launcher_id,)]
    with pytest.raises(NotFound, match=r"no task 'nix'; the tasks are: needing, other, plain"):
        events.submit_for_task(project, "nix", scene(), launcher_id)


def test_the_definition_is_the_one_of_the_birth(project: Project) -> None:
    first = events.submit(project, event("f"))
    with project.store.begin() as tx:
        tasks.keep(tx, (chain("other", "f", steps=4),), 1)
    second = events.submit(project, event("f"))
    assert len(processings.get(project, first.processings[0]).steps) == 1
    assert len(processings.get(project, second.processings[0]).steps) == 4
    assert events.submit(project, scene()).processings == (), "removed tasks take nothing"


@pytest.mark.feature("M125")
def test_ten_thousand_events_are_one_transaction_of_a_few_statements(project: Project) -> None:
    """G31: the number of statements does not grow with the number of events."""
    counts = []
    assert project.settings.name  # read once in a process
    assert project.settings.sets == ()  # read once by whoever submits; not counted below
    for n in (10, 10_000):
        batch = [event("f", key=f"{n}-{k}", params={"n": k}) for k in range(n)]
        told: list[str] = []
        listen(project.store.engine, "before_cursor_execute", lambda *given, told=told: told.append(given[2]))
        with project.store.begin() as tx:
            answers = events.submit_all(project, tx, batch)
        counts.append(len(told))
        assert len({a.event_id for a in answers}) == len({a.processings for a in answers}) == n
    assert counts[0] == counts[1] <= 20
    assert rows(project, "SELECT count(*) FROM event") == rows(project, "SELECT count(*) FROM step") == [(10_010,)]
    with project.store.begin() as tx:
        answers = events.submit_all(project, tx, batch)
    assert all(a.duplicate for a in answers)


def test_no_events_are_no_work(project: Project) -> None:
    before = dump(project.store)
    with project.store.begin() as tx:
        assert events.submit_all(project, tx, []) == []
    assert dump(project.store) == before


def test_what_was_submitted_is_not_there_if_the_transaction_fails(project: Project) -> None:
    """G4."""
    before = dump(project.store)
    with pytest.raises(ZeroDivisionError), project.store.begin() as tx:
        events.submit_all(project, tx, [scene("k")])
        raise ZeroDivisionError
    assert dump(project.store) == before
    with project.store.read() as tx:
        assert store_events.known_keys(tx, [{"name": "e", "key": "k"}]) == {}


@pytest.mark.feature("M36")
def test_a_task_that_feeds_itself_is_stopped(project: Project) -> None:
    """B39: an event may lead to another one, and so on, but not for ever."""
    origin = None
    for depth in range(MAX_DEPTH_OF_EVENTS + 1):
        answer = events.submit(project, event("f", key=f"d{depth}", origin_id=origin))
        assert rows(project, f"SELECT depth FROM event WHERE id = {answer.event_id}") == [(depth,)]
        origin = answer.processings[0]
    before = dump(project.store)
    with pytest.raises(Invalid, match="feed itself"):
        events.submit(project, event("f", key="last", origin_id=origin))
    after = dump(project.store)
    assert {name for name in before if before[name] != after[name]} == {"refusal", "tally"}, "only the refusal is kept"
