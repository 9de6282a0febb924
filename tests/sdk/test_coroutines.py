"""run_sync: synchronous code in coroutines of asyncio and of Tornado, in this process and in programs of their own."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import tornado.gen
import tornado.ioloop

from procession import run_sync
from procession.sdk import coroutines

pytestmark = pytest.mark.feature("M51")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    coroutines.set_threads(coroutines.THREADS)


def told(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
    return args, kwargs, threading.current_thread().name


def fail(text: str) -> None:
    raise KeyError(text)


# ── asyncio ────────────────────────────────────────────────────────────────────────────────────────


def test_arguments_go_in_and_the_result_comes_out_of_another_thread() -> None:
    async def main() -> tuple[Any, ...]:
        return await run_sync(told, 1, "b", c=3, function=4)

    args, kwargs, name = asyncio.run(main())
    assert (args, kwargs) == ((1, "b"), {"c": 3, "function": 4})
    assert name.startswith("procession-run-sync")


def test_the_very_exception_comes_out() -> None:
    async def main() -> None:
        await run_sync(fail, "x")

    with pytest.raises(KeyError, match="x") as caught:
        asyncio.run(main())
    assert [entry.name for entry in caught.traceback][-1] == "fail"


def test_a_stop_iteration_becomes_an_error_and_hangs_nobody() -> None:
    async def main() -> None:
        await run_sync(next, iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(main())


def test_context_variables_are_those_of_the_caller_and_stay_its_own() -> None:
    variable = contextvars.ContextVar("variable", default="outside")

    def inside() -> str:
        before = variable.get()
        variable.set("changed")
        return before

    async def main() -> tuple[str, str]:
        variable.set("of the caller")
        return await run_sync(inside), variable.get()

    assert asyncio.run(main()) == ("of the caller", "of the caller")


def test_the_loop_goes_on_while_a_function_runs() -> None:
    go_on, ticks = threading.Event(), 0

    async def tick() -> None:
        nonlocal ticks
        while ticks < 100:
            await asyncio.sleep(0)
            ticks += 1
        go_on.set()  # the function ends only because the loop ran

    async def main() -> bool:
        ended, _ = await asyncio.gather(run_sync(go_on.wait, 30), tick())
        return ended

    assert asyncio.run(main())
    assert ticks == 100


def test_many_at_once_are_as_many_as_there_are_threads() -> None:
    coroutines.set_threads(8)
    together = threading.Barrier(8)
    now, most, lock = 0, 0, threading.Lock()

    def meet(n: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(30)  # eight of them are here at the same time, or nobody gets on
        with lock:
            now -= 1
        return n

    async def main() -> list[int]:
        return await asyncio.gather(*(run_sync(meet, n) for n in range(40)))

    assert asyncio.run(main()) == list(range(40))
    assert most == 8


def test_what_waits_for_a_thread_never_starts_if_it_is_cancelled() -> None:
    coroutines.set_threads(1)
    begun, go_on, ran = threading.Event(), threading.Event(), []

    def first() -> None:
        begun.set()
        go_on.wait(30)
        ran.append("first")

    async def main() -> None:
        running = asyncio.ensure_future(run_sync(first))
        waiting = asyncio.ensure_future(run_sync(ran.append, "second"))
        while not begun.is_set():
            await asyncio.sleep(0)
        waiting.cancel()
        running.cancel()  # its thread goes on; nobody hears of its result
        for each in (waiting, running):
            with pytest.raises(asyncio.CancelledError):
                await each
        await asyncio.sleep(0)  # the loop hands the cancel on to the thread's queue in its next round
        go_on.set()
        await run_sync(ran.append, "third")

    asyncio.run(main())
    assert ran == ["first", "third"]


def test_outside_a_loop_nothing_is_begun() -> None:
    ran: list[int] = []
    with pytest.raises(RuntimeError, match="no running event loop"):
        run_sync(ran.append, 1)
    assert ran == []


def test_less_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        coroutines.set_threads(0)


# ── Tornado ────────────────────────────────────────────────────────────────────────────────────────


def test_tornado_coroutines_yield_and_await() -> None:
    @tornado.gen.coroutine
    def old() -> Any:
        one = yield run_sync(told, 1, b=2)
        several = yield [run_sync(abs, -n) for n in range(5)]
        try:
            yield run_sync(fail, "y")
        except KeyError as error:
            raise tornado.gen.Return((one[:2], several, error.args)) from None

    async def new() -> Any:
        return await old()

    found = tornado.ioloop.IOLoop().run_sync(new)
    assert found == (((1,), {"b": 2}), [0, 1, 2, 3, 4], ("y",))


def test_the_loop_of_tornado_goes_on_while_a_function_runs() -> None:
    go_on, ticks = threading.Event(), 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 20:
            go_on.set()

    @tornado.gen.coroutine
    def main() -> Any:
        calls = tornado.ioloop.PeriodicCallback(tick, 1)
        calls.start()
        ended = yield run_sync(go_on.wait, 30)
        calls.stop()
        return ended

    assert tornado.ioloop.IOLoop().run_sync(main)


# ── programs of their own ──────────────────────────────────────────────────────────────────────────

ASYNCIO = """
    import asyncio
    from procession import Client, run_sync

    async def main():
        client = await run_sync(Client)
        born = await asyncio.gather(*(run_sync(client.emit, "e", {"n": n}, key=str(n)) for n in range(10)))
        print(sorted(event["id"] for event in born))
        found = await run_sync(client.list, "task:t", limit=3)
        print(len(found["items"]), found["next"] is not None)
        try:
            await run_sync(client.show, 99)
        except Exception as error:
            print(type(error).__name__)
        await run_sync(client.close)

    asyncio.run(main())
