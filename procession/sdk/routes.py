"""Routes: which request of the HTTP API each verb is, so that a program elsewhere needs nothing of the server's code.

The table is that of `procession.verbs`; a test compares the two. A verb that is added there is one line here, and one
method of the client.
"""

ROUTES = {
    "list": "GET /processings",
    "show": "GET /processings/{id}",
    "why": "GET /processings/{id}/why",
    "changes": "GET /processings/{id}/changes",
    "retry": "POST /processings/{id}/retry",
    "restart": "POST /processings/{id}/restart",
    "cancel": "POST /processings/{id}/cancel",
    "hold": "POST /processings/{id}/hold",
    "release": "POST /processings/{id}/release",
    "run-now": "POST /processings/{id}/run-now",
    "delete": "DELETE /processings/{id}",
    "pin": "POST /processings/{id}/pin",
    "unpin": "POST /processings/{id}/unpin",
    "logs": "GET /processings/{id}/logs",
    "system-log": "GET /log",
    "accept": "POST /processings/{id}/accept",
    "emit": "POST /events",
    "emit-many": "POST /events/batch",
    "events": "GET /events",
    "event": "GET /events/{id}",
    "sets": "GET /sets",
    "messages": "GET /messages",
    "read": "POST /messages/read",
    "tasks": "GET /tasks",
    "task": "GET /tasks/{name}",
    "pause": "POST /pause",
    "resume": "POST /resume",
    "settings": "GET /settings",
    "set": "POST /settings",
    "reset": "POST /settings/reset",
    "status": "GET /status",
    "stats": "GET /stats",
    "books": "GET /books",
    "disk": "GET /disk",
    "disk-preview": "GET /disk/preview",
    "clean": "POST /disk/clean",
    "doctor": "GET /doctor",
    "stop": "POST /stop",
    "register": "POST /tasks",
    "unregister": "DELETE /tasks/{name}",
    "submit": "POST /tasks/{task}/instances",
    "instance": "GET /tasks/{task}/instances/{key}",
    "journal": "GET /tasks/{task}/instances/{key}/journal",
    "result": "GET /tasks/{task}/instances/{key}/result",
    "delete-instance": "DELETE /tasks/{task}/instances/{key}",
    "claim": "POST /work/claim",
    "start": "POST /work/{attempt}/start",
    "heartbeat": "POST /work/{attempt}/heartbeat",
    "succeed": "POST /work/{attempt}/succeed",
    "fail": "POST /work/{attempt}/fail",
    "give-back": "POST /work/{attempt}/give-back",
}
"""Verb → method, and path below ``/api/v1``; ``{name}`` is an argument."""

STREAM = "/stream"
"""The live stream of the journal, as server-sent events."""
