"""No bytes make the HPACK decoder do anything but give fields or raise its documented errors, and it is in step.

    python tests/fuzz/fuzz_hpack.py --seconds 60 [--seed 1]

Blocks of one connection are made of representations good and bad, mutated, and decoded. Besides HPACKFault and
ListTooLarge nothing may be raised; what is decoded must be what a second decoder, written down from RFC 7541 without
a thought of speed, makes of the same blocks; one that leaves the generation as it was must decode to the same again,
and one with an imprint must leave the table the same whether it is replayed or decoded.
Then fields are encoded, through changes of the size of the table, and must come back.
"""

from __future__ import annotations

import random
import sys
from typing import TypeAlias

from rounds import main

from courser.engines.hpack import Decoder, Encoder, HPACKFault, ListTooLarge
from courser.engines.hpack.huffman import codes, encode_huffman
from courser.engines.hpack.integers import encode_integer
from courser.engines.hpack.tables import STATIC

Field: TypeAlias = tuple[bytes, bytes]

TEXTS = [
    b"",
    b"a",
    b":path",
    b"cookie",
    b"content-type",
    b"text/html; charset=utf-8",
    b"\x00\xff\x80~{",
    b"0" * 126,
    b"1" * 127,
    b"2" * 300,
    b"x" * 4000,
]
PIECES = [
    *(bytes((byte,)) for byte in (0x00, 0x0F, 0x10, 0x1F, 0x20, 0x3F, 0x40, 0x7E, 0x7F, 0x80, 0x81, 0xBE, 0xFE, 0xFF)),
    b"\xff\x80\x80\x80\x80\x00",
    b"\xff\xff\xff\xff\xff\x0f",
    b"\x7f\x80\x80\x80\x80\x80\x00",
    b"\x3f\xe1\x1f",
    b"\x84\xff\xff\xff\xff",
    b"\x81\xff",
    b"\x82\x00\xff",
    b"\xbe" * 50,
    b"\x82" * 300,
]
LIMITS = [(4096, 131072, 256), (4096, 2000, 256), (300, 131072, 12), (0, 700, 256), (100, 100, 3)]


class Refused(Exception):
    """What the plain decoder says to a bad block."""


class Plain:
    """RFC 7541 without any thought of speed."""

    def __init__(self, allowed: int) -> None:
        self.allowed = self.capacity = allowed
        self.table: list[Field] = []

    def integer(self, bits: int) -> int:
        value = self.octet() & (1 << bits) - 1
        if value < (1 << bits) - 1:
            return value
        for count in range(5):
            more = self.octet()
            value += (more & 0x7F) << 7 * count
            if not more & 0x80:
                if value > 1 << 32:
                    raise Refused
                return value
        raise Refused

    def octet(self) -> int:
        if self.at >= len(self.block):
            raise Refused
        self.at += 1
        return self.block[self.at - 1]

    def string(self) -> bytes:
        is_coded = self.at < len(self.block) and self.block[self.at] & 0x80
        length = self.integer(7)
        if self.at + length > len(self.block):
            raise Refused
        data = self.block[self.at : self.at + length]
        self.at += length
        return self.huffman(data) if is_coded else data

    def huffman(self, data: bytes) -> bytes:
        symbols = {code: symbol for symbol, code in enumerate(codes())}
        text, bits = bytearray(), ""
        for bit in "".join(f"{byte:08b}" for byte in data):
            bits += bit
            if bits in symbols:
                if symbols[bits] == 256:
                    raise Refused
                text.append(symbols[bits])
                bits = ""
        if "0" in bits or len(bits) > 7:
            raise Refused
        return bytes(text)

    def entry(self, index: int) -> Field:
        known = [*STATIC, *self.table]
        if not 1 <= index <= len(known):
            raise Refused
        return known[index - 1]

    def shrink(self) -> None:
        while sum(len(name) + len(value) + 32 for name, value in self.table) > self.capacity:
            self.table.pop()

    def enter(self, added: tuple[Field, ...]) -> None:
        for field in added:
            self.table.insert(0, field)
            self.shrink()

    def decode(self, block: bytes) -> list[Field]:
        self.block, self.at = block, 0
        fields: list[Field] = []
        while self.at < len(block):
            first = block[self.at]
            if first & 0xE0 == 0x20:
                self.capacity = self.integer(5)
                if fields or self.capacity > self.allowed:
                    raise Refused
                self.shrink()
                continue
            if first & 0x80:
                fields.append(self.entry(self.integer(7)))
                continue
            index = self.integer(6 if first & 0x40 else 4)
            name = self.entry(index)[0] if index else self.string()
            fields.append((name, self.string()))
            if first & 0x40:
                self.table.insert(0, fields[-1])
                self.shrink()
        return fields


