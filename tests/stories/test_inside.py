"""What a script can do from inside, and what stays of it: commands, recorded errors, artifacts, partial output."""

import json
import sys

import pytest

from tests.stories.site import Site

TOML = """
[launcher]
cpus = 8
[tasks.t]
on = "e"
steps = ["./ask.sh PYTHON", { name = "make", run = "./make.sh" }]
[tasks.other]
on = "product"
run = "true"
[tasks.slow]
on = "slow"
at_once = 1
run = "./gated.sh"
""".replace("PYTHON", sys.executable)
ASK = """\
#!/bin/sh
# everything that a person can do by command, a script can
set -e
"$1" -m procession emit product --key mine n=1 --json
"$1" -m procession hold 2 -m "asked by a script"
"$1" -m procession set slow at_once=3
"$1" -m procession status > status.txt
"""
MAKE = """\
#!/bin/sh
echo half > product.tif
echo '<svg/>' > "$PROCESSION_ARTIFACTS/quick look.svg"
echo 'band 3 is noisy' >> "$PROCESSION_ERRORS"
[ ! -e "$PROCESSION_PROJECT/break" ]
"""
GATED = '#!/bin/sh\nuntil [ -e "$GATES/go" ]; do sleep 0.05; done\n'


@pytest.mark.feature("M101")
def test_a_script_uses_the_commands_of_a_person(site: Site) -> None:
    site.write(TOML, ask_sh=ASK, make_sh=MAKE, gated_sh=GATED)
    asking, waiting = site.emit("e"), site.emit("slow")
    assert (asking, waiting) == (1, 2)
    site.run("pause", "slow")
    site.up()
    assert str(site.until(asking).state) == "succeeded", site.log(asking, 1, "ask")
    emitted = json.loads(site.log(asking, 1, "ask").splitlines()[0])
    assert emitted["name"] == "product"
    assert str(site.until(emitted["processings"][0]).state) == "succeeded"
    assert site.json("why", str(waiting))["code"] == "held"
    assert next(s for s in site.json("settings")["items"] if s["name"] == "at_once:slow")["value"] == 3
    assert "served by" in (site.path("var/work", asking, "files/status.txt")).read_text()


@pytest.mark.feature("M37", "M38")
def test_events_wait_for_a_slot_are_counted_and_come_on_when_there_are_more(site: Site) -> None:
    site.write(TOML, ask_sh=ASK, make_sh=MAKE, gated_sh=GATED)
    site.up()
    pids = [site.emit("slow") for _ in range(4)]
    site.until(pids[0], "running")
    assert site.json("status")["tasks"]["slow"] == {**site.json("status")["tasks"]["slow"], "running": 1, "waiting": 3}
    assert site.json("why", str(pids[1]))["code"] == "at_once"
    site.run("set", "slow", "at_once=4")
    for pid in pids:
        site.until(pid, "running")
    (site.gates / "go").touch()
    for pid in pids:
        assert str(site.until(pid).state) == "succeeded"


@pytest.mark.feature("M82", "M81", "M74", "M7")
def test_errors_artifacts_partial_output_and_the_text_of_the_script_stay(site: Site) -> None:
    """Recorded errors let the chain go on and make it amber; a failure keeps what was there."""
    toml = TOML.replace("ask.sh", "make.sh").replace('name = "make"', 'name = "again"')
    site.write(toml, make_sh=MAKE, gated_sh=GATED)
    site.up()
    amber = site.emit("e")
    found = site.until(amber)
    assert (str(found.state), found.errors) == ("succeeded", 2)
    assert site.json("list", "state:amber")["items"][0]["id"] == amber
    (site.root / "break").touch()
    failed = site.until(site.emit("e"))
    assert str(failed.state) == "failed"
    assert site.path("var/work", failed.id, "files/product.tif").read_text() == "half\n"
    here = site.attempt_dir(failed.id, 1, failed.steps[0].name)
    assert (here / "artifacts/quick look.svg").read_text() == "<svg/>\n"
    (digest,) = failed.steps[0].attempts[0].code.values()
    assert site.path("var/code", digest).read_text() == MAKE, "as it ran, whatever becomes of the file"
