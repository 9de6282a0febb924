"""An attempt has a token of its own, which may little, and ends with it (C9, B49)."""

import stat
from pathlib import Path

import pytest

from procession.model.caller import attempt_token
from procession.verbs.access import secret_of_place
from tests.api.served import Served, serving
from tests.stories.site import Site

TOML = """
[tasks.scene]
on = "scene"
run = "./one.sh"
[tasks.keeper]
on = "keep"
run = "./two.sh"
grants = ["operate"]
"""


def begun(made: Served, event: str) -> tuple[int, str]:
    """A processing whose attempt runs, and its token."""
    secret = secret_of_place(made.project.var.secret)
    made.driven.post.web = (f"http://{made.host}", secret)
    born = made.driven.born(event)
    made.driven.turn()
    made.driven.begin()
    return born, attempt_token(secret, made.driven.key(born))


@pytest.mark.feature("M101")
def test_an_attempt_may_submit_events_and_nothing_else(tmp_path: Path) -> None:
    """B49: also not when it has ended, with an old number, or as another one."""
    with serving(tmp_path, TOML) as made:
        born, token = begun(made, "scene")
        job = made.driven.executor._host.jobs[made.driven.key(born)]
        assert job.files[f"{job.attempt_dir}/token"] == token + "\n"
        assert job.env_set["PROCESSION_TOKEN_FILE"] == f"{job.attempt_dir}/token"
        assert job.env_set["PROCESSION_URL"] == f"http://{made.host}"
        child = made.ask("POST", "/api/v1/hooks/scene", {"n": 1}, token=token)
        assert child.status == 202
        rows = made.driven.rows(f"SELECT origin_id FROM event WHERE id = {child.json['id']}")
        assert rows[0].origin_id == born
        assert made.ask("GET", "/api/v1/tokens", token=token).status == 403
        assert made.ask("POST", "/api/v1/users", {"name": "x"}, token=token).status == 403
        other = attempt_token(secret_of_place(made.project.var.secret), made.driven.key(born, number=2))
        assert made.ask("POST", "/api/v1/hooks/scene", {"n": 2}, token=other).status == 403
        forged = token[:-1] + ("A" if token[-1] != "A" else "B")
        assert made.ask("POST", "/api/v1/hooks/scene", {"n": 2}, token=forged).status == 401
        made.driven.end(born)
        got = made.ask("POST", "/api/v1/hooks/scene", {"n": 3}, token=token)
        assert (got.status, "ended" in got.json["detail"]) == (403, True)
        assert made.ask("GET", "/api/v1/health", token=token).status == 403
        late = made.ask("GET", "/api/v1/audit?verb=use-token").json["items"]
        told = [
            (line["subject"], line["outcome"], line["via"]) for line in late if line["token"] == made.driven.key(born)
        ]
        assert set(told) == {(f"processing:{born}", "Denied", "attempt")}
        lines = made.ask("GET", "/api/v1/audit?verb=hook").json["items"]
        assert [line["via"] for line in lines] == ["attempt"]
        assert token not in str(lines)


@pytest.mark.feature("M101")
def test_what_a_task_grants_its_attempts_may(tmp_path: Path) -> None:
    with serving(tmp_path, TOML) as made:
        _, token = begun(made, "keep")
        you = made.ask("GET", "/api/v1/health", token=token).json["you"]
        assert you["scopes"] == ["operate", "read", "trigger"]
        assert made.ask("GET", "/api/v1/tokens", token=token).status == 403


@pytest.mark.feature("M101")
def test_a_script_calls_the_api_with_its_token(site: Site) -> None:
    site.write(
        """
        [web]
        port = 0
        [tasks.caller]
        on = "go"
        run = "python call.py"
        """,
        call_py="""
        import os, json, urllib.request
        token = open(os.environ["PROCESSION_TOKEN_FILE"]).read().strip()
        asked = urllib.request.Request(
            os.environ["PROCESSION_URL"] + "/api/v1/hooks/said", b'{"by": "me"}',
            {"Authorization": "Bearer " + token, "Content-Type": "application/json"})
        print(json.load(urllib.request.urlopen(asked))["id"])
        """,
    )
    site.up()
    born = site.emit("go")
    site.until(born, "succeeded")
    token = site.attempt_dir(born, 1, "call") / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    secret = token.read_text().strip().encode()
    for path in site.root.rglob("*"):
        if path.is_file() and path != token:
            assert secret not in path.read_bytes(), path
    for pid in site.everything():
        assert secret not in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.feature("M101")
@pytest.mark.parametrize("case", ["of another run", "ended", "old number"])
def test_a_token_that_is_not_its_own_is_refused_and_the_audit_says_so(tmp_path: Path, case: str) -> None:
    """B49."""
    with serving(tmp_path, TOML) as made:
        born, token = begun(made, "scene")
        other, path = made.driven.born("scene"), f"/api/v1/processings/{born}/cancel"
        if case == "of another run":
            path = f"/api/v1/processings/{other}/cancel"
        elif case == "ended":
            made.driven.end(born)
        else:
            token = attempt_token(secret_of_place(made.project.var.secret), made.driven.key(born, number=7))
        assert made.ask("POST", path, {}, token=token).status == 403
        (line,) = made.ask("GET", "/api/v1/audit").json["items"]
        assert (line["via"], line["outcome"]) == ("attempt", "Denied")
        assert token not in str(line)


@pytest.mark.feature("M45", "M101")
def test_only_what_was_granted_or_released_stands_in_the_audit(tmp_path: Path) -> None:
    """Names of locks may have slashes and colons, in paths too."""
    with serving(tmp_path, TOML.replace('run = "./one.sh"', 'run = "./one.sh"\ncpus = 0')) as made:
        one, token = begun(made, "scene")
        _, other = begun(made, "scene")
        name = "disk:/data/17"
        assert made.ask("POST", "/api/v1/locks", {"names": [name]}, token=token).json["granted"]
        for _ in range(3):
            assert not made.ask("POST", "/api/v1/locks", {"names": [name], "wait": True}, token=other).json["granted"]
        found = made.ask("GET", "/api/v1/locks/disk%3A%2Fdata%2F17").json
        assert [hold["processing"] for hold in found["holders"]] == [one]
        assert made.ask("POST", "/api/v1/locks/unlock", {"name": name}).status == 200
        assert made.ask("POST", "/api/v1/locks", {"names": [name], "wait": True}, token=other).json["granted"]
        lines = made.ask("GET", "/api/v1/audit").json["items"]
        assert [line["verb"] for line in reversed(lines)] == ["acquire", "unlock", "acquire"]
