"""What the options verify and cert take."""

from __future__ import annotations

import copy
import pickle
import ssl
from pathlib import Path
from typing import Any

import pytest

from courser.errors import InvalidRequest
from courser.values.trust import TLS, checked_cert, checked_verify, is_pem, spell


@pytest.mark.parametrize(("given", "kept"), [(True, True), (False, False), ("ca.pem", "ca.pem"), (Path("x"), "x")])
def test_verify(given: Any, kept: Any) -> None:
    assert checked_verify(given) == kept


def test_verify_takes_a_context() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert checked_verify(context) is context


@pytest.mark.parametrize("given", [None, 0, 1, object()])
def test_verify_is_never_taken_for_something_else(given: Any) -> None:
    with pytest.raises(TypeError, match="verify is True, False, the path"):
        checked_verify(given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("a", ("a", None, None)),
        (Path("a"), ("a", None, None)),
        (("a", "b"), ("a", "b", None)),
        (("a", Path("b"), "c"), ("a", "b", "c")),
        (("a", "b", None), ("a", "b", None)),
    ],
)
def test_cert(given: Any, kept: Any) -> None:
    assert checked_cert(given) == kept


@pytest.mark.parametrize("given", [5, (), ("a", None), ("a", "b", "c", "d"), ["a", "b"], True])
def test_a_cert_of_another_kind_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="cert is the path of a PEM file"):
        checked_cert(given)


@pytest.mark.parametrize("given", ["", b"", b"nonsense", bytearray(b"/path")])
def test_what_verify_could_be_taken_for_nothing_is_refused(given: Any) -> None:
    """psf/requests#6074: an empty path once meant no verification."""
    with pytest.raises(InvalidRequest, match="verify is "):
        checked_verify(given)


@pytest.mark.parametrize("given", ["", ("", "key.pem"), ("cert.pem", "")])
def test_an_empty_path_is_no_certificate(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="cert is an empty path"):
        checked_cert(given)


BLOCK = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("given", [f"# Ünïts\n{BLOCK}", f"# Ünïts\n{BLOCK}".encode(), bytearray(BLOCK, "ascii")])
def test_certificates_may_be_given_themselves(given: Any) -> None:
    kept = checked_verify(given)

    assert kept.endswith(BLOCK)
    assert kept.isascii()
    assert is_pem(kept)


def test_certificates_in_der_stay_bytes() -> None:
    assert checked_verify(bytearray(b"0\x03\x02\x01\x00")) == b"0\x03\x02\x01\x00"
    assert not is_pem(b"0")
    assert not is_pem("/path/to/ca.pem")


# courser.TLS

PIN = bytes(range(32))
SPELT = "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

SPELLINGS = {
    "bytes": PIN,
    "as curl": SPELT,
    "as browsers once": SPELT.replace("//", "/"),
    "base64": SPELT.removeprefix("sha256//"),
    "with white space around": f" {SPELT}\n",
    "hexadecimal": PIN.hex(),
    "hexadecimal with colons": PIN.hex(":").upper(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_fingerprints_may_be_spelt_in_several_ways(spelling: str) -> None:
    assert TLS(fingerprints=SPELLINGS[spelling]).fingerprints == (PIN,)
    assert spell(PIN) == SPELT


@pytest.mark.parametrize(
    "given", ["", "x", b"", PIN[1:], PIN + b"x", SPELT[:-3], "sha1//" + SPELT, "zz" * 32, SPELT.replace("A", "\xe4")]
)
def test_what_is_no_fingerprint(given: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"is no SHA-256 .*44 characters of base64"):
        TLS(fingerprints=[SPELT, given])


@pytest.mark.parametrize("given", [5, None, [5], [None]])
def test_fingerprints_of_another_kind(given: Any) -> None:
    with pytest.raises(TypeError, match="text or bytes"):
        TLS(fingerprints=given)


def test_fingerprints_have_no_order_and_stand_once() -> None:
    other = bytes(32)

    assert TLS(fingerprints=[PIN, other, SPELT]) == TLS(fingerprints=(other, PIN))
    assert TLS(fingerprints=[]).fingerprints == ()


@pytest.mark.parametrize("given", ["1.1", "TLSv1.3", 1.3, None])
def test_versions_that_there_are_not(given: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"minimum_version is '1.2' or '1.3', not .*ssl\.SSLContext"):
        TLS(minimum_version=given)


def test_arguments_of_another_kind() -> None:
    with pytest.raises(TypeError, match="ciphers is an OpenSSL cipher list"):
        TLS(ciphers=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"roots is True, False, the path .* ssl.SSLContext, not None"):
        TLS(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"roots is True, .* not TLS\(True\)"):
        TLS(TLS())  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="roots is an empty path"):
        TLS("")


@pytest.mark.parametrize("more", [{"minimum_version": "1.3"}, {"ciphers": "HIGH"}, {"cert": "c.pem"}])
def test_a_context_has_its_own_word(more: dict[str, Any]) -> None:
    context = ssl.create_default_context()
    with pytest.raises(InvalidRequest, match="set them on the context"):
        TLS(context, **more)

    assert TLS(context, fingerprints=PIN).roots is context


WHOLE = TLS("/ca.pem", fingerprints=PIN, minimum_version="1.3", ciphers="HIGH", cert=("c.pem", "k.pem", "S3cret"))

VARIED = [
    WHOLE,
    TLS(),
    TLS(False),
    TLS("/ca.pem"),
    TLS(BLOCK),
    TLS(fingerprints=PIN),
    TLS(minimum_version="1.3"),
    TLS(ciphers="HIGH"),
    TLS(cert="c.pem"),
    TLS(cert=("c.pem", "k.pem")),
    TLS(cert=("c.pem", "k.pem", "S3cret")),
]


def test_whatever_differs_makes_another_one() -> None:
    assert len(set(VARIED)) == len(VARIED)
    assert all((one == other) == (one is other) for one in VARIED for other in VARIED)
    assert TLS() != object()


@pytest.mark.parametrize("tls", VARIED)
def test_it_can_be_pickled_and_copied(tls: TLS) -> None:
    assert pickle.loads(pickle.dumps(tls)) == copy.deepcopy(tls) == tls


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        WHOLE.roots = False
    with pytest.raises(AttributeError, match="immutable"):
        del WHOLE.cert


def test_its_repr_shows_no_secrets() -> None:
    more = "minimum_version='1.3', ciphers='HIGH', cert='c.pem'"
    assert repr(WHOLE) == f"TLS('/ca.pem', fingerprints=['{SPELT}'], {more})"
    assert repr(TLS()) == "TLS(True)"
    assert repr(TLS(BLOCK)) == repr(TLS(b"0")) == "TLS(PEM)"
