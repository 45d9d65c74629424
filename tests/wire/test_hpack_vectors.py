"""What others test their HPACK with: the examples of RFC 7541, and the stories of several encoders."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from courser.engines.hpack import Decoder, Encoder, HPACKFault
from courser.engines.hpack.huffman import encode_huffman

Fields = list[tuple[bytes, bytes]]

EXAMPLES = tomllib.loads(Path(__file__).with_name("hpack_examples.toml").read_text(encoding="utf-8"))["example"]

ENCODERS = ("go-hpack", "haskell-http2-linear-huffman", "nghttp2", "nghttp2-change-table-size")


def pairs(listed: list[list[str]]) -> Fields:
    return [(name.encode(), value.encode()) for name, value in listed]


def table_of(decoder: Decoder) -> Fields:
    """What is in the dynamic table, asked for by its indexes."""
    found: Fields = []
    try:
        for index in range(62, 127):
            found += decoder.decode(bytes((0x80 | index,)))
    except HPACKFault:
        pass
    return found


@pytest.mark.parametrize("example", [pytest.param(example, id=example["name"]) for example in EXAMPLES])
def test_rfc_7541_appendix_c(example: dict[str, Any]) -> None:
    decoder = Decoder(example["capacity"])
    for block in example["block"]:
        assert decoder.decode(bytes.fromhex(block["wire"])) == pairs(block["fields"])
        assert table_of(decoder) == pairs(block["table"])


def test_the_huffman_code_of_rfc_7541_appendix_c_is_ours() -> None:
    """What the examples write as it is in one section they write as code in another."""
    plain = [block for example in EXAMPLES if "without Huffman" in example["name"] for block in example["block"]]
    coded = [block for example in EXAMPLES if "with Huffman" in example["name"] for block in example["block"]]
    seen = 0
    for one, other in zip(plain, coded, strict=True):
        before, after = bytes.fromhex(one["wire"]), bytes.fromhex(other["wire"])
        for name, value in pairs(one["fields"]):
            for text in (name, value):
                literal = bytes((len(text),)) + text
                if text and literal in before:
                    code = encode_huffman(text)
                    assert bytes((0x80 | len(code),)) + code in after
                    seen += 1
    assert seen == 12


def cases(folder: Path) -> Iterator[list[dict[str, Any]]]:
    """The cases of each story of an encoder."""
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    for path in sorted(folder.glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))["cases"]


def fields_of(case: dict[str, Any]) -> Fields:
    return [(name.encode(), value.encode()) for field in case["headers"] for name, value in field.items()]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_stories_of_other_encoders_are_read(vectors: Path, encoder: str) -> None:
    blocks = 0
    for story in cases(vectors / "hpack" / encoder):
        decoder = Decoder()
        for case in story:
            size = case.get("header_table_size")
            if size is not None:
                decoder.max_table_size = size
            assert decoder.decode(bytes.fromhex(case["wire"])) == fields_of(case)
            blocks += 1

    assert blocks > 3000


@pytest.mark.parametrize("sizes", [(), (0,), (100, 4096, 0, 333), (65536, 1000)])
def test_what_we_encode_is_read_back(vectors: Path, sizes: tuple[int, ...]) -> None:
    """With the table as it is at first, and with one that the peer changes again and again."""
    plain = sent = 0
    for story in cases(vectors / "hpack" / "raw-data"):
        encoder, decoder = Encoder(), Decoder()
        for number, case in enumerate(story):
            fields = fields_of(case)
            if sizes and not number % 5:
                size = sizes[number // 5 % len(sizes)]
                encoder.resize(size)
                decoder.max_table_size = min(size, 4096)
            block = encoder.encode(fields)
            assert decoder.decode(block) == fields
            plain += sum(len(name) + len(value) for name, value in fields)
            sent += len(block)

    assert sent < plain * (0.7 if sizes else 0.4)
