"""What has to be said while an upload is more than the link can take: nothing is lost of either."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import h2wire
import pytest
from authority import Authority
from h2server import FramePeer, FrameServer
from h2wire import ACK, PING, SETTINGS
from worlds import World

pytestmark = pytest.mark.only_http2("HTTP/1.1 has no control frames")

Frames = Callable[..., FrameServer]

PIECE = bytes(range(256)) * 4096
COUNT = 12
PINGS = 150
HUGE = 2**31 - 1


def demanding(peer: FramePeer) -> None:
    """Asks and asks while a body is on its way that it reads in small parts, and answers with what it got."""
    peer.greet((4, HUGE))
    peer.send(h2wire.update(0, HUGE - 65535))
    request = peer.head()
    digest = hashlib.sha256()
    taken = asked = 0
    while not request.ended:
        if asked < PINGS and taken >= asked * len(PIECE) * COUNT // (2 * PINGS):
            asked += 1
            peer.send(h2wire.frame(PING, 0, 0, b"%08d" % asked))
            if asked % 10 == 0:
                peer.send(h2wire.settings((5, 16384 + asked)))
        peer.frame()
        digest.update(request.body)
        taken += len(request.body)
        request.body = b""
    peer.answer(request, digest.hexdigest().encode())
    peer.sync()
    peer.wait_for_close()


async def test_an_upload_and_what_is_said_meanwhile_both_arrive(
    world: World, frames: Frames, authority: Authority
) -> None:
    seen: list[FramePeer] = []

    def script(peer: FramePeer) -> None:
        seen.append(peer)
        demanding(peer)

    server = frames(script, tls=authority.fresh("127.0.0.1", protocols=("h2",)))
    client = world.client(verify=authority.roots, http2=True)
    response = await client.post(server.url(), content=(PIECE for _ in range(COUNT)), timeout=60)

    assert response.text == hashlib.sha256(PIECE * COUNT).hexdigest()
    answered = [frame.payload for frame in seen[0].seen if frame.kind == PING and frame.flags & ACK]
    assert [payload for payload in answered if payload.isdigit()] == [
        b"%08d" % number for number in range(1, PINGS + 1)
    ]
    assert sum(frame.kind == SETTINGS and bool(frame.flags & ACK) for frame in seen[0].seen) == 1 + PINGS // 10
