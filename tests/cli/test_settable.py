"""What can be set: every way in which people name it, what an unknown name is near to, what a shell completes."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from procession.cli.main import group
from procession.cli.settable import named
from procession.commands import settings
from procession.errors import NotFound
from tests.flow.driven import Driven

pytestmark = pytest.mark.feature("M31", "M119")
TOML = """
[limits]
ftp = 1
[queues.night]
at_once = 2
[tasks.scene]
on = "e"
run = "./one.sh"
"""


@pytest.fixture
def d(tmp_path: Path) -> Iterator[Driven]:
    found = Driven(tmp_path / "p", TOML)
    yield found
    found.close()


def ask(d: Driven, *words: str, **variables: str) -> Result:
    return CliRunner().invoke(group, ["--project", str(d.root), *words], env=variables)


@pytest.mark.parametrize(("words", "meant"), [
    ("limit:ftp=2", "limit:ftp=2"), ("limit ftp=2 http=3", "limit:ftp=2 limit:http=3"),
    ("queue:night=3", "queue:night=3"), ("queue:night at_once=3", "queue:night=3"), ("queue night=3", "queue:night=3"),
    ("scene at_once=4", "at_once:scene=4"), ("task:scene at_once=4", "at_once:scene=4"),
    ("task:scene=4", "at_once:scene=4"), ("at_once:scene=4", "at_once:scene=4"),
    ("launcher:b cpus=2 workers=1", "launcher:b:cpus=2 launcher:b:workers=1"),
    ("launcher:b:queues=x,y", "launcher:b:queues=x,y"), ("launcher cpus=2", "cpus=2"),
    ("cpus=4 memory=8GB limit:ftp=1", "cpus=4 memory=8GB limit:ftp=1"),
    ("scene at_once=2 limit:ftp=3", "at_once:scene=2 limit:ftp=3"),
])  # fmt: skip
def test_what_is_set_has_the_name_that_settings_lists_or_kind_and_name_as_two_words(words: str, meant: str) -> None:
    found = named(words.split(), valued=True)
    assert " ".join(f"{name}={text}" for name, text in found) == meant
    bare = [word.partition("=")[0] for word in words.split()]
    assert [name for name, _ in named(bare, valued=False)] == [name for name, _ in found], "reset names the same"


@pytest.mark.parametrize("words", ["cpus", "cpus 3", "limit ftp", "=3", "cpus=", "scene at_once"])
def test_what_has_no_value_says_how_it_is_written(words: str) -> None:
    with pytest.raises(click.UsageError, match=r"has no value; write TASK at_once=8, limit:NAME=2"):
        named(words.split(), valued=True)


@pytest.mark.parametrize(("words", "said"), [
    ("limit:ftp http=3", "'limit:ftp' takes no 'http'"), ("queue:a b=3", "'queue:a' takes no 'b'"),
    ("queue at_once=4", "write task:queue at_once"), ("limit at_once=4", "write task:limit at_once"),
])  # fmt: skip
def test_a_scope_that_takes_no_such_name_is_refused(words: str, said: str) -> None:
    with pytest.raises(click.UsageError, match=said):
        named(words.split(), valued=True)


@pytest.mark.parametrize(("words", "near"), [
    ("limits:ftp=2", "limit:ftp"), ("scene=4", "at_once:scene"), ("scene at_onec=3", "at_once:scene"),
    ("cpu=3", "cpus"), ("limit:fpt=2", "ftp"), ("queue:nigth=1", "night"), ("sceen at_once=1", "scene"),
])  # fmt: skip
def test_an_unknown_name_is_refused_with_the_nearest(d: Driven, words: str, near: str) -> None:
    found = ask(d, "set", *words.split())
    assert isinstance(found.exception, NotFound)
    assert f"did you mean {near!r}?" in str(found.exception)


def test_all_that_can_be_set_is_listed_by_the_help_and_the_error(d: Driven) -> None:
    told, said = ask(d, "set", "--help").output, str(ask(d, "set", "nothing=1").exception)
    for name in settings.KINDS:
        assert name in said
        assert name.replace("at_once:TASK", "TASK at_once") in told
    for name in settings.names(d.project):
        value = "4" if not name.endswith(("keep_free", "max_total", "queues")) else "1"
        assert ask(d, "set", f"{name}={value}").exit_code == 0, name


@pytest.mark.parametrize(("line", "found"), [
    ("procession set li", "limit:ftp="), ("procession set limit : f", "ftp="), ("procession set at", "at_once:scene="),
    ("procession set que", "queue:night="), ("procession reset c", "cpus"), ("procession reset li", None),
])  # fmt: skip
def test_the_shell_completes_what_can_be_set_and_what_is(d: Driven, line: str, found: str | None) -> None:
    """bash takes a colon for a word of its own; of what is not set nothing can be reset."""
    ask(d, "set", "cpus=2")
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "PROCESSION_PROJECT": str(d.root)}
    done = CliRunner().invoke(
        group, [], prog_name="procession", complete_var="X", env={**words, "X": "bash_complete"}
    )  # fmt: skip
    assert done.stdout.split() == ([f"plain,{found}"] if found else [])
    nowhere = {**words, "PROCESSION_PROJECT": "/none", "X": "bash_complete"}
    done = CliRunner().invoke(group, [], prog_name="procession", complete_var="X", env=nowhere)
    assert (done.exit_code, done.stdout.strip()) == (0, "")
