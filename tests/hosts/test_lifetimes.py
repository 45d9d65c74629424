"""Nothing has to be closed: loops, threads and clients come and go, and neither warn nor grow.

What warns does so at odd moments, often as the interpreter ends; so these tests run programs of their own, under
`-X dev -W error`, and whatever they write to stderr is a failure.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, Received, answering, reply
from worlds import HTTP1, HTTP2, World

import courser

Serve = Callable[..., FaultServer]

SUPPORT = Path(__file__).parents[1] / "support"
SOURCE = Path(courser.__file__).parents[1]

PREAMBLE = """
    import asyncio, functools, gc, os, sys, threading, time, warnings
    from faultserver import *
    import courser

    if sys.argv[2] == "h2":
        from gateway import Gateway as FaultServer
        from courser import AsyncClient, Client
        courser.AsyncClient = functools.partial(AsyncClient, http1=False, http2=True)
        courser.Client = functools.partial(Client, http1=False, http2=True)
        courser.get = courser.Client().get

    def new_loop():
        if sys.argv[1] == "uvloop":
            import uvloop
            loop = uvloop.new_event_loop()
        else:
            loop = asyncio.new_event_loop()
        loop.slow_callback_duration = 60  # a busy machine is no warning
        return loop

    def run(procedure):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(procedure)

    def settled(most=0):
        # the server's threads close their sockets in their own time
        for _ in range(100 if most else 10):
            gc.collect()
            count = len(descriptors())
            if count <= most:
                break
            time.sleep(0.01)
        return count

    server = FaultServer(answering(reply(b"fine")))
    url = server.url()
