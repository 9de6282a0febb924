"""The scanner tells the line of every key of every TOML text that the standard library accepts."""

import json
import random
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.definitions.positions import Keys, positions

bare = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
keys = bare | st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="\x7f"), max_size=6)
pieces = st.sampled_from(['"', "'", "\\", "\n", "#", "]", "}", "[", "{", ",", "=", ".", "é", "a", " ", '""', "''"])
strings = st.lists(pieces, max_size=8).map("".join)
scalars = strings | st.integers(-(2**40), 2**40) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=15,
)
documents = st.dictionaries(keys, trees, max_size=5)


class Writer:
    """Writes data as TOML in a style chosen by chance, and remembers on which line it wrote what."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.text = ""
        self.lines: dict[Keys, int] = {}

    def note(self, path: Keys) -> None:
        self.lines[path] = self.text.count("\n") + 1

    def write(self, text: str) -> None:
        self.text += text

    def gap(self, newlines: bool) -> None:
        self.write(self.chance.choice(["", "", " ", "\t"]))
        if newlines and self.chance.random() < 0.4:
            self.write(self.chance.choice(["\n", "\r\n", "\n\n", " # a ] } \" ''' comment\n"]))

    def key(self, key: str) -> None:
        if re.fullmatch(r"[A-Za-z0-9_-]+", key) and self.chance.random() < 0.8:
            self.write(key)
        elif "'" not in key and self.chance.random() < 0.5:
            self.write(f"'{key}'")
        else:
            self.write(json.dumps(key))

    def table(self, path: Keys, value: dict[str, Any]) -> None:
        """The pairs of a table first, then its tables under headers."""
        later = []
        for key, inner in value.items():
            if (inner and isinstance(inner, dict) and self.chance.random() < 0.6) or (
                inner and isinstance(inner, list) and all(isinstance(each, dict) for each in inner)
            ):
                later.append(key)
            else:
                self.gap(True)
                self.pair(path, key, inner)
                self.write("  # = comment\n" if self.chance.random() < 0.2 else "\n")
        for key in later:
            here = (*path, key)
            many = isinstance(value[key], list)
            for number, inner in enumerate(value[key] if many else [value[key]]):
                self.gap(True)
                if number == 0:
                    self.note(here)
                if many:
                    self.note((*here, number))
                self.header(here, 2 if many else 1)
                self.table((*here, number) if many else here, inner)

    def header(self, path: Keys, brackets: int) -> None:
        self.write("[" * brackets)
        for number, name in enumerate(each for each in path if isinstance(each, str)):
            self.write(" . " if number and self.chance.random() < 0.3 else "." * bool(number))
            self.key(name)
        self.write("]" * brackets + "\n")

    def pair(self, path: Keys, key: str, value: Any) -> None:
        path = (*path, key)
        self.note(path)
        self.key(key)
        while isinstance(value, dict) and len(value) == 1 and self.chance.random() < 0.5:
            key, value = next(iter(value.items()))
            path = (*path, key)
            self.note(path)
            self.write(self.chance.choice([".", " . "]))
            self.key(key)
        self.write(self.chance.choice(["=", " = "]))
        self.value(path, value)

    def value(self, path: Keys, value: Any) -> None:
        if isinstance(value, dict):
            self.inline(path, value)
        elif isinstance(value, list):
            self.write("[")
            for number, each in enumerate(value):
                self.gap(True)
                self.note((*path, number))
                self.value((*path, number), each)
                self.gap(True)
                self.write("," if number < len(value) - 1 or self.chance.random() < 0.5 else "")
            self.gap(True)
            self.write("]")
        elif isinstance(value, str):
            self.string(value)
        else:
            self.write(json.dumps(value))

    def inline(self, path: Keys, value: dict[str, Any]) -> None:
        self.write("{")
        for number, (key, each) in enumerate(value.items()):
            self.write(", " if number else " ")
            self.pair(path, key, each)
        self.write("}")

    def string(self, value: str) -> None:
        kinds = [json.dumps(value), json.dumps(value)]
        if "'" not in value and "\n" not in value:
            kinds.append(f"'{value}'")
        if "'''" not in value and not value.endswith("'''"):
            kinds.append(f"'''\n{value}'''")
        escaped = value.replace("\\", "\\\\").replace('"""', '""\\"')
        kinds += [f'"""\n{escaped}"""', f'"""\\\n   \n{escaped}"""' if value[:1] not in ("", " ", "\n") else '""']
        self.write(self.chance.choice([kind for kind in kinds if _reads_as(kind, value)]))


def _reads_as(text: str, value: str) -> bool:
    try:
        return bool(tomllib.loads(f"x = {text}")["x"] == value)
    except tomllib.TOMLDecodeError:
        return False


def paths(data: Any, path: Keys = ()) -> set[Keys]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return {path} - {()} | {each for key, value in inner for each in paths(value, (*path, key))}


@pytest.mark.feature("P2")
@given(data=documents, chance=st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_every_key_is_found_on_the_line_where_it_was_written(data: dict[str, Any], chance: random.Random) -> None:
    writer = Writer(chance)
    writer.table((), data)
    assert tomllib.loads(writer.text) == data
    found = positions(writer.text)
    assert set(found) == paths(data)
    assert found == writer.lines


@given(text=st.text("ab=.[]{}\"'#\n, \\1", max_size=30))
@settings(max_examples=300, deadline=None)
def test_whatever_the_reader_accepts_the_scanner_follows(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(positions(text)) == paths(data)


def test_tables_of_an_array_and_what_lies_in_them_are_told_apart() -> None:
    text = '[[a]]\nx = 1\n[a.b]\ny = 2\n[[a.c]]\n[[a.c]]\nz = 3\n[[a]]\nx = """\n\n"""\n[a.b]\n[d.e.f]\n[d]\n'
    assert positions(text) == {
        ("a",): 1,
        ("a", 0): 1,
        ("a", 0, "x"): 2,
        ("a", 0, "b"): 3,
        ("a", 0, "b", "y"): 4,
        ("a", 0, "c"): 5,
        ("a", 0, "c", 0): 5,
        ("a", 0, "c", 1): 6,
        ("a", 0, "c", 1, "z"): 7,
        ("a", 1): 8,
        ("a", 1, "x"): 9,
        ("a", 1, "b"): 12,
        ("d",): 14,
        ("d", "e"): 13,
        ("d", "e", "f"): 13,
    }


def test_dates_and_numbers_in_arrays_are_stepped_over() -> None:
    text = "a = [1979-05-27 07:32:00Z, # one\n 1e3,\n [ 0x1F , inf,\n],\n]\nb.c = 07:32:00 # two\n"
    tomllib.loads(text)
    assert positions(text) == {
        ("a",): 1, ("a", 0): 1, ("a", 1): 2, ("a", 2): 3, ("a", 2, 0): 3, ("a", 2, 1): 3, ("b",): 6, ("b", "c"): 6,
    }  # fmt: skip
