"""values/host.py: names, IPv4 and IPv6, each in one spelling."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidURL
from courser.values.host import parse_host, unicode_host

VECTORS = Path(os.environ.get("COURSER_VECTORS", Path(__file__).parents[2] / "../shared/vectors"))

EXCEPTIONS = {
    "the host is empty": "the standard refuses it one step later, for these schemes",
    "the host holds the invisible character": "a name is not to look like another one (yarl #1655)",
    "the host has a label of more than 63": "no DNS name, RFC 1035 section 2.3.4; the resolver would fail later",
    "characters, a name has at most 253": "no DNS name, RFC 1035 section 2.3.4; the resolver would fail later",
}


def vectors(name: str) -> list[Any]:
    path = VECTORS / "url" / name
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"the vectors {path} are absent"))]
    return [case for case in json.loads(path.read_text("utf-8")) if isinstance(case, dict)]


@pytest.mark.parametrize("case", [*vectors("toascii.json"), *vectors("IdnaTestV2.json")])
def test_domain_to_ascii_of_the_web_platform_tests(case: dict[str, Any]) -> None:
    result = attempt(case["input"])
    if isinstance(result, InvalidURL):
        assert case["output"] is None or any(reason in result.detail for reason in EXCEPTIONS)
    else:
        assert result == case["output"]


def test_the_exceptions_are_few() -> None:
    cases = [*vectors("toascii.json"), *vectors("IdnaTestV2.json")]
    if not isinstance(cases[0], dict):
        pytest.skip("the vectors are absent")
    refused = [case for case in cases if case["output"] is not None and attempt(case["input"]) != case["output"]]
    assert len(refused) == 90


def attempt(text: str) -> str | InvalidURL:
    try:
        return parse_host(text)
    except InvalidURL as error:
        return error


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("example.org", "example.org"),
        ("EXAMPLE.org.", "example.org."),
        ("%65xample.%6Frg", "example.org"),
        ("a_b.-c-.d--e", "a_b.-c-.d--e"),
        ("straße.de", "xn--strae-oqa.de"),
        ("faß。example", "xn--fa-hia.example"),
        ("☕.example", "xn--53h.example"),
        ("❤️.example", "xn--qei.example"),
        ("xn--a", "xn--a"),
        ("M%C3%BCnchen.example", "xn--mnchen-3ya.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("a.0x1g", "a.0x1g"),
        (".", "."),
    ],
)
def test_names(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a/b",
        "a%2fb",
        "a%00b",
        "a%0d%0ab",
        "a%25b",
        "a@b",
        "a:b",
        "a[b]c",
        "a<b",
        "a|b",
        "a^b",
        "a\x7f",
        "a%ff",
        "\ud800",
        "\u0301a.example",
        "a\u200db.example",
        "xn--ß",
        "xn--a.ß",
        "xn--ab-.ß",
        "xn--xn---epa.ß",
        "xn--MNCHEN-3YA.ß\u200d",
        "\u05d0a.example",
        "1.\u05d0",
        "xn--99999999.ß",
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidURL, match=r"^invalid URL: the host (is|holds|ends)"):
        parse_host(text)


@pytest.mark.parametrize("text", ["\u05d0.example", "\u05d0..example", "क्\u200d.example", "ک\u200cا.example"])
def test_right_to_left_names_and_joiners_in_their_place(text: str) -> None:
    assert unicode_host(parse_host(text)) == text


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0X7F000001", "127.0.0.1"),
        ("0177.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0x", "0.0.0.0"),
        ("0", "0.0.0.0"),
        ("1.2.65535", "1.2.255.255"),
        ("①②⑦.0.0.1", "127.0.0.1"),
        ("%31%32%37.0.0.1", "127.0.0.1"),
        ("000000000000000000000000000000000000000000127.1", "87.0.0.1"),
    ],
)
def test_aiohttp_12827_ipv4_has_one_spelling(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "256.1.1.1",
        "1.1.1.256",
        "4294967296",
        "1.2.3.4.5",
        "a.1",
        "1..1",
        "08",
        "0x100000000",
        "1.0xg.1",
        "9" * 63,
        "-1.1",
    ],
)
def test_what_ends_in_a_number_and_is_no_ipv4_address(text: str) -> None:
    with pytest.raises(InvalidURL, match="IPv4 address"):
        parse_host(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("[::1]", "::1"),
        ("[::]", "::"),
        ("[1::]", "1::"),
        ("[2001:DB8:0:0:1:0:0:1]", "2001:db8::1:0:0:1"),
        ("[1:0:0:2:0:0:0:3]", "1:0:0:2::3"),
        ("[1:2:3:4:5:6:7::]", "1:2:3:4:5:6:7:0"),
        ("[0:0:0:0:0:0:0:0]", "::"),
        ("[10:0010:0:0:10::]", "10:10:0:0:10::"),
        ("[::ffff:127.0.0.1]", "::ffff:7f00:1"),
        ("[1:2:3:4:5:6:1.2.3.4]", "1:2:3:4:5:6:102:304"),
        ("[fe80::1%25eth0]", "fe80::1%eth0"),
    ],
)
def test_ipv6(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        "[:]",
        "[::1",
        "[::1]x",
        "[::1]allowed.example",
        "[1:2:3:4:5:6:7]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1:2:3:4:5:6:7:8::]",
        "[::1::]",
        "[:::1]",
        "[1:]",
        "[12345::]",
        "[::g]",
        "[::1.2.3]",
        "[::1.2.3.256]",
        "[::01.2.3.4]",
        "[1.2.3.4::]",
        "[1:2:3:4:5:6:7:1.2.3.4]",
        "[::%31]",
    ],
)
def test_what_is_no_ipv6_address(text: str) -> None:
    with pytest.raises(InvalidURL, match="IPv6 address"):
        parse_host(text)


@given(st.ip_addresses(v=6))
def test_ipv6_is_written_as_the_standard_library_writes_it(address: ipaddress.IPv6Address) -> None:
    parsed = parse_host(f"[{address.exploded}]")
    assert ipaddress.IPv6Address(parsed) == address
    assert parse_host(f"[{parsed}]") == parsed
    assert len(parsed) <= len(str(address)) or address.ipv4_mapped


@pytest.mark.parametrize("text", ["[v1.x]", "[g]", "a[b]c", "[::1]]", "[[::1]]"])
def test_cve_2024_11168_brackets_hold_an_ipv6_address_or_nothing(text: str) -> None:
    with pytest.raises(InvalidURL):
        parse_host(text)


@pytest.mark.parametrize("text", ["[:localhost[]].google", "127.0.0.1[aa::ff]", "[::1]allowed.example"])
def test_yarl_1661_1654_1672_brackets_confuse_nobody(text: str) -> None:
    with pytest.raises(InvalidURL):
        parse_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "a\uff05b",
        "a\uff052fb",
        "a\u00adb",
        "a\u200bb",
        "a\u2060b",
        "a\ufeffb",
        "a\u034fb",
        "a\u2100b",
        "a\uff0fb",
        "a\uff03b",
        "a\uff20b",
        "a\uff1ab",
        "[fe80::1%25eth0\n]",
        "[fe80::1%25]",
        "[fe80::1%25a b]",
        "[fe80::1%25a%0d]",
        "[fe80::1%eth0]",
    ],
)
def test_yarl_1655_1800_1801_nothing_becomes_a_delimiter_or_vanishes(text: str) -> None:
    with pytest.raises(InvalidURL):
        parse_host(text)


@pytest.mark.parametrize("text", ["\u0660" * 1_000_000, "é" * 1_000_000, "é." * 500_000, "xn--" + "a" * 1_000_000])
def test_cve_2024_3651_and_cve_2026_45409_length_is_checked_before_idna(text: str) -> None:
    with pytest.raises(InvalidURL, match=r"characters, a name has at most 253|the host has 1000004 characters"):
        parse_host(text)


def test_a_name_is_no_longer_than_dns_can_carry() -> None:
    label = "a" * 63
    longest = f"{label}.{label}.{label}.{'b' * 61}"
    assert parse_host(longest) == longest
    assert parse_host(longest + ".") == longest + "."
    with pytest.raises(InvalidURL, match="254 characters, a name has at most 253"):
        parse_host(longest + "b")
    with pytest.raises(InvalidURL, match="a label of more than 63 characters"):
        parse_host(label + "a")
    with pytest.raises(InvalidURL, match="a label of more than 63 characters"):
        parse_host("ö" * 63)


def test_cve_2016_8625_names_are_not_mapped_by_the_rules_of_2003() -> None:
    assert parse_host("straße.example") != parse_host("strasse.example")


@pytest.mark.parametrize(
    ("host", "readable"),
    [
        ("example.org", "example.org"),
        ("xn--mnchen-3ya.example", "münchen.example"),
        ("xn--a.example", "xn--a.example"),
        ("xn--.example", "xn--.example"),
        ("axn--b.example", "axn--b.example"),
        ("xn--ab-m1t", "xn--ab-m1t"),
    ],
)
def test_a_host_is_shown_in_unicode_only_if_all_of_it_is_valid(host: str, readable: str) -> None:
    assert unicode_host(host) == readable


@given(st.text(max_size=80) | st.from_regex(r"xn--[a-z0-9-]{0,20}\.\u00df", fullmatch=True))
def test_any_text_is_a_host_or_refused(text: str) -> None:
    try:
        host = parse_host(text)
    except InvalidURL:
        return
    assert re.fullmatch(r"[!-~]+", host)
    if ":" not in host:
        assert parse_host(host) == host
    unicode_host(host)
