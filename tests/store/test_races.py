"""Many real processes at once: nothing twice, nothing beyond a limit, nothing half (G2, G4, G8, G24)."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from procession.commands import events
from procession.model.states import State
from procession.project import Project
from procession.store import events as store_events
from procession.store import of_tasks, processings
from tests.apart import APART
from tests.store import workers
from tests.store.making import chain, dump, event, project_on


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Iterator[Project]:
    """A project with one short task."""
    opened = project_on(tmp_path, database_url, chain(steps=2, at_once=3))
    yield opened
    opened.close()


def together(*roles: tuple[Callable[..., None], tuple[object, ...]]) -> list[object]:
    """Run each of these in a process of its own, all beginning together; return their answers, by role."""
    with APART.Manager() as manager:
        barrier = manager.Barrier(len(roles))
        answers = [manager.Queue() for _ in roles]
        processes = [
            APART.Process(target=target, args=(barrier, answers[k], k, *args)) for k, (target, args) in enumerate(roles)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0] * len(roles)
        return [answer.get(timeout=1) for answer in answers]


@pytest.mark.feature("M36", "M94")
def test_the_same_keys_from_many_processes_make_one_event_each(project: Project, tmp_path: Path) -> None:
    """G2, F7: the answer to a repeat is the first one's id; every repeat is counted."""
    n, keys = 4, 200
    url = project.store.url
    told = together(*[(workers.submit, (url, str(tmp_path), keys))] * n)
    answers: list[tuple[str, int, bool]] = [answer for each in told for answer in each]  # type: ignore[attr-defined]
    assert len(answers) == n * keys
    ids = {key: event_id for key, event_id, duplicate in answers if not duplicate}
    assert len(ids) == keys
    assert Counter(duplicate for _, _, duplicate in answers) == {False: keys, True: (n - 1) * keys}
    assert all(ids[key] == event_id for key, event_id, _ in answers)
    with project.store.read() as tx:
        rows = tx.connection.execute(text("SELECT id, key, repeats, conflicts FROM event ORDER BY id")).fetchall()
        assert {row.key: row.id for row in rows} == ids
        assert {(row.repeats, row.conflicts) for row in rows} == {(n - 1, 0)}
        assert of_tasks.counts(tx) == {"t": {"waiting": keys}}
        assert tx.connection.execute(text("SELECT count(*) FROM step")).scalar_one() == 2 * keys
        known = store_events.known_keys(tx, [{"name": "e", "key": key} for key in ids])
        assert {key: event_id for (_, key), (event_id, _) in known.items()} == ids


@pytest.mark.feature("M12", "M38", "P17")
def test_many_launchers_claim_nothing_twice_and_never_too_much(project: Project, tmp_path: Path) -> None:
    """G8, G24, I15: nothing ends here, so what was ever claimed is live at the end, and was at every moment before."""
    url = project.store.url
    with project.store.begin() as tx:
        events.submit_all(project, tx, [event(key=str(n)) for n in range(40)])
    wide = project_on(tmp_path / "w", url, chain(steps=2, at_once=3), chain("wide", "w"))
    with wide.store.begin() as tx:
        events.submit_all(wide, tx, [event("w", key=str(n)) for n in range(40)])
    wide.close()
    hosts = ("a", "a", "b", "b")  # two of them share a host, and its processors
    told = together(*[(workers.claim, (url, str(tmp_path), host, 5.0, 8)) for host in hosts])
    keys = [key for given, _ in told for key in given]  # type: ignore[misc]
    assert [troubles for _, troubles in told] == [[]] * 4  # type: ignore[misc]
    assert len(keys) == len(set(keys)), "nobody was given what another one had"
    with project.store.read() as tx:
        rows = tx.connection.execute(
            text(
                "SELECT a.processing_id, a.ordinal, a.number, a.cpus, l.host FROM attempt a"
                " JOIN launcher l ON l.id = a.launcher_id"
            )
        ).fetchall()
        assert len(rows) == len(keys)
        assert len({(row.processing_id, row.ordinal) for row in rows}) == len(rows), "one live attempt for each step"
        assert {row.number for row in rows} == {1}
        taken = Counter[str]()
        for row in rows:
            taken[row.host] += row.cpus
        assert taken == {"a": 5.0, "b": 5.0}, "full, and not more than full"
        assert of_tasks.running_by_task(tx) == {"t": 3, "wide": 7}
        claims = tx.connection.execute(text("SELECT count(*) FROM journal WHERE verb = 'claim'")).scalar_one()
        assert claims == len(rows)


@pytest.mark.feature("M90", "M91")
def test_a_cancel_and_a_claim_at_the_same_moment_never_both_win(project: Project, tmp_path: Path) -> None:
    """G18, F46, I4: either it is cancelled and nothing of it was claimed, or it is claimed and the wish is there."""
    url = project.store.url
    free = project_on(tmp_path / "f", url, chain(steps=2))
    with free.store.begin() as tx:
        answers = events.submit_all(free, tx, [event(key=str(n)) for n in range(60)])
    free.close()
    ids = [pid for answer in answers for pid in answer.processings]
    told = together(
        (workers.claim, (url, str(tmp_path), "a", 10.0, 12)),
        (workers.claim, (url, str(tmp_path), "b", 10.0, 12)),
        (workers.cancel, (url, str(tmp_path), ids)),
        (workers.cancel, (url, str(tmp_path), list(reversed(ids)))),
    )
    said: dict[int, list[tuple[bool | None, str]]] = {}
    for each in told[2:]:
        for pid, accepted, state in each:  # type: ignore[attr-defined]
            said.setdefault(pid, []).append((accepted, state))
    assert all(accepted is not None for answers in said.values() for accepted, _ in answers), said
    sent = {int(key.split("-")[1]) for given, _ in told[:2] for key in given}  # type: ignore[misc]
    with project.store.read() as tx:
        standing = processings.standings(tx, ids)
        attempts = {row[0] for row in tx.connection.execute(text("SELECT processing_id FROM attempt"))}
        running = {
            row[0] for row in tx.connection.execute(text("SELECT processing_id FROM step WHERE state = 'running'"))
        }
    assert attempts == running == sent, "what was claimed was sent, and only that"
    for pid in ids:
        if pid in attempts:
            assert standing[pid].state is State.RUNNING
            assert standing[pid].cancel_asked, "the wish is there for the flow"
        else:
            assert standing[pid].state is State.CANCELLED
    assert len(attempts) <= 20


@pytest.mark.feature("M36", "M92")
def test_a_process_killed_in_the_middle_of_a_transaction_leaves_nothing_half(project: Project, tmp_path: Path) -> None:
    """G4, F1, I3: killed -9 after events were born and claimed, before the commit."""
    url = project.store.url
    ready = APART.Queue()
    before = dump(project.store)
    killed = APART.Process(target=workers.die_in_a_transaction, args=(url, str(tmp_path), ready))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    after = dump(project.store)
    assert {name for name in before if before[name] != after[name]} <= {
        "launcher",
        "installation",
        "definition",
        "task",
    }
    assert after["event"] == after["step"] == after["attempt"] == after["journal"] == []
    with project.store.begin() as tx:
        answers = events.submit_all(project, tx, [event(key=str(n)) for n in range(50)])
    assert not any(answer.duplicate for answer in answers), "the keys are free"
