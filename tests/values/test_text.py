"""Text is decoded by what the response says, and nothing a response says makes decoding fail."""

from __future__ import annotations

import codecs
import encodings
import json
import os
import pkgutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import LimitExceeded
from courser.values.text import LineDecoder, TextDecoder, charset_of, decode_text, media_type_of

VECTORS = Path(os.environ.get("COURSER_VECTORS") or Path(__file__).parents[2] / "../shared/vectors")

# The charset parameter


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        (None, None),
        ("", None),
        ("text/html", None),
        ("text/html; charset=utf-8", "utf-8"),
        ("text/html;charset=UTF-8", "UTF-8"),
        ("text/html; CHARSET=utf-8", "utf-8"),
        ("text/html;  charset=utf-8  ", "utf-8"),
        ('text/html; charset="utf-8"', "utf-8"),
        ('text/html; charset="ut\\f-8"', "utf-8"),
        ('text/html; charset="utf-8', "utf-8"),
        ('text/html; charset="utf-8"x; a=b', "utf-8"),
        ("text/html; charset=utf-8; charset=latin-1", "utf-8"),
        ("text/html; charset=; charset=latin-1", "latin-1"),
        ('text/html; charset=""; charset=latin-1', "latin-1"),
        ('text/html; a="; charset=latin-1"; charset=utf-8', "utf-8"),
        ('text/html; a="\\"; charset=latin-1"; charset=utf-8', "utf-8"),
        ("text/html; xcharset=latin-1", None),
        ("text/html; charset", None),
        ("text/html; charset ; charset=utf-8", "utf-8"),
        ("text/html; charset =utf-8", None),
        ("text/html; charset= utf-8", "utf-8"),
        ("charset=utf-8", None),
        ('text/html; charset="\x7f"; charset=utf-8', "utf-8"),
        (";;;charset=utf-8", "utf-8"),
    ],
)
def test_charset_of(content_type: str | None, charset: str | None) -> None:
    assert charset_of(content_type) == charset


def test_the_charsets_of_the_web_platform_tests() -> None:
    path = VECTORS / "mime" / "mime-types.json"
    if not path.is_file():
        pytest.skip(f"no vectors at {path}")
    cases = [case for case in json.loads(path.read_text()) if isinstance(case, dict) and case.get("encoding")]
    assert cases
    for case in cases:
        charset = charset_of(case["input"])
        assert charset is not None, case
        assert codecs.lookup(charset.strip()) == codecs.lookup(case["encoding"]), case


def test_the_content_types_of_the_web_platform_tests() -> None:
    """Several lines of Content-Type, and one that is a list."""
    path = VECTORS / "mime" / "wpt-content-types.json"
    if not path.is_file():
        pytest.skip(f"no vectors at {path}")
    cases = json.loads(path.read_text())
    assert len(cases) > 10
    for case in cases:
        charset = charset_of(", ".join(case["input"]))
        assert (charset and codecs.lookup(charset)) == (case["encoding"] and codecs.lookup(case["encoding"])), case


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html;charset=gbk, nonsense;charset=utf-8", "gbk"),
        ("text/html;charset=gbk,,text/html ; a=b", "gbk"),
        ('text/html;charset=gbk, text/html;a="x, y/z"', "gbk"),
        ('text/html;charset=gbk, text/html;a="x, y/z', "gbk"),
        ("nonsense;charset=gbk, x;charset=utf-8", None),
    ],
)
def test_the_last_content_type_counts(content_type: str, charset: str | None) -> None:
    assert charset_of(content_type) == charset


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        (None, ""),
        ("", ""),
        ("nonsense", ""),
        ("*/*", ""),
        (" Text/HTML\t;a=b", "text/html"),
        ("text/html, text/plain;a=b", "text/plain"),
        ("text/html;a=b, nonsense, */*", "text/html"),
        ('text/html;a="x, y/z"', "text/html"),
        ("nonsense, , x", ""),
    ],
)
def test_media_type_of(content_type: str | None, media_type: str) -> None:
    assert media_type_of(content_type) == media_type


@pytest.mark.parametrize("part", [";", '"', ';charset="', ';charset="\\', ",", 'a/b;charset="', "a/b;charset=,"])
def test_a_hostile_content_type_is_read_once(part: str) -> None:
    """In quadratic time this would take a minute."""
    charset_of("a/b;charset" + part * 100_000)
    media_type_of("a/b;charset" + part * 100_000)


@given(st.text('a/;,="\\ \tcharset', max_size=60))
def test_no_content_type_is_too_odd(content_type: str) -> None:
    charset_of(content_type)
    media_type_of(content_type)
    assert decode_text(b"abc", content_type)[0] == "abc"


# A whole body

