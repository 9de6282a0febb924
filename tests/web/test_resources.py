"""Hosts, queues, locks, limits and the disk: what pages show of them, and what may be done there by whom."""

import json
from pathlib import Path
from urllib.parse import urlencode, urljoin

import pytest

from procession.commands import disk, locks, messages
from procession.commands.messages import Notice
from procession.store import launchers
from procession.verbs import Caller, call
from tests.api.served import Served, serving
from tests.web.visiting import Document, Seen, Visitor

TOML = """
[limits]
ftp = 4
"satellite:{sat}" = 2
[queues.night]
at_once = 2
[tasks.scene]
on = "scene"
run = "./one.sh"
uses = ["ftp"]
[tasks.radar]
on = "echo"
run = "./one.sh"
queue = "night"
"""
CALLER = Caller("tests", "http")
HOSTILE = '"><img src=x onerror=alert(1)>'


def prepare(served: Served) -> None:
    """Three scenes of which one holds a lock for which another waits; radars wait for a queue that nobody serves."""
    driven = served.driven
    ids = [driven.born("scene", tile=HOSTILE) for _ in range(3)]
    for _ in range(2):
        driven.born("echo")
    driven.turn(2)
    driven.begin()
    locks.acquire(served.project, (ids[0], 1, 1), ["account:hub"])
    locks.acquire(served.project, (ids[1], 1, 1), ["account:hub"], wait=True)


@pytest.fixture
def operator(served: Served) -> Visitor:
    return Visitor(served).log_in("operator")


def row(page: Document, start: str) -> str:
    """The text of the row that begins so."""
    found = [" ".join(e.text.split()) for e in page.all("tr")]
    return next(text for text in found if text.startswith(start))


def opened(visitor: Visitor, seen: Seen, ending: str, having: str = "") -> Seen:
    """The dialog that a link of the page opens."""
    links = [e["href"] for e in seen.page.all("a") if f"ask/{ending}" in e["href"] and having in e["href"]]
    return visitor.follow(visitor.ask("GET", urljoin(seen.url, links[0])))


@pytest.mark.feature("M107")
def test_a_queue_says_what_waits_since_when_and_its_limit_is_changed_and_taken_back(operator: Visitor) -> None:
    seen = operator.get("hosts")
    assert "test" in row(seen.page, "general")
    assert "0 of 2" in row(seen.page, "night 2")
    assert "nobody; nothing of it starts" in row(seen.page, "night")
    changed = operator.send(opened(operator, seen, "set", "queue%3Anight"), "do/set", value="3")
    assert changed.url.endswith("/hosts")
    assert "0 of 3 file: 2" in row(changed.page, "night")
    assert "0 of 2" in row(operator.send(changed, "do/reset").page, "night")
    wrong = operator.send(opened(operator, seen, "set", "queue%3Anight"), "do/set", value="many")
    assert wrong.status == 400 and "queue:night is a number" in wrong.page.text
    asked = operator.get("hosts", Accept="application/json")
    (night,) = [each for each in json.loads(asked.body)["queues"] if each["name"] == "night"]
    assert (night["waiting"], night["running"], night["at_once"], night["launchers"]) == (2, 0, 2, [])


@pytest.mark.feature("M32", "P27")
def test_a_queue_is_paused_with_a_reason_and_resumed_from_its_row(operator: Visitor) -> None:
    seen = operator.get("hosts")
    (link,) = [e["href"] for e in seen.page.all("a") if "ask/pause" in e["href"] and "night" in e["href"]]
    asked = operator.get(link)
    assert "Pause night" in asked.page.text
    done = operator.send(asked, "do/pause", reason="backup till six")
    assert "backup till six" in row(done.page, "night")
    assert [e for e in done.page.all("form") if e["action"].endswith("do/resume")]
    assert "Paused" not in row(operator.send(done, "do/resume").page, "night")


@pytest.mark.feature("M107", "M28")
def test_a_launcher_says_what_it_runs_and_is_drained_with_a_reason(served: Served, operator: Visitor) -> None:
    seen = operator.get("hosts")
    links = [e["href"] for e in seen.page.all("a") if "/s/" in e["href"]]
    assert len(links) == 3
    drained = operator.send(opened(operator, seen, "drain"), "do/drain", reason=HOSTILE)
    assert f"Draining {operator_name(served)}: {HOSTILE}" in row(drained.page, "test")
    assert "<img" not in drained.html
    banner = f"takes nothing new, as {operator_name(served)} asked: {HOSTILE}"
    assert banner in operator.get("help").page.banner, "nothing starts, and every page says so"
    assert not operator.send(operator.get("help"), "do/undrain").page.banner
    drained = operator.send(opened(operator, operator.get("hosts"), "drain"), "do/drain")
    assert "Serving" in row(operator.send(drained, "do/undrain").page, "test")
    host = operator.get(f"h/{served.driven.post.host}")
    assert host.page.text.count("Running") >= 3 and "4" in host.page.text
    assert operator.get("h/nothing").status == 404


def operator_name(served: Served) -> str:
    found = call(served.project, CALLER, "audit", {"verb": "drain", "limit": 1})
    return str(found["items"][0]["by"])


@pytest.mark.feature("M46", "M48")
def test_a_lock_is_released_by_its_name_and_the_next_that_waits_is_named(served: Served, operator: Visitor) -> None:
    seen = operator.get("locks")
    assert "exclusive 1 until it is released, at the latest to its end" in row(seen.page, "account:hub")
    asked = opened(operator, seen, "unlock")
    assert "1 is not told and runs on" in " ".join(asked.page.text.split()) and "Next is 2" in asked.page.text
    field = asked.page.one("input", name="name")
    assert field["value"] == "" and field["pattern"] == r"account\u{3a}hub"
    mistyped = operator.send(asked, "do/unlock", name="account:hum")
    assert mistyped.status == 404 and row(operator.get("locks").page, "account:hub")
    freed = operator.send(asked, "do/unlock", name="account:hub", reason="it hangs")
    assert freed.url.endswith("/locks") and "nobody; the next one takes it" in row(freed.page, "account:hub")
    locks.acquire(served.project, (1, 1, 1), ["account:hub"])


