"""What single commands answer: one line that is true, and says what to do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from procession import Client
from procession.cli.main import group
from procession.cli.serving import told_left
from procession.errors import Invalid, NotFound, Refused
from tests.flow.driven import Driven

TOML = '[tasks.t]\non = "e"\nrun = "./one.sh"\n[limits]\nftp = 1\n'


@pytest.fixture
def d(tmp_path: Path) -> Iterator[Driven]:
    found = Driven(tmp_path / "p", TOML)
    yield found
    found.close()


def ask(d: Driven, *words: str) -> Result:
    return CliRunner().invoke(group, ["--project", str(d.root), *words])


@pytest.mark.feature("P21")
def test_a_launcher_of_another_place_is_refused_where_the_database_is_a_file(d: Driven) -> None:
    d.leave()
    found = ask(d, "launcher", "--queue", "heavy", "--var", str(d.root / "var-h"))
    assert isinstance(found.exception, Refused)
    assert "several launchers of one project need PostgreSQL: [project] database" in str(found.exception)
    assert not (d.root / "var-h").exists()


@pytest.mark.feature("P21")
def test_launchers_shows_the_queues_and_processors_that_hold(d: Driven) -> None:
    from procession.launcher.presence import say_capacity  # noqa: PLC0415

    path = d.root / "procession.toml"
    path.write_text(path.read_text().replace("cpus = 4", 'cpus = 3\nqueues = ["night"]'))
    d.project.refresh()
    say_capacity(d.project, d.project.settings)
    (one,) = json.loads(ask(d, "launchers", "--json").stdout)["items"]
    assert (one["queues"], one["cpus"]) == (["night"], 3)


@pytest.mark.feature("M24")
def test_what_is_left_behind_is_told_in_the_right_number() -> None:
    assert told_left(0, 0) == ""
    assert told_left(1, 2) == "; 1 script runs on; 2 functions were ended and are tried again"
    assert told_left(2, 1) == "; 2 scripts run on; 1 function was ended and is tried again"


def text(found: Result) -> str:
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.mark.parametrize(("words", "said"), [
    ("events", "no such events"), ("token list", "no tokens; make one: procession token add NAME"),
    ("user list", "no users; make one: procession user add NAME"), ("instance t", "no such instances"),
    ("deliveries", "no such deliveries"), ("batches", "no batches"), ("arrivals", "nothing came in these hours"),
    ("durations t", "no step of it has ended in these days"), ("grid t", "no such processings"),
    ("gallery t", "none of the newest processings has an artifact"), ("audit", "nobody asked for anything like that"),
    ("stats", "t: the last 7 days\nnothing came and nothing ended"),
])  # fmt: skip
def test_an_empty_list_says_so_instead_of_a_head_without_rows(d: Driven, words: str, said: str) -> None:
    assert text(ask(d, *words.split())).strip() == said


@pytest.mark.feature("M31")
def test_what_was_set_is_one_line(d: Driven) -> None:
    assert text(ask(d, "set", "limit", "ftp=2")) == "limit:ftp: 1 → 2\n"
    assert text(ask(d, "reset", "limit", "ftp")) == "limit:ftp: 2 → 1\n"


def test_the_log_of_what_is_no_number_is_one_line_of_usage(d: Driven) -> None:
    found = ask(d, "logs", "nosuch")
    assert isinstance(found.exception, Invalid)
    assert "no id of a processing" in str(found.exception)


def test_the_log_of_an_instance_is_found_by_its_task_and_key(d: Driven) -> None:
    assert ask(d, "submit", "t", "a").exit_code == 0
    found = ask(d, "logs", "t", "a")
    assert "has not begun" in str(found.exception)  # of the right processing
    assert isinstance(ask(d, "logs", "t", "b").exception, NotFound)


def test_check_says_what_functions_and_outside_tasks_are(d: Driven) -> None:
    (d.root / "handlers.py").write_text("def work(inputs): pass\n")
    (d.root / "procession.toml").write_text('[tasks.f]\nfunction = "handlers.work"\n[tasks.o]\noutside = true\n')
    said = text(ask(d, "check"))
    assert "f: submitted by name\n  1. work: handlers.work\n" in said
    assert "outside worker" in said


def test_a_key_that_stands_in_retry_is_shown_there(d: Driven) -> None:
    (d.root / "procession.toml").write_text(TOML.replace('"e"', '"e"\nattempts = 3'))
    assert "retry = { attempts = … }" in str(getattr(ask(d, "check").exception, "problems", ""))


def test_an_audit_of_no_verb_says_so(d: Driven) -> None:
    assert "unknown verb 'retyr'; did you mean retry?" in str(ask(d, "audit", "--verb", "retyr").exception)


def test_a_handler_that_cannot_be_found_is_registered_with_a_warning(d: Driven) -> None:
    assert "no module nowhere is found" in ask(d, "register", "x", "nowhere.f").stderr
    (d.root / "there.py").touch()
    assert ask(d, "register", "y", "there.f").stderr == ""


@pytest.mark.parametrize("priority", ["x", True, 1.5])
def test_a_priority_that_is_no_number_is_invalid(d: Driven, priority: Any) -> None:
    with Client(str(d.root)) as client, pytest.raises(Invalid, match="whole number"):
        client.submit("t", "a", priority=priority)


def test_a_client_claims_from_queues_by_either_name_and_hears_how_it_was_over(d: Driven) -> None:
    (d.root / "procession.toml").write_text('[tasks.o]\noutside = true\nqueue = "q"\n')
    d.project.refresh()
    with Client(str(d.root)) as client:
        client.submit("o", "a")
        (one,) = client.claim(queues="q")
        one.start()
        one.succeed()
        with pytest.raises(Refused, match="told before that it succeeded"):
            one.start()
        client.submit("o", "b")
        assert [each.key for each in client.claim(queues=["q"])] == ["b"]


def test_queues_and_the_overview_are_told_in_words(d: Driven) -> None:
    d.submit("e")
    assert ask(d, "pause", "--queue", "general", "-m", "disk is being changed").exit_code == 0
    told, overview = ask(d, "queues").stdout, ask(d, "overview").stdout
    assert "paused by " in told and ": disk is being changed" in told
    assert not {*"[]{}"} & set(told) and not re.search(r"\d+T\d\d:", told + overview)
    assert re.search(r"general +1 +\d[-0-9: ]+Z +0 +– +– +test +paused", told)
    assert re.search(r"since \d[-0-9: ]+Z: 0 succ", overview)
