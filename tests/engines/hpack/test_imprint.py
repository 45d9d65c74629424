"""Imprints: what a block adds to the table, and that to replay it is as good as to decode it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.hpack import Decoder, Encoder
from courser.engines.hpack.imprint import imprint

ADDS = bytes.fromhex("400a637573746f6d2d6b65790d637573746f6d2d686561646572")
"""RFC 7541 appendix C.2.1: a literal with incremental indexing, its name new."""


@pytest.mark.parametrize(
    ("block", "added"),
    [
        (b"", ()),
        (b"\x88\x86", ()),
        (ADDS, ((b"custom-key", b"custom-header"),)),
        (b"\x58\x01a" + ADDS + b"\x88", ((b"cache-control", b"a"), (b"custom-key", b"custom-header"))),
        (b"\x04\x02/x\x10\x01k\x01v\x00\x01k\x01v\x0f\x0d\x011", ()),
        (b"\x7f\x00\x01v", None),
        (ADDS + b"\xbe", None),
        (ADDS + b"\x7e\x01v", None),
        (ADDS + b"\x0f\x2f\x01v", None),
        (b"\x20" + ADDS, None),
    ],
    ids=[
        "nothing",
        "indexed",
        "new name",
        "known name",
        "not entered",
        "far name",
        "refers",
        "name",
        "other",
        "resizes",
    ],
)
def test_a_block_has_an_imprint_unless_it_refers_to_what_others_added(block: bytes, added: object) -> None:
    decoder = Decoder()
    decoder.decode(ADDS)
    decoder.decode(ADDS)

    assert imprint(block, decoder.decode(block)) == added


def test_long_strings_and_numbers_are_stepped_over() -> None:
    value = b"v" * 300
    block = b"\x40\x01k\x7f\xad\x01" + value + b"\x40\x01l\x01m"
    fields = Decoder().decode(block)

    assert imprint(block, fields) == ((b"k", value), (b"l", b"m"))


names = st.sampled_from([b"server", b"date", b"x-a", b"x-b", b"content-type"])
values = st.binary(max_size=60)
lists = st.lists(st.tuples(names, values), max_size=6)


def adding(fields: list[tuple[bytes, bytes]]) -> bytes:
    """A block that enters every field and refers to none, as nginx sends it."""
    return b"".join(b"\x40%c%b%c%b" % (len(name), name, len(value), value) for name, value in fields)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40), st.lists(lists, min_size=4, max_size=4))
def test_to_replay_is_as_good_as_to_decode(
    course: list[tuple[int, bool]], fields: list[list[tuple[bytes, bytes]]]
) -> None:
    blocks = [adding(each) for each in fields]
    plain, quick = Decoder(300), Decoder(300)
    for number, replays in course:
        block = blocks[number]
        decoded = plain.decode(block)
        added = plain.imprint(block, decoded)
        before = quick.generation
        if replays and added is not None:
            quick.replay(added)
            assert quick.generation != before
        else:
            assert quick.decode(block) == decoded
    for index in range(62, 72):
        block = bytes([0x80 | index])
        outcomes = []
        for decoder in (plain, quick):
            try:
                outcomes.append(decoder.decode(block))
            except Exception as error:
                outcomes.append([(type(error).__name__.encode(), b"")])
        assert outcomes[0] == outcomes[1]


def test_many_replays_are_entered_before_long() -> None:
    decoder = Decoder()
    fields = decoder.decode(ADDS)
    added = decoder.imprint(ADDS, fields)
    assert added is not None
    for _ in range(1000):
        decoder.replay(added)

    assert len(decoder._pending) < 256
    assert decoder.decode(b"\xbe") == fields


def test_what_is_too_large_for_the_table_has_no_imprint_to_replay() -> None:
    decoder = Decoder(64)
    block = adding([(b"k", b"v" * 60)])

    assert decoder.imprint(block, decoder.decode(block)) is None


def test_an_encoder_that_refers_is_understood_after_a_replay() -> None:
    encoder, decoder = Encoder(), Decoder()
    first = encoder.encode([(b"x-a", b"1")])
    decoder.decode(first)
    again = encoder.encode([(b"x-a", b"1")])
    fields = decoder.decode(again)
    added = decoder.imprint(again, fields)
    assert added == ((b"x-a", b"1"),)
    decoder.replay(added)

    assert decoder.decode(encoder.encode([(b"x-a", b"1")])) == [(b"x-a", b"1")]
