"""What a program gave as a result is served as it is, and no browser runs it (B43)."""

from collections.abc import Iterator

import pytest

from procession.commands import claims, instances, work
from procession.commands.asked import asked
from procession.commands.instances import NewInstance
from procession.store import bodies
from tests.api.served import Got, Served, serving

TOML = '[tasks.filed]\noutside = true\ngroup = "sar"\n'
SANDBOX = "sandbox; default-src 'none'"


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("filed"), TOML) as made:
        yield made


def told(made: Served, content: bytes, mime: str) -> Got:
    """A result of this type, as it is served."""
    born = instances.submit(made.project, "filed", NewInstance(), asked())
    (claimed,) = claims.claim(made.project, "w1")
    work.succeed(made.project, claimed.attempt, content, "text/plain")
    with made.project.store.begin() as tx:  # also what an older version let in
        bodies.set_results(tx, [(born.processing_id, bodies.Result(mime, bodies.Body("text", content.decode(), 1), 1))])
    return made.ask("GET", f"/api/v1/processings/{born.processing_id}/result")


@pytest.mark.feature("M80")
@pytest.mark.parametrize(
    ("mime", "served_as", "shown"),
    [
        ("text/plain", "text/plain; charset=utf-8", True),
        ("text/plain;charset=UTF-8", "text/plain; charset=utf-8", True),
        ("application/json", "application/json", True),
        ("image/png", "image/png", True),
        ("text/plain, text/html", "application/octet-stream", False),
        ("text/plain\x0ctext/html", "application/octet-stream", False),
        ("text/plain-text/html", "application/octet-stream", False),
        ("text/plain; charset=utf-7", "text/plain; charset=utf-7", False),
        ("text/html", "text/html", False),
        ("image/svg+xml", "image/svg+xml", False),
    ],
)
def test_a_result_is_shown_only_where_nothing_in_it_is_run(
    filed: Served, mime: str, served_as: str, shown: bool
) -> None:
    """B43."""
    got = told(filed, b"<script>alert(1)</script>", mime)
    assert (got.status, got.headers["content-type"]) == (200, served_as)
    assert got.headers.get("content-disposition") == (None if shown else "attachment")
    assert got.headers["content-security-policy"] == SANDBOX
    assert got.headers["x-content-type-options"] == "nosniff"


def test_a_type_that_a_browser_could_read_otherwise_is_not_taken(filed: Served) -> None:
    """B43: over HTTP."""
    instances.submit(filed.project, "filed", NewInstance(), asked())
    (claimed,) = filed.ask("POST", "/api/v1/work/claim", {"worker": "w1"}).json["items"]
    path = f"/api/v1/work/{claimed['attempt']}/succeed"
    for mime in ("text/plain, text/html", "text/html/text/plain", "text/plain;x", "/html", "text/"):
        assert filed.ask("POST", path, {"result": "x", "mime": mime}).status == 400, mime
    assert filed.ask("POST", path, {"result": "x", "mime": "text/plain; charset=utf-8"}).status == 200
