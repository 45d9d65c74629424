"""values/cookies/files.py: cookies in files."""

from __future__ import annotations

import http.cookiejar
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidRequest
from courser.values.cookies.files import FORMATS, read, write_file
from courser.values.cookies.record import Cookie, checked_cookie

ALL = [
    Cookie("plain", "1", "example.org", "/", True, created=1.5),
    Cookie(
        "all", 'x, "y"=\\012', ".example.org".lstrip("."), "/p", False, True, True, "Strict", True, 2_000_000_000, 2.25
    ),
    Cookie("general", "", created=3.0),
    Cookie("address", "a\tb", "::1", "/", True, created=4.0),
    Cookie("é", "\udce9☕", "xn--mnchen-3ya.example", "/", created=5.0),
]


@pytest.mark.parametrize("layout", FORMATS)
def test_nothing_is_lost(layout: str) -> None:
    """FEATURES 1.8, "Persistence": host-only, SameSite, Partitioned, creation, expiry, bytes that are no UTF-8."""
    assert read(FORMATS[layout](ALL)) == ALL
    assert read(FORMATS[layout]([])) == []


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=";\x7f", min_codepoint=32), max_size=8)


@given(
    st.builds(
        Cookie,
        TEXT.filter(lambda text: text and "=" not in text and text.strip(" \t") == text),
        TEXT.filter(lambda text: text.strip(" \t") == text),
        st.sampled_from(["", "example.org", "a.example"]),
        st.sampled_from(["/", "/x/y"]),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.sampled_from([None, "Lax"]),
        st.booleans(),
        st.none() | st.integers(-5, 2**40).filter(bool),
        st.floats(0, 2**40),
    ),
    st.sampled_from(list(FORMATS)),
)
def test_any_cookie_comes_back(cookie: Cookie, layout: str) -> None:
    cookie = checked_cookie(cookie)

    assert read(FORMATS[layout]([cookie])) == [cookie]


def test_what_other_programs_read(tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    path.write_bytes(FORMATS["netscape"](ALL[:2]))
    jar = http.cookiejar.MozillaCookieJar(path)

    jar.load(ignore_discard=True, ignore_expires=True)

    assert sorted(
        (cookie.name, cookie.value, cookie.domain, cookie.path, cookie.secure, cookie.expires) for cookie in jar
    ) == [
        ("all", 'x, "y"=\\012', ".example.org", "/p", True, 2_000_000_000),
        ("plain", "1", "example.org", "/", False, 0),
    ]


def test_what_other_programs_write() -> None:
    text = (
        "# Netscape HTTP Cookie File\r\n# This is a generated file!  Do not edit.\r\n\r\n"
        ".example.org\tTRUE\t/x\tTRUE\t2000000000\ta\t1\r\n"
        "#HttpOnly_www.example.org\tFALSE\t/\tFALSE\t0\tb\t\r\n"
        "example.org\tTRUE\t/\tfalse\t\tc\tx\ty\n"
    )

    assert read(text.encode()) == [
        Cookie("a", "1", "example.org", "/x", False, secure=True, expires=2_000_000_000),
        Cookie("b", "", "www.example.org", "/", True, http_only=True),
        Cookie("c", "x\ty", "example.org", host_only=False),
    ]


def test_json_of_others() -> None:
    assert read(b'\xef\xbb\xbf [{"name": "a", "value": "1", "domain": ".Example.org"}]') == [
        Cookie("a", "1", "example.org", host_only=False)
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "it begins like JSON"),
        (b"[1]", "cookie 1: not an object"),
        (b"{}", "it is JSON: but not a list of cookies"),
        (b'{"cookies": 1}', "it is JSON: but not a list"),
        (b'[{"name": "a"}]', "cookie 1: not an object of name, value"),
        (b'[{"name": "a", "value": "1", "color": 1}]', "cookie 1: not an object"),
        (b'[{"name": "a", "value": 1}]', "cookie 1: the value of cookie 'a' is a str, not int"),
        (b'[{"name": "a", "value": "1"}, {"name": "", "value": ""}]', "cookie 2: the name of a cookie is empty"),
        (b'[{"name": "a", "value": "1", "secure": 1}]', "cookie 1: secure is neither true nor false"),
        (b'[{"name": "a", "value": "1", "created": "x"}]', "cookie 1: created is no number"),
        (b'[{"name": "a", "value": "1", "created": true}]', "cookie 1: created is no number"),
        (b'[{"name": "a", "value": "1", "same_site": "odd"}]', "cookie 1: same_site"),
        (b'[{"name": "a", "value": "x\\r\\ny"}]', "cookie 1: the value of cookie 'a' holds"),
        (b"\n\nexample.org\n", "line 3: not seven fields"),
        (b"x\tTRUE\t/\tTRUE\tsoon\ta\t1", "line 1: not seven fields"),
        (b"x\tTRUE\t/\tTRUE\t" + b"9" * 5000 + b"\ta\t1", "line 1: not seven fields"),
        (b"x\tTRUE\tp\tTRUE\t0\ta\t1", "line 1: the path of cookie 'a'"),
        (b"#courser {", "line 1: "),
        (b"#courser 1", "line 1: not an object of same_site"),
        (b'#courser {"name": "a"}', "line 1: not an object of same_site"),
        (b'#courser {"created": "x"}\nx\tTRUE\t/\tTRUE\t0\ta\t1', "line 2: created is no number"),
        (b"\x80\x04\x95N.", "line 1: not seven fields"),
    ],
)
def test_what_is_no_file_of_cookies(data: bytes, message: str) -> None:
    """CVE-2026-34993: nothing is unpickled; a file holds cookies, or it is refused."""
    with pytest.raises(InvalidRequest, match=message):
        read(data)


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    """aiohttp #12312: mode 0600, whatever was there before."""
    path = tmp_path / "jar"
    path.write_bytes(b"old")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        write_file(str(path), b"new")
    finally:
        os.umask(before)

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["jar"]


@pytest.mark.parametrize("name", ["replace", "open"])
def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / "jar"
    path.write_bytes(b"old")

    def broken(*args: Any, **options: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, name, broken)
        with pytest.raises(OSError, match="no space"):
            write_file(str(path), b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["jar"]


def test_a_link_goes_on_to_lead_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "jar")

    write_file(str(tmp_path / "link"), b"new")

    assert (tmp_path / "there" / "jar").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()


def test_json_is_for_people_too() -> None:
    assert json.loads(FORMATS["json"](ALL[:1])) == {"cookies": [ALL[0]._asdict()]}
