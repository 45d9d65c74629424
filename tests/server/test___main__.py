"""`python -m courser.server`: what it says, and that it never outlives whoever started it."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority

import courser
from courser.core.reactor import READ, Reactor
from courser.server import Server
from courser.server.__main__ import LOOK, Watch, main

SOURCE = str(Path(courser.__file__).parents[1])


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "courser.server", *arguments]
        given: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, **options}
        processes.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": SOURCE}, **given))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_it_prints_its_url_and_ends_with_its_standard_input(started: Callable[..., subprocess.Popen[str]]) -> None:
    process = started()
    url = first_line(process)

    assert courser.get(url + "json").json()["message"] == "hello"

    assert process.stdin is not None
    process.stdin.write("not the end\n")
    process.stdin.close()
    assert process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_a_signal(started: Callable[..., subprocess.Popen[str]], number: int) -> None:
    process = started(stdin=subprocess.DEVNULL)
    first_line(process)

    process.send_signal(number)

    assert process.wait(10) == 0


def test_it_encrypts(started: Callable[..., subprocess.Popen[str]], authority: Authority) -> None:
    certificate, key = authority.files("127.0.0.1")
    url = first_line(started("--tls-cert", certificate, "--tls-key", key))

    assert url.startswith("https://127.0.0.1:")
    assert courser.get(url, verify=authority.roots).status_code == 200


def stopped_by(number: int) -> Callable[[Server], None]:
    """What `Server.run` is replaced by: a signal comes at once."""

    def run(server: Server) -> None:
        os.kill(os.getpid(), number)
        assert server._stopping
        server.close()

    return run


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The handlers of signals are as before, afterwards."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield monkeypatch
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server(quiet: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int) -> None:
    quiet.setattr(Server, "run", stopped_by(number))

    assert main(["--host", "127.0.0.1", "--port", "0"]) == 0

    assert capsys.readouterr().out.startswith("http://127.0.0.1:")


def test_certificates_are_read_from_files(
    quiet: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], authority: Authority
) -> None:
    certificate, key = authority.files("127.0.0.1")
    quiet.setattr(Server, "run", stopped_by(signal.SIGTERM))

    assert main(["--tls-cert", certificate, "--tls-key", key]) == 0

    assert capsys.readouterr().out.startswith("https://")


def test_the_module_is_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "courser.server.__main__")
    monkeypatch.setattr(sys, "argv", ["server", "--help"])

    with pytest.raises(SystemExit) as caught:
        runpy.run_module("courser.server", run_name="__main__")

    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert "--tls-cert" in said
    assert "HTTP/1.1 and HTTP/2" in said


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    made = Reactor()
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass  # the test has closed it


def test_the_end_of_a_pipe_is_the_end(reactor: Reactor, pipe: tuple[int, int]) -> None:
    stopped = threading.Event()
    watch = Watch(reactor, stopped.set, pipe[0])

    os.write(pipe[1], b"something")
    reactor.turn(0)
    assert not stopped.is_set()

    os.close(pipe[1])
    reactor.turn(0)
    assert stopped.is_set()
    reactor.unregister(watch)


def test_an_input_that_cannot_be_read_is_the_end(reactor: Reactor, pipe: tuple[int, int]) -> None:
    stopped = threading.Event()
    watch = Watch(reactor, stopped.set, pipe[0])
    reactor.unregister(watch)
    os.close(pipe[0])

    watch.ready(READ, 0.0)

    assert stopped.is_set()


@pytest.mark.parametrize("descriptor", ["file", "none"])
def test_only_a_pipe_is_watched(reactor: Reactor, tmp_path: Path, descriptor: str) -> None:
    with open(tmp_path / "empty", "wb") as file:
        watch = Watch(reactor, lambda: None, file.fileno() if descriptor == "file" else 10**6)

        assert reactor.poller.poll(0) == []
        assert watch.deadline > 0


def test_another_parent_is_the_end(reactor: Reactor, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()
    watch = Watch(reactor, stopped.set, pipe[0])

    watch.expire(100.0)
    assert not stopped.is_set()
    assert watch.deadline == 100.0 + LOOK

    monkeypatch.setattr(os, "getppid", lambda: 1)
    watch.expire(101.0)
    assert stopped.is_set()
    reactor.unregister(watch)


def test_a_watch_that_fails_stops(reactor: Reactor, pipe: tuple[int, int]) -> None:
    stopped = threading.Event()
    watch = Watch(reactor, stopped.set, pipe[0])

    watch.fail(LookupError("x"))

    assert stopped.is_set()
    reactor.unregister(watch)
