"""Verbs on versions: process anew with other variables, look at what there was, try something out."""

from __future__ import annotations

from typing import Any, Literal

from procession import present
from procession.commands import processings, reruns, versions
from procession.commands import runs as lists
from procession.commands.reruns import Wish
from procession.errors import Denied
from procession.project import Project
from procession.verbs.bounds import identity
from procession.verbs.verb import Caller, verb

Variables = Literal["kept", "original", "current"]
Script = Literal["original", "current"]


@verb("rerun", "operate", "POST /processings/{id}/rerun")
def rerun(
    project: Project, caller: Caller, id: int, values: dict[str, Any] | None = None,
    texts: dict[str, str] | None = None, variables: Variables = "kept", script: Script = "current",
    description: str | None = None, priority: int | None = None, fresh: bool = False, reason: str | None = None,
) -> Any:  # fmt: skip
    """Run again what has ended, as its next version: with other variables, a description or an earlier script."""
    wish = Wish(values or {}, texts or {}, variables, script, description, priority, fresh)
    done = reruns.rerun(project, identity("id", id), wish, caller.asked(reason))
    return present.processing(processings.get(project, done.id), project.var)


@verb("trial", "operate", "POST /processings/{id}/trial")
def trial(
    project: Project, caller: Caller, id: int, values: dict[str, Any] | None = None,
    texts: dict[str, str] | None = None, variables: Variables = "kept", description: str | None = None,
    fresh: bool = False,
) -> Any:  # fmt: skip
    """Try other variables on a processing: it makes no version, and its files stay in its directory."""
    wish = Wish(values or {}, texts or {}, variables, "current", description, None, fresh)
    done = reruns.trial(project, identity("id", id), wish, caller.asked())
    return present.processing(processings.get(project, done.id), project.var)


@verb("rerun-runs", "operate", "POST /tasks/{task}/reruns")
def rerun_runs(
    project: Project, caller: Caller, task: str, runs: str, values: dict[str, Any] | None = None,
    texts: dict[str, str] | None = None, variables: Variables = "kept", script: Script = "current",
    together: bool = False, description: str | None = None, priority: int | None = None, fresh: bool = False,
    dry_run: bool = False, reason: str | None = None,
) -> Any:  # fmt: skip
    """Run the runs of a list again (1,4-6): all or none, each as its next version, or together as one."""
    most = project.settings.reruns.most(admin="admin" in caller.scopes)
    if most == 0:
        raise Denied("you may not re-run a list of runs; ask an administrator, or re-run them one by one")
    wish = Wish(values or {}, texts or {}, variables, script, description, priority, fresh)
    found = lists.rerun_runs(
        project, task, runs, wish, caller.asked(reason), most, together=together, dry_run=dry_run
    )  # fmt: skip
    return {"dry_run": dry_run, "together": together, **present.page([present.of_run(each) for each in found], None)}


@verb("versions", "read", "GET /processings/{id}/versions")
def versions_(project: Project, caller: Caller, id: int) -> Any:
    """All versions of a processing that are kept: variables, scripts, outcome, who asked for each."""
    return present.page([present.version(each) for each in versions.versions(project, identity("id", id))], None)


@verb("diff", "read", "GET /processings/{id}/diff")
def diff(project: Project, caller: Caller, id: int, version: int | None = None) -> Any:
    """What is different in this version from another one, else from the one before."""
    other = None if version is None else identity("version", version)
    return present.difference(versions.difference(project, identity("id", id), other))
