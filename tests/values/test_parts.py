"""The parts of a multipart: every form of a file that Requests and HTTPX take, and nothing that could break a line."""

from __future__ import annotations

import io
import mimetypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from bodies import agenerate, drain, generate
from formdata import Entry
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidRequest
from courser.values.parts import Part, make_parts


def read(parts: Iterable[Part]) -> list[Entry]:
    """The parts as a server sees them."""
    entries = []
    for part in parts:
        assert part.head.endswith(b"\r\n\r\n")
        entries.append(Entry(part.head[:-4], b"".join(drain(part.body))))
    return entries


def file(value: Any) -> Entry:
    """What one value of `files` becomes."""
    (entry,) = read(make_parts(None, {"f": value}))
    assert entry.name == "f"
    return entry


def named(name: Any, data: bytes = b"abc") -> io.BytesIO:
    """A file with a name."""
    made = io.BytesIO(data)
    made.name = name
    return made


OCTETS = "application/octet-stream"

FORMS = [
    (b"abc", ("f", "upload", OCTETS, b"abc")),
    ("é", ("f", "upload", OCTETS, "é".encode())),
    (bytearray(b"abc"), ("f", "upload", OCTETS, b"abc")),
    (io.BytesIO(b"abc"), ("f", "upload", OCTETS, b"abc")),
    (named("/a/b.html"), ("f", "b.html", "text/html", b"abc")),
    (named(b"b.html"), ("f", "b.html", "text/html", b"abc")),
    (named("<stdin>"), ("f", "upload", OCTETS, b"abc")),
    (named(5), ("f", "upload", OCTETS, b"abc")),
    (named("/a/"), ("f", "upload", OCTETS, b"abc")),
    (generate(b"a", b"bc"), ("f", "upload", OCTETS, b"abc")),
    (agenerate(b"a", "bc"), ("f", "upload", OCTETS, b"abc")),
    (lambda: [b"abc"], ("f", "upload", OCTETS, b"abc")),
    (("b.png", b"abc"), ("f", "b.png", "image/png", b"abc")),
    (("b.png", "abc"), ("f", "b.png", "image/png", b"abc")),
    (("b.png", io.BytesIO(b"abc")), ("f", "b.png", "image/png", b"abc")),
    (("b.png", [b"a", "bc"]), ("f", "b.png", "image/png", b"abc")),
    (("b.png", generate(b"abc")), ("f", "b.png", "image/png", b"abc")),
    (("b.png", named("other")), ("f", "b.png", "image/png", b"abc")),
    (("b", b"abc", "text/x"), ("f", "b", "text/x", b"abc")),
    (("b.png", b"abc", None), ("f", "b.png", "image/png", b"abc")),
    (("b", b"abc", "text/x", {"X-A": "1"}), ("f", "b", "text/x", b"abc")),
    (("b", b"abc", None, [("content-type", "text/x")]), ("f", "b", "text/x", b"abc")),
    (("b", b"abc", "text/x", None), ("f", "b", "text/x", b"abc")),
    ((None, "abc"), ("f", None, None, b"abc")),
    ((None, b"abc"), ("f", None, None, b"abc")),
    ((None, b"{}", "application/json"), ("f", None, "application/json", b"{}")),
    ((None, named("x"), None, {"X-A": "1"}), ("f", None, None, b"abc")),
    (("", b"abc"), ("f", "", OCTETS, b"abc")),
]


@pytest.mark.parametrize(("value", "entry"), FORMS)
def test_every_form_of_a_file(value: Any, entry: tuple[str, str | None, str | None, bytes]) -> None:
    assert file(value) == entry


