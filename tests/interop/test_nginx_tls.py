"""TLS as nginx and its OpenSSL speak it."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from nginx import Nginx
from worlds import World

import courser

versions = pytest.mark.parametrize(("listener", "version"), [("tls12", "TLSv1.2"), ("tls13", "TLSv1.3")])


def facts(response: courser.Response) -> dict[str, str]:
    """What nginx says of the connection."""
    names = ("protocol", "reused", "name", "verified", "subject")
    return dict(zip(names, response.text.split(",", len(names) - 1), strict=True))


@pytest.mark.parametrize(
    "world", ["inline", "group", "asyncio", "asyncio-direct", "asyncio-transports", "uvloop", "trio"], indirect=True
)
@versions
async def test_one_version_only(world: World, nginx: Nginx, authority: Any, listener: str, version: str) -> None:
    client = world.client(verify=authority.roots)

    for _ in range(2):
        told = facts(await client.get(nginx.url("/tls", listener, host="localhost")))

        assert (told["protocol"], told["name"], told["reused"]) == (version, "localhost", ".")
    assert client.stats()["connections"] == 1


async def test_no_version_in_common(world: World, nginx: Nginx, authority: Any) -> None:
    context = ssl.create_default_context(cafile=authority.roots)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    client = world.client(verify=context)

    with pytest.raises(courser.TLSError):
        await client.get(nginx.url("/tls", "tls12"))
    assert facts(await client.get(nginx.url("/tls", "tls13")))["protocol"] == "TLSv1.3"


async def test_a_certificate_of_nobody_we_know(world: World, nginx: Nginx) -> None:
    with pytest.raises(courser.CertificateError):
        await world.client().get(nginx.url("/hello", "tls"))


async def test_a_certificate_for_another_name(world: World, nginx: Nginx, authority: Any) -> None:
    client = world.client(verify=authority.roots)

    with pytest.raises(courser.CertificateError):
        await client.get(nginx.url("/hello", "tls"), server_hostname="elsewhere.example")
    assert (await client.get(nginx.url("/hello", "tls"))).text == "hello\n"


async def test_unverified(world: World, nginx: Nginx) -> None:
    assert (await world.client(verify=False).get(nginx.url("/hello", "tls"))).text == "hello\n"


@versions
async def test_a_session_is_resumed(world: World, nginx: Nginx, authority: Any, listener: str, version: str) -> None:
    """The second connection to the same place takes up the session of the first."""
    client = world.client(verify=authority.roots)
    url = nginx.url("/tls", listener, host="localhost")
    assert facts(await client.get(url))["reused"] == "."

    async with client.stream("GET", nginx.url("/big.bin", listener, host="localhost")):
        told = facts(await client.get(url))

    assert (told["protocol"], told["reused"]) == (version, "r")


async def test_a_session_outlives_its_connection(world: World, nginx: Nginx, authority: Any) -> None:
    client = world.client(verify=authority.roots)
    url = nginx.url("/tls", "ten_tls", host="localhost")

    for _ in range(10):
        assert facts(await client.get(url))["reused"] == "."
    assert client.stats()["connections"] == 0

    assert facts(await client.get(url))["reused"] == "r"


async def test_a_session_is_not_resumed_for_another_client(world: World, nginx: Nginx, authority: Any) -> None:
    for _ in range(2):
        told = facts(await world.client(verify=authority.roots).get(nginx.url("/tls", "tls", host="localhost")))

        assert told["reused"] == "."


@pytest.mark.parametrize(
    "world", ["inline", "group", "asyncio", "asyncio-direct", "asyncio-transports", "uvloop", "trio"], indirect=True
)
async def test_a_client_certificate(world: World, nginx: Nginx, authority: Any) -> None:
    client = world.client(verify=authority.roots, cert=authority.client)

    told = facts(await client.get(nginx.url("/tls", "certified")))

    assert told["verified"] == "SUCCESS"
    assert "CN=the client" in told["subject"]


async def test_no_client_certificate(world: World, nginx: Nginx, authority: Any) -> None:
    """nginx lets the handshake pass, and refuses the request."""
    response = await world.client(verify=authority.roots).get(nginx.url("/tls", "certified"))

    assert response.status_code == 400
    assert "No required SSL certificate was sent" in response.text


async def test_plain_text_to_a_port_of_tls(world: World, nginx: Nginx) -> None:
    response = await world.client().get(nginx.url("/hello", "tls").replace("https:", "http:"))

    assert response.status_code == 400
    assert "plain HTTP request was sent to HTTPS port" in response.text


async def test_tls_to_a_port_of_plain_text(world: World, nginx: Nginx, authority: Any) -> None:
    with pytest.raises(courser.TLSError):
        await world.client(verify=authority.roots).get(nginx.url("/hello").replace("http:", "https:"))
