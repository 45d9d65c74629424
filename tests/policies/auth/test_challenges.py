"""Challenges are taken apart by the grammar, and what is ill-made is left out."""

from __future__ import annotations

from typing import Any

import pytest

from courser.policies.auth.challenges import MOST, Challenge, challenges_in, parameters_in, parse_challenges, quoted
from courser.values.headers import Headers

FIELDS: dict[str, list[tuple[Any, ...]]] = {
    'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"': [
        ("newauth", "", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
        ("basic", "", {"realm": "simple"}),
    ],
    "Negotiate": [("negotiate", "", {})],
    "Negotiate, NTLM": [("negotiate", "", {}), ("ntlm", "", {})],
    "Negotiate YIIab+/==": [("negotiate", "YIIab+/==", {})],
    "Negotiate YII=, Basic realm=x": [("negotiate", "YII=", {}), ("basic", "", {"realm": "x"})],
    "NTLM a=b": [("ntlm", "", {"a": "b"})],
    "DIGEST REALM=a": [("digest", "", {"realm": "a"})],
    " , ,Basic realm=x, , Bearer ,": [("basic", "", {"realm": "x"}), ("bearer", "", {})],
    'Basic realm = "x" , charset\t=\t"UTF-8"': [("basic", "", {"realm": "x", "charset": "UTF-8"})],
    'Digest realm="a, b, Basic realm=c", nonce="d"': [("digest", "", {"realm": "a, b, Basic realm=c", "nonce": "d"})],
    'Digest realm="back\\\\slash", nonce="q\\"q\\a"': [("digest", "", {"realm": "back\\slash", "nonce": 'q"qa'})],
    'Digest realm="", nonce=': [("digest", "", {"realm": "", "nonce": ""})],
    'Digest realm=, qop="auth"': [("digest", "", {"realm": "", "qop": "auth"})],
    "Digest nonce=aGVsbG8/+w==, realm=x": [("digest", "", {"nonce": "aGVsbG8/+w==", "realm": "x"})],
    'Digest realm="x" nonce="y"': [("digest", "", {"realm": "x", "nonce": "y"})],
    'Digest realm="x",nonce="y",Basic': [("digest", "", {"realm": "x", "nonce": "y"}), ("basic", "", {})],
    'Bearer error="invalid_token"\t,\tBasic': [("bearer", "", {"error": "invalid_token"}), ("basic", "", {})],
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_taken_apart(field: str) -> None:
    assert parse_challenges(field) == [Challenge(*each) for each in FIELDS[field]]


BROKEN = {
    "": [],
    "=": [],
    ", ,": [],
    '"Basic"': [],
    "Basic realm": [],
    'Basic realm="open': [],
    'Basic realm="open, Digest realm="x"': [],
    'Basic realm=x, Digest realm="open\\"': ["basic"],
    'Digest realm="x"y, Basic': [],
    "Digest realm=a, realm=b, Basic realm=c": ["basic"],
    "Negotiate abc==, a=b, Basic realm=c": ["basic"],
    "Basic realm=x; Digest": [],
    "Digest a=b Basic realm=c": [],
    "Basic\x00": [],
}


@pytest.mark.parametrize("field", BROKEN)
def test_what_is_ill_made_is_left_out(field: str) -> None:
    assert [each.scheme for each in parse_challenges(field)] == BROKEN[field]


SIZE = 1_000_000
FLOODS = {
    "commas": "," * SIZE,
    "spaces": " " * SIZE,
    "schemes": "a," * (SIZE // 2),
    "parameters": "Digest " + "a=b," * (SIZE // 4),
    "names": "Digest " + ",".join(f"a{number}=b" for number in range(SIZE // 9)),
    "escapes": 'Digest a="' + "\\a" * (SIZE // 2),
    "quotes": 'Digest a="' * (SIZE // 10),
    "gaps": "Digest a=b" + " ,  " * (SIZE // 4),
    "a gap before nothing": "Digest" + " " * SIZE + "=",
    "token68": "x " + "a" * SIZE + "!",
    "equals": "x a" + "=" * SIZE + "!",
    "challenges": 'Digest a="b",' * (SIZE // 13),
}


@pytest.mark.parametrize("name", FLOODS, ids=[f"CVE-2020-8492 CVE-2021-3733 CVE-2021-21240 {name}" for name in FLOODS])
def test_no_field_takes_long(name: str) -> None:
    """CVE-2020-8492, CVE-2021-3733, CVE-2021-21240: each of these took regular expressions of others minutes."""
    assert len(parse_challenges(FLOODS[name])) <= MOST


def test_challenges_come_from_all_fields_in_their_order() -> None:
    headers = Headers(
        [("WWW-Authenticate", "Basic realm=a, Bearer"), ("Other", "x"), ("www-authenticate", "Digest a=b")]
    )

    assert [each.scheme for each in challenges_in(headers)] == ["basic", "bearer", "digest"]
    assert challenges_in(headers, "proxy-authenticate") == []


@pytest.mark.parametrize("realm", ["Grüße".encode(), "Grüße".encode("latin-1")])
def test_text_stands_for_the_bytes_that_came(realm: bytes) -> None:
    headers = Headers([("WWW-Authenticate", b'Basic realm="%b"' % realm)])

    assert challenges_in(headers)[0].parameters["realm"].encode("latin-1") == realm


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        ('nextnonce="a\\"b", nc=00000001', {"nextnonce": 'a"b', "nc": "00000001"}),
        ("a=b, ", {"a": "b"}),
        ("", {}),
        ("a=b, c", {}),
        ("a=b, a=c", {}),
    ],
)
def test_parameters_alone(value: str, parameters: dict[str, str]) -> None:
    assert parameters_in(Headers([("Authentication-Info", value)]), "authentication-info") == parameters


def test_several_fields_of_parameters_are_one() -> None:
    headers = Headers([("Authentication-Info", "a=b"), ("Authentication-Info", "c=d")])

    assert parameters_in(headers, "authentication-info") == {"a": "b", "c": "d"}


@pytest.mark.parametrize(("text", "written"), [("a", '"a"'), ("", '""'), ('a"b\\', '"a\\"b\\\\"')])
def test_quoted(text: str, written: str) -> None:
    assert quoted(text) == written
    assert parse_challenges(f"Basic realm={written}")[0].parameters["realm"] == text
