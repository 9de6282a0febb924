"""The JSON Schema of the task file, for editors: made from the same classes that read it.

Meanings come from the tables of ``docs/reference/toml.md``, so that there is one text for each key.
``procession/definitions/procession.schema.json`` is this, as it was last drawn; a test compares the two.
"""

from __future__ import annotations

import re
from typing import Any

from procession.definitions import project_tables, task_tables, values
from procession.definitions.tables import Table

_MODELS: dict[str, type[Table]] = {
    "[project]": project_tables.ProjectTable,
    "[launcher]": project_tables.LauncherTable,
    "[environment]": project_tables.EnvironmentTable,
    "[tasks.NAME]": task_tables.TaskTable,
    "steps": task_tables.StepTable,
    "Options of a step": task_tables.Options,
    "retry": task_tables.Retry,
    "limits of a step": task_tables.LimitsOfStep,
    "soft": task_tables.SoftTable,
    "expect": task_tables.ExpectTable,
    "[work]": project_tables.WorkTable,
    "[queues.NAME]": project_tables.QueueTable,
    "[web]": project_tables.WebTable,
    "[reruns]": project_tables.RerunsTable,
    "[tasks.NAME.variables]": task_tables.VariableTable,
    "keep": project_tables.KeepTable,
    "[bridges]": project_tables.BridgeTable,
    "publish": project_tables.PublishTable,
    "[sets]": task_tables.SetTable,
    "pieces": task_tables.PiecesTable,
    "[alerts]": project_tables.AlertsTable,
    "[rules]": project_tables.RuleTable,
    "results": task_tables.ResultsTable,
}
"""Heading in toml.md → what reads the keys under it."""
SHARED = ("Options of a step", "reduce")
"""Headings under which keys of several tables are explained."""
_QUANTITY = {"type": ["string", "number"]}
_COMMAND = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_SHAPES: dict[str, Any] = {
    "run": _COMMAND,
    "uses": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object"}]},
    "when": {"type": ["string", "object"]},
    "where": {"type": ["string", "object"]},
    "skip_when": {"type": ["string", "object"]},
    "input": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]},
    "steps": {"type": "array", "minItems": 1, "items": {"anyOf": [*_COMMAND["anyOf"], {"$ref": "#/$defs/StepTable"}]}},
    "defaults": {"$ref": "#/$defs/Options"},
    "variables": {"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#/$defs/VariableTable"}, {}]}},
    "command": _COMMAND,
    "url": _TEXTS,
    "subscribe": _TEXTS,
    "params": {"type": "object"},
    "wanted": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": {"type": "string"}}]},
}
"""Keys whose readers take more than their types say."""


def make(reference: str) -> dict[str, Any]:
    """The schema, with the meanings that the text of toml.md gives."""
    meanings = _meanings(reference)
    defs: dict[str, Any] = {}
    for heading, model in _MODELS.items():
        made = model.model_json_schema(by_alias=True)
        for name, inner in made.pop("$defs", {}).items():
            defs.setdefault(name, inner)
        defs[model.__name__] = made
        for key, shape in made["properties"].items():
            said = next((found for h in (heading, *SHARED) if (found := meanings.get(h, {}).get(key))), None)
            made["properties"][key] = _plain(key, shape, model)
            if said:
                made["properties"][key]["description"] = said
    for each in defs.values():
        each.pop("title", None)
        each.pop("description", None)  # of the class, for those who read the code
    for name in defs.keys() - {model.__name__ for model in _MODELS.values()}:
        inner = vars(task_tables).get(name) or vars(project_tables)[name]
        defs[name]["properties"] = {k: _plain(k, shape, inner) for k, shape in defs[name]["properties"].items()}
    sections = {
        "project": {"$ref": "#/$defs/ProjectTable"},
        "launcher": {"$ref": "#/$defs/LauncherTable"},
        "environment": {"$ref": "#/$defs/EnvironmentTable"},
        "limits": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
        "queues": {"type": "object", "additionalProperties": {"$ref": "#/$defs/QueueTable"}},
        "web": {"$ref": "#/$defs/WebTable"},
        "variables": {"type": "object"},
        "work": {"$ref": "#/$defs/WorkTable"},
        "tasks": {"type": "object", "additionalProperties": {"$ref": "#/$defs/TaskTable"}},
    }
    others = {
        "sets": {"type": "object", "additionalProperties": {"$ref": "#/$defs/SetTable"}},
        "alerts": {"$ref": "#/$defs/AlertsTable"},
        "bridges": {"type": "object", "additionalProperties": {"$ref": "#/$defs/BridgeTable"}},
        "rules": {"type": "array", "items": {"$ref": "#/$defs/RuleTable"}},
        "reruns": {"$ref": "#/$defs/RerunsTable"},
    }
    host = {"type": "object", "additionalProperties": False, "properties": {**sections, "tasks": {"type": "object"}}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "procession.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": {**sections, **others, "hosts": {"type": "object", "additionalProperties": host}},
        "$defs": dict(sorted(defs.items())),
    }


def _plain(key: str, shape: dict[str, Any], model: type[Table]) -> dict[str, Any]:
    """What TOML can hold of it: no null, and quantities as texts too."""
    if key in _SHAPES:
        return {**_SHAPES[key], **{k: v for k, v in shape.items() if k == "description"}}
    found = {k: v for k, v in shape.items() if k not in ("default", "title", "anyOf")}
    kinds = [each for each in shape.get("anyOf", ()) if each != {"type": "null"}]
    if len(kinds) == 1:
        found = {**kinds[0], **found}
    elif kinds:
        found["anyOf"] = kinds
    if key in quantities(model):
        found = {**{k: v for k, v in found.items() if k == "description"}, **_QUANTITY}
    return found


def quantities(model: type[Table]) -> set[str]:
    """Keys that hold a duration or a size: written as a text with a unit, or as a bare number."""
    kinds: tuple[Any, ...] = (values.Duration, values.Timeout, values.Period, values.Size)
    readers = [kind.__metadata__[0] for kind in kinds]
    names = set()
    for name, field in model.model_fields.items():
        inner = str(field.annotation)
        if any(reader in field.metadata or str(reader) in inner for reader in readers):
            names.add(field.alias or name)
    return names


def _meanings(reference: str) -> dict[str, dict[str, str]]:
    """Heading → key → meaning, from the tables of the reference; links and marks are left out."""
    found: dict[str, dict[str, str]] = {}
    heading = ""
    for line in reference.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()
        elif row := re.fullmatch(r"\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|", line):
            default = "" if row[3].strip() in ("–", "-") else f" (default: {row[3].strip()})"
            text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", row[4].strip() + default).replace("`", "")
            found.setdefault(heading, {})[row[1]] = text
    return found
