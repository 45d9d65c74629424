"""What one exchange must not do to the next, nor one way of connecting to another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faultserver import FaultServer, answering, reply
from worlds import World

import courser
from courser.core.route import Routes, TLSPolicy

Serve = Callable[..., FaultServer]


async def test_aiohttp_12953_no_timer_of_an_idle_connection_strikes_the_next_request(
    world: World, serve: Serve
) -> None:
    server = serve(answering(reply(b"fine")))
    client = world.client(timeout=courser.Timeout(total=1.0, connect=1.0, read=1.0, write=1.0, pool=1.0))

    await client.get(server.url())
    await world.sleep(1.1)
    response = await client.get(server.url())

    assert response.content == b"fine"
    assert server.connections == 1


WAYS: dict[str, dict[str, object]] = {
    "nothing said": {},
    "CVE-2014-0138 a Unix socket": {"uds": "/run/a"},
    "CVE-2014-0138 another Unix socket": {"uds": "/run/b"},
    "CVE-2022-27775 a local address": {"local_address": ("127.0.0.1", 0)},
    "CVE-2022-27775 another local address": {"local_address": ("127.0.0.2", 0)},
    "an option of sockets": {"socket_options": ((6, 1, 1),)},
    "another network": {"network": object()},
}
HOSTS = ("[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%25eth1]", "[fe80::2]")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", HOSTS)
def test_cve_2022_27775_cve_2014_0138_zone_address_and_path_tell_connections_apart(way: str, host: str) -> None:
    def route(way: str, host: str) -> object:
        given = {"uds": None, "local_address": None, "socket_options": (), "network": None, **WAYS[way]}
        return Routes(TLSPolicy(), **given).get(courser.URL(f"http://{host}/"))  # type: ignore[arg-type]

    same = [(name, each) for name in WAYS for each in HOSTS if route(name, each) == route(way, host)]

    assert same == [(way, host)]
