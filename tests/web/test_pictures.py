"""Pictures of many processings, and how long steps take: without a browser what they say, in one what they load."""

import io
import json
import re
from collections.abc import Iterator
from statistics import median

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.web.axe import axe
from tests.web.browser import wrong_of
from tests.web.failing import HOSTILE, Failing, picture
from tests.web.visiting import Visitor

PICTURES = 200
GALLERY = "t/s2-l2a?tab=gallery"


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    made = Failing(tmp_path_factory.mktemp("pictures"))
    made.failures(singular=3, good=0)
    made.driven.clock.advance(90_000)
    made.runs(2)
    born = made.pictures(PICTURES)
    made.reported = born[-1]
    made.artifact(born[-1], 2, "two", "report.html", b"<script>document.title = document.cookie</script>")
    made.artifact(born[-1], 2, "two", f"{HOSTILE.replace('/', '')}.png", picture(9))
    yield made
    made.close()


@pytest.fixture
def ann(failing: Failing) -> Visitor:
    return Visitor(failing).log_in("admin")


def opened(browser: Browser, failing: Failing, visitor: Visitor, path: str) -> Page:
    """A page in a browser of somebody who has logged in."""
    url = f"http://{failing.host}/"
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in visitor.cookies.items()])
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.goto(url + path)
    return page


@pytest.mark.feature("M106")
def test_a_gallery_is_bounded_names_artifacts_and_says_where_there_is_none(ann: Visitor, failing: Failing) -> None:
    seen = ann.get(GALLERY)
    assert len(seen.page.all("img")) == 1, "the first artifact that is a picture"
    assert HOSTILE.replace("/", "") not in seen.html
    names = [e["value"] for e in seen.page.all("option") if e["value"].startswith("two/")]
    assert names[:2] == [f"two/{HOSTILE.replace('/', '')}.png", "two/preview.png"], "pictures first"
    previews = ann.get(f"{GALLERY}&artifact=two%2Fpreview.png").page
    assert len([e for e in previews.all("img") if e["loading"] == "lazy"]) == len(previews.all("figure")) == 60
    one = previews.all("a", class_="picture")[0]
    file = ann.get(one["data-file"].replace("../", ""))
    assert file.body == picture(20 * (PICTURES - 1) % 256)
    assert "sandbox" in file.headers["content-security-policy"]
    large = ann.get(one["href"].replace("../", "")).page
    assert [each["src"] for each in large.all("img")] == [one["data-file"]], "without a script a picture has its page"
    assert "1 of 60+" in large.text
    first = one["id"].removeprefix("of-")
    assert not large.all("a", rel="prev")
    beside = ann.get(large.one("a", rel="next")["href"].replace("../", "")).page
    assert "2 of 60+" in beside.text
    assert beside.one("a", rel="prev")["href"].endswith(f"show={first}")
    links = {each.text: each["href"] for each in large.all("a", class_="btn btn-small")}
    assert links[f"Processing {first}"] == f"../p/{first}"
    assert links["Close"].endswith(f"#of-{first}") and "show=" not in links["Close"]
    failed = ann.get(f"{GALLERY}&query=state%3Afailed&artifact=two%2Fpreview.png")
    assert not failed.page.all("img")
    tiles = [" ".join(each.text.split()) for each in failed.page.all("figure")]
    assert len(tiles) == 6 and all(": exit code 1: " in each for each in tiles), "each says why"
    assert sum("scene bad-" in each for each in tiles) == 3, "and what it was"
    for wrong in ("artifact=..%2F..%2Fetc", "query=state%3Azebra", "artifact=two%2F..%2F..%2Fx.png"):
        refused = ann.get(f"{GALLERY}&{wrong}")
        assert refused.page.one("p", id="query-e").text, wrong


