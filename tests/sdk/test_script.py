"""The file for scripts, alone, in real processes: under Procession's environment and by hand."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import procession
from procession import contract, units
from procession.errors import Invalid
from procession.model.event import PARAMETER
from procession.model.outcome import Ending
from procession.sdk import copy, script


def interpreters() -> Iterator[str]:
    """The oldest Python from 3.8 that is at hand, and ours."""
    for minor in range(8, sys.version_info.minor):
        known = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))
        if found := [*map(str, known), shutil.which(f"python3.{minor}")][0]:
            yield found
            break
    yield sys.executable


@dataclass
class Place:
    """Where a script runs: its Python, the file beside it, an attempt's directory."""

    python: str
    directory: Path

    @property
    def attempt(self) -> Path:
        return self.directory / "attempt"

    def variables(self, **params: object) -> dict[str, str]:
        told = {"id": 7, "name": "scene", "key": "LC08", "title": "a scene", "params": params}
        event = self.directory / "event.json"
        event.write_text(json.dumps(told))
        order = contract.Order(
            "0a-12-3-2", "scene", 12, 3, "rgb", 2, params, str(self.directory), str(self.directory), str(self.attempt),
            str(event),
        )  # fmt: skip
        return {**contract.environment(order), "PROCESSION_ERRORS": f"{self.attempt}/errors"}

    def run(self, text: str, inside: bool = True, name: str = "script.py", **params: object) -> tuple[int, str]:
        """Exit code and log of a script: both outputs in one file, as under Procession."""
        (self.directory / name).write_text(text)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PROCESSION_", "PYTHON"))}
        if inside:
            environment.update(self.variables(**params))
        with open(self.attempt / "log", "w+") as log:
            done = subprocess.run(
                [self.python, name],
                cwd=self.directory,
                env=environment,
                stdout=log,
                stderr=log,
                timeout=60,
                check=False,
            )
            log.seek(0)
            return done.returncode, log.read()

    def left(self) -> contract.Left:
        return contract.read_left(self.attempt, contract.present(self.attempt), "12-3-", "scene")

    def ending(self, code: int) -> Ending:
        return contract.ending("exited", code, None, None, None, self.attempt)


@pytest.fixture(params=list(interpreters()))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    (tmp_path / "attempt/artifacts").mkdir(parents=True)
    copy.place(tmp_path)
    return Place(request.param, tmp_path)


# ── what it is ─────────────────────────────────────────────────────────────────────────────────────


def test_it_is_python_3_8_and_imports_the_standard_library_alone() -> None:
    tree = ast.parse(copy.text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        assert all(name.partition(".")[0] in sys.stdlib_module_names for name in names)


def test_it_is_imported_without_any_package_at_hand(place: Place) -> None:
    code = f"import sys; sys.path.insert(0, {str(place.directory)!r}); import procession; print(procession.__all__)"
    done = subprocess.run([place.python, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == list(script.__all__)


def test_the_package_gives_the_same_names() -> None:
    assert set(script.__all__) < set(procession.__all__)
    for name in script.__all__:
        assert getattr(procession, name) is getattr(script, name)
    for name in procession.__all__:
        assert callable(getattr(procession, name))
    with pytest.raises(AttributeError, match="no attribute 'emits'"):
        procession.emits  # noqa: B018


def test_names_are_those_that_procession_takes() -> None:
    assert script._NAME.pattern == PARAMETER.pattern


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(sorted(units._SECONDS))), min_size=1, max_size=3))
def test_spans_are_those_of_the_task_file(pieces: list[tuple[int, str]]) -> None:
    text = " ".join(f"{number} {unit}" for number, unit in pieces)
    assert script.Retry(after=text).after == units.to_seconds(text)


@given(st.text("0123456789 .smhdwxin-", max_size=8))
def test_what_is_no_span_here_is_none_there(text: str) -> None:
    try:
        seconds: float | None = units.to_seconds(text)
    except Invalid:
        seconds = None
    try:
        ours: float | None = script.Retry(after=text).after
    except ValueError:
        ours = None
    if ours is not None and ours > units.MAX_SECONDS:
        ours = None  # a script may say so; whoever waits waits no longer than a hundred years
    assert ours == seconds


