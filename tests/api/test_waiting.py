"""Who waits for the end of a processing holds nobody up."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from procession.api import waiting
from tests.api.served import Got, Served
from tests.waiting import eventually


@pytest.mark.feature("M102")
def test_many_wait_and_others_are_answered(served: Served) -> None:
    """B45: more than there are threads."""
    born = served.driven.born("echo")

    def wait(_: int) -> Got:
        return served.ask("GET", f"/api/v1/processings/{born}/wait?timeout=20")

    with ThreadPoolExecutor(24) as pool:
        answers = [pool.submit(wait, n) for n in range(24)]
        eventually(lambda: served.server.app.waiting.waiting == 24)
        assert served.ask("GET", "/api/v1/health").status == 200
        assert not any(answer.done() for answer in answers)
        served.driven.turn()
        served.driven.begin()
        served.driven.end(born)
        assert {(a.result().status, a.result().json["state"]) for a in answers} == {(200, "succeeded")}
    assert served.server.app.waiting.waiting == 0


def test_whoever_waits_is_answered_when_the_time_is_over(served: Served) -> None:
    born = served.driven.born("echo")
    got = served.ask("GET", f"/api/v1/processings/{born}/wait?timeout=0.2")
    assert (got.status, got.json["state"]) == (200, "waiting")
    assert served.ask("GET", "/api/v1/processings/987654321/wait").status == 404


def test_too_many_who_wait_are_told_to_come_later(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """B45."""
    monkeypatch.setattr(waiting, "MOST", 0)
    got = served.ask("GET", f"/api/v1/processings/{served.driven.born('echo')}/wait?timeout=0")
    assert (got.status, "retry-after" in got.headers) == (429, True)
