"""A driven project with one bridge whose threads really run: what the tests of bridges share."""

from pathlib import Path
from textwrap import dedent
from typing import Any

from procession.bridges.serving import Bridges
from procession.model.bridge import STATUSES
from procession.store import bridges as rows
from tests.brokers import LOGIN, PASSCODE
from tests.flow.driven import Driven

BRIDGE = """
    [bridges.isis]
    kind = "stomp"
    url = "{url}"
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
    retry = {{ on = ["failed"], attempts = 2, delay = "1 h" }}
"""


class Bridged(Driven):
    """A project that reads ``/queue/QUEUE.pending`` and tells everything to ``/queue/QUEUE.told``."""

    def __init__(
        self,
        root: Path,
        url: str,
        queue: str = "q",
        *,
        more: str = "",
        vhost: str = "",
        database: str | None = None,
        cpus: float = 4,
    ) -> None:
        root.mkdir(exist_ok=True)
        self.credentials(root, PASSCODE)
        self.queue = queue
        publish = ", ".join(f'{status} = "/queue/{queue}.told"' for status in STATUSES)
        more = f'vhost = "{vhost}"\n' + dedent(more) if vhost else dedent(more)
        super().__init__(
            root, dedent(BRIDGE).format(url=url, queue=queue, more=more, publish=publish), database=database, cpus=cpus
        )
        self.bridges = Bridges(self.project.beside())

    @staticmethod
    def credentials(root: Path, passcode: str) -> None:
        secret = root / "credentials"
        secret.write_text(f"{LOGIN}\n{passcode}\n")
        secret.chmod(0o600)

    def again(self) -> None:
        """The process with the bridges is gone, and another one serves them."""
        self.bridges.stop()
        self.bridges = Bridges(self.project.beside())
        self.bridges.start()

    def close(self) -> None:
        self.bridges.stop()
        super().close()

    def message(self, number: int, **more: Any) -> dict[str, Any]:
        return {"instrument": "GEM", "run_number": number, "run_version": 0, "rb_number": f"{number % 7}", **more}

    def counted(self) -> rows.Counted:
        with self.project.store.read() as tx:
            return rows.counted(tx).get("isis", rows.Counted())

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0].n)

    def work(self) -> None:
        """Let everything that may begin, begin and succeed."""
        self.turn()
        while self.executor.queue:
            for key in list(self.executor.queue):
                self.executor.begin(key)
                self.executor.end(key, 0)
            self.turn()
