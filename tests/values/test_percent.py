"""values/percent.py: escapes, by the URL Standard's sets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidURL
from courser.values.percent import COMPONENT, FRAGMENT, PATH, QUERY, USERINFO, decode, encode, encode_bytes

VECTORS = Path(os.environ.get("COURSER_VECTORS", Path(__file__).parents[2] / "../shared/vectors"))
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def vectors(name: str) -> list[Any]:
    path = VECTORS / "url" / name
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"the vectors {path} are absent"))]
    return [case for case in json.loads(path.read_text("utf-8")) if isinstance(case, dict)]


@pytest.mark.parametrize(
    ("escaped", "characters"),
    [
        (QUERY, "\"#<>'"),
        (FRAGMENT, '"<>`'),
        (PATH, '"#<>?^`{}'),
        (USERINFO, '"#<>?^`{}/:;=@[\\]|'),
        (COMPONENT, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}"),
    ],
)
def test_each_set_escapes_what_the_standard_lists(escaped: Any, characters: str) -> None:
    assert {char for char in PRINTABLE if encode(char, escaped) != char} == set(characters)
    for char in map(chr, [*range(0x21), 0x7F, 0x80, 0xE9]):
        assert encode(char, escaped) == "".join(f"%{byte:02X}" for byte in char.encode())


@pytest.mark.parametrize("case", vectors("percent-encoding.json"))
def test_the_utf_8_vectors_of_the_web_platform_tests(case: dict[str, Any]) -> None:
    assert encode(case["input"], QUERY) == case["output"]["utf-8"]


def test_escapes_stay_as_they_were_written() -> None:
    assert encode("%41%e9%zz%", PATH) == "%41%e9%zz%"


def test_bytes_are_escaped_one_by_one() -> None:
    assert encode_bytes(b"a=\xff\xc3\xa9 %41", QUERY) == "a=%FF%C3%A9%20%41"


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidURL, match="a lone surrogate cannot be sent"):
        encode("a\ud800", PATH)


def test_malformed_escapes_are_not_decoded() -> None:
    assert decode(b"%41%4%zz%%42%c3%A9") == b"A%4%zz%B\xc3\xa9"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_component_escapes_comes_back(text: str) -> None:
    assert decode(encode(text, COMPONENT).encode("ascii")).decode() == text


def test_cve_2020_7212_a_megabyte_of_escapes_is_finished_with() -> None:
    assert decode(b"%fe" * 350_000) == b"\xfe" * 350_000
    assert len(encode("é " * 350_000, PATH)) == 9 * 350_000
