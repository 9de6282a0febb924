"""Definitions: everything that the files of a project say, checked and resolved."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from procession.model.bridge import BridgePlan
from procession.model.counting import CounterPlan
from procession.model.listing import ListPlan
from procession.model.message import Recipients, Rule
from procession.model.pieces import SetPlan
from procession.model.retention import Keep
from procession.model.serving import QueuePlan, Reruns, WebPlan
from procession.model.task import Task
from procession.model.watching import WatchPlan


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a project defines, without a mistake. Made by `procession.definitions.read` and by `from_json`."""

    name: str
    root: Path
    """The directory of procession.toml, absolute."""
    var: Path
    """Where Procession keeps its own things, absolute."""
    database: str | None
    """URL of a PostgreSQL database; None: a SQLite file in `var`."""
    cpus: float
    """What the launcher of this host may use."""
    environment_set: tuple[tuple[str, str], ...]
    """Names and values added to what scripts inherit."""
    environment_drop: tuple[str, ...]
    """Names that scripts do not inherit."""
    tasks: tuple[Task, ...]
    warnings: tuple[str, ...]
    """Lines for a person: what will work, but perhaps not as meant."""
    fingerprint: str
    """What `fingerprint` said of the files just before they were read."""
    memory: int | None = None
    """Bytes that the scripts of this host may take together."""
    labels: tuple[str, ...] = ()
    queues: tuple[str, ...] = ("",)
    patience: float = 60.0
    """Seconds for which a step lets others pass that need less."""
    limits: tuple[tuple[str, float], ...] = ()
    """Name or template of each limit, and how much there is of it."""
    watches: tuple[WatchPlan, ...] = ()
    """Patterns whose new files become events: of tasks with steps, and of those that only emit."""
    counters: tuple[CounterPlan, ...] = ()
    """Files with the number of the last run, whose new runs become events."""
    lists: tuple[ListPlan, ...] = ()
    """Commands that tell what a source has."""
    sets: tuple[SetPlan, ...] = ()
    alerts: tuple[str, ...] = ()
    """The command by which a person is told, as words; empty: nobody is."""
    recipients: Recipients = field(default_factory=Recipients)
    """The addresses at which a person is told."""
    rules: tuple[Rule, ...] = ()
    bridges: tuple[BridgePlan, ...] = ()
    """Brokers from which messages come, and to which it is told what became of them."""
    keep_free: int | None = None
    """Bytes of the disk that stay free."""
    max_total: int | None = None
    """Bytes that all work directories may take together."""
    reserve: int | None = None
    """Bytes below which nothing starts; None: what the disk's size says."""
    keep: Keep = field(default_factory=Keep)
    """How long what has ended stays."""
    gpus: int = 0
    workers: int | None = None
    """Processes that call functions; None: as many as processors."""
    allow_pickle: bool = False
    """Inputs of functions may be pickles, where the task says so too."""
    lost_after: float = 600.0
    """Seconds without a sign of life after which a launcher on another host is taken for lost."""
    launcher_name: str = ""
    """What people call the launcher of this host; empty: its host and process."""
    plans_of_queues: tuple[tuple[str, QueuePlan], ...] = ()
    web: WebPlan = field(default_factory=WebPlan)
    reruns: Reruns = field(default_factory=Reruns)
    overrides: tuple[str, ...] = ()
    """Lines for a person: what holds over the files, and who says so."""
    python: str | None = None
    """``[project] python``, as it is written."""
    variables: tuple[tuple[str, Any], ...] = ()
    """``[variables]``."""

    @property
    def pool(self) -> int:
        """Processes that call functions, at most."""
        return max(1, round(self.cpus)) if self.workers is None else self.workers

    def to_json(self) -> str:
        """Everything but the tasks, which are stored by their hashes, and the database with its password."""
        return json.dumps(
            {
                "name": self.name,
                "root": str(self.root),
                "var": str(self.var),
                "cpus": self.cpus,
                "environment_set": dict(self.environment_set),
                "environment_drop": self.environment_drop,
                "warnings": self.warnings,
                "fingerprint": self.fingerprint,
                "memory": self.memory,
                "labels": self.labels,
                "queues": self.queues,
                "patience": self.patience,
                "limits": dict(self.limits),
                "watches": [asdict(each) for each in self.watches],
                "counters": [asdict(each) for each in self.counters],
                "lists": [asdict(each) for each in self.lists],
                "sets": [asdict(each) for each in self.sets],
                "alerts": self.alerts,
                "recipients": asdict(self.recipients),
                "rules": [asdict(each) for each in self.rules],
                "bridges": [asdict(each) for each in self.bridges],
                "keep_free": self.keep_free,
                "max_total": self.max_total,
                "reserve": self.reserve,
                "keep": asdict(self.keep),
                "gpus": self.gpus,
                "workers": self.workers,
                "allow_pickle": self.allow_pickle,
                "lost_after": self.lost_after,
                "launcher_name": self.launcher_name,
                "plans_of_queues": {name: asdict(plan) for name, plan in self.plans_of_queues},
                "web": asdict(self.web),
                "reruns": asdict(self.reruns),
                "overrides": self.overrides,
                "python": self.python,
                "variables": dict(self.variables),
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str, tasks: Iterable[Task], database: str | None = None) -> Definitions:
        """The definitions that `to_json` wrote, with their tasks and the database they were found in."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            name=raw["name"],
            root=Path(raw["root"]),
            var=Path(raw["var"]),
            database=database,
            cpus=raw["cpus"],
            environment_set=tuple(raw["environment_set"].items()),
            environment_drop=tuple(raw["environment_drop"]),
            tasks=tuple(tasks),
            warnings=tuple(raw["warnings"]),
            fingerprint=raw["fingerprint"],
            memory=raw.get("memory"),
            labels=tuple(raw.get("labels", ())),
            queues=tuple(raw.get("queues", ("",))),
            patience=raw.get("patience", 60.0),
            limits=tuple(raw.get("limits", {}).items()),
            watches=tuple(_watch(each) for each in raw.get("watches", ())),
            counters=tuple(CounterPlan(**each) for each in raw.get("counters", ())),
            lists=tuple(ListPlan(**{**each, "argv": tuple(each["argv"])}) for each in raw.get("lists", ())),
            sets=tuple(SetPlan.from_raw(each) for each in raw.get("sets", ())),
            alerts=tuple(raw.get("alerts", ())),
            recipients=_recipients(raw.get("recipients", {})),
            rules=tuple(Rule(**each) for each in raw.get("rules", ())),
            bridges=tuple(BridgePlan.from_raw(each) for each in raw.get("bridges", ())),
            keep_free=raw.get("keep_free"),
            max_total=raw.get("max_total"),
            reserve=raw.get("reserve"),
            keep=Keep(**raw.get("keep", {})),
            gpus=raw.get("gpus", 0),
            workers=raw.get("workers"),
            allow_pickle=raw.get("allow_pickle", False),
            lost_after=raw.get("lost_after", 600.0),
            launcher_name=raw.get("launcher_name", ""),
            plans_of_queues=tuple((name, QueuePlan(**plan)) for name, plan in raw.get("plans_of_queues", {}).items()),
            web=_web(raw.get("web", {})),
            reruns=Reruns(**raw.get("reruns", {})),
            overrides=tuple(raw.get("overrides", ())),
            python=raw.get("python"),
            variables=tuple(raw.get("variables", {}).items()),
        )


def _web(raw: dict[str, Any]) -> WebPlan:
    lists: dict[str, Any] = {key: tuple(raw[key]) for key in ("hosts", "callbacks") if key in raw}
    return WebPlan(**{**raw, **lists})


def _recipients(raw: dict[str, Any]) -> Recipients:
    return Recipients(tuple(raw.get("to", ())), raw.get("file", ""))


def _watch(raw: dict[str, Any]) -> WatchPlan:
    return WatchPlan(**{**raw, "ignore": None if raw["ignore"] is None else tuple(raw["ignore"])})
