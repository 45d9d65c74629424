"""A message in pieces: put together, bounded, and judged as soon as the bytes have come."""

from __future__ import annotations

import pytest
import wswire as wire

from courser.engines.websocket.compression import Inflater
from courser.engines.websocket.faults import Fault
from courser.engines.websocket.limits import WEBSOCKET_LIMITS, WebSocketLimits
from courser.engines.websocket.message import Message


def message(
    is_text: bool = False, inflater: Inflater | None = None, limits: WebSocketLimits = WEBSOCKET_LIMITS
) -> Message:
    made = Message(is_text, inflater, limits)
    made.start_frame(0)
    return made


def feed(made: Message, pieces: list[bytes]) -> None:
    for piece in pieces:
        made.add(piece)


@pytest.mark.parametrize(("is_text", "expected"), [(False, "h\xe9llo".encode()), (True, "h\xe9llo")])
def test_pieces_become_a_message_of_its_kind(is_text: bool, expected: str | bytes) -> None:
    for pieces in wire.cuts("h\xe9llo".encode()):
        made = message(is_text)
        feed(made, pieces)
        assert made.end(b"") == expected
        made = message(is_text)
        feed(made, pieces[:-1])
        assert made.end(pieces[-1]) == expected


@pytest.mark.parametrize(("is_text", "expected"), [(False, b"hello" * 50), (True, "hello" * 50)])
def test_compressed_pieces_too(is_text: bool, expected: str | bytes) -> None:
    for pieces in wire.cuts(wire.deflated(b"hello" * 50)):
        made = message(is_text, Inflater(15, True))
        feed(made, pieces[:-1])
        assert made.end(pieces[-1]) == expected


def test_text_fails_before_it_has_ended() -> None:
    made = message(True)
    made.add(b"a\xf0\x9f")
    with pytest.raises(Fault, match="not UTF-8") as caught:
        made.add(b"!")
    assert caught.value.code == 1007
    compressed = message(True, Inflater(15, True))
    with pytest.raises(Fault, match="not UTF-8"):
        compressed.add(wire.deflated(b"\xff"))


def test_text_that_is_cut_off_fails_at_its_end() -> None:
    made = message(True)
    made.add(b"a\xf0\x9f")
    with pytest.raises(Fault, match="unexpected end"):
        made.end(b"\x98")


def test_aiohttp_13350_a_header_that_announces_too_much_is_enough() -> None:
    limits = WebSocketLimits(message=100)
    made = Message(False, None, limits)
    made.start_frame(60)
    made.start_frame(40)
    with pytest.raises(Fault, match="more than 100 bytes") as caught:
        made.start_frame(1)
    assert caught.value.code == 1009


def test_what_is_announced_compressed_may_be_a_little_more() -> None:
    limits = WebSocketLimits(message=80)
    made = Message(False, Inflater(15, True), limits)
    made.start_frame(80 + 10 + 64)
    with pytest.raises(Fault, match="more than 80 bytes") as caught:
        made.start_frame(1)
    assert caught.value.code == 1009


@pytest.mark.parametrize("size", [101, 10_000_000])
def test_cve_2026_1526_cve_2018_1000518_a_bomb_is_stopped_at_the_limit(size: int) -> None:
    limits = WebSocketLimits(message=100)
    bomb = wire.deflated(bytes(size))
    with pytest.raises(Fault, match="more than 100 bytes") as caught:
        message(False, Inflater(15, True), limits).end(bomb)
    assert caught.value.code == 1009
    made = message(False, Inflater(15, True), limits)
    with pytest.raises(Fault, match="more than 100 bytes"):
        feed(made, [bomb[at : at + 1] for at in range(len(bomb))])


def test_a_bomb_may_be_spread_over_pieces() -> None:
    limits = WebSocketLimits(message=100)
    made = message(False, Inflater(15, True), limits)
    part = wire.deflated(bytes(60)) + b"\x00\x00\xff\xff"
    made.add(part)
    with pytest.raises(Fault, match="more than 100 bytes"):
        made.add(part)


def test_a_message_of_the_limit_is_fine() -> None:
    limits = WebSocketLimits(message=100)
    assert message(False, Inflater(15, True), limits).end(wire.deflated(bytes(100))) == bytes(100)


def test_frames_are_counted() -> None:
    limits = WebSocketLimits(fragments=3)
    made = Message(True, None, limits)
    for _ in range(3):
        made.start_frame(0)
    with pytest.raises(Fault, match="more than 3 frames") as caught:
        made.start_frame(0)
    assert caught.value.code == 1008
