"""What who operates a project looks at: status, launchers, disk, doctor → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso, iso_at
from procession.present.events import watch
from procession.present.messages import message
from procession.present.processings import processing, waits_since
from procession.present.tasks import counts, pause

if TYPE_CHECKING:  # what a command does not use it does not load
    from collections.abc import Sequence

    from procession.commands.disk import Going, Picture
    from procession.commands.hosts import Launcher
    from procession.commands.launchers import Status
    from procession.doctor import Finding
    from procession.model.retention import Kept
    from procession.workdir import Var


def status(found: Status, name: str, var: Var) -> dict[str, Any]:
    """What is going on in the project of this name."""
    serving = found.serving
    return {
        "project": name,
        "serving": None
        if serving is None
        else {
            "name": serving.name,
            "host": serving.host,
            "pid": serving.pid,
            "cpus": serving.cpus,
            "started_at": iso(serving.started_at),
            "closing": serving.closing,
        },
        "paused": [pause(each) for each in found.pauses],
        "problem": found.problem,
        "tasks": counts(found.counts),
        "running": [processing(p, var) for p in found.running],
        "failed": [processing(p, var) for p in found.failed],
        "messages": [message(m) for m in found.messages],
        "watches": [watch(w) for w in found.watches],
        "asking": dict(found.asking),
        "oldest_waiting": {task: waits_since(*one) for task, one in found.oldest.items()},
    }


def launcher(found: Launcher) -> dict[str, Any]:
    """A launcher, as people see it."""
    return {
        "id": found.id, "name": found.name, "host": found.host, "var": found.var, "pid": found.pid,
        "state": found.state, "started_at": iso(found.started_at), "heard_at": iso(found.heard_at),
        "cpus": found.cpus, "used": found.used, "running": found.running, "gpus": found.gpus,
        "labels": list(found.labels), "queues": list(found.queues), "url": found.url,
        "memory": found.memory, "used_memory": found.used_memory, "version": found.version,
        "mode": None if found.mode is None else {
            "by": found.mode.by, "reason": found.mode.reason, "at": iso_at(found.mode.at),
        },
    }  # fmt: skip


def disk(found: Picture) -> dict[str, Any]:
    """How full the disk is, and who takes it."""
    now = found.standing
    return {
        "total": now.space.total,
        "free": now.space.free,
        "keep_free": now.budget.keep_free,
        "max_total": now.budget.max_total,
        "reserve": now.budget.reserve,
        "full": found.full,
        "full_in": None if found.full_in is None else round(found.full_in),
        "used": found.used,
        "counted_from": found.counted_from or None,
        "committed": now.committed,
        "expected": dict(now.expected),
        "usage": [{"task": name, "state": str(s), "count": n, "bytes": total} for name, s, n, total in found.usage],
        "largest": [kept(each) for each in found.largest],
        "next": [kept(each) for each in found.next],
    }


def kept(found: Kept) -> dict[str, Any]:
    """A directory with working files."""
    return {
        "id": found.id,
        "task": found.task,
        "state": str(found.state),
        "bytes": found.bytes,
        "finished_at": iso(found.finished_at),
        "pinned": found.pinned,
    }


def going(found: Sequence[Going]) -> list[dict[str, Any]]:
    """What the cleaner would delete now, and why."""
    return [{**kept(each.kept), "what": each.what, "why": each.why} for each in found]


def findings(found: Sequence[Finding]) -> dict[str, Any]:
    """What the doctor found."""
    return {
        "level": next((w for w in ("wrong", "warning") if any(f.level == w for f in found)), "ok"),
        "checks": [{"check": f.check, "level": f.level, "says": f.says, "advice": f.advice} for f in found],
    }
