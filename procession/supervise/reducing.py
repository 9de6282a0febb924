"""The script of a reduction in its own process: text executed, variables put in, ``main`` called.

In: the text of ``reduce.py`` and of ``reduce_vars.py``, values that replace its defaults, inputs and the output
directory. Out: the file of `Order.returned` with what ``main`` returned, as it is understood; what the script prints
goes where this process prints. Always: it is the given text that is executed, whatever lies in the project now; a
script that imports no variables works; an answer that cannot be understood is a message, never a crash.

Standard library only, Python 3.8 or newer: it runs in whatever interpreter the step has, loaded by `reducer.py`.
"""

from __future__ import annotations

import inspect
import json
import linecache
import os
import sys
import traceback
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any, Callable, NoReturn

MAX_PLACES = 100
"""Directories that ``main`` may return."""
MAX_PATH = 4096
KINDS = ("standard_vars", "advanced_vars", "variable_help")
NAME_OF_VARIABLES = "reduce_vars"


@dataclass(frozen=True)
class Source:
    """A file of Python as it was kept."""

    path: str
    """Where it lies in the project: its ``__file__``, and where it finds what it imports from beside it."""
    text: bytes

    @property
    def stem(self) -> str:
        """Its name as a module."""
        return os.path.splitext(os.path.basename(self.path))[0]


@dataclass(frozen=True)
class Order:
    """What one reduction is asked for."""

    script: Source
    defaults: Source | None
    """The file of variables; None: there is none."""
    variables: dict[str, dict[str, Any]]
    """``standard_vars`` and ``advanced_vars``: values that replace the defaults."""
    inputs: str | list[str]
    output_dir: str
    returned: str
    """Where to write what came of it."""


def reduce(order: Order) -> None:
    """Do it; ends the process where the script fails or ends itself."""
    sys.argv[:] = [order.script.path]
    sys.path[0:0] = [os.path.dirname(order.script.path)]
    variables = _variables(order)
    module = _module(order.script)
    module.__dict__["web_var"] = variables
    _execute(order.script, module)
    _put_in(module.__dict__.get("web_var"), order.variables)
    main = module.__dict__.get("main")
    if not callable(main):
        _fail(f"{order.script.path} has no function main(input_file, output_dir); define it, it is what is called")
    try:
        answer = _call(main, order)
    except SystemExit:
        _write(order.returned, {"places": [], "messages": [], "exited": True})
        raise
    except BaseException:
        _tell_and_end(order)
    places, messages = understood(answer)
    _write(order.returned, {"places": places, "messages": messages, "exited": False})


# ── variables ──────────────────────────────────────────────────────────────────────────────────────


def _variables(order: Order) -> ModuleType:
    """The module ``reduce_vars``, as the script imports it: the defaults, replaced by the values of this reduction."""
    module = ModuleType(NAME_OF_VARIABLES)
    if order.defaults is not None:
        module.__file__ = order.defaults.path
        sys.modules[order.defaults.stem] = module
    sys.modules[NAME_OF_VARIABLES] = module
    if order.defaults is not None:
        _execute(order.defaults, module)
    for kind in KINDS:
        module.__dict__.setdefault(kind, {})
    _put_in(module, order.variables)
    return module


def _put_in(module: Any, values: dict[str, dict[str, Any]]) -> None:
    """Replace defaults, in the dictionaries that are there, for somebody may hold them already."""
    for kind, wanted in values.items():
        there = getattr(module, kind, None)
        if isinstance(there, dict):
            there.update(wanted)
        elif module is not None and wanted:
            try:
                setattr(module, kind, dict(wanted))
            except (AttributeError, TypeError):
                _fail(f"the script has put a {type(module).__name__} in place of web_var, which takes no {kind}")


# ── the script ─────────────────────────────────────────────────────────────────────────────────────


def _module(source: Source) -> ModuleType:
    """An empty module of its name, which others can import; of another name where that one is taken."""
    name = source.stem if source.stem.isidentifier() and source.stem not in sys.modules else "reduction_script"
    module = ModuleType(name)
    module.__file__ = source.path
    sys.modules[name] = module
    return module


