"""Data arrive, with real files and processes: never too early, never twice, whoever is killed meanwhile."""

import json

import pytest

from tests.stories.site import Site
from tests.waiting import eventually

SETS = """
[tasks.arrivals]
watch = "{project}/inbox/{time}_{segment}.h5"
emit = "segment"
quiet = "1 s"

[sets.slot]
pieces = { event = "segment", by = "{time}", piece = "{segment}", wanted = 24, timeout = "1 h" }

[tasks.scene]
on = "slot"
run = "./scene.sh {time}"
"""
SCENE = """\
#!/bin/sh
echo "$1" >> "$TRUTH"
cat "$PROCESSION_EVENT" > "$GATES/$1.json"
"""


@pytest.mark.feature("N9", "P7", "M115")
def test_144_files_in_random_order_with_a_kill_and_one_still_growing_are_one_event_a_slot(site: Site) -> None:
    """N9's whole test."""
    site.write(SETS, scene_sh=SCENE)
    inbox = site.path("inbox")
    inbox.mkdir()
    names = [f"{hour:02d}00_{segment}.h5" for hour in range(6) for segment in range(1, 25)]
    site.random.shuffle(names)
    growing = names[40]
    late = growing.partition("_")[0]
    site.up()
    with (inbox / growing).open("w") as writer:
        for n, name in enumerate(names):
            if name != growing:
                (inbox / name).write_text(name)
            if n % 12 == 0:
                writer.write("more")
                writer.flush()
            if n in (50, 100):
                eventually(lambda: _count(site, "segment") > 0, timeout=30, what="some have been taken")
                site.kill()
                site.up()
        eventually(lambda: _count(site, "slot") == 5, timeout=60, what="five slots are complete")
        (standing,) = [s for s in site.json("sets")["items"] if s["state"] == "collecting"]
        assert standing["key"] == late
        assert standing["missing"] == [growing.partition("_")[2].removesuffix(".h5")]
        assert f"23 of 24, missing {standing['missing'][0]}, until" in site.run("sets", "slot").stdout
    eventually(lambda: len(_truth(site)) == 6, timeout=60, what="six scenes have been made")
    assert sorted(_truth(site)) == [f"{hour:02d}00" for hour in range(6)]
    for hour in range(6):
        params = json.loads((site.gates / f"{hour:02d}00.json").read_text())["params"]
        assert params["pieces"] == [str(segment) for segment in range(1, 25)]
        assert params["paths"] == [str(inbox / f"{hour:02d}00_{segment}.h5") for segment in range(1, 25)]
        assert (params["complete"], params["missing"]) == (True, [])
    assert (_count(site, "segment"), _count(site, "slot")) == (144, 6)


def _truth(site: Site) -> list[str]:
    return site.truth.read_text().split() if site.truth.exists() else []


def _count(site: Site, name: str) -> int:
    with site.project.store.read() as tx:
        found = tx.connection.exec_driver_sql(f"SELECT count(*) FROM event WHERE name = '{name}'").scalar_one()
    return int(found)


ALERTED = """
[alerts]
command = "./alert.sh"

[tasks.scene]
on = "scene"
run = "./scene.sh {code}"
max_failures = 2
"""


@pytest.mark.feature("M93", "M94")
def test_a_person_hears_of_a_failure_reads_it_and_sees_it_end(site: Site) -> None:
    site.write(
        ALERTED,
        scene_sh='#!/bin/sh\n[ "$1" = 0 ] || echo "band $$ is missing"\nexit "$1"\n',
        alert_sh="#!/bin/sh\ncat >> told\n",
    )
    site.up()
    failed = site.emit("scene", code=1)
    site.until(failed, "failed")
    told = site.path("told")
    eventually(lambda: told.exists() and told.read_text().count("\n") == 1, what="a person was told")
    said = json.loads(told.read_text())
    assert (said["kind"], said["task"], said["step"], said["state"]) == ("failure", "scene", "scene", "occurs")
    assert "is missing" in said["text"]
    assert f"message {said['id']}: scene, step scene: exit code 1" in site.run("status").stdout
    assert site.json("status")["messages"][0]["id"] == said["id"]
    site.run("read", str(said["id"]))
    assert site.json("status")["messages"] == []
    assert site.json("messages", "--unread")["items"] == []
    assert [m["id"] for m in site.json("messages")["items"]] == [said["id"]]
    site.until(site.emit("scene", code=0), "succeeded")
    site.run("accept", str(failed), "-m", "by hand")
    eventually(lambda: told.read_text().count("\n") == 2, what="its end was told")
    assert site.json("messages")["items"] == []
    assert site.json("messages", "--all")["items"][0]["state"] == "ended"
    for _ in range(2):
        site.until(site.emit("scene", code=1), "failed")
    waiting = site.emit("scene", code=0)
    eventually(lambda: site.json("why", str(waiting))["code"] == "paused", what="the task is suspended")
    assert "2 failures in a row" in site.run("why", str(waiting)).stdout
    assert "suspended" in site.run("messages").stdout
    site.run("read", "--all")
    assert site.run("read", "77", code=4).stderr.count("\n") == 1
    assert "say which" in site.run("read", code=2).stderr


@pytest.mark.feature("M41", "M39")
def test_show_tells_where_a_processing_comes_from_and_what_it_has_begun(site: Site) -> None:
    site.write(
        """
        [tasks.parent]
        on = "start"
        steps = ["./emit.sh", { wait = "children" }]
        [tasks.child]
        on = "part"
        run = "true"
        """,
        emit_sh='#!/bin/sh\nfor n in 1 2 3; do echo "{\\"event\\": \\"part\\"}" >> $PROCESSION_EVENTS; done\n',
    )
    site.up()
    parent = site.emit("start")
    site.until(parent, "succeeded")
    children = site.json("show", str(parent))["children"]
    assert [child["state"] for child in children] == ["succeeded"] * 3
    assert "3 succeeded: " in site.run("show", str(parent)).stdout
    found = site.json("show", str(children[0]["id"]))
    assert (found["origin"], found["children"]) == (parent, [])
    assert f"processing {parent}" in site.run("show", str(children[0]["id"])).stdout
