"""A launcher inside another program."""

import signal
from pathlib import Path

import pytest

from procession.errors import Invalid, Refused
from procession.launcher.embedded import Launcher
from tests.stories.site import GATED, TOUCH_COUNT, Site

TASK = '[launcher]\ncpus = 2\n[tasks.t]\non = "e"\nrun = "./touch_count.sh x{id} 0 0"\n'


@pytest.mark.feature("M23")
def test_a_program_serves_a_project_in_a_thread(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    site.write(TASK, touch_count_sh=TOUCH_COUNT)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with Launcher(site.root, queues=["general"], name="inside", cpus=1) as one:
        assert one.is_serving
        assert site.until(site.emit("e")).state == "succeeded"
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        with pytest.raises(Refused, match="already running"):
            Launcher(site.root).start()
        with pytest.raises(Refused, match="started before"):
            one.start()
    assert not one.is_serving


@pytest.mark.feature("M23", "M28")
def test_it_leaves_scripts_running_or_waits_for_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    site.write('[tasks.t]\non = "e"\nrun = "./gated.sh x"\n', gated_sh=GATED)
    first = Launcher(site.root).start()
    pid = site.emit("e")
    site.began("x")
    assert first.stop()
    assert site.get(pid).state == "running"
    second = Launcher(site.root).start()
    assert not second.stop(drain=True, timeout=0.5), "it waits for the script"
    site.open("x")
    assert second.stop(drain=True, timeout=30)
    assert site.until(pid).state == "succeeded"


@pytest.mark.feature("M23")
@pytest.mark.parametrize("queues", [[], "general", [""], [7]])
def test_queues_are_a_list_of_names(tmp_path: Path, queues: object) -> None:
    with pytest.raises(Invalid, match="list of names"):
        Launcher(tmp_path, queues=queues)  # type: ignore[arg-type]
