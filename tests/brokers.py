"""Real brokers for one test run: each in a temporary directory, on free loopback ports, gone afterwards.

*In:* the programs, where Debian puts them. *Out:* `Broker`: its address for STOMP, and starting, stopping and killing
it. *Always:* it is ended by its own pid, and ends by itself if the tests are killed; what it has taken persistently
survives its end.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.postgres import Missing, free_port
from tests.waiting import eventually

LOGIN, PASSCODE = "procession", "only for tests"

ACTIVEMQ = Path("/usr/share/activemq/lib")
ACTIVEMQ_XML = """<beans xmlns="http://www.springframework.org/schema/beans"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans
  http://www.springframework.org/schema/beans/spring-beans-2.0.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
 <broker xmlns="http://activemq.apache.org/schema/core" brokerName="tests" useJmx="false" persistent="true"
   schedulerSupport="true" useShutdownHook="true" dataDirectory="{home}/data">
  <plugins>
   <simpleAuthenticationPlugin anonymousAccessAllowed="false"><users>
    <authenticationUser username="{login}" password="{passcode}" groups="users"/>
   </users></simpleAuthenticationPlugin>
  </plugins>
  <systemUsage><systemUsage>
   <memoryUsage><memoryUsage limit="64 mb"/></memoryUsage>
   <storeUsage><storeUsage limit="512 mb"/></storeUsage>
   <tempUsage><tempUsage limit="256 mb"/></tempUsage>
  </systemUsage></systemUsage>
  <persistenceAdapter><kahaDB directory="{home}/data/kahadb" journalMaxFileLength="4mb"/></persistenceAdapter>
  <transportConnectors>
   <transportConnector name="stomp" uri="stomp://127.0.0.1:{port}"/>
  </transportConnectors>
 </broker></beans>"""

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
RABBITMQ_CONF = """listeners.tcp.default = 127.0.0.1:{amqp}
stomp.listeners.tcp.1 = 127.0.0.1:{port}
{tls}
loopback_users = none
default_user = {login}
default_pass = {passcode}
log.console = true
log.console.level = warning
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 100MB
"""
RABBITMQ_TLS = """stomp.listeners.ssl.1 = 127.0.0.1:{port}
ssl_options.cacertfile = {home}/tls/ca.pem
ssl_options.certfile = {home}/tls/server.pem
ssl_options.keyfile = {home}/tls/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false"""


class Broker(ABC):
    """A broker of one's own. Use it as a context manager, or `start` and `stop` it."""

    vhost = ""
    """What its STOMP wants as virtual host, where it wants one."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=f"procession-{type(self).__name__.lower()}."))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As ``[bridges.NAME] url`` has it."""
        return f"stomp://127.0.0.1:{self.port}"

    @abstractmethod
    def _command(self) -> tuple[list[str], dict[str, str]]:
        """What is executed, and in which environment."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self) -> None:
        """Start and wait until it listens; also after `kill`, on the same port with the same messages."""
        if self._process is not None:
            return
        command, environment = self._command()
        dies = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with open(self.home / "log", "ab") as log:
            self._process = subprocess.Popen(
                [*dies, *command], cwd=self.home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        eventually(self._listens, timeout=90, what=f"{type(self).__name__} listens")

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{type(self).__name__} ended: {(self.home / 'log').read_text()[-3000:]}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def stop(self) -> None:
        """End it politely. Harmless if it has ended."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            self._process.wait(timeout=60)
            self._process = None


