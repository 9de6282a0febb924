"""Meanings: what each argument of a verb says, with its unit; what forms print beside their fields.

*In:* a verb and the name of an argument. *Out:* a sentence; empty where the name says all. *Always:* an argument that
several verbs share is told once; a verb whose own one means something else has a line of its own, ``verb.argument``.
"""

from __future__ import annotations

MEANINGS = {
    "reason": "Stands in the history and in the audit, with your name.",
    "note": "What was done or seen, for those who come after you.",
    "step": "One step of it; empty: the one that it is about.",
    "key": "By which the same thing is known when it comes again.",
    "priority": "A whole number; the higher one goes first. Empty: as the task says.",
    "params": "A line for each parameter: name=text, or name:=JSON for a number, list or object. "
    'Or all of them as JSON, as {"tile": "36UUA"}.',
    "title": "What people read in lists; empty: made of the key or the name.",
    "not_before": "A moment in UTC, as 2026-03-01T06:00, or from now, as +10 min.",
    "backfill": "Old data that is processed after all that is new.",
    "fresh": "Among new data, not behind it with what is processed again.",
    "description": "What this version is for, in your words.",
    "source": "Everything that comes from there.",
    "group": "All tasks of this group.",
    "task": "The name of a task.",
    "everything": "The whole project.",
    "groups": "Names of groups, one a line; empty: the tasks of all groups.",
    "expires": "A span from now, as 30 d; empty: until it is revoked.",
    "account": "It may at most what this account may; empty: it stands for itself.",
    "scopes": "What it may do: read, trigger, operate, define, admin; one a line.",
    "password": "At least 10 characters; empty: only by a login link.",
    "disabled": "It lets nobody in any more; its sessions and tokens end.",
    "all_groups": "The tasks of all groups, whatever is said above.",
    "role": "viewer looks, operator also acts, admin also makes tokens and accounts.",
    "mode": "stop: no further step starts; drain: what has begun goes on to its end; skip: what comes is born skipped.",
    "how": "stop: scripts run on; drain: leave when all that runs has ended; kill: end the scripts too.",
    "force": "Also while something of it waits or runs.",
    "children": "Also what its events became.",
    "again": "Let the same key come once more.",
    "versions": "All versions of it, not this one alone.",
    "cancel": "Cancel it first, where it has not ended.",
    "code": "newest: the files as they are now; recorded: as they were when it ran.",
    "script": "Another script in place of the one of the task.",
    "variables": "Values for this time, by their names.",
    "range": "Two nominal times, the first and the last.",
    "runs": "Numbers of runs, as 17 or 20-25, divided by commas.",
    "together": "All of these runs as one processing.",
    "expect": "How many you mean; where it has become another number, nothing is done.",
    "processing": "The processing whose hold ends; empty: all of them.",
    "inputs": "What the task is called with, as JSON.",
    "callback": "An address that is told when it has ended.",
    "delay": "A span from now, as 5 min, before which it does not begin.",
    "first_run": "The first run for which these values hold.",
    "last_run": "The last one; empty: it holds on.",
    "where": "A condition on the event, as sat == \"L8\".",
    "fix_all": "Also the variables that are left as they are keep today's values.",
    "replace": "It takes the place of the set of these very runs.",
    "ids": "Numbers of messages, one a line; empty: all of them.",
    "owner": "Who looks after it: the name of a person or of a group.",
    "emit.event": "Every task that is started by an event of this name takes it.",
    "emit.key": "What it is about, as a scene or a run; what comes again with its key makes nothing new. Empty: none.",
    "cancel-key.event": "The name of the event; empty: of any name.",
    "mute.span": "For so long nobody is told, as 8 h or 3 d. Empty: until it is unmuted.",
    "mute.more": "Nobody is told of so many more times; then people are told again. Empty: of no number of times.",
    "mute.reason": "Why nobody need be told, for those who look at it meanwhile.",
    "set.name": "What is set, as at_once:TASK, limit:NAME or cpus.",
    "set.value": "A number, or for memory and disk a size, as 20 GB. It holds over the file until it is reset.",
    "banner.text": "Stands on every page, above everything else; empty: the banner goes.",
    "answer.value": "As the question wants it.",
    "token-add.name": "What it is for; its calls stand in the audit under this name.",
    "token-revoke.key": "The first characters of the token, as the list shows them.",
    "login-link.account": "Whose link it is; empty: of an administrator.",
    "user-add.name": "The person's name, by which history and audit know them.",
    "submit.key": "Yours, by which you ask for it again; empty: one is made.",
    "assign.note": "What is known of it.",
    "unlock.name": "The name of the lock.",
    "give-up.name": "The launcher that never comes back; what it ran is tried again or asks a person.",
    "drain.name": "The launcher that starts nothing new.",
    "maintenance.name": "The launcher that serves the queue maintenance alone.",
    "stop-launcher.name": "The launcher that leaves.",
}  # fmt: skip
"""Argument, or verb and argument → what it says."""


def meaning(verb: str, argument: str) -> str:
    """What an argument of a verb says; empty where its name says all."""
    return MEANINGS.get(f"{verb}.{argument}", MEANINGS.get(argument, ""))
