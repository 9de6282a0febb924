"""A reduction script is called with its variables, and what it makes is carried where it belongs; in every Python."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from procession import contract
from tests.supervise.reductions import ORDINARY, Reduction, interpreters


@pytest.fixture(params=list(interpreters()), ids=lambda path: Path(path).parts[-3])
def reduction(request: pytest.FixtureRequest, tmp_path: Path) -> Reduction:
    """In the oldest Python and in ours."""
    return Reduction(tmp_path, request.param)


@pytest.fixture
def ours(tmp_path: Path) -> Reduction:
    return Reduction(tmp_path)


# ── main and its variables ─────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M6", "M61", "M70", "M73")
def test_main_is_called_and_what_it_makes_lies_in_the_archive(reduction: Reduction) -> None:
    assert reduction.run() == 0, reduction.log
    assert reduction.there() == {"reduced.txt": "data data "}
    assert reduction.log == f"reducing {reduction.params['path']}\n"
    outputs = contract.read_left(reduction.attempt, frozenset({"output"}), "", "").outputs
    archive = str(reduction.archive / "version-1")
    assert outputs.pop("inputs") == [reduction.params["path"]]
    assert outputs == {"output_dir": str(reduction.into), "files": 1, "bytes": 10, "extra": [], "archive": archive}


@pytest.mark.feature("M7")
def test_the_kept_text_is_executed_whatever_lies_in_the_project_now(reduction: Reduction) -> None:
    words = reduction.words()
    kept = reduction.write("kept", ORDINARY.replace("reducing", "kept text reduces"))
    words[words.index("--text") + 1] = str(kept)
    reduction.words = lambda: words  # type: ignore[method-assign]
    assert reduction.run() == 0
    assert reduction.log.startswith("kept text reduces")
    text = (reduction.attempt / "reduce.py").read_bytes()
    assert text == kept.read_bytes()
    assert hashlib.sha256(text).hexdigest() in reduction.framework


@pytest.mark.feature("M61", "M59")
@pytest.mark.parametrize(
    "script",
    [
        "import reduce_vars as web_var\ndef main(input_file, output_dir): print(web_var.standard_vars)",
        "from reduce_vars import standard_vars\ndef main(input_file, output_dir): print(standard_vars)",
        "def main(input_file, output_dir): print(web_var.standard_vars)",
        "def main(input_file, output_dir):\n    import reduce_vars\n    print(reduce_vars.standard_vars)",
        "import importlib.util, os\n"
        "beside = os.path.join(os.path.dirname(__file__), 'reduce_vars.py')\n"
        "found = importlib.util.spec_from_file_location('v', beside)\n"
        "web_var = importlib.util.module_from_spec(found)\nfound.loader.exec_module(web_var)\n"
        "def main(input_file, output_dir): print(web_var.standard_vars)",
    ],
)
def test_chosen_values_replace_the_defaults_however_the_script_comes_by_them(
    ours: Reduction, script: str
) -> None:  # fmt: skip
    ours.write("reduce.py", script)
    assert ours.run(variables={"standard_vars": {"factor": 3, "new": None}, "advanced_vars": {}}) == 0, ours.log
    assert ours.log == "{'factor': 3, 'sample': 'vanadium', 'new': None}\n"
    assert "standard_vars['factor'] = 3" in ours.framework


@pytest.mark.feature("M61")
def test_a_script_without_variables_works_and_so_does_one_whose_file_of_them_is_missing(reduction: Reduction) -> None:
    (reduction.root / "reduce_vars.py").unlink()
    reduction.write("reduce.py", "def main(input_file, output_dir): print('nothing imported')")
    assert (reduction.run(), reduction.log) == (0, "nothing imported\n")
    reduction.number = 2
    reduction.write(
        "reduce.py", "import reduce_vars\ndef main(input_file, output_dir): print(reduce_vars.standard_vars)"
    )
    assert reduction.run(variables={"standard_vars": {"a": 1}}) == 0
    assert reduction.log == "{'a': 1}\n"


@pytest.mark.feature("M61")
def test_the_file_of_variables_may_have_another_name(ours: Reduction) -> None:
    ours.step = '{ reduce = "reduce.py", vars = "gem_vars.py", input = "{path}" }'
    ours.write("gem_vars.py", "advanced_vars = {'bank': 4}")
    ours.write(
        "reduce.py",
        "import gem_vars\ndef main(input_file, output_dir): print(gem_vars.advanced_vars, web_var is gem_vars)",
    )
    assert ours.run(variables={"advanced_vars": {"bank": 5}}) == 0, ours.log
    assert ours.log == "{'bank': 5} True\n"


@pytest.mark.feature("M6")
@pytest.mark.parametrize(
    "signature", ["input_file, output_dir", "data, folder", "*places", "input_file, output_dir, dry=False", "**named"]
)
def test_main_may_call_its_arguments_as_it_likes(ours: Reduction, signature: str) -> None:
    ours.write("reduce.py", f"def main({signature}): print('called')")
    assert (ours.run(), ours.log) == (0, "called\n")


@pytest.mark.feature("M68")
def test_several_inputs_are_given_as_a_list(reduction: Reduction) -> None:
    paths = [str(reduction.write(name, "x")) for name in ("1.nxs", "2.nxs")]
    reduction.write("reduce.py", "def main(input_file, output_dir): print(input_file)")
    reduction.params["path"] = paths
    assert (reduction.run(), reduction.log) == (0, f"{paths}\n")
    reduction.number, reduction.params = 2, {"path": paths[0], "run": "7"}
    reduction.step = '{ reduce = "reduce.py", input = ["{path}"] }'
    assert (reduction.run(), reduction.log) == (0, f"{paths[:1]}\n")


# ── what main returns ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M6", "M72")
@pytest.mark.parametrize(
    "form", ["'EXTRA'", "['EXTRA']", "__import__('pathlib').Path('EXTRA')", "('EXTRA', output_dir)"]
)
def test_directories_that_main_returns_get_everything_first(reduction: Reduction, form: str) -> None:
    extra = reduction.root / "user/results"
    text = f"""\
        def main(input_file, output_dir):
            open(output_dir + "/a.txt", "w").write("a")
            return {form.replace("EXTRA", str(extra))}
    """
    reduction.write("reduce.py", text)
    assert reduction.run() == 0, reduction.log
    assert reduction.there(extra) == reduction.there() == {"a.txt": "a"}
    assert reduction.framework.index(f"{extra}: 1 of 1") < reduction.framework.index(
        f"{reduction.archive}/version-1: 1 of 1"
    )
    assert reduction.errors == []


@pytest.mark.feature("M6")
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("42", "main returned a int; it returns nothing, a path, or a list of paths"),
        ("{'a': 1}", "main returned a dict; it returns nothing, a path, or a list of paths"),
        ("object()", "main returned a object; it returns nothing, a path, or a list of paths"),
        ("b'/bytes'", "main returned a bytes; it returns nothing, a path, or a list of paths"),
        ("(each for each in 'ab')", "main returned a generator; it returns nothing, a path, or a list of paths"),
        ("['TOP/one', 3]", "main returned a int among its paths, which is left out"),
        ("''", "main returned '' (0 characters), which is no path and is left out"),
        ("'x' * 10_000_000", f"main returned {'x' * 40!r} (10000000 characters), which is no path and is left out"),
        ("['\\ud83d']", "main returned '\\ud83d', which has half a character in it and is left out"),
        ("['TOP/one'] * 1_000_000", "main returned 1000000 paths; the first 100 are used"),
    ],
)  # fmt: skip
def test_another_answer_is_a_message_and_no_failure(ours: Reduction, answer: str, message: str) -> None:
    answer = answer.replace("TOP", str(ours.root))
    ours.write(
        "reduce.py",
        f"def main(input_file, output_dir):\n    open(output_dir + '/a', 'w').write('a')\n    return {answer}",
    )
    assert ours.run() == 0, ours.log
    assert ours.errors == [message]
    assert ours.there() == {"a": "a"}


@pytest.mark.feature("M72")
def test_a_directory_that_cannot_be_written_is_a_recorded_error_and_the_archive_is_served(reduction: Reduction) -> None:
    reduction.write("file", "no directory")
    good = reduction.root / "good"
    reduction.write(
        "reduce.py",
        f"def main(i, o):\n    open(o + '/a', 'w').write('a')\n    return ['{reduction.root}/file/below', '{good}']",
    )
    assert reduction.run() == 0, reduction.log
    (error,) = reduction.errors
    assert error.startswith(f"nothing was copied to {reduction.root}/file/below, or not everything: ")
    assert reduction.there(good) == reduction.there() == {"a": "a"}
    assert error in reduction.framework


# ── versions, overwriting ──────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M73", "M57")
def test_every_version_has_a_folder_of_its_own_or_all_share_one(ours: Reduction) -> None:
    assert ours.run() == 0
    ours.version, ours.number = 2, 2
    assert ours.run(variables={"standard_vars": {"factor": 1}}) == 0
    assert ours.there(ours.archive) == {"version-1/reduced.txt": "data data ", "version-2/reduced.txt": "data "}

    ours.step = '{ reduce = "reduce.py", input = "{path}", output = "flat/{run}", versions = false, overwrite = true }'
    for ours.number, factor in ((3, 1), (4, 3)):
        assert ours.run(variables={"standard_vars": {"factor": factor}}) == 0
        assert ours.there(ours.root / "flat/7") == {"reduced.txt": "data " * factor}


@pytest.mark.feature("M73")
def test_what_somebody_else_has_put_there_is_not_replaced_unless_told(ours: Reduction) -> None:
    ours.step = '{ reduce = "reduce.py", input = "{path}", output = "flat", versions = false }'
    other = ours.write("flat/reduced.txt", "of somebody else")
    assert ours.run() == 1
    assert ours.last == f"{other} is there with other content: remove it, deliver elsewhere, or allow to overwrite"
    assert other.read_text() == "of somebody else"
    assert ours.there(ours.attempt / "reduced") == {"reduced.txt": "data data "}
    other.unlink()
    ours.number = 2
    assert ours.run() == 0
    ours.number = 3
    assert ours.run(variables={"standard_vars": {"factor": 1}}) == 0, (
        "what this step itself has put there may be replaced"
    )
    assert other.read_text() == "data "
    other.write_text("corrected by a person")
    ours.number = 4
    assert ours.run() == 1
    assert other.read_text() == "corrected by a person"


# ── logs and plots ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M77", "M70")
def test_what_the_script_says_and_what_was_done_are_two_logs(reduction: Reduction) -> None:
    reduction.step = reduction.step.replace(" }", ', logs = "logs/{run}" }')
    reduction.write(
        "reduce.py", "import sys\ndef main(i, o):\n    print('to one')\n    print('to the other', file=sys.stderr)"
    )
    assert reduction.run() == 0
    assert sorted(reduction.log.splitlines()) == ["to one", "to the other"]
    told = reduction.framework
    for text in (
        f"input {reduction.params['path']}: 5 bytes",
        f"{reduction.archive}/version-1 is there and can be written",
        f"{reduction.python} (Python ", "exit code 0", "0 of 0 files copied",
    ):  # fmt: skip
        assert text in told
    assert "to one" not in told
    logs = reduction.there(reduction.root / "logs/7")
    assert list(logs) == ["12-reduce-1.framework.log", "12-reduce-1.log"]
    assert logs["12-reduce-1.log"] == reduction.log


def test_a_log_takes_the_place_of_a_link_and_what_it_led_to_stays(reduction: Reduction) -> None:
    reduction.step = reduction.step.replace(" }", ', logs = "logs/{run}" }')
    mine = reduction.root / "mine.txt"
    mine.write_text("precious")
    (reduction.root / "logs/7").mkdir(parents=True)
    copied = reduction.root / "logs/7/12-reduce-1.log"
    copied.symlink_to(mine)
    assert reduction.run() == 0
    assert mine.read_text() == "precious"
    assert (copied.is_symlink(), copied.read_text()) == (False, reduction.log)


@pytest.mark.feature("M81")
def test_plots_are_shown_as_artifacts(reduction: Reduction) -> None:
    reduction.write(
        "reduce.py",
        """\
        import json, os
        def main(input_file, output_dir):
            os.makedirs(output_dir + "/plots")
            for name in ("a.png", "plots/b.svg", "c.plotly.json", "data.nxs", "d.json"):
                open(os.path.join(output_dir, name), "w").write(name)
            os.symlink("/etc/passwd", output_dir + "/secret.png")
        """,
    )
    reduction.run()
    artifacts = reduction.attempt / "artifacts"
    assert list(reduction.there(artifacts)) == ["a.png", "c.plotly.json", "plots/b.svg"]
    reduction.number, reduction.step = 2, reduction.step.replace(" }", ', artifacts = ["*.json"] }')
    reduction.run()
    assert list(reduction.there(reduction.attempt / "artifacts")) == ["c.plotly.json", "d.json"]


def test_the_parts_are_python_3_8() -> None:
    import ast  # noqa: PLC0415

    from procession.supervise import deliver, places, reduced, reducer, reducing  # noqa: PLC0415

    for module in (deliver, places, reduced, reducer, reducing):
        tree = ast.parse(Path(module.__file__).read_text(), feature_version=(3, 8))
        names = {n.names[0].name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import)}
        names |= {
            (n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level
        }
        assert names <= sys.stdlib_module_names | {"procession"}


def test_the_outputs_are_json(ours: Reduction) -> None:
    ours.run()
    assert json.loads((ours.attempt / "output").read_text())["files"] == 1