def text(rng: random.Random) -> bytes:
    if rng.random() < 0.6:
        return rng.choice(TEXTS[:-1] if rng.random() < 0.9 else TEXTS)
    return rng.randbytes(rng.choice((1, 5, 30)))


def string(rng: random.Random) -> bytes:
    plain = text(rng)
    if rng.random() < 0.5:
        code = encode_huffman(plain)
        return encode_integer(len(code), 0x7F, 0x80) + code
    return encode_integer(len(plain), 0x7F, 0) + plain


def representation(rng: random.Random) -> bytes:
    index = rng.choice((1, 8, 14, 15, 32, 61, 62, 62, 63, 70, 126, 127))
    match rng.randrange(4):
        case 0:
            return encode_integer(index, 0x7F, 0x80)
        case 1:
            flags, mask = rng.choice(((0x40, 0x3F), (0x00, 0x0F), (0x10, 0x0F)))
            return encode_integer(index, mask, flags) + string(rng)
        case 2:
            return rng.choice((b"\x40", b"\x40", b"\x00", b"\x10")) + string(rng) + string(rng)
        case _:
            return encode_integer(rng.choice((1, 2, 5, 61)), 0x7F, 0x80) * rng.choice((1, 1, 3, 20))


def block_of(rng: random.Random) -> bytes:
    block = bytearray()
    if rng.random() < 0.2:
        block += encode_integer(rng.choice((0, 40, 100, 300, 4096, 4097)), 0x1F, 0x20)
    for _ in range(rng.choice((0, 1, 3, 8, 40))):
        block += representation(rng)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 4))):
        at = rng.randrange(len(block) + 1)
        match rng.randrange(4):
            case 0:
                block[at:at] = rng.choice(PIECES)
            case 1:
                del block[at : at + rng.choice((1, 1, 2, 8))]
            case 2:
                block[at : at + 1] = rng.randbytes(1)
            case _:
                if block:
                    block[at % len(block)] ^= 1 << rng.randrange(8)
    return bytes(block)


def check_decoder(rng: random.Random) -> None:
    size, most, count = rng.choice(LIMITS)
    decoder, plain = Decoder(size, most, count), Plain(size)
    for _ in range(rng.choice((1, 3, 6))):
        block = block_of(rng)
        before = decoder.generation
        told: list[Field] | HPACKFault | ListTooLarge
        try:
            told = decoder.decode(block)
        except HPACKFault as fault:
            told = fault
        except ListTooLarge as large:
            told = large
        try:
            meant = plain.decode(block)
        except Refused:
            if not isinstance(told, HPACKFault):
                raise AssertionError(f"{block.hex()} is bad, but gives {told}") from None
            return
        weight = sum(len(name) + len(value) + 32 for name, value in meant)
        if isinstance(told, HPACKFault):
            if weight <= 16 * most:
                raise AssertionError(f"{block.hex()} is good, but: {told}")
            return
        if isinstance(told, ListTooLarge):
            if weight <= most and len(meant) <= count:
                raise AssertionError(f"{block.hex()} is within the limits, but: {told}")
        elif told != meant or weight > most or len(meant) > count:
            raise AssertionError(f"{block.hex()} is {meant}, not {told}")
        elif decoder.generation == before and decoder.decode(block) != told:
            raise AssertionError(f"{block.hex()} decodes to something else in generation {before}")
        elif rng.random() < 0.5 and (added := decoder.imprint(block, told)) is not None:
            for _ in range(rng.choice((1, 2, 300))):
                decoder.replay(added)
                plain.enter(added)


def check_encoder(rng: random.Random) -> None:
    encoder, decoder, plain = Encoder({b"x-secret"}), Decoder(), Plain(4096)
    some = [(rng.choice((b":path", b"cookie", b"x-secret", b"accept", text(rng))), text(rng)) for _ in range(8)]
    for _ in range(rng.choice((2, 5, 10))):
        if rng.random() < 0.3:
            sizes = [rng.choice((0, 50, 100, 500, 4096, 65536)) for _ in range(rng.choice((1, 2)))]
            for size in sizes:
                encoder.resize(size)
                decoder.max_table_size = plain.allowed = min(size, 4096)
        fields = rng.choices(some, k=rng.randrange(9))
        block = encoder.encode(fields)
        for name, value in ((b":path", text(rng)), (b"x-secret", b"1")):
            fields.append((name, value))
            block += encoder.literal(name, value)
        if decoder.decode(block) != fields or plain.decode(block) != fields:
            raise AssertionError(f"{fields} become {block.hex()}")


def check(rng: random.Random) -> None:
    check_decoder(rng)
    check_encoder(rng)


if __name__ == "__main__":
    sys.exit(main("hpack", check))
