"""Log and grid in a real browser: nothing is lost, nothing doubled, and the keys tell what the eyes see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from tests.waiting import eventually
from tests.web.axe import axe
from tests.web.log_server import MadeLog, grid, island
from tests.web.static_site import StaticSite

pytest_plugins = ["tests.web.in_chromium"]

Pages = Callable[..., Page]
LOG = '<x-log class="log" data-src="log.json" data-topic="log:18231/calibrate/3" data-raw="raw"><pre>end</pre></x-log>'
TRACE = 'Traceback (most recent call last):\n  File "a.py", line 8, in solve\nLinAlgError: Singular matrix\n'
AT_END = "v => v.scrollTop + v.clientHeight >= v.scrollHeight - 2"


def lines(page: Page) -> list[str]:
    """The words of the lines in the viewer, in order."""
    return page.locator("x-log .l").evaluate_all("found => found.map(l => l.querySelector('.x').textContent)")


def numbers(page: Page) -> list[int]:
    """Their numbers."""
    return page.locator("x-log .l").evaluate_all("found => found.map(l => Number(l.dataset.n))")


@pytest.mark.check(13)
@pytest.mark.check(16)
def test_a_failed_log_opens_at_its_error_and_shows_all_as_text(site: StaticSite, pages: Pages) -> None:
    bars = "\r".join(f"\x1b[32m{at} %\x1b[0m" for at in range(10_001))
    text = "".join(f"line {at}\n" for at in range(1, 1199)) + f"<img src=x onerror=alert(1)>\n{bars}\n" + TRACE
    log = MadeLog(site, text, "failed")
    log.error_line, log.errors = 1201, [1201, 1202, 1203]
    island(site, "log", LOG)
    page = pages()
    page.goto(f"{site.url}log#error")
    expect(page.locator("#error")).to_be_in_viewport()
    expect(page.locator("#L1199 .x")).to_have_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#L1200 .x")).to_have_text("10000 % (×10,000 updates folded)")
    assert page.locator("x-log img").count() == 0
    assert "\x1b" not in (page.locator("x-log").text_content() or "")
    assert page.locator("#L1200 .c2").count() == 1
    page.goto(f"{site.url}log#L1198-L1201")
    expect(page.locator(".l.sel")).to_have_count(4)
    expect(page.locator("#L1198")).to_be_in_viewport()
    page.locator("#L1190").click(position={"x": 12, "y": 8})
    page.locator("#L1192").click(position={"x": 12, "y": 8}, modifiers=["Shift"])
    assert page.evaluate("location.hash") == "#L1190-L1192"


@pytest.mark.check(11)
def test_the_browser_finds_words_anywhere_in_ten_thousand_lines(site: StaticSite, pages: Pages) -> None:
    MadeLog(site, "".join(f"words at line {at}.\n" for at in range(1, 10_001)))
    island(site, "log", LOG)
    page = pages()
    page.goto(f"{site.url}log")
    expect(page.locator("x-log .l")).to_have_count(10000)
    assert page.evaluate("window.find('words at line 9321.')")
    assert page.locator("x-log *").count() < 50_000


@pytest.mark.check(14)
@pytest.mark.check(15)
@pytest.mark.check(37)
def test_a_running_log_follows_loses_nothing_and_doubles_nothing(site: StaticSite, pages: Pages) -> None:
    log = MadeLog(site, "".join(f"line {at}\n" for at in range(1, 5001)), "running", live=True)
    island(site, "log", LOG)
    page = pages()
    page.goto(f"{site.url}log")
    expect(page.locator("x-log .l")).to_have_count(5000)
    eventually(lambda: site.streams, timeout=10)
    view = page.locator(".log-view")
    log.grow("line 50")
    expect(page.locator("#L5001 .x")).to_have_text("line 50")
    log.grow("01\nline 5002\n")
    expect(page.locator("#L5002")).to_be_attached()
    assert view.evaluate(AT_END)
    expect(page.locator("#L5001 .x")).to_have_text("line 5001")
    view.evaluate("v => { v.scrollTop = 3000 }")
    expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "false")
    log.grow("line 5003\nline 5004\n")
    expect(page.locator(".log-new")).to_have_text("2 new lines ↓")
    assert view.evaluate("v => v.scrollTop") == 3000
    log.grow("line 5005\n", told=False)  # lost on the way
    log.grow("line 5006\n")
    expect(page.locator("#L5006")).to_be_attached()
    site.hang_up()
    eventually(lambda: not site.streams, timeout=10)
    log.grow("line 5007\nline 50", told=False)
    eventually(lambda: site.streams, timeout=10)
    expect(page.locator("#L5008 .x")).to_have_text("line 50")
    site.say("log", "", topic=log.topic, offset=0, end=7, text="line 1\n")  # said twice
    log.grow("08\n")
    expect(page.locator("#L5008 .x")).to_have_text("line 5008")
    assert lines(page) == [f"line {at}" for at in range(1, 5009)]
    page.keyboard.press("f")
    eventually(lambda: view.evaluate(AT_END))


@pytest.mark.check(10)
@pytest.mark.check(12)
def test_a_log_of_a_million_lines_is_a_window_of_few_nodes(site: StaticSite, pages: Pages) -> None:
    text = "".join(f"row {at}\n" for at in range(1, 1_000_001))
    log = MadeLog(site, text, "failed")
    log.error_line, log.errors = 777_777, [777_777]
    island(site, "log", LOG)
    page = pages()
    page.goto(f"{site.url}log#error")
    expect(page.locator("#error")).to_be_in_viewport()
    expect(page.locator("#error")).to_have_text("row 777777")
    assert page.locator("x-log *").count() < 600
    view = page.locator(".log-view")
    view.hover()
    before = numbers(page)[40]
    page.mouse.wheel(0, 180)
    eventually(lambda: numbers(page)[40] == before + 10, timeout=5)
    view.evaluate("v => { v.scrollTop = v.scrollHeight }")
    expect(page.locator("#L1000000")).to_be_in_viewport()
    view.evaluate("v => { v.scrollTop = 0 }")
    expect(page.locator("#L1 .x")).to_have_text("row 1")
    page.keyboard.press("Control+f")
    page.keyboard.type("99999")
    expect(page.locator(".log-bar [role=status]")).to_have_text(
        f"1 of {sum('99999' in str(at) for at in range(1_000_001))}"
    )
    expect(page.locator("#L99999")).to_be_in_viewport()
    assert "find=99999" in page.url
    asked = [request for request in site.requests if "from=" in request]
    assert len(asked) < 20
    assert sum("count=500" in request for request in asked) == len(asked)


@pytest.mark.check(5)
@pytest.mark.check(7)
def test_the_grid_is_one_canvas_and_the_keys_tell_what_the_cells_are(site: StaticSite, pages: Pages) -> None:
    steps, columns = 30, 1000
    states = bytearray([1] * steps * columns)
    states[990 * steps + 4] = 0x34
    states[10 * steps + 2] = 0x14
    states[999 * steps] = 5
    data = json.dumps(grid(columns, steps, bytes(states))).encode()
    site.routes["grid.json"] = lambda _query: (200, "application/json", data)
    site.routes["p/1990/s/step4"] = lambda _query: '<title>the log</title><link rel="icon" href="data:,">'
    bar = '<form class="bulk" id="bulk"><b data-selected></b><input type="hidden" name="ids"></form>'
    island(site, "grid", f'<x-grid data-src="grid.json" data-open="p/{{id}}/s/{{step}}" data-for="bulk"></x-grid>{bar}')
    page = pages(viewport={"width": 1440, "height": 900})
    page.goto(f"{site.url}grid")
    told = page.locator(".grid-told")
    stage = page.locator(".grid-canvas")
    stage.focus()
    page.keyboard.press("End")
    expect(told).to_contain_text("1999 S2A_999 · step0 running")
    page.keyboard.press("Shift+N")
    expect(told).to_contain_text("1990 S2A_990 · step4 failed, attempt 3")
    page.keyboard.press("Shift+N")
    expect(told).to_contain_text("1010 S2A_10 · step2 failed")
    page.keyboard.press("Shift+N")
    expect(told).to_have_text("No earlier failure")
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator("#bulk input[name=ids]").input_value() == "1000,1001,1002"
    assert page.locator("x-grid *").count() < 400
    assert axe(page) == []
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/1990/s/step4#error")
    some = json.dumps(grid(5, 3, bytes([1] * 15))).encode()
    site.routes["grid.json"] = lambda _query: (200, "application/json", some)
    page.goto(f"{site.url}grid")
    expect(page.locator("x-grid")).to_have_js_property("wide", 28)  # few are shown large
    expect(page.locator("x-grid")).to_have_js_property("high", 28)
    expect(page.locator(".grid-map")).to_be_hidden()
    line, cells = (page.locator(each).bounding_box() for each in (".grid-names > div:nth-child(2)", ".grid-canvas"))
    assert line and cells
    page.mouse.move(cells["x"] + 4.5 * 28, line["y"] + line["height"] / 2)
    expect(told).to_contain_text("1004 S2A_4 · step1 succeeded")


WHEEL = """async () => {
  const grid = document.querySelector('x-grid'), stage = grid.querySelector('.grid-canvas');
  const now = { paints: 0, strokes: 0, reads: 0 }, frames = [];
  const counted = (on, name, what) => {
    const before = on[name];
    on[name] = function (...given) { now[what] += 1; return before.apply(this, given); };
  };
  counted(grid.constructor.prototype, 'paint', 'paints');
  const brush = CanvasRenderingContext2D.prototype;
  for (const name of ['fillRect', 'strokeRect', 'fill', 'stroke']) counted(brush, name, 'strokes');
  counted(Element.prototype, 'getBoundingClientRect', 'reads');
  counted(window, 'getComputedStyle', 'reads');
  const looks = [[Element, 'clientWidth'], [Element, 'scrollWidth'], [HTMLElement, 'offsetWidth']];
  for (const [{ prototype: on }, name] of looks) {
    const { get } = Object.getOwnPropertyDescriptor(on, name);
    Object.defineProperty(on, name, { configurable: true, get() { now.reads += 1; return get.call(this); } });
  }
  for (let at = 0; at < 60; at += 1) {
    for (let each = 0; each < 4; each += 1) {
      const turned = { deltaY: at < 30 ? -40 : 40, ctrlKey: at % 3 === 0, clientX: 600, cancelable: true };
      stage.dispatchEvent(new WheelEvent('wheel', turned));
    }
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    frames.push({ ...now, seen: Math.ceil(grid.width / grid.wide) + 2 });
    Object.assign(now, { paints: 0, strokes: 0, reads: 0 });
  }
  return frames;
}"""


@pytest.mark.check(6)
def test_a_frame_of_pan_and_zoom_paints_once_only_what_is_seen_and_asks_for_no_layout(
    site: StaticSite, pages: Pages
) -> None:
    """How long a frame takes is measured by `bench/pages.py`; this is what makes it short on any machine."""
    columns, steps = 1000, 8
    states = bytes((at * 7 % 12) | 1 << 4 for at in range(columns * steps))
    data = json.dumps(grid(columns, steps, states)).encode()
    site.routes["grid.json"] = lambda _query: (200, "application/json", data)
    island(site, "grid", '<x-grid data-src="grid.json" data-open="p/{id}/s/{step}"></x-grid>')
    page = pages()
    page.goto(f"{site.url}grid")
    expect(page.locator(".grid-canvas canvas")).to_have_attribute("width", re.compile("[1-9]"))
    eventually(lambda: page.evaluate("document.querySelector('x-grid').due === 0"))
    frames = page.evaluate(WHEEL)
    assert {each["paints"] for each in frames} <= {0, 1}
    assert sum(each["paints"] for each in frames) > 20, "it moved"
    assert max(each["reads"] for each in frames) == 0
    failed = columns + 2  # the small map: one mark for each column that failed, and the window
    assert [each for each in frames if each["strokes"] > each["seen"] * (2 + 5 * steps) + failed] == []
    assert min(each["strokes"] for each in frames if each["paints"]) < columns * steps / 2, "not all of it is painted"


APART = """() => {
  const words = [...document.querySelectorAll('.gantt-axis .ticks > *')].map((word) => word.getBoundingClientRect());
  words.sort((one, other) => one.left - other.left);
  const edge = document.querySelector('.gantt-axis .ticks').getBoundingClientRect().right;
  return [words.length, words.some((word, at) => at && word.left < words[at - 1].right), words.at(-1).right > edge + 1];
}"""
DRAWN = "(g => g.wide === g.clientWidth)(document.querySelector('x-gantt'))"
SHARES = """() => ['.waits', '.state-running'].map((name) => {
  const bar = document.querySelector(`.gantt-bars > ${name}`);
  return [Number.parseFloat(bar.style.left), Number.parseFloat(bar.style.width)];
})"""


def drawn_anew(page: Page) -> bool:
    """A resize is heard by the browser's own time; what it sets off waits for the clock of the test."""
    page.clock.run_for(100)
    return bool(page.evaluate(DRAWN))


