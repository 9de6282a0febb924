"""A task that a program registers: held to the rules of the files, by the same code that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from procession.definitions.result import Definitions
from procession.definitions.sources import Place, Problems, Source
from procession.definitions.steps import Surroundings
from procession.definitions.tasks import build_task, check_circles
from procession.errors import Invalid
from procession.model.task import Task


def build_registered(name: str, raw: Mapping[str, Any], said: Definitions, others: Sequence[Task]) -> Task:
    """The task of a table such as ``[tasks.NAME]``; Invalid with every mistake. `others`: the tasks that are there."""
    problems = Problems()
    source = Source("register", 0, {"tasks": {name: dict(raw)}}, {}, problems, {("tasks", str(name)): "register"})
    place = Place(source, ("tasks", name))
    around = Surroundings(
        root=said.root,
        cpus=said.cpus,
        memory=said.memory,
        shared=True,  # what no launcher serves today, a program elsewhere does
        python=said.python,
        python_place=place.at("python"),
        labels=frozenset(said.labels),
        queues=frozenset(said.queues),
        limits=dict(said.limits),
        variables=dict(said.variables),
    )
    task = build_task(name, dict(raw), place, around)
    if task is not None and not problems.errors:
        check_circles([*others, task], {each.name: place for each in (*others, task)})
    if task is None or problems.errors:
        told = "; ".join(dict.fromkeys(text for _, _, text in problems.errors)) or f"{name!r} says nothing to do"
        raise Invalid(told.replace("register: tasks.", ""))
    return task