class ActiveMQ(Broker):
    """Apache ActiveMQ, of the Debian package `activemq`."""

    def __init__(self) -> None:
        if not ACTIVEMQ.is_dir() or shutil.which("java") is None:
            raise Missing("no ActiveMQ (/usr/share/activemq) or no Java: try `make services`")
        super().__init__()
        for name in ("conf", "data", "tmp"):
            (self.home / name).mkdir()
        said = ACTIVEMQ_XML.format(home=self.home, port=self.port, login=LOGIN, passcode=PASSCODE)
        (self.home / "conf/activemq.xml").write_text(said)

    def _command(self) -> tuple[list[str], dict[str, str]]:
        home = self.home
        command = [
            "java", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-Djava.io.tmpdir={home}/tmp", "-Djava.net.preferIPv4Stack=true", "-Dactivemq.home=/usr/share/activemq",
            f"-Dactivemq.base={home}", f"-Dactivemq.conf={home}/conf", f"-Dactivemq.data={home}/data",
            "-cp", f"{home}/conf:{ACTIVEMQ}/*:{ACTIVEMQ}/optional/*",
            "org.apache.activemq.console.Main", "start", f"xbean:file:{home}/conf/activemq.xml",
        ]  # fmt: skip
        return command, dict(os.environ)


class RabbitMQ(Broker):
    """RabbitMQ with its STOMP plugin, of the Debian package `rabbitmq-server`, with a name server of its own."""

    vhost = "/"

    def __init__(self) -> None:
        if not RABBITMQ.exists():
            raise Missing(f"no RabbitMQ ({RABBITMQ}): try `make services`")
        super().__init__()
        self.amqp, self.tls_port, self._dist, self._names = (free_port() for _ in range(4))
        self._prefix: list[str] = []
        self._epmd: subprocess.Popen[bytes] | None = None
        tls = RABBITMQ_TLS.format(port=self.tls_port, home=self.home) if self._certify() else ""
        (self.home / "home").mkdir()
        (self.home / "plugins").write_text("[rabbitmq_stomp].\n")
        said = RABBITMQ_CONF.format(amqp=self.amqp, port=self.port, tls=tls, login=LOGIN, passcode=PASSCODE)
        (self.home / "rabbitmq.conf").write_text(said)
        if os.geteuid() == 0:
            self._prefix = self._as_other()

    @property
    def tls_url(self) -> str:
        """The same over TLS; its certificate is for localhost."""
        return f"stomp+ssl://localhost:{self.tls_port}"

    def _certify(self) -> bool:
        """Make an authority and a certificate of it for localhost; False: there is no openssl."""
        if shutil.which("openssl") is None:
            return False
        tls = self.home / "tls"
        tls.mkdir()
        (tls / "san").write_text("subjectAltName=DNS:localhost\n")
        for line in (
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=tests",
            "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile san",
        ):
            subprocess.run(["openssl", *line.split()], cwd=tls, check=True, capture_output=True)
        return True

    def _as_other(self) -> list[str]:
        """Hand all over to the account that the package has made, and become it."""
        try:
            account = pwd.getpwnam("rabbitmq")
        except KeyError:
            raise Missing("RabbitMQ is there without its account rabbitmq; install the package again") from None
        for place in (self.home, *self.home.rglob("*")):
            os.chown(place, account.pw_uid, account.pw_gid)
        return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]

    def _environment(self) -> dict[str, str]:
        home = self.home
        return {
            "PATH": "/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home / "home"),
            "LANG": "C.UTF-8", "RABBITMQ_NODENAME": f"p{self.amqp}@localhost", "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"), "RABBITMQ_LOG_BASE": str(home / "logs"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"), "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"), "RABBITMQ_DIST_PORT": str(self._dist),
            "ERL_EPMD_PORT": str(self._names), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
        }  # fmt: skip

    def _command(self) -> tuple[list[str], dict[str, str]]:
        return [*self._prefix, str(RABBITMQ)], self._environment()

    def start(self) -> None:
        """Start its name server, and then itself."""
        if self._epmd is None:
            command = [*self._prefix, "epmd", "-address", "127.0.0.1", "-port", str(self._names)]
            self._epmd = subprocess.Popen(
                command, cwd=self.home, env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        super().start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        super().__exit__(kind, error, at)
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait(10)
