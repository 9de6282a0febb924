"""What programs elsewhere claim, and how they are answered → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso_at

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.claims import Claim
    from procession.commands.work import Beat


def claim(found: Claim) -> dict[str, Any]:
    """An attempt that a program elsewhere has claimed, and all that it needs to do it."""
    return {
        "attempt": found.attempt,
        "processing": found.processing_id,
        "task": found.task,
        "step": found.step,
        "number": found.number,
        "key": found.key,
        "title": found.title,
        "params": dict(found.params),
        "inputs": found.inputs,
        "inputs_kind": found.inputs_kind,
        "outputs": {name: dict(values) for name, values in found.outputs.items()},
        "handler": found.handler,
        "timeout": found.timeout,
        "expires_at": iso_at(found.expires_at),
    }


def beat(found: Beat) -> dict[str, Any]:
    """The answer to a program elsewhere that tells how it goes on."""
    return {"wanted": found.wanted, "expires_at": iso_at(found.expires_at)}