@pytest.mark.feature("M48")
def test_a_lock_that_a_lost_launcher_holds_is_released_without_typing(served: Served, operator: Visitor) -> None:
    project = served.project
    with project.store.begin() as tx:
        gone = launchers.add(tx, name="away", kind="up", host="away.lab", place="y" * 8, pid=9, boot="other",
                             at=project.now(), cpus=2)  # fmt: skip
        own = served.driven.post.launcher_id
        tx.connection.exec_driver_sql(f"UPDATE attempt SET launcher_id = {gone} WHERE processing_id = 3")
        messages.note(project, tx, [Notice("host", "away", "away is not heard of", signature="")])
    locks.acquire(project, (3, 1, 1), ["tape"])
    try:
        seen = operator.get("locks")
        assert "its launcher is gone" in row(seen.page, "tape")
        asked = opened(operator, seen, "unlock", "tape")
        assert asked.page.form("do/unlock")["name"] == "tape"
        assert not [e for e in operator.send(asked, "do/unlock").page.all("b") if e.text == "tape"]
        forget = [e for e in operator.get("hosts").page.all("a") if "ask/give-up" in e["href"]]
        assert len(forget) == 1
    finally:
        with project.store.begin() as tx:
            tx.connection.exec_driver_sql(f"UPDATE attempt SET launcher_id = {own} WHERE processing_id = 3")
            tx.connection.exec_driver_sql("DELETE FROM message WHERE kind = 'host'")
            tx.connection.exec_driver_sql(f"DELETE FROM launcher WHERE id = {gone}")


@pytest.mark.feature("M44")
def test_a_limit_says_who_has_how_much_and_is_raised(operator: Visitor) -> None:
    seen = operator.get("locks")
    assert "3 of 4" in row(seen.page, "ftp") and "2 of each" in row(seen.page, "satellite")
    asked = opened(operator, seen, "set", "limit%3Aftp")
    (field,) = [each for each in asked.page.all("input") if each["name"] == "value"]
    assert (field["type"], field["value"]) == ("", "4"), "it asks for the value, and begins with what holds"
    raised = operator.send(asked, "do/set", value="6")
    assert "3 of 6 file: 4" in row(raised.page, "ftp")
    assert "3 of 4" in row(operator.send(raised, "do/reset").page, "ftp")


@pytest.mark.feature("M75")
def test_the_disk_says_what_would_go_and_what_is_pinned(served: Served, operator: Visitor) -> None:
    disk.pin(served.project, [1], pinned=True)
    seen = operator.get("disk")
    assert "Nothing is pinned" not in seen.page.text and "scene" in row(seen.page, "1")
    assert "Nothing is pinned" in operator.send(seen, "do/unpin").page.text
    assert "Nothing would be deleted now" not in seen.page.text
    assert "Nothing would be deleted now" in operator.get("disk?dry=1").page.text
    assert "What has outlived its retention is being deleted" in operator.send(seen, "do/clean").page.text
    parts = [e for e in seen.page.all("i") if e["data-share"]]
    assert sum(float(e["data-share"]) for e in parts) == pytest.approx(100, abs=0.1)


def test_where_there_are_many_the_disk_says_of_which_it_tells(
    operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Of the newest" not in operator.get("disk").page.text
    monkeypatch.setattr("procession.commands.disk.WINDOW", 1)
    seen = operator.get("disk")
    assert "Of the newest" in seen.page.text and "procession disk" in seen.page.text


@pytest.mark.feature("P29")
@pytest.mark.check(39)
@pytest.mark.parametrize(
    ("path", "verb", "given"),
    [
        ("hosts", "drain", {"name": "test"}),
        ("hosts", "set", {"name": "queue:night", "value": "9"}),
        ("locks", "unlock", {"name": "account:hub"}),
        ("disk", "clean", {}),
        ("messages", "read", {"everything": "true"}),
    ],
)
def test_who_may_only_look_sees_every_button_disabled_and_a_form_made_by_hand_is_refused(
    viewer: Visitor, path: str, verb: str, given: dict[str, str]
) -> None:
    seen = viewer.get(path)
    assert seen.status == 200
    assert not [e for e in seen.page.all("a") if "/ask/" in e["href"]]
    assert not [e for e in seen.page.all("form") if "do/" in e["action"]]
    off = [e for e in seen.page.all("button") if "aria-disabled" in e.attributes]
    assert off and all("operators only – you are a viewer" in e["title"] for e in off)
    token = seen.page.all("input", name="csrf")[0]["value"]
    sent = viewer.ask("POST", f"/do/{verb}", urlencode({**given, "csrf": token}).encode())
    assert sent.status == 403 and "operator" in sent.page.text


def test_nobody_of_some_groups_alone_sees_what_concerns_all(served: Served) -> None:
    limited = Visitor(served).log_in("operator", groups=["optical"])
    for path in ("hosts", "locks", "disk", "messages"):
        assert limited.get(path).status == 403


def test_who_serves_is_shown_on_a_place_where_nobody_does(tmp_path: Path) -> None:
    with serving(tmp_path, TOML) as made:
        made.driven.leave()
        with made.project.store.begin() as tx:
            tx.connection.exec_driver_sql("DELETE FROM launcher")
        seen = Visitor(made).log_in("viewer").get("hosts")
        assert "Nobody serves this project." in seen.page.text and "procession up" in seen.page.text