# ── what it says ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("P4", "P5", "M79")
def test_all_that_it_says_arrives(place: Place) -> None:
    code, log = place.run(
        "import pathlib, procession\n"
        "procession.progress(0.25, 'one\\nquarter')\n"
        "procession.output(cloud=0.12, bands=[2, 3], name='Mün\\nchen', none=None, path=pathlib.Path('a/b'))\n"
        "procession.output(cloud=0.13)\n"
        "procession.emit('product', key='k', title='t', priority=3, path='out.tif', count=2)\n"
        "procession.emit('product', params={'key': 'its own', 'event': 'e'})\n"
        "procession.metric(seconds=1.5, rows=3)\n"
        "procession.error('band 3\\nis dark')\n"
        "procession.artifact('maps/a.png').write_text('x')\n"
        "procession.progress(0.5, 'half')\n"
    )
    assert (code, log) == (0, "")
    left = place.left()
    assert left.outputs == {"cloud": 0.13, "bands": [2, 3], "name": "Mün\nchen", "none": None, "path": "a/b"}
    first, second = left.events
    assert (first.name, first.key, first.title, first.priority) == ("product", "k", "t", 3)
    assert first.params == {"path": "out.tif", "count": 2}
    assert (second.key, second.params) == ("12-3-2", {"key": "its own", "event": "e"})
    assert left.metrics == {"seconds": 1.5, "rows": 3.0}
    assert contract.progress(place.attempt) == (0.5, "half")
    assert (place.attempt / "errors").read_text() == "band 3 is dark\n"
    assert (place.attempt / "artifacts/maps/a.png").read_text() == "x"


@pytest.mark.feature("P4")
def test_it_knows_who_it_is(place: Place) -> None:
    children = place.directory / "children"
    children.write_text('{"id": 3, "state": "succeeded"}\n{"id": 4, "state": "failed"}\n')
    code, log = place.run(
        f"import os; os.environ['PROCESSION_CHILDREN'] = {str(children)!r}\n"
        "import procession\n"
        "me = procession.current()\n"
        "print(me.task, me.processing, me.step, me.attempt, me.key, me.work == me.step_dir)\n"
        "print(tuple(me.event), me.params, [child['id'] for child in me.children])\n"
        "print(me.artifacts.name)\n"
        "me.params['nothing']\n",
        scene="LC08",
        count=3,
    )
    lines = log.splitlines()
    assert lines[:3] == [
        "scene 12 rgb 2 0a-12-3 True",
        "(7, 'scene', 'LC08', 'a scene') {'scene': 'LC08', 'count': 3} [3, 4]",
        "artifacts",
    ]
    assert (code, lines[-1]) == (1, "KeyError: 'nothing: the event has no such parameter; it has count, scene'")


@pytest.mark.feature("P5")
def test_many_processes_write_at_once_and_no_line_is_torn(place: Place) -> None:
    code, log = place.run(
        "import os, procession\n"
        "children = []\n"
        "for one in range(8):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        for number in range(100):\n"
        "            procession.emit('e', key='%d-%d' % (one, number), text='x' * 5000)\n"
        "        os._exit(0)\n"
        "    children.append(child)\n"
        "assert all(os.waitpid(child, 0)[1] == 0 for child in children)\n"
    )
    assert (code, log) == (0, "")
    assert {event.key for event in place.left().events} == {f"{one}-{n}" for one in range(8) for n in range(100)}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("procession.output(x={1, 2})", "TypeError: a value of the type set is not JSON: {1, 2}; give a text"),
        ("procession.output(x=object)", "TypeError: a value of the type type is not JSON"),
        ("procession.output(x=float('nan'))", "ValueError: the output has a value that JSON cannot hold"),
        ("procession.output(x='\\udcff')", "ValueError: the output has text that is not UTF-8"),
        ("procession.output(**{'a b': 1})", "ValueError: 'a b' cannot be the name of an output"),
        ("procession.emit('e', when=2j)", "TypeError: a value of the type complex is not JSON"),
        ("procession.metric(x=float('inf'))", "ValueError: the metric x is inf"),
        ("procession.metric(x='fast')", "ValueError: could not convert"),
        ("procession.artifact('../x')", "ValueError: an artifact has a name within"),
        ("procession.artifact('/x')", "ValueError: an artifact has a name within"),
        ("procession.Retry('r', after='soon')", "ValueError: 'soon' is not a duration"),
        ("procession.Retry('r', after=-1)", "ValueError: after=-1 is not a time"),
        ("procession.Retry('r', after=True)", "TypeError: after=True is not a duration"),
    ],
)
def test_a_mistake_is_told_where_it_is_made_and_nothing_is_written(tmp_path: Path, call: str, says: str) -> None:
    (tmp_path / "attempt").mkdir()
    copy.place(tmp_path)
    place = Place(sys.executable, tmp_path)
    code, log = place.run(f"import procession\n{call}\n")
    assert code == 1
    assert log.splitlines()[-1].startswith(says)
    assert contract.present(place.attempt) == frozenset()


