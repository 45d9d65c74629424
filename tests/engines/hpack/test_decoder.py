"""Blocks are decoded as RFC 7541 says, within the limits, and whatever breaks it is a fault."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.hpack import Decoder, HPACKFault, ListTooLarge
from courser.engines.hpack.huffman import DECODED, encode_huffman
from courser.engines.hpack.integers import encode_integer
from courser.engines.hpack.tables import STATIC

Field = tuple[bytes, bytes]

INDEXING, PLAIN, NEVER = (0x40, 0x3F), (0x00, 0x0F), (0x10, 0x0F)
"""Of the three kinds of literals: the first octet's flags, and the bits of the index."""

KINDS = [INDEXING, PLAIN, NEVER]

YOUNGEST = b"\xbe"


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    DECODED.clear()
    yield
    DECODED.clear()


def string(text: bytes, *, coded: bool = False) -> bytes:
    if coded:
        code = encode_huffman(text)
        return encode_integer(len(code), 0x7F, 0x80) + code
    return encode_integer(len(text), 0x7F, 0) + text


def literal(name: bytes | int, value: bytes, kind: tuple[int, int] = INDEXING, *, coded: bool = False) -> bytes:
    flags, mask = kind
    if isinstance(name, int):
        return encode_integer(name, mask, flags) + string(value, coded=coded)
    return bytes((flags,)) + string(name, coded=coded) + string(value, coded=coded)


def indexed(index: int) -> bytes:
    return encode_integer(index, 0x7F, 0x80)


def update(size: int) -> bytes:
    return encode_integer(size, 0x1F, 0x20)


def filled(count: int, **limits: int) -> Decoder:
    """A decoder whose table has fields (n0, v0) to (n<count - 1>, v<count - 1>)."""
    decoder = Decoder(**limits)
    for number in range(count):
        decoder.decode(literal(b"n%d" % number, b"v%d" % number))
    return decoder


def table_of(decoder: Decoder) -> list[Field]:
    found: list[Field] = []
    try:
        while True:
            found += decoder.decode(indexed(62 + len(found)))
    except HPACKFault:
        return found