BODY = "é€\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("data", "content_type", "default", "text", "encoding"),
    [
        (b"", None, "utf-8", "", "utf-8"),
        (BODY.encode(), None, "utf-8", BODY, "utf-8"),
        (BODY.encode(), "text/html", "utf-8", BODY, "utf-8"),
        (b"\xe9", "text/html; charset=latin-1", "utf-8", "é", "iso8859-1"),
        (b"\x80", "text/html; charset=windows-1252", "utf-8", "€", "cp1252"),
        (b"\xe9", None, "latin-1", "é", "iso8859-1"),
        (b"\xe9", None, "utf-8", "\ufffd", "utf-8"),
        (b"a\xffb", "text/plain; charset=utf-8", "latin-1", "a\ufffdb", "utf-8"),
        (b"\x82\xa0", "text/plain; charset=Shift_JIS", "utf-8", "あ", "shift_jis"),
        (b"\xa1", "text/plain; charset=Windows-874", "utf-8", "ก", "cp874"),
        (b"\xe9", "text/plain; charset=ISO88591", "utf-8", "é", "iso8859-1"),
        (b"\x81\x40", "text/plain; charset=GB2312", "utf-8", "丂", "gb18030"),
        (BODY.encode("utf-8-sig"), None, "latin-1", BODY, "utf-8"),
        (BODY.encode("utf-8-sig"), "text/html; charset=utf-8", "utf-8", BODY, "utf-8"),
        (BODY.encode("utf-8-sig") + b"\xef\xbb\xbf", None, "utf-8", BODY + "\ufeff", "utf-8"),
        (codecs.BOM_UTF16_LE + BODY.encode("utf-16-le"), None, "utf-8", BODY, "utf-16-le"),
        (codecs.BOM_UTF16_BE + BODY.encode("utf-16-be"), None, "utf-8", BODY, "utf-16-be"),
        (codecs.BOM_UTF32_LE + BODY.encode("utf-32-le"), None, "utf-8", BODY, "utf-32-le"),
        (codecs.BOM_UTF32_BE + BODY.encode("utf-32-be"), None, "utf-8", BODY, "utf-32-be"),
        (codecs.BOM_UTF16_BE + b"\0a", "text/html; charset=utf-16", "utf-8", "a", "utf-16-be"),
        (codecs.BOM_UTF16_LE + b"a\0", "text/html; charset=utf-16le", "utf-8", "a", "utf-16-le"),
        (codecs.BOM_UTF32_BE + b"\0\0\0a", "text/html; charset=utf-32", "utf-8", "a", "utf-32-be"),
        (b"a\0b\0", "text/html; charset=utf-16", "utf-8", "ab", "utf-16-le"),
        (codecs.BOM_UTF16_LE + b"\0\0a\0", "text/html; charset=utf-16", "utf-8", "\0a", "utf-16-le"),
        (BODY.encode(), "text/html; charset=nonsense", "utf-8", BODY, "utf-8"),
        (b"\xe9", "text/html; charset=nonsense", "latin-1", "é", "iso8859-1"),
        (BODY.encode(), None, "nonsense", BODY, "utf-8"),
    ],
)
def test_charset_then_byte_order_mark_then_default(
    data: bytes, content_type: str | None, default: str, text: str, encoding: str
) -> None:
    assert decode_text(data, content_type, default) == (text, encoding)
    decoder = TextDecoder(content_type, default)
    assert "".join([decoder.feed(data[i : i + 1]) for i in range(len(data))]) + decoder.end() == text
    assert decoder.encoding == encoding


@pytest.mark.parametrize(
    "label",
    [
        *("hex", "rot13", "zlib", "base64"),
        *("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7"),
        *("a\0b", "../etc", "é", "x" * 5000, "utf-8" + "-" * 5000, " ", "\udc80"),
    ],
)
def test_a_label_that_is_no_charset_counts_as_none(label: str) -> None:
    """Those of Python beside: idna and punycode take quadratic time (CVE-2022-45061)."""
    assert decode_text(BODY.encode(), f'a/b; charset="{label}"') == (BODY, "utf-8")
    assert decode_text(BODY.encode(), None, label) == (BODY, "utf-8")


def test_no_codec_of_python_raises() -> None:
    data = bytes(range(256)) * 3 + b"\xff\xfe\\x\\u12"
    for module in pkgutil.iter_modules(encodings.__path__):
        content_type = f"text/plain; charset={module.name}"
        for part in (data, data[:1], b"", b"\xff"):
            whole, encoding = decode_text(part, content_type)
            decoder = TextDecoder(content_type)
            assert decoder.feed(part) + decoder.end() == whole
            assert decoder.encoding == encoding


