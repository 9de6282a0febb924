"""Limits by name: how much there is of what, exactly or by a template such as ``satellite:{sat}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache


def limit_of(name: str, limits: Mapping[str, float]) -> float | None:
    """How much there is of this limit: by its own name, else by the first template that it fits; None: no limit."""
    if (own := limits.get(name)) is not None:
        return own
    return next((there for template, there in limits.items() if "{" in template and _fits(template).match(name)), None)


@lru_cache(maxsize=1024)
def _fits(template: str) -> re.Pattern[str]:
    """Matches every name that a template such as ``satellite:{sat}`` can become."""
    parts = re.split(r"\{[^{}]*\}", template)
    return re.compile("(?s)" + ".+".join(re.escape(part) for part in parts) + r"\Z")
