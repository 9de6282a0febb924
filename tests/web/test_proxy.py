"""Behind a real nginx, with the lines of the guide, below a path that it strips and below one that it keeps."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from procession.api.server import WebServer, listen
from procession.commands import tokens
from procession.model.serving import WebPlan
from procession.verbs import Caller, call
from tests.api.served import TOML, Served
from tests.conftest import REQUIRED
from tests.postgres import free_port
from tests.waiting import eventually
from tests.web.browser import ARGUMENTS, wrong_of

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/web.md"
NAME = "data.example.org"
WEB = f"""
[web]
hosts = ["{NAME}"]
behind_proxy = true
"""
CONF = """
daemon off;
pid nginx.pid;
error_log stderr;
events {{ }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    {locations}
  }}
}}
"""
CERTIFY = f"req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN={NAME}"


def of_the_guide(port: int) -> str:
    """The location that people copy, for a server at this port; and once more with a path that is kept."""
    found = re.search(r"^location /procession/ \{.*?^\}", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    stripped = found[0].replace("127.0.0.1:8750", f"127.0.0.1:{port}")
    kept = stripped.replace("location /procession/", "location /jupyter/proxy/8000/")
    return stripped + kept.replace(f":{port}/;", f":{port};")


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A project whose server is called by the name of the proxy."""
    made = Served(tmp_path_factory.mktemp("behind"), TOML + WEB)
    made.server.stop()
    made.server.project.close()
    made.server = WebServer(made.project.beside(), listen(WebPlan(port=0)))
    made.port = made.server.port
    made.server.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def nginx(behind: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Its port."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None or shutil.which("openssl") is None:
        if "nginx" in REQUIRED:
            pytest.fail("no nginx and openssl: try `make services`", pytrace=False)
        pytest.skip("no nginx and openssl: try `make services`")
    home, port = tmp_path_factory.mktemp("nginx"), free_port()
    subprocess.run(["openssl", *CERTIFY.split()], cwd=home, check=True, capture_output=True)
    (home / "nginx.conf").write_text(CONF.format(port=port, locations=of_the_guide(behind.port)))
    command = [program, "-p", str(home), "-c", "nginx.conf", "-e", "stderr"]
    with (home / "said").open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as running:
        try:
            eventually(lambda: (home / "nginx.pid").exists() or running.poll() is not None)
            assert running.poll() is None, (home / "said").read_text()
            yield port
        finally:
            running.terminate()


@pytest.fixture
def page(browser: Browser, nginx: int) -> Iterator[Page]:
    """In a browser to which the name is that of nginx."""
    called = f"--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{nginx}"
    launched = browser.browser_type.launch(
        executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=[*ARGUMENTS, called]
    )
    yield launched.new_page(ignore_https_errors=True)
    launched.close()


@pytest.mark.feature("M112")
@pytest.mark.check(34)
@pytest.mark.parametrize("prefix", ["procession", "jupyter/proxy/8000"], ids=["stripped", "kept"])
def test_pages_streams_and_actions_work_below_a_path_of_a_proxy(behind: Served, page: Page, prefix: str) -> None:
    root = f"https://{NAME}/{prefix}/"
    wrong, answers = wrong_of(page), list[tuple[int, str]]()
    page.on("response", lambda answer: answers.append((answer.status, answer.url)))
    page.goto(f"{root}login#{tokens.link(behind.project, 'tests').secret}")
    page.locator("#live[data-state=live]").wait_for()
    call(behind.project, Caller("tests", "http"), "pause", {"everything": True, "reason": "said from elsewhere"})
    expect(page.locator(".banner")).to_contain_text("said from elsewhere")
    page.get_by_role("button", name="Resume everything").click()
    expect(page.locator(".toast").first).to_contain_text("Resumed everything")
    for address in page.locator(".side a").evaluate_all("found => found.map((each) => each.href)"):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert len(answers) > 20
    assert [(status, url) for status, url in answers if status >= 400 or not url.startswith(root)] == []
    assert wrong == []
