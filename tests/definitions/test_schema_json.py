"""The JSON Schema for editors knows every key, with its meaning, and is as the classes are."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from procession import definitions
from procession.definitions import project_tables, schema_json, task_tables
from tests.docs.reading import DOCS, blocks

REFERENCE = (DOCS / "reference/toml.md").read_text()
SHIPPED = Path(definitions.__file__).parent / "procession.schema.json"


@pytest.mark.feature("P2")
def test_the_shipped_schema_is_as_the_classes_and_the_reference_are() -> None:
    assert json.loads(SHIPPED.read_text()) == schema_json.make(REFERENCE), "draw it anew: python tools/drawings.py"


@pytest.mark.feature("P2")
def test_every_key_has_a_meaning_and_a_kind() -> None:
    made = schema_json.make(REFERENCE)
    for model in (
        project_tables.ProjectTable,
        project_tables.LauncherTable,
        task_tables.TaskTable,
        task_tables.StepTable,
        task_tables.Retry,
    ):
        properties = made["$defs"][model.__name__]["properties"]
        assert set(properties) == {field.alias or name for name, field in model.model_fields.items()}
        for key, shape in properties.items():
            assert shape.get("description"), f"{model.__name__}.{key}"
            assert {"type", "anyOf", "$ref", "enum", "items"} & set(shape), f"{model.__name__}.{key}: {shape}"
    assert made["$defs"]["TaskTable"]["properties"]["timeout"]["type"] == ["string", "number"]
    assert '"null"' not in json.dumps(made)
    assert set(made["properties"]) == set(project_tables.MainFile.model_fields)


def fits(value: Any, shape: dict[str, Any], made: dict[str, Any]) -> bool:
    """As much of the rules of JSON Schema as this schema uses."""
    if "$ref" in shape:
        return fits(value, made["$defs"][shape["$ref"].rpartition("/")[2]], made)
    if "anyOf" in shape:
        return any(fits(value, each, made) for each in shape["anyOf"])
    kinds = shape.get("type", [])
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    kind = names[type(value)]
    said = [kinds] if isinstance(kinds, str) else kinds
    if said and kind not in said and not (kind == "integer" and "number" in said):
        return False
    if isinstance(value, list):
        return all(fits(each, shape.get("items", {}), made) for each in value)
    if isinstance(value, dict):
        more = shape.get("additionalProperties", True)
        known = shape.get("properties", {})
        shapes = {key: known.get(key, more) for key in value}
        return all(fits(value[key], shape, made) if isinstance(shape, dict) else shape for key, shape in shapes.items())
    return True


def test_the_example_of_the_reference_fits_and_a_misspelt_key_does_not() -> None:
    made = json.loads(SHIPPED.read_text())
    (example,) = [block.text for block in blocks(REFERENCE) if block.language == "toml"]
    tables = tomllib.loads(example)
    assert fits(tables, made, made)
    tables["tasks"]["scene"]["at_onec"] = 4
    assert not fits(tables, made, made)
    assert not fits({"launcher": {"cpus": "four"}}, made, made)
