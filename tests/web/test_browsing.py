"""What only a browser shows: links that log in, forms without scripts, and a policy that is kept."""

import pytest
from playwright.sync_api import Browser, expect

from procession.commands import tokens
from tests.api.served import Served
from tests.web.browser import wrong_of


@pytest.mark.feature("M112")
@pytest.mark.check(35)
def test_the_link_that_is_printed_logs_in_and_its_code_is_gone_from_the_address(
    served: Served, browser: Browser
) -> None:  # fmt: skip
    context = browser.new_context()
    page = context.new_page()
    wrong = wrong_of(page)
    page.goto(f"{served.server.url}/login#{tokens.link(served.project, 'tests').secret}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    assert page.url == f"{served.server.url}/"
    page.go_back()
    assert "procession_" not in page.url
    assert not wrong
    context.close()


@pytest.mark.feature("M112")
def test_who_has_a_session_and_follows_the_link_of_a_mail_is_not_asked_again(
    served: Served, browser: Browser
) -> None:  # fmt: skip
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.server.url}/login#{tokens.link(served.project, 'tests').secret}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    mail = context.new_page()
    mail.route("http://mail.example/", lambda route: route.fulfill(
        content_type="text/html", body=f'<a href="{served.server.url}/ask/pause?task=scene">look</a>'
    ))  # fmt: skip
    mail.goto("http://mail.example/")
    mail.get_by_role("link", name="look").click()
    expect(mail.get_by_role("heading", level=1)).to_have_text("Pause scene")
    context.close()


@pytest.mark.feature("M111")
def test_without_scripts_a_person_pauses_everything_and_resumes_it(
    served: Served, browser: Browser
) -> None:  # fmt: skip
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.server.url}/help")
    page.goto(f"{served.server.url}/")
    page.get_by_label("Code").fill(tokens.link(served.project, "tests").secret)
    page.get_by_role("button", name="Log in with code").click()
    page.get_by_role("link", name="Pause all…").click()
    page.get_by_label("Why").fill("disk <b>swap")
    page.get_by_role("button", name="Pause everything").click()
    expect(page.locator(".banner")).to_contain_text("disk <b>swap")
    expect(page.locator(".toast")).to_have_text("Paused everything")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator(".banner")).to_have_count(0)
    page.get_by_role("button", name="DOY").click()
    expect(page.locator("html")).to_have_attribute("data-zone", "doy")
    context.close()


@pytest.mark.feature("M104")
@pytest.mark.check(28)
def test_two_keys_lead_from_page_to_page(served: Served, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.server.url}/login#{tokens.link(served.project, 'tests').secret}")
    for key, heading in (("t", "Tasks"), ("f", "Failures"), ("o", "Overview")):
        expect(page.locator("#live")).to_have_attribute("data-state", "live")  # its scripts are there
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    context.close()
