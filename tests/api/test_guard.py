"""What another site can make a browser send is refused, whatever else it brings: the whole matrix, by a table (5.3)."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from procession.api.guard import HEADERS, Names, refusal
from procession.api.request import Request
from tests.api.served import Served

NAMES = Names(8750, ("pc.example",))

HOSTS: dict[str, bool] = {
    "127.0.0.1:8750": True,
    "pc.example:8750": True,
    "evil.example": False,
    "127.0.0.1.evil.example:8750": False,
    "localhost:9999": False,
}
ORIGINS: dict[str | None, bool | None] = {
    None: None,
    "http://127.0.0.1:8750": True,
    "null": False,
    "http://localhost:9999": False,
    "http://evil.example": False,
}
SITES: dict[str | None, bool | None] = {
    None: None, "same-origin": True, "none": True, "same-site": False, "cross-site": False
}  # fmt: skip
COOKIES: tuple[str | None, ...] = (None, "procession_8750=x", "other=y")
BEARERS: tuple[str | None, ...] = (None, "Bearer procession_x", "Basic eDp5")


def request(method: str, path: str, headers: Mapping[str, str | None], query: bytes = b"") -> Request:
    async def receive() -> Any:
        raise AssertionError("the guard reads no body")

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
        "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in headers.items() if v is not None],
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    return Request(scope, receive)


def expected(method: str, host: bool, origin: bool | None, site: bool | None, cookie: bool, bearer: bool) -> int | None:
    """The table: the first line that fits counts."""
    if not host:
        return 421
    if origin is False or site is False:
        return 403
    if method == "GET" or origin or site:
        return None
    return None if bearer and not cookie else 403


@pytest.mark.parametrize(("method", "path"), [("GET", "/login"), ("POST", "/login"), ("POST", "/api/v1/events")])
def test_the_whole_matrix_is_as_the_table_says(method: str, path: str) -> None:
    """B1, B3, B4, B5, B7: 5 x 5 x 5 x 3 x 3."""
    for host, origin, site, cookie, bearer in product(HOSTS, ORIGINS, SITES, COOKIES, BEARERS):
        headers = {
            "Host": host, "Origin": origin, "Sec-Fetch-Site": site, "Cookie": cookie, "Authorization": bearer
        }  # fmt: skip
        got = refusal(request(method, path, headers), NAMES)
        known = bearer is not None or path.startswith("/api/")  # who brings nothing is refused there for that
        wanted = expected(method, HOSTS[host], ORIGINS[origin], SITES[site], cookie is not None, known)
        assert (None if got is None else got.status) == wanted, (method, headers)


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/status", "/login", "/static/x/js/login.js", "/live", "/metrics", "/api/v1/stream"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_host_gets_nothing_from_any_path(served: Served, method: str, path: str) -> None:
    """B1."""
    got = served.ask(method, path, headers={"Host": "evil.example"})
    assert got.status == 421
    assert got.json["code"] == "BadHost"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1.evil.example:{}", "localhost.evil:{}", "LOCALHOST.:{}", "127.1:{}", "0x7f.1:{}",
     "[::ffff:127.0.0.1]:{}", "2130706433:{}", "localhost", "localhost:1", "user@localhost:{}", "localhost:{}.", " "],
)  # fmt: skip
def test_only_the_listed_names_pass(served: Served, host: str) -> None:
    """B2."""
    got = served.ask("GET", "/live", headers={"Host": host.format(served.port)})
    assert got.status in (400, 421)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_names_of_this_machine_pass(served: Served, host: str) -> None:
    assert served.ask("GET", "/live", headers={"Host": f"{host}:{served.port}"}).status == 200


def test_other_headers_change_nothing(served: Served) -> None:
    """B8."""
    headers = {"X-Forwarded-Host": served.host, "X-Original-URL": "/live", "X-HTTP-Method-Override": "GET"}
    assert served.ask("GET", "/live", headers={"Host": "evil.example", **headers}).status == 421
    got = served.ask("GET", "/api/v1/tokens", token=None, headers={**headers, "X-Forwarded-For": "127.0.0.1"})
    assert got.status == 401


def test_a_preflight_is_refused_and_nothing_is_allowed_to_others(served: Served) -> None:
    """C6."""
    headers = {"Origin": f"http://{served.host}", "Access-Control-Request-Method": "POST"}
    got = served.ask("OPTIONS", "/api/v1/tokens", headers=headers)
    assert got.status == 403
    for path in ("/live", "/api/v1/health", "/nothing"):
        found = served.ask("GET", path, headers={"Origin": f"http://{served.host}"})
        assert not [name for name in found.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/live", "/api/v1/health", "/api/v1/nothing", "/metrics"])
def test_every_answer_has_the_same_words_for_browsers(served: Served, path: str) -> None:
    """C7."""
    got = served.ask("GET", path)
    for name, value in HEADERS:
        assert got.headers[name.decode()] == value.decode()
    assert "'unsafe" not in got.headers["content-security-policy"]


@pytest.mark.parametrize("query", ["token={}", "access_token=x", "a=1&Token={}", "x={}", "%74oken=1"])
def test_a_secret_in_a_url_is_refused(served: Served, query: str) -> None:
    """B7, C8."""
    got = served.ask("GET", "/api/v1/health?" + query.format(served.admin))
    assert got.status == 400
    assert "URL" in got.json["detail"]


def test_a_form_of_another_page_changes_nothing(served: Served) -> None:
    """B6: JSON in a form of text/plain; an image whose address is a verb."""
    form = {"Content-Type": "text/plain", "Origin": "http://evil.example", "Cookie": "procession_1=x"}
    assert served.ask("POST", "/api/v1/users", token=None, headers=form, raw=b'{"name":"x"}').status == 403
    image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert served.ask("GET", "/api/v1/processings/1/retry", headers=image).status == 403
    assert served.ask("POST", "/api/v1/users", headers={"Content-Type": "text/plain"}, raw=b"{}").status == 415
