"""Scripts: what fits is played, what does not is an AssertionError that says what came."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import courser
from courser.testing import CLOSE, RESET, Conditions, Expect, Say, ScriptedNetwork

URL = "http://x.test/"
HEAD = Expect(b"GET / HTTP/1.1\r\n", until=b"\r\n\r\n")
OK = Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")


@pytest.mark.parametrize(
    ("expected", "data", "end"),
    [
        (Expect(), b"", 0),
        (Expect(b"ab"), b"", -1),
        (Expect(b"ab"), b"a", -1),
        (Expect(b"ab"), b"abc", 2),
        (Expect(b"ab", until=b"\r\n"), b"a", -1),
        (Expect(b"ab", until=b"\r\n"), b"ab\r", -1),
        (Expect(b"ab", until=b"\r\n"), b"ab\r\nx", 4),
        (Expect(b"ab\r\n", until=b"\r\n\r\n"), b"ab\r\n\r\nx", 6),
        (Expect(until=b"\r\n"), b"\r\n\r\n", 2),
    ],
)
def test_an_expectation_ends_where_it_is_met(expected: Expect, data: bytes, end: int) -> None:
    assert expected.match(data) == end


@pytest.mark.parametrize("data", [b"x", b"ax", b"axb"])
def test_an_expectation_sees_the_first_wrong_byte(data: bytes) -> None:
    with pytest.raises(AssertionError, match=r"expected b'ab', and b'"):
        Expect(b"ab").match(data)


@pytest.mark.parametrize("conditions", [Conditions(), Conditions(piece=1), Conditions(take=1)])
def test_a_script_is_played(conditions: Conditions) -> None:
    network = ScriptedNetwork([[HEAD, OK, HEAD, OK, CLOSE]], conditions=conditions)

    with courser.Client(network=network) as client:
        assert [client.get(URL).text, client.get(URL).text] == ["hi", "hi"]

    network.check()
    assert network.heard[0].count(b"GET / HTTP/1.1\r\nHost: x.test\r\n") == 2


def test_a_script_is_played_to_an_async_client() -> None:
    network = ScriptedNetwork([[HEAD, OK]])

    async def main() -> str:
        async with courser.AsyncClient(network=network) as client:
            return (await client.get(URL)).text

    assert asyncio.run(main()) == "hi"
    network.check()


@pytest.mark.parametrize(("ending", "error"), [(CLOSE, courser.RemoteProtocolError), (RESET, courser.ReadError)])
def test_a_connection_ends_as_the_script_has_it(ending: Any, error: type[courser.HTTPError]) -> None:
    network = ScriptedNetwork([[HEAD, Say(b"HTTP/1.1 200"), ending]])

    with courser.Client(network=network) as client, pytest.raises(error):
        client.get(URL)
    network.check()


def test_a_server_may_speak_first() -> None:
    network = ScriptedNetwork([[CLOSE], [HEAD, OK]])

    with courser.Client(network=network) as client:
        with pytest.raises(courser.TransportError):
            client.post(URL)
        assert client.get(URL).text == "hi"


def test_a_connection_may_be_refused() -> None:
    network = ScriptedNetwork([ConnectionRefusedError(111, "refused"), [HEAD, OK]])

    with courser.Client(network=network) as client:
        with pytest.raises(courser.ConnectError, match="refused"):
            client.get(URL)
        assert client.get(URL).text == "hi"
    network.check()


def test_what_was_not_expected_reaches_the_caller() -> None:
    network = ScriptedNetwork([[Expect(b"PUT "), OK]])

    with (
        courser.Client(network=network) as client,
        pytest.raises(AssertionError, match=r"expected b'PUT ', and b'GET "),
    ):
        client.get(URL)


def test_what_comes_after_the_script_reaches_the_caller() -> None:
    network = ScriptedNetwork([[HEAD, OK]])

    with courser.Client(network=network) as client:
        client.get(URL)
        with pytest.raises(AssertionError, match="the script of connection 1 is over, and b'GET "):
            client.get(URL)


def test_a_connection_without_a_script_reaches_the_caller() -> None:
    with (
        courser.Client(network=ScriptedNetwork([])) as client,
        pytest.raises(AssertionError, match="there is no script for connection 1"),
    ):
        client.get(URL)


def test_a_script_that_was_not_played_to_its_end_is_noticed() -> None:
    network = ScriptedNetwork([[HEAD, OK, HEAD]])
    with courser.Client(network=network) as client:
        client.get(URL)

    with pytest.raises(AssertionError, match="connection 1 has not come further than Expect"):
        network.check()


def test_a_connection_that_was_not_made_is_noticed() -> None:
    network = ScriptedNetwork([[HEAD, OK], [OK]])
    with courser.Client(network=network) as client:
        client.get(URL)

    with pytest.raises(AssertionError, match="connection 2 was not made"):
        network.check()
