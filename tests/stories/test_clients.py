"""Programs and people work with a project that is served elsewhere: real launcher, real web server, real client."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from procession import Client, contract
from procession.errors import Denied, Invalid, NotFound, Refused
from tests.stories.site import Site
from tests.waiting import eventually

pytestmark = [
    pytest.mark.feature("P27", "M101"),
    pytest.mark.skipif(importlib.util.find_spec("procession.api") is None, reason="comes with the HTTP API"),
]

TOML = f"""
[project]
name = "served"
python = "{sys.executable}"

[web]
port = 0

[tasks.scene]
on = "scene"
steps = ["sh work.sh {{n}} {{project}}/mended"]

[tasks.mender]
on = "mend"
run = "python mend.py {{broken}}"
grants = ["operate"]

[tasks.steward]
on = "steer"
steps = ["python steer.py {{other}}", "echo steered"]
grants = ["operate"]

[tasks.slow]
on = "slow"
run = "sleep 600"

[tasks.outsider]
on = "intrude"
run = "python steer.py {{other}}"

[tasks.meddler]
on = "meddle"
run = "python mend.py {{broken}}"
"""
WORK = 'echo "number $1 é"; [ "$1" != 7 ] || [ -e "$2" ] || exit 3\n'
MEND = """
import sys
import procession

with procession.client() as client:
    client.retry(int(sys.argv[1]), reason="mended by a script")
print("asked", procession.ask("GET /processings/" + sys.argv[1])["id"])
"""
STEER = """
import sys
import procession

other = int(sys.argv[1])
with procession.client() as client:
    client.pause("steward", reason="once is enough")
    print("paused:", client.task("steward")["paused"]["reason"])
    print("running:", [found["task"] for found in client.list("state:running")["items"]])
