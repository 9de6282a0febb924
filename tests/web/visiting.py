"""Somebody with a browser and no scripts: follows links, fills in forms, keeps cookies; what these tests share."""

import http.client
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from procession.commands import tokens
from tests.api.served import Served


def begun(served: Served, name: str = "scene", **given: Any) -> int:
    """A processing whose first step has begun; what earlier tests have left ends first, so that there is room."""
    served.driven.turn()
    while left := served.driven.claimed():
        for each in left:
            served.driven.end(each)
    found = served.driven.born(name, **given)
    served.driven.turn()
    return found


VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "use"})


@dataclass
class Element:
    """A tag and its attributes."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    within: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name, "")


class Document(HTMLParser):
    """A page, as a list of its elements in their order; `text` is what a person reads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.text = ""
        self._open: list[Element] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Element(tag, {name: value or "" for name, value in attrs}, within=tuple(e.tag for e in self._open))
        self.elements.append(found)
        if tag not in VOID:
            self._open.append(found)

    def handle_endtag(self, tag: str) -> None:
        while tag in (e.tag for e in self._open) and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data
        for each in self._open:
            each.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [e for e in self.elements if e.tag == tag and all(e[n] == v for n, v in wanted.items())]

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, (tag, attributes, [e.attributes for e in found])
        return found[0]

    @property
    def banner(self) -> str:
        """What all banners say."""
        return " ".join(e.text.strip() for e in self.elements if e.tag == "div" and "banner" in e["class"].split())

    def form(self, ending: str) -> dict[str, str]:
        """The fields of the first form whose action ends so, as they stand, and the action itself as ``action``."""
        fields: dict[str, str] = {}
        inside = False
        for e in self.elements:
            if e.tag == "form":
                if inside:
                    break
                inside = e["action"].endswith(ending)
                fields = {"action": e["action"]} if inside else fields
            elif inside and e.tag in ("input", "textarea", "select") and e["name"] and "form" in e.within:
                if e["type"] != "checkbox" or "checked" in e.attributes:
                    fields[e["name"]] = e["value"] if e.tag == "input" else e.text.removeprefix("\n")
            elif inside and e.tag == "option" and "selected" in e.attributes:
                fields[list(fields)[-1]] = e["value"]
        assert "action" in fields, ending
        return fields


@dataclass
class Seen:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str
    cookies: list[str] = field(default_factory=list)

    @property
    def html(self) -> str:
        return self.body.decode()

    @property
    def page(self) -> Document:
        return Document(self.html)


class Visitor:
    """One browser. `prefix`: what stands before the site outside; `kept`: does the proxy leave it there?"""

    def __init__(self, served: Served, prefix: str = "", *, kept: bool = False) -> None:
        self.served = served
        self.prefix = prefix
        self.kept = kept
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {"Sec-Fetch-Site": "same-origin"}

    def ask(self, method: str, url: str, body: bytes | None = None, **headers: str) -> Seen:
        """One request; no redirect is followed."""
        assert url.startswith(f"{self.prefix}/"), f"{url} leaves the site"
        split = urlsplit(url)
        path = split.path if self.kept else split.path.removeprefix(self.prefix)
        sent = {"Host": self.served.host, "Accept": "text/html", **self.headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=30)
        try:
            connection.putrequest(method, path + (f"?{split.query}" if split.query else ""), skip_host=True,
                                  skip_accept_encoding=True)  # fmt: skip
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            got = Seen(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read(), url,
                       answer.headers.get_all("Set-Cookie") or [])  # fmt: skip
        finally:
            connection.close()
        for each in got.cookies:
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return got

    def get(self, path: str, **headers: str) -> Seen:
        """A page of the site, redirects followed."""
        return self.follow(self.ask("GET", f"{self.prefix}/{path.lstrip('/')}", **headers))

    def follow(self, seen: Seen) -> Seen:
        """Where an answer leads."""
        for _ in range(5):
            if seen.status not in (301, 302, 303, 307, 308):
                return seen
            assert not seen.headers["location"].startswith(("/", "http")), seen.headers["location"]
            seen = self.ask("GET", urljoin(seen.url, seen.headers["location"]))
        raise AssertionError("it leads in a circle")

    def send(self, seen: Seen, ending: str, follow: bool = True, **changed: Any) -> Seen:
        """Fill in the form of a page whose action ends so, and send it."""
        fields = seen.page.form(ending)
        url = urljoin(seen.url, fields.pop("action"))
        named = {name.replace("__", "-"): value for name, value in changed.items()}
        got = self.ask("POST", url, urlencode({**fields, **named}).encode())
        return self.follow(got) if follow else got

    def log_in(self, role: str = "admin", groups: list[str] | None = None) -> "Visitor":
        """As somebody of this role; not by the page, where so many tries are too many."""
        project = self.served.project
        name = f"{role}{len(tokens.accounts(project))}"
        tokens.add_account(project, name, role, groups=groups)
        made = tokens.use_link(project, tokens.link(project, "tests", name).secret)
        self.cookies[f"procession_{self.served.port}"] = made.secret
        return self
