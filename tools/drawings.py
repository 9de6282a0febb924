"""Draw into the documentation what can be drawn from the code: machines, tables, floors, chapters, commands, errors.

    python tools/drawings.py [--check]

*In:* the code, and Markdown files with ``<!-- drawn: NAME -->`` … ``<!-- end -->``. *Out:* the same files, what
stands between the two lines drawn anew; with ``--check`` nothing is written and the exit code says whether all of it
is as the code is. *Always:* the text outside the two lines is left alone.
"""

from __future__ import annotations

import configparser
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from sqlalchemy import Table

from procession import errors
from procession.cli.main import COMMANDS, group
from procession.definitions import schema_json
from procession.launcher.loop import CHAPTERS
from procession.model.states import MACHINES
from procession.store import schema
from procession.verbs import load

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "procession/definitions/procession.schema.json"
DOCS = ROOT / "docs"
DRAWN = re.compile(r"(<!-- drawn: ([a-z]+)(?: ([a-z-]+))? -->\n)(.*?)(<!-- end -->)", re.DOTALL)

TABLES = {
    "installation": "one row: which installation this is, and what its files said when they were last read",
    "event": "every event once, with its parameters; never changed but for the counts of repeats and conflicts",
    "event_key": "name and key of every event; outlives the event, so that a repeat is known long after",
    "definition": "the resolved form of a task, immutable, by the hash of its text",
    "task": "which definition each task has now, and the last nominal time of a periodic one",
    "processing": "one event through one task: state and moments; its own reason where it ended otherwise than well",
    "step": "one step of a processing: state, number of the latest attempt, when it is due again",
    "attempt": "one try at a step: append-only, live until it has an outcome",
    "output": "values that steps left for later steps and for the result",
    "launcher": "who serves or served this project: host, place, process, boot, last sign of life",
    "setting": "what was changed while it runs; holds over the file until it is reset",
    "tally": "counts by the hour of what came and how it ended, and beside them the sum of what is there",
    "message": "what people should know: one row for each cause, however often it occurs",
    "cause": "why attempts at a step failed: one row for each reason, counted",
    "cause_note": "what people have noted on a cause",
    "view": "a filter of processings that somebody has given a name",
    "counter": "where each counter of runs stands, and which runs are waited for",
    "source": "sources and experiments, known from the first processing on that names them",
    "watch": "how each watched pattern stood at its last look, and when it was first seen",
    "slot": "one set of pieces that is being collected, or was",
    "piece": "an event that is a piece of a set",
    "journal": "append-only: what moved, when, by whom and why",
    "refusal": "what came and could not be taken: as it was, and why; the newest ten thousand",
    "input": "what an event brings to a function beside its parameters",
    "result": "what a processing came to, served as it is",
    "lock_hold": "a lock that somebody has; its id is its fencing number",
    "lock_wait": "somebody who waits for a set of locks; first come, first served",
    "delivery": "what is to be sent out, written in the transaction of the change that it tells of",
    "variable_set": "values for processings that are still to come: by runs, by group or by filter",
    "tombstone": "a cancel that came before its event",
    "bridge": "what went over each bridge",
    "bridge_link": "a connection of a bridge to its broker, or why there is none",
    "outbox": "a message that is to be published; it goes when the broker has confirmed it",
    "batch": "a verb over all that a query finds, done in small pieces by the flow",
    "batch_done": "what a batch has done: the processing, or the new version of it",
    "account": "a person who may log in: role, groups of tasks, hashed password",
    "token": "what lets a caller in, by the hash of its secret: tokens, login links, sessions",
    "audit": "append-only: who asked for what, from where, and what came of it",
    "answer": "what a caller was answered who gave an idempotency key",
}
"""What a row of each table is; a table that is not here cannot be drawn."""


def machine(noun: str) -> Iterator[str]:
    """A state machine: the drawing, and every arrow with its meaning."""
    drawn = MACHINES[noun]
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {drawn.states[0]}: submit"
    for move in drawn.moves.values():
        for source in move.sources:
            yield f"    {source} --> {move.target}: {move.verb}"
    for state in drawn.states:
        if state in drawn.terminal:
            yield f"    {state} --> [*]"
    yield "```"
    yield ""
    yield "| move | from | to | asked by | meaning |"
    yield "|---|---|---|---|---|"
    for move in drawn.moves.values():
        sources = ", ".join(f"`{source}`" for source in move.sources)
        yield f"| `{move.verb}` | {sources} | `{move.target}` | {move.by} | {move.meaning} |"


def chapters() -> Iterator[str]:
    """The chapters in the order of a turn, each with its first line."""
    for number, chapter in enumerate(CHAPTERS, 1):
        module = inspect.getmodule(chapter)
        assert module and module.__doc__
        where = module.__name__.removeprefix("procession.").replace(".", "/")
        yield f"{number}. `{where}.py`: {module.__doc__.splitlines()[0]}"


