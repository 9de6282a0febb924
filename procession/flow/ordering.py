"""From a claimed step to the job that an executor runs: everything resolved, all paths absolute.

In: a definition, the event, outputs of earlier steps. Out: a `Job`; Invalid where a command cannot be made from the
values. Always: the same attempt gives the same job.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from procession import contract
from procession.clock import moment
from procession.executor import Job
from procession.model.caller import attempt_token
from procession.model.task import StepPlan, Task
from procession.project import Project
from procession.store.scripts import Order


def make_job(
    project: Project, task: Task, ordinal: int, number: int, order: Order, outputs: Mapping[str, Mapping[str, Any]],
    gpus: Sequence[int] = (),
) -> Job:  # fmt: skip
    """The job of this attempt."""
    plan, pid = task.step(ordinal), order.processing_id
    params = json.loads(order.params)
    work, files, step_dir = project.var.places(pid, ordinal, plan.name)
    date = moment(order.created_at).date().isoformat()
    values = task.values(params, order.variables)
    argv = plan.command.render(values, outputs, project.given(pid, files, date, order.key))
    told = contract.Order(
        key=project.attempt_key(pid, ordinal, number),
        task=task.name,
        processing_id=pid,
        ordinal=ordinal,
        step=plan.name,
        number=number,
        params=values,
        work=files,
        step_dir=step_dir,
        attempt_dir=f"{step_dir}/{number}",
        event_file=f"{work}/event.json",
        project=str(project.root),
        children=_children(project, task, plan, pid),
        gpus=tuple(gpus),
        version=order.version,
        variables=order.variables,
        url=None if project.serving.web is None else project.serving.web[0],
    )
    cwd = _cwd(plan, files, step_dir, number)
    artifacts = f"{told.attempt_dir}/artifacts"
    return Job(
        key=told.key,
        label=told.label,
        program=argv[0],
        argv=argv,
        cwd=cwd,
        dirs=(files, artifacts) if cwd is files else (files, cwd, artifacts),
        files={told.event_file: contract.event_text(order), **_token(project, told), **_variables(told)},
        env_set={**dict(project.settings.environment_set), **contract.environment(told)},
        env_drop=project.settings.environment_drop,
        attempt_dir=told.attempt_dir,
        log=f"{told.attempt_dir}/log",
        timeout=plan.timeout,
        grace=plan.grace,
        not_after=project.serving.executor.expiry(),
        memory=plan.memory or None,
        quiet=plan.caps.quiet,
        cpu_seconds=plan.caps.cpu,
        open_files=plan.caps.files,
        log_max=plan.caps.log,
        lease=project.serving.lease if plan.on_lost == "retry" else None,
    )


def _token(project: Project, told: contract.Order) -> dict[str, str]:
    """The attempt's own token, in a file that only its owner reads; it is made of its key and kept nowhere else."""
    web = project.serving.web
    return {} if web is None else {told.token_file: attempt_token(web[1], told.key) + "\n"}


def _variables(told: contract.Order) -> dict[str, str]:
    return {} if told.variables is None else {told.variables_file: told.variables}


def with_kept_text(project: Project, job: Job, kept: Mapping[str, str]) -> Job:
    """The same job of a reduction: its driver is given the texts as they were kept at the claim."""
    places = {path: str(project.var.code / digest) for path, digest in kept.items()}
    return replace(job, argv=[places.get(word, word) for word in job.argv])


def with_kept_code(project: Project, job: Job, kept: Mapping[str, str]) -> Job:
    """The same job, with the scripts as they were kept by hash instead of those that lie in the project now.

    What they import from beside them is found where it lies now.
    """
    places = {path: str(project.var.code / digest) for path, digest in kept.items()}
    argv = [places.get(word, word) for word in job.argv]
    if job.program in places:
        with suppress(OSError):  # then its start says what is wrong
            Path(places[job.program]).chmod(0o700)
    beside = dict.fromkeys(os.path.dirname(path) for path in kept if path.endswith(".py"))  # noqa: PTH120
    before = job.env_set.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    python = {"PYTHONPATH": os.pathsep.join(filter(None, (*beside, before)))} if beside else {}
    return replace(job, argv=argv, program=places.get(job.program, job.program), env_set={**job.env_set, **python})


def _cwd(plan: StepPlan, files: str, step_dir: str, number: int) -> str:
    if plan.cwd != "step":
        return files
    return f"{step_dir}/{number}/files" if plan.fresh else f"{step_dir}/files"


def _children(project: Project, task: Task, plan: StepPlan, processing_id: int) -> str | None:
    """The file of the nearest step before this one that waited for children."""
    waits = [each for each in task.steps[: plan.ordinal - 1] if each.kind == "wait"]
    return str(project.var.children(processing_id, waits[-1].ordinal, waits[-1].name)) if waits else None