def test_a_path_and_an_open_file_have_their_name(tmp_path: Path) -> None:
    path = tmp_path / "märz.txt"
    path.write_bytes(b"abc")
    assert file(path) == ("f", "märz.txt", "text/plain", b"abc")
    with path.open("rb") as opened:
        opened.read(1)
        assert file(opened) == ("f", "märz.txt", "text/plain", b"bc")
    with open(os.open(path, os.O_RDONLY), "rb") as numbered:
        assert file(numbered) == ("f", "upload", OCTETS, b"abc")


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("a.tar.gz", "application/gzip"),
        ("a.svg.bz2", "application/x-bzip2"),
        ("a.txt.xz", "application/x-xz"),
        ("a.txt.br", OCTETS),
        ("a", OCTETS),
        ("a.unheard-of", OCTETS),
        ("A.PNG", "image/png"),
    ],
)
def test_the_type_is_guessed_from_the_name(filename: str, content_type: str) -> None:
    assert file((filename, b"abc")).content_type == content_type


def test_a_type_that_was_added_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    mimetypes.init()
    monkeypatch.setitem(mimetypes.types_map, ".unheard-of", "text/x-unheard-of")
    assert file(("a.unheard-of", b"abc")).content_type == "text/x-unheard-of"


def test_fields_of_a_part_follow_its_type() -> None:
    (part,) = make_parts(None, {"f": ("b", b"", "text/x", [("X-A", "1"), ("X-B", b"\xff")])})
    assert part.head == (
        b'Content-Disposition: form-data; name="f"; filename="b"\r\nContent-Type: text/x\r\nX-A: 1\r\nX-B: \xff\r\n\r\n'
    )


def test_fields_come_before_files_and_all_keep_their_order() -> None:
    parts = make_parts([("b", "1"), ("a", [2, True, None, b"\xff"])], [("f", b"1"), ("a", b"2"), ("f", b"3")])
    assert read(parts) == [
        ("b", None, None, b"1"),
        ("a", None, None, b"2"),
        ("a", None, None, b"true"),
        ("a", None, None, b"\xff"),
        ("f", "upload", OCTETS, b"1"),
        ("a", "upload", OCTETS, b"2"),
        ("f", "upload", OCTETS, b"3"),
    ]


def test_none_is_left_out() -> None:
    assert read(make_parts({"a": None}, {"f": None, "g": ("x", None), "h": b""})) == [("h", "upload", OCTETS, b"")]


# What is refused


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({"f": ["b", b"abc"]}, "part 'f' is a list"),
        ({"f": ()}, "part 'f' is a tuple of 0"),
        ({"f": (b"abc",)}, "part 'f' is a tuple of 1"),
        ({"f": ("b", b"", "", {}, 5)}, "part 'f' is a tuple of 5"),
        ({"f": (b"b", b"abc")}, "the file name of part 'f' is a str or None, not bytes"),
        ({"f": ("b", b"abc", {"X-A": "1"})}, "the content type of part 'f' is a str or None, not dict"),
        ({"f": ("b", b"abc", None, 5)}, "headers are a mapping"),
        ({"f": 5}, "part 'f' is bytes, str, .*, not int"),
        ({"f": {"a": 1}}, "part 'f' cannot be a mapping"),
        ({b"f": b""}, "the name of a field in files is a str"),
        (io.BytesIO(b"a\nb\n"), "files is a mapping or pairs .* this item is bytes"),
        ([io.BytesIO(b"abc")], "files is a mapping or pairs .* this item is BytesIO"),
        (("f", b"abc"), "files is a mapping or pairs .* this item is str"),
        (5, "files is a mapping or pairs of a name and a value, not int"),
        ({"f": io.StringIO("abc")}, "open it in binary mode"),
    ],
)
def test_other_types_are_refused(files: Any, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        make_parts(None, files)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (("b", b"", None, {"Content-Disposition": "form-data"}), "has a header Content-Disposition"),
        (("b", b"", "text/x", {"content-type": "text/y"}), "has a content type and a header Content-Type"),
    ],
)
def test_what_would_be_said_twice_is_refused(value: Any, match: str) -> None:
    with pytest.raises(InvalidRequest, match=match):
        make_parts(None, {"f": value})


