"""How long a message is, and whether the connection outlives it."""

from __future__ import annotations

import pytest

from courser.engines.http1.faults import Fault
from courser.engines.http1.framing import Framing, keeps_alive, read_framing, values_of


def test_values_of_a_field_are_found_in_any_case_and_stripped() -> None:
    fields = b"A: 1\r\na:\t2 \r\nAB: 3\r\nA:\r\n"

    assert values_of(fields, b"a") == [b"1", b"2", b""]
    assert values_of(fields, b"b") == []
    assert values_of(b"", b"a") == []


@pytest.mark.parametrize(
    ("minor", "fields", "alive"),
    [
        (b"1", b"", True),
        (b"0", b"", False),
        (b"1", b"Connection: close\r\n", False),
        (b"1", b"connection: CLOSE\r\n", False),
        (b"1", b"Connection: x ,\tclose\r\n", False),
        (b"1", b"Connection: x\r\nConnection: close\r\n", False),
        (b"1", b"Connection: xclose, close-x\r\n", True),
        (b"1", b"Proxy-Connection: close\r\n", True),
        (b"0", b"Connection: Keep-Alive\r\n", True),
        (b"0", b"Connection: x, keep-alive\r\n", True),
        (b"0", b"Connection: keep-alive, close\r\n", False),
        (b"1", b"Connection: ,\r\n", True),
    ],
)
def test_persistence_follows_rfc_9112_section_9_3(minor: bytes, fields: bytes, alive: bool) -> None:
    assert keeps_alive(minor, fields) is alive


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        (b"", Framing(None, False, None)),
        (b"Content-Length: 5\r\n", Framing(5, False, None)),
        (b"Content-Length: 05, 05\r\nCONTENT-LENGTH: 05\r\n", Framing(5, False, None)),
        (b"Content-Length: 9999999999999999999\r\n", Framing(9999999999999999999, False, None)),
        (b"transfer-encoding: CHUNKED \r\n", Framing(None, True, None)),
        (b"Content-Encoding: gzip\r\n", Framing(None, False, b"gzip")),
        (b"Content-Encoding: gzip\r\ncontent-encoding: br, x\r\n", Framing(None, False, b"gzip, br, x")),
    ],
)
def test_framing_is_read(fields: bytes, framing: Framing) -> None:
    assert read_framing(b"1", fields) == framing


def test_h11_0_15_a_huge_length_is_not_turned_into_a_number() -> None:
    with pytest.raises(Fault, match="not a number of at most 19 digits"):
        read_framing(b"1", b"Content-Length: " + b"9" * 100_000 + b"\r\n")


@pytest.mark.parametrize(
    ("minor", "fields", "why", "status"),
    [
        (b"1", b"Content-Length: 1\r\nContent-Length: 01\r\n", "differ", 400),
        (b"1", b"Content-Length: 1,\r\n", "not a number", 400),
        (b"1", b"Content-Length: \xb2\r\n", "not a number", 400),
        (b"1", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "one of them lies", 400),
        (b"0", b"Transfer-Encoding: chunked\r\n", r"in HTTP/1\.0", 400),
        (b"1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "understood", 501),
        (b"1", b"Transfer-Encoding: gzip, chunked\r\n", "understood", 501),
        (b"1", b"Transfer-Encoding: chunked;q=1\r\n", "understood", 501),
    ],
)
def test_cve_2023_47641_framing_that_could_be_read_differently_is_refused(
    minor: bytes, fields: bytes, why: str, status: int
) -> None:
    with pytest.raises(Fault, match=why) as caught:
        read_framing(minor, fields)
    assert caught.value.status == status
