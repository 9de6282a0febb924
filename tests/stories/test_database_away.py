"""The database goes away and comes back: nothing is lost, nobody has to be started again."""

import json
import re
import urllib.error
import urllib.request

import pytest

from tests.postgres import Postgres
from tests.stories.site import GATED, Site
from tests.waiting import eventually


@pytest.mark.feature("N2")
def test_the_launcher_outlives_a_database_that_is_stopped_and_started(
    site: Site, postgres_url: str, postgres_server: Postgres
) -> None:
    """G27, F31: the script runs on, its end waits, and is settled when the database is back."""
    site.write(
        f'[project]\ndatabase = "{postgres_url}"\n[launcher]\ncpus = 2\n[tasks.t]\non = "e"\nrun = "./gated.sh x"\n',
        gated_sh=GATED,
    )
    site.up()
    running = site.emit("e")
    site.began("x")
    site.project.store.engine.dispose()
    postgres_server.kill()
    log = site.path("var/launcher.log")
    eventually(lambda: log.exists() and "cannot be used" in log.read_text(), timeout=20)
    site.open("x")
    postgres_server.start()
    assert site.until(running, timeout=40).state == "succeeded"
    assert site.launcher is not None
    assert site.launcher.poll() is None


def ask(site: Site, method: str, path: str) -> tuple[int, str]:
    """Ask the web server of this site with its first token."""
    (port,) = re.findall(r"http://127.0.0.1:(\d+)", site.path("up.out").read_text())[-1:]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/{path}",
        method=method,
        headers={"Authorization": f"Bearer {site.path('var/token').read_text().strip()}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.feature("M90", "M91")
def test_a_cancel_while_the_database_is_away_is_refused_in_words_and_holds_when_it_is_said_again(
    site: Site, postgres_url: str, postgres_server: Postgres
) -> None:
    """F49: nobody is told that it is cancelled, nothing is half, and the same word works when the database is back."""
    site.write(
        f'[project]\ndatabase = "{postgres_url}"\n[web]\nport = 0\n[tasks.t]\non = "e"\nrun = "./gated.sh x"\n',
        gated_sh=GATED,
    )
    site.up()
    running = site.emit("e")
    site.began("x")
    assert ask(site, "GET", f"processings/{running}")[0] == 200
    site.project.store.engine.dispose()
    postgres_server.kill()
    said = site.run("cancel", str(running), code=6)
    assert "database" in said.stderr and "Traceback" not in said.stderr
    status, problem = ask(site, "POST", f"processings/{running}/cancel")
    assert status == 503 and "database" in json.loads(problem)["detail"]
    postgres_server.start()
    assert site.until(running, "running").state == "running"
    status, answer = ask(site, "POST", f"processings/{running}/cancel")
    assert status == 200, answer
    ended = site.until(running, "cancelled", timeout=40)
    assert len(ended.steps[0].attempts) == 1
    assert [line for line in site.true_lines() if line.startswith("end")] == []
