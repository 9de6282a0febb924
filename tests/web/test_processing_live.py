"""The page of a processing in a real browser, with a real launcher: one click to the failing line, and mend it."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.stories.site import COMMAND, Site
from tests.waiting import eventually
from tests.web.axe import axe

pytest_plugins = ["tests.web.in_chromium"]
pytestmark = pytest.mark.feature("M110", "P23")

Pages = Callable[..., Page]
TOML = """
[web]
port = 0
[launcher]
cpus = 2
[tasks.scene]
on = "scene"
steps = ["./download.sh", "./calibrate.sh", "./rgb.sh"]
[tasks.slow]
on = "slow"
run = "./ticking.sh"
"""
CALIBRATE = """\
#!/bin/sh
for n in $(seq 1 1200); do echo "reading line $n of <b>T36UUA</b>"; done
printf 'Traceback (most recent call last):\\n  File "calibrate.py", line 88, in solve\\n    x = solve(A, b)\\n'
[ -e "$GATES/mended" ] && exit 0
echo "numpy.linalg.LinAlgError: Singular matrix"
exit 3
"""
RGB = '#!/bin/sh\necho "<p>done</p>" > "$PROCESSION_ARTIFACTS/report.txt"\n'
TICKING = """\
#!/bin/sh
echo "start slow" >> "$TRUTH"
for n in $(seq 1 5000); do echo "before $n"; done
until [ -e "$GATES/slow" ]; do date +%s%3N; sleep 0.1; done
echo "the last line"
"""
AT_END = "v => v.scrollTop + v.clientHeight >= v.scrollHeight - 2"

MORPH = """async address => {
  const morph = await import(document.querySelector("script[src*='js/main.js']").src.replace("main.js", "morph.js"));
  const made = await morph.read(await morph.ask(address));
  made.body.replaceChildren(made.querySelector("x-log"));
  await morph.place(document.querySelector("x-log").parentElement, made);
}"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site") / "project", 1)
    try:
        made.write(
            TOML, download_sh="#!/bin/sh\necho fetching\n", calibrate_sh=CALIBRATE, rgb_sh=RGB, ticking_sh=TICKING
        )
        made.up()
        yield made
    finally:
        made.clean()


@pytest.fixture
def page(story: Site, pages: Pages) -> Page:
    """Somebody who has logged in by a link, on the Overview."""
    link = eventually(lambda: story.json("login")["url"], timeout=20, what="a link to log in")
    shown = pages(viewport={"width": 1440, "height": 900})
    shown.on("response", lambda answer: print(answer.status, answer.url) if answer.status >= 400 else None)
    shown.goto(link)
    shown.wait_for_url(lambda url: "login" not in url)
    return shown


def root(page: Page) -> str:
    """The address of the site."""
    return "/".join(page.url.split("/")[:3]) + "/"


