"""A run that a message tells of, with values of its own: from the broker to the variables that its script finds."""

import pytest

from tests.bridges.peer import Peer
from tests.brokers import LOGIN, PASSCODE, Broker
from tests.stories.site import Site
from tests.waiting import eventually

TASKS = """\
    [bridges.isis]
    kind = "stomp"
    url = "URL"
    credentials_file = "credentials"
    subscribe = "/queue/variables.pending"
    event = "run"
    key = "GEM{run_number}"
    title = "{title}"

    [tasks.reduction]
    on = "run"
    source = "{instrument}"
    experiment = "RB{rb_number}"
    run_by = "{run_number}"
    steps = [{ reduce = "reduce.py", input = "{data}", output = "archive/RB{rb_number}/{run_number}" }]
"""
SCRIPT = """\
    import reduce_vars as web_var
    def main(input_file, output_dir):
        print(web_var.standard_vars["factor"], web_var.standard_vars["sample"], web_var.advanced_vars["bins"])
"""
DEFAULTS = 'standard_vars = {"factor": 2, "sample": "V"}\nadvanced_vars = {"bins": [1]}\n'


def message(site: Site, number: int, **more: object) -> dict[str, object]:
    return {"instrument": "GEM", "rb_number": 7, "run_number": number, "data": str(site.path("run.nxs")),
            "title": f"run {number}", **more}  # fmt: skip


@pytest.mark.feature("M52", "M53", "M56", "M58", "M59", "M62", "N14")
def test_values_of_a_message_go_before_every_set_and_reach_the_script(site: Site, activemq: Broker) -> None:
    activemq.start()
    site.write(TASKS.replace("URL", activemq.url), reduce_py=SCRIPT, reduce_vars_py=DEFAULTS, run_nxs="data")
    site.path("credentials").write_text(f"{LOGIN}\n{PASSCODE}\n")
    site.path("credentials").chmod(0o600)
    site.run("variables", "add", "reduction", "factor=5", "sample=Nb", "--from", "10")
    site.up()
    brought = {"standard_vars": {"factor": 7}, "advanced_vars": {"bins": [3, 4]}}
    with Peer(activemq) as peer:
        peer.send("/queue/variables.pending", message(site, 9))
        peer.send("/queue/variables.pending", message(site, 10))
        peer.send("/queue/variables.pending", message(site, 11, reduction_arguments=["factor", 7]))
        peer.send("/queue/variables.pending", message(site, 12, reduction_arguments=brought))
        eventually(lambda: len(site.json("list")["items"]) == 3, timeout=60, what="three are born")
    for number in (1, 2, 3):
        site.until(number, "succeeded")
    assert [site.log(n, 1, "reduce") for n in (1, 2, 3)] == [b"2 V [1]\n", b"5 Nb [1]\n", b"7 Nb [3, 4]\n"]
    shown = site.json("show", "3")
    assert shown["variables"]["origin"] == {
        "factor": "the event", "bins": "the event", "sample": "set 1 (runs from 10)",
    }  # fmt: skip
    record = {key: shown[key] for key in ("run", "version", "title", "source", "experiment", "run_group")}
    assert record == {
        "run": 12, "version": 1, "title": "run 12", "source": "GEM", "experiment": "RB7", "run_group": "RB7",
    }  # fmt: skip
    (refused,) = site.json("refused")["items"]
    assert "reduction_arguments must be an object" in refused["reason"]
