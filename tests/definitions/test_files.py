"""The files of a project are found, watched for change, and not trusted blindly."""

import os
from pathlib import Path

import pytest

from procession.definitions import find, fingerprint, read, whereabouts
from procession.errors import ConfigError, NotFound
from tests.definitions.written import mistakes, write

GOOD = '[tasks.t]\non = "x"\nrun = "true"\n'


def test_a_project_is_found_from_anywhere_inside_it(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find(tmp_path / "a" / "b") == find(tmp_path) == tmp_path
    with pytest.raises(NotFound, match="procession init"):
        find(Path("/proc/self"))


def test_a_change_of_any_file_changes_the_fingerprint(tmp_path: Path) -> None:
    root = write(tmp_path, GOOD)
    seen = {fingerprint(root)}
    assert {fingerprint(root)} == seen == {read(root).fingerprint}

    def expect_another() -> None:
        mark = fingerprint(root)
        assert mark not in seen
        seen.add(mark)

    (root / "procession.toml").write_text(GOOD + "\n")
    expect_another()
    os.utime(root / "procession.toml", (1, 1))
    expect_another()
    (root / "tasks").mkdir()
    (root / "tasks" / "a.toml").write_text("")
    expect_another()
    (root / "tasks" / ".a.toml.swp").write_text("")
    (root / "tasks" / ".a.toml").write_text("")
    assert fingerprint(root) in seen
    (root / "tasks" / "a.toml").unlink()
    (root / "procession.toml").unlink()
    expect_another()


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"[tasks.t\n", "procession.toml:1: is not valid TOML: expected"),
        (b"a = 1\nb = \n", "procession.toml:2: is not valid TOML: invalid value"),
        (b"a = 1\na = 2\n", "procession.toml:2: is not valid TOML: cannot overwrite a value"),
        (b"a = [1,\n\n", "procession.toml:"),
        (b"a = \xff\n", "procession.toml:1: is not UTF-8 text; save it as UTF-8"),
        (b"a = 1\n\0", "procession.toml:2: is not valid TOML"),
        (b"a = " + b"[" * 100_000, "procession.toml: is nested too deeply"),
        (b"a = " + b"9" * 10_000, "procession.toml:1: is not valid TOML: a number has too many digits"),
        (b"#" * (1024 * 1024 + 1), "procession.toml: is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path, content: bytes, mistake: str) -> None:
    """B37, C27."""
    write(tmp_path, "")
    (tmp_path / "procession.toml").write_bytes(content)
    (found,) = mistakes(tmp_path)
    assert found.startswith(mistake)


def test_the_content_of_a_file_that_is_not_toml_appears_nowhere(tmp_path: Path) -> None:
    """B37."""
    secret = tmp_path / "shadow"
    secret.write_text("root:$6$s3cr3t$hash:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n")
    root = tmp_path / "p"
    root.mkdir()
    (root / "procession.toml").symlink_to(secret)
    (found,) = mistakes(root)
    assert found.startswith("procession.toml:1: is not valid TOML") and "root" not in found and "$" not in found
    with pytest.raises(ConfigError, match="not valid TOML; see: procession check"):
        whereabouts(root)


def test_a_file_that_everyone_may_write_to_is_refused(tmp_path: Path) -> None:
    """B37."""
    write(tmp_path, GOOD)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "a.toml").write_text('[tasks.u]\non = "x"\nrun = "treu"\n')
    (tmp_path / "procession.toml").chmod(0o646)
    (tmp_path / "tasks" / "a.toml").chmod(0o666)
    found = mistakes(tmp_path)
    assert [line.partition(":")[0] for line in found] == ["procession.toml", "tasks/a.toml"]
    assert all("chmod o-w" in line for line in found)
    with pytest.raises(ConfigError, match="chmod o-w"):
        whereabouts(tmp_path)


def test_a_file_that_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """B37."""
    os.mkfifo(tmp_path / "procession.toml")
    assert mistakes(tmp_path) == ["procession.toml: is not a regular file"]
    (tmp_path / "procession.toml").unlink()
    (tmp_path / "procession.toml").mkdir()
    (found,) = mistakes(tmp_path)
    assert "procession.toml: " in found
    (tmp_path / "procession.toml").rmdir()
    assert mistakes(tmp_path) == ["procession.toml: cannot be read (No such file or directory)"]


def test_files_of_other_systems_are_read(tmp_path: Path) -> None:
    write(tmp_path, "")
    (tmp_path / "procession.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read(tmp_path).tasks[0].name == "t"


def test_where_the_database_is_can_be_asked_of_a_project_with_mistakes(tmp_path: Path) -> None:
    write(tmp_path, '[project]\nvar = "/data/v"\ndatabase = "postgresql://h/d"\n[tasks.t]\nrunn = 1\n')
    there = whereabouts(tmp_path)
    assert (there.root, there.var, there.database) == (tmp_path, Path("/data/v"), "postgresql://h/d")
    assert whereabouts(write(tmp_path, GOOD)).var == tmp_path / "var"
    for wrong in ("project = 1", "[project]\nvar = 1", "[project]\ndatabase = []"):
        with pytest.raises(ConfigError, match="procession check"):
            whereabouts(write(tmp_path, wrong))
