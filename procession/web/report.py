"""What a person takes away from a cause: a report in Markdown, and the lines of TOML that try such a failure again.

*In:* what the verb ``cause`` says, the example. *Out:* texts. *Always:* pure; what came from scripts stands in blocks
of code, so nothing of it becomes markup where the report is pasted; a pattern fits the very line it was made of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MOST_IDS = 20
_DIFFERS = re.compile(r"<(?:time|name|path|number)>")
"""What stands in the text of a cause for what differs each time."""
_PLACE = re.compile(r" \([^()]*, [^()]*\)$")
"""File and function, behind what was raised."""
AGAIN = 'retry = { soft_attempts = 3, delay = "10 min" }'


def report(
    cause: Mapping[str, Any], example: Mapping[str, Any] | None, newest: Sequence[int], origin: str
) -> str:  # fmt: skip
    """A cause in Markdown, to be put into an issue or a mail."""
    lines = [
        f"## {_plain(cause['text'])}", "",
        f"- task `{cause['task']}`, step `{cause['step']}`, cause `{cause['signature']}`",
        f"- {cause['failed']} processings are still failed for it; {cause['attempts']} attempts ended so",
        f"- first {cause['first_at']}, last {cause['last_at']}",
        f"- hosts of the newest: {', '.join(cause['hosts']) or 'unknown'}",
        f"- standing: {cause['standing']}" + (f", owner {_plain(cause['owner'])}" if cause["owner"] else ""),
    ]  # fmt: skip
    if cause["note"]:
        lines += ["", *(f"> {_plain(line)}" for line in cause["note"].splitlines())]
    if cause["in_common"]:
        lines += ["", "What they have in common, and good ones less:", ""]
        lines += [
            f"- `{_code(each['name'] or each['kind'])} = {_code(each['value'])}`: {each['failed']:.0%} of the failed, "
            f"{each['good']:.0%} of the good ones"
            for each in cause["in_common"]
        ]
    if example is not None and example["tail"]:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", example["tail"])), default=0))
        lines += ["", f"The end of the log of processing {example['processing']}, attempt {example['attempt']}:", ""]
        lines += [f"{fence}text", example["tail"], fence]
    if newest:
        lines += [
            "",
            "Processings: " + ", ".join(map(str, newest[:MOST_IDS])) + (" …" if len(newest) > MOST_IDS else ""),
        ]
    return "\n".join([*lines, "", f"{origin}/failures/{cause['signature']}", ""])


def _plain(text: str) -> str:
    """A text that no Markdown takes for more."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text.replace("\n", " "))


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")


def soft_rule(text: str) -> str:
    """The lines by which such a failure is a soft error: it is tried again by itself. `text` is that of a cause."""
    how, colon, said = text.partition(": ")
    if how.startswith("exit code ") and not colon:
        return f"soft = {{ exit = [{how.removeprefix('exit code ')}] }}\n{AGAIN}"
    words = _PLACE.sub("", said or text)
    return f"soft = {{ output = ['{pattern(words)}'] }}\n{AGAIN}"


def pattern(words: str) -> str:
    """A regular expression for the words of a cause; what differs each time is anything."""
    pieces = (re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", piece).replace("'", ".") for piece in _DIFFERS.split(words))
    return re.sub(r"(\.\*){2,}", ".*", ".*".join(pieces))
