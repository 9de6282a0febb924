"""The database goes away and comes back: nothing is lost, nobody has to be started again."""

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
