"""What a peer asks for is checked (RFC 9113 section 6.5.2) and taken over."""

from __future__ import annotations

import pytest
from h2wire import settings

from courser.engines.http2.faults import ConnectionFault, ErrorCode
from courser.engines.http2.settings import PeerSettings, read


def payload(*pairs: tuple[int, int]) -> bytes:
    return settings(*pairs)[9:]


def test_before_a_word_the_defaults_hold() -> None:
    peer = PeerSettings()

    assert (peer.streams, peer.window, peer.frame, peer.head, peer.connects) == (100, 65535, 16384, None, False)


def test_values_are_taken_over_in_their_order() -> None:
    peer = PeerSettings()
    pairs = [(1, 0), (3, 7), (4, 0), (5, 16385), (6, 9), (8, 1), (0xABCD, 5), (3, 8)]

    assert read(payload(*pairs), 32, from_server=True) == pairs
    peer.take(pairs)

    assert (peer.streams, peer.window, peer.frame, peer.head, peer.connects) == (8, 0, 16385, 9, True)


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        ((4, 2**31), ErrorCode.FLOW_CONTROL_ERROR),
        ((5, 16383), ErrorCode.PROTOCOL_ERROR),
        ((5, 2**24), ErrorCode.PROTOCOL_ERROR),
        ((2, 2), ErrorCode.PROTOCOL_ERROR),
        ((8, 2), ErrorCode.PROTOCOL_ERROR),
    ],
)
@pytest.mark.parametrize("from_server", [False, True])
def test_values_out_of_range_break_the_connection(pair: tuple[int, int], code: ErrorCode, from_server: bool) -> None:
    with pytest.raises(ConnectionFault) as caught:
        read(payload((1, 1), pair), 32, from_server=from_server)
    assert caught.value.code is code


@pytest.mark.parametrize("pair", [(4, 2**31 - 1), (5, 16384), (5, 2**24 - 1), (2, 0), (8, 0), (8, 1), (6, 2**32 - 1)])
def test_values_at_the_edge_are_good(pair: tuple[int, int]) -> None:
    assert read(payload(pair), 32, from_server=True) == [pair]


def test_h2_4_4_0_a_server_may_not_ask_for_pushes() -> None:
    """RFC 9113 section 6.5.2: a client would have to allow them."""
    assert read(payload((2, 1)), 32, from_server=False) == [(2, 1)]
    with pytest.raises(ConnectionFault, match="ENABLE_PUSH is 1"):
        read(payload((2, 1)), 32, from_server=True)


def test_extended_connect_is_not_taken_back() -> None:
    """RFC 8441 section 3."""
    peer = PeerSettings()
    peer.take([(8, 0)])
    peer.take([(8, 1)])
    peer.take([(8, 1)])

    with pytest.raises(ConnectionFault, match="taken back"):
        peer.take([(8, 0)])


def test_a_payload_that_is_not_made_of_settings() -> None:
    with pytest.raises(ConnectionFault) as caught:
        read(b"12345", 32, from_server=True)
    assert caught.value.code is ErrorCode.FRAME_SIZE_ERROR


def test_one_frame_holds_a_bounded_number() -> None:
    assert len(read(payload(*[(3, 1)] * 32), 32, from_server=True)) == 32
    with pytest.raises(ConnectionFault) as caught:
        read(payload(*[(3, 1)] * 33), 32, from_server=True)
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM
