"""The arithmetic of Digest: the examples of the RFCs, and what is made of each challenge."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import pytest

from courser.policies.auth import digest
from courser.policies.auth.challenges import parse_challenges
from courser.policies.auth.digest import DigestChallenge, DigestSession, strongest


def challenge(text: str) -> DigestChallenge:
    found = strongest(parse_challenges(text))
    assert found is not None
    return found


def fields(value: bytes) -> dict[str, str]:
    found = parse_challenges(value.decode("latin-1"))
    assert len(found) == 1
    return dict(found[0].parameters)


# RFC 7616 section 3.9.1

EXAMPLE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_with_md5_and_sha256(algorithm: str, response: str) -> None:
    session = DigestSession(
        challenge(EXAMPLE.format(algorithm)),
        b"Mufasa",
        b"Circle of Life",
        b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )

    value = session.answer("GET", b"/dir/index.html", session.next_count())

    assert value == (
        'Digest username="Mufasa", realm="http-auth@example.org", '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", '
        f'response="{response}", algorithm={algorithm}, opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", '
        'qop=auth, nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"'
    ).encode("ascii")


# Section 3.9.2, with the values of erratum 4897: those that are printed are of another hash

UNICODE = (
    'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
    'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", '
    "charset=UTF-8, userhash={}"
)
JASON = "J\xe4s\xf8n Doe".encode()
needs_sha512_256 = pytest.mark.skipif("sha512_256" not in hashlib.algorithms_available, reason="OpenSSL lacks it")


def answered(userhash: str) -> dict[str, str]:
    cnonce = b"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
    session = DigestSession(challenge(UNICODE.format(userhash)), JASON, b"Secret, or not?", cnonce)
    return fields(session.answer("GET", b"/doe.json", b"00000001"))


@needs_sha512_256
def test_the_example_with_sha512_256_and_userhash() -> None:
    told = answered("true")

    assert told["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert told["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert told["userhash"] == "true"
    assert "username*" not in told


@needs_sha512_256
def test_a_name_that_is_not_ascii_has_a_parameter_of_its_own() -> None:
    told = answered("false")

    assert told["username*"] == "UTF-8''J%C3%A4s%C3%B8n%20Doe"
    assert told["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert not told.keys() & {"username", "userhash"}


def test_a_name_is_sent_as_its_bytes_to_servers_that_say_nothing_of_charsets() -> None:
    value = DigestSession(challenge("Digest realm=a, nonce=b"), JASON, b"").answer("GET", b"/", b"00000001")

    assert b'username="' + JASON + b'"' in value


# Older examples

OLD = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'


def test_the_example_of_rfc_2617() -> None:
    session = DigestSession(challenge(f'{OLD}, qop="auth,auth-int"'), b"Mufasa", b"Circle Of Life", b"0a4f113b")

    told = fields(session.answer("GET", b"/dir/index.html", b"00000001"))

    assert told["response"] == "6629fae49393a05397450978507c4ef1"
    assert not told.keys() & {"algorithm", "opaque"}  # nothing that was not asked for


def test_the_example_of_rfc_2069() -> None:
    """Servers that offer no qop want neither a count nor a nonce of the client's."""
    session = DigestSession(challenge(OLD), b"Mufasa", b"CircleOfLife")

    told = fields(session.answer("GET", b"/dir/index.html", b"00000001"))

    assert told["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert not told.keys() & {"qop", "nc", "cnonce"}


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b":".join(parts)).hexdigest().encode("ascii")


@pytest.mark.parametrize("qop", [', qop="auth"', ""])
def test_session_variants_hash_the_nonces_once(qop: str) -> None:
    session = DigestSession(challenge(f"Digest realm=r, nonce=n, algorithm=SHA-256-sess{qop}"), b"u", b"p", b"c")
    secret = sha256(sha256(b"u", b"r", b"p"), b"n", b"c")

    for each, nonce in ((session, b"n"), (session.renewed("later"), b"later")):
        told = fields(each.answer("GET", b"/", b"00000007"))
        parts = (nonce, b"00000007", b"c", b"auth") if qop else (nonce,)
        assert told["response"].encode() == sha256(secret, *parts, sha256(b"GET", b"/"))
        assert told["cnonce"] == "c"


def test_auth_int_hashes_the_body() -> None:
    session = DigestSession(challenge('Digest realm=r, nonce=n, algorithm=sha-256, qop="auth-int"'), b"u", b"p", b"c")

    told = fields(session.answer("PUT", b"/x?y", b"00000001", session.hash_body([b"bo", b"dy"])))

    asked = sha256(b"PUT", b"/x?y", hashlib.sha256(b"body").hexdigest().encode())
    assert told["response"].encode() == sha256(sha256(b"u", b"r", b"p"), b"n", b"00000001", b"c", b"auth-int", asked)
    assert told["qop"] == "auth-int"
    assert told["algorithm"] == "sha-256"  # as the server has spelled it


# Which challenge

CHOICES = {
    "Digest realm=a, nonce=b, algorithm=MD5, Digest realm=a, nonce=b, algorithm=SHA-256": "SHA-256",
    "Digest realm=a, nonce=b, algorithm=SHA-256, Digest realm=a, nonce=b, algorithm=SHA-512-256": "SHA-512-256",
    "Digest realm=a, nonce=b, algorithm=SHA-512, Digest realm=a, nonce=b, algorithm=SHA": "SHA-512",
    "Digest realm=a, nonce=b, algorithm=SHA-256, Digest realm=a, nonce=b, algorithm=SHA-256-sess": "SHA-256",
    "Digest realm=a, nonce=b, algorithm=SHA-256-sess, Digest realm=a, nonce=b, algorithm=SHA-256": "SHA-256-sess",
    "Digest realm=a, nonce=b, algorithm=SHA3-256, Digest realm=a, nonce=b": None,
    "Digest realm=a, nonce=b, algorithm=md5-SESS, Basic realm=x": "md5-SESS",
    "Digest realm=a, nonce=b, algorithm=SHA-256, qop=other, Digest realm=a, nonce=b, algorithm=MD5": "MD5",
}


@needs_sha512_256
@pytest.mark.parametrize("field", CHOICES)
def test_the_strongest_that_is_known_is_taken(field: str) -> None:
    assert challenge(field).algorithm == CHOICES[field]


@pytest.mark.parametrize(
    "field",
    [
        "",
        "Basic realm=a, nonce=b",
        "Digest nonce=b",
        "Digest realm=a",
        'Digest realm=a, nonce=""',
        "Digest realm=a, nonce=b, algorithm=SHA3-256",
        "Digest realm=a, nonce=b, algorithm=MD5-sess-sess",
        "Digest realm=a, nonce=b, qop=auth-conf",
    ],
)
def test_what_cannot_be_answered_is_not_chosen(field: str) -> None:
    assert strongest(parse_challenges(field)) is None


def test_a_hash_that_openssl_lacks_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def new(name: str, **options: bool) -> object:
        if name == "sha512_256":
            raise ValueError(name)
        return hashlib.new(name, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(digest, "new", new)
    digest._exists.cache_clear()
    try:
        found = challenge("Digest realm=a, nonce=b, algorithm=SHA-512-256, Digest realm=a, nonce=b, algorithm=SHA-256")
        assert found.algorithm == "SHA-256"
    finally:
        digest._exists.cache_clear()


@pytest.mark.parametrize(
    ("offered", "taken"),
    [("auth", "auth"), ("auth, auth-int", "auth"), ("AUTH-INT , x", "auth-int"), ("x,auth", "auth"), ("", "")],
)
def test_auth_is_preferred_to_auth_int(offered: str, taken: str) -> None:
    assert challenge(f'Digest realm=a, nonce=b, qop="{offered}"').qop == taken


def test_what_a_challenge_says() -> None:
    found = challenge('Digest realm=a, nonce=b, stale=TRUE, domain="/x /y", charset=utf-8, userhash=false, opaque=""')

    assert (found.realm, found.nonce, found.opaque, found.domain) == ("a", "b", "", "/x /y")
    assert (found.stale, found.utf8, found.userhash, found.session) == (True, True, False, False)


# Safety


@pytest.mark.parametrize("text", ['back\\slash"quote', "ends with \\", '", nonce="other', "Grüße"])
def test_what_came_goes_back_as_it_was(text: str) -> None:
    """aiohttp #13054: backslashes and quotes in realm, nonce and opaque start no parameter of their own."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').encode().decode("latin-1")
    asked = challenge(f'Digest realm="{escaped}", nonce="{escaped}", opaque="{escaped}", qop=auth')
    session = DigestSession(asked, text.encode(), b"p", b"c")

    told = fields(session.answer("GET", b'/"', b"00000001"))

    raw = text.encode().decode("latin-1")
    assert (told["realm"], told["nonce"], told["opaque"], told["username"]) == (raw,) * 4
    assert told["uri"] == '/"'
    assert list(told) == ["username", "realm", "nonce", "uri", "response", "opaque", "qop", "nc", "cnonce"]


def test_client_nonces_are_random() -> None:
    asked = challenge("Digest realm=a, nonce=b, qop=auth")

    found = {fields(DigestSession(asked, b"u", b"p").answer("GET", b"/", b"00000001"))["cnonce"] for _ in range(20)}

    assert len(found) == 20
    assert all(len(each) == 32 for each in found)


def test_each_use_of_a_nonce_is_counted_once_by_whatever_thread() -> None:
    session = DigestSession(challenge("Digest realm=a, nonce=b, qop=auth"), b"u", b"p")
    counts: list[bytes] = []

    def use() -> None:
        counts.extend(session.next_count() for _ in range(250))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(counts) == [b"%08x" % number for number in range(1, 2001)]
    assert session.renewed("c").next_count() == b"00000001"


def test_a_body_is_hashed_piece_by_piece() -> None:
    session = DigestSession(challenge("Digest realm=a, nonce=b, qop=auth-int"), b"u", b"p")

    def pieces() -> Iterator[bytes]:
        yield from (b"a" * 10, b"b")

    assert session.hash_body(pieces()) == hashlib.md5(b"a" * 10 + b"b").hexdigest().encode()
    assert session.hash_body(()) == hashlib.md5().hexdigest().encode()
