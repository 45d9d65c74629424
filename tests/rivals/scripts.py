"""What the servers of the cases do."""

from __future__ import annotations

from collections.abc import Callable

from faultserver import Peer, Received, reply
from scene import Scene, Script

DRIP = 40
"""Bytes of a body that takes its time."""


def answering(answer: bytes | Callable[[Received], bytes]) -> Script:
    """Answer every request."""

    def script(peer: Peer, scene: Scene) -> None:
        while True:
            request = peer.request()
            peer.send(answer if isinstance(answer, bytes) else answer(request))

    return script


def once(answer: bytes) -> Script:
    """Answer one request and close."""

    def script(peer: Peer, scene: Scene) -> None:
        peer.request()
        peer.send(answer)
        peer.close()

    return script


def holding(answer: bytes = b"") -> Script:
    """Answer one request, or begin to, and say no more."""

    def script(peer: Peer, scene: Scene) -> None:
        peer.request()
        peer.send(answer)
        peer.wait_for_close()

    return script


def pieces(*parts: bytes) -> Script:
    """Send a response in parts that come one by one."""

    def script(peer: Peer, scene: Scene) -> None:
        while True:
            peer.request()
            for part in parts:
                peer.send(part)
                peer.server.closing.wait(0.05)

    return script


def dripping(peer: Peer, scene: Scene) -> None:
    """Send a body byte by byte, two seconds long."""
    peer.request()
    peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {DRIP}\r\n\r\n".encode())
    peer.dribble(b"x" * DRIP, 2 / DRIP)


def moving(status: str, to: str) -> Script:
    """Send what asks for /start elsewhere, and answer all else."""

    def script(peer: Peer, scene: Scene) -> None:
        while True:
            request = peer.request()
            if request.target == "/start":
                peer.send(reply(b"", status, f"Location: {scene.fill(to)}"))
            else:
                peer.send(reply(b"arrived"))

    return script


def dying(peer: Peer, scene: Scene) -> None:
    """Close the first connection as soon as its second request has come; those after it live."""
    if peer.number == 0:
        peer.request()
        peer.send(reply(b"first"))
        peer.request()
    else:
        answering(reply(b"second"))(peer, scene)


PLAIN = answering(reply(b"origin"))
PROXY = answering(reply(b"proxy"))
