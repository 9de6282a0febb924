"""What a bridge does on every broker: the same suite on a real ActiveMQ and on a real RabbitMQ."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from procession.bridges.serving import Bridges
from procession.commands import refusals
from procession.model.bridge import STATUSES
from procession.store import bridges as rows
from tests.bridges.peer import Peer
from tests.brokers import LOGIN, PASSCODE, Broker
from tests.flow.driven import Driven
from tests.waiting import eventually

pytestmark = [pytest.mark.feature("P9", "M52")]

BRIDGE = """
    [bridges.isis]
    kind = "stomp"
    url = "{url}"
    {vhost}
    credentials_file = "credentials"
    subscribe = "/queue/{queue}.pending"
    event = "reduction"
    key = "{{instrument}}-{{run_number}}-{{run_version}}"
    one_at_a_time = "rb:{{rb_number}}"
    cancel_when = {{ cancel = true }}
    publish = {{ {publish} }}
    {more}

    [tasks.reduce]
    on = "reduction"
    run = "./one.sh {{run_number}}"
"""


@pytest.fixture(params=["activemq", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    found: Broker = request.getfixturevalue(request.param)
    return found


class Bridged(Driven):
    """A driven project with one bridge, whose threads really run."""

    def __init__(self, root: Path, broker: Broker, queue: str, more: str = "", url: str | None = None) -> None:
        vhost = f'vhost = "{broker.vhost}"' if broker.vhost else ""
        root.mkdir(exist_ok=True)
        secret = root / "credentials"
        secret.write_text(f"{LOGIN}\n{PASSCODE}\n")
        secret.chmod(0o600)
        self.queue = queue
        publish = ", ".join(f'{status} = "/queue/{queue}.told"' for status in STATUSES)
        toml = dedent(BRIDGE).format(
            url=url or broker.url, vhost=vhost, queue=queue, more=dedent(more), publish=publish
        )
        super().__init__(root, toml)
        self.bridges = Bridges(self.project.beside())

    def message(self, number: int, **more: Any) -> dict[str, Any]:
        return {"instrument": "GEM", "run_number": number, "run_version": 0, "rb_number": "1820", **more}

    def counted(self) -> rows.Counted:
        with self.project.store.read() as tx:
            return rows.counted(tx).get("isis", rows.Counted())


@pytest.fixture
def bridged(tmp_path: Path, broker: Broker, request: pytest.FixtureRequest) -> Iterator[Bridged]:
    made = Bridged(tmp_path / "p", broker, f"{abs(hash(request.node.name))}")
    made.bridges.start()
    yield made
    made.bridges.stop()
    made.close()


@pytest.mark.feature("M54", "N14")
def test_a_message_becomes_an_event_and_its_statuses_come_back(bridged: Bridged, broker: Broker) -> None:
    with Peer(broker) as peer:
        peer.listen(f"/queue/{bridged.queue}.told")
        peer.send(f"/queue/{bridged.queue}.pending", bridged.message(1, title="vanadium"))
        eventually(lambda: bridged.counted().taken == 1)
        bridged.turn()
        headers, told = peer.next()
        assert told | {"status": "started", "run_number": 1, "title": "vanadium"} == told
        assert headers["procession-id"] and headers["correlation-id"] == "GEM-1-0"
        bridged.end(1)
        bridged.turn()
        _, told = peer.next()
        assert (told["status"], told["processing"]) == ("succeeded", 1)
    assert refusals.newest(bridged.project) == []