def test_a_stream_cannot_be_two_parts() -> None:
    """The second one would be empty, and nobody would notice."""
    source = generate(b"abc")
    with pytest.raises(InvalidRequest, match="the parts 'f' and 'g' are one generator, which can be read only once"):
        make_parts(None, {"f": source, "g": ("b", source)})
    twice = io.BytesIO(b"abc")
    assert [entry.content for entry in read(make_parts(None, {"f": twice, "g": twice}))] == [b"abc", b"abc"]
    assert len(make_parts(None, {"f": generate(b"a"), "g": generate(b"b")})) == 2


# Injection


ADVISORIES = ("GHSA-h4x7-gw46-3wm6", "CVE-2026-34514", "GHSA-2vrm-gr82-f7m5", "CVE-2026-50269", "GHSA-m6qw-4cw2-hm4m")

LINES = ["\r", "\n", "\r\n", "\r\nX-Evil: 1", '"', '"; filename="x', '"\r\n\r\n--b--']
CONTROL = ["\0", "\x01", "\x0b", "\x1f", "\x7f", "a\0b"]


@pytest.mark.parametrize("advisory", ADVISORIES)
@pytest.mark.parametrize("text", LINES)
def test_no_name_breaks_a_line(advisory: str, text: str) -> None:
    """GHSA-h4x7-gw46-3wm6, CVE-2026-34514, CVE-2026-50269: names and file names are escaped as browsers do it."""
    evil = f"a{text}b"
    entries = read(make_parts({evil: "1"}, [(evil, (evil, b"2"))]))
    assert entries == [(evil, None, None, b"1"), (evil, evil, OCTETS, b"2")]


@pytest.mark.parametrize("advisory", ADVISORIES)
@pytest.mark.parametrize("text", [*LINES[:4], *CONTROL])
def test_no_type_and_no_field_breaks_a_line(advisory: str, text: str) -> None:
    """GHSA-h4x7-gw46-3wm6, CVE-2026-34514, CVE-2026-50269: content types and fields of parts are refused."""
    evil = f"text/a{text}b"
    for value in (
        ("b", b"", evil),
        (None, b"", evil),
        ("b", b"", None, {"X-A": evil}),
        ("b", b"", None, {evil: "1"}),
        ("b", b"", None, {"X-A": evil.encode()}),
        ("b", b"", None, {"Content-Type": evil}),
    ):
        with pytest.raises(InvalidRequest, match="header"):
            make_parts(None, {"f": value})


@pytest.mark.parametrize("text", CONTROL)
def test_no_name_has_a_control_character(text: str) -> None:
    """GHSA-h4x7-gw46-3wm6: what no escape covers is refused."""
    for data, files in (({text: "1"}, {}), (None, {text: b""}), (None, {"f": (text, b"")}), (None, {"f": named(text)})):
        with pytest.raises(InvalidRequest, match="of a part has a control character"):
            make_parts(data, files)


def test_a_lone_surrogate_is_refused() -> None:
    """T-INJ: such a name marks bytes that are no text; nobody knows what they would be for the server."""
    for files in ({"\udc80": b""}, {"f": ("\udc80", b"")}, {"f": named("\udc80")}):
        with pytest.raises(InvalidRequest, match="of a part has a lone surrogate"):
            make_parts(None, files)
    with pytest.raises(InvalidRequest, match="the text of the body has a lone surrogate"):
        make_parts({"a": "\udc80"}, {"f": b""})


@pytest.mark.parametrize("text", ["č", "Ċ", "Ġ", "\x80", "\x85", "\u2028"])
def test_no_character_becomes_another_one(text: str) -> None:
    """T-INJ: U+010D and U+010A are CR and LF when they are cut to bytes."""
    evil = f"a{text}b"
    (entry,) = read(make_parts(None, {evil: (evil, b"", f"text/{evil}")}))
    assert entry == (evil, evil, f"text/{evil}", b"")


SENDABLE = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\r\n\x80")


@given(st.text(SENDABLE), st.text(SENDABLE), st.binary())
def test_names_and_contents_come_back(name: str, filename: str, content: bytes) -> None:
    (entry,) = read(make_parts(None, {name: (filename, content, "text/x")}))
    expected = [text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n") for text in (name, filename)]
    assert entry == (*expected, "text/x", content)