procession.ask("POST /processings/%d/cancel" % other, reason="it takes too long")
print("waits:", procession.ask("GET /processings", query="state:waiting")["items"])
"""


@pytest.fixture
def served(site: Site) -> Iterator[tuple[Site, str, Path]]:
    site.write(TOML, work_sh=WORK, mend_py=MEND, steer_py=STEER)
    site.up()
    found = eventually(
        lambda: re.search(r"answers at (http://\S+);", site.path("up.out").read_text()), what="the address is told"
    )
    yield site, found[1], site.path("var/token")


def test_a_program_elsewhere_does_all_that_a_person_does_here(served: tuple[Site, str, Path]) -> None:
    site, url, token = served
    with Client(url, token_file=token) as client:
        journal = client.watch(after=0)
        ids = [client.emit("scene", {"n": n}, key=str(n))["processings"][0] for n in range(5, 9)]
        assert client.emit("scene", {"n": 5}, key="5")["duplicate"]
        states = [client.wait(pid, timeout=60)["state"] for pid in ids]
        assert states == ["succeeded", "succeeded", "failed", "succeeded"]
        assert "".join(client.log(ids[0])) == "number 5 é\n"
        assert [found["id"] for found in client.each("state:failed")] == [ids[2]]
        assert client.why(ids[2])["code"] == "failed"
        site.path("mended").touch()
        client.retry(ids[2], reason="the file is there")
        assert client.wait(ids[2], timeout=60)["state"] == "succeeded"
        assert client.delete(ids[3])["done"]
        with pytest.raises(NotFound):
            client.show(ids[3])
        with pytest.raises(Invalid):
            client.list("stat:x")
        with pytest.raises(Refused):
            client.resume("scene")
        assert client.books()["balanced"]
        assert client.show(ids[2])["journal"] == site.json("show", str(ids[2]))["journal"]
        lines = itertools.takewhile(lambda line: line["verb"] != "delete", journal)
        assert [line["processing"] for line in lines if line["verb"] == "retry" and line["noun"] == "processing"] == [
            ids[2]
        ]
    with Client(url, token="procession_" + "x" * 43) as client, pytest.raises(Denied):
        client.status()


def ageless(found: object) -> str:
    """An answer as text, without the spans that grow while one looks."""
    return re.sub(r"\bit succeeded [^\"]* ago", "it succeeded", json.dumps(found))


def test_a_person_elsewhere_sees_what_is_seen_here(served: tuple[Site, str, Path]) -> None:
    site, url, token = served
    far = ("--url", url, "--token-file", str(token))
    born = json.loads(site.run(*far, "emit", "scene", "n:=1", "--json").stdout)["processings"][0]
    eventually(lambda: site.json("show", str(born))["state"] == "succeeded", what="it has succeeded")
    for words in (["list"], ["show", str(born)], ["tasks"], ["settings"], ["events"]):
        there = site.run(*far, *words, "--json").stdout
        assert ageless(json.loads(there)) == ageless(site.json(*words))
    assert site.run(*far, "logs", str(born)).stdout == "number 1 é\n"
    assert "works here, not over --url" in " ".join(site.run(*far, "shell", "1", code=2).stderr.split())
    assert "there is no processing 99" in site.run(*far, "show", "99", code=4).stderr


@pytest.mark.skipif(
    "PROCESSION_URL" not in Path(contract.__file__).read_text(), reason="comes with the token of an attempt"
)
def test_a_script_with_the_grant_does_what_an_operator_may(served: tuple[Site, str, Path]) -> None:
    site, url, token = served
    with Client(url, token_file=token) as client:
        (broken,) = client.emit("scene", {"n": 7})["processings"]
        assert client.wait(broken, timeout=60)["state"] == "failed"
        site.path("mended").touch()
        (meddler,) = client.emit("meddle", {"broken": broken})["processings"]
        assert client.wait(meddler, timeout=60)["state"] == "failed"
        assert "Denied" in "".join(client.log(meddler))
        assert client.show(broken)["state"] == "failed"
        (mender,) = client.emit("mend", {"broken": broken})["processings"]
        assert client.wait(mender, timeout=60)["state"] == "succeeded", "".join(client.log(mender))
        assert client.wait(broken, timeout=60)["state"] == "succeeded"
        assert f"asked {broken}" in "".join(client.log(mender))
        story = client.show(broken)["journal"]
        assert any(line["verb"] == "retry" and line["reason"] == "mended by a script" for line in story)


def test_a_script_in_a_chain_pauses_its_task_lists_and_cancels_where_it_has_the_grant(
    served: tuple[Site, str, Path],
) -> None:
    site, url, token = served
    with Client(url, token_file=token) as client:
        (other,) = client.emit("slow")["processings"]
        site.until(other, "waiting", "running")
        (outsider,) = client.emit("intrude", {"other": other})["processings"]
        assert client.wait(outsider, timeout=60)["state"] == "failed"
        said = "".join(client.log(outsider))
        assert "procession.errors.Denied: " in said
        assert "pause needs the scope operate" in said
        assert 'grants = ["operate"] on its task gives it' in said
        assert client.task("steward")["paused"] is None
        assert client.show(other)["state"] in ("waiting", "running")
        (steward,) = client.emit("steer", {"other": other})["processings"]
        assert client.wait(other, timeout=60)["state"] == "cancelled"
        said = "".join(client.log(steward, "steer"))
        assert "paused: once is enough" in said
        assert "'steward'" in said
        assert "waits: []" in said
        paused = client.task("steward")["paused"]
        assert paused["by"].startswith("attempt ")
        client.resume("steward")
        assert client.wait(steward, timeout=60)["state"] == "succeeded"
        story = client.show(other)["journal"]
        assert any(
            line["by"].startswith("attempt ") and "it takes too long" in (line["reason"] or "") for line in story
        ), [(line["verb"], line["by"], line["reason"]) for line in story]


def test_threads_share_a_client_of_a_server(served: tuple[Site, str, Path]) -> None:
    _, url, token = served
    errors: list[BaseException] = []
    with Client(url, token_file=token) as client:

        def emit(n: int) -> None:
            try:
                for m in range(10):
                    client.emit("nobody", {"n": n}, key=f"{n}-{m}")
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=emit, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(list(client.events("nobody", limit=100)["items"])) == 80
