"""The HTTP API: every verb under ``/api/v1``, for programs on this machine and behind a proxy that speaks TLS.

The path of a request: `protocol` (what is no HTTP is refused) → `guard` (Host, origin, form: before anything is looked
up) → `callers` (who asks) → `routes` (which verb, with which arguments) → `verbs.call` in a thread (may they; do it;
audit) → an answer, or a `problems` one. It is plain ASGI: `app` is the whole of it.
"""
