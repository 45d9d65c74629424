"""The Huffman code, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from courser.engines.hpack import huffman
from courser.engines.hpack.faults import HPACKFault
from courser.engines.hpack.huffman import DECODED, LONGEST, MOST, codes, decode_huffman, encode_huffman

decode = partial(decode_huffman, keep=False)

EOS = "1" * 30


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    DECODED.clear()
    yield
    DECODED.clear()


def octets(bits: str) -> bytes:
    assert len(bits) % 8 == 0
    return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def padded(bits: str) -> bytes:
    return octets(bits + "1" * (-len(bits) % 8))


def test_the_codes_are_those_of_appendix_b() -> None:
    """Some of each length; the whole is a complete code, so that no other could have these lengths in this order."""
    for symbol, code in {
        0x00: "1111111111000",
        0x0A: "111111111111111111111111111100",
        0x20: "010100",
        0x21: "1111111000",
        0x30: "00000",
        0x31: "00001",
        0x41: "100001",
        0x58: "11111100",
        0x5C: "1111111111111110000",
        0x61: "00011",
        0x7A: "1111011",
        0x7E: "1111111111101",
        0x80: "11111111111111100110",
        0xFF: "11111111111111111111101110",
        256: EOS,
    }.items():
        assert codes()[symbol] == code
    assert len(codes()) == 257
    assert sum(2 ** (30 - len(code)) for code in codes()) == 2**30
    ordered = sorted(codes())
    assert not any(later.startswith(code) for code, later in pairwise(ordered))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", ""),
        (b"www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
        (b"no-cache", "a8eb10649cbf"),
        (b"custom-value", "25a849e95bb8e8b4bf"),
        (b"Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
        (b"\xff\x00", "fffffbbff1"),
    ],
)
def test_strings_and_their_codes(text: bytes, code: str) -> None:
    assert encode_huffman(text).hex() == code
    assert decode(bytes.fromhex(code)) == text


@pytest.mark.parametrize("symbol", range(256))
def test_every_byte_comes_back_wherever_it_begins(symbol: int) -> None:
    """Codes of 5, 6, 7 and 8 bits in front shift it to every bit of an octet."""
    for before in (b"", b"0", b" ", b":", b"X", b"00", b"0 ", b"0:", b"0X"):
        for after in (b"", b"0", b"\x0a"):
            text = before + bytes((symbol,)) + after
            assert decode(encode_huffman(text)) == text


@given(st.binary(max_size=200))
@example(bytes(range(256)))
def test_what_is_encoded_is_decoded(text: bytes) -> None:
    code = encode_huffman(text)

    assert code == padded("".join(codes()[byte] for byte in text))
    assert decode(code) == text


@given(st.binary(max_size=40))
def test_what_can_be_decoded_is_the_code_of_its_text(code: bytes) -> None:
    """There is one code for a string, and one padding: two that decode to the same are the same."""
    try:
        text = decode(code)
    except HPACKFault:
        return
    assert encode_huffman(text) == code


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("00000000", "no padding"),
        ("00000110", "no padding"),
        ("00000011", "no padding"),
        ("1" * 8, "no padding"),
        ("0000011111111111", "no padding"),
        ("1" * 24, "no padding"),
        ("1111100011111111", "no padding"),
        ("1" * 32, "EOS"),
        (EOS + "11", "EOS"),
        ("00000" + EOS + "11111", "EOS"),
        (EOS + "00000" + "11111", "EOS"),
    ],
)
def test_padding_is_the_beginning_of_eos_and_shorter_than_an_octet(bits: str, text: str) -> None:
    """RFC 7541 section 5.2."""
    with pytest.raises(HPACKFault, match=text):
        decode(octets(bits))


def test_up_to_seven_ones_are_padding() -> None:
    """Zeros have five bits each: eight lengths of a row of them need eight paddings."""
    rows = [b"0" * length for length in range(8)]

    assert {len(encode_huffman(row)) * 8 - 5 * len(row) for row in rows} == {*range(8)}
    for row in rows:
        assert decode(padded("00000" * len(row))) == row


def test_a_long_string_is_no_trouble() -> None:
    text = b"0123456789 abcdefghijklmnopqrstuvwxyz\xff" * 5000

    assert decode(encode_huffman(text)) == text


def test_the_cache_is_bounded() -> None:
    numbers = [encode_huffman(b"%d" % number) for number in range(MOST + 1)]
    for code in numbers[:MOST]:
        decode_huffman(code, keep=True)
    assert len(DECODED) == MOST
    assert DECODED[numbers[7]] == b"7"

    decode_huffman(numbers[MOST], keep=True)
    assert [*DECODED.items()] == [(numbers[MOST], b"%d" % MOST)]


def test_what_is_long_or_secret_is_not_kept() -> None:
    code = encode_huffman(b"0" * 400)
    assert len(code) > LONGEST

    decode_huffman(code, keep=True)
    decode_huffman(encode_huffman(b"password"), keep=False)
    assert not DECODED


def test_both_automata_are_bounded() -> None:
    """A state is a beginning of a code, or less than an octet: there are no others to be made by any bytes."""
    beginnings = {code[:length] for code in codes() for length in range(len(code))}

    assert len(beginnings) == 256
    assert {*huffman._DECODING} <= beginnings
    assert all(len(bits) < 8 for bits in huffman._ENCODING)