@pytest.mark.check(1)
@pytest.mark.check(10)
@pytest.mark.check(29)
def test_from_the_overview_to_the_failing_line_in_one_click_and_mended_with_two_more(story: Site, page: Page) -> None:
    which = story.emit("scene", tile="36UUA")
    assert story.until(which).state == "failed"
    page.goto(root(page))
    page.locator("tr", has_text="scene").locator("a.chip.state-failed").click()
    error = page.locator(".l.error", has_text="LinAlgError")
    expect(error).to_be_in_viewport()
    expect(page.locator("x-log .l.error")).to_have_count(4)
    assert page.locator("x-log b").count() == 0
    expect(page.locator(".card-failed")).to_contain_text("calibrate failed, attempt 1")
    expect(page.locator(".gantt[data-drawn] .gantt-row").nth(2)).to_contain_text("not run")
    for theme, width in (("light", 1440), ("dark", 390)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        axe(page)
    page.set_viewport_size({"width": 1440, "height": 900})
    story.open("mended")
    page.locator("#again > summary").click()
    page.get_by_role("button", name="Retry from calibrate").click()
    expect(page.locator(".toast").first).to_be_visible()
    eventually(lambda: story.get(which).state == "succeeded", timeout=30)
    page.goto(f"{root(page)}p/{which}/s/calibrate?a=1")
    expect(page.locator("#log-calibrate-1 .l[data-n='1204']")).to_be_visible()
    page.evaluate(MORPH, f"{root(page)}p/{which}/s/calibrate?a=2")  # as when an attempt begins that prints at once
    expect(page.locator("x-log#log-calibrate-2 .log-bar")).to_be_visible()
    page.goto(f"{root(page)}p/{which}")
    expect(page.locator("#about .title .state")).to_have_text("Succeeded after retry")
    expect(page.locator(".gantt-row").nth(2).locator("a.state-ok").first).to_be_visible()
    page.goto(f"{root(page)}p/{which}/s/rgb?tab=artifacts")
    expect(page.locator("details.artifact pre")).to_have_text("<p>done</p>\n")
    axe(page)


@pytest.mark.check(8)
@pytest.mark.check(14)
@pytest.mark.check(15)
def test_a_running_log_shows_what_came_before_and_each_line_as_it_comes(story: Site, page: Page) -> None:
    which = story.emit("slow")
    story.began("slow")
    page.goto(f"{root(page)}p/{which}")
    view = page.locator(".log-view.times, .log-view")
    expect(page.locator("#L1 .x")).to_have_text("before 1")
    page.evaluate(
        """() => {
          window.late = [];
          new MutationObserver((all) => { for (const one of all) for (const line of one.addedNodes) {
            const text = line.querySelector?.(".x")?.textContent ?? "";
            if (/^\\d{13}$/.test(text)) window.late.push(Date.now() - Number(text));
          } }).observe(document.querySelector("x-log"), { childList: true, subtree: true });
        }"""
    )
    eventually(lambda: page.evaluate("window.late.length") >= 30, timeout=30)
    late = sorted(page.evaluate("window.late"))
    assert late[len(late) // 2] < 3_000, late
    assert page.evaluate(AT_END, view.element_handle())

    def scrolled_up() -> bool:
        """A line that comes between a script's scrolling and its event takes the view to the end again."""
        view.evaluate("v => v.scrollTo(0, 400)")
        return not page.evaluate("document.querySelector('x-log').follow")

    eventually(scrolled_up)
    count = page.evaluate("window.late.length")
    eventually(lambda: page.evaluate("window.late.length") >= count + 5, timeout=20)
    assert view.evaluate("v => v.scrollTop") == 400
    page.keyboard.press("f")
    eventually(lambda: page.evaluate(AT_END, view.element_handle()))
    story.open("slow")
    expect(page.locator("x-log .l", has_text="the last line")).to_be_in_viewport(timeout=15_000)
    expect(page.locator("#about .title .state")).to_have_text("Succeeded", timeout=10_000)
    expect(page.locator(".gantt-row .gantt-bars > a.state-ok")).to_have_count(1, timeout=10_000)
    numbers = page.locator("x-log .l").evaluate_all("found => found.map(l => Number(l.dataset.n))")
    assert numbers == list(range(1, len(numbers) + 1)), "no line is lost, none doubled"


@pytest.mark.check(25)
def test_the_command_of_the_card_enters_the_directory_and_environment_of_the_attempt(story: Site, page: Page) -> None:
    (story.gates / "mended").unlink(missing_ok=True)
    which = story.emit("scene", tile="36UUB")
    assert story.until(which).state == "failed"
    page.goto(f"{root(page)}p/{which}")
    command = shlex.split(page.locator("#shell").inner_text())
    assert command == ["procession", "shell", str(which), "calibrate"]
    asked = [*COMMAND, *command[1:], "-c", 'pwd; echo "$PROCESSION_PARAM_TILE $PROCESSION_ATTEMPT"; rerun']
    done = subprocess.run(asked, cwd=story.root, env=story.environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[:2] == [str(story.project.var.files(which)), "36UUB 1"], done
    assert "rerun: exit code 3" in done.stderr and "LinAlgError" in done.stdout
    page.goto(f"{root(page)}p/{which}?tab=environment")
    assert str(Path(story.project.var.files(which))) in page.locator("#panel").inner_text()
    assert "exit code 3" in page.locator("#panel").inner_text()
    told = json.loads(
        page.evaluate("fetch(location.href, {headers: {Accept: 'application/json'}}).then(r => r.text())")
    )
    assert told["steps"][1]["attempts"][0]["exit_code"] == 3
