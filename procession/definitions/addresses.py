"""Addresses among the values of the files: databases, brokers, hosts, and where people are told."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from procession.definitions.values import one_or_more, told
from procession.errors import Invalid


def _postgres(value: str) -> str:
    if not re.match(r"postgres(ql)?(\+psycopg)?://[^\s]+$", value):
        raise Invalid(
            "must be the URL of a PostgreSQL database, postgresql://USER@HOST/NAME; "
            "leave it out to keep everything in a file of SQLite under var"
        )
    return value


def _host_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[?[0-9a-fA-F:]{2,39}\]?", value):
        raise Invalid("must be the name or address of a host, without scheme, port or path")
    return value.strip("[]").lower()


def _callback_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise Invalid('must be the beginning of a URL, scheme and host at least: "https://results.example/procession/"')
    return value


def _broker(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("stomp", "stomp+ssl") or not parts.hostname or port is None:
        raise Invalid('must be where a broker listens: "stomp://host:61613", or "stomp+ssl://host:61614"')
    if parts.username is not None or parts.password is not None:
        raise Invalid("must not have a password in it; write login and passcode into a file and say credentials_file")
    if parts.path or parts.query or parts.fragment:
        raise Invalid("must end with the port; what is read there is said by subscribe")
    return value


def _address(value: str) -> str:
    """Where a person is told; Invalid if it can be none, or has a password in it."""
    kind, colon, rest = value.partition("://")
    if not colon or not re.fullmatch(r"[a-z][a-z0-9+.-]*", kind, re.IGNORECASE) or not rest or not value.isprintable():
        raise Invalid('is no address; write it as "mailto://mail.example.org?from=me@example.org&to=you@example.org"')
    if ":" in re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[0]:
        raise Invalid("has a password in it; write this address into a file of its own, and name that in to_file")
    return value


Brokers = Annotated[
    list[Annotated[str, AfterValidator(told(_broker))]],
    BeforeValidator(one_or_more),
    Field(min_length=1, max_length=20),
]

HostName = Annotated[str, AfterValidator(told(_host_name))]

CallbackUrl = Annotated[str, AfterValidator(told(_callback_url))]

Address = Annotated[str, AfterValidator(told(_address))]

Database = Annotated[str, AfterValidator(told(_postgres))]
