"""After a fork: the parent goes on as if nothing had happened, and the child has nothing of the parent's."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import trustme

import courser
from courser.core import fork
from courser.core.fork import remember
from courser.hosts.aio import current_host

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers every request over TLS; `/held` only when the test lets it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.url = f"https://localhost:{self._listener.getsockname()[1]}"
        self.port = self._listener.getsockname()[1]
        self.asked = threading.Event()
        self.let = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        with suppress(OSError):
            sock = self._context.wrap_socket(raw, server_side=True)
            self._open.append(sock)
            while data := sock.recv(65536):
                if data.startswith(b"GET /held"):
                    self.asked.set()
                    self.let.wait(10)
                sock.sendall(ANSWER)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(10)
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in self._open:
            sock.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    made = Server(context)
    yield made
    made.close()


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def in_child(work: Callable[[], None]) -> int:
    """Run something in a forked process; gives its exit code: 0 where nothing was raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:
            os.write(2, f"in the child: {error!r}\n".encode())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def sockets_to(port: int) -> int:
    """How many descriptors of this process are connected to a port of the loopback."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as sock:
                count += sock.family == socket.AF_INET and sock.getpeername()[1] == port
    return count


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors by /proc")
def test_parent_and_child_go_on_with_fifty_connections_and_one_request_under_way(
    server: Server, trust: ssl.SSLContext
) -> None:
    client = courser.Client(verify=trust, timeout=10)
    answers = list(client.map([server.url + "/"] * 50, concurrency=50))
    assert len(answers) == 50
    held: list[courser.Response] = []
    thread = threading.Thread(target=lambda: held.append(client.get(server.url + "/held")))
    thread.start()
    assert server.asked.wait(10)
    before = client.stats()
    assert before["connections"] == 50
    assert sockets_to(server.port) == 50

    def child() -> None:
        assert sockets_to(server.port) == 0
        assert client.stats() == {"connections": 0, "idle": 0}
        assert client.get(server.url + "/").text == "ok"
        assert len(list(client.map([server.url + "/"] * 3, concurrency=3))) == 3
        assert courser.Client(verify=trust, timeout=10).get(server.url + "/").text == "ok"

    assert in_child(child) == 0
    assert client.stats() == before
    server.let.set()
    thread.join(10)
    assert [each.text for each in held] == ["ok"]
    assert client.get(server.url + "/").text == "ok"
    assert [each.text for each in client.map([server.url + "/"] * 50, concurrency=50)] == ["ok"] * 50
    assert client.stats()["connections"] == 50
    client.close()


async def while_asleep() -> float:
    """Seconds of CPU that this process spends while its loop has nothing to do."""
    before = time.process_time()
    await asyncio.sleep(0.03)
    return time.process_time() - before


@pytest.mark.parametrize("driver", ["nested", "direct", "transports"])
def test_a_loop_goes_on_after_a_fork_under_it(
    server: Server, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, driver: str
) -> None:
    monkeypatch.setenv("COURSER_DRIVER", driver)

    def child() -> None:
        with courser.Client(verify=trust, timeout=10) as own:
            assert own.get(server.url + "/").text == "ok"
        if driver != "transports":  # the loop owns those, and a child that closed them would disarm the parent
            assert sockets_to(server.port) == 0

    async def main() -> None:
        async with courser.AsyncClient(verify=trust, timeout=10) as client:
            await asyncio.gather(*(client.get(server.url + "/") for _ in range(5)))
            held = asyncio.create_task(client.get(server.url + "/held"))
            while not server.asked.is_set():
                await asyncio.sleep(0.001)
            assert in_child(child) == 0
            server.let.set()
            assert (await held).text == "ok"
            answers = await asyncio.gather(*(client.get(server.url + "/") for _ in range(5)))
            assert [each.text for each in answers] == ["ok"] * 5
            assert client.stats() == {"connections": 5, "idle": 5}
            if driver == "nested":
                reactor = current_host(asyncio.get_running_loop()).reactor
                assert reactor.poller.poll(0) == []  # type: ignore[union-attr]
            spent = [await while_asleep() for _ in range(5)]
            assert min(spent) < 0.02, "something spins"

    asyncio.run(main())


def test_what_is_remembered_forgets_in_the_child_only() -> None:
    class Thing:
        forgot = False

        def forget(self) -> None:
            self.forgot = True

    thing = Thing()
    remember(thing)

    def child() -> None:
        assert thing.forgot

    assert in_child(child) == 0
    assert not thing.forgot


def test_what_is_gone_need_not_forget() -> None:
    class Thing:
        def forget(self) -> None:
            raise AssertionError("gone")

    remember(Thing())
    remembered = list(fork._remembered)

    assert not any(isinstance(each, Thing) for each in remembered)


def test_all_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the child does, done here for a set of things of our own."""
    forgot: list[str] = []

    class Thing:
        def forget(self) -> None:
            forgot.append("it")

    thing = Thing()
    monkeypatch.setattr(fork, "_remembered", {thing})
    fork._forget_all()

    assert forgot == ["it"]


def test_a_system_without_fork_registers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")

    spec = importlib.util.spec_from_file_location("courser.core.fork_once_more", fork.__file__)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
