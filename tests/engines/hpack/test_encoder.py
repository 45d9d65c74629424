"""Fields are sent in few bytes, none of which gives a secret away, and come out as they went in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.hpack import Decoder, Encoder, HPACKFault
from courser.engines.hpack.names import SENSITIVE, UNINDEXED
from courser.engines.hpack.strings import STRINGS
from courser.engines.hpack.tables import STATIC

Field = tuple[bytes, bytes]


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    STRINGS.clear()
    yield
    STRINGS.clear()


def in_table(decoder: Decoder) -> list[Field]:
    found: list[Field] = []
    try:
        while True:
            found += decoder.decode(bytes((0x80 | 62 + len(found),)))
    except HPACKFault:
        return found


def test_fields_of_the_static_table_are_one_octet() -> None:
    fields = [field for field in STATIC if field[0] not in SENSITIVE and field[0] not in UNINDEXED]
    paths = [(b":path", b"/"), (b":path", b"/index.html")]

    for _ in range(3):
        assert len(Encoder().encode(fields)) == len(fields)
    assert Encoder().encode(paths) == b"\x84\x85"
    assert Encoder().encode([]) == b""


def test_a_field_enters_the_table_when_it_is_seen_again() -> None:
    encoder, decoder = Encoder(), Decoder()
    fields = [(b"user-agent", b"x"), (b"x-own", b"y")]
    blocks = [encoder.encode(fields) for _ in range(4)]

    assert [decoder.decode(block) for block in blocks] == [fields] * 4
    assert blocks[0].startswith(b"\x0f\x2b\x01x\x00")
    assert blocks[1].startswith(b"\x7a\x01x\x40")
    assert blocks[2] == blocks[3] == b"\xbf\xbe"
    assert in_table(decoder) == [*reversed(fields)]


def test_within_one_block_too() -> None:
    encoder, decoder = Encoder(), Decoder()
    fields = [(b"a", b"1"), (b"b", b"2"), (b"a", b"1"), (b"a", b"1"), (b"b", b"2"), (b"a", b"1"), (b"b", b"2")]

    assert decoder.decode(encoder.encode(fields)) == fields
    assert in_table(decoder) == [(b"b", b"2"), (b"a", b"1")]
    assert encoder.encode(fields[:2]) == b"\xbf\xbe"


def test_what_is_seen_once_drives_nothing_out() -> None:
    encoder, decoder = Encoder(), Decoder()
    for _ in range(2):
        decoder.decode(encoder.encode([(b"constant", b"value")]))
    for number in range(3000):
        decoder.decode(encoder.encode([(b"traceparent", b"%d" % number)]))

    assert in_table(decoder) == [(b"constant", b"value")]
    assert encoder.encode([(b"constant", b"value")]) == b"\xbe"


def test_the_memory_of_what_was_seen_is_bounded() -> None:
    encoder = Encoder()
    encoder.encode([(b"a", b"b")])
    for number in range(256):
        encoder.encode([(b"n", b"%d" % number)])
        assert len(encoder._seen) <= 256

    before = encoder.generation
    encoder.encode([(b"a", b"b")])
    assert encoder.generation == before
    encoder.encode([(b"a", b"b")])
    assert encoder.generation != before


def test_names_of_the_dynamic_table_are_used() -> None:
    encoder, decoder = Encoder(), Decoder()
    for _ in range(2):
        decoder.decode(encoder.encode([(b"x-name", b"1")]))
    block = encoder.encode([(b"x-name", b"2")])

    assert block == b"\x0f\x2f\x012"
    assert decoder.decode(block) == [(b"x-name", b"2")]
    assert encoder.encode([(b"x-name", b"2")]) == b"\x7e\x012"


@pytest.mark.parametrize("name", sorted(UNINDEXED))
def test_what_differs_from_message_to_message_is_not_indexed(name: bytes) -> None:
    encoder, decoder = Encoder(), Decoder()
    blocks = {encoder.encode([(name, b"/some")]) for _ in range(3)}

    (block,) = blocks
    assert decoder.decode(block) == [(name, b"/some")]
    assert block[0] & 0xF0 == 0
    assert in_table(decoder) == []
    assert block == encoder.literal(name, b"/some")


# Secrets


@pytest.mark.parametrize("name", [*sorted(SENSITIVE), b"x-api-key", b"accept"])
@pytest.mark.parametrize("value", [b"", b"a secret", b"a long secret" * 50])
def test_secrets_are_never_indexed(name: bytes, value: bytes) -> None:
    """RFC 7541 section 6.2.3: not even where the static table has the field."""
    encoder, decoder = Encoder([b"x-api-key", b"accept"]), Decoder()
    blocks = {encoder.encode([(name, value)]) for _ in range(4)} | {encoder.literal(name, value)}

    (block,) = blocks
    assert block[0] & 0xF0 == 0x10
    assert decoder.decode(block) == [(name, value)]
    assert in_table(decoder) == []


@pytest.mark.parametrize("name", [*sorted(SENSITIVE), b"x-api-key"])
def test_secrets_leave_no_trace(name: bytes) -> None:
    encoder = Encoder({b"x-api-key"})
    for _ in range(3):
        encoder.encode([(name, b"a secret")])
    encoder.literal(name, b"a secret")

    assert b"a secret" not in STRINGS
    assert not encoder._seen
    assert not encoder._indexed


def test_other_names_are_not_sensitive() -> None:
    encoder = Encoder()
    blocks = [encoder.encode([(b"x-api-key", b"1")]) for _ in range(3)]

    assert [block[0] for block in blocks] == [0x00, 0x40, 0xBE]


# Literals


@pytest.mark.parametrize(
    ("name", "value", "start"),
    [
        (b":path", b"/a?b=c", b"\x04"),
        (b":path", b"/", b"\x04\x01/"),
        (b"content-length", b"12", b"\x0f\x0d"),
        (b"x-own", b"value", b"\x00\x84"),
        (b"a", b"b", b"\x00\x01a\x01b"),
    ],
)
def test_a_literal_stands_in_any_block(name: bytes, value: bytes, start: bytes) -> None:
    encoder = Encoder()
    before = encoder.generation
    literals = {encoder.literal(name, value) for _ in range(3)}
    encoder.encode([(b"x-own", b"value")] * 3)
    literals.add(encoder.literal(name, value))

    (literal,) = literals
    assert literal.startswith(start)
    assert Decoder().decode(literal) == [(name, value)]
    assert encoder.generation == before + 1


# Generations


def test_the_generation_tells_of_changes() -> None:
    encoder = Encoder()
    fields = [(b":method", b"GET"), (b":path", b"/a"), (b"x", b"y"), (b"cookie", b"a=b")]
    generations: list[int] = []
    blocks: list[bytes] = []
    for _ in range(4):
        blocks.append(encoder.encode(fields))
        generations.append(encoder.generation)

    assert generations[0] != generations[1] == generations[2] == generations[3]
    assert blocks[2] == blocks[3]


def test_fields_that_are_driven_out_change_it() -> None:
    encoder, decoder = Encoder(), Decoder()
    encoder.resize(100)
    for number in range(20):
        fields = [(b"name", b"%d" % (number % 4))] * 3
        before = encoder.generation
        assert decoder.decode(encoder.encode(fields)) == fields
        assert encoder.generation != before


def test_a_field_that_cannot_fit_is_a_literal_each_time() -> None:
    encoder, decoder = Encoder(), Decoder()
    before = encoder.generation
    blocks = {encoder.encode([(b"x", b"y" * 4064)]) for _ in range(4)}

    (block,) = blocks
    assert decoder.decode(block) == [(b"x", b"y" * 4064)]
    assert block[0] == 0
    assert encoder.generation == before


# Updates of the size


@pytest.mark.parametrize(
    ("sizes", "updates"),
    [
        ((), b""),
        ((4096,), b""),
        ((65536,), b""),
        ((1 << 32,), b""),
        ((100,), b"\x3f\x45"),
        ((0,), b"\x20"),
        ((0, 4096), b"\x20\x3f\xe1\x1f"),
        ((0, 65536), b"\x20\x3f\xe1\x1f"),
        ((100, 200), b"\x3f\x45\x3f\xa9\x01"),
        ((200, 100), b"\x3f\x45"),
        ((200, 100, 300, 200), b"\x3f\x45\x3f\xa9\x01"),
        ((100, 100), b"\x3f\x45"),
    ],
)
def test_updates_come_first(sizes: tuple[int, ...], updates: bytes) -> None:
    """RFC 7541 section 4.2: the smallest and then the last; we use 4096 octets at most."""
    encoder = Encoder()
    before = encoder.generation
    for size in sizes:
        encoder.resize(size)
    assert encoder.pending_update == (updates != b"")
    assert (encoder.generation != before) == encoder.pending_update

    assert encoder.encode([(b":method", b"GET")]) == updates + b"\x82"
    assert not encoder.pending_update
    assert encoder.encode([(b":method", b"GET")]) == b"\x82"


def test_an_update_empties_what_it_has_no_room_for() -> None:
    encoder, decoder = Encoder(), Decoder()
    fields = [(b"a", b"b"), (b"c", b"d")]
    for _ in range(3):
        decoder.decode(encoder.encode(fields))
    encoder.resize(40)
    decoder.max_table_size = 40
    before = encoder.generation

    assert decoder.decode(encoder.encode(fields)) == fields
    assert encoder.generation != before
    assert in_table(decoder) == [(b"c", b"d")]
    for _ in range(4):
        assert decoder.decode(encoder.encode(fields)) == fields


def test_what_was_driven_out_has_to_be_seen_twice_again() -> None:
    encoder = Encoder()
    encoder.encode([(b"a", b"b")] * 2)
    encoder.resize(0)
    encoder.encode([])
    encoder.resize(4096)
    encoder.encode([])

    assert [encoder.encode([(b"a", b"b")])[0] for _ in range(3)] == [0x00, 0x40, 0xBE]


def test_a_table_that_grows_again_holds_more() -> None:
    encoder, decoder = Encoder(), Decoder()
    encoder.resize(0)
    decoder.decode(encoder.encode([(b"a", b"b")] * 3))
    assert in_table(decoder) == []
    encoder.resize(4096)
    assert encoder.encode([(b"a", b"b")]) == b"\x3f\xe1\x1f\x00\x01a\x01b"


# All of it

NAMES = st.sampled_from([b":path", b"cookie", b"accept", b"x-a", b"x-b", b"date"])
VALUES = st.one_of(st.sampled_from([b"", b"1", b"some value", b"x" * 150]), st.binary(max_size=300))


@given(
    st.lists(
        st.one_of(
            st.lists(st.tuples(NAMES, VALUES), max_size=8),
            st.integers(0, 300),
        ),
        max_size=25,
    ),
    st.data(),
)
def test_what_is_encoded_is_decoded(steps: list[list[Field] | int], data: st.DataObject) -> None:
    """With any sizes of the table in between; what is encoded without change of generation stays good."""
    encoder, decoder = Encoder(), Decoder()
    for step in steps:
        if isinstance(step, int):
            encoder.resize(step)
            decoder.max_table_size = min(step, 4096)
            continue
        for _ in range(data.draw(st.integers(1, 3))):
            before = encoder.generation
            block = encoder.encode(step)
            assert decoder.decode(block) == step
            if encoder.generation == before:
                assert decoder.decode(block) == step