def test_all_static_fields() -> None:
    block = b"".join(map(indexed, range(1, 62)))

    assert Decoder().decode(block) == [*STATIC]
    assert Decoder().decode(b"") == []


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 254, 255, 300, 20_000])
def test_literals_of_any_length(kind: tuple[int, int], length: int, coded: bool) -> None:
    value = b"0:~" * (length // 3) + b"x" * (length % 3)
    block = literal(b"name", value, kind, coded=coded) + literal(b"", b"", kind, coded=coded)

    assert Decoder().decode(block) == [(b"name", value), (b"", b"")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("index", range(1, 62))
def test_literals_with_names_of_the_static_table(kind: tuple[int, int], index: int) -> None:
    assert Decoder().decode(literal(index, b"v", kind)) == [(STATIC[index - 1][0], b"v")]


@pytest.mark.parametrize("kind", KINDS)
def test_literals_with_names_of_the_dynamic_table(kind: tuple[int, int]) -> None:
    """127 fields do not fit into 4096 octets: 64 KiB are allowed here, and indexes that need three octets."""
    for index in (62, 63, 64, 126, 127, 190, 191, 254, 255, 256, 461):
        decoder = filled(400, max_table_size=65536)

        assert decoder.decode(literal(index, b"x", kind)) == [(b"n%d" % (461 - index), b"x")]


def test_indexes_into_a_long_table() -> None:
    decoder = filled(400, max_table_size=65536)

    assert table_of(decoder) == [(b"n%d" % number, b"v%d" % number) for number in reversed(range(400))]


def test_only_one_kind_of_literal_enters_the_table() -> None:
    decoder = Decoder()
    for kind in KINDS:
        decoder.decode(literal(b"%d" % kind[0], b"", kind))

    assert table_of(decoder) == [(b"64", b"")]


def test_the_oldest_make_room() -> None:
    """RFC 7541 section 4.4, at the very size."""
    decoder = filled(3, max_table_size=3 * (2 + 2 + 32))
    assert len(table_of(decoder)) == 3

    decoder.decode(literal(b"a", b"bcd"))
    assert table_of(decoder) == [(b"a", b"bcd"), (b"n2", b"v2"), (b"n1", b"v1")]
    decoder.decode(literal(b"a", b"bcde"))
    assert table_of(decoder) == [(b"a", b"bcde"), (b"a", b"bcd")]
    decoder.decode(literal(b"a", b"b" * (108 - 33)))
    assert table_of(decoder) == [(b"a", b"b" * 75)]


def test_a_field_larger_than_the_table_empties_it() -> None:
    decoder = filled(3, max_table_size=108)

    assert decoder.decode(literal(b"a", b"b" * 76)) == [(b"a", b"b" * 76)]
    assert table_of(decoder) == []
    decoder.decode(literal(b"a", b"b" * 75))
    assert len(table_of(decoder)) == 1


def test_a_name_can_be_that_of_a_field_that_goes() -> None:
    """RFC 7541 section 4.4: the name is taken before the field is driven out."""
    decoder = Decoder(64)
    decoder.decode(literal(b"name", b"old"))

    assert decoder.decode(literal(62, b"b" * 28)) == [(b"name", b"b" * 28)]
    assert table_of(decoder) == [(b"name", b"b" * 28)]


# Updates of the size


def test_updates_come_first() -> None:
    decoder = filled(3)
    assert decoder.decode(update(72) + YOUNGEST) == [(b"n2", b"v2")]
    assert len(table_of(decoder)) == 2
    assert decoder.decode(update(0) + update(4096)) == []
    assert table_of(decoder) == []
    decoder.decode(update(70) + literal(b"a", b"b") * 3)
    assert table_of(decoder) == [(b"a", b"b")] * 2


@pytest.mark.parametrize(
    "block",
    [
        b"\x82" + update(100),
        update(100) + b"\x82" + update(100),
        literal(b"a", b"b") + update(0),
        b"\x82" * 4096 + update(0),
        b"\x82" * 5000 + update(0),
    ],
)
def test_updates_elsewhere_are_faults(block: bytes) -> None:
    with pytest.raises(HPACKFault, match="not at the start"):
        Decoder().decode(block)


@pytest.mark.parametrize("size", [4097, 1 << 20, 1 << 32])
def test_updates_to_more_than_we_allow_are_faults(size: int) -> None:
    with pytest.raises(HPACKFault, match=f"to {size}, 4096 are allowed"):
        Decoder().decode(update(size))


def test_more_can_be_allowed() -> None:
    decoder = Decoder()
    decoder.max_table_size = 8192
    assert decoder.max_table_size == 8192

    for number in range(130):
        decoder.decode(literal(b"n%03d" % number, b""))
    assert len(table_of(decoder)) == 4096 // 36

    decoder.decode(update(8192))
    for number in range(230):
        decoder.decode(literal(b"n%03d" % number, b""))
    assert len(table_of(decoder)) == 8192 // 36


def test_less_has_to_be_followed() -> None:
    """RFC 7541 section 4.2."""
    decoder = filled(3)
    decoder.max_table_size = 72
    assert decoder.decode(b"") == []
    with pytest.raises(HPACKFault, match="not updated"):
        decoder.decode(b"\x82")

    decoder = filled(3)
    decoder.max_table_size = 72
    with pytest.raises(HPACKFault, match="to 73, 72 are allowed"):
        decoder.decode(update(73))

    decoder = filled(3)
    decoder.max_table_size = 72
    assert decoder.decode(update(72) + YOUNGEST) == [(b"n2", b"v2")]
    assert decoder.decode(YOUNGEST) == [(b"n2", b"v2")]
    assert len(table_of(decoder)) == 2


def test_less_that_is_used_already_needs_no_update() -> None:
    decoder = filled(3)
    decoder.decode(update(50))
    decoder.max_table_size = 60

    assert decoder.decode(YOUNGEST) == [(b"n2", b"v2")]


# Generations


@pytest.mark.parametrize(
    ("block", "changes"),
    [
        (b"\x82\xbe", False),
        (literal(b"a", b"b", PLAIN), False),
        (literal(b"a", b"b", NEVER), False),
        (literal(b"a", b"b", INDEXING), True),
        (literal(b"a", b"b" * 5000, INDEXING), True),
        (update(4096), True),
        (update(10), True),
    ],
)
def test_the_generation_tells_of_changes(block: bytes, changes: bool) -> None:
    decoder = filled(2)
    before = decoder.generation
    decoder.decode(block)

    assert (decoder.generation != before) == changes


def test_the_generation_tells_of_changes_of_what_we_allow() -> None:
    decoder = filled(2)
    before = decoder.generation
    decoder.max_table_size = 1000

    assert decoder.generation != before


# Blocks that come again


def replayed(decoder: Decoder, block: bytes) -> bool:
    """Decode a block, and then replay it if that is possible."""
    added = decoder.imprint(block, decoder.decode(block))
    if added is not None:
        before = decoder.generation
        decoder.replay(added)
        assert decoder.generation != before
    return added is not None


@pytest.mark.parametrize("capacity", [36, 37, 72, 100, 108, 144, 4096])
def test_a_replay_leaves_the_table_as_decoding_does(capacity: int) -> None:
    first = literal(b"n1", b"v1") + b"\x82" + literal(b"n2", b"v2", PLAIN) + literal(31, b"v3") + literal(b"n4", b"v4")
    second = literal(b"n5", b"")
    plain, quick = Decoder(capacity), Decoder(capacity)
    for block in (first, second, first, second, second):
        plain.decode(block)
        if replayed(quick, block):
            plain.decode(block)
        if block is first:
            assert table_of(quick) == table_of(plain)
    assert table_of(quick) == table_of(plain)


def test_many_replays_are_entered_now_and_then() -> None:
    decoder = filled(3)
    block = literal(b"a", b"b")
    added = decoder.imprint(block, decoder.decode(block))
    assert added == ((b"a", b"b"),)
    for _ in range(3000):
        decoder.replay(added)
        assert len(decoder._pending) < 256

    assert table_of(decoder) == [(b"a", b"b")] * (4096 // 34)


def test_a_block_that_empties_the_table_is_not_replayed() -> None:
    assert not replayed(Decoder(36), literal(b"n1", b"v12"))
    assert replayed(Decoder(36), literal(b"n1", b"v1"))
    assert not replayed(filled(1), YOUNGEST)


# Faults


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("80", "index 0"),
        ("8280", "index 0"),
        ("c0", "beyond the tables"),
        ("fe", "beyond the tables"),
        ("ff00", "beyond the tables"),
        ("fff1ffffff0f", "an integer"),
        ("ff80808080808000", "more than 6 octets"),
        ("ffffffff0f", "beyond the tables"),
        ("7f0100", "beyond the tables"),
        ("7fffffff0f00", "beyond the tables"),
        ("0f3100", "beyond the tables"),
        ("0fffffff0f00", "beyond the tables"),
        ("1fffffffffff0f", "an integer"),
        ("3fffffffffff7f", "an integer"),
        ("3f", "middle of an integer"),
        ("40", "middle of a field"),
        ("41", "middle of a field"),
        ("04", "middle of a field"),
        ("0f", "middle of a field"),
        ("7f", "middle of a field"),
        ("ff", "middle of an integer"),
        ("400161", "middle of a field"),
        ("4005616263", "middle of a field"),
        ("400161056162", "middle of a string"),
        ("40016185", "middle of a string"),
        ("4001617f", "middle of an integer"),
        ("400161ff", "middle of an integer"),
        ("4001617f80ffffff0f61", "middle of a string"),
        ("400161ff80ffffff0f", "middle of a string"),
        ("40016181ff", "no padding"),
        ("4001618200fe", "no padding"),
        ("40016184ffffffff", "EOS"),
        ("4084ffffffff0161", "EOS"),
    ],
)
def test_what_breaks_the_rfc_is_a_fault(wire: str, text: str) -> None:
    with pytest.raises(HPACKFault, match=text):
        filled(2).decode(bytes.fromhex(wire))


GOOD = (
    literal(b"a", b"b")
    + b"\x82\xbe"
    + literal(b"name", b"value" * 60, NEVER, coded=True)
    + literal(b"other", b"v" * 200, PLAIN)
    + literal(31, b"text/html", PLAIN, coded=True)
)


def test_a_block_that_is_cut_off_is_a_fault() -> None:
    """Unless the cut is between two fields."""
    whole = Decoder().decode(GOOD)
    good = 0
    for at in range(len(GOOD)):
        try:
            assert Decoder().decode(GOOD[:at]) == whole[:good]
            good += 1
        except HPACKFault:
            pass

    assert good == len(whole) == 6


@pytest.mark.parametrize("wire", [b"\x10" + string(b"password") + b"\x85secre", b"\x40\x08password\xff", b"\x08secret"])
def test_hpack_4_2_0_faults_do_not_tell_secrets(wire: bytes) -> None:
    """hpack 4.2.0 logged fields that are never to be indexed."""
    with pytest.raises(HPACKFault) as caught:
        Decoder().decode(wire)
    assert "passw" not in str(caught.value)
    assert "secre" not in str(caught.value)


# Limits


def test_cve_2016_6581_a_bomb_of_references() -> None:
    """CVE-2016-6581, GHSA-ffq8-576r-v26g: one large field, and then references to it, a byte each."""
    decoder = Decoder()
    bomb = literal(b"a", b"b" * 4000) + YOUNGEST * 12_000
    with pytest.raises(HPACKFault, match="decodes to more than"):
        decoder.decode(bomb)

    decoder = Decoder()
    with pytest.raises(ListTooLarge):
        decoder.decode(literal(b"a", b"b" * 4000) + YOUNGEST * 40)
    assert decoder.decode(YOUNGEST) == [(b"a", b"b" * 4000)]


@pytest.mark.parametrize("piece", [b"\x82", YOUNGEST, literal(b"", b""), literal(b"", b"", PLAIN), b"\x08\x00"])
def test_cve_2026_54428_large_blocks_of_small_fields(piece: bytes) -> None:
    """CVE-2026-54428, CVE-2026-54399: neither their number nor their size is unbounded."""
    with pytest.raises(ListTooLarge):
        filled(1).decode(piece * 257)
    with pytest.raises(HPACKFault):
        filled(1).decode(piece * 100_000)
    assert len(filled(1).decode(piece * 256)) == 256


@pytest.mark.parametrize("size", [100_000, 1 << 30])
def test_cve_2016_6581_little_is_kept_of_what_is_too_much(size: int) -> None:
    """However long a block is, the fields that it gives are dropped as it goes on."""

    class Counting(list[Field]):
        most = 0

        def clear(self) -> None:
            Counting.most = max(Counting.most, len(self))
            super().clear()

    decoder = Decoder(max_list_size=size, max_fields=5)
    fields = Counting()
    position, lost = decoder._read_weighed(b"\x82" * 34_819, fields)

    assert (position, lost) == (34_819, 34_819 * 42)
    assert not fields
    assert 0 < Counting.most <= 2048


def test_a_list_at_the_limit_is_taken() -> None:
    block = literal(b"a", b"b" * 67) + YOUNGEST * 9

    assert len(Decoder(max_list_size=1000).decode(block)) == 10
    with pytest.raises(ListTooLarge, match="decodes to 1000"):
        Decoder(max_list_size=999).decode(block)
    with pytest.raises(ListTooLarge):
        Decoder(max_fields=9).decode(block)
    assert len(Decoder(max_fields=10).decode(block)) == 10


def test_the_limit_to_fields_that_are_literals() -> None:
    block = b"".join(literal(b"n%02d" % number, b"v" * 65, PLAIN) for number in range(10))

    assert len(Decoder(max_list_size=1000).decode(block)) == 10
    with pytest.raises(ListTooLarge):
        Decoder(max_list_size=999).decode(block)


def test_sixteen_times_too_much_is_the_end() -> None:
    block = literal(b"a", b"b" * 67) + YOUNGEST * 159

    with pytest.raises(ListTooLarge):
        Decoder(max_list_size=1000).decode(block)
    with pytest.raises(HPACKFault):
        Decoder(max_list_size=999).decode(block)


@pytest.mark.parametrize("many", [300, 3000])
def test_the_table_stays_in_step_when_the_list_is_too_large(many: int) -> None:
    """What comes before and after the limit enters the table, so that the next block is decoded as it was meant."""
    decoder = Decoder()
    block = literal(b"a", b"1") + b"\x82" * many + literal(b"b", b"2") + literal(b"c", b"3", PLAIN)
    with pytest.raises(ListTooLarge):
        decoder.decode(block)

    assert table_of(decoder) == [(b"b", b"2"), (b"a", b"1")]


def test_a_fault_after_the_limit_is_a_fault() -> None:
    for end in (b"\x80", b"\xc5", b"\x40", b"\x00\x05a"):
        with pytest.raises(HPACKFault):
            Decoder().decode(b"\x82" * 300 + end)


def test_a_short_block_is_within_limits_even_at_its_worst() -> None:
    """Blocks that are not weighed: for all limits, what is decoded without error is within them."""
    refused = 0
    for size in range(64, 20_000, 791):
        for length in range(1, 300, 33):
            block = literal(b"", b"0" * length, coded=True)
            for count in range(5, 270, 20):
                weight = (count + 1) * (length + 32)
                try:
                    fields = Decoder(max_list_size=size).decode(block + YOUNGEST * count)
                except (HPACKFault, ListTooLarge):
                    assert weight > size or count >= 256
                    refused += 1
                else:
                    assert weight <= size
                    assert len(fields) == count + 1 <= 256
    assert refused > 100


# The cache of strings


def test_strings_are_kept_for_the_next_block() -> None:
    block = literal(b"name", b"some value", PLAIN, coded=True)
    decoder = Decoder()
    first = decoder.decode(block)

    assert {*DECODED.values()} == {b"name", b"some value"}
    assert decoder.decode(block) == first


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"set-cookie", PLAIN),
        (b"cookie", PLAIN),
        (b"authorization", INDEXING),
        (b"proxy-authorization", INDEXING),
        (32, INDEXING),
        (b"x-token", NEVER),
        (17, NEVER),
    ],
)
def test_secrets_are_not_kept(name: bytes | int, kind: tuple[int, int]) -> None:
    ((_, value),) = Decoder().decode(literal(name, b"a very secret value", kind, coded=True))

    assert value == b"a very secret value"
    assert value not in DECODED.values()


