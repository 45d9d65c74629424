"""NO_PROXY, entry by entry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.policies.noproxy import NoProxy
from courser.values.url import URL

CASES = [
    # entry, reached directly, through the proxy
    ("*", ["http://a.example", "http://1.2.3.4", "http://[::1]"], []),
    ("x.example, *", ["http://a.example", "http://1.2.3.4"], []),
    ("*:8080", ["http://a.example:8080", "http://1.2.3.4:8080"], ["http://a.example"]),
    (
        "example.com",
        ["http://example.com", "https://example.com", "http://a.example.com", "http://a.b.example.com:81"],
        ["http://notexample.com", "http://example.com.evil.test", "http://example.org", "http://com"],
    ),
    (".example.com", ["http://example.com", "http://a.example.com"], ["http://notexample.com"]),
    (
        "*.example.com",
        ["http://a.example.com", "http://a.b.example.com"],
        ["http://example.com", "http://aexample.com"],
    ),
    ("EXAMPLE.Com", ["http://example.com"], []),
    ("example.com.", ["http://example.com", "http://a.example.com."], []),
    ("example.com", ["http://example.com.", "http://a.example.com."], []),
    ("example.com:8080", ["http://example.com:8080", "http://a.example.com:8080"], ["http://example.com"]),
    ("example.com:443", ["https://example.com"], ["http://example.com"]),
    ("*.example.com:80", ["http://a.example.com"], ["https://a.example.com"]),
    ("localhost", ["http://localhost", "http://a.localhost"], ["http://127.0.0.1"]),
    ("münchen.example", ["http://münchen.example", "http://www.xn--mnchen-3ya.example"], ["http://munchen.example"]),
    ("xn--mnchen-3ya.example", ["http://münchen.example"], []),
    (
        "127.0.0.1",
        ["http://127.0.0.1", "http://0x7f.1", "http://2130706433"],
        ["http://127.0.0.2", "http://1.127.0.0.1.x"],
    ),
    ("0.0.1", [], ["http://127.0.0.1"]),
    ("127.0.0.1:8080", ["http://127.0.0.1:8080"], ["http://127.0.0.1"]),
    ("10.0.0.0/8", ["http://10.0.0.1", "http://10.255.255.255:99"], ["http://11.0.0.1", "http://10.example"]),
    ("10.1.2.3/8", ["http://10.200.0.1"], ["http://11.0.0.1"]),
    ("192.168.1.0/24:8080", ["http://192.168.1.9:8080"], ["http://192.168.1.9"]),
    ("0.0.0.0/0", ["http://1.2.3.4"], ["http://[::1]", "http://a.example"]),
    ("::1", ["http://[::1]", "http://[0:0:0:0:0:0:0:1]:80"], ["http://[::2]"]),
    ("[::1]", ["http://[::1]", "http://[::1]:99"], ["http://[::2]"]),
    ("[::1]:8080", ["http://[::1]:8080"], ["http://[::1]"]),
    ("0:0:0:0:0:0:0:1", ["http://[::1]"], []),
    ("2001:DB8::/32", ["http://[2001:db8:1::5]"], ["http://[2001:db9::1]", "http://1.2.3.4"]),
    ("[2001:db8::]/32", ["http://[2001:db8:1::5]"], []),
    ("10.0.0.0/8", ["http://[::ffff:10.1.2.3]"], ["http://[::ffff:11.1.2.3]"]),
    ("::ffff:10.0.0.0/104", ["http://10.1.2.3", "http://[::ffff:10.1.2.3]"], ["http://11.1.2.3"]),
    ("::/0", ["http://[2001:db8::1]"], ["http://1.2.3.4"]),
    ("::2:0/112", ["http://[::2:1]"], []),
    ("fe80::1", ["http://[fe80::1%25eth0]"], []),
    ("fe80::1%eth0", ["http://[fe80::1]"], []),
    ("a.example\tb.example,,c.example ,", ["http://a.example", "http://b.example", "http://c.example"], []),
]

BAD = [
    "",
    " , ,",
    ".",
    "*.",
    "**",
    "*a.example",
    "a*.example",
    "[::1",
    "::1]",
    "[::1]:",
    "[]",
    ":80",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/",
    "10.0.0/8x",
    "1.2.3",
    "999.1.1.1",
    "::/129",
    ":::",
    "http://a.example",
    "a.example:port",
    "a.example:123456",
    "a example:80:80",
    "a\x00b",
    "user@host",
    "xn--",
    "\ud800",
    "é" * 300,
    "a" * 5000,
    "%",
    "[%]",
    "fe80::1%",
]


@pytest.mark.parametrize(("text", "direct", "proxied"), CASES)
def test_entries(text: str, direct: list[str], proxied: list[str]) -> None:
    rules = NoProxy(text)
    for each in direct:
        assert rules.find(URL(each).host, URL(each).port) is not None, each
    for each in proxied:
        assert rules.find(URL(each).host, URL(each).port) is None, each


@pytest.mark.parametrize("text", BAD)
def test_bad_entries_are_ignored_and_the_others_hold(text: str) -> None:
    rules = NoProxy(f"{text},good.example")
    assert rules.find("good.example", 80) == "good.example"
    assert rules.find("other.example", 80) is None
    assert rules.find("127.0.0.1", 80) is None
    assert rules.find("2001:db8::7", 80) is None


def test_the_entry_is_told_as_it_was_written() -> None:
    rules = NoProxy("x.example *.Example.COM:80")

    assert rules.find("a.example.com", 80) == "*.Example.COM:80"


def test_an_empty_list_has_nothing() -> None:
    assert NoProxy("").find("a.example", 80) is None


def test_go_cve_2025_22870_a_zone_is_no_domain() -> None:
    rules = NoProxy("*.example.com,.example.com,example.com")

    assert rules.find("::1%25.example.com", 80) is None
    assert rules.find(URL("http://[::1%25.example.com]:80/").host, 80) is None


def test_requests_7427_a_suffix_of_a_label_is_no_match() -> None:
    assert NoProxy("ample.com").find("example.com", 80) is None


@given(st.text(max_size=60), st.text(max_size=30), st.integers(0, 65535))
def test_no_text_is_an_error(text: str, host: str, port: int) -> None:
    found = NoProxy(text).find(host, port)

    assert found is None or found in text


@given(st.text(alphabet="0123456789abcdef:./[]%*,", max_size=40))
def test_no_address_is_an_error(text: str) -> None:
    NoProxy(text).find("10.0.0.1", 80)
    NoProxy("10.0.0.0/8,::/0,a").find(text, 80)
