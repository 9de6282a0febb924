"""What has ended is deleted: rows and directory; its event and its journal stay; on both databases."""

import os
from collections.abc import Callable

import pytest

from procession.commands import deletions, restarts
from procession.commands.restarts import Anew
from procession.errors import NotFound, Refused
from procession.trash import Trash
from procession.workdir import ENTERED, hold
from tests.commands.asking import ask, balanced
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

CHAIN = '[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh"]\n'
FAMILY = """
[tasks.parent]
on = "e"
run = "./one.sh"
[tasks.child]
on = "c"
run = "./two.sh"
[tasks.grandchild]
on = "g"
run = "./three.sh"
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(CHAIN)


def ended(d: Driven, code: int = 1, **given: object) -> int:
    pid = d.born(**given)
    d.turn()
    d.end(pid, code, left={"output": "a=1\n"} if not code else None)
    if not code:
        d.end(pid)
    return pid


@pytest.mark.feature("M96")
def test_rows_and_directory_are_gone_the_event_and_the_journal_stay(d: Driven) -> None:
    pid = ended(d, 0, key="k")
    other = ended(d)
    work = d.project.var.work(pid)
    assert work.is_dir()
    ask(d, deletions.delete_one, pid, reason="no longer wanted")
    with pytest.raises(NotFound):
        d.get(pid)
    for table in ("step", "attempt", "output"):
        assert not d.rows(f"SELECT * FROM {table} WHERE processing_id = {pid}")
    assert not work.exists()
    assert list(Trash(d.project.var.root).root.iterdir()) == []
    assert [row.key for row in d.rows("SELECT key FROM event ORDER BY id")] == ["k", None]
    line = d.rows(f"SELECT * FROM journal WHERE processing_id = {pid} ORDER BY id")[-1]
    assert (line.noun, line.verb, line.by, line.reason) == ("processing", "delete", "somebody", "no longer wanted")
    assert d.state(other) == "failed"
    assert balanced(d)


@pytest.mark.feature("M96")
def test_what_lives_is_pinned_or_has_somebody_in_it_is_not_deleted(d: Driven) -> None:
    pid = d.born()
    for match in ("it is waiting; cancel it first", "it is running; cancel it first"):
        with pytest.raises(Refused, match=match):
            ask(d, deletions.delete_one, pid)
        d.turn()
    d.end(pid, 1)
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE processing SET pinned_at = 1")
    with pytest.raises(Refused, match="unpin it first"):
        ask(d, deletions.delete_one, pid)
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE processing SET pinned_at = NULL")
    lock = hold(d.project.var.work(pid) / ENTERED)
    assert lock is not None
    with pytest.raises(Refused, match="somebody is in the directory"):
        ask(d, deletions.delete_one, pid)
    os.close(lock)
    assert balanced(d)
    ask(d, deletions.delete_one, pid)


@pytest.mark.feature("M96")
def test_deleted_and_emitted_again_the_same_event_is_processed_anew_at_once(d: Driven) -> None:
    pid = ended(d, key="k", x=2)
    event_id = d.get(pid).event_id
    new = ask(d, deletions.delete_one, pid, again=True).id
    found = d.get(new)
    assert (found.event_id, found.key, found.params, found.version, found.state) == (
        event_id,
        "k",
        {"x": 2},
        2,
        "waiting",
    )
    assert not found.backfill
    assert balanced(d)
    d.turn()
    d.end(new)
    d.end(new)
    assert d.state(new) == "succeeded"
    assert balanced(d)


def test_of_several_versions_any_can_be_deleted_and_the_books_balance(d: Driven) -> None:
    first = ended(d)
    versions = [first]
    for _ in range(3):
        versions.append(ask(d, restarts.restart_anew, versions[-1]).id)
        d.turn()
        d.end(versions[-1], 1)
    ask(d, deletions.delete_one, versions[1])
    assert d.get(versions[0]).replaced_by == versions[2]
    assert balanced(d)
    ask(d, deletions.delete_one, versions[3])
    assert d.get(versions[2]).replaced_by is None
    assert balanced(d)
    assert ask(d, restarts.restart_anew, versions[2]).id
    d.turn()
    d.end(versions[3] + 1, 1)
    for pid in (versions[0], versions[3] + 1, versions[2]):
        ask(d, deletions.delete_one, pid)
        assert balanced(d)
    assert not d.rows("SELECT id FROM processing")


@pytest.mark.feature("P26")
def test_whose_kept_scripts_another_version_runs_is_not_deleted_before_it(d: Driven) -> None:
    pid = ended(d)
    new = ask(d, restarts.restart_anew, pid, Anew(recorded=True)).id
    with pytest.raises(Refused, match=f"processing {new} runs its scripts"):
        ask(d, deletions.delete_one, pid)
    d.turn()
    d.end(new, 1)
    ask(d, deletions.delete_one, new)
    ask(d, deletions.delete_one, pid)
    assert balanced(d)


@pytest.mark.feature("M96")
def test_with_children_goes_all_that_came_of_it_or_nothing(drive: Drive) -> None:  # noqa: F811
    d = drive(FAMILY)
    top = d.born()
    d.turn()
    d.end(top, left={"events": '{"event": "c"}\n{"event": "c"}\n'})
    kids = [row.id for row in d.rows("SELECT id FROM processing WHERE task = 'child' ORDER BY id")]
    d.end(kids[0], left={"events": '{"event": "g"}\n'})
    grandchild = d.rows("SELECT id FROM processing WHERE task = 'grandchild'")[0].id
    d.end(grandchild, 1)
    with pytest.raises(Refused, match=f"processing {kids[1]} cannot be deleted: it is running"):
        ask(d, deletions.delete_one, top, children=True)
    assert len(d.rows("SELECT id FROM processing")) == 4
    d.end(kids[1], 1)
    ask(d, restarts.restart_anew, kids[1])
    d.turn()
    newest = max(row.id for row in d.rows("SELECT id FROM processing"))
    d.end(newest, 1)
    assert "with 4 processings" in ask(d, deletions.delete_one, top, children=True).text
    assert not d.rows("SELECT id FROM processing")
    assert balanced(d)


def test_the_directory_is_removed_whatever_scripts_left_in_it_and_no_link_is_followed(d: Driven) -> None:
    pid = ended(d)
    files = d.project.var.files(pid)
    outside = d.root / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (files / "link").symlink_to(outside)
    (files / "closed/deep").mkdir(parents=True)
    (files / "closed/deep/file").write_text("x")
    (files / "closed/deep").chmod(0o500)
    (files / "closed").chmod(0)
    ask(d, deletions.delete_one, pid)
    assert not d.project.var.work(pid).exists()
    assert list(Trash(d.project.var.root).root.iterdir()) == []
    assert (outside / "kept").read_text() == "x"


@pytest.mark.feature("M96", "N3")
def test_a_tree_of_any_depth_goes_and_what_cannot_be_moved_away_stops_nobody(
    d: Driven, caplog: pytest.LogCaptureFixture
) -> None:
    pid, stays = ended(d), ended(d)
    here = os.open(d.project.var.files(pid), os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    ask(d, deletions.delete_one, pid)
    trash = Trash(d.project.var.root).root
    assert os.listdir(trash) == []
    trash.rmdir()
    trash.touch()
    ask(d, deletions.delete_one, stays)
    with pytest.raises(NotFound):
        d.get(stays)
    assert f"work/{stays} cannot be removed" in caplog.text
