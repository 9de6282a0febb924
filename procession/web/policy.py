"""What every page says to browsers: what it may load and run, and who may show it in a frame. Nobody, but itself."""

from __future__ import annotations

import secrets

POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def nonce() -> str:
    """A word that no page has had before."""
    return secrets.token_urlsafe(18)


def headers(made: str, *, kept: bool = True) -> tuple[tuple[bytes, bytes], ...]:
    """Headers of a page with this nonce; `kept`: may a browser keep it?

    With no referrer at all a browser would not say where a form comes from.
    """
    return (
        (b"content-security-policy", POLICY.format(nonce=made).encode()),
        (b"referrer-policy", b"same-origin"),
        (b"cache-control", b"private, no-cache" if kept else b"no-store"),
        (b"vary", b"accept, cookie, hx-request"),
    )