@pytest.mark.feature("M104")
@pytest.mark.check(2)
def test_a_timeline_grows_by_the_clock_of_the_server_and_its_words_keep_apart_at_any_width(
    site: StaticSite, pages: Pages
) -> None:
    begun = 1_795_000_000  # in another year than the clock of the browser
    bars = "".join(
        f'<a class="{name}" href="#{at}" data-from="{begun + start}" data-to="{end and begun + end}">{name}</a>'
        for at, (name, start, end) in enumerate(
            (("state-will-retry", 0, 40), ("state-waiting waits", 40, 1000), ("state-running", 1000, ""))
        )
    )
    row = f'<div class="gantt-row"><span>one</span><div class="gantt-bars">{bars}</div><span>1 s</span></div>'
    island(site, "gantt", f'<x-gantt class="gantt" data-now="{begun + 1060}">{row}</x-gantt>')
    page = pages(viewport={"width": 1440, "height": 900})
    page.clock.install(time=1_700_000_000)
    page.goto(f"{site.url}gantt")
    page.locator("x-gantt[data-drawn]").wait_for()
    expect(page.locator(".gantt-axis .gap")).to_have_text("16 min")
    (_, _), (left, wide) = page.evaluate(SHARES)
    assert left + wide == pytest.approx(100, abs=1) and wide == pytest.approx(96 * 60 / 100, abs=3), "up to now"
    page.clock.run_for(300_000)
    (start, waited), (left, wide) = page.evaluate(SHARES)
    assert left + wide == pytest.approx(100, abs=1) and wide == pytest.approx(96 * 360 / 400, abs=3), "it has grown"
    assert start + waited == pytest.approx(left, abs=0.1)
    for width in (1440, 390, 700, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        eventually(partial(drawn_anew, page), what=f"it is drawn for {width} px")
        words, overlap, beyond = page.evaluate(APART)
        assert words >= 2 and not overlap and not beyond, width


@pytest.mark.feature("M118")
@pytest.mark.parametrize(("apart", "seconds"), [(2, (60.0, 61.5)), (3600, (7190.0, 7220.0)), (1, (0.01, 0.012))])
def test_no_two_ticks_of_a_chart_read_the_same(
    site: StaticSite, pages: Pages, apart: int, seconds: tuple[float, float]
) -> None:
    at = [1_795_000_000.5 + n * apart for n in range(4)]
    told = {"x": at, "series": [{"name": "succeeded", "values": [*seconds, *seconds], "points": True}]}
    site.routes["points.json"] = lambda _query: (200, "application/json", json.dumps(told).encode())
    island(site, "chart", '<x-chart data-src="points.json" data-unit="s"></x-chart>')
    page = pages(viewport={"width": 900, "height": 600})
    page.goto(f"{site.url}chart")
    page.locator("x-chart .u-legend").wait_for()
    across, up = page.evaluate("document.querySelector('x-chart').chart.axes.map((axis) => axis._values)")
    assert len(across) == len(set(across)) > 1, across
    assert len(up) == len(set(up)) > 1 and up[0] == "0 s", up
