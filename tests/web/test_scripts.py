"""What every page runs, in a real browser: nothing moves under somebody's hands, and nothing needs a mouse."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from procession.units import duration
from tests.waiting import eventually
from tests.web.axe import axe
from tests.web.log_server import island
from tests.web.static_site import StaticSite

pytest_plugins = ["tests.web.in_chromium"]

Pages = Callable[..., Page]


@pytest.mark.check(29)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_class_is_accessible_in_both_themes_and_on_a_phone(
    site: StaticSite, pages: Pages, theme: str, width: int
) -> None:
    page = pages(viewport={"width": width, "height": 844}, color_scheme="dark" if theme == "light" else "light")
    page.goto(f"{site.url}?theme={theme}")
    page.locator("x-gantt[data-drawn]").wait_for()
    page.locator("details.menu summary").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []


@pytest.mark.check(31)
def test_without_motion_nothing_turns_and_on_the_side_of_a_phone_the_navigation_opens_without_scripts(
    site: StaticSite, pages: Pages
) -> None:
    page = pages(viewport={"width": 390, "height": 844}, reduced_motion="reduce", java_script_enabled=False)
    page.goto(site.url)
    side = page.locator(".side")
    expect(side).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(side.get_by_role("link", name="Failures")).to_be_visible()
    turning = page.locator(".state-running .icon").first
    assert turning.evaluate("i => getComputedStyle(i).animationName") == "none"
    page.keyboard.press("Escape")
    expect(side).to_be_hidden()


@pytest.mark.check(38)
def test_what_somebody_is_doing_survives_twenty_updates(site: StaticSite, pages: Pages) -> None:
    count = iter(range(1, 10_000))

    def part(_query: dict[str, str]) -> str:
        now = next(count)
        rows = "".join(
            f'<tr id="r{at}"><td class="tick"><input type="checkbox" data-row value="{at}" aria-label="Select {at}">'
            f"</td><td>row {at}</td><td>{now}</td></tr>"
            for at in range(30 + now if now > 1 else 30)
        )
        return (
            f'<div id="part" data-live="nav" data-src="part"><p id="said">stable words</p><p id="now">update {now}</p>'
            f'<details class="menu" id="menu"><summary class="btn">More</summary>'
            '<ul><li><a href="#a">One</a></li></ul></details>'
            f'<input id="note" aria-label="Note" value="from the server {now}"><input id="other" aria-label="Other">'
            f'<table class="list" id="list" data-select><tbody>{rows}</tbody></table></div>'
        )

    site.routes["part"] = part
    island(site, "page", part({}), live="nav")
    page = pages()
    page.goto(f"{site.url}page")
    eventually(lambda: site.streams, timeout=10)
    page.locator("#other").fill("typed before")
    page.locator("#r3 input").check()
    page.locator("#menu summary").click()
    page.locator("#note").fill("half a wo")
    page.evaluate("""() => {
      const text = document.querySelector('#said').firstChild, range = document.createRange();
      range.setStart(text, 0); range.setEnd(text, 6);
      document.querySelector('#note').focus(); getSelection().removeAllRanges(); getSelection().addRange(range);
    }""")
    asked = len([each for each in site.requests if each.startswith("/part")])
    for at in range(20):
        seen = page.locator("#now").text_content()
        site.say("inv", at, topics=["nav"])
        eventually(lambda seen=seen: page.locator("#now").text_content() != seen, timeout=10)
    assert page.evaluate("getSelection().toString()") == "stable"
    assert page.locator("#note").input_value() == "half a wo"
    assert page.locator("#other").input_value() == "typed before"
    assert page.locator("#menu").evaluate("menu => menu.open")
    assert page.locator("#r3 input").is_checked()
    assert page.locator("#list tr").count() == 30
    expect(page.locator(".news")).to_contain_text("new – show")
    for at in range(40):
        site.say("inv", 100 + at, topics=["nav"])
    site.say("cnt", 999, failures=12)
    eventually(lambda: page.title().startswith("(12) "))
    assert len([each for each in site.requests if each.startswith("/part")]) - asked <= 20 + 3
    page.locator(".news").click()
    eventually(lambda: page.locator("#list tr").count() > 30)


@pytest.mark.check(36)
def test_one_stream_for_a_visible_page_and_polling_where_there_is_none(site: StaticSite, pages: Pages) -> None:
    site.routes["part"] = lambda _query: f'<p id="part" data-live="nav" data-src="part">{len(site.requests)}</p>'
    island(site, "page", '<p id="part" data-live="nav" data-src="part">0</p>', live="nav task:a")
    page = pages()
    page.goto(f"{site.url}page")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    assert [each for each in site.requests if each.startswith("/live")] == ["/live?topics=nav%2Ctask%3Aa"]
    page.keyboard.press("r")
    expect(page.locator("#live")).to_have_text("Live off")
    eventually(lambda: not site.streams or site.say("cnt", 1), timeout=10)
    page.keyboard.press("r")
    expect(page.locator("#live")).to_have_text("Live")
    site.refuse_streams = True
    site.hang_up()
    expect(page.locator("#live")).to_have_attribute("data-state", "polling")
    before = page.locator("#part").text_content()
    expect(page.locator("#part")).not_to_have_text(before or "")


@pytest.mark.check(36)
def test_of_many_windows_side_by_side_four_have_a_stream_and_the_others_ask(site: StaticSite, pages: Pages) -> None:
    """A browser opens six connections to a host, and each of these windows is visible. All are opened at once."""
    site.routes["part"] = lambda _query: f'<p id="part" data-live="nav" data-src="part">{len(site.requests)}</p>'
    island(site, "page", '<p id="part" data-live="nav" data-src="part">0</p>', live="nav")
    first = pages()
    windows = [first, *(first.context.new_page() for _ in range(9))]
    for window in windows:
        window.goto(f"{site.url}page", wait_until="commit")

    def by_state() -> dict[str, list[Page]]:
        found: dict[str, list[Page]] = {"live": [], "polling": []}
        for window in windows:
            found.setdefault(window.locator("#live").get_attribute("data-state") or "", []).append(window)
        return found

    eventually(lambda: [len(each) for each in by_state().values()] == [4, 6], timeout=30)
    live, polling = by_state().values()
    expect(polling[0].locator("#live")).to_have_attribute("title", re.compile("^Four other windows"))
    expect(polling[0].locator("#part")).not_to_have_text("0")
    live[0].close()
    polling[0].reload()
    expect(polling[0].locator("#live")).to_have_attribute("data-state", "live")


@pytest.mark.check(32)
def test_every_time_changes_with_the_zone_and_says_which(site: StaticSite, pages: Pages) -> None:
    moments = "".join(
        f'<p><time datetime="2026-11-21T20:06:02Z" data-time="{kind}">x</time></p>'
        for kind in ("moment", "short", "clock")
    )
    island(site, "page", moments)
    page = pages(timezone_id="Asia/Vladivostok")
    page.goto(f"{site.url}page")
    said = page.locator("main time")
    page.clock.set_fixed_time("2026-11-22T12:00:00Z")
    for name, words in {
        "DOY": ["2026-325T20:06:02Z", "2026-325T20:06Z", "20:06:02Z"],
        "Local": ["22 Nov 06:06:02 UTC+10", "22 Nov 06:06 UTC+10", "06:06:02 UTC+10"],
        "UTC": ["21 Nov 20:06:02 UTC", "21 Nov 20:06 UTC", "20:06:02 UTC"],
    }.items():
        page.get_by_role("button", name=name).click()
        expect(said).to_have_text(words)
    eventually(lambda: ("prefer", "zone=utc") in site.posted, timeout=5)


@pytest.mark.check(28)
def test_a_question_opens_as_a_dialog_keeps_errors_in_it_and_gives_the_focus_back(
    site: StaticSite, pages: Pages
) -> None:
    asked = (
        '<section class="ask" id="ask"><h1>Delete 18231?</h1><form method="post" action="do/delete"><div class="field">'
        '<label for="n">Type 1</label><input id="n" name="n" value="{value}"{wrong}></div>{error}<div class="actions">'
        '<button class="btn" type="button" data-close>Cancel</button>'
        '<button class="btn btn-danger">Delete</button></div></form></section>'
    )
    site.routes["ask/delete"] = lambda _query: asked.format(value="", wrong="", error="")

    def delete(query: dict[str, str]) -> str | tuple[int, str, bytes]:
        if query.get("n") == "1":
            return 204, "text/html", b""
        wrong = asked.format(
            value=query.get("n", ""), wrong=' aria-invalid="true"', error='<p class="error">Type 1 to go on</p>'
        )
        return 422, "text/html; charset=utf-8", wrong.encode()

    site.routes["do/delete"] = delete
    island(site, "page", '<a class="btn" href="ask/delete" data-ask data-key="D">Delete…</a>')
    page = pages()
    page.goto(f"{site.url}page")
    page.keyboard.press("Shift+D")
    dialog = page.get_by_role("dialog", name="Delete 18231?")
    expect(dialog.get_by_label("Type 1")).to_be_focused()
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("Type 1 to go on")).to_be_visible()
    expect(dialog.get_by_label("Type 1")).to_be_focused()
    assert axe(page) == []
    dialog.get_by_label("Type 1").fill("1")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    page.get_by_role("link", name="Delete…").focus()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Delete…")).to_be_focused()
    assert [path for path, _ in site.posted] == ["do/delete", "do/delete"]


def test_durations_read_in_the_browser_as_on_the_server(site: StaticSite, pages: Pages) -> None:
    page = pages()
    page.goto(site.url)
    spans = [0, 0.0004, 0.002, 0.0994, 0.12, 0.4, 0.994, 1.26, 9.94, 9.96, 42.4, 59.7, 61, 581, 3599.8, 86_399, 2e5]
    load = "const { duration } = await import(`${location.origin}/static/js/time.js`);"
    script = f"async (all) => {{ {load} return all.map((span) => duration(span)); }}"
    assert page.evaluate(script, spans) == [duration(span) for span in spans]
