"""A project in which everything has happened once, and the addresses of all its pages: what the crawl goes through.

Failures of several causes (new, muted, resolved, assigned), what waits for a lock, a limit, a moment, a person or a
paused task, what runs, a question, a reduction with variables and versions, pictures and tables, batches, a deleted
processing, users, tokens, messages, what was refused; names and values as long and unbroken as they may be.
"""

from __future__ import annotations

from pathlib import Path

from procession.commands import locks, messages, tokens
from procession.commands.messages import Notice
from procession.verbs import Caller, call
from tests.web import failing
from tests.web.failing import HOSTILE, Failing

LONG = "an-instrument-of-a-mission-with-a-name-that-nobody-has-cut-to-a-length-that-fits-a-phone"
UNBROKEN = "0123456789abcdef" * 12
TOML = f"""
[limits]
ftp = 1
"satellite:{{sat}}" = 2
[queues.night]
at_once = 2
[bridges.broker]
kind = "stomp"
url = "stomp://broker.invalid:61613"
subscribe = "/queue/scenes"
event = "s2-scene"
key = "{{scene}}"
[tasks.good]
on = "good"
steps = [
  "./one.sh",
  {{ name = "check", ask = "Is {{sat}} good?", choices = ["yes", "no <b>"] }},
  {{ name = "stars", ask = "How many stars?", type = "number", max = 5 }},
]
[tasks.{LONG}]
on = "long"
group = "{LONG}-group"
steps = [{{ name = "{LONG[:60]}", run = ["./one.sh"] }}, "./two.sh"]
[tasks.limited]
on = "limited"
uses = ["ftp"]
run = "./one.sh"
[tasks.night]
on = "night"
queue = "night"
run = "./two.sh"
[tasks.again]
on = "again"
run = "./two.sh"
[tasks.stopped]
on = "stopped"
group = "asleep"
run = "./two.sh"
[tasks.hourly]
every = "1h"
run = "./two.sh"
[tasks.nightly]
cron = "0 3 * * *"
run = "./two.sh"
[tasks.inbox]
watch = "inbox/*.csv"
run = "./two.sh"
[tasks.sum]
outside = true
retention = "3d"
"""
TABLE = b"band,gain\nblue,1.02\ngreen,0.98\n"
SETTINGS = "values", "tokens", "users", "notifications", "retention", "bridges", "health"
CALLER = Caller("tests", "http")