@pytest.mark.feature("M106")
def test_a_small_picture_is_made_of_known_kinds_and_sizes_alone(ann: Visitor, failing: Failing) -> None:
    (pid,) = failing.pictures(1)
    made = io.BytesIO()
    Image.new("1", (6000, 5000)).save(made, "PNG")
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n%%EOF\n"
    for name, data, status in (
        ("good.png", picture(3), 200),
        ("huge.png", made.getvalue(), 404),
        ("eps.png", program, 404),
    ):
        failing.artifact(pid, 2, "two", name, data)
        assert ann.get(f"files/{pid}/02-two/1/artifacts/{name}?thumb=1").status == status, name
    failing.artifact(pid, 2, "two", "new.avif", b"as it is")
    assert ann.get(f"files/{pid}/02-two/1/artifacts/new.avif?thumb=1").body == b"as it is"


@pytest.mark.feature("M118")
def test_durations_say_median_percentile_and_failures_and_give_the_chart_its_points(
    ann: Visitor, failing: Failing
) -> None:
    seen = ann.get("t/s2-l2a?tab=durations")
    assert [e["data-src"] for e in seen.page.all("x-chart")] == [
        f"../t/s2-l2a/durations.json?step={step}&days=7" for step in ("one", "two")
    ]
    told = json.loads(ann.get("t/s2-l2a/durations.json?step=two", Accept="application/json").body)
    names = [each["name"] for each in told["series"]]
    assert names == ["succeeded", "failed", "median", "90 % within"]
    text, told_all = " ".join(seen.page.text.split()), failing.ask("GET", "/api/v1/tasks/s2-l2a/durations").json
    assert told_all["complete"] and f"all {told_all['looked_at']} processings that ended since" in text
    for step in told_all["steps"]:
        good = sorted(each["seconds"] for each in step["points"] if each["outcome"] == "succeeded")
        assert step["median"] == pytest.approx(median(good))
        assert sum(each <= step["p90"] for each in good) >= 0.9 * len(good) > sum(each < step["p90"] for each in good)
        assert len(good) + step["failures"] == len(step["points"])
        row = seen.page.one("a", href=f"#chart-{step['name']}")
        assert row and step["name"] in row.text
    assert {len(each["values"]) for each in told["series"]} == {len(told["x"])} == {len(told["links"])}
    assert re.fullmatch(r"\.\./p/\d+/s/two", told["links"][0])
    assert sum(value is not None for value in told["series"][1]["values"]) == 3
    assert ann.get("t/s2-l2a/durations.json?step=zebra").status == 404
    assert "Nothing has ended in these days." in ann.get("t/mosaic?tab=durations&days=1").page.text


