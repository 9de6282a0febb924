"""Verb and Caller: what may be asked, and by whom.

*In:* the name of a verb, a caller, arguments as they come in JSON. *Out:* an answer that is JSON. *Always:* a caller
without the scope is refused before anything is looked at; arguments that the verb does not know are refused.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from procession import verbs
from procession.commands.asked import Asked, asked
from procession.errors import Denied, Invalid, NotFound
from procession.project import Project
from procession.verbs import groups, shape
from procession.verbs.bounds import fits
from procession.verbs.witness import Line, Once, witnessed

Scope = Literal["read", "trigger", "operate", "define", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "trigger", "operate", "define", "admin")
"""Look; submit events and calls; act on what is there; register tasks; tokens, users, audit."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, how, and what they may."""

    by: str
    """As the journal shows it."""
    via: Literal["cli", "http", "python", "attempt"]
    scopes: frozenset[str] = frozenset(SCOPES)
    groups: frozenset[str] | None = None
    """Groups of tasks that they may act on; None: all."""
    origin: str | None = None
    """Address of who asks."""
    token: str | None = None
    """Key of the token by which they came."""
    attempt: tuple[int, int, int] | None = None
    """The attempt that asks: processing, ordinal, number."""
    account: str | None = None
    """The account whose token it is."""

    @property
    def bearer(self) -> str:
        """Who it is, whatever people call them: the account, else the token, else the person or attempt itself."""
        if self.account is not None:
            return f"account:{self.account}"
        return f"{self.via}:{self.by}" if self.token is None else f"token:{self.token}"

    def asked(self, reason: str | None = None) -> Asked:
        """As commands want it; Invalid for a reason that the journal cannot carry."""
        return asked(reason, self.by)


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is no JSON: a log, a result as it is served."""

    body: bytes
    mime: str


Act = TypeVar("Act", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb."""

    name: str
    scope: Scope
    method: str
    path: str
    """Of the HTTP API, below ``/api/v1``; ``{name}`` is an argument."""
    act: Callable[..., Any]
    """``act(project, caller, **arguments)``; its first docstring line is the help everywhere."""
    parameters: Mapping[str, inspect.Parameter] = field(default_factory=dict)
    status: int = 200
    """Of the answer over HTTP, where all went well."""
    secret: bool = False
    """Is there a secret in its answer, which nobody may keep but who asked?"""

    @property
    def changes(self) -> bool:
        """Does it change anything?"""
        return self.method != "GET"


VERBS: dict[str, Verb] = {}
"""Name → verb; complete after `load`."""


def verb(name: str, scope: Scope, http: str, *, status: int = 200, secret: bool = False) -> Callable[[Act], Act]:
    """Make a function a verb: ``@verb("retry", "operate", "POST /processings/{id}/retry")``."""

    def made(act: Act) -> Act:
        method, _, path = http.partition(" ")
        parameters = dict(list(inspect.signature(act).parameters.items())[2:])
        assert name not in VERBS, f"there are two verbs {name}"
        VERBS[name] = Verb(name, scope, method, path, act, parameters, status, secret)
        return act

    return made


def load() -> dict[str, Verb]:
    """All verbs."""
    if not _complete:
        _find()
        _complete.append(True)
    return VERBS


_complete: list[bool] = []


def _find() -> None:
    for module in pkgutil.iter_modules(verbs.__path__):
        importlib.import_module(f"{verbs.__name__}.{module.name}")


def call(
    project: Project, caller: Caller, name: str, arguments: Mapping[str, Any], *, once: Once | None = None
) -> Any:  # fmt: skip
    """Do what is asked; Denied without its scope, NotFound or Invalid where there is no such verb or argument.

    `once`: an idempotency key, which is taken in the transaction of the change; `witness.Taken` if somebody has it.
    """
    found = load().get(name)
    if found is None:
        raise NotFound(f"there is no verb {name[:60]!r}")
    tried = "dry_run" in found.parameters and arguments.get("dry_run") is True
    if not found.changes or (
        tried and found.scope in caller.scopes
    ):  # what is only tried leaves no line, and takes no key
        return _done(project, caller, found, arguments)
    with witnessed(Line(project, caller, name, arguments, once)):
        return _done(project, caller, found, arguments)


def _done(project: Project, caller: Caller, found: Verb, arguments: Mapping[str, Any]) -> Any:
    given = check(project, caller, found, arguments)
    return groups.sifted(project, caller.groups, found.path, found.act(project, caller, **given))


def check(project: Project, caller: Caller, found: Verb, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments; raises unless this caller may ask for this with these."""
    fits(arguments)
    own = caller.attempt is not None and groups.is_own(caller.attempt, found.name, arguments)
    if found.scope not in caller.scopes and not own:
        raise Denied(
            f"{found.name} needs the scope {found.scope}, and {caller.by} has "
            f"{', '.join(sorted(caller.scopes)) or 'none'}"
            + (f'; grants = ["{found.scope}"] on its task gives it' if caller.attempt else "")
        )
    if unknown := sorted(arguments.keys() - found.parameters.keys()):
        raise Invalid(
            f"{found.name} has no argument {unknown[0][:60]!r}; it has: {', '.join(found.parameters) or 'none'}"
        )
    for parameter in found.parameters.values():
        if parameter.default is parameter.empty and parameter.name not in arguments:
            raise Invalid(f"{found.name}: {parameter.name} is missing; give it")
    given = shape.checked(found, arguments)
    groups.check(project, caller.groups, found, given)
    return given