class Lived(Failing):
    """The project; `places` are the addresses of its pages, by the path under which they are registered."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, failing.TOML + TOML)
        self.failed = self.failures(singular=6, good=4)
        self.cause = self._signature(self.failed[0])
        self.arrivals()
        self._causes()
        self._reduction()
        self._ended()
        self._open()
        self._batches()
        self._people()

    def do(self, verb: str, /, **given: object) -> dict[str, object]:
        """A verb, as an operator of the tests."""
        return dict(call(self.project, CALLER, verb, given) or {})

    def _signature(self, pid: int) -> str:
        found = self.driven.rows(f"SELECT cause FROM processing WHERE id = {pid}")[0].cause
        return str(found)

    def _causes(self) -> None:
        logs = (
            "KeyError: 'gain_table'\n",
            "OSError: [Errno 28] No space left on device\n",
            f"ValueError: {UNBROKEN}\n",
        )
        born = [self.ended("mosaic", (1,), (log, {"cloud": 1, "label": log[:8]}))[0] for log in logs]
        muted, resolved, self.unbroken = map(self._signature, born)
        self.do("mute", signature=muted, span="7d", reason="the table comes on Monday")
        self.do("resolve", signature=resolved, reason="a larger disk")
        self.do("assign", signature=self.cause, owner="maria", note=f"asked the people of {HOSTILE}")
        self.do("restart", id=born[1])

    def _reduction(self) -> None:
        self.run = self.runs(4)[0]
        self.do("variable-set-add", task="reduce", values={"threshold": 0.75}, first_run=100, last_run=102)
        self.rerun = int(str(self.do("rerun", id=self.run, values={"threshold": 0.25}, description=HOSTILE)["id"]))
        self.driven.turn()
        self.driven.end(self.rerun)
        self.trial = int(str(self.do("trial", id=self.run, values={"method": "exact"})["id"]))

    def _ended(self) -> None:
        self.pictured = self.pictures(2)[-1]
        for name, data in (("table.csv", TABLE), ("report.html", b"<h1>hi</h1>"), ("notes.txt", UNBROKEN.encode())):
            self.artifact(self.pictured, 2, "two", name, data)
        self.long = self.ended("long", (0, 1), (f"ValueError: {UNBROKEN}\n" + UNBROKEN * 9, {"path": UNBROKEN}))[0]
        self.gone = self.ended("mosaic", (0,), ("fine\n", {"cloud": 2}))[0]
        self.do("delete", id=self.gone, reason="not wanted")
        self.retried = self.ended("again", (75,), ("TimeoutError: timed out\n", {}))[0]
        self.do("pin", id=self.pictured)

    def _open(self) -> None:
        """What runs and what waits, for each of its reasons."""
        d = self.driven
        self.do("pause", group="asleep", reason=HOSTILE)
        self.waiting = d.born("stopped")
        self.asking = d.born("good", sat=HOSTILE)
        self.held = d.born("mosaic", cloud=4)
        self.do("hold", id=self.held, reason="look first")
        self.running = d.born("mosaic", cloud=5)
        self.night = d.born("night")
        first, second = d.born("limited"), d.born("limited")
        d.turn(2)
        d.begin()
        d.turn()
        d.end(self.asking, left={"output": "best=<i>7</i>\n"})
        d.turn()
        locks.acquire(self.project, (self.running, 1, 1), ["account:hub"])
        locks.acquire(self.project, (first, 1, 1), ["account:hub", f"path:{UNBROKEN[:80]}"], wait=True)
        self.limited = second

    def _batches(self) -> None:
        self.batch = int(str(self.do("batch-add", verb="accept", query=f"id:{self.failed[0]},{self.failed[1]}")["id"]))
        self.driven.turn(3)
        self.do("batch-add", verb="retry", query="task:s2-l2a state:failed")

    def _people(self) -> None:
        tokens.add_account(self.project, "maria", "operator", ["optical", f"{LONG}-group"])
        self.do("banner", text=f"The disk of node3 is exchanged at noon {UNBROKEN[:64]}")
        with self.project.store.begin() as tx:
            messages.note(self.project, tx, [
                Notice("disk", "", "The disk is full to 96 %", signature="d"),
                Notice("host", "away", f"nothing came for 3 h: {UNBROKEN}", signature="q"),
            ])  # fmt: skip

    @property
    def places(self) -> dict[str, list[str]]:
        """Path of a registered page → its addresses here."""
        event = self.driven.rows("SELECT max(id) AS id FROM event WHERE name = 'mosaic'")[0].id
        host, key = self.driven.post.host, f"{self.pictured}/02-two/1/artifacts"
        found = self._of_processings() | self._of_tasks()
        return found | {
            "/": [""], "/tasks": ["tasks"], "/g/{group}": ["g/optical", f"g/{LONG}-group"], "/s/{source}": ["s/scihub"],
            "/audit": ["audit", "audit?verb=delete"], "/audit.csv": ["audit.csv"], "/books": ["books?task=reduce"],
            "/ask/{verb}": ["ask/pause?everything=true"], "/bulk": ["bulk"], "/bulk/{id}": [f"bulk/{self.batch}"],
            "/bulk/new": ["bulk/new?verb=delete&all=1&query=state:failed"], "/disk": ["disk?dry=1"],
            "/events": ["events", "events?tab=unmatched", "events?tab=refused", "events?name=zebra"],
            "/e/{id}": [f"e/{event}"], "/events/upload": ["events/upload"],
            "/failures": ["failures", "failures?by=step", "failures?tab=muted", "failures?tab=resolved&task=night"],
            "/failures/{signature}": [f"failures/{self.cause}", f"failures/{self.unbroken}"],
            "/files/{id}/{*path}": [f"files/{key}/preview.png", f"files/{key}/table.csv"],
            "/hosts": ["hosts"], "/h/{host}": [f"h/{host}"], "/locks": ["locks"], "/messages": ["messages"],
            "/questions": ["questions"], "/login": ["login"], "/help": ["help"],
            "/help/{topic}": ["help/commands", "help/queries", "help/file", "help/errors"],
            "/help/search": ["help/search?q=lock"], "/stats": ["stats"],
            "/settings": ["settings"], **{f"/settings/{each}": [f"settings/{each}"] for each in SETTINGS},
        }  # fmt: skip

    def _of_processings(self) -> dict[str, list[str]]:
        failed, pictured = self.failed[0], self.pictured
        live = self.trial, self.waiting, self.asking, self.held, self.running, self.night, self.limited, self.retried
        tabs = [f"p/{pictured}/s/two?tab={each}" for each in ("artifacts", "files", "environment", "history")]
        return {
            "/p": ["p", *(f"p?query={each}" for each in ("state:failed", "state:waiting", "state:no", f"task:{LONG}"))],
            "/p/export.csv": ["p/export.csv"], "/p/export.json": ["p/export.json"],
            "/p/{id}": [f"p/{each}" for each in (failed, self.long, self.rerun, self.gone, 999_999, *live)],
            "/p/{id}/s/{step}": [f"p/{failed}/s/two#error", f"p/{self.rerun}/s/four?tab=variables", *tabs],
            "/p/{id}/v/{version}": [f"p/{self.run}/v/2"], "/p/{id}/rerun": [f"p/{self.run}/rerun"],
            "/p/{id}/artifacts.zip": [f"p/{pictured}/artifacts.zip"],
            "/p/{id}/compare/{other}": [f"p/{self.rerun}/compare/{self.run}", f"p/{pictured}/compare/{pictured - 1}"],
            "/log/{id}/{step}/{attempt}": [f"log/{failed}/two/1", f"log/{self.long}/two/1"],
        }  # fmt: skip

    def _of_tasks(self) -> dict[str, list[str]]:
        tabs = ("grid", "list", "gallery", "gallery&show=first", "durations", "settings", "code")
        return {
            "/t/{task}": [
                *(f"t/s2-l2a?tab={tab}" for tab in tabs), "t/s2-l2a?tab=grid&rows=param.tile", "t/reduce?tab=variables",
                "t/reduce?tab=variables&run=101", f"t/{LONG}", "t/stopped", "t/hourly", "t/sum", "t/nothing",
            ],
            "/t/{task}/grid.json": ["t/s2-l2a/grid.json"],
            "/t/{task}/durations.json": ["t/s2-l2a/durations.json?step=two"],
        }  # fmt: skip
