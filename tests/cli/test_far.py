"""``--url``: the commands, asked of a server elsewhere, say the same JSON as here; what is of this machine says so."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from procession import verbs
from procession.cli.far import ASK
from procession.cli.local import LOCAL
from procession.cli.main import COMMANDS, group
from procession.errors import HostError, Invalid, NotFound, QueueFull, Refused
from procession.project import Project
from procession.units import size
from tests.flow.driven import Driven
from tests.sdk.serving import TOKEN, Site, served

TOML = '[tasks.t]\non = "e"\nrun = "./one.sh"\ngroup = "g"\nretry = { attempts = 1 }\n[limits]\nftp = 2\n'
pytestmark = pytest.mark.feature("P27")


@pytest.fixture
def d(tmp_path: Path) -> Iterator[Driven]:
    found = Driven(tmp_path / "p", TOML)
    yield found
    found.close()


@pytest.fixture
def site(d: Driven, tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "token").write_text(TOKEN + "\n")
    project = Project.open(d.root)  # by the clock on the wall, as the command line
    with served(project) as found:
        yield found
    project.close()


def far(site: Site, *words: str, **options: Any) -> Result:
    token = site.project.root.parent / "token"
    return CliRunner().invoke(group, ["--url", site.url, "--token-file", str(token), *words], **options)


def here(site: Site, *words: str) -> Result:
    return CliRunner().invoke(group, ["--project", str(site.project.root), *words])


def told(result: Result) -> Any:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return json.loads(result.stdout)


def ageless(result: Result) -> Any:
    """An answer without the spans that grow while one looks."""
    return json.loads(re.sub(r"(it failed )[^:\"]* ago", r"\1some time ago", json.dumps(told(result))))


def failed(d: Driven) -> int:
    pid = d.born()
    d.turn()
    d.end(pid, 1)
    return pid


LOOKS = [
    ["list"], ["list", "--state", "failed", "--limit", "1"], ["list", "task:t", "-state:waiting"], ["show", "1"],
    ["why", "1"], ["changes", "1"], ["events"], ["event", "1"], ["sets"], ["messages"], ["messages", "--all"],
    ["tasks"], ["tasks", "t"], ["settings"], ["stats", "--days", "1"], ["books"], ["disk", "--preview"], ["status"],
]  # fmt: skip


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_who_looks_from_afar_sees_what_is_seen_here(d: Driven, site: Site, words: list[str]) -> None:
    failed(d)
    assert ageless(far(site, *words, "--json")) == ageless(here(site, *words, "--json"))
    as_text = far(site, *words)
    assert as_text.exit_code == 0, as_text.output
    assert as_text.output.strip()


def test_a_list_that_goes_on_prints_the_whole_command(d: Driven, site: Site) -> None:
    for number in range(3):
        d.born("e", n=number)
    listing = ["list", "task:t", "-state:failed", "--limit", "1"]
    for words in (listing, ["events", "--name", "e", "--no-timetables", "--limit", "1"]):
        seen, going = list[str](), [*words]
        while going:
            shown = far(site, *going).output
            seen.append(shown.split("\n")[1].split()[0])
            following = shlex.split(shown.partition("more: procession ")[2])
            assert following[:4] == ([] if len(seen) == 3 else ["--url", site.url, "--token-file", following[3]])
            going = following[4:]
            assert not going or set(words) <= set(going), "all that was asked for is asked for again"
        assert seen == ["3", "2", "1"]


def test_bytes_are_told_with_their_unit(site: Site) -> None:
    found = told(far(site, "disk", "--json"))
    shown = far(site, "disk").output
    assert str(found["free"]) not in shown and f"total        {size(found['total'])}" in shown


def test_doctor_and_disk_answer_from_afar(site: Site) -> None:
    assert {each["check"] for each in told(far(site, "doctor", "--json"))["checks"]}
    assert told(far(site, "disk", "--json"))["total"]
    assert told(far(site, "disk", "--clean", "--json"))["total"]
    assert "free" in far(site, "disk").output


def test_one_is_acted_on_and_answers_as_it_is_now(d: Driven, site: Site) -> None:
    pid = failed(d)
    assert told(far(site, "retry", str(pid), "one", "-m", "again", "--json"))["state"] == "waiting"
    assert "hold: processing 1 is waiting" in far(site, "hold", str(pid)).output
    assert told(far(site, "release", str(pid), "--json"))["held_at"] is None
    assert told(far(site, "cancel", str(pid), "--json"))["answer"] == "accepted"
    late = far(site, "cancel", str(pid))
    assert isinstance(late.exception, Refused)
    assert told(far(site, "restart", str(pid), "--priority", "4", "--fresh", "--json"))["priority"] == 4
    assert far(site, "pin", str(pid)).output == f"pinned: {pid}\n"
    assert far(site, "unpin", str(pid)).output == f"unpinned: {pid}\n"
    assert told(far(site, "delete", str(pid), "--json"))["done"]


def test_many_are_acted_on_when_somebody_says_so(d: Driven, site: Site) -> None:
    ids = [d.born() for _ in range(3)]
    assert isinstance(far(site, "cancel", "task:t").exception, Refused)
    assert isinstance(far(site, "cancel").exception, Refused)
    assert isinstance(far(site, "cancel", "task:t", "--dry-run").exception, Invalid)
    found = told(far(site, "cancel", "task:t", "-y", "--json"))
    assert ([each["id"] for each in found["done"]], found["refused"]) == (ids, [])
    mixed = far(site, "retry", str(ids[0]), "99", "-y")
    assert mixed.exit_code == Refused.exit_code
    assert "there is no processing 99" in mixed.output
    assert "1 done, 1 refused" in mixed.output


def test_what_people_submit_pause_and_set_holds_there(d: Driven, site: Site) -> None:
    assert told(far(site, "emit", "e", "n:=1", "--key", "k", "--json"))["processings"] == [1]
    assert "already known" in far(site, "emit", "e", "n:=1", "--key", "k").output
    assert told(far(site, "pause", "--group", "g", "--drain", "--json"))["value"] == "drain"
    assert far(site, "resume", "--group", "g").output == "group g goes on\n"
    assert far(site, "banner", "beam is down").output == "every page says: beam is down\n"
    assert far(site, "banner", "--clear").output == "the pages say nothing any more\n"
    assert "task t is paused (stop)" in far(site, "pause", "t").output
    held = told(far(site, "set", "limit", "ftp=1", "-m", "slow", "--json"))
    assert next(each["value"] for each in held["items"] if each["name"] == "limit:ftp") == 1
    assert far(site, "reset", "limit", "ftp").exit_code == 0
    assert far(site, "read", "--all").output == "0 messages read\n"


def test_a_log_is_shown_from_afar(d: Driven, site: Site) -> None:
    pid = failed(d)
    path = d.project.var.attempt(pid, 1, "one", 1) / "log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("one é\n" * 10)
    for words in (["logs", str(pid)], ["logs", str(pid), "one", "-f"]):
        assert far(site, *words).output == "one é\n" * 10
    d.project.var.log.write_text("a line\n")
    assert far(site, "logs", "--system").output == "a line\n"
    assert isinstance(far(site, "logs", str(pid), "-n", "1").exception, Invalid)


@pytest.mark.parametrize("name", sorted(LOCAL.keys() & {name for section in COMMANDS.values() for name in section}))
def test_what_is_of_this_machine_says_so(site: Site, name: str) -> None:
    found = far(site, name)
    assert found.exit_code == 2
    assert f"{name} works here, not over --url: {LOCAL[name]}" in " ".join(found.output.split())
    assert site.seen == []


@pytest.mark.skipif("claim" not in verbs.load(), reason="comes with the verbs of instances")
def test_work_is_submitted_claimed_and_done_from_afar(site: Site, tmp_path: Path) -> None:
    assert told(far(site, "register", "sum", "--timeout", "60", "--max-waiting", "1", "--json"))["task"] == "sum"
    born = told(far(site, "submit", "sum", "k", "--inputs", "[1, 2]", "--title", "Two", "--json"))
    assert isinstance(far(site, "submit", "sum", "other").exception, QueueFull)
    (work,) = told(far(site, "claim", "--worker", "w", "--limit", "3", "--json"))["items"]
    assert (work["key"], work["inputs"]) == ("k", [1, 2])
    assert told(far(site, "start", work["attempt"], "--json"))["wanted"] is None
    assert told(far(site, "heartbeat", work["attempt"], "--progress", "0.5", "--json"))["wanted"] is None
    assert told(far(site, "instance", "sum", "k", "--json"))["progress"]["share"] == 0.5
    (tmp_path / "picture").write_bytes(b"\x89PNG")
    far(site, "succeed", work["attempt"], "--file", str(tmp_path / "picture"), "--mime", "image/png")
    assert told(far(site, "result", "sum", "k", "--json")) == {"id": born["id"], "mime": "image/png", "size": 4}
    assert far(site, "wait", "sum", "k").stdout_bytes == b"\x89PNG"
    assert "succeed" in far(site, "instance", "sum", "k", "--journal").output
    assert [each["key"] for each in told(far(site, "instance", "sum", "--json"))["items"]] == ["k"]
    assert told(far(site, "instance", "sum", "k", "--delete", "--json"))["deleted"] == 1
    assert told(far(site, "unregister", "sum", "--json"))["deleted"] == 0
    assert far(site, "deliveries").output == "nothing\n"


def test_refusals_from_afar_have_their_exit_codes(site: Site) -> None:
    missing = far(site, "show", "9")
    assert isinstance(missing.exception, NotFound)
    assert "there is no processing 9" in str(missing.exception)
    away = CliRunner().invoke(group, ["--url", "http://127.0.0.1:1", "status"])
    assert isinstance(away.exception, HostError)


def test_a_server_is_found_in_the_environment_where_there_is_no_project(
    d: Driven, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"PROCESSION_URL": site.url, "PROCESSION_TOKEN_FILE": str(tmp_path / "token")}
    monkeypatch.delenv("PROCESSION_PROJECT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert told(CliRunner().invoke(group, ["status", "--json"], env=environment))["project"] == "p"
    assert len(site.seen) == 1
    monkeypatch.chdir(d.root)  # a project here comes first
    assert CliRunner().invoke(group, ["status"], env=environment).exit_code == 0
    assert len(site.seen) == 1


def test_a_token_without_an_address_is_a_mistake(site: Site) -> None:
    found = CliRunner().invoke(group, ["--token-file", "x", "status"])
    assert found.exit_code == 2
    assert "say which with --url" in found.output


def test_no_command_is_both_here_and_there() -> None:
    assert not ASK.keys() & LOCAL.keys()


@pytest.mark.feature("M63", "M57", "M67", "M101")
def test_variables_and_versions_are_the_same_here_and_elsewhere(d: Driven, site: Site) -> None:
    d.write(
        '[tasks.t]\non = "e"\nrun = "./one.sh"\nrun_by = "{run}"\ngroup = "g"\nvariables = { x = 1, live = false }\n'
    )
    d.crash()
    site.project.refresh() if hasattr(site.project, "refresh") else None
    made = told(far(site, "variables", "add", "t", "x=2", "live=yes", "--from", "5", "--json"))
    assert (made["standard_vars"], made["by"]) == ({"x": 2, "live": True}, "far")
    for words in (["variables", "list", "t"], ["variables", "show", "t"], ["variables", "preview", "t", "--run", "5"]):
        assert told(far(site, *words, "--json")) == told(here(site, *words, "--json"))
        assert far(site, *words).output == here(site, *words).output
    pid = d.born(run=5)
    d.turn()
    d.end(pid)
    second = told(far(site, "rerun", str(pid), "--set", "x=7", "--description", "again", "--json"))
    assert second["variables"]["standard_vars"] == {"x": 7, "live": True}
    for words in (["versions", str(pid)], ["diff", str(second["id"])]):
        assert told(far(site, *words, "--json")) == told(here(site, *words, "--json"))
    refused = far(site, "rerun", "--task", "t", "--runs", "5")
    assert isinstance(refused.exception, Refused)
    assert "is waiting" in str(refused.exception)
    wrong = here(site, "variables", "add", "t", "x=a", "--from", "9")
    assert isinstance(wrong.exception, Invalid)
    assert str(wrong.exception) == "variable x: must be a number, not 'a'"
    assert isinstance(far(site, "delete", str(pid), "--versions", "all").exception, Refused)
    assert "deleted: version 1" in far(site, "delete", str(pid), "--versions", "1", "--yes").output
    assert far(site, "rerun").exit_code == 2
