"""The line before one SQLite file: first come, first served (G1); whoever waits too long leaves it."""

from __future__ import annotations

import threading

import pytest

from procession.errors import StoreBusy
from procession.store import dialect
from procession.store.database import Store
from procession.store.turnstile import Turnstile, turnstile
from tests.waiting import eventually


def test_threads_are_let_in_in_the_order_in_which_they_came() -> None:
    line, order, threads = Turnstile(), [], []
    assert line.enter(1)

    def pass_through(n: int) -> None:
        assert line.enter(30)
        order.append(n)
        line.leave()

    for n in range(5):
        threads.append(threading.Thread(target=pass_through, args=(n,)))
        threads[-1].start()
        eventually(lambda n=n: len(line._line) == n + 1)
    line.leave()
    for thread in threads:
        thread.join(30)
    assert order == [0, 1, 2, 3, 4]


def test_who_leaves_and_comes_back_stands_behind_those_who_wait() -> None:
    line, inside = Turnstile(), threading.Event()
    assert line.enter(1)
    thread = threading.Thread(target=lambda: line.enter(30) and inside.set())
    thread.start()
    eventually(lambda: len(line._line) == 1)
    line.leave()
    assert not line.enter(0.01)
    assert inside.wait(30)
    thread.join(30)
    line.leave()
    assert line.enter(0)


def test_two_stores_of_one_file_stand_in_one_line_and_a_change_that_waits_too_long_is_refused(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    one, other = Store(url), Store(url)
    monkeypatch.setattr(dialect, "BUSY_SECONDS", 0.01)
    with one.begin():
        assert turnstile(url)._inside
        with pytest.raises(StoreBusy, match="nothing was changed"), other.begin():
            pass
    with other.begin():
        pass
    assert not turnstile(url)._inside
    one.close()
    other.close()
