"""The static table is that of the RFC; the dynamic one knows the index of everything in it."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from courser.engines.hpack.tables import (
    FIRST_DYNAMIC,
    OVERHEAD,
    STATIC,
    STATIC_FIELDS,
    STATIC_NAMES,
    TABLE_SIZE,
    Table,
)

Field = tuple[bytes, bytes]


def test_the_static_table_is_that_of_appendix_a() -> None:
    assert len(STATIC) == 61
    assert FIRST_DYNAMIC == 62
    for index, field in {
        1: (b":authority", b""),
        2: (b":method", b"GET"),
        8: (b":status", b"200"),
        16: (b"accept-encoding", b"gzip, deflate"),
        32: (b"cookie", b""),
        58: (b"user-agent", b""),
        61: (b"www-authenticate", b""),
    }.items():
        assert STATIC[index - 1] == field
        assert STATIC_FIELDS[field] == index
    text = b"\n".join(name + b" " + value for name, value in STATIC)
    assert hashlib.sha256(text).hexdigest() == "fc6919724227ea6a8b9186320d5d9f7e9b888d90996cf07e34d92eeb9439f5e9"


def test_a_name_has_its_lowest_index() -> None:
    assert STATIC_NAMES[b":status"] == 8
    assert STATIC_NAMES[b":method"] == 2
    assert STATIC_NAMES[b"www-authenticate"] == 61
    assert len(STATIC_NAMES) == 52


def test_the_youngest_field_comes_first() -> None:
    table = Table()
    assert table.capacity == TABLE_SIZE == 4096
    assert table.index((b"a", b"1")) == table.name_index(b"a") == 0

    for field in ((b"a", b"1"), (b"b", b"1"), (b"a", b"2")):
        table.add(field)

    assert [table.index(field) for field in ((b"a", b"2"), (b"b", b"1"), (b"a", b"1"))] == [62, 63, 64]
    assert table.index((b"b", b"2")) == 0
    assert (table.name_index(b"a"), table.name_index(b"b")) == (62, 63)


def test_the_oldest_make_room() -> None:
    table = Table()
    table.resize(2 * (OVERHEAD + 2))
    for number in b"1234":
        table.add((b"a", b"%c" % number))

    assert [table.index((b"a", b"%c" % number)) for number in b"1234"] == [0, 0, 63, 62]
    assert table.name_index(b"a") == 62


def test_a_field_fits_with_its_overhead() -> None:
    """RFC 7541 section 4.1."""
    table = Table()

    assert table.fits((b"a" * 2000, b"b" * (4096 - 2000 - OVERHEAD)))
    assert not table.fits((b"a" * 2000, b"b" * (4097 - 2000 - OVERHEAD)))


def test_a_smaller_table_forgets() -> None:
    table = Table()
    for number in b"123":
        table.add((b"%c" % number, b""))

    table.resize(OVERHEAD + 1)
    assert [table.name_index(b"%c" % number) for number in b"123"] == [0, 0, 62]
    table.resize(0)
    assert [table.index((b"%c" % number, b"")) for number in b"123"] == [0, 0, 0]


@given(
    st.lists(st.tuples(st.sampled_from([b"a", b"bb", b"c" * 50]), st.binary(max_size=60)), max_size=60),
    st.integers(100, 600),
)
def test_it_is_the_list_that_the_rfc_describes(fields: list[Field], capacity: int) -> None:
    table = Table()
    table.resize(capacity)
    listed: list[Field] = []
    for field in fields:
        if table.index(field) or not table.fits(field):
            continue
        table.add(field)
        listed.insert(0, field)
        while sum(len(name) + len(value) + OVERHEAD for name, value in listed) > capacity:
            listed.pop()

        assert [table.index(each) for each in listed] == [*range(62, 62 + len(listed))]
        for name in {name for name, _ in listed}:
            assert table.name_index(name) == 62 + [each for each, _ in listed].index(name)
    for field in {*fields} - {*listed}:
        assert table.index(field) == 0
    for name in {name for name, _ in fields} - {name for name, _ in listed}:
        assert table.name_index(name) == 0