"""

TORNADO = """
    import tornado.gen, tornado.httpclient, tornado.httpserver, tornado.ioloop, tornado.netutil, tornado.web
    from procession import Client, run_sync

    class Scenes(tornado.web.RequestHandler):
        @tornado.gen.coroutine
        def post(self, key):
            done = yield run_sync(client.emit, "e", {"n": 1}, key=key)
            self.write({"processings": done["processings"], "duplicate": done["duplicate"]})

        async def get(self, key):
            found = await run_sync(client.list, f"key:{key}", limit=1)
            self.write({"states": [each["state"] for each in found["items"]]})

    @tornado.gen.coroutine
    def main():
        sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server = tornado.httpserver.HTTPServer(tornado.web.Application([(r"/(.+)", Scenes)]))
        server.add_sockets(sockets)
        asker = tornado.httpclient.AsyncHTTPClient()
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/scene1"
        for options in ({"method": "POST", "body": ""}, {"method": "POST", "body": ""}, {}):
            answer = yield asker.fetch(url, **options)
            print(answer.body.decode())
        server.stop()

    with Client() as client:
        tornado.ioloop.IOLoop.current().run_sync(main)
"""


# In its debug mode asyncio warns of all that takes 0.1 s, as anything may on a loaded machine; its errors count.
QUIET = "import logging; logging.getLogger('asyncio').setLevel(logging.ERROR)\n"


def run(directory: Path, text: str) -> list[str]:
    (directory / "procession.toml").write_text('[tasks.t]\non = "e"\nrun = "true"\n')
    text = QUIET + dedent(text)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error::RuntimeWarning", "-c", text], cwd=directory,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


@pytest.mark.feature("P27")
def test_a_program_on_asyncio_works_with_a_project(tmp_path: Path) -> None:
    assert run(tmp_path, ASYNCIO) == [str(list(range(1, 11))), "3 True", "NotFound"]


@pytest.mark.feature("P27")
def test_a_program_on_tornado_works_with_a_project(tmp_path: Path) -> None:
    assert run(tmp_path, TORNADO) == [
        '{"processings": [1], "duplicate": false}', '{"processings": [1], "duplicate": true}',
        '{"states": ["waiting"]}',
    ]  # fmt: skip


def test_it_works_where_tornado_is_not_installed(tmp_path: Path) -> None:
    text = """
        import sys
        sys.modules["tornado"] = None
        import asyncio, procession
        async def main():
            print(await procession.run_sync(sum, [1, 2, 3]))
        asyncio.run(main())
    """
    assert run(tmp_path, text) == ["6"]
