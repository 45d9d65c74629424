"""A server in a process of its own; the first line that it prints is its URL.

    python -m courser.server --port 0 [--tls-cert FILE --tls-key FILE]

It ends with SIGTERM or Ctrl-C, and with the process that started it: a forgotten server would hold its port for ever.
"""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from ..core.reactor import READ, Reactor
from ..core.waiter import FOREVER
from .demo import Demo
from .listen import Server

__all__ = ["Watch", "main"]

ABOUT: Final = """A small server for demonstrations. It speaks HTTP/1.1 and HTTP/2: with TLS as client and server agree
(ALPN), without TLS what the client begins with (prior knowledge)."""

LOOK: Final = 1.0
"""Seconds between two looks at who the parent is."""


class Watch:
    """Notices the end of the parent: a pipe on standard input ends, or the parent is another one.

    Args:
        reactor: turns this.
        stop: called at the end.
        descriptor: standard input.
    """

    __slots__ = ("__weakref__", "_descriptor", "_parent", "_reactor", "_stop", "armed", "deadline")

    def __init__(self, reactor: Reactor, stop: Callable[[], object], descriptor: int = 0) -> None:
        self._reactor = reactor
        self._stop = stop
        self._descriptor = descriptor
        self._parent = os.getppid()
        self.deadline = monotonic() + LOOK
        self.armed = FOREVER
        if _is_pipe(descriptor):
            reactor.register(self, READ)
        reactor.arm(self, self.deadline)

    def fileno(self) -> int:
        return self._descriptor

    def ready(self, mask: int, now: float) -> None:
        try:
            said = os.read(self._descriptor, 4096)
        except OSError:
            said = b""
        if not said:
            self._stop()

    def expire(self, now: float) -> None:
        if os.getppid() != self._parent:
            self._stop()
        self.deadline = now + LOOK
        self._reactor.arm(self, self.deadline)

    def fail(self, error: BaseException) -> None:
        self._stop()


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m courser.server", description=ABOUT)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="the port; 0 takes a free one (%(default)s)")
    parser.add_argument("--tls-cert", metavar="FILE", help="a PEM file: serve HTTPS with this certificate")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, where the certificate's file does not have it")
    given = parser.parse_args(arguments)
    tls = None
    if given.tls_cert is not None:
        import ssl

        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(given.tls_cert, given.tls_key)
    demo = Demo()
    server = Server(demo, host=given.host, port=given.port, tls=tls, sink=demo.sink)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: server.stop())
    watch = Watch(server.reactor, server.stop)
    print(server.url, flush=True)
    server.run()
    del watch  # the reactor knew it weakly
    return 0


if __name__ == "__main__":
    sys.exit(main())