def tables() -> Iterator[str]:
    """Every table in one line, every index with the question that it answers."""
    source = inspect.getsource(schema)
    for table in schema.metadata.sorted_tables:
        yield f"* **`{table.name}`**: {TABLES[table.name]}. Key: {_key(table)}."
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield f"  * `{index.name}`: {_purpose(source, str(index.name))}"


def _key(table: Table) -> str:
    return ", ".join(f"`{column.name}`" for column in table.primary_key.columns)


def _purpose(source: str, index: str) -> str:
    """The comment of an index: behind it on its line, or on the line above."""
    found = re.search(rf'# ([^\n]+)\n\s*Index\(\s*"{index}"', source) or re.search(
        rf'Index\("{index}"[^\n#]*# ([^\n]+)', source
    )
    assert found, f"store/schema.py does not say what {index} is for; write it as a comment"
    return found[1]


def floors() -> Iterator[str]:
    """The floors as the import rules have them, the ways in first."""
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    yield "```text"
    for line in rules["importlinter:contract:floors"]["layers"].strip().splitlines():
        yield re.sub(r"[()]", "", line)
    yield "```"


def commands() -> Iterator[str]:
    """All commands by their sections."""
    for section, some in COMMANDS.items():
        yield f"**{section}**"
        yield ""
        yield from (f"* [`{name}`](#{name}): {line}" for name, (_, line) in some.items())
        yield ""


def command(name: str) -> Iterator[str]:
    """One command: how it is called, what it does, its options."""
    context = click.Context(group, info_name="procession", **group.context_settings)
    found = group.get_command(context, name)
    assert found
    inner = click.Context(found, info_name=name, parent=context)
    usage = " ".join(["procession", name, *found.collect_usage_pieces(inner)])
    yield "```text"
    yield usage
    yield "```"
    yield ""
    yield re.sub(r"\x08\n(.*?)(?=\n\n|\Z)", r"```text\n\1\n```", inspect.cleandoc(found.help or ""), flags=re.DOTALL)
    yield ""
    yield from _options(found, inner)


def options() -> Iterator[str]:
    """The options that stand before the command."""
    yield from _options(group, click.Context(group, info_name="procession", **group.context_settings))


def _options(found: click.Command, context: click.Context) -> Iterator[str]:
    yield "| option | meaning |"
    yield "|---|---|"
    for parameter in found.get_params(context):
        written = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if written:
            name, meaning = (re.sub(" +", " ", text).replace("|", "\\|") for text in written)
            yield f"| `{name}` | {meaning} |"


def routes() -> Iterator[str]:
    """Every verb: method and path, its scope, what it does."""
    yield "| verb | route | scope | what |"
    yield "|---|---|---|---|"
    for verb in sorted(load().values(), key=lambda each: (each.path, each.method)):
        told = (verb.act.__doc__ or "").strip().splitlines()[0]
        yield f"| `{verb.name}` | `{verb.method} {verb.path}` | `{verb.scope}` | {told} |"


def tree() -> Iterator[str]:
    """The errors, as their module draws them."""
    drawn = (errors.__doc__ or "").split("::\n\n")[1].split("\n\n")[0]
    yield "```text"
    yield inspect.cleandoc(drawn)
    yield "```"
    yield ""
    yield "| error | exit code | meaning |"
    yield "|---|---|---|"
    for name, error in inspect.getmembers(errors, inspect.isclass):
        yield f"| `{name}` | {error.exit_code} | {(error.__doc__ or '').splitlines()[0]} |"


PLAIN: dict[str, Callable[[], Iterator[str]]] = {
    "chapters": chapters,
    "tables": tables,
    "floors": floors,
    "routes": routes,
    "commands": commands,
    "options": options,
    "tree": tree,
}
WITH_NAME: dict[str, Callable[[str], Iterator[str]]] = {"machine": machine, "command": command}


def drawn(text: str) -> str:
    """The text of a file with everything in it drawn anew."""

    def draw(found: re.Match[str]) -> str:
        what, name = found[2], found[3]
        lines = WITH_NAME[what](name) if name else PLAIN[what]()
        return found[1] + "\n".join(re.sub(r" +$", "", line) for line in lines).rstrip() + "\n" + found[5]

    return DRAWN.sub(draw, text)


def stale() -> dict[Path, str]:
    """Files that are not as the code is, and their text as it should be."""
    texts = {path: path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md"))}
    found = {path: new for path, text in texts.items() if (new := drawn(text)) != text}
    reference = drawn((DOCS / "reference/toml.md").read_text("utf-8"))
    made = json.dumps(schema_json.make(reference), ensure_ascii=False, indent=1) + "\n"
    return found if SCHEMA.read_text("utf-8") == made else {**found, SCHEMA: made}


def main() -> int:
    """Draw, or say what is not as the code is."""
    importlib.import_module("procession.cli.main")
    found = stale()
    check = sys.argv[1:] == ["--check"]
    for path, text in found.items():
        if not check:
            path.write_text(text, "utf-8")
        print(f"{path.relative_to(ROOT)} {'is not as the code is' if check else 'drawn'}")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