def test_numbers_of_numpy_are_numbers(place: Place) -> None:
    """Judged by its shape and `item`, as numpy, torch and jax have them."""
    code, log = place.run(
        "import procession\n"
        "class Scalar:\n    shape = ()\n    def item(self): return 3\n"
        "class Array:\n    shape = (2,)\n    def item(self): raise ValueError\n"
        "procession.output(count=Scalar())\n"
        "procession.output(count=Array())\n"
    )
    assert place.left().outputs == {"count": 3}
    assert (code, log.splitlines()[-1].partition(":")[0]) == (1, "TypeError")


def test_progress_never_fails_and_never_floods(place: Place) -> None:
    code, _ = place.run(
        "import os, procession\n"
        "for n in range(5000): procession.progress(n / 5000, 'row %d' % n)\n"
        "procession.progress(1, 'done')\n"
        "os.environ['PROCESSION_PROGRESS'] = '/dev/full'\n"
        "procession.progress(1, 'nowhere to write')\n"
        "os.environ['PROCESSION_PROGRESS'] = '/nowhere/at/all'\n"
        "procession.progress(7); procession.progress(1)\n"
    )
    assert code == 0
    assert len((place.attempt / "progress").read_text().splitlines()) < 1000
    assert contract.progress(place.attempt) == (1.0, "done")


def test_an_output_that_cannot_be_written_fails_the_script(place: Place) -> None:
    code, log = place.run(
        "import os, procession\nos.environ['PROCESSION_OUTPUT'] = '/dev/full'\nprocession.output(x=1)"
    )
    assert (code, log.splitlines()[-1]) == (1, "OSError: [Errno 28] No space left on device")


# ── how it ends ────────────────────────────────────────────────────────────────────────────────────

NESTED = """
import sys, procession
def work():
    try:
        raise procession.{ending}
    except Exception:
        sys.exit("swallowed")
    finally:
        print("tidied up")
if __name__ == "__main__":
    try:
        work()
    finally:
        print("and here")
"""


@pytest.mark.feature("P10")
@pytest.mark.parametrize(
    ("after", "seconds"),
    [("None", None), ("90", 90.0), ("'5 min'", 300.0), ("__import__('datetime').timedelta(hours=1)", 3600.0)],
)
def test_retry_ends_the_attempt_softly(place: Place, after: str, seconds: float | None) -> None:
    code, log = place.run(NESTED.format(ending=f"Retry('catalogue\\nnot there', after={after})"))
    assert (code, log) == (75, "tidied up\nand here\ncatalogue not there\n")
    ending = place.ending(code)
    assert (ending.outcome, ending.reason, ending.retry_after) == ("retry", "catalogue not there", seconds)


@pytest.mark.feature("P10")
@pytest.mark.parametrize("ending", ["Skip('only sea')", "skip('only sea')"])
def test_skip_ends_the_processing_well(place: Place, ending: str) -> None:
    code, log = place.run(NESTED.format(ending=ending))
    assert (code, log) == (77, "tidied up\nand here\nonly sea\n")
    found = place.ending(code)
    assert (found.outcome, found.reason) == ("skipped", "only sea")


@pytest.mark.parametrize("ending", ["Retry", "Retry()", "Retry('')"])
def test_a_retry_without_a_reason_has_one(place: Place, ending: str) -> None:
    code, log = place.run(f"import procession\nprint('some words')\nraise procession.{ending}\n")
    assert code == 75
    assert log.splitlines()[-1] in ("try again later", "Retry")


