"""Likeness: names of files that are the same but for what is a processing's own, so that they can be compared.

*In:* the name of a file, and the values of its processing: key, title, parameters. *Out:* the name with ``*`` in their
places. *Always:* pure; what two files of one processing would share is no name for either.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

OWN = "*"
CERTAIN = 4
"""Characters from which on a value is found anywhere; a shorter one only between what is no letter or digit."""
MOST_VALUES = 50
_DIGITS = re.compile(r"[0-9]+")
_STARS = re.compile(r"\*[*]+")


def values_of(key: str | None, title: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """What is a processing's own, the longest first; of a path also its last part, without what follows its dot."""
    found = {key or "", title}
    for value in params.values():
        if isinstance(value, str):
            last = value.rstrip("/").rpartition("/")[2]
            found |= {value, last, last.partition(".")[0]}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.add(str(value))
    return tuple(sorted(found - {""}, key=lambda text: (-len(text), text))[:MOST_VALUES])


def pattern(name: str, values: Iterable[str]) -> str:
    """The name with ``*`` where its own values stand."""
    for value in values:
        if len(value) >= CERTAIN:
            name = name.replace(value, OWN)
        else:
            name = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", OWN, name)
    return _STARS.sub(OWN, name)


def without_digits(name: str) -> str:
    """The same with ``*`` for every number, but for an ending as ``.h5``."""
    stem, dot, ending = name.rpartition(".")
    return _STARS.sub(OWN, _DIGITS.sub(OWN, stem)) + dot + ending if dot else _STARS.sub(OWN, _DIGITS.sub(OWN, name))


def alike(left: Sequence[Sequence[str]]) -> list[str]:
    """Names under which the files of several processings are compared; `left`: of each the patterns of its files.

    What only one of them has is told without its digits, where others have the same and none has it twice."""
    having = Counter(name for names in left for name in set(names))
    digits = [Counter(without_digits(name) for name in names) for names in left]
    found: dict[str, None] = {}
    for names in left:
        for name in names:
            wide = without_digits(name)
            times = [each[wide] for each in digits if each[wide]]
            shared = having[name] == 1 and len(times) > 1 and max(times) == 1
            found[wide if shared else name] = None
    return list(found)


def chosen(names: Iterable[str], values: Sequence[str], wanted: str) -> str | None:
    """The file that is meant by a name as `alike` gives it; None where there is none."""
    if OWN not in wanted:
        return wanted if wanted in names else None
    patterns = [(name, pattern(name, values)) for name in sorted(names)]
    exact = (name for name, made in patterns if wanted in (name, made))
    return next(exact, next((name for name, made in patterns if without_digits(made) == wanted), None))
