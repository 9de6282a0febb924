"""What there is to run with: queues, limits, hosts, the installation, on both databases and on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from procession import __version__
from procession.cli.main import group
from procession.commands import about, resources
from procession.errors import NotFound
from procession.store import schema, serving
from tests.flow.driven import HOST, Driven

TOML = """
[limits]
ftp = 4
"sat:{sat}" = 2
[queues.night]
at_once = 1
[tasks.scene]
on = "scene"
steps = ["./one.sh", "./two.sh"]
uses = ["ftp"]
[tasks.dark]
on = "dark"
run = "./one.sh"
queue = "night"
uses = ["sat:{sat}"]
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def d(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driven]:
    url = request.getfixturevalue("tables_url") if request.param == "postgresql" else None
    found = Driven(tmp_path / "p", TOML, database=url, launcher='queues = ["general", "night"]')
    yield found
    found.close()


@pytest.mark.feature("M107", "P17")
def test_queues_limits_and_hosts_are_what_stands_in_the_rows(d: Driven) -> None:
    scenes = [d.born("scene") for _ in range(6)]
    darks = [d.born("dark", sat="L8") for _ in range(3)]
    d.turn(2)
    d.begin()
    d.end(scenes[0], 0)
    d.clock.advance(60)
    found = {each.name: each for each in resources.queues(d.project)}
    assert list(found) == ["general", "night"]
    general, night = found["general"], found["night"]
    running = len(resources.host(d.project, HOST).running)
    assert general.running + night.running == running
    assert general.waiting + night.waiting == len(scenes) + len(darks) - running
    assert (night.at_once, night.file, general.at_once) == (1, 1, None)
    assert general.oldest is not None and general.oldest < d.clock.now()
    limits = {each.name: each for each in resources.limits(d.project)}
    ftp = limits["ftp"]
    assert (ftp.there, ftp.file, ftp.taken) == (4, 4, sum(amount for _, amount in ftp.users))
    assert {pid for pid, _ in ftp.users} <= set(scenes) and ftp.taken > 0
    assert ("sat:L8" in limits) == any(d.state(pid) == "running" for pid in darks)


@pytest.mark.feature("M107")
def test_a_host_says_what_runs_there_and_the_last_attempts_the_newest_first(d: Driven) -> None:
    first, second = d.born("scene"), d.born("scene")
    d.turn(2)
    d.begin()
    d.clock.advance(5)
    d.end(first, 1)
    host = resources.host(d.project, HOST)
    assert {(each.processing_id, each.step) for each in host.running} == {(second, "one")}
    assert [(each.processing_id, each.outcome) for each in host.last] == [(second, None), (first, "failed")]
    assert [each.name for each in host.launchers] == ["test"]
    with d.project.store.read() as tx:
        assert serving.last(tx, [99], 5) == []
    with pytest.raises(NotFound, match=HOST):
        resources.host(d.project, "nowhere")


@pytest.mark.feature("P29")
def test_the_installation_says_its_versions_and_licences_and_no_secret(d: Driven) -> None:
    found = about.about(d.project)
    assert (found.version, found.revision) == (__version__, schema.VERSION)
    assert found.size > 10_000
    licences = {name: licence for name, _, licence in found.packages}
    assert "MIT" in licences["SQLAlchemy"] and "BSD" in licences["Jinja2"]
    assert "pytest" not in licences


def test_each_is_a_command(tmp_path: Path) -> None:
    d = Driven(tmp_path / "p", TOML)
    try:
        d.born("scene")
        d.turn(2)
        for words in (["queues"], ["limits"], ["host", HOST], ["about"]):
            told = CliRunner().invoke(group, ["--project", str(d.root), *words])
            assert told.exit_code == 0 and told.stdout.strip(), words
            said = CliRunner().invoke(group, ["--project", str(d.root), *words, "--json"])
            assert isinstance(json.loads(said.stdout), dict)
    finally:
        d.close()
