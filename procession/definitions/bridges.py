"""What the file says of brokers: ``[bridges.NAME]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from procession.definitions.project_tables import BridgeTable, MainFile
from procession.definitions.sources import Place
from procession.definitions.tables import read_table
from procession.definitions.values import NAME
from procession.model.bridge import Address, BridgePlan
from procession.model.command import GIVEN, placeholders
from procession.model.event import OWN, PARAMETER

WITH_SUBSCRIBE = ("title", "priority", "one_at_a_time", "cancel_when", "required", "event", "key")
"""What says how messages are read."""


def read_bridges(top: MainFile, place: Place, root: Path) -> tuple[BridgePlan, ...]:
    """The bridges of the file; those with a mistake are left out, and it is noted."""
    plans = []
    for name, raw in (top.bridges or {}).items():
        at = place.at(name)
        if not NAME.fullmatch(name):
            at.error("is not a name; write 1 to 128 letters, digits and . _ : - only, not starting with - or .")
        if plan := _bridge(name, raw, at, root):
            plans.append(plan)
    return tuple(plans)


def _bridge(name: str, raw: Any, place: Place, root: Path) -> BridgePlan | None:
    said = read_table(BridgeTable, raw, place).written()
    urls = said.pop("url", None)
    said.pop("kind", None)
    if urls is None:
        return None
    _check_reading(said, place)
    _check_fields(said, place)
    _check_tls(said, urls, place)
    _check_files(said, place, root)
    publish = said.pop("publish", None)
    pairs: dict[str, Any] = {k: tuple(said.pop(k).items()) for k in ("cancel_when", "fields") if said.get(k)}
    lists: dict[str, Any] = {k: tuple(said.pop(k)) for k in ("subscribe", "required") if said.get(k)}
    told = tuple((k, v) for k, v in publish.written().items() if v) if publish else ()
    if not lists.get("subscribe") and not told:
        place.error("reads nothing and publishes nothing; say subscribe, publish or both")
    rest = {k: v for k, v in said.items() if v is not None}
    return BridgePlan(name, tuple(map(_address, urls)), publish=told, **pairs, **lists, **rest)


def _address(url: str) -> Address:
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or 0, parts.scheme == "stomp+ssl")


def _check_reading(said: dict[str, Any], place: Place) -> None:
    """What is read needs an event and a key; without subscribe nothing is read."""
    if not said.get("subscribe"):
        for key in WITH_SUBSCRIBE:
            if said.get(key) is not None:
                place.at(key).error("says how messages are read, and none are; add subscribe, or leave it out")
        return
    for key in ("event", "key"):
        if said.get(key) is None:
            what = "which event they become" if key == "event" else "by which a message that comes again is known"
            place.at(key).error(f"is missing; where messages are read it has to be said {what}")
    event = said.get("event") or ""
    if ":" in event and event.partition(":")[0] in OWN:
        place.at("event").error("is the name of Procession's own events; choose another")
    for key in ("key", "title", "one_at_a_time"):
        for part in placeholders(said.get(key) or ""):
            if part.source or part.name in GIVEN:
                place.at(key).error(f"{part} has no value; a message has its fields only")
    if said.get("key") is not None and not any(placeholders(said["key"])):
        place.at("key").error('is the same for every message; write what makes it unique, such as "{run_number}"')


def _check_fields(said: dict[str, Any], place: Place) -> None:
    seen: dict[str, str] = {}
    for theirs, ours in (said.get("fields") or {}).items():
        if not PARAMETER.fullmatch(ours):
            place.at("fields", theirs).error(
                "cannot be the name of a parameter; start with a letter, then letters, digits and _"
            )
        elif ours in seen:
            place.at("fields", theirs).error(f"is called {ours}, and so is {seen[ours]}; give each its own name")
        seen[ours] = theirs


def _check_tls(said: dict[str, Any], urls: list[str], place: Place) -> None:
    if not any(url.startswith("stomp+ssl") for url in urls):
        for key in ("ca_file", "cert_file", "key_file"):
            if said.get(key) is not None:
                place.at(key).error("is for TLS, and no url is stomp+ssl://")
    if said.get("key_file") is not None and said.get("cert_file") is None:
        place.at("key_file").error("is the key of a certificate, and there is no cert_file")


def _check_files(said: dict[str, Any], place: Place, root: Path) -> None:
    """Files may come later, so what is missing is a warning; a passcode that others can read is a mistake."""
    for key in ("credentials_file", "ca_file", "cert_file", "key_file"):
        path = None if said.get(key) is None else root / said[key]
        if path is None:
            continue
        if not path.is_file():
            place.at(key).warning(f"{path} is not there yet")
        elif key == "credentials_file" and path.stat().st_mode & 0o077:
            place.at(key).error(f"others can read {path}; make it yours alone: chmod 600 {path}")
