"""Reading and checking everything that a project defines.

*In:* the directory of a project. *Out:* its `Definitions`, or ConfigError with every mistake found, each
with file and line. *Always:* nothing is written, nothing is run (but an interpreter is asked once where it
is, if a wrapper hides it), and the content of a file that is not TOML appears nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from procession.definitions import overrides
from procession.definitions.bridges import read_bridges
from procession.definitions.counters import build_counter
from procession.definitions.files import FILE, fingerprint, name_for, names
from procession.definitions.machine import available_cpus, available_memory
from procession.definitions.missing import build_check, build_list
from procession.definitions.overrides import Override
from procession.definitions.project_tables import (
    EnvironmentTable,
    LauncherTable,
    MainFile,
    ProjectTable,
    QueueTable,
    RerunsTable,
    WebTable,
    WorkTable,
)
from procession.definitions.result import Definitions
from procession.definitions.sources import Place, Problems, Source, open_source
from procession.definitions.steps import Surroundings
from procession.definitions.tables import Table, read_table, unknown_key
from procession.definitions.task_tables import TaskFile
from procession.definitions.tasks import build_task, check_circles
from procession.definitions.telling import read_alerts, read_recipients, read_rules, read_sets
from procession.definitions.values import check_limit_name, check_name
from procession.definitions.watches import build_watch
from procession.errors import ConfigError, Invalid
from procession.model.bridge import BridgePlan
from procession.model.counting import CounterPlan
from procession.model.listing import ListPlan
from procession.model.retention import Keep
from procession.model.serving import QueuePlan, Reruns, WebPlan
from procession.model.task import Task
from procession.model.wants import queue_named
from procession.model.watching import WatchPlan


def read(root: Path, options: Sequence[str] = ()) -> Definitions:
    """Everything that the project in this directory defines; raises ConfigError with every mistake.

    `options` are those of ``--set``; the environment and the tables of this host hold over the files as well.
    """
    root = root.resolve()
    mark = fingerprint(root, options)
    problems = Problems()
    sources = [open_source(root, name, order, problems) for order, name in enumerate(names(root))]
    main = sources[0]
    _check_hosts(main)
    over = _put_over(sources, [*overrides.of_host(main.tables), *overrides.given(options)])
    top = read_table(MainFile, main.tables, Place(main))
    for source in sources[1:]:
        read_table(TaskFile, source.tables, Place(source))
    project = read_table(ProjectTable, main.tables.get("project", {}), Place(main, ("project",)))
    launcher = read_table(LauncherTable, main.tables.get("launcher", {}), Place(main, ("launcher",)))
    environment = read_table(EnvironmentTable, main.tables.get("environment", {}), Place(main, ("environment",)))
    work = read_table(WorkTable, main.tables.get("work", {}), Place(main, ("work",)))
    web = read_table(WebTable, main.tables.get("web", {}), Place(main, ("web",)))
    _check_web(web, Place(main, ("web",)))
    reruns = read_table(RerunsTable, main.tables.get("reruns", {}), Place(main, ("reruns",)))
    queues = _queues(top, Place(main, ("queues",)))
    around = Surroundings(
        root=root,
        cpus=launcher.cpus or available_cpus(),
        memory=launcher.memory or available_memory(),
        shared=project.database is not None,
        python=project.python,
        python_place=Place(main, ("project", "python")),
        labels=frozenset(launcher.labels or ()),
        queues=frozenset(launcher.queues or ("",)),
        limits=_limits(top, Place(main, ("limits",))),
        variables=top.variables or {},
    )
    if project.python:
        around.find_python(project.python, around.python_place)
    tasks, watches, counters, lists = _tasks(sources, around)
    sets = read_sets(top, Place(main, ("sets",)))
    alerts = read_alerts(top, Place(main, ("alerts",)), around)
    rules = read_rules(top, Place(main, ("rules",)))
    bridges = read_bridges(top, Place(main, ("bridges",)), root)
    if problems.errors:
        raise _error(root, problems)
    return Definitions(
        name=project.name or name_for(root),
        root=root,
        var=root / (project.var or "var"),
        database=project.database,
        cpus=around.cpus,
        memory=around.memory,
        gpus=launcher.gpus or 0,
        workers=launcher.workers,
        allow_pickle=bool(launcher.allow_pickle),
        lost_after=600.0 if launcher.lost_after is None else launcher.lost_after,
        launcher_name=launcher.name or "",
        plans_of_queues=tuple(queues.items()),
        web=_web(web),
        reruns=Reruns(**reruns.written()),
        labels=tuple(sorted(around.labels)),
        queues=tuple(sorted(around.queues)),
        patience=60.0 if launcher.patience is None else launcher.patience,
        limits=(*around.limits.items(), *_of_bridges(bridges, around.limits)),
        keep_free=work.keep_free,
        max_total=work.max_total,
        reserve=work.reserve,
        keep=Keep(**work.keep.written()) if work.keep else Keep(),
        environment_set=tuple((environment.set or {}).items()),
        environment_drop=tuple(environment.drop or ()),
        tasks=tuple(tasks),
        watches=tuple(watches),
        counters=tuple(counters),
        lists=tuple(lists),
        sets=sets,
        alerts=alerts,
        recipients=read_recipients(top, Place(main, ("alerts",)), around),
        rules=rules,
        bridges=bridges,
        warnings=_lines(problems.warnings),
        fingerprint=mark,
        overrides=tuple(map(str, over)),
        python=project.python,
        variables=tuple(around.variables.items()),
    )


def _put_over(sources: list[Source], found: list[Override]) -> list[Override]:
    """Put what holds over the files into their tables; a task is looked for in all files."""
    main = sources[0]
    put = []
    for override in found:
        holders = sources if override.keys[0] == "tasks" else [main]
        for source in holders:
            if keys := overrides.put(source.tables, override):
                source.origins[keys] = override.source
                put.append(replace(override, keys=keys))
                break
        else:
            known = [name for s in sources if isinstance(t := s.tables.get("tasks"), dict) for name in t]
            main.problems.errors.append((-1, 0, overrides.unknown_task(override, known)))
    return put


def _check_hosts(main: Source) -> None:
    """Tables of other hosts are looked at as well: their mistakes would show only there."""
    hosts = main.tables.get("hosts")
    if not isinstance(hosts, dict):
        return
    kinds: dict[str, type[Table]] = {
        "project": ProjectTable, "launcher": LauncherTable, "environment": EnvironmentTable,
        "work": WorkTable, "web": WebTable,
    }  # fmt: skip
    for name, sections in hosts.items():
        place = Place(main, ("hosts", name))
        if not isinstance(sections, dict):
            place.error("must be a table of tables, such as [hosts.alpha.launcher]")
            continue
        for section, raw in sections.items():
            if section not in overrides.SECTIONS:
                place.at(section).error(unknown_key(section, list(overrides.SECTIONS)))
            elif section in kinds:
                read_table(kinds[section], raw, place.at(section))


def _limits(top: MainFile, place: Place) -> dict[str, float]:
    found = {}
    for name, amount in (top.limits or {}).items():
        try:
            found[check_limit_name(name)] = amount
        except Invalid as error:
            place.at(name).error(str(error))
    return found


def _of_bridges(bridges: tuple[BridgePlan, ...], said: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    """The limits of one that bridges bring along; what the file says of one of that name holds."""
    return {name: amount for plan in bridges for name, amount in plan.limits if name not in said}.items()


def _queues(top: MainFile, place: Place) -> dict[str, QueuePlan]:
    found = {}
    for name, raw in (top.queues or {}).items():
        try:
            check_name(name)
        except Invalid as error:
            place.at(name).error(str(error))
        found[queue_named(name)] = QueuePlan(**read_table(QueueTable, raw, place.at(name)).written())
    return found


def _web(web: WebTable) -> WebPlan:
    said: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in web.written().items()}
    return WebPlan(**said)


def _check_web(web: WebTable, place: Place) -> None:
    """Whoever reaches the server from another machine speaks TLS to it, so a proxy that does must stand before it."""
    if web.host is not None and not web.behind_proxy and web.host not in ("127.0.0.1", "::1", "localhost"):
        place.at("host").error(
            f"{web.host} can be reached from other machines, and what is sent to it could be read on the way; "
            "put a proxy with TLS before it and say behind_proxy = true, or leave it at 127.0.0.1"
        )


def _tasks(
    sources: list[Source], around: Surroundings
) -> tuple[list[Task], list[WatchPlan], list[CounterPlan], list[ListPlan]]:
    """The tasks, watches, counters and lists of all files, in the order in which they are written; a name in two files
    is a mistake."""
    tasks: list[Task] = []
    watches: list[WatchPlan] = []
    counters: list[CounterPlan] = []
    lists: list[ListPlan] = []
    checks: list[Task] = []
    places: dict[str, Place] = {}
    for source in sources:
        tables: Any = source.tables.get("tasks", {})
        for name, raw in tables.items() if isinstance(tables, dict) else ():
            place = Place(source, ("tasks", name))
            if name in places:
                first = places[name]
                place.error(f"is defined in {first.source.name}:{first.line} as well; rename or remove one")
            places.setdefault(name, place)
            if watch := build_watch(name, raw, place, around):
                watches.append(watch)
            if counter := build_counter(name, raw, place, around):
                counters.append(counter)
            if listed := build_list(name, raw, place, around):
                lists.append(listed)
            if check := build_check(name, raw, place, around):
                checks.append(check)
            if isinstance(raw, dict) and raw.keys() & {"watch", "counter"} and "emit" in raw:
                continue  # it only makes events of files, or of runs
            task = build_task(name, raw, place, around)
            assert task or source.problems.errors, f"task {name} would be lost without a word"
            if task:
                tasks.append(task)
    check_circles(tasks, places)
    for check in checks:
        if check.name in places:
            places[check.name].error("is the name of the check that check_missed makes; rename this task")
    if not places and not sources[0].problems.errors:
        Place(sources[0]).warning("defines no task yet; write one as [tasks.NAME]")
    return tasks + checks, watches, counters, lists


def _error(root: Path, problems: Problems) -> ConfigError:
    lines = _lines(problems.errors)
    count = "a mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return ConfigError(f"the definitions in {root / FILE} have {count}; correct what the lines name", lines)


def _lines(found: list[tuple[int, int, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for _, _, text in sorted(found)))