"""

PROGRAMS = {
    "asyncio.run fifty times over one client": """
        client = courser.AsyncClient()
        async def main():
            assert (await client.get(url)).content == b"fine"
            async with client.stream("GET", url) as response:
                assert await response.read() == b"fine"
        counts = []
        for _ in range(50):
            run(main())
            counts.append(settled())
        assert max(counts[1:]) <= counts[1] + 2, counts
        assert len(client._places) <= 1
    """,
    "a thousand clients made and dropped in one loop": """
        async def main():
            async def one():
                assert (await courser.AsyncClient().get(url)).content == b"fine"
            await one()
            gc.collect()
            before = len(descriptors())
            for _ in range(1000):
                courser.AsyncClient()
            for _ in range(100):
                await one()
            await asyncio.sleep(0.05)
            assert (count := settled(before + 1)) <= before + 1, (before, count)
        run(main())
    """,
    "clients dropped in a foreign thread": """
        async def main():
            reader, writer = os.pipe()
            heard = asyncio.Event()
            asyncio.get_running_loop().add_reader(reader, heard.set)
            for _ in range(30):
                clients = [courser.AsyncClient() for _ in range(3)]
                for client in clients:
                    await client.get(url)
                del client
                thread = threading.Thread(target=clients.clear)
                thread.start()
                thread.join()
                assert (await courser.AsyncClient().get(url)).content == b"fine"
            os.write(writer, b"x")
            await asyncio.wait_for(heard.wait(), 2)
            asyncio.get_running_loop().remove_reader(reader)
            os.close(reader)
            os.close(writer)
        run(main())
        run(main())
    """,
    "a loop that ends with a request under way": """
        silent_server = FaultServer(lambda peer: (peer.request(), peer.wait_for_close()))
        client = courser.AsyncClient()
        async def main():
            task = asyncio.ensure_future(client.get(silent_server.url()))
            await asyncio.sleep(0.02)
        for _ in range(5):
            run(main())
            assert client.stats() == {"connections": 0, "idle": 0}, client.stats()
        silent_server.close()
    """,
    "a stream that is left": """
        large = FaultServer(answering(reply(b"x" * 1000000)))
        async def main():
            client = courser.AsyncClient()
            async with client.stream("GET", large.url()) as response:
                async for piece in response.iter_bytes(10):
                    break
            response = await client.stream("GET", large.url()).__aenter__()
            async for line in response.iter_text():
                break
        for _ in range(3):
            run(main())
        large.close()
    """,
    "one client in several loops at once": """
        client = courser.AsyncClient()
        async def main():
            for _ in range(20):
                assert (await client.get(url)).content == b"fine"
        threads = [threading.Thread(target=run, args=(main(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        run(main())
    """,
}


def run_program(program: str, *arguments: str) -> None:
    source = textwrap.dedent(PREAMBLE) + textwrap.dedent(program) + "\nserver.close()\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(SOURCE), str(SUPPORT)))}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", source, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


PROTOCOLS = pytest.mark.parametrize("protocol", [HTTP1, HTTP2])


@pytest.mark.parametrize(("loop", "protocol"), [("asyncio", HTTP1), ("uvloop", HTTP1), ("asyncio", HTTP2)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_no_warning_and_no_growth(name: str, loop: str, protocol: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    run_program(PROGRAMS[name], loop, protocol)


SYNC = """
    client = courser.Client()
    assert client.get(url).content == b"fine"
    assert courser.get(url).content == b"fine"
    manager = client.stream("GET", url)
    manager.__enter__()
    for _ in range(100):
        courser.Client().get(url)
    before = settled()
    for _ in range(100):
        courser.Client().get(url)
        courser.Client()
    list(courser.Client().map([url] * 50))
    assert settled(before + 1) <= before + 1
    thread = threading.Thread(target=lambda: courser.Client().get(url))
    thread.start()
    thread.join()
"""


@PROTOCOLS
def test_plain_code_closes_nothing_and_is_not_warned(protocol: str) -> None:
    run_program(SYNC, "none", protocol)


TRIO = """
    import trio
    client = courser.AsyncClient()
    async def main():
        assert (await client.get(url)).content == b"fine"
        async with client.stream("GET", url) as response:
            async for piece in response.iter_bytes(1):
                break
    counts = []
    for _ in range(20):
        trio.run(main)
        counts.append(settled())
    assert max(counts[1:]) <= counts[1] + 2, counts
"""


@PROTOCOLS
def test_trio_runs_come_and_go(protocol: str) -> None:
    pytest.importorskip("trio")
    run_program(TRIO, "trio", protocol)


FORK = """
    silent_server = FaultServer(lambda peer: (peer.request(), peer.send(reply(b"x" * 10)[:-5]), peer.wait_for_close()))

    def child(work):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads, from Python 3.12 on
            pid = os.fork()
        if not pid:
            try:
                work()
            except BaseException as error:
                os.write(2, repr(error).encode())
                os._exit(1)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0

    client = courser.Client()
    assert client.get(url).content == b"fine"
    before = server.connections
    with client.stream("GET", silent_server.url()) as response:
        def forked():
            assert client.stats() == {"connections": 0, "idle": 0}
            assert client.get(url).content == b"fine"
            gc.collect()
        child(forked)
        assert server.connections == before + 1
        # What was idle, and what was under way, is as it was.
        assert client.get(url).content == b"fine"
        assert server.connections == before + 1
        assert next(response.iter_bytes()) == b"x" * 5

    other = courser.AsyncClient()
    async def main():
        assert (await other.get(url)).content == b"fine"
        before = server.connections
        async with other.stream("GET", silent_server.url()) as response:
            child(gc.collect)
            assert (await other.get(url)).content == b"fine"
            assert server.connections == before
            async for piece in response.iter_bytes():
                assert piece == b"x" * 5
                break
    run(main())
    silent_server.close()
"""


@PROTOCOLS
def test_a_forked_child_takes_nothing_from_its_parent(protocol: str) -> None:
    run_program(FORK, "asyncio", protocol)


def test_twenty_threads_share_a_client(serve: Serve) -> None:
    server = serve(answering(lambda request: reply(request.target.encode() + request.body)))
    client = courser.Client(limits=courser.Limits(max_connections=8))
    wrong: list[Any] = []

    def work(number: int) -> None:
        for step in range(25):
            path, body = f"/{number}/{step}", f" {number}.{step}".encode() * step
            try:
                got = client.put(server.url(path), content=body).content
            except Exception as error:
                wrong.append(error)
            else:
                if got != path.encode() + body:
                    wrong.append((path, got))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert server.connections <= 8
    assert client.stats()["connections"] == client.stats()["idle"] <= 8
    client.close()


async def test_fifty_megabytes_reach_a_slow_reader_over_tls(world: World, serve: Serve, authority: Authority) -> None:
    pattern = bytes(range(251)) * 4000
    body = pattern * (50_000_000 // len(pattern) + 1)

    def script(peer: Peer) -> None:
        request = peer.head()
        left, seen = int(request.get("content-length") or 0), hashlib.sha256()
        pauses = 0
        while left:
            data = peer.receive(200_000)
            assert data, left
            seen.update(data)
            left -= len(data)
            if pauses < 20:
                pauses += 1
                peer.server.closing.wait(0.005)
        peer.send(reply(seen.hexdigest().encode()))

    server = serve(script, tls=authority.good)

    response = await world.client(verify=authority.roots).post(server.url(), content=body)

    assert response.text == hashlib.sha256(body).hexdigest()


@pytest.fixture
def key_updater(authority: Authority) -> Any:
    """An openssl server that renews its keys when it is told."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl binary to renew keys with")
    certificate, key = authority.files("127.0.0.1")
    process = subprocess.Popen(
        [openssl, "s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-tls1_3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.only_http1("the test plays the server by hand")
async def test_a_key_update_of_the_peer_is_survived(world: World, key_updater: Any, authority: Authority) -> None:
    process = key_updater
    seen = b""

    def until(mark: bytes) -> bytes:
        nonlocal seen
        while mark not in seen:
            data = os.read(process.stdout.fileno(), 65536)
            assert data, seen
            seen += data
        found, _, seen = seen.partition(mark)
        return found + mark

    until(b"ACCEPT ")
    port = int(until(b"\n").rpartition(b":")[2])

    def say(data: bytes) -> None:
        """Write, and wait until it was read: a command counts only at the start of what is read at once."""
        pipe = process.stdin.fileno()
        os.write(pipe, data)
        while ioctl(pipe, FIONREAD, bytes(4)) != bytes(4):
            threading.Event().wait(0.001)

    def play() -> None:
        until(b"\r\n\r\n")
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nhello")
        for _ in range(2):
            say(b"K\n")
            say(b"world")

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    client = world.client(verify=authority.roots, timeout=5)

    assert (await client.get(f"https://127.0.0.1:{port}/")).content == b"helloworldworld"
    thread.join(2)


async def test_large_bodies_do_not_grow_the_process(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        return reply(b"x" * 500_000)

    server = serve(answering(answer))
    client = world.client()

    for _ in range(20):
        assert len((await client.get(server.url())).content) == 500_000

    assert server.connections == 1
