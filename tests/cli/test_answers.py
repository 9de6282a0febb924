"""What single commands answer: one line that is true, and says what to do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from procession.cli.main import group
from procession.errors import Refused
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
