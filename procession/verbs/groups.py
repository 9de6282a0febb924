"""Callers who are limited: to groups of tasks, or to what an attempt may do.

*In:* who asks, the path of the verb and its arguments; then its answer. *Out:* Denied or NotFound, or the answer
without what is not theirs. *Always:* a limited caller may use only verbs whose subject can be told, so a new
verb is closed to them until it says what it is about; what is not theirs is not there for them, not even refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from procession.commands.events import unknown_task
from procession.errors import Denied, Invalid, NotFound
from procession.model import query
from procession.model.processing import Processing
from procession.model.task import Task
from procession.project import Project
from procession.store import causes, processings, tasks, wishes
from procession.store.database import Tx

if TYPE_CHECKING:
    from procession.verbs.verb import Verb

Groups = frozenset[str] | None

LISTS = (
    "/processings", "/processings/count", "/processings/complete", "/tasks", "/status", "/overview", "/instances",
    "/health", "/causes", "/questions",
)  # fmt: skip
"""Paths of verbs that only look: whose answers name the task of each thing in them, so that they can be sifted, or
that ask for what is theirs alone."""
OWN = "/views"
"""Before the paths of verbs that concern nobody but who asks."""
USUAL_GROUP = ""
"""Of a task that names none."""


def is_of_some(verb: Verb, arguments: Mapping[str, Any]) -> bool:
    """Is a call about a task, an event, a processing or a cause, or does its answer tell whose each thing is? What is
    about all of them at once is closed to who is limited to groups."""
    path = verb.path
    return (
        path.startswith(("/processings/{id}", "/causes/{", "/tasks/{"))
        or (path in ("/events", "/hooks/{event}") and "event" in arguments)
        or verb.name in ("register", "unregister")
        or arguments.get("task") is not None
        or path.startswith(OWN)
        or (path in LISTS and not verb.changes)
    )


def check(project: Project, groups: Groups, verb: Verb, arguments: Mapping[str, Any]) -> None:
    """Raise unless what this call is about is of these groups."""
    if groups is None or verb.path.startswith(OWN):
        return
    if not is_of_some(verb, arguments):
        raise Denied("you are limited to some groups of tasks, and this concerns all of them; ask an administrator")
    path = verb.path
    with project.store.read() as tx:
        theirs = _tasks(tx, groups)
        if isinstance(asked := arguments.get("query"), str):
            _check_query(project, theirs, asked)
        if path in ("/events", "/hooks/{event}") and "event" in arguments:
            _check_event(tx, theirs, arguments)
        elif path.startswith("/processings/{id}"):
            found = processings.find(tx, arguments["id"])
            if found is None or found.task not in theirs:
                raise NotFound(f"there is no processing {arguments['id']}")
            if arguments.get("children"):
                _check_descendants(tx, theirs, found)
        elif verb.name in ("register", "unregister"):
            _check_registered(tx, groups, verb.name == "register", arguments)
        elif path.startswith("/causes/{"):
            text = str(arguments["signature"]).strip().lower()
            if not all(each.task in theirs for each in causes.beginning(tx, text)):
                raise NotFound(f"there is no cause {text[:20]}")
        elif path.startswith("/tasks/{") or arguments.get("task") is not None:
            task = arguments.get("task", arguments.get("name"))
            if task not in theirs:
                raise NotFound(f"there is no task {str(task)[:60]!r}")


def _check_query(project: Project, theirs: frozenset[str], text: str) -> None:
    """A query names tasks of theirs, or patterns: of others it is not even told whether they are there."""
    try:
        named = query.parse(text, project.clock.now()).tasks
    except Invalid:
        return  # the verb says what is wrong with it
    for name in sorted(named - theirs):
        raise NotFound(unknown_task(name, sorted(theirs)))


def _check_event(tx: Tx, theirs: frozenset[str], arguments: Mapping[str, Any]) -> None:
    """An event may be submitted by whoever may see all that it starts."""
    name, params = arguments["event"], arguments.get("params") or {}
    taking = [task.name for task in tasks.current(tx).values() if _takes(task, name, params)]
    if not taking or not theirs.issuperset(taking):
        raise Denied(f"event {str(name)[:60]} starts what is not of your groups of tasks; ask an administrator")


def _check_descendants(tx: Tx, theirs: frozenset[str], top: Processing) -> None:
    """What is done to all that came of it must be theirs in all of it."""
    known, upcoming = {top.id}, [top.root]
    while upcoming:
        for child_id in wishes.born_of(tx, upcoming.pop()):
            child = None if child_id in known else processings.find(tx, child_id)
            if child is None:
                continue
            if child.task not in theirs:
                raise Denied(
                    f"something that came of processing {top.id} is not of your groups of tasks; leave the children "
                    "out, or ask an administrator"
                )
            known.add(child_id)
            upcoming.append(child.root)


def _check_registered(tx: Tx, groups: frozenset[str], new: bool, arguments: Mapping[str, Any]) -> None:
    """A task may be put into a group by whoever has that group, and the one in which it is or has been; and forgotten
    by whoever has this one."""
    name, options = arguments["name"], arguments.get("options") or {}
    stands = tasks.stand(tx, name) if isinstance(name, str) else None
    before = None if stands is None else tasks.get(tx, stands.definition_id).group
    after = (options.get("group") if isinstance(options, dict) else None) or USUAL_GROUP
    wanted = [*([after] if new else []), *([] if before is None else [before])]
    if not all(isinstance(group, str) and group in groups for group in wanted):
        raise Denied(
            f"you are limited to the groups {', '.join(sorted(groups))}: register a task with one of them as the group "
            "among its options, under a name that no other group has"
        )


def _takes(task: Task, name: Any, params: Any) -> bool:
    return isinstance(name, str) and isinstance(params, dict) and task.accepts(name, params)


def _tasks(tx: Tx, groups: frozenset[str]) -> frozenset[str]:
    """Names of the tasks of these groups."""
    return frozenset(task.name for task in tasks.current(tx).values() if task.group in groups)


PLACES = {"/status": ("running", "failed", "messages")}
"""Path → lists in its answer whose things name their task; elsewhere it is ``items``. Nothing else is looked into: what
users put into parameters and outputs is theirs, whatever its names."""


def sifted(project: Project, groups: Groups, path: str, answer: Any) -> Any:
    """An answer without what is of other groups."""
    if groups is None or not isinstance(answer, dict):
        return answer
    with project.store.read() as tx:
        theirs = _tasks(tx, groups)
        found, name = dict(answer), "name" if path == "/tasks" else "task"
        for place in PLACES.get(path, ("items",)):
            if isinstance(found.get(place), list):
                found[place] = [each for each in found[place] if _is_theirs(each, name, theirs)]
        if path == "/status":
            for place in ("tasks", "asking", "oldest_waiting"):
                found[place] = {each: counts for each, counts in found[place].items() if each in theirs}
        elif path == "/processings/{id}" and "children" in found:
            tasks_of = {each["id"]: processings.find(tx, each["id"]) for each in found["children"]}
            known = {pid for pid, child in tasks_of.items() if child is not None and child.task in theirs}
            found["children"] = [each for each in found["children"] if each["id"] in known]
    return found


def _is_theirs(item: Any, name: str, theirs: frozenset[str]) -> bool:
    """Is this thing in a list theirs? Without a word of its task it is nobody's in particular."""
    if not isinstance(item, dict) or not isinstance(item.get(name), str):
        return True
    return item[name] in theirs or not item[name]


OF_ATTEMPT = frozenset({"emit", "emit-many", "acquire", "release-lock", "lock", "hook"})
"""Verbs that every attempt may use, for its own processing, whatever its task grants."""


def is_own(attempt: tuple[int, int, int], name: str, arguments: Mapping[str, Any]) -> bool:
    """Does an attempt ask for what concerns itself alone, so that it needs no grant?"""
    return name in OF_ATTEMPT and arguments.get("processing", arguments.get("id")) in (None, attempt[0])