def _execute(source: Source, module: ModuleType) -> None:
    """Execute the kept text; a traceback shows its lines, whatever lies at its path now."""
    code = _compiled(source)
    try:
        exec(code, module.__dict__)  # noqa: S102  the script is what the project asks for
    except SystemExit as error:
        if type(error) is SystemExit and error.code in (None, 0):
            _fail(f"{source.path} ended itself when it was loaded, before main was called; remove the exit")
        raise
    except BaseException:
        _tell_and_end(source)


def _compiled(source: Source) -> CodeType:
    try:
        shown = source.text.decode("utf-8", "replace").splitlines(keepends=True)
        linecache.cache[source.path] = (len(source.text), None, shown, source.path)
        return compile(source.text, source.path, "exec")
    except (SyntaxError, ValueError) as error:
        traceback.print_exception(type(error), error, None)
        _fail(f"{source.path} is no Python that {sys.executable} can read: {error}")


def _call(main: Callable[..., Any], order: Order) -> Any:
    """By keyword where it has these names, by place where it has others."""
    named = {"input_file": order.inputs, "output_dir": order.output_dir}
    try:
        signature = inspect.signature(main)
    except (TypeError, ValueError):  # it is not written in Python
        return main(*named.values())
    if _takes(signature, **named):
        return main(**named)
    if not _takes(signature, *named.values()):
        _fail(f"{order.script.path} has main{signature}, which cannot be called with an input and an output directory")
    return main(*named.values())


def _takes(signature: inspect.Signature, *places: Any, **named: Any) -> bool:
    try:
        signature.bind(*places, **named)
    except TypeError:
        return False
    return True


def _tell_and_end(whose: Order | Source) -> NoReturn:
    """The traceback as the script's author knows it: from its own first line on."""
    kind, error, trace = sys.exc_info()
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.stdout.flush()
    traceback.print_exception(kind, error, trace)
    sys.exit(1)


def _fail(text: str) -> NoReturn:
    sys.stdout.flush()
    print(" ".join(text.split()), file=sys.stderr)
    sys.exit(1)


# ── what it returned ───────────────────────────────────────────────────────────────────────────────


def understood(answer: Any) -> tuple[list[str], list[str]]:
    """Directories, absolute, and messages about what is none."""
    if answer is None:
        return [], []
    single = isinstance(answer, (str, os.PathLike))
    if not single and not isinstance(answer, (list, tuple)):
        return [], [f"main returned a {_kind(answer)}; it returns nothing, a path, or a list of paths"]
    asked = [answer] if single else list(answer)
    places, messages = [], []
    for each in asked[:MAX_PLACES]:
        try:
            places.append(_place(each))
        except ValueError as error:
            messages.append(f"main returned {error}")
    if len(asked) > MAX_PLACES:
        messages.append(f"main returned {len(asked)} paths; the first {MAX_PLACES} are used")
    return list(dict.fromkeys(places)), messages


def _place(each: Any) -> str:
    if not isinstance(each, (str, os.PathLike)):
        raise ValueError(f"a {_kind(each)} among its paths, which is left out")
    text = os.fspath(each)
    if not isinstance(text, str):
        raise ValueError("a path of bytes, which is left out: write it as text")
    if not text or "\0" in text or len(text) > MAX_PATH:
        raise ValueError(f"{text[:40]!r} ({len(text)} characters), which is no path and is left out")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError(f"{text[:40]!r}, which has half a character in it and is left out") from None
    return os.path.abspath(text)


def _kind(value: Any) -> str:
    return type(value).__name__[:60]


def _write(path: str, answer: dict[str, Any]) -> None:
    part = f"{path}.part"
    try:
        with open(part, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(answer, file)
        os.rename(part, path)
    except OSError as error:
        sys.stdout.flush()
        print(f"environment: what main returned cannot be kept: {path}: {error.strerror}", file=sys.stderr)
        sys.exit(75)
