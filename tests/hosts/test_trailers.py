"""Trailers of a request arrive behind its body, over both versions of HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from faultserver import FaultServer, Peer, reply
from worlds import World

import courser

Serve = Callable[..., FaultServer]


def telling(peer: Peer) -> None:
    """Answers with the trailers that came."""
    while True:
        request = peer.request()
        peer.send(reply(request.trailers + b"|" + request.body))


@pytest.mark.parametrize("late", [False, True])
async def test_trailers_follow_the_body(world: World, serve: Serve, late: bool) -> None:
    sent: list[bytes] = []

    def pieces() -> Any:
        for piece in (b"one", b"two"):
            sent.append(piece)
            yield piece

    trailers: Any = (lambda: {"x-count": str(len(sent))}) if late else {"x-count": "2"}
    response = await world.client().post(serve(telling).url(), content=pieces(), extensions={"trailers": trailers})

    assert response.content.lower() == b"x-count: 2\r\n|onetwo"


async def test_a_bad_trailer_is_refused_before_anything_is_sent(world: World, serve: Serve) -> None:
    server = serve(telling)
    with pytest.raises(courser.InvalidRequest, match="may not be a trailer"):
        await world.client().post(server.url(), content=iter([b"x"]), extensions={"trailers": {"Host": "a"}})
    with pytest.raises(courser.InvalidRequest, match="length that is known"):
        await world.client().post(server.url(), content=b"x", extensions={"trailers": {"X-A": "a"}})

    assert server.connections == 0


async def test_a_function_that_fails_fails_the_request(world: World, serve: Serve) -> None:
    def trailers() -> Any:
        raise LookupError("no sum")

    with pytest.raises(LookupError, match="no sum"):
        await world.client().post(serve(telling).url(), content=iter([b"x"]), extensions={"trailers": trailers})
