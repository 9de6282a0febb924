"""Settings, the audit, messages and help: who is let in, what was done, what people should know."""

import csv
import io
import json
import re
from urllib.parse import urlencode, urljoin

import pytest

from procession.cli.main import COMMANDS
from procession.commands import messages, tokens
from procession.commands.messages import Notice
from procession.model.query import FIELDS
from procession.verbs import Caller, call
from procession.verbs import load as verbs
from procession.web import reference
from tests.api import served as usual
from tests.api.served import Served
from tests.web.visiting import Seen, Visitor

TOML = f'{usual.TOML}[tasks.sum]\ngroup = "sar"\noutside = true\nretention = "3d"\n'
HOSTILE = "<script>alert(1)</script>\"'&"
PAGES = (
    "hosts", "locks", "disk", "audit", "messages", "settings", "settings/values", "settings/tokens", "settings/users",
    "settings/notifications", "settings/retention", "settings/bridges", "settings/health", "help", "help/commands",
    "help/queries", "help/file", "help/api", "help/errors", "help/states", "help/search?q=lock", "ask/token-add",
    "ask/user-add", "ask/user-set?name=maria",
)  # fmt: skip


def prepare(served: Served) -> None:
    tokens.add_account(served.project, "maria", "operator", ["optical"])


@pytest.fixture(scope="module")
def boss(served: Served) -> Visitor:
    return Visitor(served).log_in("admin")


def opened(visitor: Visitor, path: str, link: str) -> Seen:
    seen = visitor.get(path)
    found = next(e["href"] for e in seen.page.all("a") if link in e["href"])
    return visitor.follow(visitor.ask("GET", urljoin(seen.url, found)))


def asked(served: Served, verb: str, **given: object) -> list[dict[str, object]]:
    return list(call(served.project, Caller("tests", "http"), verb, given)["items"])


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_a_page_a_part_of_one_and_json_and_has_one_heading(boss: Visitor, path: str) -> None:
    seen = boss.get(path)
    assert seen.status == 200, seen.page.text
    assert len(seen.page.all("h1")) == 1
    named = [e["id"] for e in seen.page.elements if e["id"]]
    assert len(named) == len(set(named))
    labels = {e["for"] for e in seen.page.all("label")}
    for e in seen.page.all("input"):
        said = e["aria-label"] or e["id"] in labels or "label" in e.within
        assert e["type"] == "hidden" or said, e
    live = [e for e in seen.page.elements if e["data-src"] and e["id"] == "now"]
    for e in live:
        part = boss.ask("GET", urljoin(seen.url, e["data-src"]), HX_Request="true")
        assert part.status == 200 and 'id="now"' in part.html
    assert isinstance(json.loads(boss.get(path, Accept="application/json").body), dict)


@pytest.mark.feature("M102", "P29")
def test_a_token_is_made_with_its_scopes_and_groups_and_its_secret_is_shown_once(served: Served, boss: Visitor) -> None:
    form = opened(boss, "settings/tokens", "ask/token-add")
    fields = form.page.form("do/token-add")
    url = urljoin(form.url, fields.pop("action"))
    body = urlencode(
        [(n, v) for n, v in fields.items() if n not in ("name", "scopes", "expires")]
        + [("name", HOSTILE), ("scopes", "read"), ("scopes", "trigger"), ("groups", "optical"), ("expires", "30 days")]
    )
    made = boss.ask("POST", url, body.encode())
    assert made.status == 201 and made.headers["cache-control"] == "no-store"
    (secret,) = set(re.findall(r"procession_[A-Za-z0-9_-]{43}", made.html))
    assert made.page.one("code", id="secret").text == secret
    assert served.ask("GET", "/api/v1/health", token=secret).json["you"]["groups"] == ["optical"]
    again = boss.ask("POST", url, body.encode())
    assert again.status == 409 and secret not in again.html and "cannot be shown again" in again.page.text
    assert len([each for each in asked(served, "token-list") if each["name"] == HOSTILE]) == 1
    listed = boss.get("settings/tokens")
    assert HOSTILE in listed.page.text and "<script>alert" not in listed.html and "never" in listed.page.text
    for path in ("settings/tokens", "audit", "settings/tokens?part=now"):
        assert secret not in boss.get(path).html
    for text in (*boss.cookies.values(), *made.headers.values()):
        assert secret not in text


@pytest.mark.feature("P29")
def test_a_token_is_revoked_and_what_was_wrong_with_a_new_one_stands_beside_what_was_typed(
    served: Served, boss: Visitor
) -> None:
    made = tokens.add(served.project, "to be revoked", ["read"], "tests")
    asking = opened(boss, "settings/tokens", f"ask/token-revoke?back=settings%2Ftokens&key={made.token.key}")
    assert "to be revoked" in boss.send(asking, "do/token-revoke").page.text
    assert served.ask("GET", "/api/v1/health", token=made.secret).status == 401
    wrong = boss.send(opened(boss, "settings/tokens", "ask/token-add"), "do/token-add", name="x", expires="soon")
    assert wrong.status == 400 and wrong.page.form("do/token-add")["expires"] == "soon"
    assert wrong.page.all("p", role="alert")


