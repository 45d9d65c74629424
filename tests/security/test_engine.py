"""What a peer may make the engine of HTTP/1.1 hold, and that it never stands still."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.http1 import WIRE_LIMITS, ClientEngine
from courser.errors import RemoteProtocolError

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "name of a field": (OK, b"A"),
    "value of a field": (OK + b"A: ", b"b"),
    "fields": (OK, b"A: b\r\n"),
    "size of a chunk": (CHUNKED, b"0"),
    "chunk extension": (CHUNKED + b"1;", b"a"),
    "trailer": (CHUNKED + b"0\r\nA: ", b"b"),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n"),
    "interim responses": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


def asked() -> ClientEngine:
    engine = ClientEngine()
    engine.start(b"GET", b"/", b"example.org", b"", -1)
    return engine


@pytest.mark.parametrize("piece", [1, 100, 4096])
@pytest.mark.parametrize("name", ENDLESS)
def test_cve_2013_1752_nothing_is_without_end(name: str, piece: int) -> None:
    """Whatever goes on for ever is refused before it is more than a head may be, however it is cut."""
    engine = asked()
    start, again = ENDLESS[name]
    wire = start + again * ((WIRE_LIMITS.head + WIRE_LIMITS.line) // len(again))

    def feed() -> None:
        for at in range(0, len(wire), piece):
            engine.receive(wire[at : at + piece])

    with pytest.raises(RemoteProtocolError):
        feed()


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=20), st.sampled_from([b"", OK, CHUNKED]))
def test_cve_2022_27781_every_byte_gets_it_further_or_ends_it(pieces: list[bytes], start: bytes) -> None:
    engine = asked()
    try:
        for piece in [start, *pieces] if start else pieces:
            assert all(event is not None for event in engine.receive(piece))
    except RemoteProtocolError:
        assert not engine.is_idle or not engine.reusable
