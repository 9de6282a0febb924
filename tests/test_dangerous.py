"""Nothing that can run what it reads: no pickle, eval or exec, but in the modules that are for it."""

import ast
from pathlib import Path

import procession

ROOT = Path(procession.__file__).parent
MODULES = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "code"}
CALLS = {"eval", "exec", "compile", "__import__"}
MAY = {
    "supervise/pickled.py": {"pickle"},
    "supervise/reducing.py": {"compile", "exec"},  # in the script's own process: the script is what was asked for
}


def dangers(text: str) -> set[str]:
    """What of it a module imports or calls."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found |= {name.name.partition(".")[0] for name in names} & MODULES
            case ast.ImportFrom(module=str(module), level=0):
                found |= {module.partition(".")[0]} & MODULES
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                found.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="yaml"), attr=attr)) if not attr.startswith("safe_"):
                found.add(f"yaml.{attr}")
    return found


def test_only_one_module_reads_pickles_and_one_runs_text_which_is_the_users_script() -> None:
    found = {}
    for path in ROOT.rglob("*.py"):
        name = str(path.relative_to(ROOT))
        if more := dangers(path.read_text()) - MAY.get(name, set()):
            found[name] = more
    assert found == {}


def test_the_search_finds_what_it_looks_for() -> None:
    assert dangers("import pickle") == {"pickle"}
    assert dangers("from marshal import loads") == {"marshal"}
    assert dangers("eval('1'); exec('2'); yaml.load(x)") == {"eval", "exec", "yaml.load"}
    assert dangers("yaml.safe_load(x); re.compile('a')") == set()
