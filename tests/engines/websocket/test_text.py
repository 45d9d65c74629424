"""Text is UTF-8: whole, and as soon as it can be known that it is not."""

from __future__ import annotations

import pytest

from courser.engines.websocket.faults import Fault
from courser.engines.websocket.text import TextCheck, decode_text, encode_text, no_unicode
from courser.errors import LocalProtocolError

GOOD = [
    "",
    "plain",
    "h\xe9llo",
    "κόσμε",
    "\U0001f600",
    "\x00\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff",
    "\ufeffbom",
]

BAD = {
    # What is wrong, and after how many bytes that is known.
    "a lone continuation byte": (b"a\x80", 2),
    "overlong": (b"\xc0\xaf", 1),
    "overlong in three": (b"\xe0\x80\x80", 2),
    "a surrogate (CESU-8)": (b"\xed\xa0\x80", 3),
    "beyond Unicode": (b"\xf4\x90\x80\x80", 2),
    "far beyond Unicode": (b"\xf5", 1),
    "no byte of UTF-8": (b"x\xff", 2),
    "cut by another character": (b"\xce\xbaa\xc3a", 5),
}
CUT = [b"\xc3", b"a\xe2\x82", b"\xf0\x9f\x98"]


@pytest.mark.parametrize("text", GOOD)
def test_good_text(text: str) -> None:
    data = encode_text(text)
    assert decode_text(data) == text
    check = TextCheck()
    for at in range(len(data)):
        check.add(data[at : at + 1])


@pytest.mark.parametrize("name", BAD)
def test_bad_text_is_found_at_the_byte_that_makes_it_bad(name: str) -> None:
    data, known = BAD[name]
    with pytest.raises(Fault, match="not UTF-8") as caught:
        decode_text(data)
    assert caught.value.code == 1007
    check = TextCheck()
    for at in range(known - 1):
        check.add(data[at : at + 1])
    with pytest.raises(Fault, match="not UTF-8") as caught:
        check.add(data[known - 1 : known])
    assert caught.value.code == 1007


@pytest.mark.parametrize("data", CUT)
def test_a_character_may_be_cut_between_pieces_but_not_at_the_end(data: bytes) -> None:
    TextCheck().add(data)
    with pytest.raises(Fault, match="unexpected end"):
        decode_text(data)


def test_lone_surrogates_cannot_be_sent() -> None:
    with pytest.raises(LocalProtocolError, match="lone surrogate"):
        encode_text("a\ud800")
    assert "lone surrogate" in str(no_unicode())