@pytest.mark.feature("M112", "P29")
def test_a_user_gets_another_role_is_disabled_and_logs_in_by_a_link_that_is_shown_once(
    served: Served, boss: Visitor
) -> None:
    made = boss.send(opened(boss, "settings/users", "ask/user-add"), "do/user-add", name="ada", role="viewer")
    assert made.status == 200 and "ada" in made.page.text
    changed = boss.send(opened(boss, "settings/users", "user-set?back=settings%2Fusers&name=ada"), "do/user-set",
                        role="operator", password="correct horse battery")  # fmt: skip
    assert changed.status == 200 and "horse" not in changed.html
    (ada,) = [each for each in asked(served, "user-list") if each["name"] == "ada"]
    assert (ada["role"], ada["groups"], ada["password"]) == ("operator", None, True)
    link = boss.send(opened(boss, "settings/users", "login-link?back=settings%2Fusers&user=ada"), "do/login-link")
    assert link.status == 201
    shown = link.page.one("code", id="secret").text
    assert shown.startswith(f"http://{served.host}/login#procession_")
    own = Visitor(served)
    assert own.send(own.get("login"), "login", code=shown.partition("#")[2]).status == 200
    assert own.get("settings/tokens").status == 403
    for each in ("true", "false"):
        token = boss.get("settings/users").page.all("input", name="csrf")[0]["value"]
        sent = urlencode({"name": "ada", "disabled": each, "back": "settings/users", "csrf": token})
        assert boss.ask("POST", "/do/user-set", sent.encode()).status == 303
        assert ("disabled" in boss.get("settings/users").page.text) == (each == "true")
    removed = boss.send(opened(boss, "settings/users", "user-remove?back=settings%2Fusers&name=ada"), "do/user-remove")
    assert not [each for each in asked(served, "user-list") if each["name"] == "ada"]
    assert "is removed" in removed.page.text


@pytest.mark.feature("P29", "M103")
def test_the_audit_is_filtered_in_the_url_goes_on_by_its_cursor_and_is_exported(served: Served, boss: Visitor) -> None:
    for n in range(120):
        who = Caller("=cmd()", "http", origin="192.0.2.9")
        call(served.project, who, "set", {"name": "cpus", "value": n + 1})
    first = boss.get("audit?by=%3Dcmd()&verb=set")
    assert first.page.one("input", name="verb")["value"] == "set"
    rows = [e for e in first.page.all("tr") if e["id"]]
    assert len(rows) == 100 and "192.0.2.9" in rows[0].text and "value=120" in rows[0].text
    older = next(e["href"] for e in first.page.all("a") if "cursor=" in e["href"])
    assert "verb=set" in older
    second = boss.follow(boss.ask("GET", urljoin(first.url, older)))
    assert len([e for e in second.page.all("tr") if e["id"]]) == 20
    table = boss.get("audit.csv?verb=set")
    lines = list(csv.DictReader(io.StringIO(table.html)))
    assert len(lines) == 120 and lines[0]["by"] == "'=cmd()" and lines[0]["outcome"] == "done"
    assert "attachment" in table.headers["content-disposition"]
    nothing = boss.get("audit?by=nobody-of-this-name")
    assert "No line of the audit matches." in nothing.page.text and "Remove filters" in nothing.page.text
    assert Visitor(served).log_in("operator").get("audit.csv").status == 403


@pytest.mark.feature("M94")
def test_a_message_counts_needs_a_person_and_is_read(served: Served, boss: Visitor) -> None:
    project = served.project
    for _ in range(3):
        with project.store.begin() as tx:
            messages.note(project, tx, [Notice("disk", "", f"the disk is full {HOSTILE}", signature="d")])
    seen = boss.get("messages?unread=1")
    (found,) = [e for e in seen.page.all("tr") if e["id"].startswith("message-")]
    assert HOSTILE in found.text and "3" in found.text and found["class"] == "unread"
    assert "<script>alert" not in seen.html
    assert "No unread message." in boss.send(seen, "do/read", everything="true").page.text
    (found,) = [e for e in boss.get("messages").page.all("tr") if e["id"].startswith("message-")]
    assert "read" in found.text and found["class"] == ""
    with project.store.begin() as tx:
        tx.connection.exec_driver_sql(f"UPDATE message SET ended_at = {project.now()}")
    assert "No message occurs now." in boss.get("messages").page.text
    assert "ended" in boss.get("messages?ended=1").page.text