def test_2359_a_function_for_the_default_sees_the_start_of_the_body_only() -> None:
    """Detectors took 40 s and 131 MB for 1 MB of text (psf/requests#2359); nothing here runs one unasked."""
    seen: list[int] = []

    def detect(data: bytes) -> str | None:
        seen.append(len(data))
        return "latin-1" if data else None

    assert decode_text(b"\xe9" * 100_000, None, detect) == ("é" * 100_000, "iso8859-1")
    assert decode_text(b"", None, detect) == ("", "utf-8")
    assert decode_text(b"a", "text/plain; charset=utf-8", detect) == ("a", "utf-8")
    assert decode_text(codecs.BOM_UTF8, None, detect) == ("", "utf-8")
    assert seen == [65536, 0]
    decoder = TextDecoder(None, detect)
    assert decoder.feed(b"\xe9") + decoder.feed(b"\xc3") + decoder.end() == "éÃ"
    assert seen == [65536, 0, 1]


# In pieces


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "shift_jis", "gb18030", "none"]
)
@given(data=st.binary(max_size=20), cuts=st.lists(st.integers(0, 20), max_size=5))
def test_pieces_of_text_are_the_whole_text(charset: str, data: bytes, cuts: list[int]) -> None:
    content_type = f"text/plain; charset={charset}"
    decoder = TextDecoder(content_type)
    places = [0, *sorted(cuts), len(data)]
    text = "".join([decoder.feed(data[start:stop]) for start, stop in pairwise(places)])
    assert (text + decoder.end(), decoder.encoding) == decode_text(data[: max(places)], content_type)


def test_a_live_stream_is_not_held_back() -> None:
    decoder = TextDecoder(None)
    assert decoder.encoding is None
    assert decoder.feed(b"o") == "o"
    assert decoder.encoding == "utf-8"
    decoder = TextDecoder(None)
    assert [decoder.feed(b"\xef"), decoder.feed(b"\xbb"), decoder.feed(b"\xbf"), decoder.feed(b"a")] == [
        "",
        "",
        "",
        "a",
    ]


def test_a_cut_off_character_is_replaced() -> None:
    decoder = TextDecoder(None)
    assert decoder.feed("é".encode()[:1]) == ""
    assert decoder.end() == "\ufffd"


# Lines


def lines_of(feed: Callable[[str], list[str]], end: Callable[[], list[str]], pieces: list[str]) -> list[str]:
    return [line for piece in pieces for line in feed(piece)] + end()


LINES = [
    ("", []),
    ("a", ["a"]),
    ("a\n", ["a"]),
    ("\n", [""]),
    ("\r", [""]),
    ("\r\n", [""]),
    ("a\nb\r\nc\rd", ["a", "b", "c", "d"]),
    ("a\n\nb", ["a", "", "b"]),
    ("a\r\rb", ["a", "", "b"]),
    ("a\r\n\r\nb\r\n", ["a", "", "b"]),
    ("a\n\rb", ["a", "", "b"]),
    ("a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i\n", ["a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i"]),
]


@pytest.mark.parametrize(("text", "lines"), LINES)
def test_lines_end_with_lf_crlf_or_cr(text: str, lines: list[str]) -> None:
    for size in range(1, len(text) + 1):
        decoder = LineDecoder()
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert lines_of(decoder.feed, decoder.end, pieces) == lines
    decoder = LineDecoder()
    assert lines_of(decoder.feed, decoder.end, ["", *text, ""]) == lines


@given(st.lists(st.text("ab\r\n", max_size=6)))
def test_lines_do_not_depend_on_the_cuts(pieces: list[str]) -> None:
    decoder = LineDecoder()
    whole = "".join(pieces).replace("\r\n", "\n").replace("\r", "\n")
    expected = whole.removesuffix("\n").split("\n") if whole else []
    assert lines_of(decoder.feed, decoder.end, pieces) == expected


def test_a_line_is_given_as_soon_as_it_ends() -> None:
    decoder = LineDecoder()
    assert decoder.feed("a\r") == ["a"]
    assert decoder.feed("\n") == []
    assert decoder.feed("\nb") == [""]
    assert decoder.end() == ["b"]
    assert decoder.end() == []


@pytest.mark.parametrize("pieces", [["123456"], ["123", "456"], ["a\n12", "3456\n"], ["123456\n"], ["a\n123456\nb\n"]])
def test_a_line_that_is_too_long_is_refused(pieces: list[str]) -> None:
    decoder = LineDecoder(max_line=5)
    with pytest.raises(LimitExceeded, match="a line of more than 5 characters"):
        lines_of(decoder.feed, decoder.end, pieces)


def test_lines_up_to_the_limit_pass() -> None:
    decoder = LineDecoder(max_line=5)
    assert lines_of(decoder.feed, decoder.end, ["12345\n123", "45", "\n", "12345"]) == ["12345"] * 3


def test_ghsa_f2fp_rgf2_35cp_a_long_line_in_small_pieces_is_kept_once() -> None:
    """Joining what there is with each new piece would take quadratic time."""
    decoder = LineDecoder()
    joined: list[Any] = [decoder.feed("x") for _ in range(100_000)]
    assert not any(joined)
    assert len(decoder._parts) == 100_000
    assert decoder.end() == ["x" * 100_000]
