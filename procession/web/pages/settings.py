"""Settings: how one's own pages look, who is let in, who is told, what stays, and how the installation is."""

from __future__ import annotations

from typing import Any

from procession import verbs
from procession.store.tasks import current
from procession.web.page import Ask, Shown, page

TABS = (
    ("profile", "Profile", "", ""),
    ("values", "Values", "values", "settings"),
    ("tokens", "Tokens", "tokens", "token-list"),
    ("users", "Users", "users", "user-list"),
    ("notifications", "Notifications", "notifications", "deliveries"),
    ("retention", "Retention", "retention", ""),
    ("bridges", "Bridges", "bridges", "bridges"),
    ("health", "Health", "health", "about"),
)
"""Name, word, place below ``settings``, and the verb without which there is nothing to see."""
SCOPES = (
    ("read", "read pages and data"), ("trigger", "submit events and calls"),
    ("operate", "act on processings, tasks and launchers"),
    ("define", "register tasks"), ("admin", "manage tokens and users, read the audit"),
)  # fmt: skip
ROLES = (
    ("viewer", "reads and downloads"), ("operator", "also retries, pauses, cancels, submits"),
    ("admin", "also manages tokens and users, deletes for good"),
)  # fmt: skip


def shown(ask: Ask, name: str, title: str, values: dict[str, Any], live: str = "setting", data: Any = None) -> Shown:
    """One of the pages of settings, with the tabs to the others."""
    tabs = [
        (word, f"settings/{place}".rstrip("/"), each == name, ask.why_not(verb) if verb else "")
        for each, word, place, verb in TABS
    ]
    return Shown(
        f"pages/settings_{name}.html", {**values, "tabs": tabs}, title, live=live,
        data=values if data is None else data, crumbs=(("Settings", "settings"),) if name != "profile" else (),
    )  # fmt: skip


@page("/settings")
def profile(ask: Ask) -> Shown:
    """How somebody wants the pages to look, and what they may do."""
    return shown(ask, "profile", "Settings", {"you": ask.verb("health")["you"]})


@page("/settings/values")
def values_(ask: Ask) -> Shown:
    """What holds now, beside what the file says; and what stands on every page."""
    items = ask.verb("settings")["items"]
    pauses = [each for each in items if each["name"] == "pause" or each["name"].startswith("pause:")]
    rest = [each for each in items if each not in pauses and each["name"] != "banner"]
    values = {
        "changed": [each for each in rest if each["by"]],
        "said": [each for each in rest if not each["by"]],
        "pauses": [{**each, "scope": _scope(each["name"])} for each in pauses],
        "banner": next((each for each in items if each["name"] == "banner"), None),
        "has_banner": "banner" in verbs.load(),
    }
    return shown(ask, "values", "Values", values, data={"items": items})


def _scope(name: str) -> dict[str, str]:
    """What the verb resume is asked with, to end this pause."""
    _, _, what = name.partition(":")
    kind, _, of = what.partition(":")
    return {kind: of} if of else {"everything": "true"}


@page("/settings/tokens", scope="admin")
def tokens(ask: Ask) -> Shown:
    """Tokens of programs: what each may, until when, and when it was last used."""
    now = ask.verb("health")["now"]
    found = ask.verb("token-list")["items"]
    for each in found:
        over = each["expires_at"] is not None and each["expires_at"] < now
        each["state"] = "revoked" if each["revoked_at"] else "expired" if over else "holds"
    return shown(ask, "tokens", "Tokens", {"tokens": found}, live="")


@page("/settings/users", scope="admin")
def users(ask: Ask) -> Shown:
    """People who may log in, and the groups of tasks of each."""
    return shown(ask, "users", "Users", {"users": ask.verb("user-list")["items"], "roles": ROLES}, live="")


@page("/settings/notifications")
def notifications(ask: Ask) -> Shown:
    """Who is told of what, whether that works, and what was sent."""
    said = ask.project.settings
    failed = bool(ask.query.get("failed"))
    sent = ask.verb("deliveries", failed=failed or None, before=ask.argument("deliveries", "before"))
    values = {
        "runs": list(said.alerts), "recipients": said.recipients.any, "rules": len(said.rules),
        "deliveries": sent["items"], "next": sent["next"], "failed": failed,
    }  # fmt: skip
    return shown(ask, "notifications", "Notifications", values, live="delivery message")


@page("/settings/retention")
def retention(ask: Ask) -> Shown:
    """How long things stay, as the file says."""
    from procession.web.pages.disk import budget, spans  # noqa: PLC0415  one page of another

    keep = ask.project.settings.keep
    theirs = {each["name"] for each in ask.verb("tasks")["items"]}
    with ask.project.store.read() as tx:
        plans = [each for each in current(tx).values() if each.name in theirs]
    tasks = [{"name": each.name, "retention": each.retention} for each in plans if each.retention is not None]
    found = budget(ask)
    values = {
        "keep": spans(ask), "failed_at_least": keep.failed_at_least, "tasks": tasks,
        "budget": {name: found[name] for name in ("keep_free", "max_total", "reserve")},
    }  # fmt: skip
    return shown(ask, "retention", "Retention", values)


@page("/settings/bridges")
def bridges(ask: Ask) -> Shown:
    """Bridges to brokers, and what went over each."""
    return shown(ask, "bridges", "Bridges", {"bridges": ask.verb("bridges")["items"]}, live="bridge setting")


@page("/settings/health")
def health(ask: Ask) -> Shown:
    """Versions, the database, licences; and what the doctor finds, where somebody asks for it."""
    values = {
        "about": ask.verb("about"), "health": ask.verb("health"), "launchers": ask.verb("launchers")["items"],
        "doctor": ask.verb("doctor") if ask.query.get("examine") else None,
    }  # fmt: skip
    return shown(ask, "health", "Health", values, live="launcher")