@pytest.mark.feature("M110")
def test_how_pages_look_is_kept_by_the_browser_alone(boss: Visitor) -> None:
    for name, value in (("theme", "dark"), ("density", "compact"), ("keys", "off"), ("refresh", "30")):
        form = boss.get("settings").page.form("preferences")
        sent = urlencode({"csrf": form["csrf"], "back": "settings", name: value})
        assert boss.ask("POST", "/preferences", sent.encode()).status == 303
    html = boss.get("settings").page.one("html")
    assert (html["data-theme"], html["data-density"], html["data-keys"]) == ("dark", "compact", "off")
    pressed = {e["value"] for e in boss.get("settings").page.all("button", aria_pressed="true")}
    assert {"dark", "compact", "30"} <= pressed


@pytest.mark.feature("P29")
@pytest.mark.check(39)
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_what_is_for_administrators_is_refused_to_others_and_its_tab_says_so(served: Served, role: str) -> None:
    own = Visitor(served).log_in(role)
    for path in ("settings/tokens", "settings/users", "audit"):
        assert own.get(path).status == 403
    tabs = [e for e in own.get("settings").page.all("span") if "administrators only" in e["title"]]
    assert [e.text for e in tabs] == ["Tokens", "Users"]
    token = own.get("settings").page.all("input", name="csrf")[0]["value"]
    for verb, given in (
        ("token-add", {"name": "x", "scopes": "admin"}),
        ("user-set", {"name": "maria", "role": "admin"}),
    ):
        assert own.ask("POST", f"/do/{verb}", urlencode({**given, "csrf": token}).encode()).status == 403
    assert not [each for each in asked(served, "token-list") if each["name"] == "x"]


@pytest.mark.feature("M123")
def test_help_has_every_command_key_query_and_verb_and_finds_them(boss: Visitor) -> None:
    named = {topic: {each.name for each in reference.of(topic)} for topic in reference.TOPICS}
    assert named["commands"] == {name for section in COMMANDS.values() for name in section}
    assert set(reference.QUERIES) == set(FIELDS)
    assert named["api"] == set(verbs())
    assert {"at_once", "retention", "keep_free", "max_waiting"} <= named["file"]
    assert {"Denied", "QueueFull"} <= named["errors"]
    assert all(each.text for each in reference.entries() if each.topic != "file")
    anchors = [(each.topic, each.anchor) for each in reference.entries()]
    assert len(anchors) == len(set(anchors))
    found = boss.get("help/search?q=exit+code+75")
    assert "QueueFull" in found.page.text
    hit = next(e["href"] for e in found.page.all("a") if "#" in e["href"] and "errors" in e["href"])
    page = boss.follow(boss.ask("GET", urljoin(found.url, hit.partition("#")[0])))
    assert [e for e in page.page.elements if e["id"] == hit.partition("#")[2]]
    assert "Nothing found for" in boss.get(f"help/search?{urlencode({'q': HOSTILE})}").page.text
    assert "<script>alert" not in boss.get(f"help/search?{urlencode({'q': HOSTILE})}").html
    assert boss.get("help/nothing").status == 404


@pytest.mark.feature("P29")
def test_who_may_see_one_group_reads_nothing_of_other_tasks(served: Served, boss: Visitor) -> None:
    def retained(visitor: Visitor) -> list[str]:
        told = json.loads(visitor.get("settings/retention", Accept="application/json").body)
        return [each["name"] for each in told["tasks"]]

    theirs = Visitor(served).log_in("viewer", groups=["optical"])
    assert "sum" in retained(boss)
    assert "sum" not in retained(theirs)
    served.server.project.file_problem = "task radar has no steps"
    try:
        assert "task radar has no steps" in boss.get("tasks").page.text
        for path in ("", "tasks", "settings/health"):
            told = theirs.get(path).page.text
            assert "The files have errors" in told and "radar" not in told, path
        assert "radar" not in theirs.get("settings/health", Accept="application/json").html
    finally:
        served.server.project.file_problem = None


@pytest.mark.feature("P29")
def test_an_account_that_is_not_there_is_said_and_its_groups_stay_to_be_unticked(served: Served, boss: Visitor) -> None:
    seen = boss.get("ask/user-set?name=nobody")
    assert seen.status == 200 and "There is no user nobody" in seen.page.text
    assert not [e for e in seen.page.all("form") if e["action"].endswith("do/user-set")]
    tokens.add_account(served.project, "olga", "operator", ["optical"])
    with served.project.store.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE account SET groups = '[\"gone\"]' WHERE name = 'olga'")
    changed = boss.get("ask/user-set?name=olga").page
    boxes = {e["value"]: "checked" in e.attributes for e in changed.all("input", name="groups")}
    assert boxes == {"gone": True, "optical": False, "sar": False}
    assert "none ticked: all tasks" not in changed.text and "none ticked: unchanged" in changed.text
    assert "none ticked: all tasks" in boss.get("ask/user-add").page.text
