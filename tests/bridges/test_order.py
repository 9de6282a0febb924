"""What goes out goes in order for each processing, and no oftener than it has to (G36, I22)."""

from pathlib import Path

import pytest

from procession.bridges import sender
from procession.bridges.sender import Sender
from procession.commands import bridges as commands
from procession.commands import messages
from procession.errors import StoreBusy
from procession.store import bridges as rows
from procession.store.database import Tx
from tests.bridges.bridged import Bridged
from tests.bridges.hostile import Hostile, Session
from tests.bridges.test_ending import written
from tests.waiting import eventually

pytestmark = pytest.mark.feature("M52", "N14", "P9")


def test_of_a_processing_nothing_is_sent_before_what_stands_before_it_is_confirmed(tmp_path: Path) -> None:
    """The broker might refuse the first and take the second."""
    d = Bridged(tmp_path / "p", "stomp://127.0.0.1:1")
    written(d, 1, 1, 2, 1, 2)
    sending = Sender(d.project, d.project.settings.bridges[0])
    found = sending._next()
    assert [each.processing_id for each in found] == [1, 2]
    with d.project.store.begin() as tx:
        rows.refused(tx, found[0].id, "not this one", d.project.now() + 10**9)
        rows.sent(tx, [found[1].id])
    assert [(each.processing_id, each.id) for each in sending._next()] == [(2, 5)]
    d.close()


def test_however_many_wait_for_another_try_others_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "READ", 10)
    d = Bridged(tmp_path / "p", "stomp://127.0.0.1:1")
    written(d, *range(1, 30))
    with d.project.store.begin() as tx:
        for number in range(1, 26):
            rows.refused(tx, number, "not this one", d.project.now() + 10**9)
    sending = Sender(d.project, d.project.settings.bridges[0])
    assert [each.processing_id for each in sending._next()] == [26, 27, 28, 29]
    d.close()


def test_what_was_confirmed_is_not_sent_again_where_that_could_not_be_written_down_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, busy = rows.sent, [True]

    def sent(tx: Tx, ids: list[int]) -> int:
        if busy:
            busy.clear()
            raise StoreBusy("somebody else holds the database")
        return real(tx, ids)

    def behave(session: Session) -> None:
        session.confirms = True

    monkeypatch.setattr(rows, "sent", sent)
    with Hostile(behave) as broker:
        d = Bridged(tmp_path / "p", broker.url)
        written(d, 1, 2, 3, to=lambda place: f"/queue/{place}")
        d.bridges.start()
        eventually(lambda: d.count("outbox") == 0)
        assert [to for session in broker.sessions for to in session.sent] == ["/queue/0", "/queue/1", "/queue/2"]
        d.close()


def test_that_a_message_was_given_up_is_told_until_somebody_publishes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker breaks the connection over it, and is connected again at once: that mends nothing."""
    monkeypatch.setattr(sender, "next_try", lambda *_: None)

    def behave(session: Session) -> None:
        session.confirms = len(broker.sessions) > 1
        if not session.confirms:
            eventually(lambda: session.sent)
            session.send(b"ERROR\nmessage:not this one\n\n\0")

    with Hostile(behave) as broker:
        d = Bridged(tmp_path / "p", broker.url)
        toml = d.root / "procession.toml"
        reading = ("subscribe", "event", "key =", "one_at", "cancel_when")
        toml.write_text("".join(each for each in toml.read_text().splitlines(True) if not each.startswith(reading)))
        d.project.refresh()
        written(d, 1)
        d.again()
        eventually(lambda: commands.list_all(d.project)[0].given_up)
        eventually(lambda: len(broker.sessions) > 1 and commands.list_all(d.project)[0].state == "connected")
        (told,) = messages.newest(d.project)
        assert "given up: the broker tells of an error: not this one" in told.text
        assert commands.republish(d.project, "isis") == 1
        assert messages.newest(d.project) == []
        eventually(lambda: d.count("outbox") == 0)
        d.close()