WAYS = {
    "sys.exit": "sys.exit(procession.Retry('busy'))",
    "an imported module": "open('p.py', 'w').write('import procession\\nraise procession.Retry(\"busy\")')\nimport p",
    "exec": "exec(\"raise procession.Retry('busy')\")",
    "a hook that was set": "sys.excepthook = lambda *_: print('hooked'); raise procession.Retry('busy')",
    "during another": "\ntry: 1 / 0\nexcept ZeroDivisionError as e: raise procession.Retry('busy') from e",
    "asyncio": "import asyncio\nasync def main(): raise procession.Retry('busy')\nasyncio.run(main())",
    "a future": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def work(): raise procession.Retry('busy')\n"
        "with ThreadPoolExecutor(1) as pool: pool.submit(work).result()"
    ),
    "a future of a process": (
        "from concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import get_context\n"
        "def work(): raise procession.Retry('busy')\n"
        "with ProcessPoolExecutor(1, get_context('fork')) as pool: pool.submit(work).result()"
    ),
    "a closed output": "print('x'); sys.stdout.close(); raise procession.Retry('busy')",
    "one that was caught before": (
        "\ntry: raise procession.Skip('no')\nexcept procession.Skip as e: assert e.code == 77\n"
        "raise procession.Retry('busy')"
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_it_is_raised_the_code_is_right_and_the_reason_is_last(place: Place, way: str) -> None:
    code, log = place.run(f"import sys, procession\n{WAYS[way]}\n")
    assert code == 75, log
    assert log.splitlines()[-1] == "busy"
    assert "Traceback" not in log or "process" in way, log


def test_whoever_ends_otherwise_after_it_has_the_last_word(place: Place) -> None:
    code, log = place.run(
        "import sys, procession\ntry:\n    raise procession.Retry('busy', after=5)\nfinally:\n    sys.exit(3)\n"
    )
    assert (code, log) == (3, "")
    code, log = place.run("import procession\ntry:\n    raise procession.Retry('x')\nexcept SystemExit:\n    pass\n")
    assert (code, log) == (0, "")


def test_in_a_thread_it_ends_that_thread_as_any_exception_does(place: Place) -> None:
    code, log = place.run(
        "import threading, procession\n"
        "def work(): raise procession.Retry('busy')\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join(); print('goes on')\n"
    )
    assert (code, log.splitlines()[-1]) == (0, "goes on")
    assert re.search(r"Retry: busy", log), "and it is seen in the log"


# ── by hand ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("P1")
def test_by_hand_it_says_what_it_would_do_and_leaves_nothing(place: Place) -> None:
    before = sorted(path.name for path in place.directory.iterdir())
    code, log = place.run(
        "import procession\n"
        "me = procession.current()\n"
        "print(repr(me.task), me.processing, tuple(me.event), me.params.get('scene', 'by hand'), me.children)\n"
        "print(me.work.samefile('.'), procession.artifact('map.png').parent.samefile('.'))\n"
        "procession.progress(0.5, 'half'); procession.progress(None, 'some')\n"
        "procession.output(cloud=0.12); procession.metric(rows=3); procession.error('dark')\n"
        "procession.emit('product', key='k', path='out.tif')\n"
        "raise procession.Retry('busy', after='5 min')\n",
        inside=False,
    )
    assert code == 75
    assert log.splitlines() == [
        "procession: progress 50% half",
        "procession: progress some",
        'procession: would leave {"cloud": 0.12}',
        "procession: would record rows=3.0",
        "procession: would record the error: dark",
        'procession: would emit {"event": "product", "key": "k", "params": {"path": "out.tif"}}',
        "'' 0 (0, '', '', '') by hand []",
        "True True",
        "procession: would try again after 300 s",
        "busy",
    ]
    after = {path.name for path in place.directory.iterdir()} - set(before)
    assert after <= {"script.py", "__pycache__"}


@pytest.mark.feature("P1", "P24")
def test_in_the_shell_and_in_rerun_nobody_is_asked_and_the_script_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The attempt has ended, and its token with it; an address that would answer nobody shows that nothing is asked."""
    inside = {"PROCESSING": "4", "KEY": "p-4-1", "ATTEMPT": "2", "URL": "http://127.0.0.1:9"}
    for name, value in {**inside, "OUTPUT": str(tmp_path / "output")}.items():
        monkeypatch.setenv(f"PROCESSION_{name}", value)
    for living in ("", "p-4-1-1", "1"):  # no shell, or one into another attempt
        monkeypatch.setenv("PROCESSION_BY_HAND", living)
        with pytest.raises(OSError):
            script.ask("GET /health")
    monkeypatch.setenv("PROCESSION_BY_HAND", "p-4-1-2")
    assert script.ask("POST /processings/17/retry", reason="again") is None
    monkeypatch.delenv("PROCESSION_BY_HAND")
    (tmp_path / "rerun").touch()
    assert script.ask("GET /health") is None
    with script.lock("a") as held:
        assert [lock.fence for lock in held] == [0]
    assert capsys.readouterr().err.splitlines() == [
        'procession: would ask POST /processings/17/retry {"reason": "again"}',
        "procession: would ask GET /health",
        "procession: would lock a",
    ]


def test_by_hand_a_parameter_that_is_not_there_is_told(place: Place) -> None:
    code, log = place.run("import procession\nprocession.current().params['scene']\n", inside=False)
    assert (code, log.splitlines()[-1]) == (
        1, "KeyError: 'scene: the event has no such parameter; it has none outside Procession'"
    )  # fmt: skip


def test_a_time_is_a_number_of_seconds() -> None:
    assert script.Retry(after=timedelta(minutes=2)).after == 120.0
