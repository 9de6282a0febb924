"""A reduction as a process of its own: the command that the definition makes, in the environment of an attempt."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from procession import contract
from procession.definitions import read

STEP = '{ reduce = "reduce.py", input = "{path}", output = "archive/{run}" }'
ORDINARY = """\
    import os
    import reduce_vars as web_var

    def main(input_file, output_dir):
        print("reducing", input_file)
        with open(input_file) as data, open(os.path.join(output_dir, "reduced.txt"), "w") as reduced:
            reduced.write(data.read() * web_var.standard_vars["factor"])
"""
VARIABLES = """\
    standard_vars = {"factor": 2, "sample": "vanadium"}
    advanced_vars = {"bins": [1, 2]}
    variable_help = {"standard_vars": {"factor": "how often"}}
"""


def interpreters() -> Iterator[str]:
    """The oldest Python from 3.8 that is at hand, and ours."""
    for minor in range(8, sys.version_info.minor):
        if known := sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")):
            yield str(known[0])
            break
    yield sys.executable


@dataclass
class Reduction:
    """A project with one reduction step, and where its attempts have their things."""

    root: Path
    python: str = sys.executable
    step: str = STEP
    number: int = 1
    version: int = 1
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work.mkdir(parents=True)
        self.write("reduce.py", ORDINARY)
        self.write("reduce_vars.py", VARIABLES)
        self.params = {"path": str(self.write("run.nxs", "data ")), "run": "7", **self.params}

    @property
    def work(self) -> Path:
        return self.root / "var/files"

    @property
    def step_dir(self) -> Path:
        return self.root / "var/01-reduce"

    @property
    def attempt(self) -> Path:
        return self.step_dir / str(self.number)

    @property
    def into(self) -> Path:
        return self.work / "reduce-output"

    @property
    def archive(self) -> Path:
        return self.root / "archive/7"

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def words(self, **places: Path) -> list[str]:
        """The command, as the definition and the event make it."""
        self.write(
            "procession.toml",
            f'[project]\npython = "{self.python}"\n[tasks.t]\non = "run"\nsteps = [\n{self.step}\n]\n',
        )
        plan = read(self.root).tasks[0].step(1)
        return plan.command.render(self.params, {}, {"project": str(self.root), "work": str(self.work)})

    def environment(self, variables: Mapping[str, Any] | None = None) -> dict[str, str]:
        (self.attempt / "artifacts").mkdir(parents=True, exist_ok=True)
        order = contract.Order(
            f"0a-12-1-{self.number}", "t", 12, 1, "reduce", self.number, self.params, str(self.work),
            str(self.step_dir), str(self.attempt), str(self.root / "event.json"), version=self.version,
            variables=None if variables is None else json.dumps(variables),
        )  # fmt: skip
        if variables is not None:
            Path(order.variables_file).write_text(json.dumps(variables))
        return {"PATH": os.environ["PATH"], **contract.environment(order)}

    def start(self, *before: str, variables: Mapping[str, Any] | None = None) -> subprocess.Popen[bytes]:
        with (self.attempt_made() / "log").open("ab") as log:
            return subprocess.Popen(
                [*before, *self.words()], cwd=self.work, env=self.environment(variables), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def run(self, *before: str, variables: Mapping[str, Any] | None = None) -> int:
        """The exit code, negative for a signal."""
        return self.start(*before, variables=variables).wait(60)

    def attempt_made(self) -> Path:
        self.attempt.mkdir(parents=True, exist_ok=True)
        return self.attempt

    @property
    def log(self) -> str:
        return (self.attempt / "log").read_text()

    @property
    def last(self) -> str:
        return (self.log.splitlines() or [""])[-1]

    @property
    def framework(self) -> str:
        return (self.attempt / "framework.log").read_text()

    @property
    def errors(self) -> list[str]:
        return contract.recorded_errors(self.attempt) if (self.attempt / "errors").exists() else []

    def there(self, place: Path | None = None) -> dict[str, str]:
        """Path → content of all files at a place, the archive of version 1 if nothing else is said."""
        top = place or self.archive / "version-1"
        return {str(path.relative_to(top)): path.read_text() for path in sorted(top.rglob("*")) if path.is_file()}
