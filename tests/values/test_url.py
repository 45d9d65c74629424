"""values/url.py: the URL, its two parsers and its derivations."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidURL, UnsupportedScheme
from courser.values import reference
from courser.values.url import URL, as_http, as_websocket, parse_url

VECTORS = Path(os.environ.get("COURSER_VECTORS", Path(__file__).parents[2] / "../shared/vectors"))
SPOKEN = ("http:", "https:", "ws:", "wss:")

EXCEPTIONS = {
    "http://GOO\u200b\u2060\ufeffgoo.com": "an invisible character in the host is refused (yarl #1655)",
    "https://a%C2%ADb/": "an invisible character in the host is refused (yarl #1655)",
    "http://example.com/\ud800\U000107fe\udfff\ufdd0\ufdcf\ufdef\ufdf0\ufffe\uffff?"
    "\ud800\U000107fe\udfff\ufdd0\ufdcf\ufdef\ufdf0\ufffe\uffff": "a lone surrogate is refused, not replaced: data",
}


def load(name: str) -> Any:
    path = VECTORS / "url" / name
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def skipped(name: str) -> list[Any]:
    return [pytest.param(None, marks=pytest.mark.skip(reason=f"the vectors {name} are absent"))]


def spoken(text: str | None) -> bool:
    return text is not None and reference.strip(text).lower().startswith(SPOKEN)


def wpt_cases() -> list[Any]:
    names = ["urltestdata.json", "urltestdata-javascript-only.json", "ada_extra_urltestdata.json"]
    files = [load(name) for name in names]
    if None in files:
        return skipped("url/*.json")
    cases = [case for file in files for case in file if isinstance(case, dict)]
    return [case for case in cases if spoken(case.get("href")) or spoken(case["input"]) or spoken(case.get("base"))]


def resolve(case: dict[str, Any]) -> URL:
    return URL(case["base"]).join(case["input"]) if spoken(case.get("base")) else URL(case["input"])


@pytest.mark.parametrize("case", wpt_cases())
def test_the_url_vectors_of_the_web_platform_tests(case: dict[str, Any]) -> None:
    if not spoken(case.get("href")) or case["input"] in EXCEPTIONS:
        with pytest.raises((InvalidURL, UnsupportedScheme)):
            resolve(case)
        return
    url = resolve(case)
    assert str(url) == case["href"]
    assert url.scheme + ":" == case["protocol"]
    assert (url.raw_username, url.raw_password) == (case["username"], case["password"])
    assert reference.bracketed(url.host) == case["hostname"]
    assert str("" if url.explicit_port is None else url.explicit_port) == case["port"]
    assert url.authority.decode() == case["host"]
    assert url.path == case["pathname"]
    assert ("?" + url.query if url.query else "") == case["search"]
    assert ("#" + url.fragment if url.fragment else "") == case["hash"]
    assert_reads_back(url)


def test_the_exceptions_are_cases_of_the_vectors() -> None:
    cases = wpt_cases()
    if not isinstance(cases[0], dict):
        pytest.skip("the vectors are absent")
    assert set(EXCEPTIONS) <= {case["input"] for case in cases if spoken(case.get("href"))}
    assert len(cases) > 480


SETTERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "protocol": ("scheme", lambda value: value.removesuffix(":")),
    "username": ("username", str),
    "password": ("password", str),
    "hostname": ("host", str),
    "port": ("port", lambda value: int(value) if value.isdecimal() else value or None),
    "pathname": ("path", str),
    "search": ("query", lambda value: value.removeprefix("?") if value else None),
    "hash": ("fragment", lambda value: value.removeprefix("#") if value else None),
}


def setter_cases() -> list[Any]:
    file = load("setters_tests.json")
    if file is None:
        return skipped("url/setters_tests.json")
    return [(name, case) for name in SETTERS for case in file[name] if spoken(case["href"])]


@pytest.mark.parametrize("named", setter_cases())
def test_the_setter_vectors_of_the_web_platform_tests_that_map_onto_replace(named: tuple[str, dict[str, Any]]) -> None:
    """Where a browser ignores a value or takes a part of it, replace refuses it."""
    name, case = named
    url, (part, convert) = URL(case["href"]), SETTERS[name]
    try:
        changed = url.replace(**{part: convert(case["new_value"])})
    except (InvalidURL, UnsupportedScheme, TypeError):
        ignored = case["expected"]["href"] == str(URL(case["href"]))
        cut = re.search(r"[\x00-\x20/\\?#:+]|%C2%AD|[0-9][a-z]", case["new_value"])
        assert ignored or cut
        return
    if part in ("username", "password") and "%" in case["new_value"]:
        assert getattr(changed, part) == case["new_value"]  # plain text here, so that its % is escaped
    else:
        assert str(changed) == case["expected"]["href"]
    assert_reads_back(changed)


def attempt(function: Callable[[str], URL], text: str) -> URL | InvalidURL | UnsupportedScheme:
    try:
        return function(text)
    except (InvalidURL, UnsupportedScheme) as error:
        return error


def assert_reads_back(url: URL) -> None:
    again = URL(str(url))
    assert again == url
    assert all(getattr(again, name) == getattr(url, name) for name in URL.__mro__[1].__slots__)  # type: ignore[attr-defined]


NORMAL = [
    "https://example.org/",
    "https://example.org",
    "https://api.github.com/repos/python/cpython/issues?state=open&per_page=100",
    "http://user:secret@example.org:8080/path/to/file",
    "https://example.org/a%20b/%C3%A9?q=caf%C3%A9&x=%2F#top",
    "https://s3.amazonaws.com/b/k.tar.gz?X-Amz-Credential=A%2F2026%2Faws4_request&X-Amz-Signature=fe5f80",
    "http://127.0.0.1:8080/x",
    "wss://a.example/.well-known/..x?#",
    "ws://user@a_b.example//a'b?c&^`|",
    "http://xn--mnchen-3ya.example/",
]

UNUSUAL = [
    "HTTP://EXAMPLE.org:80/%7Ea/../b c?d e#f g",
    "https://example.org?x",
    "https://example.org.:443#x",
    "http://[2001:db8::1]:8080/",
    "http://[fe80::1%25eth0]/",
    "http://münchen.example/ü?ü#ü",
    "http://@h/",
    "http://:p@h/",
    "http://u:@h/",
    "http://h:0/",
    "http://h:65535/",
    "http://0x7f.1/",
]


@pytest.mark.parametrize("text", NORMAL + UNUSUAL)
def test_both_parsers_agree(text: str) -> None:
    url, parts = URL(text), reference.parse(text)
    assert str(url) == str(parts)
    assert (url.scheme, url.raw_username, url.raw_password) == parts[:3]
    assert (url.host, url.explicit_port, url.path) == parts[3:6]
    assert (url.query, url.fragment) == (parts.query or "", parts.fragment or "")
    assert_reads_back(url)


@pytest.mark.parametrize("text", NORMAL)
def test_a_normal_url_takes_one_match(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courser.values.url.parse", None)
    parse_url.__globals__["_parse"](text)


def test_every_attribute() -> None:
    url = URL("https://us%65r:p%C3%A4ss@example.org:8443/a/b?c=d&e#f")
    assert (url.scheme, url.host, url.port, url.explicit_port) == ("https", "example.org", 8443, 8443)
    assert (url.username, url.password) == ("user", "päss")
    assert (url.raw_username, url.raw_password) == ("us%65r", "p%C3%A4ss")
    assert url.credentials == (b"user", "päss".encode())
    assert (url.path, url.query, url.fragment) == ("/a/b", "c=d&e", "f")
    assert (url.target, url.authority) == (b"/a/b?c=d&e", b"example.org:8443")
    assert url.origin == ("https", "example.org", 8443)
    assert url.is_secure
    assert url.text == str(url) == "https://us%65r:p%C3%A4ss@example.org:8443/a/b?c=d&e#f"


def test_the_defaults_of_attributes() -> None:
    url = URL("ws://example.org")
    assert (url.port, url.explicit_port, url.path, url.query, url.fragment) == (80, None, "/", "", "")
    assert (url.target, url.authority, url.origin) == (b"/", b"example.org", ("ws", "example.org", 80))
    assert url.credentials is None
    assert not url.is_secure
    assert URL("wss://example.org").is_secure


def test_an_ipv6_host_has_brackets_on_the_wire_and_no_zone() -> None:
    url = URL("http://[FE80:0::1%25eth0]:81/")
    assert (url.host, url.authority, str(url)) == ("fe80::1%eth0", b"[fe80::1]:81", "http://[fe80::1%25eth0]:81/")
    assert URL("http://a.example:81/").replace(host=url.host) == url


def test_a_host_is_shown_in_unicode() -> None:
    assert URL("https://München.example").host == "xn--mnchen-3ya.example"
    assert URL("https://München.example").host_unicode == "münchen.example"


def test_an_absent_query_is_not_an_empty_one() -> None:
    assert URL("http://h/?") != URL("http://h/")
    assert URL("http://h/?").target == b"/?"
    assert URL("http://h/#") != URL("http://h/")
    assert str(URL("http://h/?").replace(path="/x")) == "http://h/x?"


class Text(str):
    """A text that is more than a text."""


def test_a_url_is_made_of_text_or_a_url() -> None:
    url = URL("http://h/")
    assert URL(url) is url
    assert type(URL(Text("http://h/")).text) is str
    for other in (b"http://h/", None, 1):
        with pytest.raises(TypeError, match="a URL is a str or a URL, not"):
            URL(other)  # type: ignore[arg-type]


def test_lately_seen_texts_are_not_parsed_again() -> None:
    assert parse_url("http://cached.example/") is parse_url("http://cached.example/")
    long = "http://h/" + "x" * 2048
    assert parse_url(long) is not parse_url(long)
    assert parse_url(long) == parse_url(long)


def test_it_is_a_value() -> None:
    url = URL("http://h/a")
    assert url == URL("HTTP://h:80/a")
    assert hash(url) == hash(URL("HTTP://h:80/a"))
    assert url != URL("http://h/b")
    assert url != "http://h/a"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(url, protocol)) == url
    assert copy.copy(url) == copy.deepcopy(url) == url


def test_it_is_immutable() -> None:
    url: Any = URL("http://h/a")
    with pytest.raises(AttributeError, match=r"immutable: use replace\(path=\.\.\.\)"):
        url.path = "/b"
    with pytest.raises(AttributeError, match="immutable"):
        del url.path
    with pytest.raises(AttributeError, match="immutable"):
        url.other = 1


def test_logs_and_reprs_hold_no_secret() -> None:
    url = URL("https://user:secret@h/a?key=secret&=secret&flag&b=secret=secret#secret")
    assert url.redacted() == "https://h/a?key=***&=***&flag&b=***"
    assert repr(url) == "URL('https://h/a?key=***&=***&flag&b=***')"
    assert URL("https://h/?").redacted() == "https://h/?"
    assert URL("https://h/").redacted() == "https://h/"


@pytest.mark.parametrize(
    ("base", "given", "text"),
    [
        ("https://h/api", "items", "https://h/api/items"),
        ("https://h/api/", "/items", "https://h/api/items"),
        ("https://h/api", "//evil.example/x", "https://h/api/evil.example/x"),
        ("https://h/api", "\\\\evil.example/x", "https://h/api/evil.example/x"),
        ("https://h/api", "/", "https://h/api/"),
        ("https://h/api", "", "https://h/api"),
        ("https://h/api", "?a=1#f", "https://h/api?a=1#f"),
        ("https://u:p@h:81/api?key=1#x", "items?a=%41#f", "https://u:p@h:81/api/items?key=1&a=%41#f"),
        ("https://h/api?key=1", "items?", "https://h/api/items?key=1"),
        ("https://h/api", "items?", "https://h/api/items?"),
        ("https://h", "a b/é", "https://h/a%20b/%C3%A9"),
        ("https://h/a/b", "../c", "https://h/a/c"),
        ("https://h/v1", "users:search", "https://h/v1/users:search"),
        ("https://h/v1", "http://other/x", "http://other/x"),
        ("https://h/v1", " HTTPS:other", "https://other/"),
    ],
)
def test_append(base: str, given: str, text: str) -> None:
    assert str(URL(base).append(given)) == text


def test_append_and_join_take_urls_and_refuse_other_schemes() -> None:
    url, other = URL("https://h/a/b"), URL("http://other/")
    assert url.append(other) is other
    assert url.join(other) is other
    assert str(url.join("c?d")) == "https://h/a/c?d"
    for method in (url.append, url.join):
        with pytest.raises(UnsupportedScheme):
            method("file:///etc/passwd")
    with pytest.raises(InvalidURL):
        url.append("http://[")


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("http://h/", {"a": "1 2"}, "http://h/?a=1%202"),
        ("http://h/?x=%41+'", {"a": [1, True, None]}, "http://h/?x=%41+%27&a=1&a=true"),
        ("http://h/?x=1&#f", {"a": 1}, "http://h/?x=1&a=1#f"),
        ("http://h/?#f", [("a", 1)], "http://h/?a=1#f"),
        ("http://h/?x", "b=%2f&c=#d e", "http://h/?x&b=%2f&c=%23d%20e"),
        ("http://h/?x", b"y=\xff", "http://h/?x&y=%FF"),
        ("http://h/?x", None, "http://h/?x"),
        ("http://h/?x", {}, "http://h/?x"),
        ("http://h/?x", {"a": None}, "http://h/?x"),
        ("http://[::1]/", "a\r\nb", "http://[::1]/?a%0D%0Ab"),
    ],
)
def test_parameters_are_appended_to_the_query_which_stays(text: str, params: Any, expected: str) -> None:
    url = URL(text).with_params(params)
    assert str(url) == expected
    assert_reads_back(url)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "https://u:p@h:81/a?b#c"),
        ({"scheme": "WSS"}, "wss://u:p@h:81/a?b#c"),
        ({"scheme": "http", "port": 80}, "http://u:p@h/a?b#c"),
        ({"host": "Ö.example"}, "https://u:p@xn--nda.example:81/a?b#c"),
        ({"host": "::1"}, "https://u:p@[::1]:81/a?b#c"),
        ({"host": "[::1]"}, "https://u:p@[::1]:81/a?b#c"),
        ({"host": "127.1"}, "https://u:p@127.0.0.1:81/a?b#c"),
        ({"port": None}, "https://u:p@h/a?b#c"),
        ({"port": 443}, "https://u:p@h/a?b#c"),
        ({"port": 0}, "https://u:p@h:0/a?b#c"),
        ({"username": "a:b@c/d%20"}, "https://a%3Ab%40c%2Fd%2520:p@h:81/a?b#c"),
        ({"username": None}, "https://:p@h:81/a?b#c"),
        ({"password": "?#\r\n"}, "https://u:%3F%23%0D%0A@h:81/a?b#c"),
        ({"password": None}, "https://u@h:81/a?b#c"),
        ({"path": ""}, "https://u:p@h:81/?b#c"),
        ({"path": "x y/%41/../z"}, "https://u:p@h:81/x%20y/z?b#c"),
        ({"path": "//evil.example"}, "https://u:p@h:81//evil.example?b#c"),
        ({"path": "@evil.example\r\n "}, "https://u:p@h:81/@evil.example%0D%0A%20?b#c"),
        ({"query": None}, "https://u:p@h:81/a#c"),
        ({"query": ""}, "https://u:p@h:81/a?#c"),
        ({"query": "?x=%41 \t"}, "https://u:p@h:81/a??x=%41%20%09#c"),
        ({"fragment": None}, "https://u:p@h:81/a?b"),
        ({"fragment": "#x\n"}, "https://u:p@h:81/a?b##x%0A"),
    ],
)
def test_replace(changes: dict[str, Any], text: str) -> None:
    url = URL("https://u:p@h:81/a?b#c").replace(**changes)
    assert str(url) == text
    assert_reads_back(url)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scheme": "http://evil"}, "unsupported scheme: 'http://evil' is not http, https, ws or wss"),
        ({"scheme": ""}, "unsupported scheme: '' is not"),
        ({"host": "a@b"}, "the host holds '@', at its index 1"),
        ({"host": "a/.."}, "the host holds '/', at its index 1"),
        ({"host": "a:80"}, "the host holds ':', at its index 1"),
        ({"host": "a\r\nb"}, r"the host holds '\\r', at its index 1"),
        ({"host": ""}, "the host is empty"),
        ({"port": 65536}, "the port is not a number up to 65535"),
        ({"port": -1}, "the port is not a number up to 65535"),
        ({"path": "/a?b"}, r"the path holds '\?', at its index 2 \(give .* or write %3F\)"),
        ({"path": "/a#b"}, "the path holds '#', at its index 2"),
        ({"query": "a#b"}, "the query holds '#', at its index 1"),
        ({"query": "\ud800"}, "surrogate"),
    ],
)
def test_cve_2021_41945_no_part_reaches_into_another(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((InvalidURL, UnsupportedScheme), match=message):
        URL("https://u:p@h:81/a?b#c").replace(**changes)


@pytest.mark.parametrize("port", [True, "80", 80.0])
def test_a_port_is_an_int(port: Any) -> None:
    with pytest.raises(TypeError, match="a port is an int or None"):
        URL("http://h/").replace(port=port)


def test_user_information_and_fragment_are_left_out_on_demand() -> None:
    url = URL("http://u:p@h/?x#f")
    assert str(url.without_fragment()) == "http://u:p@h/?x"
    assert str(url.without_userinfo()) == "http://h/?x#f"
    bare = URL("http://h/?x")
    assert bare.without_fragment() is bare
    assert bare.without_userinfo() is bare


# SECURITY: what was published against others


@pytest.mark.parametrize(
    "character", ["\r", "\n", "\r\n", "\0", " ", "\t", "\x7f", "\x85", "\u010d", "\u010a", "\u2028"]
)
@pytest.mark.parametrize(
    "template", ["http://h/{}x", "http://h/?{}x", "http://h/#{}x", "http://u{}:p{}@h/", "http://h{}/", "http://h:8{}0/"]
)
def test_cve_2019_11236_cve_2019_9740_cve_2022_0391_no_raw_character_passes(character: str, template: str) -> None:
    try:
        url = URL(template.replace("{}", character))
    except InvalidURL:
        return
    assert re.fullmatch(rb"[!-~]+", url.target + url.authority)
    assert re.fullmatch(r"[!-~]+", str(url))


@pytest.mark.parametrize("text", ["http://h/" + "%ff%fe" * 170_000, "http://h/?" + "é" * 1_000_000])
def test_cve_2020_7212_a_megabyte_is_refused_at_once(text: str) -> None:
    with pytest.raises(InvalidURL, match="characters, at most 65536 are taken"):
        URL(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://" + "@" * 65_000 + "h/",
        "http://" + "a:" * 32_000 + "@h/",
        "http://h/" + "../" * 21_000,
        "http://h/" + "a/../" * 13_000,
        "http://h/" + "%2e%2e/" * 9_000,
        "http://" + "[" * 65_000,
        "http://" + "[]" * 32_000,
        "http://" + "a." * 32_000,
        "http://" + "0" * 65_000,
        "http://h:" + "0" * 65_000,
        "http:" + "/" * 65_000,
        "http://" + "u" * 65_527 + "@h",
        "http://h/" + "é" * 65_000,
        "http://h/?" + "&" * 65_000,
        " " * 65_000,
        "a" * 65_000,
        "a" * 65_000 + ":",
    ],
)
def test_cve_2021_33503_the_longest_texts_are_finished_with(text: str) -> None:
    result = attempt(URL, text)
    if isinstance(result, URL):
        assert_reads_back(result)
    else:
        assert len(str(result)) < 500


@pytest.mark.parametrize(
    "text",
    [
        "http://[",
        "http://[::1",
        "http://]",
        "http://[]/",
        "http://h:",
        "http://[::1]:x",
        "http://[1::2::3]",
        "http://%",
    ],
)
def test_cve_2022_33124_garbage_is_an_invalid_url_and_nothing_else(text: str) -> None:
    assert type(attempt(URL, text)) in (InvalidURL, URL)


@pytest.mark.parametrize("text", [" http://h/", "\x00\x1fhttp://h/", "\nhttp://h/"])
def test_cve_2023_24329_leading_blanks_change_nothing(text: str) -> None:
    assert URL(text) == URL("http://h/")


@pytest.mark.parametrize("text", ["http://[v1.x]/", "http://[g]/", "http://a[b]c/", "http://[::1]x/"])
def test_cve_2024_11168_cve_2025_0938_brackets_hold_ipv6(text: str) -> None:
    with pytest.raises(InvalidURL):
        URL(text)


@pytest.mark.parametrize(
    "text", ["http://[:localhost[]].google:80", "http://127.0.0.1[aa::ff]", "http://[::1]allowed.example:1/"]
)
def test_yarl_1661_1654_1672_host_confusion(text: str) -> None:
    with pytest.raises(InvalidURL):
        URL(text)


@pytest.mark.parametrize("text", ["http://good.example\\@evil.example/", "http:\\\\good.example\\@evil.example"])
def test_yarl_1659_a_backslash_ends_the_authority(text: str) -> None:
    assert URL(text).host == "good.example"
    assert URL("http://base/").join(text).host == "good.example"


@pytest.mark.parametrize(
    "reference", ["ht%74p://evil.example", "%68ttp:evil.example", "./http://evil.example", ".//evil.example"]
)
def test_yarl_1669_1802_a_relative_path_never_becomes_absolute(reference: str) -> None:
    url = URL("http://h/").join(reference)
    assert url.host == "h"
    assert_reads_back(url)


def test_cve_2021_21330_two_slashes_are_another_origin() -> None:
    url = URL("https://h/")
    assert url.join("//evil.example").origin == ("https", "evil.example", 443)
    assert url.join("/\\evil.example").origin != url.origin


def test_curl_cve_2016_8624_cve_2022_27780_the_host_ends_where_it_ends() -> None:
    assert URL("http://example.com#@evil.example/").host == "example.com"
    for text in ("http://example.com%2F10.0.0.1/", "http://example.com%00/", "http://example.com%0d%0a/"):
        with pytest.raises(InvalidURL):
            URL(text)


def test_axios_cve_2025_27152_a_path_stays_below_its_base_origin() -> None:
    base = URL("https://h/api/")
    for path in (
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "@evil.example",
        ":80",
        "?@evil",
    ):
        assert base.append(path).origin == base.origin


def test_requests_cve_2024_47081_the_user_is_not_the_host() -> None:
    assert URL("http://github.com:x@evil.example/").host == "evil.example"


@pytest.mark.parametrize("text", ["http://2130706433/", "http://0177.1/", "http://127.1/", "http://①②⑦.0.0.1/"])
def test_aiohttp_12827_an_ipv4_address_is_seen_as_one(text: str) -> None:
    assert URL(text).host == "127.0.0.1"


# Properties

CHARACTERS = [*"/\\@:?#[]%aBéß☕&='\"<^{| \t\n\0\u200d\u05d0\ud800"]
PIECES = st.sampled_from(
    ["http", "https:", "ws:", "//", "::1", ".", "..", "%2e", "80", "0x7f", "127.0.0.1", "xn--", *CHARACTERS]
)
TEXTS = (
    st.text()
    | st.lists(PIECES, max_size=16).map("".join)
    | st.lists(PIECES, max_size=12).map(lambda p: "http://" + "".join(p))
)


@given(TEXTS)
def test_any_text_is_a_url_that_reads_back_or_refused(text: str) -> None:
    url = attempt(URL, text)
    if not isinstance(url, URL):
        assert str(url).isascii()
        return
    assert_reads_back(url)
    assert str(reference.parse(text)) == str(url)
    assert repr(url)
    assert url.host_unicode
    assert URL(url.redacted()).host == url.host


@given(TEXTS, TEXTS)
def test_any_reference_is_joined_and_appended_or_refused(base: str, text: str) -> None:
    try:
        url = URL(base)
    except (InvalidURL, UnsupportedScheme):
        url = URL("https://u:p@h:81/a/b?c#d")
    for method in (url.join, url.append):
        try:
            assert_reads_back(method(text))
        except (InvalidURL, UnsupportedScheme):
            continue


@given(st.sampled_from(["scheme", "host", "username", "password", "path", "query", "fragment"]), TEXTS)
def test_any_part_is_replaced_alone_or_refused(part: str, value: str) -> None:
    url = URL("https://u:p@h:81/a?b#c")
    try:
        changed = url.replace(**{part: value})  # type: ignore[arg-type]
    except (InvalidURL, UnsupportedScheme):
        return
    assert_reads_back(changed)
    for name in {"scheme", "host", "username", "password", "path", "query", "fragment"} - {part}:
        assert getattr(changed, name) == getattr(url, name)
    if part in ("username", "password"):
        assert getattr(changed, part) == value


@given(
    st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.booleans()))
    | st.text()
    | st.binary()
)
def test_any_parameters_change_the_query_alone_or_are_refused(params: Any) -> None:
    url = URL("https://u:p@h:81/a?b=%41#c")
    try:
        changed = url.with_params(params)
    except InvalidURL:
        return
    assert_reads_back(changed)
    assert changed.query.startswith("b=%41")
    assert changed.replace(query="b=%41") == url


@pytest.mark.parametrize(
    ("http", "websocket"),
    [
        ("http://a/b?c#d", "ws://a/b?c#d"),
        ("https://u:p@a:8443/", "wss://u:p@a:8443/"),
        ("HTTP://A:80", "ws://a/"),
        ("https://a:443/", "wss://a/"),
    ],
)
def test_a_websocket_has_a_url_of_its_own_and_one_for_its_handshake(http: str, websocket: str) -> None:
    assert str(as_websocket(URL(http))) == websocket
    assert as_http(URL(websocket)) == URL(http)
    assert as_http(as_http(URL(websocket))) == URL(http)
    assert str(as_websocket(URL(websocket))) == websocket