# All of it


@st.composite
def stories(draw: st.DrawFn) -> tuple[int, list[tuple[bytes, list[Field]]]]:
    """Blocks of one connection, and what they mean, by a table that is a plain list."""
    capacity = draw(st.sampled_from([0, 60, 120, 300, 4096]))
    limit = capacity
    table: list[Field] = []
    story: list[tuple[bytes, list[Field]]] = []
    texts = st.one_of(st.sampled_from([b"", b"a", b"content-type", b"x" * 130]), st.binary(max_size=40))

    def shrink() -> None:
        while sum(len(name) + len(value) + 32 for name, value in table) > capacity:
            table.pop()

    for _ in range(draw(st.integers(1, 5))):
        block = b""
        fields: list[Field] = []
        for size in draw(st.lists(st.integers(0, limit), max_size=2)):
            block += update(size)
            capacity = size
            shrink()
        for _ in range(draw(st.integers(0, 8))):
            known = [*STATIC, *table]
            if draw(st.booleans()):
                index = draw(st.integers(1, len(known)))
                block += indexed(index)
                fields.append(known[index - 1])
                continue
            kind, value = draw(st.sampled_from(KINDS)), draw(texts)
            name: bytes | int = draw(st.one_of(texts, st.integers(1, len(known))))
            block += literal(name, value, kind, coded=draw(st.booleans()))
            field = (known[name - 1][0] if isinstance(name, int) else name, value)
            fields.append(field)
            if kind is INDEXING:
                table.insert(0, field)
                shrink()
        story.append((block, fields))
    return limit, story


@given(stories())
def test_it_decodes_what_the_rfc_describes(story: tuple[int, list[tuple[bytes, list[Field]]]]) -> None:
    limit, blocks = story
    decoder = Decoder(limit)
    for block, fields in blocks:
        before = decoder.generation
        assert decoder.decode(block) == fields
        if decoder.generation == before:
            assert decoder.decode(block) == fields