@pytest.mark.check(23, 24)
@pytest.mark.feature("M106")
def test_two_hundred_pictures_come_as_they_come_near_and_arrows_go_from_processing_to_processing(
    browser: Browser,
    failing: Failing,
    ann: Visitor,
) -> None:
    page = opened(browser, failing, ann, "help")
    wrong, asked = wrong_of(page), list[str]()
    page.on("request", lambda request: asked.append(request.url) if "thumb=1" in request.url else None)
    page.goto(f"http://{failing.host}/{GALLERY}&artifact=two%2Fpreview.png")
    first = page.locator("x-gallery img").first
    expect(first).to_be_visible()
    expect(first).to_have_js_property("naturalWidth", 64)
    assert 0 < len(asked) <= 60, "what is far is not asked for"
    for _ in range(40):
        page.locator("x-gallery figure").last.scroll_into_view_if_needed()
        if page.locator("x-gallery figure").count() >= PICTURES:
            break
        page.wait_for_load_state("networkidle")
    expect(page.locator("x-gallery figure a.picture").nth(PICTURES - 1)).to_be_attached()  # another test may add one
    page.evaluate("scrollTo(0, 0)")
    first.click()
    small, large = page.locator("x-gallery img").first, page.locator("dialog img")
    room = page.locator("dialog .stage")
    expect(small).to_have_class("tiny")
    assert small.evaluate("each => each.width % 64 + each.height % 48") == 0, "its pixels stay squares"
    expect(large).to_have_class("tiny")
    wide, inside = large.evaluate("each => each.width"), room.evaluate("each => each.clientWidth")
    assert wide % 64 == 0 and 64 < wide <= inside, "as large as has room, by a whole number"
    assert large.evaluate("each => getComputedStyle(each).imageRendering") == "pixelated"
    real = page.get_by_role("button", name="1 : 1")
    expect(real).to_have_attribute("aria-pressed", "false")
    plain = real.evaluate("each => getComputedStyle(each).boxShadow")
    real.click()
    expect(real).to_have_attribute("aria-pressed", "true")
    assert real.evaluate("each => getComputedStyle(each).boxShadow") != plain, "one sees that it is pressed"
    assert large.evaluate("each => each.width") == 64
    real.click()
    room.focus()
    title = page.locator("dialog h2")
    before = title.text_content()
    page.keyboard.press("ArrowRight")
    expect(title).not_to_have_text(before or "")
    mine, blink = title.text_content() or "", page.get_by_role("button", name="Blink")
    page.keyboard.press("b")
    expect(title).not_to_have_text(mine)
    expect(title).to_have_text(mine)
    expect(blink).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("b")
    expect(blink).to_have_attribute("aria-pressed", "false")
    expect(title).to_have_text(mine)
    page.emulate_media(reduced_motion="reduce")
    page.keyboard.press("b")
    expect(title).not_to_have_text(mine)
    back, on = page.get_by_role("button", name="Previous"), page.get_by_role("button", name="Next")
    expect(page.locator("dialog [role=status]")).to_have_text(re.compile(r"^2 of 20\d\+?$"))
    back.click()
    expect(title).to_have_text(before or "")
    expect(back).to_have_attribute("aria-disabled", "true")
    expect(back).to_have_attribute("title", "This is the first picture")
    on.click()
    expect(title).to_have_text(mine)
    expect(page.locator("dialog a", has_text="Processing")).to_have_text(f"Processing {mine.split()[0]}")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == f"of-{mine.split()[0]}", "one is where one was"
    cookies = page.evaluate(
        "url => fetch(url).then(answer => answer.headers.get('content-security-policy'))",
        f"/files/{failing.reported}/02-two/1/artifacts/report.html?frame=1",
    )
    assert cookies.startswith("sandbox;"), "nothing of it runs in our origin"
    assert wrong == []


@pytest.mark.check(20, 29)
@pytest.mark.feature("M65")
def test_variables_are_changed_in_a_dialog_that_keeps_what_was_typed(
    browser: Browser,
    failing: Failing,
    ann: Visitor,
) -> None:
    page = opened(browser, failing, ann, "t/reduce?tab=variables")
    wrong = wrong_of(page)
    page.get_by_role("link", name="Run again…").first.click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("threshold", exact=False)
    field.fill("7")
    dialog.get_by_label("Description").fill("brighter")
    assert axe(page) == []
    dialog.get_by_role("button", name="Run as version 2").click()
    expect(dialog.get_by_role("alert")).to_have_text("variable threshold: must be at most 1, not 7")
    expect(field).to_have_value("7")
    expect(dialog.get_by_label("Description")).to_have_value("brighter")
    field.fill("0.9")
    dialog.get_by_role("button", name="Run as version 2").click()
    expect(dialog).to_have_count(0)
    (born,) = failing.driven.rows("SELECT version, variables FROM processing ORDER BY id DESC LIMIT 1")
    assert born.version == 2
    assert '"threshold": 0.9' in born.variables
    assert wrong == []


@pytest.mark.check(22, 29)
@pytest.mark.feature("N8")
def test_the_inbox_is_read_by_machines_and_people_at_every_width(
    browser: Browser,
    failing: Failing,
    ann: Visitor,
) -> None:
    page = opened(browser, failing, ann, "failures")
    wrong = wrong_of(page)
    place = page.locator("a.cause").first.get_attribute("href") or ""
    for theme, width, paths in (
        ("light", 1440, ("events",)), ("dark", 390, (place.removeprefix("./"),)),
    ):  # fmt: skip
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 844})
        for path in paths:
            page.goto(f"http://{failing.host}/{path}")
            assert axe(page) == [], (path, theme)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
    assert wrong == []
